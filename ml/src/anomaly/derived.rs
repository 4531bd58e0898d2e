//! Scorers of what is derived from the values of a series.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::ewma::{Mean, check_half_life};
use super::scorer::Scorer;
use crate::error::RowError;

/// What is derived from a series, by an exponentially weighted mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// The mean itself: levels.
    Mean,
    /// How far a value lies from the mean of those before it: steps and spikes, whatever the level.
    Residual,
    /// The logarithm of the mean absolute change from value to value: noise, and its absence.
    Volatility,
    /// The change from the value before; the half-life does not matter.
    Change,
}

/// A scorer of a [`Feature`] of a series in the place of its values.
///
/// ```
/// use streamgauge_ml::anomaly::{Derived, Feature, Novelty, Scorer};
/// let mut noise = Derived::new(Feature::Volatility, 10.0, Novelty::new())?;
/// for i in 0..2_000 {
///     noise.learn_one(&f64::from(i * i % 7))?;
/// }
/// let usual = noise.raw_one(&3.0)?;
/// for _ in 0..20 {
///     noise.learn_one(&3.0)?;
/// }
/// assert!(noise.raw_one(&3.0)? > usual); // a flat line is new
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Derived<S> {
    feature: Feature,
    mean: Mean,
    before: Option<f64>,
    scorer: S,
}

impl<S: Scorer<Item = f64>> Derived<S> {
    /// A scorer of a feature whose mean has this half-life, in values.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0.1 to 10⁹.
    pub fn new(feature: Feature, half_life: f64, scorer: S) -> Result<Self, ParameterError> {
        check_half_life(Self::NAME, half_life)?;
        Ok(Self { feature, mean: Mean::new(half_life), before: None, scorer })
    }

    /// The feature at a value; none while it is not known.
    #[inline]
    fn feature(&self, value: f64) -> Option<f64> {
        let change = || self.before.map(|before| (value - before).clamp(f64::MIN, f64::MAX));
        match self.feature {
            Feature::Mean => self.mean.is_known().then(|| self.mean.with(value)),
            Feature::Residual => self.mean.is_known().then(|| (value - self.mean.get()).clamp(f64::MIN, f64::MAX)),
            Feature::Volatility => {
                let mean = self.mean.with(change()?.abs());
                self.mean.is_known().then(|| (mean + 1e-9 * value.abs() + f64::MIN_POSITIVE).min(f64::MAX).ln())
            }
            Feature::Change => change(),
        }
    }

    #[inline]
    fn advance(&mut self, value: f64) {
        match (self.feature, self.before) {
            (Feature::Mean | Feature::Residual, _) => self.mean.learn(value),
            (Feature::Volatility, Some(before)) => self.mean.learn((value - before).abs().min(f64::MAX)),
            (Feature::Volatility, None) | (Feature::Change, _) => {}
        }
        self.before = Some(value);
    }
}

impl<S: Scorer<Item = f64>> Scorer for Derived<S> {
    type Item = f64;

    #[inline]
    fn raw_one(&self, item: &f64) -> Result<Option<f64>, RowError> {
        let feature = Some(*item).filter(|value| value.is_finite()).and_then(|value| self.feature(value));
        feature.map_or(Ok(None), |feature| self.scorer.raw_one(&feature))
    }

    #[inline]
    fn learn_one(&mut self, item: &f64) -> Result<(), RowError> {
        self.raw_and_learn(item).map(|_| ())
    }

    #[inline]
    fn raw_and_learn(&mut self, item: &f64) -> Result<Option<f64>, RowError> {
        if !item.is_finite() {
            return Ok(None);
        }
        let raw = self.feature(*item).map_or(Ok(None), |feature| self.scorer.raw_and_learn(&feature))?;
        self.advance(*item);
        Ok(raw)
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.mean.check()?;
        DecodeError::unless(self.before.is_none_or(f64::is_finite), "a value before", "that is no number")?;
        self.scorer.check()
    }
}

impl<S: Scorer> Summary for Derived<S> {
    type Reading = Self;

    const NAME: &'static str = "Derived";

    fn schema() -> String {
        format!("Derived<{}>", S::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<S>() + self.scorer.memory_bytes()
    }
}
