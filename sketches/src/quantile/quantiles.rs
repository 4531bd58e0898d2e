//! The reading of quantile summaries.

use super::digest::Digest;
use crate::estimate::{Estimate, Method};

/// A distribution as a summary knows it: asked for the value at a quantile.
///
/// ```
/// use streamgauge_sketches::{Absorb, Summary, TDigest};
/// let mut latency = TDigest::default();
/// for ms in 1..=1_000_u32 {
///     latency.absorb(&f64::from(ms));
/// }
/// let latency = latency.read();
/// assert_eq!((latency.at(0.0).value, latency.at(1.0).value), (1.0, 1_000.0));
/// assert!((latency.at(0.99).value - 990.0).abs() < 2.0);
/// ```
#[derive(Clone, Debug)]
pub struct Quantiles {
    shape: Shape,
    method: Method,
}

#[derive(Clone, Debug)]
enum Shape {
    Sorted(Vec<f64>),
    Digest(Digest),
}

impl Quantiles {
    /// All values, ascending.
    pub(crate) fn exact(sorted: Vec<f64>) -> Self {
        Self { shape: Shape::Sorted(sorted), method: Method::EXACT }
    }

    /// What a digest knows.
    pub(super) fn digest(digest: Digest, method: Method) -> Self {
        Self { shape: Shape::Digest(digest), method }
    }

    /// Whether no value was seen. All quantiles are then NaN.
    pub fn is_empty(&self) -> bool {
        match &self.shape {
            Shape::Sorted(values) => values.is_empty(),
            Shape::Digest(digest) => digest.is_empty(),
        }
    }

    /// The value at quantile `q`, clamped to 0..=1: `at(0.5)` is the median. NaN if no value was seen.
    ///
    /// Ascends with `q`; `at(0.0)` and `at(1.0)` are the lowest and the highest value.
    pub fn at(&self, q: f64) -> Estimate {
        let q = q.clamp(0.0, 1.0);
        match &self.shape {
            Shape::Sorted(values) => Estimate::exact(smallest_reaching(values, q)),
            Shape::Digest(digest) => Estimate::unbounded(digest.value_at(q), self.method),
        }
    }
}

/// The smallest value that a share `q` of the values does not exceed.
fn smallest_reaching(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
