//! The reading of quantile summaries.

use super::digest::Digest;
use super::steps::Steps;
use crate::estimate::{Estimate, Method};

/// A distribution as a summary knows it: asked for the value at a quantile, for the rank of a value, for shares.
///
/// | read of | intervals |
/// |---|---|
/// | [`ExactQuantiles`](crate::ExactQuantiles) | exact |
/// | [`Kll`](crate::Kll) | hold with 95 %; exact while all values are kept, and none stands for several |
/// | [`TDigest`](crate::TDigest) | none |
///
/// A quantile is the smallest value that at least that share of the values does not exceed; a rank is the share of the
/// values that are not above. What is asked with a NaN, and of no values, is NaN.
///
/// ```
/// use streamgauge_sketches::{Absorb, ExactQuantiles, Summary};
/// let mut latency = ExactQuantiles::default();
/// (1..=1_000_u32).for_each(|ms| latency.absorb(&f64::from(ms)));
/// let latency = latency.read();
/// assert_eq!(latency.at(0.99).value, 990.0);
/// assert_eq!(latency.rank(250.0).value, 0.25);
/// let shares: Vec<f64> = latency.pmf(&[100.0, 500.0]).iter().map(|share| share.value).collect();
/// assert_eq!(shares, [0.1, 0.4, 0.5]);
/// assert_eq!(latency.trimmed_mean(0.1, 0.9).value, 500.5);
/// ```
#[derive(Clone, Debug)]
pub struct Quantiles {
    shape: Shape,
    method: Method,
}

#[derive(Clone, Debug)]
enum Shape {
    Steps(Steps),
    Digest(Digest),
}

impl Quantiles {
    /// All values, ascending.
    pub(crate) fn exact(sorted: Vec<f64>) -> Self {
        Self { shape: Shape::Steps(Steps::exact(sorted)), method: Method::EXACT }
    }

    /// Some of the values, with the error of their ranks.
    pub(super) fn steps(steps: Steps, method: Method) -> Self {
        Self { shape: Shape::Steps(steps), method }
    }

    /// What a digest knows.
    pub(super) fn digest(digest: Digest, method: Method) -> Self {
        Self { shape: Shape::Digest(digest), method }
    }

    /// Whether no value was seen. All answers are then NaN.
    pub fn is_empty(&self) -> bool {
        match &self.shape {
            Shape::Steps(steps) => steps.is_empty(),
            Shape::Digest(digest) => digest.is_empty(),
        }
    }

    /// How many values were seen; sampled values count as those they stand for, faded ones less than one.
    pub fn count(&self) -> f64 {
        match &self.shape {
            Shape::Steps(steps) => steps.total(),
            Shape::Digest(digest) => digest.total(),
        }
    }

    /// The lowest value, exactly; of sampled values, the lowest of the sample.
    pub fn min(&self) -> f64 {
        self.end(Steps::min, |digest| digest.min)
    }

    /// The highest value, exactly; of sampled values, the highest of the sample.
    pub fn max(&self) -> f64 {
        self.end(Steps::max, |digest| digest.max)
    }

    fn end(&self, steps: impl Fn(&Steps) -> f64, digest: impl Fn(&Digest) -> f64) -> f64 {
        match &self.shape {
            _ if self.is_empty() => f64::NAN,
            Shape::Steps(shape) => steps(shape),
            Shape::Digest(shape) => digest(shape),
        }
    }

    /// The value at quantile `q`, clamped to 0..=1: `at(0.5)` is the median.
    ///
    /// Ascends with `q`; `at(0.0)` and `at(1.0)` are the lowest and the highest value. The interval is that between the
    /// values at the lowest and at the highest rank that `q` may have.
    pub fn at(&self, q: f64) -> Estimate {
        if q.is_nan() || self.is_empty() {
            return self.unknown();
        }
        let q = q.clamp(0.0, 1.0);
        match &self.shape {
            Shape::Steps(steps) if q == 0.0 && !steps.is_sampled() => self.certain(self.min()),
            Shape::Steps(steps) if q == 1.0 && !steps.is_sampled() => self.certain(self.max()),
            Shape::Steps(steps) => self.interval(steps.error(q), steps.values_at(q)),
            Shape::Digest(digest) => Estimate::unbounded(digest.value_at(q), self.method),
        }
    }

    /// The share of the values that are at most `x`.
    ///
    /// Ascends with `x`; below the lowest value it is 0 and from the highest on 1, for certain unless the values were
    /// sampled.
    pub fn rank(&self, x: f64) -> Estimate {
        if x.is_nan() || self.is_empty() {
            return self.unknown();
        }
        let end = if x < self.min() { Some(0.0) } else { (x >= self.max()).then_some(1.0) };
        match (&self.shape, end) {
            (Shape::Steps(steps), Some(end)) if steps.is_sampled() => self.share(end, steps.error(end)),
            (_, Some(end)) => self.certain(end),
            (Shape::Steps(steps), None) => {
                let rank = steps.rank_of(x);
                self.share(rank, steps.error(rank))
            }
            (Shape::Digest(digest), None) => Estimate::unbounded(digest.rank_of(x), self.method),
        }
    }

    /// The [rank](Self::rank) of each of some values: the distribution function.
    pub fn cdf(&self, values: &[f64]) -> Vec<Estimate> {
        values.iter().map(|&x| self.rank(x)).collect()
    }

    /// The shares of the values up to the first split, above it up to the second, … and above the last: one more than
    /// splits, which should ascend. Each interval holds on its own.
    pub fn pmf(&self, splits: &[f64]) -> Vec<Estimate> {
        if self.is_empty() {
            return vec![self.unknown(); splits.len() + 1];
        }
        let ranks = self.cdf(splits);
        let below = std::iter::once(self.certain(0.0)).chain(ranks.iter().copied());
        let until = ranks.iter().copied().chain([self.certain(1.0)]);
        below.zip(until).map(|(below, until)| self.between(&below, &until)).collect()
    }

    /// The share between two ranks.
    fn between(&self, below: &Estimate, until: &Estimate) -> Estimate {
        if below.value.is_nan() || until.value.is_nan() {
            return self.unknown();
        }
        let share = (until.value - below.value).max(0.0);
        match &self.shape {
            _ if below.is_exact() && until.is_exact() => self.certain(share),
            // A stretch whose ends both err.
            Shape::Steps(steps) if !below.is_exact() && !until.is_exact() => {
                self.share(share, steps.error_between(share))
            }
            Shape::Steps(steps) => self.share(share, steps.error(share)),
            Shape::Digest(_) => Estimate::unbounded(share, self.method),
        }
    }

    /// The mean of the values between two quantiles, clamped to 0..=1: `trimmed_mean(0.05, 0.95)` leaves out the lowest
    /// and the highest twentieth. NaN unless `low` is below `high`.
    pub fn trimmed_mean(&self, low: f64, high: f64) -> Estimate {
        let (low, high) = (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0));
        if self.is_empty() || low.partial_cmp(&high).is_none_or(|order| order.is_ge()) {
            return self.unknown();
        }
        match &self.shape {
            // Its ranks err less together than each alone: an interval that holds for one holds for their mean.
            Shape::Steps(steps) => {
                let error = steps.error(low).max(steps.error(high));
                let mean = |shift| match (low + shift, high + shift) {
                    // The sample may have missed the lowest and the highest.
                    (low, _) if low < 0.0 && steps.is_sampled() => f64::NEG_INFINITY,
                    (_, high) if high > 1.0 && steps.is_sampled() => f64::INFINITY,
                    (low, high) => steps.mean_between(low, high),
                };
                self.around(error, mean)
            }
            Shape::Digest(digest) => Estimate::unbounded(digest.mean_between(low, high), self.method),
        }
    }

    fn unknown(&self) -> Estimate {
        Estimate::unbounded(f64::NAN, self.method)
    }

    fn certain(&self, value: f64) -> Estimate {
        Estimate::within(value, value, value, 1.0, self.method)
    }

    /// What is read with the ranks as they are, too low and too high by an error.
    fn around(&self, error: f64, read: impl Fn(f64) -> f64) -> Estimate {
        self.interval(error, [read(-error), read(0.0), read(error)])
    }

    fn interval(&self, error: f64, [lower, value, upper]: [f64; 3]) -> Estimate {
        if error == 0.0 {
            return self.certain(value);
        }
        Estimate::within(value, lower.min(value), upper.max(value), 0.95, self.method)
    }

    fn share(&self, share: f64, error: f64) -> Estimate {
        self.around(error, |shift| (share + shift).clamp(0.0, 1.0))
    }
}
