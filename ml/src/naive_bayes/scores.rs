//! From scores, which are logarithms up to a common constant, to classes and shares.

/// Numbers beyond this count as infinite, hence as missing: their squares could not be summed.
pub(super) const LIMIT: f64 = 1e70;

/// Weights that faded below this in sum are nothing.
const LEAST: f64 = 1e-30;

/// The weight of a row, within bounds that let all sums and quotients be finite, whatever comes.
#[inline]
pub(super) fn bounded(weight: f64) -> f64 {
    weight.clamp(LEAST, 1e20)
}

/// The class with the highest score, the lowest of several; none if no class has any. Classes that were never learned
/// have the score −∞.
#[inline]
pub(super) fn best(scores: impl Iterator<Item = f64>) -> Option<usize> {
    let (mut best, mut highest) = (None, f64::NEG_INFINITY);
    for (class, score) in scores.enumerate() {
        if score > highest {
            (best, highest) = (Some(class), score);
        }
    }
    best
}

/// Scores become shares that add up to one; all zero if no class has a score.
///
/// The highest is subtracted before the exponential is taken, so nothing overflows and the sum is at least one, however
/// many attributes there are.
pub(super) fn shares(scores: &mut [f64]) {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        scores.fill(0.0);
        return;
    }
    scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// A weight that has faded.
#[inline]
pub(super) fn faded(weight: f64, factor: f64) -> f64 {
    let faded = weight * factor;
    if faded < LEAST { 0.0 } else { faded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_neither_overflow_nor_vanish() {
        for shift in [-1e6, 0.0, 1e6] {
            let mut scores = [shift, shift + 3.0_f64.ln(), f64::NEG_INFINITY];
            shares(&mut scores);
            assert!((scores[0] - 0.25).abs() < 1e-9 && (scores[1] - 0.75).abs() < 1e-9, "{scores:?}");
            assert_eq!(scores[2], 0.0);
        }
        let mut nothing = [f64::NEG_INFINITY; 2];
        shares(&mut nothing);
        assert_eq!(nothing, [0.0; 2]);
    }

    #[test]
    fn the_lowest_of_several_is_best() {
        assert_eq!(best([1.0, 2.0, 2.0].into_iter()), Some(1));
        assert_eq!(best([f64::NEG_INFINITY; 2].into_iter()), None);
    }
}
