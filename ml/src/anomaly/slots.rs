//! Seasons: the hours of a day, of a week, or of any period.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::sample::Sample;
use super::scorer::Scorer;
use crate::error::RowError;

/// A scorer for each slot of a period, such as the hours of a day: a value is held against those at the same time of
/// other periods.
///
/// While a slot is young, which is while its scorer has no score, values are held against those of all slots. The raw
/// score is that of the scorer. Memory: that of a scorer for each slot, and one more.
///
/// ```
/// use streamgauge_ml::anomaly::{Novelty, Sample, Scorer, Slots};
/// let mut hours = Slots::of_day(Novelty::new());
/// let day = |i: i64| Sample { time: i * 600_000, value: if i / 6 % 24 < 12 { 1.0 } else { 9.0 } };
/// for i in 0..2_000 {
///     hours.learn_one(&day(i))?;
/// }
/// let noon = Sample { time: 12 * 3_600_000, value: 1.0 };
/// assert_eq!(hours.raw_one(&noon)?, Some(8.0)); // usual in the morning, new at noon
/// # Ok::<(), streamgauge_ml::RowError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slots<S> {
    period: i64,
    slots: Vec<S>,
    all: S,
}

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;
/// The most slots.
const MOST: usize = 10_000;

impl<S: Scorer<Item = f64>> Slots<S> {
    /// So many slots of equal length in a period in milliseconds, each with a copy of this scorer.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 10,000 slots of at least a millisecond in a period of up to 2⁴⁰.
    pub fn new(period: i64, slots: usize, scorer: S) -> Result<Self, ParameterError> {
        let wrong =
            |parameter, allowed, value: String| ParameterError { summary: Self::NAME, parameter, allowed, value };
        if !(1..=MOST).contains(&slots) {
            return Err(wrong("slots", "1 to 10,000", slots.to_string()));
        }
        if !(slots as i64..=1 << 40).contains(&period) {
            return Err(wrong("period", "at least a millisecond for each slot, and up to 2^40", period.to_string()));
        }
        Ok(Self::of(period, slots, scorer))
    }

    fn of(period: i64, slots: usize, scorer: S) -> Self {
        Self { period, slots: vec![scorer.clone(); slots], all: scorer }
    }

    /// The hours of the day, in UTC.
    pub fn of_day(scorer: S) -> Self {
        Self::of(24 * HOUR, 24, scorer)
    }

    /// The hours of the week, in UTC.
    pub fn of_week(scorer: S) -> Self {
        Self::of(7 * 24 * HOUR, 7 * 24, scorer)
    }

    #[inline]
    fn slot(&self, time: i64) -> usize {
        // Below 2⁴⁰ times 10,000: no overflow.
        (time.rem_euclid(self.period) * self.slots.len() as i64 / self.period) as usize
    }
}

impl<S: Scorer<Item = f64>> Scorer for Slots<S> {
    type Item = Sample;

    #[inline]
    fn raw_one(&self, item: &Sample) -> Result<Option<f64>, RowError> {
        let raw = self.slots[self.slot(item.time)].raw_one(&item.value)?;
        if raw.is_some() { Ok(raw) } else { self.all.raw_one(&item.value) }
    }

    #[inline]
    fn learn_one(&mut self, item: &Sample) -> Result<(), RowError> {
        self.raw_and_learn(item).map(|_| ())
    }

    #[inline]
    fn raw_and_learn(&mut self, item: &Sample) -> Result<Option<f64>, RowError> {
        let slot = self.slot(item.time);
        let raw = self.slots[slot].raw_and_learn(&item.value)?;
        let all = self.all.raw_and_learn(&item.value)?;
        Ok(raw.or(all))
    }

    fn check(&self) -> Result<(), DecodeError> {
        let slots = self.slots.len();
        DecodeError::unless((1..=MOST).contains(&slots), "slots", slots)?;
        DecodeError::unless((slots as i64..=1 << 40).contains(&self.period), "a period of", self.period)?;
        self.slots.iter().chain([&self.all]).try_for_each(Scorer::check)
    }
}

impl<S: Scorer> Summary for Slots<S> {
    type Reading = Self;

    const NAME: &'static str = "Slots";

    fn schema() -> String {
        format!("Slots<{}>", S::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let spare = (self.slots.capacity() - self.slots.len()) * size_of::<S>();
        let slots: usize = self.slots.iter().map(Summary::memory_bytes).sum();
        size_of::<Self>() - size_of::<S>() + self.all.memory_bytes() + slots + spare
    }
}
