//! The generalised Pareto distribution: what lies beyond a high threshold.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

/// A generalised Pareto distribution of excesses over a threshold: whatever the distribution, its far tail looks like
/// this one (Pickands 1975; Balkema, de Haan 1974).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    shape: f64,
    scale: f64,
}

impl Tail {
    /// A tail of this shape and scale, in the unit of the excesses. The scale is at least the smallest positive number.
    pub fn new(shape: f64, scale: f64) -> Self {
        Self { shape, scale: scale.clamp(f64::MIN_POSITIVE, f64::MAX) }
    }

    /// The shape: above 0 the tail is heavier than an exponential one, below 0 it ends.
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// The scale, in the unit of the excesses.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The tail that fits equally likely, ascending excesses, by probability-weighted moments (Hosking, Wallis 1987),
    /// its shape clamped to this range: the mean of the excesses is then kept. None without any spread.
    pub fn fit(ascending: &[f64], shapes: (f64, f64)) -> Option<Self> {
        let highest = *ascending.last()?;
        if !(highest > 0.0 && highest.is_finite()) {
            return None;
        }
        // Relative to the highest, so that nothing overflows.
        let n = ascending.len() as f64;
        let (mut mean, mut weighted) = (0.0, 0.0);
        for (rank, excess) in ascending.iter().enumerate() {
            let share = excess / highest;
            mean += share / n;
            weighted += (1.0 - (rank as f64 + 0.65) / n) * share / n;
        }
        let shape = 2.0 - mean / (mean - 2.0 * weighted);
        let shape = if shape.is_nan() { shapes.1 } else { shape.clamp(shapes.0, shapes.1) };
        Some(Self::new(shape, mean * (1.0 - shape) * highest))
    }

    /// The decimal logarithm of one over the probability of a larger excess. Infinite beyond the end of a tail that has
    /// one.
    #[inline]
    pub fn nines(&self, excess: f64) -> f64 {
        let relative = (excess / self.scale).min(f64::MAX);
        let nats = if self.shape == 0.0 {
            relative
        } else {
            let inner = (self.shape * relative).max(-1.0);
            inner.ln_1p() / self.shape
        };
        nats * std::f64::consts::LOG10_E
    }

    /// The excess that is exceeded with a probability of `10^−nines`: the inverse of [`nines`](Self::nines).
    pub fn excess(&self, nines: f64) -> f64 {
        let nats = nines * std::f64::consts::LN_10;
        let relative = if self.shape == 0.0 { nats } else { (nats * self.shape).exp_m1() / self.shape };
        relative * self.scale
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(self.shape.is_finite(), "the shape of a tail", self.shape)?;
        DecodeError::unless(self.scale > 0.0 && self.scale.is_finite(), "the scale of a tail", self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equally likely excesses of a known tail are its quantiles.
    fn quantiles(tail: Tail) -> Vec<f64> {
        (0..1_000).map(|i| tail.excess(-(1.0 - (f64::from(i) + 0.5) / 1_000.0_f64).log10())).collect()
    }

    #[test]
    fn fits_what_it_is_given() {
        for (shape, scale) in [(-0.2, 3.0), (0.0, 1e-9), (0.1, 1e200), (0.4, 2.0)] {
            let fitted = Tail::fit(&quantiles(Tail::new(shape, scale)), (-0.5, 0.9)).unwrap();
            assert!((fitted.shape() - shape).abs() < 0.02, "{shape}, {scale}: {fitted:?}");
            assert!((fitted.scale() / scale - 1.0).abs() < 0.02, "{shape}, {scale}: {fitted:?}");
        }
        let clamped = Tail::fit(&quantiles(Tail::new(-0.2, 3.0)), (0.1, 0.9)).unwrap();
        assert_eq!(clamped.shape(), 0.1);
        assert_eq!(Tail::fit(&[], (0.1, 0.9)), None);
        assert_eq!(Tail::fit(&[0.0, 0.0], (0.1, 0.9)), None);
    }

    #[test]
    fn nines_and_excess_invert() {
        for tail in [Tail::new(0.3, 2.0), Tail::new(0.0, 2.0), Tail::new(-0.3, 2.0)] {
            for nines in [0.0, 0.5, 3.0] {
                assert!((tail.nines(tail.excess(nines)) - nines).abs() < 1e-9, "{tail:?}");
            }
        }
        assert_eq!(Tail::new(-0.5, 1.0).nines(3.0), f64::INFINITY);
        assert!(Tail::new(0.1, 1.0).nines(f64::INFINITY).is_finite());
    }
}
