//! How far a value lies from all that were seen.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::scorer::Scorer;
use crate::error::RowError;

/// How far a value lies from the nearest one that was seen: high for values that are new, whether high, low or between.
///
/// With `r` the distance to the nearest value seen, and `g` the distance of that one to its own nearest, the raw score is
/// `r · r / (r + g)`: where the values seen are far apart themselves, one more between them is less of a surprise (the
/// idea of the local outlier factor: Breunig et al. 2000). In the unit of the values.
///
/// A value is forgotten when nothing close to it was seen for `memory` values. Of the values seen so many are kept as
/// the capacity says: the two that are closest to each other become one where there is no more room, so that the
/// resolution is about the range of the values over the capacity.
///
/// | | |
/// |---|---|
/// | memory | 16 bytes · capacity |
/// | learn, score | O(capacity) sequential comparisons, O(log capacity) |
/// | not for | values that are new all the time by nature, such as a counter: take the differences |
///
/// ```
/// use streamgauge_ml::anomaly::{Novelty, Scorer};
/// let mut novelty = Novelty::new();
/// for i in 0..1_000 {
///     novelty.learn_one(&f64::from(i % 10))?;
/// }
/// assert_eq!(novelty.raw_one(&7.0)?, Some(0.0));
/// assert_eq!(novelty.raw_one(&19.0)?, Some(10.0 / (1.0 + 1.0 / 10.0)));
/// # Ok::<(), streamgauge_ml::RowError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Novelty {
    capacity: u32,
    memory: u64,
    seen: u64,
    /// Strictly ascending.
    values: Vec<f64>,
    /// For each, when it or one that became part of it was last seen.
    last: Vec<u64>,
    /// No value was last seen before this.
    oldest: u64,
}

impl Novelty {
    /// The values that are kept, if not set.
    pub const CAPACITY: usize = 512;
    /// After so many values one is forgotten, if not set.
    pub const MEMORY: u64 = 20_000;
    /// Counting ends here, and nothing is forgotten any more.
    const MOST: u64 = 1 << 62;
    /// Values seen before there are scores.
    const WARM_UP: u64 = 30;

    /// One that has seen nothing.
    pub fn new() -> Self {
        Self {
            capacity: Self::CAPACITY as u32,
            memory: Self::MEMORY,
            seen: 0,
            values: Vec::new(),
            last: Vec::new(),
            oldest: 0,
        }
    }

    /// Keeps so many of the values.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 8 to 2²⁰.
    pub fn capacity(mut self, values: usize) -> Result<Self, ParameterError> {
        if !(8..=1 << 20).contains(&values) {
            return Err(Self::wrong("capacity", "8 to 2^20", values));
        }
        self.capacity = values as u32;
        Ok(self)
    }

    /// Forgets a value that was not seen again among so many.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is at least 32.
    pub fn memory(mut self, values: u64) -> Result<Self, ParameterError> {
        if values < 32 {
            return Err(Self::wrong("memory", "at least 32", values));
        }
        self.memory = values;
        Ok(self)
    }

    fn wrong(parameter: &'static str, allowed: &'static str, value: impl ToString) -> ParameterError {
        ParameterError { summary: Self::NAME, parameter, allowed, value: value.to_string() }
    }

    /// The place of the nearest value, how far it is, and where the value would be put.
    #[inline]
    fn nearest(&self, value: f64) -> Option<(usize, f64, usize)> {
        let at = self.values.partition_point(|seen| *seen < value);
        let above = self.values.get(at).map(|seen| (at, seen - value));
        let below = at.checked_sub(1).map(|below| (below, value - self.values[below]));
        let (nearest, distance) = match (below, above) {
            (Some(below), Some(above)) => {
                if below.1 <= above.1 {
                    below
                } else {
                    above
                }
            }
            (below, above) => below.or(above)?,
        };
        Some((nearest, distance.min(f64::MAX), at))
    }

    /// How far a value that is kept is from the nearest other.
    #[inline]
    fn apart(&self, at: usize) -> f64 {
        let value = self.values[at];
        let below = at.checked_sub(1).map_or(f64::INFINITY, |below| value - self.values[below]);
        let above = self.values.get(at + 1).map_or(f64::INFINITY, |above| above - value);
        below.min(above)
    }

    #[inline]
    fn raw(&self, (nearest, distance, _): (usize, f64, usize)) -> f64 {
        if distance == 0.0 {
            return 0.0;
        }
        let apart = self.apart(nearest);
        // Of a single value nothing is known about its surroundings.
        if apart.is_infinite() { distance } else { distance / (1.0 + apart / distance) }
    }

    /// Makes room: forgets what is old, or joins the two that are closest.
    fn make_room(&mut self) {
        let expired = self.seen.saturating_sub(self.memory);
        if self.oldest < expired {
            let mut kept = self.last.iter().map(|last| *last >= expired);
            self.values.retain(|_| kept.next().unwrap_or(true));
            self.last.retain(|last| *last >= expired);
            self.oldest = self.last.iter().copied().min().unwrap_or(self.seen);
        }
        if self.values.len() < self.capacity as usize {
            return;
        }
        let gaps = self.values.windows(2).map(|pair| pair[1] - pair[0]);
        let closest = gaps.enumerate().fold((0, f64::INFINITY), |best, gap| if gap.1 < best.1 { gap } else { best }).0;
        // The outer one of a pair at an end, so that the range stays.
        let gone = if closest == 0 { 1 } else { closest };
        let other = if closest == 0 { 0 } else { closest + 1 };
        self.last[other] = self.last[other].max(self.last[gone]);
        self.values.remove(gone);
        self.last.remove(gone);
    }

    fn learn(&mut self, value: f64, nearest: Option<(usize, f64, usize)>) {
        self.seen = (self.seen + 1).min(Self::MOST);
        match nearest {
            Some((nearest, 0.0, _)) => self.last[nearest] = self.seen,
            _ => {
                let full = self.values.len() >= self.capacity as usize;
                if full || self.oldest < self.seen.saturating_sub(self.memory) {
                    self.make_room();
                }
                let at = self.values.partition_point(|seen| *seen < value);
                if self.values.capacity() == self.values.len() {
                    let more = (self.values.len().max(8)).min(self.capacity as usize - self.values.len());
                    self.values.reserve_exact(more);
                    self.last.reserve_exact(more);
                }
                self.values.insert(at, value);
                self.last.insert(at, self.seen);
            }
        }
    }
}

impl Default for Novelty {
    fn default() -> Self {
        Self::new()
    }
}

impl Scorer for Novelty {
    type Item = f64;

    #[inline]
    fn raw_one(&self, item: &f64) -> Result<Option<f64>, RowError> {
        if !item.is_finite() || self.seen < Self::WARM_UP {
            return Ok(None);
        }
        Ok(self.nearest(*item).map(|nearest| self.raw(nearest)))
    }

    #[inline]
    fn learn_one(&mut self, item: &f64) -> Result<(), RowError> {
        if item.is_finite() {
            self.learn(*item, self.nearest(*item));
        }
        Ok(())
    }

    #[inline]
    fn raw_and_learn(&mut self, item: &f64) -> Result<Option<f64>, RowError> {
        if !item.is_finite() {
            return Ok(None);
        }
        let nearest = self.nearest(*item);
        let raw = nearest.filter(|_| self.seen >= Self::WARM_UP).map(|nearest| self.raw(nearest));
        self.learn(*item, nearest);
        Ok(raw)
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((8..=1 << 20).contains(&self.capacity), "a capacity of", self.capacity)?;
        DecodeError::unless(self.memory >= 32, "a memory of", self.memory)?;
        DecodeError::unless(self.seen <= Self::MOST, "values seen", self.seen)?;
        DecodeError::unless(self.values.len() <= self.capacity as usize, "values", self.values.len())?;
        DecodeError::unless(self.values.len() == self.last.len(), "times", self.last.len())?;
        DecodeError::unless(self.seen == 0 || !self.values.is_empty(), "values", "that are gone")?;
        DecodeError::unless(self.values.iter().all(|value| value.is_finite()), "values", "that are no numbers")?;
        let ascend = self.values.windows(2).all(|pair| pair[0] < pair[1]);
        DecodeError::unless(ascend, "values", "that do not ascend")?;
        let known = self.oldest <= self.seen && self.last.iter().all(|last| (self.oldest..=self.seen).contains(last));
        DecodeError::unless(known, "times", "that have not been")
    }
}

impl Summary for Novelty {
    type Reading = Self;

    const NAME: &'static str = "Novelty";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + (self.values.capacity() + self.last.capacity()) * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;

    use super::*;

    fn learn(novelty: &mut Novelty, values: impl IntoIterator<Item = f64>) {
        values.into_iter().for_each(|value| novelty.learn_one(&value).unwrap());
        novelty.check().unwrap();
    }

    #[test]
    fn little_room_costs_resolution_and_not_the_range() {
        let mut draws = Draws::new(1);
        let (mut small, mut large) = (Novelty::new().capacity(64).unwrap(), Novelty::new());
        let values: Vec<f64> = (0..5_000).map(|_| draws.unit()).chain([50.0, -50.0]).collect();
        learn(&mut small, values.iter().copied());
        learn(&mut large, values.iter().copied());
        assert_eq!((small.values.len(), large.values.len()), (64, 512));
        for value in [0.5, 25.0, 49.0, 60.0, -60.0] {
            let (few, many) = (small.raw_one(&value).unwrap().unwrap(), large.raw_one(&value).unwrap().unwrap());
            // Twice the range of the bulk over the capacity.
            assert!((few - many).abs() < 2.0 / 64.0, "{value}: {few} {many}");
        }
    }

    #[test]
    fn what_was_not_seen_for_long_is_forgotten() {
        let mut novelty = Novelty::new().memory(200).unwrap();
        learn(&mut novelty, [1_000.0]);
        let usual = |i: i32| f64::from(i * 7 % 100) + f64::from(i) * 1e-6;
        learn(&mut novelty, (0..150).map(usual));
        assert_eq!(novelty.raw_one(&1_000.0).unwrap(), Some(0.0));
        learn(&mut novelty, (150..300).map(usual));
        assert!(novelty.raw_one(&1_000.0).unwrap() > Some(800.0));
        assert!(novelty.values.len() <= 201, "{}", novelty.values.len());
    }

    #[test]
    fn times_that_have_not_been_are_refused() {
        assert!(Novelty { oldest: 1, ..Novelty::new() }.check().is_err());
        let mut counted = Novelty { seen: Novelty::MOST, values: vec![1.0], last: vec![7], ..Novelty::new() };
        learn(&mut counted, (0..1_000).map(f64::from));
        assert!(counted.values.len() <= Novelty::CAPACITY);
    }
}
