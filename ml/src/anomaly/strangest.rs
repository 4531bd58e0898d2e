//! Two scorers, of which the more certain one speaks.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, Summary};

use super::calibrated::Calibrated;
use super::calibration::Calibration;
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// Two scorers that see different things: an item is as strange as it is to the one to which it is stranger.
///
/// Each is calibrated on its own; the raw score is the larger one of their [nines](super::score), or that of the only one that has
/// one. Memory and work are those of both and of their calibrations. More than two: one in the other. Merges if both do.
///
/// The pair of [`IsolationForest`](super::IsolationForest), which needs no form and no scale, and
/// [`Mahalanobis`](super::Mahalanobis), which sees combinations, is what to begin with for rows. **When not to use it**: a
/// scorer that does not fit the data adds its false alarms to those of the other.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, IsolationForest, Mahalanobis, Strangest};
/// let mut detector = Calibrated::new(Strangest::new(IsolationForest::new(2)?, Mahalanobis::new(2)?));
/// for i in 0..2_000 {
///     let load = f64::from(i * 37 % 100);
///     detector.learn_one(&[load, 2.0 * load + f64::from(i % 7)])?;
/// }
/// let (usual, strange) = (detector.score_one(&[80.0, 163.0])?, detector.score_one(&[80.0, 63.0])?);
/// assert!(usual < Some(0.6) && strange > Some(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Strangest<A, B> {
    one: A,
    other: B,
    calibrations: [Calibration; 2],
}

impl<A: Scorer, B: Scorer<Item = A::Item>> Strangest<A, B> {
    /// Of two scorers, each calibrated as by [`Calibrated::new`].
    pub fn new(one: A, other: B) -> Self {
        let calibration = || Calibration::new().half_life(Calibrated::<A>::HALF_LIFE).unwrap_or_default();
        Self { one, other, calibrations: [calibration(), calibration()] }
    }

    /// With these calibrations, which should have learned nothing.
    #[must_use]
    pub fn with_calibrations(mut self, of_one: Calibration, of_other: Calibration) -> Self {
        self.calibrations = [of_one, of_other];
        self
    }

    /// The first of the two.
    pub fn one(&self) -> &A {
        &self.one
    }

    /// The second of the two.
    pub fn other(&self) -> &B {
        &self.other
    }

    /// The larger one of two raw scores in nines.
    #[inline]
    fn larger(&self, raws: [Option<f64>; 2]) -> Option<f64> {
        let nines = |i: usize| raws[i].and_then(|raw| self.calibrations[i].nines(raw));
        match (nines(0), nines(1)) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        }
    }
}

impl<A: Scorer, B: Scorer<Item = A::Item>> Scorer for Strangest<A, B> {
    type Item = A::Item;

    #[inline]
    fn raw_one(&self, item: &A::Item) -> Result<Option<f64>, RowError> {
        Ok(self.larger([self.one.raw_one(item)?, self.other.raw_one(item)?]))
    }

    #[inline]
    fn learn_one(&mut self, item: &A::Item) -> Result<(), RowError> {
        self.raw_and_learn(item).map(drop)
    }

    #[inline]
    fn raw_and_learn(&mut self, item: &A::Item) -> Result<Option<f64>, RowError> {
        // The second is asked first, so that the first learns nothing that the second refuses.
        let of_other = self.other.raw_one(item)?;
        let raws = [self.one.raw_and_learn(item)?, of_other];
        self.other.learn_one(item)?;
        let larger = self.larger(raws);
        for (calibration, raw) in self.calibrations.iter_mut().zip(raws) {
            raw.into_iter().for_each(|raw| calibration.learn(raw));
        }
        Ok(larger)
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.one.check()?;
        self.other.check()?;
        self.calibrations.iter().try_for_each(Calibration::check)
    }
}

impl<A: Scorer, B: Scorer<Item = A::Item>> Summary for Strangest<A, B> {
    type Reading = Self;

    const NAME: &'static str = "Strangest";

    fn schema() -> String {
        format!("Strangest<{}, {}>", A::schema(), B::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let calibrations = self.calibrations.iter().map(Summary::memory_bytes).sum::<usize>();
        let own = size_of::<Self>() - size_of::<A>() - size_of::<B>() - size_of::<[Calibration; 2]>();
        own + self.one.memory_bytes() + self.other.memory_bytes() + calibrations
    }

    fn end_batch(&mut self) {
        self.one.end_batch();
        self.other.end_batch();
    }
}

impl<A: Scorer + Merge, B: Scorer<Item = A::Item> + Merge> Merge for Strangest<A, B> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.one.compatible(&other.one)?;
        self.other.compatible(&other.other)?;
        let mut each = self.calibrations.iter().zip(&other.calibrations);
        each.try_for_each(|(ours, theirs)| ours.compatible(theirs))
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.one.merge(&other.one)?;
        self.other.merge(&other.other)?;
        let mut each = self.calibrations.iter_mut().zip(&other.calibrations);
        each.try_for_each(|(ours, theirs)| ours.merge(theirs))
    }
}

image!([A: Scorer, B: Scorer<Item = A::Item>] Strangest<A, B>, 1);

#[cfg(test)]
mod tests {
    use super::super::trials;
    use super::*;
    use crate::anomaly::{GaussianTails, IsolationForest, Mahalanobis};

    #[test]
    fn holds_the_laws() {
        let forest = IsolationForest::new(3).unwrap().trees(10).unwrap().sample(16).unwrap().window(64).unwrap();
        trials::holds_the_laws(&Strangest::new(forest, Mahalanobis::new(3).unwrap()));
    }

    #[test]
    fn it_is_the_larger_one_of_the_nines() {
        let (forest, distance) = (IsolationForest::new(3).unwrap(), Mahalanobis::new(3).unwrap());
        let mut both = Strangest::new(forest.clone(), distance.clone());
        let (mut one, mut other) = (Calibrated::new(forest), Calibrated::new(distance));
        let (mut spoke, rows) = ([0; 2], trials::rows(1_000, 4));
        for row in &rows {
            use crate::learner::Detector;
            let [one, other] = [one.score_and_learn(row).unwrap(), other.score_and_learn(row).unwrap()];
            let expected = if one > other { one } else { other }.map(super::super::score::nines);
            spoke[usize::from(one > other)] += 1;
            let found = both.raw_and_learn(row).unwrap();
            assert_eq!(found.is_some(), expected.is_some());
            assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-9);
        }
        assert!(spoke[0] > 200 && spoke[1] > 200, "{spoke:?}");
    }

    #[test]
    fn neither_learns_what_one_of_them_refuses() {
        let mut both = Strangest::new(GaussianTails::new(3).unwrap(), GaussianTails::new(2).unwrap());
        assert!(both.learn_one(&[1.0, 2.0, 3.0]).is_err() && both.learn_one(&[1.0, 2.0]).is_err());
        assert_eq!(both.one(), &GaussianTails::new(3).unwrap());
        assert_eq!(both.other(), &GaussianTails::new(2).unwrap());
    }

    #[test]
    fn parts_merge_nearly_to_the_whole() {
        let gaussian = GaussianTails::new(3).unwrap().half_life(f64::INFINITY).unwrap();
        let distance = Mahalanobis::new(3).unwrap().half_life(f64::INFINITY).unwrap();
        let both = Strangest::new(gaussian, distance).with_calibrations(Calibration::new(), Calibration::new());
        trials::merges(&both, 0.3);
    }
}
