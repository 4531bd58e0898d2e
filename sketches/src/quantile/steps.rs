//! A distribution of values that ascend, each with a weight.

use std::ops::Range;
use std::sync::Arc;

use super::ascending::{Leveled, key, value};

/// The most parts that a distribution has: two of each half of a window.
const PARTS: usize = 4;

/// Values of a distribution.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The keys of values that weigh one each.
    Ones(Arc<Vec<i64>>),
    Leveled(Arc<Leveled>),
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::Ones(keys) => keys.len(),
            Self::Leveled(leveled) => leveled.steps().len(),
        }
    }

    fn key(&self, i: usize) -> i64 {
        match self {
            Self::Ones(keys) => keys[i],
            Self::Leveled(leveled) => leveled.steps()[i].key,
        }
    }

    /// Where values above this one begin, which is known to be somewhere in the range.
    #[inline]
    fn above(&self, key: i64, range: Range<usize>) -> usize {
        range.start
            + match self {
                Self::Ones(keys) => keys[range].partition_point(|&other| other <= key),
                Self::Leveled(leveled) => leveled.steps()[range].partition_point(|step| step.key <= key),
            }
    }

    /// The weight of so many values from the lowest on.
    #[inline]
    fn weight_of(&self, first: usize) -> f64 {
        match self {
            Self::Ones(_) => first as f64,
            Self::Leveled(leveled) => first.checked_sub(1).map_or(0.0, |last| leveled.steps()[last].until),
        }
    }

    fn total(&self) -> f64 {
        self.weight_of(self.len())
    }
}

/// What is known of a rank: the value at it and how far off it may be.
///
/// The parts of it are shared with the summary, and looked at when something is asked: most readings are asked for few
/// values, and putting the parts together would cost more than these.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    parts: Vec<Part>,
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
        let keys = values.into_iter().map(key).collect();
        Self::of(vec![Part::Ones(Arc::new(keys))], (min, max), 0.0)
    }

    /// Some of the values between the lowest and the highest, in at most four parts.
    pub(super) fn of(parts: Vec<Part>, (min, max): (f64, f64), error: f64) -> Self {
        debug_assert!(parts.len() <= PARTS, "{} parts", parts.len());
        Self { total: parts.iter().map(Part::total).sum(), parts, min, max, error }
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
        ranges.iter_mut().zip(&self.parts).for_each(|(range, part)| range.1 = part.len());
        let mut found = None;
        loop {
            let mut widest = 0;
            for other in 1..PARTS {
                if ranges[other].1 - ranges[other].0 > ranges[widest].1 - ranges[widest].0 {
                    widest = other;
                }
            }
            let (begin, end) = ranges[widest];
            if begin == end {
                return found.map_or(self.max, value);
            }
            let middle = (begin + end) / 2;
            let pivot = self.parts[widest].key(middle);
            let mut above = [0; PARTS];
            let mut reached = 0.0;
            for ((above, &(begin, end)), part) in above.iter_mut().zip(&ranges).zip(&self.parts) {
                *above = part.above(pivot, begin..end);
                reached += part.weight_of(*above);
            }
            if reached < weight {
                ranges.iter_mut().zip(above).for_each(|((begin, _), above)| *begin = above);
            } else {
                found = Some(pivot);
                ranges.iter_mut().zip(above).for_each(|((_, end), above)| *end = above);
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
        // The two zeros have different keys, and this one the higher.
        let x = key(x + 0.0);
        let until = |part: &Part| part.weight_of(part.above(x, 0..part.len()));
        self.parts.iter().map(until).sum::<f64>() / self.total
    }

    /// The mean of the values between two quantiles; below 0 lies the lowest value, above 1 the highest.
    pub(super) fn mean_between(&self, low: f64, high: f64) -> f64 {
        let (from, to) = (low * self.total, high * self.total);
        let width = to - from;
        let outside = self.min * ((-from).max(0.0) / width) + self.max * ((to - self.total).max(0.0) / width);
        let mut mean = outside;
        let mut until = 0.0;
        self.for_each(|value, weight| {
            let begin = f64::max(until, from);
            until += weight;
            mean += value * ((until.min(to) - begin).max(0.0) / width);
        });
        mean.clamp(self.min, self.max)
    }

    /// Visits all values in their order, each with its weight.
    fn for_each(&self, mut visit: impl FnMut(f64, f64)) {
        let mut next = [0; PARTS];
        let heads = |next: [usize; PARTS]| {
            let heads = self.parts.iter().zip(next).enumerate().filter(|(_, (part, next))| *next < part.len());
            heads.min_by_key(|(_, (part, next))| part.key(*next))
        };
        while let Some((lowest, (part, at))) = heads(next) {
            visit(value(part.key(at)), part.weight_of(at + 1) - part.weight_of(at));
            next[lowest] += 1;
        }
    }
}
