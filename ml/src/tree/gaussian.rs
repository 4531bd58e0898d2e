//! The numbers of an attribute as a normal distribution for each class.

use streamgauge_sketches::DecodeError;

/// What is known of a number in one class. The rows of a block of statistics: each has a number for every class.
const WEIGHT: usize = 0;
const SQUARES: usize = 1;
const LEAST: usize = 2;
const MOST: usize = 3;
const MEAN: usize = 4;
/// One over twice the variance.
const PRECISION: usize = 5;
/// The logarithm of the density at the mean, but for a constant.
const PEAK: usize = 6;
/// How many rows there are.
pub(crate) const ROWS: usize = 7;

/// What a class that was never seen with an attribute has for the logarithm of its density.
const UNSEEN: f64 = -500.0;
/// The variance of a class begins with that within all classes, as if so many rows had it: a class of one row has one, and
/// numbers that are all the same in a class are no spike.
const SHARED: f64 = 0.1;
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
    let total = block[at(WEIGHT)] + weight;
    let distance = value - block[at(MEAN)];
    let mean = block[at(MEAN)] + distance * weight / total;
    let squares = block[at(SQUARES)] + weight * distance * (value - mean);
    block[at(WEIGHT)] = total;
    block[at(MEAN)] = mean;
    block[at(SQUARES)] = squares.min(f64::MAX);
    block[at(LEAST)] = block[at(LEAST)].min(value);
    block[at(MOST)] = block[at(MOST)].max(value);
    let variance = variance(block, classes, total, squares);
    block[at(PRECISION)] = 0.5 / variance;
    block[at(PEAK)] = -0.5 * variance.ln();
}

#[inline]
fn variance(block: &[f64], classes: usize, weight: f64, squares: f64) -> f64 {
    let sum = |row: usize| block[row * classes..][..classes].iter().sum::<f64>();
    let shared = SHARED * sum(SQUARES) / sum(WEIGHT);
    ((squares + shared) / ((weight - 1.0).max(0.0) + SHARED)).clamp(LEAST_VARIANCE, 1e250)
}

/// Adds the logarithm of the density of a number in the classes from `from` on.
#[inline]
pub(crate) fn add_likelihood(block: &[f64], classes: usize, from: usize, value: f64, scores: &mut [f64]) {
    let row = |row: usize| &block[row * classes + from..][..scores.len()];
    let (means, precisions, peaks) = (row(MEAN), row(PRECISION), row(PEAK));
    for (((score, mean), precision), peak) in scores.iter_mut().zip(means).zip(precisions).zip(peaks) {
        let distance = value - mean;
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

/// How much of a class lies at or below a point, and above.
#[inline]
pub(crate) fn divided(block: &[f64], classes: usize, class: usize, point: f64) -> (f64, f64) {
    let of = |row: usize| block[row * classes + class];
    let weight = of(WEIGHT);
    if weight <= 0.0 || point < of(LEAST) {
        return (0.0, weight);
    }
    if point >= of(MOST) {
        return (weight, 0.0);
    }
    let z = (point - of(MEAN)) * (2.0 * of(PRECISION)).sqrt();
    let below = weight * 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    (below, weight - below)
}

/// The weight of the numbers that were seen, by class.
pub(crate) fn weights(block: &[f64], classes: usize) -> &[f64] {
    &block[WEIGHT * classes..][..classes]
}

/// Checks a block that was stored.
pub(crate) fn check(block: &[f64], classes: usize) -> Result<(), DecodeError> {
    for class in 0..classes {
        let of = |row: usize| block[row * classes + class];
        let weight = of(WEIGHT);
        let seen = weight > 0.0;
        let in_order = of(LEAST) <= of(MOST) && of(LEAST).abs() <= 1e100 && of(MOST).abs() <= 1e100;
        let fine = weight.is_finite()
            && weight >= 0.0
            && of(SQUARES).is_finite()
            && of(MEAN).abs() <= 2e100
            && (0.0..=0.5 / LEAST_VARIANCE).contains(&of(PRECISION))
            && of(PEAK).abs() <= 1e3
            && (if seen { in_order } else { of(LEAST) == f64::INFINITY && of(MOST) == f64::NEG_INFINITY });
        DecodeError::unless(fine, "the numbers of a class", class)?;
    }
    Ok(())
}
