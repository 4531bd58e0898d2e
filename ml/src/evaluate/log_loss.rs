//! How sure was it of what turned out?

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, Decay, DecodeError, Estimate, Merge, Mismatch, Moments, Summary, Weight, Weighted};

use crate::error::RowError;
use crate::image::image;

/// The log loss: the mean of −ln p, where p is the share that the actual class was given.
///
/// 0 for who is always sure and right; ln 2 ≈ 0.693 for who says 50:50; a single sure and wrong answer costs 34.5, for a
/// share below 10⁻¹⁵ counts as that. What a probability is worth, accuracy does not see.
///
/// Reads as an [`Estimate`] with Student's 95 % interval. 56 bytes; merges but for rounding; decays.
///
/// **When not to use it.** Naive Bayes is too sure by nature: its log loss says more about that than about its
/// predictions.
///
/// ```
/// use streamgauge_ml::evaluate::LogLoss;
/// use streamgauge_sketches::Summary;
/// let mut loss = LogLoss::default();
/// loss.add(&[0.5, 0.5], 0)?;
/// loss.add(&[0.2, 0.8], 1)?;
/// assert!((loss.read().value - (2.0_f64.ln() + 1.25_f64.ln()) / 2.0).abs() < 1e-12);
/// # Ok::<(), streamgauge_ml::RowError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct LogLoss {
    losses: Moments,
}

/// The least share.
const LEAST: f64 = 1e-15;

impl LogLoss {
    /// Adds a row by the shares of all classes, as [`probabilities_one`](crate::Classifier::probabilities_one) gives
    /// them, and its class.
    ///
    /// # Errors
    /// [`RowError::Class`] of a class without a share.
    pub fn add(&mut self, shares: &[f64], class: usize) -> Result<(), RowError> {
        RowError::check_class(shares.len(), class)?;
        self.absorb(&shares[class]);
        Ok(())
    }

    fn of(share: f64) -> f64 {
        // What is no share, and a NaN, becomes the least.
        -if share >= LEAST { share.min(1.0) } else { LEAST }.ln()
    }

    fn check(&self) -> Result<(), DecodeError> {
        // The moments were looked at when they were read.
        let mean = self.losses.mean();
        DecodeError::unless(mean.is_nan() || (-1e-9..=34.6).contains(&mean), "a log loss of", mean)
    }
}

impl Summary for LogLoss {
    type Reading = Estimate;

    const NAME: &'static str = "LogLoss";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Decay::decay);

    fn read(&self) -> Estimate {
        self.losses.mean_interval()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The share that the actual class was given.
impl Absorb<f64> for LogLoss {
    type Exact = Self;

    const WEIGHTED: Option<fn(&mut Self, &f64, Weight)> = Some(Weighted::absorb_weighted);

    #[inline]
    fn absorb(&mut self, share: &f64) {
        self.losses.absorb(&Self::of(*share));
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl Weighted<f64> for LogLoss {
    fn absorb_weighted(&mut self, share: &f64, weight: Weight) {
        self.losses.absorb_weighted(&Self::of(*share), weight);
    }
}

impl Decay for LogLoss {
    fn decay(&mut self, factor: f64) {
        self.losses.decay(factor);
    }
}

impl Merge for LogLoss {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.losses.merge(&other.losses)
    }
}

image!(LogLoss, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    #[test]
    fn holds_the_laws_but_for_rounding() {
        let shares = |n: u32| -> Vec<f64> { (1..n).map(|i| f64::from(i * 7 % 11) / 10.0).collect() };
        let seen = |loss: &LogLoss| {
            let Estimate { value, lower, upper, .. } = loss.read();
            [value, lower, upper].map(|x| format!("{x:.9}"))
        };
        laws::hold(&LogLoss::default(), &[shares(40), vec![], shares(9), shares(300)], seen);
        let mut loss = LogLoss::default();
        loss.absorb_all(&shares(50));
        laws::image_holds(&loss);
        let impossible = LogLoss {
            losses: [90.0].iter().fold(Moments::default(), |mut all, x| {
                all.absorb(x);
                all
            }),
        };
        assert!(LogLoss::from_bytes(&impossible.to_bytes()).is_err());
    }

    #[test]
    fn nothing_costs_more_than_the_most() {
        let of = |share: f64| {
            let mut loss = LogLoss::default();
            loss.absorb(&share);
            loss.read().value
        };
        assert!((of(0.0) - 34.538_776).abs() < 1e-6);
        for share in [-1.0, f64::NAN, 1e-300] {
            assert_eq!(of(share), of(0.0));
        }
        assert_eq!((of(1.0), of(7.0)), (0.0, 0.0));
        assert!(LogLoss::default().read().value.is_nan());
        assert_eq!(LogLoss::default().add(&[1.0], 1), Err(RowError::Class { class: 1, classes: 1 }));
    }
}
