//! Lists of centroids: put together, and made shorter.

use std::cell::Cell;
use std::hint::select_unpredictable;

use serde::{Deserialize, Serialize};

use super::scale::Limit;

/// Some values close together, by their mean and their weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Centroid {
    pub(super) mean: f64,
    /// Negative if the values differ: the sign tells an atom, whose values all equal its mean, from a mixture.
    signed: f64,
}

impl Centroid {
    /// The heaviest centroid. Weights stop here, so that totals stay finite for ever.
    pub(super) const HEAVIEST: f64 = (1_u128 << 100) as f64;

    /// One value, so many times.
    #[inline]
    pub(super) const fn atom(value: f64, weight: f64) -> Self {
        Self { mean: value, signed: weight.min(Self::HEAVIEST) }
    }

    /// Different values that have this mean.
    pub(super) const fn mixture(mean: f64, weight: f64) -> Self {
        Self { mean, signed: -weight.min(Self::HEAVIEST) }
    }

    #[inline]
    pub(super) fn weight(&self) -> f64 {
        self.signed.abs()
    }

    /// Whether all its values are equal.
    #[inline]
    pub(super) fn is_atom(&self) -> bool {
        self.signed >= 0.0
    }

    /// Multiplies the weight.
    pub(super) fn scale(&mut self, factor: f64) {
        self.signed *= factor;
    }

    /// Takes in a centroid of the same value, if both are atoms.
    #[inline]
    pub(super) fn absorbs(&mut self, next: &Self) -> bool {
        let same = self.mean == next.mean && self.is_atom() && next.is_atom();
        if same {
            self.signed = (self.signed + next.signed).min(Self::HEAVIEST);
        }
        same
    }
}

/// What makes a sum of the largest values finite: 2⁻¹²⁸, a power of two, which keeps all digits.
const UNIT: f64 = 1.0 / (1_u128 << 127) as f64 / 2.0;

/// Turns a list around, and every value into its negative.
pub(super) fn mirror(list: &mut [Centroid]) {
    list.reverse();
    list.iter_mut().for_each(|c| c.mean = -c.mean);
}

/// The weight of all.
pub(super) fn total(centroids: &[Centroid]) -> f64 {
    // Four sums: one alone would wait for itself at every addition.
    let mut sums = [0.0; 4];
    let chunks = centroids.chunks_exact(4);
    let rest: f64 = chunks.remainder().iter().map(Centroid::weight).sum();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, c)| *sum += c.weight());
    }
    sums.iter().sum::<f64>() + rest
}

/// Puts two lists that ascend together into one.
pub(super) fn unite(ours: &[Centroid], theirs: &[Centroid], list: &mut Vec<Centroid>) {
    list.resize(ours.len() + theirs.len(), Centroid::atom(0.0, 0.0));
    let half = list.len() / 2;
    let split = before(ours, theirs, half);
    let (low, high) = list.split_at_mut(half);
    let mut low = Weave::new(&ours[..split], &theirs[..half - split], low);
    let mut high = Weave::new(&ours[split..], &theirs[half - split..], high);
    // Both halves at once, and each from both its ends: no chain of comparisons waits for another.
    while low.step() & high.step() {}
    let ties = low.finish() | high.finish();
    let meet = half > 0 && list[half - 1].mean == list[half].mean;
    if ties || meet {
        list.dedup_by(|next, kept| kept.absorbs(next));
    }
}

/// How many of the first so many of both lists are ours.
fn before(ours: &[Centroid], theirs: &[Centroid], many: usize) -> usize {
    let (mut from, mut to) = (many.saturating_sub(theirs.len()), many.min(ours.len()));
    while from < to {
        let middle = from.midpoint(to);
        let ours_first = ours[middle].mean <= theirs[many - 1 - middle].mean;
        from = select_unpredictable(ours_first, middle + 1, from);
        to = select_unpredictable(ours_first, to, middle);
    }
    from
}

/// Two lists that ascend, and room for one of both.
struct Weave<'a> {
    ours: &'a [Centroid],
    theirs: &'a [Centroid],
    rest: &'a mut [Centroid],
    ties: bool,
}

impl<'a> Weave<'a> {
    fn new(ours: &'a [Centroid], theirs: &'a [Centroid], rest: &'a mut [Centroid]) -> Self {
        Self { ours, theirs, rest, ties: false }
    }

    /// Places the lowest and the highest, as long as there are some in both lists. There is no branch on the order,
    /// which nobody can foresee.
    #[inline(always)]
    fn step(&mut self) -> bool {
        let (ours, theirs) = (self.ours, self.theirs);
        let ([our_first, ..], [.., our_last], [their_first, ..], [.., their_last]) = (ours, ours, theirs, theirs)
        else {
            return false;
        };
        let [low, middle @ .., high] = std::mem::take(&mut self.rest) else {
            return false;
        };
        let first = our_first.mean <= their_first.mean;
        let signed = *select_unpredictable(first, &our_first.signed, &their_first.signed);
        *low = Centroid { mean: lower(our_first.mean, their_first.mean), signed };

        let last = our_last.mean > their_last.mean;
        let signed = *select_unpredictable(last, &our_last.signed, &their_last.signed);
        *high = Centroid { mean: upper(our_last.mean, their_last.mean), signed };

        self.ties |= our_first.mean == their_first.mean || our_last.mean == their_last.mean;
        self.ours = &ours[usize::from(first)..ours.len() - usize::from(last)];
        self.theirs = &theirs[usize::from(!first)..theirs.len() - usize::from(!last)];
        self.rest = middle;
        true
    }

    /// Places what is left, and says whether there were equal means.
    fn finish(mut self) -> bool {
        while self.step() {}
        self.rest.copy_from_slice(if self.ours.is_empty() { self.theirs } else { self.ours });
        self.ties
    }
}

/// The lower of two finite values: one instruction, as there is no NaN to care for.
#[inline]
fn lower(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The upper of two finite values.
#[inline]
fn upper(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The atoms of values that ascend.
pub(super) fn atoms(values: &[f64]) -> Vec<Centroid> {
    let mut atoms: Vec<Centroid> = Vec::new();
    for &value in values {
        let next = Centroid::atom(value, 1.0);
        if !atoms.last_mut().is_some_and(|last| last.absorbs(&next)) {
            atoms.push(next);
        }
    }
    atoms
}

/// What sums of means times weights are multiplied by, so that they do not overflow.
fn unit(min: f64, max: f64, total: f64) -> f64 {
    if min.abs().max(max.abs()) * total < f64::MAX / 4.0 { 1.0 } else { UNIT }
}

/// Joins neighbours from left to right, each group to where it comes closest to the limit. The first and the last one
/// stay alone, so that the ends stay exact.
pub(super) fn compress(list: &[Centroid], total: f64, limit: &Limit, groups: &mut Groups, joined: &mut Vec<Centroid>) {
    match limit {
        Limit::K1(limit) => groups.join(list, total, |below| limit.fraction(below, total), joined),
        Limit::K2(limit) => groups.join(list, total, |below| limit.fraction(below, total), joined),
    }
}

/// Joins every two neighbours, whatever they weigh; the first and the last one stay alone.
pub(super) fn pairwise(list: &[Centroid]) -> Vec<Centroid> {
    let &[first, ref between @ .., last] = list else {
        return list.to_vec();
    };
    let join = |pair: &[Centroid]| match *pair {
        [a, b] => {
            let (weight, share) = (a.weight() + b.weight(), a.weight() / (a.weight() + b.weight()));
            Centroid::mixture((a.mean * share + b.mean * (1.0 - share)).clamp(a.mean, b.mean), weight)
        }
        _ => pair[0],
    };
    [first].into_iter().chain(between.chunks(2).map(join)).chain([last]).collect()
}

/// Groups of neighbours, of which each becomes one centroid.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Their weights, and their sums of means times weights.
    sums: Vec<[f64; 2]>,
    /// Their last centroids.
    lasts: Vec<usize>,
}

impl Groups {
    /// [`compress`], where a group that begins at a rank may reach up to another, a fraction.
    fn join(&mut self, list: &[Centroid], total: f64, reach: impl Fn(f64) -> (f64, f64), joined: &mut Vec<Centroid>) {
        joined.clear();
        let &[first, .., last] = list else {
            return joined.extend_from_slice(list);
        };
        let unit = unit(first.mean, last.mean, total);
        if self.lasts.len() <= list.len() {
            self.sums.resize(list.len() + 1, [0.0; 2]);
            self.lasts.resize(list.len() + 1, 0);
        }
        let (sums, lasts) = (&mut self.sums[..=list.len()], &mut self.lasts[..=list.len()]);
        // Where a group ends cannot be foreseen: no branch depends on it. Each centroid overwrites the weight of its
        // group, the sum of means times weights, and which centroid is the last one.
        let mut end = 0;
        let [mut group_weight, mut group_sum] = [0.0; 2];
        // The first one begins a group, however little it weighs.
        let (mut through, mut most) = (0.0, (-1.0, 1.0));
        for (number, next) in list[..list.len() - 1].iter().enumerate() {
            let weight = next.weight();
            let middle = through + weight * 0.5;
            let new = middle * most.1 > most.0;
            let kept = if new { 0.0 } else { group_weight };
            let kept_sum = if new { 0.0 } else { group_sum };
            most = if new { reach(through) } else { most };
            through += weight;
            group_weight = kept + weight;
            group_sum = kept_sum + next.mean * unit * weight;
            end += usize::from(new);
            sums[end] = [group_weight, group_sum];
            lasts[end] = number;
        }
        let mut before = 0;
        let whole = 1.0 / unit;
        joined.reserve_exact(end + 1);
        joined.extend(sums[1..=end].iter().zip(&lasts[1..=end]).map(|(&[weight, sum], &last)| {
            let (first, end) = (list[before], list[last]);
            let single = last == before;
            before = last + 1;
            let mean = lower(upper(sum / weight * whole, first.mean), end.mean);
            if single { first } else { Centroid::mixture(mean, weight) }
        }));
        joined.push(last);
    }
}

/// Room to work in, kept by each thread: digests are merged in less time than it takes to be given such room anew.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) list: Vec<Centroid>,
    pub(super) groups: Groups,
}

thread_local! {
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

impl Scratch {
    /// Works with the room of this thread.
    pub(super) fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        // A thread that ends has none any more.
        let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let result = work(&mut scratch);
        if scratch.list.capacity() <= Self::KEPT {
            SCRATCH.try_with(|kept| kept.set(Some(scratch))).ok();
        }
        result
    }

    /// No more room than for so many centroids is kept: the largest digests take their time anyway.
    const KEPT: usize = 2_048;
}

/// [`unite`] and [`compress`] in one, for values that ascend and differ from each other.
pub(super) fn compress_with(ours: &[Centroid], values: &[f64], limit: &Limit, total: f64) -> Vec<Centroid> {
    match limit {
        Limit::K1(limit) => Joiner::new(ours, values, total, |below| limit.end(below, total)).all(ours, values),
        Limit::K2(limit) => Joiner::new(ours, values, total, |below| limit.end(below, total)).all(ours, values),
    }
}

/// Joins as [`compress`] does, but counts how many values fit instead of looking at each.
struct Joiner<F> {
    joined: Vec<Centroid>,
    reach: F,
    unit: f64,
    /// The group: its first centroid, its last mean, whether there is more than one, the weight, the means times
    /// weights.
    first: Centroid,
    last: f64,
    several: bool,
    weight: f64,
    sum: f64,
    /// The weight up to the end of the group, and up to where it may end.
    through: f64,
    most: f64,
}

impl<F: Fn(f64) -> f64> Joiner<F> {
    fn new(ours: &[Centroid], values: &[f64], total: f64, reach: F) -> Self {
        let end = |values: Option<&f64>, ours: Option<&Centroid>| {
            values.map_or(0.0, |value| value.abs()).max(ours.map_or(0.0, |c| c.mean.abs()))
        };
        let unit = unit(end(values.first(), ours.first()), end(values.last(), ours.last()), total);
        let joined = Vec::with_capacity(2 * ours.len() + 16);
        let first = Centroid::atom(0.0, 0.0);
        // The first one begins a group, however little it weighs.
        let (weight, sum, through, most) = (0.0, 0.0, 0.0, -1.0);
        Self { joined, reach, unit, first, last: 0.0, several: false, weight, sum, through, most }
    }

    fn all(mut self, ours: &[Centroid], mut values: &[f64]) -> Vec<Centroid> {
        // The last one of all stays alone.
        let (ours, values, last) = match (ours, &mut values) {
            ([ours @ .., last], values) if values.last().is_none_or(|value| *value < last.mean) => {
                (ours, *values, *last)
            }
            ([ours @ .., last], [values @ .., value]) if last.mean == *value && last.is_atom() => {
                (ours, values, Centroid::atom(*value, last.weight() + 1.0))
            }
            (_, [values @ .., value]) => (ours, values, Centroid::atom(*value, 1.0)),
            _ => return self.joined,
        };
        let mut rest = values;
        for &next in ours {
            let below = rest.iter().take_while(|value| **value < next.mean).count();
            self.values(&rest[..below]);
            rest = &rest[below..];
            match rest {
                [value, others @ ..] if *value == next.mean && next.is_atom() => {
                    self.centroid(Centroid::atom(*value, next.weight() + 1.0));
                    rest = others;
                }
                _ => self.centroid(next),
            }
        }
        self.values(rest);
        self.begin(last);
        self.end();
        self.joined
    }

    fn values(&mut self, mut values: &[f64]) {
        while let [next, ..] = values {
            let fit = (self.most - self.through + 0.5) as usize;
            if fit == 0 {
                self.begin(Centroid::atom(*next, 1.0));
                values = &values[1..];
            } else {
                let (now, later) = values.split_at(fit.min(values.len()));
                self.go_on(now.len() as f64, sum(now, self.unit), now[now.len() - 1]);
                values = later;
            }
        }
    }

    fn centroid(&mut self, next: Centroid) {
        let weight = next.weight();
        if self.through + weight / 2.0 > self.most {
            self.begin(next);
        } else {
            self.go_on(weight, next.mean * self.unit * weight, next.mean);
        }
    }

    fn go_on(&mut self, weight: f64, sum: f64, last: f64) {
        self.weight += weight;
        self.through += weight;
        self.sum += sum;
        (self.last, self.several) = (last, true);
    }

    /// Begins a group.
    fn begin(&mut self, first: Centroid) {
        self.end();
        self.most = (self.reach)(self.through);
        self.weight = 0.0;
        self.sum = 0.0;
        self.go_on(first.weight(), first.mean * self.unit * first.weight(), first.mean);
        (self.first, self.several) = (first, false);
    }

    /// Ends the group, if there is one.
    fn end(&mut self) {
        if self.several {
            let mean = (self.sum / self.weight / self.unit).clamp(self.first.mean, self.last);
            self.joined.push(Centroid::mixture(mean, self.weight));
        } else if self.weight > 0.0 {
            self.joined.push(self.first);
        }
    }
}

/// The sum of values, each times a unit.
fn sum(values: &[f64], unit: f64) -> f64 {
    // Four sums: one alone would wait for itself at every addition.
    let mut sums = [0.0; 4];
    let chunks = values.chunks_exact(4);
    let rest: f64 = chunks.remainder().iter().map(|value| value * unit).sum();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value * unit);
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lists_are_one_in_order() {
        for (ours, theirs) in (0..40).flat_map(|n| (0..40).map(move |m| (n, m))) {
            for step in [1, 3, 7] {
                let list = |length: u32, factor: u32, from: u32| -> Vec<Centroid> {
                    (0..length).map(|i| Centroid::atom(f64::from(from + i * factor), f64::from(1 + i))).collect()
                };
                let (ours, theirs) = (list(ours, 3, 20), list(theirs, step, 0));
                let mut expected = [&ours[..], &theirs].concat();
                expected.sort_by(|a, b| a.mean.total_cmp(&b.mean));
                expected.dedup_by(|next, kept| kept.absorbs(next));
                let mut found = list(5, 1, 0);
                unite(&ours, &theirs, &mut found);
                assert_eq!(found, expected);
            }
        }
    }
}
