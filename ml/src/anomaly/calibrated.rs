//! A scorer whose scores are calibrated: a detector.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::calibration::Calibration;
use super::scorer::{Checked, Scorer};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Detector;

/// Any [`Scorer`] with its scores calibrated to a tail probability: a [`Detector`].
///
/// What is scored is held against the raw scores that came before it; then it is learned, strange or not. Memory and
/// work are those of the scorer and of a [`Calibration`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Calibrated<S> {
    scorer: S,
    calibration: Calibration,
}

impl<S: Scorer> Calibrated<S> {
    /// The raw scores after which an older one counts half, if not set.
    pub const HALF_LIFE: f64 = 10_000.0;

    /// A detector of a scorer, with the defaults of the calibration: a warm-up of 32 raw scores, a half-life of 10,000.
    pub fn new(scorer: S) -> Self {
        let calibration = Calibration::new().half_life(Self::HALF_LIFE).unwrap_or_default();
        Self { scorer, calibration }
    }

    /// With this calibration, which should have learned nothing.
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        self.calibration = calibration;
        self
    }

    /// After so many raw scores an older one counts half.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is at least 10; infinite means that nothing is forgotten.
    pub fn half_life(mut self, raw_scores: f64) -> Result<Self, ParameterError> {
        self.calibration = self.calibration.half_life(raw_scores)?;
        Ok(self)
    }

    /// So many raw scores are learned before the first score, beside the warm-up of the scorer.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 2 to 2³².
    pub fn warm_up(mut self, raw_scores: u64) -> Result<Self, ParameterError> {
        self.calibration = self.calibration.warm_up(raw_scores)?;
        Ok(self)
    }

    /// The scorer.
    pub fn scorer(&self) -> &S {
        &self.scorer
    }

    /// The distribution of its raw scores.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }
}

impl<S: Scorer> Checked for Calibrated<S> {
    fn check(&self) -> Result<(), DecodeError> {
        self.scorer.check()?;
        self.calibration.check()
    }
}

impl<S: Scorer> Detector for Calibrated<S> {
    type Item = S::Item;

    #[inline]
    fn score_one(&self, item: &S::Item) -> Result<Option<f64>, RowError> {
        Ok(self.scorer.raw_one(item)?.and_then(|raw| self.calibration.score(raw)))
    }

    #[inline]
    fn learn_one(&mut self, item: &S::Item) -> Result<(), RowError> {
        if let Some(raw) = self.scorer.raw_and_learn(item)? {
            self.calibration.learn(raw);
        }
        Ok(())
    }

    #[inline]
    fn score_and_learn(&mut self, item: &S::Item) -> Result<Option<f64>, RowError> {
        let Some(raw) = self.scorer.raw_and_learn(item)? else { return Ok(None) };
        let score = self.calibration.score(raw);
        self.calibration.learn(raw);
        Ok(score)
    }
}

impl<S: Scorer> Summary for Calibrated<S> {
    type Reading = Self;

    const NAME: &'static str = "Calibrated";

    fn schema() -> String {
        format!("Calibrated<{}>", S::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<S>() - size_of::<Calibration>()
            + self.scorer.memory_bytes()
            + self.calibration.memory_bytes()
    }

    fn end_batch(&mut self) {
        self.scorer.end_batch();
    }
}

impl<S: Scorer + Merge> Merge for Calibrated<S> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.scorer.compatible(&other.scorer)?;
        self.calibration.compatible(&other.calibration)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.scorer.merge(&other.scorer)?;
        self.calibration.merge(&other.calibration)
    }
}

image!([S: Scorer] Calibrated<S>, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;

    use super::*;
    use crate::laws;

    /// How far a number is from nought.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Size;

    impl Summary for Size {
        type Reading = Self;

        const NAME: &'static str = "Size";

        fn read(&self) -> Self {
            Self
        }

        fn memory_bytes(&self) -> usize {
            0
        }
    }

    impl Scorer for Size {
        type Item = f64;

        fn raw_one(&self, item: &f64) -> Result<Option<f64>, RowError> {
            Ok(item.is_finite().then(|| item.abs()))
        }

        fn learn_one(&mut self, _: &f64) -> Result<(), RowError> {
            Ok(())
        }

        fn check(&self) -> Result<(), DecodeError> {
            Ok(())
        }
    }

    #[test]
    fn holds_the_laws() {
        let mut draws = Draws::new(1);
        let items: Vec<f64> = (0..300).map(|_| draws.unit()).collect();
        let hostile = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 5e-324];
        laws::detects(&Calibrated::new(Size), &items.iter().collect::<Vec<_>>(), &hostile.iter().collect::<Vec<_>>());
    }
}
