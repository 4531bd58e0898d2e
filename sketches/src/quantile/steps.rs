//! A distribution of values that ascend, each with a weight.

use std::f64::consts::SQRT_2;
use std::ops::Range;
use std::sync::Arc;

use super::ascending::{Leveled, key, value};

/// The most parts that a distribution has: two of each half of a window.
const PARTS: usize = 4;

/// Values of a distribution.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The keys of values that weigh one each.
    Ones(Arc<[i64]>),
    Leveled(Arc<Leveled>),
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::Ones(keys) => keys.len(),
            Self::Leveled(leveled) => leveled.steps().len(),
        }
    }

    #[inline]
    fn key(&self, i: usize) -> Option<i64> {
        match self {
            Self::Ones(keys) => keys.get(i).copied(),
            Self::Leveled(leveled) => leveled.steps().get(i).map(|step| step.key),
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

/// A place between values: how many of each part lie before it, and their weight.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    before: [usize; PARTS],
    weight: f64,
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
    error: RankError,
}

/// How far off ranks may be, with 95 %, as shares of all values; 0 if the values are exact.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RankError {
    /// Any rank, by what was left out when the values were compacted.
    pub(super) compaction: f64,
    /// The number of all, by how the values were sampled.
    pub(super) sampling: f64,
}

impl RankError {
    /// Of a share of all values. Each value that it may have too many or too few of was counted as one that is in it,
    /// or as one that is not: that is most for shares of nothing and of everything, as the strata may be sampled.
    fn of(self, share: f64, compaction: f64) -> f64 {
        (compaction * self.compaction).hypot(self.sampling * share.max(1.0 - share)).min(1.0)
    }
}

impl Steps {
    /// So many values of a part are rather looked at one by one.
    const FEW: usize = 4;

    /// All values, ascending.
    pub(super) fn exact(values: Vec<f64>) -> Self {
        let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        let (min, max) = (end(values.first()), end(values.last()));
        let keys = values.into_iter().map(key).collect();
        Self::of(vec![Part::Ones(keys)], (min, max), RankError::default())
    }

    /// Some of the values between the lowest and the highest, in at most four parts.
    pub(super) fn of(parts: Vec<Part>, (min, max): (f64, f64), error: RankError) -> Self {
        debug_assert!(parts.len() <= PARTS, "{} parts", parts.len());
        Self { total: parts.iter().map(Part::total).sum(), parts, min, max, error }
    }

    /// How far off a rank may be.
    pub(super) fn error(&self, rank: f64) -> f64 {
        self.error.of(rank, 1.0)
    }

    /// How far off the share of the values between two ranks may be. Opposite coins cancel the errors of one rank, not
    /// those between two.
    pub(super) fn error_between(&self, share: f64) -> f64 {
        self.error.of(share, SQRT_2)
    }

    /// Whether there were more values than those that were absorbed.
    pub(super) fn is_sampled(&self) -> bool {
        self.error.sampling > 0.0
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

    /// The place before the first value with at least this weight up to it.
    fn cut(&self, weight: f64) -> Cut {
        // By part, where the place can be.
        let mut ranges = [(0, 0); PARTS];
        ranges.iter_mut().zip(&self.parts).for_each(|(range, part)| range.1 = part.len());
        // The parts are samples of the same values: the place has much the same share of each before it. One value that
        // is likely lower and one that is likely higher leave little to be halved.
        let (share, mut guesses) = (weight / self.total, [-1.0, 1.0].into_iter());
        loop {
            let lengths = ranges.map(|(begin, end)| end - begin);
            let widest = (1..PARTS).fold(0, |widest, part| if lengths[part] > lengths[widest] { part } else { widest });
            if lengths[widest] <= Self::FEW {
                let before = ranges.map(|(begin, _)| begin);
                let weights = self.parts.iter().zip(before).map(|(part, before)| part.weight_of(before));
                return self.cut_after(Cut { before, weight: weights.sum() }, weight);
            }
            let part = &self.parts[widest];
            let (begin, end) = ranges[widest];
            let middle = guesses.next().map_or((begin + end) / 2, |side| {
                let length = part.len() as f64;
                ((share * length + side * length.sqrt()) as usize).clamp(begin, end - 1)
            });
            let Some(pivot) = part.key(middle) else {
                return Cut::default();
            };
            let mut above = [0; PARTS];
            let mut reached = 0.0;
            for ((above, &(begin, end)), part) in above.iter_mut().zip(&ranges).zip(&self.parts) {
                *above = part.above(pivot, begin..end);
                reached += part.weight_of(*above);
            }
            if reached < weight {
                ranges.iter_mut().zip(above).for_each(|((begin, _), above)| *begin = above);
            } else {
                ranges.iter_mut().zip(above).for_each(|((_, end), above)| *end = above);
                ranges[widest].1 = middle;
            }
        }
    }

    /// The place of [`cut`](Self::cut), from a place that is not after it.
    fn cut_after(&self, mut cut: Cut, weight: f64) -> Cut {
        while let Some((part, _)) = self.next(&cut) {
            let until = cut.weight + self.weight(part, cut.before[part]);
            if until >= weight {
                break;
            }
            cut.before[part] += 1;
            cut.weight = until;
        }
        cut
    }

    /// The place of [`cut`](Self::cut), from a place that is not before it.
    fn cut_before(&self, mut cut: Cut, weight: f64) -> Cut {
        while cut.weight >= weight
            && let Some(part) = self.last(&cut)
        {
            cut.before[part] -= 1;
            cut.weight -= self.weight(part, cut.before[part]);
        }
        cut
    }

    /// The lowest value after a place, and its part.
    #[inline]
    fn next(&self, cut: &Cut) -> Option<(usize, i64)> {
        let keys = self.parts.iter().zip(cut.before).enumerate();
        keys.filter_map(|(i, (part, before))| Some((i, part.key(before)?))).min_by_key(|(_, key)| *key)
    }

    /// The part of the highest value before a place.
    #[inline]
    fn last(&self, cut: &Cut) -> Option<usize> {
        let keys = self.parts.iter().zip(cut.before).enumerate();
        let keys = keys.filter_map(|(i, (part, before))| Some((i, part.key(before.checked_sub(1)?)?)));
        keys.max_by_key(|(_, key)| *key).map(|(part, _)| part)
    }

    #[inline]
    fn weight(&self, part: usize, i: usize) -> f64 {
        self.parts[part].weight_of(i + 1) - self.parts[part].weight_of(i)
    }

    /// The smallest value that a share `q` of the values does not exceed; outside of 0..1 the lowest and the highest.
    /// Before it and after it the values that shares smaller and larger by the error do not exceed.
    pub(super) fn values_at(&self, q: f64) -> [f64; 3] {
        let error = self.error(q);
        let (low, high) = (q - error, q + error);
        let cut = self.cut(q * self.total);
        let value = self.value_after(&cut, q);
        if error == 0.0 {
            return [value; 3];
        }
        // Few values lie within the error.
        let below = self.cut_before(cut, low * self.total);
        let above = self.cut_after(cut, high * self.total);
        let mut values = [self.value_after(&below, low), value, self.value_after(&above, high)];
        if self.is_sampled() {
            // The sample may have missed the lowest and the highest.
            values[0] = if low <= 0.0 { f64::NEG_INFINITY } else { values[0] };
            values[2] = if high >= 1.0 { f64::INFINITY } else { values[2] };
        }
        values
    }

    fn value_after(&self, cut: &Cut, q: f64) -> f64 {
        match q {
            _ if q <= 0.0 => self.min,
            _ if q >= 1.0 => self.max,
            _ => self.next(cut).map_or(self.max, |(_, key)| value(key)),
        }
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
        let mut cut = self.cut(from);
        while let Some((part, key)) = self.next(&cut).filter(|_| cut.weight < to) {
            let until = cut.weight + self.weight(part, cut.before[part]);
            mean += value(key) * ((until.min(to) - cut.weight.max(from)).max(0.0) / width);
            cut.before[part] += 1;
            cut.weight = until;
        }
        mean.clamp(self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of whole numbers, the first two of ones, the others of levels; some lie elsewhere than the others.
    fn steps(lengths: [usize; PARTS], apart: i64) -> (Steps, Vec<(f64, f64)>) {
        let (mut seed, mut all, mut parts) = (1_u64, Vec::new(), Vec::new());
        for (i, length) in lengths.into_iter().enumerate() {
            let mut next = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((seed >> 33) % 500) as f64 + (apart * i as i64) as f64
            };
            let mut values: Vec<f64> = (0..length).map(|_| next()).collect();
            values.sort_unstable_by(f64::total_cmp);
            let keys: Vec<i64> = values.iter().map(|&value| key(value)).collect();
            let level = i as u8 / 2 * (1 + i as u8);
            all.extend(values.into_iter().map(|value| (value, f64::from(1 << level))));
            parts.push(match level {
                0 => Part::Ones(keys.into()),
                _ => Part::Leveled(Arc::new(Leveled::alike(&keys, level))),
            });
        }
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let ends = (all.first().map_or(0.0, |first| first.0), all.last().map_or(0.0, |last| last.0));
        (Steps::of(parts, ends, RankError { compaction: 0.01, sampling: 0.0 }), all)
    }

    #[test]
    fn parts_are_read_as_one() {
        for lengths in [[1, 0, 0, 0], [0, 0, 0, 9], [300, 2, 600, 0], [399, 200, 500, 600]] {
            for apart in [0, 7, 1_000] {
                let (steps, all) = steps(lengths, apart);
                let total: f64 = all.iter().map(|(_, weight)| weight).sum();
                assert_eq!(steps.total(), total);
                let at = |q: f64| {
                    let mut until = 0.0;
                    let reaching = all.iter().find(|(_, weight)| {
                        until += weight;
                        until >= q * total
                    });
                    if q <= 0.0 { steps.min } else { reaching.map_or(steps.max, |found| found.0) }
                };
                for i in 0..=100 {
                    let q = f64::from(i) / 100.0;
                    assert_eq!(steps.values_at(q), [at(q - 0.01), at(q), at(q + 0.01)], "{lengths:?}, {apart}: {q}");
                    let x = at(q);
                    let until: f64 = all.iter().filter(|(value, _)| *value <= x).map(|(_, weight)| weight).sum();
                    assert_eq!(steps.rank_of(x), until / total);
                }
                let mean = all.iter().map(|(value, weight)| value * weight).sum::<f64>() / total;
                assert!((steps.mean_between(0.0, 1.0) - mean).abs() < 1e-9 * (1.0 + mean));
            }
        }
    }
}
