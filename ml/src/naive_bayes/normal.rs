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
        self.scatter += weight * deviation * (value - self.mean);
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
        DecodeError::unless(weight.is_finite() && weight >= 0.0, "the weight of numbers", weight)?;
        DecodeError::unless(mean.abs() <= 2.0 * LIMIT, "the mean of numbers", mean)?;
        DecodeError::unless(scatter.is_finite() && scatter >= 0.0, "the scatter of numbers", scatter)
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
    /// Says nothing of any number.
    const FLAT: Self = Self { mean: 0.0, steepness: 0.0, height: 0.0 };

    /// The density that moments make. Without spread it is infinitely steep: it must be [flattened](Self::at).
    #[inline]
    pub(super) fn of(moments: &Moments) -> Self {
        let precision = 1.0 / moments.variance();
        Self { mean: moments.mean, steepness: 0.5 * precision, height: 0.5 * precision.ln() }
    }

    /// The density of a share of a variance; flat if there is no variance that could be told from nothing.
    #[inline]
    pub(super) fn of_share(moments: &Moments, share: f64) -> Self {
        let variance = moments.variance();
        if variance > 1e-80 {
            let precision = 1.0 / (variance * share);
            Self { mean: moments.mean, steepness: 0.5 * precision, height: 0.5 * precision.ln() }
        } else {
            Self::FLAT
        }
    }

    /// The logarithm of the density at a number, flattened to that of `flattest` where this is flatter.
    #[inline]
    pub(super) fn at(&self, value: f64, flattest: &Self) -> f64 {
        let deviation = value - self.mean;
        self.height.min(flattest.height) - deviation * deviation * self.steepness.min(flattest.steepness)
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
        let flattest = Density::of_share(&wide, 0.01);
        let at = Density::of(&narrow).at(1.1, &flattest);
        assert!((at - (0.5 * 100.0_f64.ln() - 0.5)).abs() < 1e-9, "{at}");
        assert_eq!(Density::of(&narrow).at(7.0, &Density::of_share(&narrow, 0.01)), 0.0);
    }
}
