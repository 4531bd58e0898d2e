//! A distribution of values that ascend, each with a weight.

use std::sync::Arc;

use super::ascending::Ascending;

/// The most parts that a distribution has: two of each half of a window.
const PARTS: usize = 4;

/// What is known of a rank: the value at it and how far off it may be.
///
/// The parts of it are shared with the summary, and looked at when something is asked: most readings are asked for few
/// values, and putting the parts together would cost more than these.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    parts: Vec<Arc<Ascending>>,
    total: f64,
    /// The lowest and the highest value; they may be gone from the parts.
    min: f64,
    max: f64,
    /// The half-width of the 95 % interval of a rank, as a share of all; 0 if the values are exact.
    pub(super) error: f64,
}

impl Steps {
    /// All values, ascending.
    pub(super) fn exact(values: Vec<f64>) -> Self {
        let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        let (min, max) = (end(values.first()), end(values.last()));
        Self::of(vec![Arc::new(Ascending::ones(values))], (min, max), 0.0)
    }

    /// Some of the values between the lowest and the highest, in at most four parts.
    pub(super) fn of(parts: Vec<Arc<Ascending>>, (min, max): (f64, f64), error: f64) -> Self {
        debug_assert!(parts.len() <= PARTS, "{} parts", parts.len());
        Self { total: parts.iter().map(|part| part.total()).sum(), parts, min, max, error }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0.0
    }

    pub(super) fn total(&self) -> f64 {
        self.total
    }

    pub(super) fn min(&self) -> f64 {
        self.min
    }

    pub(super) fn max(&self) -> f64 {
        self.max
    }

    /// The first value with at least this weight up to it.
    fn reaching(&self, weight: f64) -> f64 {
        // By part: the first one is not before its range, and not after it unless it is the one found so far.
        let mut ranges = [(0, 0); PARTS];
        let parts = || self.parts.iter().map(|part| part.values());
        ranges.iter_mut().zip(parts()).for_each(|(range, values)| range.1 = values.len());
        let mut found = self.max;
        loop {
            let lengths = ranges.iter().map(|(begin, end)| end - begin);
            let Some((widest, _)) = lengths.enumerate().max_by_key(|(_, length)| *length).filter(|(_, l)| *l > 0)
            else {
                return found;
            };
            let middle = (ranges[widest].0 + ranges[widest].1) / 2;
            let pivot = self.parts[widest].values()[middle];
            let mut upto = [0; PARTS];
            let mut reached = 0.0;
            for ((upto, &(begin, end)), part) in upto.iter_mut().zip(&ranges).zip(&self.parts) {
                *upto = begin + part.values()[begin..end].partition_point(|&value| value <= pivot);
                reached += part.weight_of(*upto);
            }
            if reached < weight {
                ranges.iter_mut().zip(upto).for_each(|((begin, _), upto)| *begin = upto);
            } else {
                found = pivot;
                ranges.iter_mut().zip(upto).for_each(|((_, end), upto)| *end = upto);
                ranges[widest].1 = middle;
            }
        }
    }

    /// The smallest value that a share `q` of the values does not exceed; outside of 0..1 the lowest and the highest.
    pub(super) fn value_at(&self, q: f64) -> f64 {
        if q <= 0.0 {
            return self.min;
        }
        if q >= 1.0 {
            return self.max;
        }
        self.reaching(q * self.total)
    }

    /// The share of the values up to `x`.
    pub(super) fn rank_of(&self, x: f64) -> f64 {
        let until = |part: &Arc<Ascending>| part.weight_of(part.values().partition_point(|&value| value <= x));
        self.parts.iter().map(until).sum::<f64>() / self.total
    }

    /// The mean of the values between two quantiles; below 0 lies the lowest value, above 1 the highest.
    pub(super) fn mean_between(&self, low: f64, high: f64) -> f64 {
        let (from, to) = (low * self.total, high * self.total);
        let width = to - from;
        let outside = self.min * ((-from).max(0.0) / width) + self.max * ((to - self.total).max(0.0) / width);
        let mut mean = outside;
        for part in self.merged().iter() {
            let values = part.values();
            for (i, value) in values.iter().enumerate() {
                let (begin, end) = (part.weight_of(i).max(from), part.weight_of(i + 1).min(to));
                mean += value * ((end - begin).max(0.0) / width);
            }
        }
        mean.clamp(self.min, self.max)
    }

    /// All parts as one.
    fn merged(&self) -> Option<Arc<Ascending>> {
        let parts = self.parts.iter().cloned();
        parts.reduce(|ours, theirs| Arc::new(Ascending::leveled(ours.merged(&theirs))))
    }
}
