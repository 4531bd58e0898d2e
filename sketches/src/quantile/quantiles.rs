//! The reading of quantile summaries.

use super::Centroid;
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
    Digest { centroids: Vec<Centroid>, min: f64, max: f64 },
}

impl Quantiles {
    /// All values, ascending.
    pub(crate) fn exact(sorted: Vec<f64>) -> Self {
        Self { shape: Shape::Sorted(sorted), method: Method::EXACT }
    }

    /// Centroids, ascending by mean.
    pub(crate) fn digest(centroids: Vec<Centroid>, min: f64, max: f64, method: Method) -> Self {
        Self { shape: Shape::Digest { centroids, min, max }, method }
    }

    /// Whether no value was seen. All quantiles are then NaN.
    pub fn is_empty(&self) -> bool {
        match &self.shape {
            Shape::Sorted(values) => values.is_empty(),
            Shape::Digest { centroids, .. } => centroids.is_empty(),
        }
    }

    /// The value at quantile `q`, clamped to 0..=1: `at(0.5)` is the median. NaN if no value was seen.
    ///
    /// Ascends with `q`; `at(0.0)` and `at(1.0)` are the lowest and the highest value.
    pub fn at(&self, q: f64) -> Estimate {
        let q = q.clamp(0.0, 1.0);
        match &self.shape {
            Shape::Sorted(values) => Estimate::exact(smallest_reaching(values, q)),
            Shape::Digest { centroids, min, max } => {
                Estimate::unbounded(interpolate(centroids, *min, *max, q), self.method)
            }
        }
    }
}

/// The smallest value that a share `q` of the values does not exceed.
fn smallest_reaching(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Each centroid's weight lies half below and half above its mean; a centroid of one value is that value.
fn interpolate(centroids: &[Centroid], min: f64, max: f64, q: f64) -> f64 {
    let total: f64 = centroids.iter().map(|c| c.weight).sum();
    let (Some(first), Some(last)) = (centroids.first(), centroids.last()) else {
        return f64::NAN;
    };
    let target = q * total;
    if target <= first.weight / 2.0 {
        let share = if first.weight > 1.0 { target / (first.weight / 2.0) } else { 0.0 };
        return lerp(min, first.mean, share);
    }
    if target >= total - last.weight / 2.0 {
        let share = if last.weight > 1.0 { (total - target) / (last.weight / 2.0) } else { 0.0 };
        return lerp(max, last.mean, share);
    }
    // What a centroid holds exactly, around its middle.
    let exact = |c: &Centroid| if c.weight == 1.0 { 0.5 } else { 0.0 };
    let mut middle = first.weight / 2.0;
    for pair in centroids.windows(2) {
        let (here, next) = (&pair[0], &pair[1]);
        let step = (here.weight + next.weight) / 2.0;
        if target <= middle + step {
            let from = middle + exact(here);
            let to = middle + step - exact(next);
            let share = if to > from { ((target - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
            let share = if to > from { share } else { f64::from(target - middle > step / 2.0) };
            return lerp(here.mean, next.mean, share).clamp(min, max);
        }
        middle += step;
    }
    max
}

/// Between two values; never outside of them, whatever rounding does.
fn lerp(from: f64, to: f64, share: f64) -> f64 {
    (from * (1.0 - share) + to * share).clamp(from.min(to), from.max(to))
}
