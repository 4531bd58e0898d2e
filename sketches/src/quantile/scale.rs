//! Scale functions: how large a centroid may be at which quantile.

use std::f64::consts::{LN_2, PI};

use serde::{Deserialize, Serialize};

/// How large the centroids of a [`TDigest`](crate::TDigest) may be, from the median to the tails.
///
/// | | weight of a centroid near quantile q | good at |
/// |---|---|---|
/// | `K1` | ∝ √(q (1 − q)) | the middle: half the error of `K2` there, three times as much at the 99.9th percentile |
/// | `K2` | ∝ q (1 − q) | the tails: the rank error shrinks in proportion to the distance from the end |
///
/// Source: Dunning, *Conservation of the t-digest Scale Invariant*, arXiv:1903.09919.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ScaleFunction {
    /// The arcsine: k(q) ∝ asin(2q − 1).
    K1 = 1,
    /// The logit: k(q) ∝ ln(q / (1 − q)).
    #[default]
    K2 = 2,
}

impl std::fmt::Display for ScaleFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::K1 => "k1",
            Self::K2 => "k2",
        })
    }
}

/// A step of a scale function: a centroid reaches from k to about k + step.
///
/// Only additions, multiplications, divisions and roots, which give the same bits on every machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    K1(Arcsine),
    K2(Logit),
}

impl Limit {
    /// The step of which about so many make up the whole scale.
    pub(super) fn new(scale: ScaleFunction, total: f64, centroids: f64) -> Self {
        match scale {
            ScaleFunction::K1 => Self::K1(Arcsine { half: PI / 2.0 / centroids }),
            // With a step a, the values stand alone up to rank 1/a, and from there to the middle there is a centroid
            // for every step of ln: 2/a · (1 + ln(a · total / 2)) centroids in all.
            ScaleFunction::K2 => {
                let each = (total / centroids).max(1.0);
                let half = (0..4).fold(each * (1.0 + log(each)), |half, _| each * (1.0 + log(half)));
                Self::K2(Logit { step: 2.0 * half / total })
            }
        }
    }

    /// The step times a factor.
    pub(super) fn widened(self, factor: f64) -> Self {
        match self {
            Self::K1(Arcsine { half }) => Self::K1(Arcsine { half: half * factor }),
            Self::K2(Logit { step }) => Self::K2(Logit { step: step * factor }),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Arcsine {
    /// The tangent of half the step.
    half: f64,
}

impl Arcsine {
    /// Up to which rank a centroid reaches that begins at this one.
    #[inline]
    pub(super) fn end(self, below: f64, total: f64) -> f64 {
        let square = self.half * self.half;
        let (sine, cosine) = (2.0 * self.half / (1.0 + square), (1.0 - square) / (1.0 + square));
        let at = (2.0 * below / total - 1.0).clamp(-1.0, 1.0);
        let end = at * cosine + (1.0 - at * at).sqrt() * sine;
        if at < cosine { total * (1.0 + end) / 2.0 } else { total }
    }

    /// The same as a fraction.
    #[inline]
    pub(super) fn fraction(self, below: f64, total: f64) -> (f64, f64) {
        (self.end(below, total), 1.0)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Logit {
    step: f64,
}

impl Logit {
    /// Up to which rank a centroid reaches that begins at this one.
    #[inline]
    pub(super) fn end(self, below: f64, total: f64) -> f64 {
        let (numerator, denominator) = self.fraction(below, total);
        numerator / denominator
    }

    /// The same as a fraction: to compare with it takes no division.
    #[inline]
    pub(super) fn fraction(self, below: f64, total: f64) -> (f64, f64) {
        let step = self.step;
        let excess = step + step * step / 2.0 + step * step * step / 6.0;
        (total * (1.0 + excess) * below, total + below * excess)
    }
}

/// The natural logarithm, less by up to 0.06.
fn log(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as f64 - 1_023.0;
    let mantissa = (bits & ((1 << 52) - 1)) as f64 / (1_u64 << 52) as f64;
    (exponent + mantissa) * LN_2
}
