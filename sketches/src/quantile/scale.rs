//! Scale functions: how large a centroid may be at which quantile.

use std::f64::consts::{LN_2, PI};

use serde::{Deserialize, Serialize};

/// How large the centroids of a [`TDigest`](crate::TDigest) may be, from the median to the tails.
///
/// | | weight of a centroid near quantile q | good at |
/// |---|---|---|
/// | `K1` | ∝ √(q (1 − q)) | the middle, two to four times the error of `K2` from the 1st and 99th percentile on |
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

/// A step of a scale function: a centroid reaches from k to at most k + step.
///
/// Only additions, multiplications, divisions and roots, which give the same bits on every machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    scale: ScaleFunction,
    /// k₁: the tangent of half the step. k₂: the step.
    step: f64,
    /// k₁: sine and cosine of the step. k₂: the exponential of the step, and that less one.
    turn: (f64, f64),
}

impl Limit {
    /// The step of which about so many make up the whole scale.
    pub(super) fn new(scale: ScaleFunction, total: f64, centroids: f64) -> Self {
        let step = match scale {
            ScaleFunction::K1 => PI / 2.0 / centroids,
            // With a step a, the values stand alone up to rank 1/a, and from there to the middle there is a centroid
            // for every step of ln: 2/a · (1 + ln(a · total / 2)) centroids in all.
            ScaleFunction::K2 => {
                let each = (total / centroids).max(1.0);
                let half = (0..4).fold(each * (1.0 + log(each)), |half, _| each * (1.0 + log(half)));
                2.0 * half / total
            }
        };
        Self::of_step(scale, step)
    }

    /// The step times a factor.
    pub(super) fn widened(&self, factor: f64) -> Self {
        Self::of_step(self.scale, self.step * factor)
    }

    fn of_step(scale: ScaleFunction, step: f64) -> Self {
        let turn = match scale {
            ScaleFunction::K1 => {
                let square = step * step;
                (2.0 * step / (1.0 + square), (1.0 - square) / (1.0 + square))
            }
            ScaleFunction::K2 => {
                let excess = step + step * step / 2.0 + step * step * step / 6.0;
                (1.0 + excess, excess)
            }
        };
        Self { scale, step, turn }
    }

    /// Up to which rank a centroid reaches that begins at this one.
    #[inline]
    pub(super) fn end(&self, below: f64, total: f64) -> f64 {
        match self.scale {
            ScaleFunction::K1 => {
                let (sine, cosine) = self.turn;
                let at = (2.0 * below / total - 1.0).clamp(-1.0, 1.0);
                if at >= cosine {
                    return total;
                }
                let end = at * cosine + (1.0 - at * at).sqrt() * sine;
                total * (1.0 + end) / 2.0
            }
            ScaleFunction::K2 => {
                let (growth, excess) = self.turn;
                total * below * growth / (total + below * excess)
            }
        }
    }
}

/// The natural logarithm, less by up to 0.06.
fn log(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as f64 - 1_023.0;
    let mantissa = (bits & ((1 << 52) - 1)) as f64 / (1_u64 << 52) as f64;
    (exponent + mantissa) * LN_2
}
