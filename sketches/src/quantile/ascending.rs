//! Values in their order, some of which stand for several.

use std::iter::repeat_n;
use std::sync::Arc;

/// Bits of a float that ascend as the floats do: they are compared faster.
#[inline]
pub(super) fn key(value: f64) -> i64 {
    flip(value.to_bits() as i64)
}

/// The float of a [`key`].
#[inline]
pub(super) fn value(key: i64) -> f64 {
    f64::from_bits(flip(key) as u64)
}

/// Turns the bits of negative floats round, whose order is the wrong way; undoes it too.
#[inline]
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// A value among others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) key: i64,
    /// The weight of the values up to this one.
    pub(super) until: f64,
}

/// Values that ascend, and their levels: one of level h weighs 2ʰ.
#[derive(Clone, Debug, Default)]
pub(super) struct Leveled {
    steps: Vec<Step>,
    levels: Vec<u8>,
    lightest: u8,
}

impl Leveled {
    /// Values of one level.
    pub(super) fn alike(keys: &[i64], level: u8) -> Self {
        let steps = keys.iter().map(|&key| Step { key, until: 0.0 }).collect();
        Self { steps, levels: vec![level; keys.len()], lightest: 0 }.summed()
    }

    /// The values of both, not [summed](Self::summed) up.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let length = self.steps.len() + other.steps.len();
        let (mut steps, mut levels) = (vec![Step::default(); length], vec![0; length]);
        merge_by((&self.steps, |step| step.key), (&other.steps, |step| step.key), |to, key, is_ours, i, j| {
            steps[to].key = key;
            levels[to] = if is_ours { self.levels[i] } else { other.levels[j] };
        });
        Self { steps, levels, lightest: 0 }
    }

    /// The values and others of one level, not [summed](Self::summed) up.
    pub(super) fn with(&self, keys: &[i64], level: u8) -> Self {
        let length = self.steps.len() + keys.len();
        let (mut steps, mut levels) = (vec![Step::default(); length], vec![level; length]);
        merge_by((&self.steps, |step| step.key), (keys, |key| *key), |to, key, is_ours, i, _| {
            steps[to].key = key;
            if is_ours {
                levels[to] = self.levels[i];
            }
        });
        Self { steps, levels, lightest: 0 }
    }

    /// Takes every second value of a level, of so many pairs of them, to another level. To be [summed](Self::summed) up.
    pub(super) fn halve(&mut self, level: u8, to: u8, pairs: usize, coin: usize) {
        let (mut kept, mut seen) = (0, 0);
        for i in 0..self.steps.len().min(self.levels.len()) {
            let (step, own) = (self.steps[i], self.levels[i]);
            let paired = own == level && seen < 2 * pairs;
            self.steps[kept] = step;
            self.levels[kept] = if paired { to } else { own };
            kept += usize::from(!paired | (seen % 2 == coin));
            seen += usize::from(paired);
        }
        self.steps.truncate(kept);
        self.levels.truncate(kept);
    }

    /// Adds the weights up, after all changes.
    pub(super) fn summed(mut self) -> Self {
        let mut until = 0.0;
        for (step, &level) in self.steps.iter_mut().zip(&self.levels) {
            until += weight(level);
            step.until = until;
        }
        self.lightest = self.levels.iter().min().copied().unwrap_or_default();
        self
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// The weight of the lightest value.
    pub(super) fn lightest(&self) -> f64 {
        weight(self.lightest)
    }

    /// The weight of all values.
    pub(super) fn total(&self) -> f64 {
        self.steps.last().map_or(0.0, |step| step.until)
    }

    /// The bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.steps.capacity() * size_of::<Step>() + self.levels.capacity()
    }
}

/// What a value of a level weighs.
#[inline]
fn weight(level: u8) -> f64 {
    f64::from_bits((1_023 + u64::from(level)) << 52)
}

/// The values of both.
pub(super) fn merged(ours: &[i64], theirs: &[i64]) -> Arc<[i64]> {
    let mut all: Arc<[i64]> = repeat_n(0, ours.len() + theirs.len()).collect();
    if let Some(all) = Arc::get_mut(&mut all) {
        merge_by((ours, |key| *key), (theirs, |key| *key), |to, key, _, _, _| all[to] = key);
    }
    all
}

/// Merges what ascends by a key. Calls `put` with the place and the key, whether it is one of ours, and where it or the
/// next is in ours and in theirs.
///
/// Works from both ends at once, without a branch that depends on the keys: neither end waits for the other, and
/// nothing can be foretold wrongly.
#[inline]
fn merge_by<A, B>(
    (ours, our_key): (&[A], impl Fn(&A) -> i64),
    (theirs, their_key): (&[B], impl Fn(&B) -> i64),
    mut put: impl FnMut(usize, i64, bool, usize, usize),
) {
    let (mut i, mut j, mut end_i, mut end_j) = (0, 0, ours.len(), theirs.len());
    loop {
        // So many are taken from either end before one of the two is used up: what one end has taken is lower than
        // all that the other end takes, so that it is not taken again.
        let steps = (end_i - i).min(end_j - j);
        if steps == 0 {
            break;
        }
        for _ in 0..steps {
            let (a, b) = (our_key(&ours[i]), their_key(&theirs[j]));
            let is_ours = a <= b;
            put(i + j, a.min(b), is_ours, i, j);
            i += usize::from(is_ours);
            j += usize::from(!is_ours);

            let (a, b) = (our_key(&ours[end_i - 1]), their_key(&theirs[end_j - 1]));
            let is_ours = a > b;
            end_i -= usize::from(is_ours);
            end_j -= usize::from(!is_ours);
            put(end_i + end_j, a.max(b), is_ours, end_i, end_j);
        }
    }
    (i..end_i).for_each(|i| put(i + j, our_key(&ours[i]), true, i, j));
    (j..end_j).for_each(|j| put(end_i + j, their_key(&theirs[j]), false, end_i, j));
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
                    let mut next = || {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        (seed >> 33) as i64 % below
                    };
                    let mut some: Vec<i64> = (0..count).map(|_| next()).collect();
                    some.sort_unstable();
                    some
                };
                let (ours, theirs): (Vec<i64>, Vec<i64>) = (draw(ours), draw(theirs));
                let mut sorted = [&ours[..], &theirs[..]].concat();
                sorted.sort_unstable();
                assert_eq!(merged(&ours, &theirs)[..], sorted);
                let one = Leveled::alike(&ours, 1);
                for both in [one.merged(&Leveled::alike(&theirs, 2)), one.with(&theirs, 2)] {
                    let keys = |level| {
                        let all = both.steps.iter().zip(&both.levels);
                        all.filter(|(_, own)| **own == level).map(|(step, _)| step.key).collect::<Vec<_>>()
                    };
                    assert_eq!((keys(1), keys(2)), (ours.clone(), theirs.clone()));
                    assert!(both.steps.is_sorted_by_key(|step| step.key));
                    assert_eq!(both.summed().total(), (2 * ours.len() + 4 * theirs.len()) as f64);
                }
            }
        }
    }

    #[test]
    fn halving_keeps_the_weight_and_the_order() {
        let mut some = Leveled::alike(&[0, 2, 3, 5, 6], 1).with(&[1, 4], 2);
        some.halve(1, 2, 2, 1);
        let keys: Vec<i64> = some.steps.iter().map(|step| step.key).collect();
        assert_eq!((keys, &some.levels[..]), (vec![1, 2, 4, 5, 6], &[2, 2, 2, 2, 1][..]));
        let some = some.summed();
        assert_eq!((some.total(), some.lightest()), (18.0, 2.0));
    }

    #[test]
    fn keys_ascend_as_floats_do() {
        let floats = [f64::NEG_INFINITY, f64::MIN, -1.0, -0.0, 0.0, 1e-300, 1.0, f64::INFINITY];
        assert!(floats.map(key).is_sorted());
        assert_eq!(floats.map(|float| value(key(float)).to_bits()), floats.map(f64::to_bits));
    }
}
