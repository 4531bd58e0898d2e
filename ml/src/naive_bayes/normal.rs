//! What is known of the numbers of a class: their moments, and their density as a normal distribution.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::scores::{LIMIT, faded};

/// Weight, mean and scatter (the weighted sum of the squared deviations from the mean) of numbers.
///
/// Added by Welford's update; merged by the formula of Chan, Golub and LeVeque.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    pub(super) weight: f64,
    pub(super) mean: f64,
    scatter: f64,
}

impl Moments {
    #[inline]
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.weight += weight;
        let deviation = value - self.mean;
        self.mean += deviation * (weight / self.weight);
        // Where hardly anything is left of the past, rounding may leave the mean a little beyond the value.
        self.scatter += (weight * deviation * (value - self.mean)).max(0.0);
    }

    /// The variance of the numbers as they are: divided by their weight, which, unlike one less, is meaningful for
    /// weights of any size.
    #[inline]
    pub(super) fn variance(&self) -> f64 {
        self.scatter / self.weight
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.weight <= 0.0 {
            return;
        }
        if self.weight <= 0.0 {
            *self = *other;
            return;
        }
        let deviation = other.mean - self.mean;
        let weight = self.weight + other.weight;
        let share = other.weight / weight;
        self.scatter += other.scatter + deviation * deviation * self.weight * share;
        self.mean += deviation * share;
        self.weight = weight;
    }

    pub(super) fn decay(&mut self, factor: f64) {
        let weight = faded(self.weight, factor);
        *self = if weight > 0.0 { Self { weight, scatter: self.scatter * factor, ..*self } } else { Self::default() };
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let Self { weight, mean, scatter } = *self;
        DecodeError::unless((0.0..=1e150).contains(&weight), "the weight of numbers", weight)?;
        DecodeError::unless(mean.abs() <= 2.0 * LIMIT, "the mean of numbers", mean)?;
        DecodeError::unless((0.0..=1e300).contains(&scatter), "the scatter of numbers", scatter)
    }
}

/// The logarithm of a normal density, up to a constant that is the same for all classes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Density {
    mean: f64,
    /// Half of one over the variance …
    steepness: f64,
    /// … and half of its logarithm.
    height: f64,
}

impl Density {
    /// The density that moments make; without spread it is infinitely steep.
    #[inline]
    pub(super) fn of(moments: &Moments) -> Self {
        let precision = 1.0 / moments.variance();
        Self { mean: moments.mean, steepness: 0.5 * precision, height: 0.5 * precision.ln() }
    }

    /// The density over all classes: [flat](Self::is_flat) if there is no spread that could be told from none.
    #[inline]
    pub(super) fn of_all(moments: &Moments) -> Self {
        if moments.variance() > 1e-80 {
            Self::of(moments)
        } else {
            Self { mean: moments.mean, steepness: 0.0, height: 0.0 }
        }
    }

    /// Whether all values seen were the same, so that none says anything.
    #[inline]
    pub(super) fn is_flat(&self) -> bool {
        self.steepness <= 0.0
    }
}

/// How much steeper a class may be than all classes together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steepest {
    factor: f64,
    /// Half of its logarithm.
    lift: f64,
}

impl Steepest {
    /// Where the variance of a class is at least this share of the variance over all classes.
    pub(super) fn of(least_variance: f64) -> Self {
        let factor = 1.0 / least_variance;
        Self { factor, lift: 0.5 * factor.ln() }
    }

    /// The logarithm of a density at a number; the density is no steeper than that of all classes allows.
    #[inline]
    pub(super) fn at(self, value: f64, density: &Density, all: &Density) -> f64 {
        let deviation = value - density.mean;
        let steepness = density.steepness.min(all.steepness * self.factor);
        density.height.min(all.height + self.lift) - deviation * deviation * steepness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|value| moments.add(*value, 1.0));
        moments
    }

    #[test]
    fn merging_into_an_empty_one_takes_the_other_and_an_empty_one_changes_nothing() {
        let full = of(&[1.0, 2.0, 4.0]);
        let mut into_empty = Moments::default();
        into_empty.merge(&full);
        assert_eq!(into_empty, full);
        let mut merged = full;
        merged.merge(&Moments::default());
        assert_eq!(merged, full);
    }

    #[test]
    fn merging_equals_adding() {
        let values: Vec<f64> = (0..1_000).map(|i| 1e9 + f64::from(i * 37 % 101)).collect();
        let (first, second) = values.split_at(313);
        let (mut merged, whole) = (of(first), of(&values));
        merged.merge(&of(second));
        assert_eq!(merged.weight, whole.weight);
        assert!((merged.mean / whole.mean - 1.0).abs() < 1e-15, "{merged:?} {whole:?}");
        assert!((merged.variance() / whole.variance() - 1.0).abs() < 1e-9, "{merged:?} {whole:?}");
    }

    #[test]
    fn a_density_is_never_steeper_than_the_steepest_allowed() {
        let (narrow, wide) = (of(&[1.0, 1.0]), of(&[0.0, 2.0]));
        let (steepest, narrow) = (Steepest::of(0.01), Density::of(&narrow));
        let at = steepest.at(1.1, &narrow, &Density::of_all(&wide));
        assert!((at - (0.5 * 100.0_f64.ln() - 0.5)).abs() < 1e-9, "{at}");
        assert!(Density::of_all(&of(&[1.0, 1.0])).is_flat() && Density::of_all(&Moments::default()).is_flat());
        assert!(!Density::of_all(&wide).is_flat());
    }
}
