//! Values in their order, each with a weight.

use std::borrow::Cow;

/// Values that ascend. One of level h weighs 2ʰ.
#[derive(Clone, Debug, Default)]
pub(super) struct Ascending {
    values: Vec<f64>,
    /// Empty if each weighs one.
    levels: Vec<u8>,
    /// The weight of the values before each one, then that of all; empty if each weighs one.
    before: Vec<f64>,
}

impl Ascending {
    /// Values that weigh one.
    pub(super) fn ones(values: Vec<f64>) -> Self {
        Self { values, levels: Vec::new(), before: Vec::new() }
    }

    /// Values and the level of each.
    pub(super) fn leveled((values, levels): (Vec<f64>, Vec<u8>)) -> Self {
        let mut before = Vec::with_capacity(levels.len() + 1);
        let mut sum = 0.0;
        before.push(sum);
        before.extend(levels.iter().map(|&level| {
            sum += weight(level);
            sum
        }));
        Self { values, levels, before }
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn levels(&self) -> Cow<'_, [u8]> {
        match self.levels.is_empty() {
            true => Cow::Owned(vec![0; self.values.len()]),
            false => Cow::Borrowed(&self.levels),
        }
    }

    /// The weight of so many values from the lowest on.
    #[inline]
    pub(super) fn weight_of(&self, first: usize) -> f64 {
        self.before.get(first).copied().unwrap_or(first as f64)
    }

    /// The weight of all values.
    pub(super) fn total(&self) -> f64 {
        self.weight_of(self.values.len())
    }

    /// The values of both and their levels.
    pub(super) fn merged(&self, other: &Self) -> (Vec<f64>, Vec<u8>) {
        merge_leveled((&self.values, &self.levels()), (&other.values, &other.levels()))
    }

    /// The bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        (self.values.capacity() + self.before.capacity()) * size_of::<f64>() + self.levels.capacity()
    }
}

/// What a value of a level weighs.
#[inline]
pub(super) fn weight(level: u8) -> f64 {
    f64::from_bits((1_023 + u64::from(level)) << 52)
}

/// The values of both.
pub(super) fn merge(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    let mut values = vec![0.0; ours.len() + theirs.len()];
    merge_by(ours, theirs, |to, value, _, _, _| values[to] = value);
    values
}

/// The values of both and their levels.
pub(super) fn merge_leveled(ours: (&[f64], &[u8]), theirs: (&[f64], &[u8])) -> (Vec<f64>, Vec<u8>) {
    let mut values = vec![0.0; ours.0.len() + theirs.0.len()];
    let mut levels = vec![0; values.len()];
    merge_by(ours.0, theirs.0, |to, value, is_ours, i, j| {
        values[to] = value;
        levels[to] = if is_ours { ours.1[i] } else { theirs.1[j] };
    });
    (values, levels)
}

/// Merges ascending values. Calls `put` with the place and the value, whether it is one of ours, and where it or the
/// next is in ours and in theirs.
///
/// Works from both ends at once, without a branch that depends on the values: neither end waits for the other, and
/// nothing can be foretold wrongly.
#[inline]
fn merge_by(ours: &[f64], theirs: &[f64], mut put: impl FnMut(usize, f64, bool, usize, usize)) {
    let (mut i, mut j, mut end_i, mut end_j) = (0, 0, ours.len(), theirs.len());
    loop {
        // So many are taken from either end before one of the two is used up: what one end has taken is lower than
        // all that the other end takes, so that it is not taken again.
        let steps = (end_i - i).min(end_j - j);
        if steps == 0 {
            break;
        }
        for _ in 0..steps {
            let (a, b) = (ours[i], theirs[j]);
            let is_ours = a <= b;
            put(i + j, if is_ours { a } else { b }, is_ours, i, j);
            i += usize::from(is_ours);
            j += usize::from(!is_ours);

            let (a, b) = (ours[end_i - 1], theirs[end_j - 1]);
            let is_ours = a > b;
            end_i -= usize::from(is_ours);
            end_j -= usize::from(!is_ours);
            put(end_i + end_j, if is_ours { a } else { b }, is_ours, end_i, end_j);
        }
    }
    (i..end_i).for_each(|i| put(i + j, ours[i], true, i, j));
    (j..end_j).for_each(|j| put(end_i + j, theirs[j], false, end_i, j));
}

/// Takes every second value of a level, up to so many pairs of them, to another level.
pub(super) fn halve((values, levels): &mut (Vec<f64>, Vec<u8>), level: u8, to: u8, pairs: usize, coin: usize) {
    let (mut kept, mut seen) = (0, 0);
    for i in 0..values.len() {
        let (value, own) = (values[i], levels[i]);
        let paired = own == level && seen < 2 * pairs;
        values[kept] = value;
        levels[kept] = if paired { to } else { own };
        kept += usize::from(!paired | (seen % 2 == coin));
        seen += usize::from(paired);
    }
    values.truncate(kept);
    levels.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_is_sorting() {
        let mut seed = 1_u64;
        for (ours, theirs) in [(0, 0), (0, 3), (1, 1), (5, 1), (2, 90), (64, 64), (300, 100)] {
            for below in [3, 1_000] {
                let mut draw = |count| {
                    let mut some: Vec<f64> = (0..count)
                        .map(|_| {
                            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                            ((seed >> 33) % below) as f64
                        })
                        .collect();
                    some.sort_unstable_by(f64::total_cmp);
                    some
                };
                let (ours, theirs): (Vec<f64>, Vec<f64>) = (draw(ours), draw(theirs));
                let mut sorted = [&ours[..], &theirs[..]].concat();
                sorted.sort_unstable_by(f64::total_cmp);
                assert_eq!(merge(&ours, &theirs), sorted);
                let (values, levels) = merge_leveled((&ours, &vec![1; ours.len()]), (&theirs, &vec![2; theirs.len()]));
                assert_eq!(values, sorted);
                let of = |level| {
                    let both = values.iter().zip(&levels).filter(move |(_, own)| **own == level);
                    both.map(|(value, _)| *value).collect::<Vec<_>>()
                };
                assert_eq!((of(1), of(2)), (ours, theirs));
            }
        }
    }

    #[test]
    fn halving_keeps_the_weight_and_the_order() {
        let mut both = ((0..7).map(f64::from).collect(), vec![1, 2, 1, 1, 2, 1, 1]);
        halve(&mut both, 1, 2, 2, 1);
        assert_eq!(both, (vec![1.0, 2.0, 4.0, 5.0, 6.0], vec![2, 2, 2, 2, 1]));
        let halved = Ascending::leveled(both);
        assert_eq!((halved.total(), halved.weight_of(1)), (18.0, 4.0));
    }
}
