//! Intervals of what is estimated from a sample.

use crate::estimate::{Estimate, Method};
use crate::exact::Z95;

/// One half of the probability that an interval does not hold.
const TAIL: f64 = 0.025;

/// An estimated total, with what is known of its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    value: f64,
    variance: f64,
    /// The third cumulant: how lopsided the error is.
    third: f64,
    /// Σ variance²/(n − 1) over the parts, of which the degrees of freedom come.
    freedom: f64,
    /// Nothing was left out.
    exact: bool,
}

impl Total {
    /// The total of nothing, to which parts are added; exact or not, whatever they are.
    pub(super) fn zero(exact: bool) -> Self {
        Self { value: 0.0, variance: 0.0, third: 0.0, freedom: 0.0, exact }
    }

    /// Adds the total of a population of which these values are a uniform sample without replacement.
    pub(super) fn add_uniform<I: Iterator<Item = f64> + Clone>(&mut self, values: I, population: u64) {
        let size = values.clone().count() as f64;
        let n = population as f64;
        if population == 0 || size == 0.0 {
            self.exact &= population == 0;
            self.variance = if population == 0 { self.variance } else { f64::NAN };
            return;
        }
        let sum: f64 = values.clone().sum();
        if size >= n {
            self.value += sum;
            return;
        }
        let mean = sum / size;
        let (square, cube) = values.fold((0.0, 0.0), |(square, cube), x| {
            let d = x - mean;
            (square + d * d, cube + d * d * d)
        });
        // A sample that is a good part of the population errs less than one from an endless stream.
        let left_out = 1.0 - size / n;
        // Of one item no variance can be told: 0/0.
        let variance = n * n * left_out * square / (size - 1.0) / size;
        self.value += n * mean;
        self.variance += variance;
        self.third += n * n * n * left_out * (2.0 * left_out - 1.0) * cube / size / (size * size);
        self.freedom += variance * variance / (size - 1.0);
        self.exact = false;
    }

    /// Adds a value held with this probability, as one of `size`.
    pub(super) fn add_held(&mut self, value: f64, probability: f64, size: usize) {
        let left_out = 1.0 - probability;
        let share = value / probability;
        self.value += share;
        self.variance += share * share * left_out;
        self.third += share * share * share * left_out * (1.0 - 2.0 * probability);
        // Parts of one variance together: set anew with every value.
        self.freedom = self.variance * self.variance / (size as f64 - 1.0);
    }

    /// The 95 % interval of the total divided by a known number.
    ///
    /// Student's t, and Hall's transformation, which takes the skewness out of it: the mean of a skewed population is
    /// more often far below the truth than far above, and looks certain when it is. Source: Hall, *On the Removal of
    /// Skewness by Transformation*, 1992.
    pub(super) fn over(self, divisor: f64, method: Method) -> Estimate {
        let value = self.value / divisor;
        if self.exact && value.is_finite() {
            return Estimate::within(value, value, value, 1.0, method);
        }
        let error = self.variance.sqrt() / divisor;
        // Values that are all alike in the sample tell nothing of the others, as a single one does not.
        if !(value.is_finite() && error.is_finite() && error > 0.0) {
            return Estimate::unbounded(value, method);
        }
        let skewness = self.third / (self.variance * self.variance.sqrt());
        // Cubes leave the floats before squares do.
        if !skewness.is_finite() {
            return Estimate::unbounded(value, method);
        }
        let t = student(self.variance * self.variance / self.freedom);
        let (below, above) = (transformed(t, skewness), transformed(-t, skewness));
        // Where nearly all is in the sample, the skewness can outweigh the error: both ends would be on one side.
        let (lower, upper) = ((value - error * below).min(value), (value - error * above).max(value));
        Estimate::within(value, lower, upper, 0.95, method)
    }
}

/// The studentised error whose Hall transform is `t`.
fn transformed(t: f64, skewness: f64) -> f64 {
    if skewness.abs() < 1e-6 {
        return t;
    }
    3.0 / skewness * ((1.0 + skewness * (t - skewness / 6.0)).cbrt() - 1.0)
}

/// The quantile of Student's t distribution that 2.5 % exceed.
///
/// Source: Abramowitz, Stegun, *Handbook of Mathematical Functions*, 26.7.5, which is exact to four digits from eleven
/// degrees of freedom on.
pub(super) fn student(freedom: f64) -> f64 {
    const FEW: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    // Rounded down, which is the wider interval; a NaN becomes one.
    let whole = (freedom as usize).max(1);
    if let Some(quantile) = FEW.get(whole - 1) {
        return *quantile;
    }
    let (z, n) = (Z95, freedom);
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * n)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n * n)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * n * n * n)
}

/// How many of a population have a property that `hits` of a uniform sample have: the numbers under which neither so
/// many nor so few hits are rarer than 2.5 %. Holds with at least 95 %, however rare the property is (Clopper and
/// Pearson's interval, of the hypergeometric distribution).
pub(super) fn limits(hits: u64, sample: u64, population: u64) -> (f64, f64) {
    let misses = sample - hits;
    let lower = match hits {
        0 => 0,
        _ => first(hits, population - misses, |k| !rarer(sample - hits, sample, population - k, population)),
    };
    let upper = match misses {
        0 => population,
        // The same question, asked of those that have it not.
        _ => population - first(misses, population - hits, |k| !rarer(hits, sample, population - k, population)),
    };
    (lower as f64, upper as f64)
}

/// The first number in a range for which a condition holds that then goes on holding; the last if it never does.
fn first(from: u64, last: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (from, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Whether at most `hits` of a sample are rarer than 2.5 %, if `k` of the population would be hits.
fn rarer(hits: u64, sample: u64, k: u64, population: u64) -> bool {
    let (sample, k, n) = (sample as f64, k as f64, population as f64);
    let mut hits = hits as f64;
    // More than the mean are never so rare.
    if hits >= (sample * k / n).ceil() {
        return false;
    }
    let mut term = hypergeometric(hits, sample, k, n);
    let mut sum = 0.0;
    while term > sum * 1e-15 && hits >= 0.0 && sum < TAIL {
        sum += term;
        term *= hits * (n - k - sample + hits) / ((k - hits + 1.0) * (sample - hits + 1.0));
        hits -= 1.0;
    }
    sum < TAIL
}

/// The probability of so many hits in a sample, if `k` of the population of `n` are hits.
///
/// Source: Loader, *Fast and Accurate Computation of Binomial Probabilities*, 2000: no digits are lost, however large
/// the numbers are.
fn hypergeometric(hits: f64, sample: f64, k: f64, n: f64) -> f64 {
    if hits > k || sample - hits > n - k {
        return 0.0;
    }
    let p = sample / n;
    binomial(hits, k, p) * binomial(sample - hits, n - k, p) / binomial(sample, n, p)
}

fn binomial(x: f64, n: f64, p: f64) -> f64 {
    if x == 0.0 {
        return (n * (-p).ln_1p()).exp();
    }
    let q = 1.0 - p;
    if x == n {
        return (n * p.ln()).exp();
    }
    let correction = stirling(n) - stirling(x) - stirling(n - x);
    let deviance = deviance(x, n * p) + deviance(n - x, n * q);
    (correction - deviance).exp() * (n / (std::f64::consts::TAU * x * (n - x))).sqrt()
}

/// x ln(x/m) + m − x.
fn deviance(x: f64, m: f64) -> f64 {
    let v = (x - m) / (x + m);
    if v.abs() > 0.1 {
        return x * (x / m).ln() + m - x;
    }
    // ln(x/m) = 2 artanh(v): the first terms are those that cancel.
    let (mut sum, mut power) = ((x - m) * v, 2.0 * x * v);
    for j in 1..12 {
        power *= v * v;
        sum += power / f64::from(2 * j + 1);
    }
    sum
}

/// ln n! − ln(√(2πn) (n/e)ⁿ).
fn stirling(n: f64) -> f64 {
    if n < 16.0 {
        let factorial: f64 = (2..=n as u32).map(f64::from).product();
        return factorial.ln() - (n + 0.5) * n.ln() + n - 0.5 * std::f64::consts::TAU.ln();
    }
    let z = 1.0 / (n * n);
    (1.0 / 12.0 - z * (1.0 / 360.0 - z * (1.0 / 1_260.0 - z / 1_680.0))) / n
}

/// The interval of a sum of rare events of different size: what it is, its variance and the largest size.
///
/// Source: Fay, Feuer, *Confidence Intervals for Directly Standardized Rates*, 1997.
pub(super) fn rare_events(value: f64, variance: f64, largest: f64) -> (f64, f64) {
    let lower = if value > 0.0 { gamma_quantile(value, variance, -Z95) } else { 0.0 };
    (lower, gamma_quantile(value + largest, variance + largest * largest, Z95))
}

/// A quantile of the gamma distribution of this mean and variance, after Wilson and Hilferty.
fn gamma_quantile(mean: f64, variance: f64, z: f64) -> f64 {
    let spread = variance / (9.0 * mean * mean);
    mean * (1.0 - spread + z * spread.sqrt()).max(0.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_exact() {
        // Of 50 items 20 are hits; among 10 there are 4 with probability C(20,4) C(30,6) / C(50,10).
        let exact = 4_845.0 * 593_775.0 / 10_272_278_170.0;
        assert!((hypergeometric(4.0, 10.0, 20.0, 50.0) / exact - 1.0).abs() < 1e-12);
        let all: f64 = (0..=10).map(|x| hypergeometric(f64::from(x), 10.0, 20.0, 50.0)).sum();
        assert!((all - 1.0).abs() < 1e-12, "{all}");
        // From 2⁶⁰ items, the binomial one.
        let n = (60_f64).exp2();
        assert!((hypergeometric(0.0, 100.0, n / 100.0, n) / 0.99_f64.powi(100) - 1.0).abs() < 1e-9);
        assert!((hypergeometric(3.0, 10.0, n / 2.0, n) / (120.0 / 1_024.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn limits_are_those_of_the_tables() {
        // Clopper and Pearson: 0 of 10 gives up to 30.85 %, 5 of 10 18.71 % to 81.29 %.
        let n = 1_u64 << 50;
        let share = |hits, sample| {
            let (lower, upper) = limits(hits, sample, n);
            (lower / n as f64, upper / n as f64)
        };
        assert!((share(0, 10).1 - 0.3085).abs() < 1e-4);
        assert!((share(5, 10).0 - 0.1871).abs() < 1e-4 && (share(5, 10).1 - 0.8129).abs() < 1e-4);
        assert_eq!(limits(10, 10, 10), (10.0, 10.0));
        assert_eq!(limits(3, 10, 10), (3.0, 3.0));
        assert_eq!(limits(0, 0, 7), (0.0, 7.0));
        let (lower, upper) = limits(500, 1_000, u64::MAX);
        assert!(lower > 8.6e18 && upper < 9.9e18);
    }

    #[test]
    fn limits_hold_for_every_truth() {
        for (sample, population) in [(5_u64, 12_u64), (20, 60), (30, 31)] {
            for k in 0..=population {
                let held: f64 = (0..=sample.min(k))
                    .filter(|hits| sample - hits <= population - k)
                    .filter(|&hits| {
                        let (lower, upper) = limits(hits, sample, population);
                        lower <= k as f64 && k as f64 <= upper
                    })
                    .map(|hits| hypergeometric(hits as f64, sample as f64, k as f64, population as f64))
                    .sum();
                assert!(held >= 0.95 - 1e-9, "{k} of {population}: {held}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, quantile) in [(1.0, 12.706), (9.7, 2.262), (11.0, 2.201), (30.0, 2.042), (1e9, 1.960)] {
            assert!((student(freedom) - quantile).abs() < 6e-4, "{freedom}: {}", student(freedom));
        }
        // No event: at most 3.69 with 97.5 %. Ten: 4.80 to 18.39.
        let (lower, upper) = rare_events(0.0, 0.0, 1.0);
        assert!(lower == 0.0 && (upper - 3.689).abs() < 0.03, "{upper}");
        let (lower, upper) = rare_events(10.0, 10.0, 1.0);
        assert!((lower - 4.795).abs() < 0.02 && (upper - 18.39).abs() < 0.02, "{lower} {upper}");
    }
}
