//! Exponentially weighted means, and the control chart on them.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::scorer::Scorer;
use crate::error::RowError;

/// An exponentially weighted mean that is unbiased from the first value on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mean {
    /// What a value takes of the mean.
    rate: f64,
    mean: f64,
    /// What the values so far weigh, up to 1.
    weight: f64,
}

impl Mean {
    /// After `half_life` values one weighs half.
    pub(super) fn new(half_life: f64) -> Self {
        Self { rate: 1.0 - 0.5_f64.powf(1.0 / half_life), mean: 0.0, weight: 0.0 }
    }

    /// Whether values as many as half-lives have been seen.
    pub(super) fn is_known(&self) -> bool {
        self.weight >= 0.5 - 1e-9
    }

    pub(super) fn get(&self) -> f64 {
        self.mean
    }

    #[inline]
    pub(super) fn learn(&mut self, value: f64) {
        self.weight += self.rate * (1.0 - self.weight);
        let share = (self.rate / self.weight).min(1.0);
        // Two products, so that not even the largest numbers overflow, unless they are rounded up.
        self.mean = ((1.0 - share) * self.mean + share * value).clamp(f64::MIN, f64::MAX);
    }

    /// What the mean would be after a value.
    #[inline]
    pub(super) fn with(mut self, value: f64) -> f64 {
        self.learn(value);
        self.mean
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(self.rate > 0.0 && self.rate <= 1.0, "a rate of", self.rate)?;
        DecodeError::unless(self.mean.is_finite(), "a mean of", self.mean)?;
        DecodeError::unless((0.0..=1.0).contains(&self.weight), "a weight of", self.weight)
    }
}

pub(super) fn check_half_life(summary: &'static str, half_life: f64) -> Result<(), ParameterError> {
    if (0.1..=1e9).contains(&half_life) {
        return Ok(());
    }
    Err(ParameterError { summary, parameter: "half-life", allowed: "0.1 to 10^9", value: half_life.to_string() })
}

/// A control chart: how far a value lies from the exponentially weighted mean, in mean absolute deviations.
///
/// For spikes and steps against the recent past, whatever the level. The deviation has three times the half-life of the
/// mean. The raw score has no unit. A few additions a value; 56 bytes.
///
/// Roberts, *Control Chart Tests Based on Geometric Moving Averages*, 1959.
///
/// ```
/// use streamgauge_ml::anomaly::{Ewma, Scorer};
/// let mut chart = Ewma::new(10.0)?;
/// for i in 0..200 {
///     chart.learn_one(&f64::from(i % 2))?;
/// }
/// let (usual, step) = (chart.raw_one(&0.0)?, chart.raw_one(&5.0)?);
/// assert!(usual < Some(1.5) && step > Some(8.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ewma {
    level: Mean,
    deviation: Mean,
}

impl Ewma {
    /// A chart whose mean has this half-life, in values.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0.1 to 10⁹.
    pub fn new(half_life: f64) -> Result<Self, ParameterError> {
        check_half_life(Self::NAME, half_life)?;
        Ok(Self { level: Mean::new(half_life), deviation: Mean::new(3.0 * half_life) })
    }

    /// How far a value lies from the mean.
    #[inline]
    fn residual(&self, value: f64) -> f64 {
        (value - self.level.get()).abs().min(f64::MAX)
    }
}

impl Scorer for Ewma {
    type Item = f64;

    #[inline]
    fn raw_one(&self, item: &f64) -> Result<Option<f64>, RowError> {
        if !(item.is_finite() && self.deviation.is_known()) {
            return Ok(None);
        }
        // Of a constant series every change is large, and none infinite: a billionth of the level is no change.
        let unit = self.deviation.get() + 1e-9 * self.level.get().abs() + f64::MIN_POSITIVE;
        Ok(Some((self.residual(*item) / unit).min(f64::MAX)))
    }

    #[inline]
    fn learn_one(&mut self, item: &f64) -> Result<(), RowError> {
        if item.is_finite() {
            if self.level.is_known() {
                self.deviation.learn(self.residual(*item));
            }
            self.level.learn(*item);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.level.check()?;
        self.deviation.check()?;
        DecodeError::unless(self.deviation.get() >= 0.0, "a deviation of", self.deviation.get())
    }
}

impl Summary for Ewma {
    type Reading = Self;

    const NAME: &'static str = "Ewma";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_largest_numbers_is_finite() {
        for half_life in [0.1, 1.0, 3.3, 50.0] {
            let mut mean = Mean::new(half_life);
            (0..1_000).for_each(|_| mean.learn(f64::MAX));
            mean.check().unwrap();
            // Less than any value leaves.
            let mut little = Mean { mean: f64::MAX, weight: 5e-324, ..mean };
            (0..1_000).for_each(|_| little.learn(f64::MAX));
            little.check().unwrap();
        }
    }
}
