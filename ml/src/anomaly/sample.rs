//! The items of series with times.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, Merge, Mismatch, Summary, summary::TwoStacks};

use super::scorer::Scorer;
use crate::error::RowError;

/// A value of a series with its time.
///
/// A value that is a NaN or infinite is missing. Times need not be regular nor ascend.
///
/// ```
/// use streamgauge_ml::anomaly::Sample;
/// assert_eq!(Sample::from(2.5), Sample { time: 0, value: 2.5 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// In milliseconds since the beginning of 1970 in UTC.
    pub time: i64,
    /// In any unit.
    pub value: f64,
}

/// A value without a time: what looks at times sees them all at once.
impl From<f64> for Sample {
    fn from(value: f64) -> Self {
        Self { time: 0, value }
    }
}

/// A scorer of plain values among [`Sample`]s: it does not look at their times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timeless<S>(pub S);

impl<S: Scorer<Item = f64>> Scorer for Timeless<S> {
    type Item = Sample;

    #[inline]
    fn raw_one(&self, item: &Sample) -> Result<Option<f64>, RowError> {
        self.0.raw_one(&item.value)
    }

    #[inline]
    fn learn_one(&mut self, item: &Sample) -> Result<(), RowError> {
        self.0.learn_one(&item.value)
    }

    #[inline]
    fn raw_and_learn(&mut self, item: &Sample) -> Result<Option<f64>, RowError> {
        self.0.raw_and_learn(&item.value)
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.0.check()
    }
}

impl<S: Scorer> Summary for Timeless<S> {
    type Reading = Self;

    const NAME: &'static str = "Timeless";

    fn schema() -> String {
        format!("Timeless<{}>", S::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    fn end_batch(&mut self) {
        self.0.end_batch();
    }
}

impl<S: Scorer + Merge> Merge for Timeless<S> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.0.compatible(&other.0)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.0.merge(&other.0)
    }
}
