//! Random variates that are the same on every machine.
//!
//! What is drawn decides which items a sample holds, and has to be the same wherever a stream is replayed. The logarithm
//! and the exponential of the standard library are those of the platform, which differ in the last digit; so here are
//! two of plain arithmetic, exact to some units of 10⁻¹⁶.

use std::f64::consts::{LN_2, LOG2_E};

use crate::random::Draws;

impl Draws {
    /// An exponential variate of mean 1; above 0.
    #[inline]
    pub(super) fn exponential(&mut self) -> f64 {
        -ln(self.unit())
    }

    /// How many items are stepped over before the next of this probability is taken.
    #[inline]
    pub(super) fn skip(&mut self, probability: f64) -> u64 {
        // A cast saturates: a probability of zero skips everything.
        (self.exponential() / -ln_1m(probability)) as u64
    }

    /// The highest of `n` uniform numbers.
    #[inline]
    pub(super) fn highest_of(&mut self, n: u32) -> f64 {
        exp(-self.exponential() / f64::from(n))
    }

    /// The `k`-th smallest of `n` uniform numbers: a Beta(k, n − k + 1) variate, from two gamma variates.
    pub(super) fn kth_smallest(&mut self, k: u32, n: u64) -> f64 {
        let (below, above) = (self.gamma(f64::from(k)), self.gamma((n - u64::from(k)) as f64 + 1.0));
        below / (below + above)
    }

    /// A gamma variate of a shape of at least 1.
    ///
    /// Source: Marsaglia, Tsang, *A Simple Method for Generating Gamma Variables*, 2000.
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            // For such a shape the test never rejects, and its digits would be lost in the difference.
            if d > 1e8 || v > 0.0 && ln(self.unit()) < 0.5 * x * x + d * (1.0 - v + ln(v)) {
                return d * v;
            }
        }
    }

    /// A standard normal variate, by the polar method.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }
}

/// The natural logarithm of a positive number that is not subnormal.
#[inline]
fn ln(x: f64) -> f64 {
    const ROOT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    // x = 2ᵉ m with m between √½ and √2, and ln m = 2 artanh((m − 1) / (m + 1)).
    let exponent = (x.to_bits().wrapping_sub(ROOT_HALF) as i64) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_sub((exponent << 52) as u64));
    exponent as f64 * LN_2 + twice_artanh((m - 1.0) / (m + 1.0))
}

/// ln(1 − x) for x in 0..=1, exact for the smallest x too.
#[inline]
fn ln_1m(x: f64) -> f64 {
    if x < 1.0 / 1_024.0 {
        return -x * ((1.0 + x * 0.5) + (x * x) * ((1.0 / 3.0 + x * 0.25) + (x * x) * 0.2));
    }
    if x < 0.29 {
        return -twice_artanh(x / (2.0 - x));
    }
    if x < 1.0 { ln(1.0 - x) } else { f64::NEG_INFINITY }
}

/// 2 artanh(s) for s within ±0.1716: the series up to s²¹, in halves that a processor computes side by side.
#[inline]
fn twice_artanh(s: f64) -> f64 {
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let low = (1.0 + z * (1.0 / 3.0)) + z2 * (1.0 / 5.0 + z * (1.0 / 7.0));
    let middle = (1.0 / 9.0 + z * (1.0 / 11.0)) + z2 * (1.0 / 13.0 + z * (1.0 / 15.0));
    let high = (1.0 / 17.0 + z * (1.0 / 19.0)) + z2 * (1.0 / 21.0);
    2.0 * s * (low + z4 * (middle + z4 * high))
}

/// The exponential of a number that is not above 0.
#[inline]
fn exp(x: f64) -> f64 {
    if x > -1.0 / 64.0 {
        return small_exp(x, 0.0);
    }
    // x = n ln 2 + r with r within ±½ ln 2, and eˣ = 2ⁿ eʳ. The cast rounds towards zero.
    let n = (x * LOG2_E - 0.5) as i64;
    if n < -1_022 {
        return 0.0;
    }
    let r = x - n as f64 * LN_2;
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let c = (1.0 / 40_320.0 + r * (1.0 / 362_880.0)) + r2 * (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0));
    let d = 1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0);
    small_exp(r, r4 * (c + r4 * d)) * f64::from_bits(((n + 1_023) as u64) << 52)
}

/// The series of the exponential up to x⁷, and x⁴ times what follows.
#[inline]
fn small_exp(x: f64, rest: f64) -> f64 {
    let x2 = x * x;
    let low = (1.0 + x) + x2 * (1.0 / 2.0 + x * (1.0 / 6.0));
    let high = (1.0 / 24.0 + x * (1.0 / 120.0)) + x2 * (1.0 / 720.0 + x * (1.0 / 5_040.0));
    low + (x2 * x2) * (high + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_and_exponentials_are_those_of_mathematics() {
        let mut draws = Draws::new(3);
        for i in 0..20_000 {
            let x = draws.unit() * 0.5_f64.powi(i % 60);
            assert!((ln(x) - x.ln()).abs() <= 4e-16 * x.ln().abs(), "ln {x}");
            assert!((ln_1m(x) - (-x).ln_1p()).abs() <= 8e-16 * (-x).ln_1p().abs(), "ln(1 - {x})");
            assert!((exp(-30.0 * x) - (-30.0 * x).exp()).abs() <= 4e-15 * (-30.0 * x).exp(), "exp -{x}");
        }
        assert_eq!((ln(1.0), exp(0.0), exp(-1e4), ln_1m(0.0), ln_1m(1.0)), (0.0, 1.0, 0.0, 0.0, f64::NEG_INFINITY));
    }

    #[test]
    fn skips_saturate() {
        let mut draws = Draws::new(3);
        assert_eq!((draws.skip(0.0), draws.skip(1.0)), (u64::MAX, 0));
        assert!((0..1_000).all(|_| (0.0..=1.0).contains(&draws.kth_smallest(1, u64::MAX))));
    }

    #[test]
    fn order_statistics_have_their_moments() {
        const TRIALS: u32 = 20_000;
        let mut draws = Draws::new(5);
        for (k, n) in [(1, 1), (1, 50), (3, 3), (5, 200), (100, 100_000)] {
            let drawn: Vec<f64> = (0..TRIALS).map(|_| draws.kth_smallest(k, n)).collect();
            let (a, b) = (f64::from(k), n as f64 - f64::from(k) + 1.0);
            let mean = a / (a + b);
            let variance = a * b / ((a + b).powi(2) * (a + b + 1.0));
            let found = drawn.iter().sum::<f64>() / f64::from(TRIALS);
            let spread = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(TRIALS);
            // Four standard errors of the mean; the variance has a relative one of at most √(8/20,000).
            assert!((found - mean).abs() < 4.0 * (variance / f64::from(TRIALS)).sqrt(), "{k} of {n}: {found}");
            assert!((spread / variance - 1.0).abs() < 0.08, "{k} of {n}: {spread} for {variance}");
        }
    }
}
