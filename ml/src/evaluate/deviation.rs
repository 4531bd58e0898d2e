//! How far are predicted numbers from what came?

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, Decay, DecodeError, Estimate, Merge, Mismatch, Moments, Summary, Weight, Weighted};

use crate::image::image;

/// How far predicted numbers are from the actual ones: RMSE, MAE and bias, in the unit of the numbers.
///
/// Absorbs pairs of the actual and the predicted number. A pair that is not finite, or further apart than 10³⁵, is left
/// out and counted in [`ignored`](Self::ignored). 176 bytes; merges but for rounding; decays.
///
/// **When not to use it.** One outlier sets the RMSE: hold it against the MAE, which it should not exceed by much.
///
/// ```
/// use streamgauge_ml::evaluate::Deviation;
/// use streamgauge_sketches::Absorb;
/// let mut celsius = Deviation::default();
/// celsius.absorb_all(&[(20.0, 21.0), (18.0, 17.0), (25.0, 29.0), (19.0, 19.0)]);
/// assert_eq!((celsius.mae().value, celsius.bias().value), (1.5, 1.0));
/// assert_eq!(celsius.rmse().value, 4.5_f64.sqrt());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Deviation {
    errors: Moments,
    absolute: Moments,
    squares: Moments,
    ignored: u64,
}

/// Further apart, the squares could not be summed.
const FURTHEST: f64 = 1e35;

impl Deviation {
    /// The root of the mean squared error. Its interval holds with 95 % if the rows are independent and many.
    pub fn rmse(&self) -> Estimate {
        let squares = self.squares.mean_interval();
        let root = |square: f64| square.max(0.0).sqrt();
        if !squares.has_guarantee() {
            // NaN of no rows stays what it is.
            return Estimate::unbounded(squares.value.clamp(0.0, f64::INFINITY).sqrt(), squares.method);
        }
        Estimate::within(
            root(squares.value),
            root(squares.lower),
            root(squares.upper),
            squares.confidence,
            squares.method,
        )
    }

    /// The mean absolute error.
    pub fn mae(&self) -> Estimate {
        self.absolute.mean_interval()
    }

    /// The mean of predicted − actual: above 0 if too much is predicted.
    pub fn bias(&self) -> Estimate {
        self.errors.mean_interval()
    }

    /// How many pairs there were, or the sum of their weights.
    pub fn count(&self) -> f64 {
        self.errors.count()
    }

    /// How many pairs were left out.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    fn error(&mut self, &(actual, predicted): &(f64, f64)) -> Option<f64> {
        let error = predicted - actual;
        if error.abs() <= FURTHEST {
            return Some(error);
        }
        self.ignored = self.ignored.saturating_add(1);
        None
    }

    fn check(&self) -> Result<(), DecodeError> {
        // Each was looked at when it was read; they are of the same pairs. Their means are as they are: where large errors
        // faded, rounding may leave one a little below 0.
        let (count, same) = (self.errors.count(), [self.absolute.count(), self.squares.count()]);
        DecodeError::unless(same == [count; 2], "errors of different counts", count)
    }
}

impl Summary for Deviation {
    type Reading = Self;

    const NAME: &'static str = "Deviation";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Decay::decay);

    fn read(&self) -> Self {
        *self
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Pairs of the actual and the predicted number.
impl Absorb<(f64, f64)> for Deviation {
    type Exact = Self;

    const WEIGHTED: Option<fn(&mut Self, &(f64, f64), Weight)> = Some(Weighted::absorb_weighted);

    fn absorb(&mut self, pair: &(f64, f64)) {
        if let Some(error) = self.error(pair) {
            self.errors.absorb(&error);
            self.absolute.absorb(&error.abs());
            self.squares.absorb(&(error * error));
        }
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl Weighted<(f64, f64)> for Deviation {
    fn absorb_weighted(&mut self, pair: &(f64, f64), weight: Weight) {
        if let Some(error) = self.error(pair) {
            self.errors.absorb_weighted(&error, weight);
            self.absolute.absorb_weighted(&error.abs(), weight);
            self.squares.absorb_weighted(&(error * error), weight);
        }
    }
}

impl Decay for Deviation {
    fn decay(&mut self, factor: f64) {
        for moments in [&mut self.errors, &mut self.absolute, &mut self.squares] {
            moments.decay(factor);
        }
    }
}

impl Merge for Deviation {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.errors.merge(&other.errors)?;
        self.absolute.merge(&other.absolute)?;
        self.squares.merge(&other.squares)?;
        self.ignored = self.ignored.saturating_add(other.ignored);
        Ok(())
    }
}

image!(Deviation, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    fn pairs(n: u32) -> Vec<(f64, f64)> {
        let known = (0..n).map(|i| (f64::from(i), f64::from(i * 7 % 13)));
        known.chain([(f64::NAN, 1.0), (1.0, f64::INFINITY), (-1e36, 0.0)]).collect()
    }

    #[test]
    fn holds_the_laws_but_for_rounding() {
        let seen = |deviation: &Deviation| {
            let figures = [deviation.rmse(), deviation.mae(), deviation.bias()];
            (figures.map(|figure| format!("{:.9} {:.9}", figure.value, figure.upper)), deviation.ignored())
        };
        laws::hold(&Deviation::default(), &[pairs(40), vec![], pairs(9), pairs(300)], seen);
        let mut deviation = Deviation::default();
        deviation.absorb_all(&pairs(50));
        assert_eq!((deviation.count(), deviation.ignored()), (50.0, 3));
        laws::image_holds(&deviation);
        deviation.errors = Moments::default();
        assert!(Deviation::from_bytes(&deviation.to_bytes()).is_err());
    }

    #[test]
    fn intervals_hold_for_noise() {
        // Uniform errors in ±1: RMSE 1/√3, MAE 1/2, bias 0. 1,000 trials of 200 pairs; an interval that holds with 95 %
        // holds in fewer than 93 % of the trials once in 500 seeds.
        let mut draws = Draws::new(11);
        let mut held = [0; 3];
        for _ in 0..1_000 {
            let mut deviation = Deviation::default();
            (0..200).for_each(|_| deviation.absorb(&(5.0, 4.0 + 2.0 * draws.unit())));
            let figures = [(deviation.rmse(), 3.0_f64.sqrt().recip()), (deviation.mae(), 0.5), (deviation.bias(), 0.0)];
            for (held, (figure, truth)) in held.iter_mut().zip(figures) {
                *held += i32::from(figure.contains(truth));
            }
        }
        assert!(held.iter().all(|held| (930..=975).contains(held)), "{held:?}");
    }

    #[test]
    fn errors_that_faded_leave_no_root_of_a_negative() {
        for i in 0..200 {
            let mut deviation = Deviation::default();
            deviation.absorb(&(f64::from(i) * 1e30 / 7.0, 0.0));
            deviation.decay(1e-8);
            deviation.absorb(&(0.1, 0.1));
            assert!(deviation.rmse().value >= 0.0);
            laws::image_holds(&deviation);
        }
    }
}
