//! The numbers of an attribute as a normal distribution for each class.

use streamgauge_sketches::DecodeError;

use super::test::adds_up;

// The rows of a block of statistics: each has a number for every class. The first five are of the rows that the leaf has
// seen, and find splits.
const WEIGHT: usize = 0;
const MEAN: usize = 1;
const SQUARES: usize = 2;
const LEAST: usize = 3;
const MOST: usize = 4;
// The other five begin with a few rows as the parent knew them, and predict.
const PRIOR_WEIGHT: usize = 5;
const PRIOR_SQUARES: usize = 6;
const CENTRE: usize = 7;
/// One over twice the variance.
const PRECISION: usize = 8;
/// The logarithm of the density at the centre, but for a constant.
const PEAK: usize = 9;
/// How many rows there are.
pub(crate) const ROWS: usize = 10;

/// What a class that was never seen with an attribute has for the logarithm of its density.
const UNSEEN: f64 = -500.0;
/// The variance of a class begins with that within all classes, as if so many rows had it: a class of one row has one, and
/// numbers that are all the same in a class are no spike.
const SHARED: f64 = 1.0;
/// The least variance, where no class has any.
const LEAST_VARIANCE: f64 = 1e-200;
/// No number is less probable than one ten standard deviations away: a single attribute does not decide alone.
const FARTHEST: f64 = 50.0;
/// How many points between the least and the greatest number a split is tried at.
const POINTS: u32 = 10;

/// A block in which nothing was seen.
pub(crate) fn clear(block: &mut [f64], classes: usize) {
    block.fill(0.0);
    block[LEAST * classes..][..classes].fill(f64::INFINITY);
    block[MOST * classes..][..classes].fill(f64::NEG_INFINITY);
    block[PEAK * classes..][..classes].fill(UNSEEN);
}

/// Learns a number of a class.
#[inline]
pub(crate) fn learn(block: &mut [f64], classes: usize, class: usize, value: f64, weight: f64) {
    let block = &mut block[..ROWS * classes];
    let at = |row: usize| row * classes + class;
    block[at(LEAST)] = block[at(LEAST)].min(value);
    block[at(MOST)] = block[at(MOST)].max(value);
    welford(block, [at(WEIGHT), at(MEAN), at(SQUARES)], value, weight);
    let before = block[at(PRIOR_WEIGHT)];
    welford(block, [at(PRIOR_WEIGHT), at(CENTRE), at(PRIOR_SQUARES)], value, weight);
    if is_news(before, block[at(PRIOR_WEIGHT)]) {
        let variance = variance(block, classes, class);
        block[at(PRECISION)] = 0.5 / variance;
        block[at(PEAK)] = -0.5 * variance.ln();
    }
}

/// Whether a variance is to be taken anew. Of many rows one more changes little, and a logarithm costs as much as all else
/// that a row asks for: so it is taken when there are a 32nd to a 64th more.
#[inline]
fn is_news(before: f64, after: f64) -> bool {
    const FEW: f64 = 64.0;
    let step = (after as u64).max(1).ilog2().saturating_sub(5);
    after < FEW || (before as u64) >> step != (after as u64) >> step
}

/// Adds a number to a weight, a mean, and a sum of squares around it.
#[inline]
fn welford(block: &mut [f64], [weights, means, squares]: [usize; 3], value: f64, weight: f64) {
    let total = block[weights] + weight;
    let distance = value - block[means];
    let mean = block[means] + distance * weight / total;
    block[weights] = total;
    block[means] = mean;
    // With weights, the mean may be rounded beyond the value.
    block[squares] = (block[squares] + weight * distance * (value - mean)).clamp(0.0, f64::MAX);
}

#[inline]
fn variance(block: &[f64], classes: usize, class: usize) -> f64 {
    let row = |row: usize| &block[row * classes..][..classes];
    let (squares, weights) = (row(PRIOR_SQUARES), row(PRIOR_WEIGHT));
    let freedom = |weight: f64| (weight - 1.0).max(0.0);
    let all: f64 = weights.iter().map(|weight| freedom(*weight)).sum();
    let all = if all > 0.0 { all } else { weights.iter().sum() };
    let shared = SHARED * squares.iter().sum::<f64>() / all;
    ((squares[class] + shared) / (freedom(weights[class]) + SHARED)).clamp(LEAST_VARIANCE, 1e250)
}

/// Adds the logarithm of the density of a number in the classes from `from` on.
#[inline]
pub(crate) fn add_likelihood(block: &[f64], classes: usize, from: usize, value: f64, scores: &mut [f64]) {
    let row = |row: usize| &block[row * classes + from..][..scores.len()];
    let (centres, precisions, peaks) = (row(CENTRE), row(PRECISION), row(PEAK));
    for (((score, centre), precision), peak) in scores.iter_mut().zip(centres).zip(precisions).zip(peaks) {
        let distance = value - centre;
        *score += peak - (distance * distance * precision).min(FARTHEST);
    }
}

/// The points at which to split: evenly between the least and the greatest number, without both.
pub(crate) fn points(block: &[f64], classes: usize) -> impl Iterator<Item = f64> + use<> {
    let least = block[LEAST * classes..][..classes].iter().copied().fold(f64::INFINITY, f64::min);
    let most = block[MOST * classes..][..classes].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let step = (most - least) / f64::from(POINTS + 1);
    (1..=POINTS).map(move |i| least + step * f64::from(i)).filter(move |point| least < *point && *point < most)
}

/// Begins a block with what a parent knows, as if each class had had so many rows.
pub(crate) fn inherit(block: &mut [f64], parent: &[f64], classes: usize, rows: impl Fn(usize) -> f64) {
    for class in 0..classes {
        let at = |row: usize| row * classes + class;
        let weight = parent[at(PRIOR_WEIGHT)].min(rows(class));
        if weight > 0.0 {
            block[at(PRIOR_WEIGHT)] = weight;
            block[at(PRIOR_SQUARES)] = weight * (parent[at(PRIOR_SQUARES)] / parent[at(PRIOR_WEIGHT)]);
            for row in [CENTRE, PRECISION, PEAK] {
                block[at(row)] = parent[at(row)];
            }
        }
    }
}

/// How much of a class lies at or below a point, and above.
#[inline]
pub(crate) fn divided(block: &[f64], classes: usize, class: usize, point: f64) -> (f64, f64) {
    let of = |row: usize| block[row * classes + class];
    let weight = of(WEIGHT);
    if weight <= 0.0 || point < of(LEAST) {
        return (0.0, weight);
    }
    // A class of one number has no point between its least and its greatest: here are several, and a variance.
    let deviation = (of(SQUARES) / (weight - 1.0)).sqrt();
    let z = (point - of(MEAN)) / deviation;
    if point >= of(MOST) || !z.is_finite() {
        return (weight, 0.0);
    }
    let below = weight * 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    (below, weight - below)
}

/// Checks a block that was stored.
pub(crate) fn check(block: &[f64], classes: usize) -> Result<(), DecodeError> {
    for class in 0..classes {
        let of = |row: usize| block[row * classes + class];
        let (weights, squares) = ([WEIGHT, PRIOR_WEIGHT].map(of), [SQUARES, PRIOR_SQUARES].map(of));
        let seen = of(WEIGHT) > 0.0;
        let in_order = of(LEAST) <= of(MOST) && of(LEAST).abs() <= 1e100 && of(MOST).abs() <= 1e100;
        let none = of(LEAST) == f64::INFINITY && of(MOST) == f64::NEG_INFINITY;
        let fine = weights.into_iter().all(adds_up)
            && squares.iter().all(|squares| (0.0..=f64::MAX).contains(squares))
            && of(MEAN).abs() <= 2e100
            && of(CENTRE).abs() <= 2e100
            && (0.0..=0.5 / LEAST_VARIANCE).contains(&of(PRECISION))
            && of(PEAK).abs() <= 1e3
            && (if seen { in_order } else { none });
        DecodeError::unless(fine, "the numbers of a class", class)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(classes: usize, numbers: &[(f64, usize)]) -> Vec<f64> {
        let mut block = vec![0.0; ROWS * classes];
        clear(&mut block, classes);
        numbers.iter().for_each(|(value, class)| learn(&mut block, classes, *class, *value, 1.0));
        block
    }

    #[test]
    fn points_lie_strictly_between_the_numbers_of_all_classes() {
        let seen = block(2, &[(0.0, 0), (11.0, 1), (4.0, 0)]);
        assert_eq!(points(&seen, 2).collect::<Vec<_>>(), (1..=10).map(f64::from).collect::<Vec<_>>());
        assert_eq!(points(&block(2, &[(3.0, 0), (3.0, 1)]), 2).count(), 0);
        assert_eq!(points(&block(2, &[]), 2).count(), 0);
        let narrow = block(1, &[(1.0, 0), (1.0 + 2.0 * f64::EPSILON, 0)]);
        assert!(points(&narrow, 1).all(|point| point > 1.0 && point < 1.0 + 2.0 * f64::EPSILON));
    }

    #[test]
    fn a_class_is_divided_as_its_normal_distribution() {
        // Mean 3, variance 2.5.
        let seen = block(2, &[(1.0, 0), (2.0, 0), (3.0, 0), (4.0, 0), (5.0, 0), (9.0, 1)]);
        assert_eq!(divided(&seen, 2, 0, 3.0), (2.5, 2.5));
        let (below, above) = divided(&seen, 2, 0, 3.0 + 2.5_f64.sqrt());
        assert!((below - 5.0 * 0.841_344_746).abs() < 1e-8 && (below + above - 5.0).abs() < 1e-12);
        assert_eq!(divided(&seen, 2, 0, 0.5), (0.0, 5.0), "below the least number is nothing");
        assert_eq!(divided(&seen, 2, 0, 5.0), (5.0, 0.0), "above the greatest is nothing");
        assert_eq!((divided(&seen, 2, 1, 8.9), divided(&seen, 2, 1, 9.0)), ((0.0, 1.0), (1.0, 0.0)));
        assert_eq!(divided(&block(2, &[]), 2, 0, 0.0), (0.0, 0.0));
    }

    #[test]
    fn a_child_predicts_as_its_parent_and_splits_by_its_own_rows() {
        let parent = block(1, &[(1.0, 0), (2.0, 0), (3.0, 0)]);
        let mut child = block(1, &[]);
        inherit(&mut child, &parent, 1, |_| 2.0);
        let score = |block: &[f64]| {
            let mut score = [0.0];
            add_likelihood(block, 1, 0, 2.5, &mut score);
            score[0]
        };
        assert_eq!(score(&child), score(&parent));
        assert_eq!((child[WEIGHT], points(&child, 1).count()), (0.0, 0));
        (0..1_000).for_each(|i| learn(&mut child, 1, 0, f64::from(10 + i % 2), 1.0));
        let (below, above) = divided(&child, 1, 0, 10.5);
        assert!((below - 500.0).abs() < 1e-6 && (above - 500.0).abs() < 1e-6, "{below} {above}");
        check(&child, 1).unwrap();
    }

    #[test]
    fn numbers_of_any_size_poison_nothing() {
        let extremes = [1e100, -1e100, 0.0, 5e-324, 1e100];
        for value in extremes {
            let seen = block(2, &[(value, 0), (1.0, 1), (value, 1), (-1e100, 1)]);
            check(&seen, 2).unwrap();
            let mut scores = [0.0; 2];
            add_likelihood(&seen, 2, 0, 1e100, &mut scores);
            assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
        }
    }
}
