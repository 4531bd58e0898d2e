//! What a score means: the tail probability on a logarithmic scale, bent into `[0, 1)`.
//!
//! With `p` the share of usual items that are as strange or stranger, and `n = −log₁₀ p` (the *nines*), the score is
//! `n / (1 + n)`. It is strictly monotone and does not saturate: one in 10³⁰⁰ is still told from one in 10³⁰¹.
//!
//! | one in | 1 | 10 | 100 | 1,000 | 10⁴ | 10⁶ | 10⁹ | 10³⁰ |
//! |---|---|---|---|---|---|---|---|---|
//! | score | 0 | 0.5 | 0.667 | 0.75 | 0.8 | 0.857 | 0.9 | 0.968 |

/// The score of an item, of which there are `10^−nines` as strange or stranger. Nines below zero, and a NaN, count as 0.
#[inline]
pub fn of_nines(nines: f64) -> f64 {
    let nines = nines.max(0.0);
    if nines.is_infinite() { 1.0 } else { nines / (1.0 + nines) }
}

/// The nines of a score: the inverse of [`of_nines`]. A score outside `[0, 1]` is clamped; a NaN counts as 0.
#[inline]
pub fn nines(score: f64) -> f64 {
    if score.is_nan() {
        return 0.0;
    }
    let score = score.clamp(0.0, 1.0);
    score / (1.0 - score)
}

/// The score of a tail probability.
///
/// ```
/// use streamgauge_ml::anomaly::score;
/// assert_eq!(score::of_tail_probability(0.001), 0.75);
/// assert!((score::tail_probability(0.75) - 0.001).abs() < 1e-12);
/// ```
#[inline]
pub fn of_tail_probability(probability: f64) -> f64 {
    of_nines(-probability.log10())
}

/// The tail probability of a score: how often a usual item is as strange or stranger. Below 10⁻³⁰⁸ it is rounded to 0;
/// [`nines`] is not.
#[inline]
pub fn tail_probability(score: f64) -> f64 {
    10.0_f64.powf(-nines(score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_strictly_monotone_and_invert() {
        let mut last = -1.0;
        for i in 0..100_000 {
            let nines_in = f64::from(i) * 0.03;
            let score = of_nines(nines_in);
            assert!(score > last && score < 1.0, "{nines_in}: {score}");
            assert!((nines(score) - nines_in).abs() <= 1e-8 * (1.0 + nines_in), "{nines_in}: {}", nines(score));
            last = score;
        }
    }

    #[test]
    fn what_cannot_be_is_clamped() {
        for (nines_in, expected) in [(f64::NAN, 0.0), (-1.0, 0.0), (f64::INFINITY, 1.0)] {
            assert_eq!(of_nines(nines_in), expected);
        }
        for (score, expected) in [(f64::NAN, 1.0), (-1.0, 1.0), (1.0, 0.0), (2.0, 0.0)] {
            assert_eq!(tail_probability(score), expected);
        }
        assert_eq!(of_tail_probability(0.0), 1.0);
    }
}
