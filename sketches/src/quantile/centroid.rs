//! Lists of centroids: put together, and made shorter.

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
        Self { mean: value, signed: weight }
    }

    /// Different values that have this mean.
    pub(super) const fn mixture(mean: f64, weight: f64) -> Self {
        Self { mean, signed: -weight }
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
    fn absorbs(&mut self, next: &Self) -> bool {
        let same = self.mean == next.mean && self.is_atom() && next.is_atom();
        if same {
            self.signed = (self.signed + next.signed).min(Self::HEAVIEST);
        }
        same
    }
}

/// What makes a sum of the largest values finite: 2⁻¹²⁸, a power of two, which keeps all digits.
const UNIT: f64 = 1.0 / (1_u128 << 127) as f64 / 2.0;

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

/// One list of two that ascend.
pub(super) fn united(ours: &[Centroid], theirs: &[Centroid]) -> Vec<Centroid> {
    let mut list: Vec<Centroid> = Vec::with_capacity(ours.len() + theirs.len());
    let (mut i, mut j) = (0, 0);
    while i < ours.len() && j < theirs.len() {
        // No branch on the order, which nobody can foresee.
        let first = ours[i].mean <= theirs[j].mean;
        let next = if first { ours[i] } else { theirs[j] };
        i += usize::from(first);
        j += usize::from(!first);
        push(&mut list, next);
    }
    ours[i..].iter().chain(&theirs[j..]).for_each(|&next| push(&mut list, next));
    list
}

/// One list of centroids that ascend and of values that ascend.
pub(super) fn with_values(ours: &[Centroid], values: &[f64]) -> Vec<Centroid> {
    let distinct = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if distinct < values.len() {
        let mut atoms = Vec::with_capacity(distinct);
        values.iter().for_each(|&value| push(&mut atoms, Centroid::atom(value, 1.0)));
        return united(ours, &atoms);
    }
    let mut list: Vec<Centroid> = Vec::with_capacity(ours.len() + values.len());
    let mut rest = values;
    for &next in ours {
        let below = rest.iter().take_while(|value| **value < next.mean).count();
        list.extend(rest[..below].iter().map(|&value| Centroid::atom(value, 1.0)));
        push(&mut list, next);
        rest = &rest[below..];
        if let [first, others @ ..] = rest
            && *first == next.mean
            && next.is_atom()
        {
            push(&mut list, Centroid::atom(*first, 1.0));
            rest = others;
        }
    }
    list.extend(rest.iter().map(|&value| Centroid::atom(value, 1.0)));
    list
}

/// Appends, or adds to the last one if both stand for the same value.
#[inline]
fn push(list: &mut Vec<Centroid>, next: Centroid) {
    if !list.last_mut().is_some_and(|last| last.absorbs(&next)) {
        list.push(next);
    }
}

/// Joins neighbours from left to right as far as the limit allows. The first and the last one stay alone, so that the
/// ends stay exact.
pub(super) fn compress(list: &mut Vec<Centroid>, total: f64, limit: &Limit) {
    let [first, .., last] = &list[..] else {
        return;
    };
    // Sums of means times weights must not overflow.
    let largest = first.mean.abs().max(last.mean.abs());
    let unit = if largest * total < f64::MAX / 4.0 { 1.0 } else { UNIT };
    let end = list.len() - 1;
    let mut kept = 0;
    let mut from = 0;
    let mut below = 0.0;
    while from < end {
        // The group begins at `from`, and takes what ends before the limit.
        let first = list[from];
        let most = if from == 0 { 0.0 } else { limit.end(below, total) };
        let mut through = below + first.weight();
        let mut sum = first.mean * unit * first.weight();
        let mut until = from + 1;
        for next in &list[until..end] {
            let further = through + next.weight();
            if further > most {
                break;
            }
            through = further;
            sum += next.mean * unit * next.weight();
            until += 1;
        }
        list[kept] = if until == from + 1 {
            first
        } else {
            let weight = through - below;
            let mean = (sum / weight / unit).clamp(first.mean, list[until - 1].mean);
            Centroid::mixture(mean, weight.min(Centroid::HEAVIEST))
        };
        kept += 1;
        below = through;
        from = until;
    }
    list[kept] = list[end];
    list.truncate(kept + 1);
}
