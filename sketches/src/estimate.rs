//! A value with the bounds it may have.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The families of summaries. The numbers are part of the stored format: they are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[repr(u16)]
pub enum Family {
    /// An exact answer.
    Exact = 0,
    /// A count of items, scaled if they were sampled.
    Count = 1,
    /// A sum of integers, scaled if they were sampled.
    Sum = 2,
    /// A sum of floats.
    FloatSum = 3,
    /// The lowest value.
    Min = 4,
    /// The highest value.
    Max = 5,
    /// Mean, variance, skewness and kurtosis.
    Moments = 6,
    /// Covariance and correlation.
    Covariance = 7,
    /// The set of all items.
    ExactDistinct = 8,
    /// The count of every item.
    ExactTop = 9,
    /// All values.
    ExactQuantiles = 10,
    /// A mean, with the error of the sampling if the items were sampled.
    Mean = 11,
    /// HyperLogLog.
    HyperLogLog = 16,
    /// ExaLogLog.
    ExaLogLog = 17,
    /// Count-Min.
    CountMin = 32,
    /// Misra–Gries counters.
    HeavyHitters = 33,
    /// Count-Min with conservative update.
    ConservativeCountMin = 34,
    /// Split-block Bloom filter.
    Bloom = 48,
    /// Classic Bloom filter.
    ClassicBloom = 49,
    /// A Bloom filter that grows.
    ScalableBloom = 50,
    /// t-digest.
    TDigest = 64,
    /// KLL.
    Kll = 65,
    /// A uniform sample of fixed size.
    Reservoir = 80,
    /// A weighted sample of fixed size.
    WeightedReservoir = 81,
    /// A sample of each item with one probability.
    Bernoulli = 82,
    /// A sample of each stratum.
    Stratified = 83,
    /// A summary defined outside this crate.
    Custom = 0xffff,
}

/// What made an estimate: a family and its main parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Method {
    /// The family of the summary.
    pub family: Family,
    /// Its size: the precision of a HyperLogLog, the counters of a heavy-hitter table, the compression of a t-digest …
    pub size: u32,
}

impl Method {
    /// The method of an exact answer.
    pub const EXACT: Self = Self::new(Family::Exact, 0);

    /// A family and its main parameter.
    pub const fn new(family: Family, size: u32) -> Self {
        Self { family, size }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.size;
        match self.family {
            Family::Exact | Family::ExactDistinct | Family::ExactTop | Family::ExactQuantiles => write!(f, "exact"),
            Family::Count => write!(f, "count"),
            Family::Sum | Family::FloatSum => write!(f, "sum"),
            Family::Min => write!(f, "min"),
            Family::Max => write!(f, "max"),
            Family::Moments => write!(f, "moments"),
            Family::Mean => write!(f, "mean"),
            Family::Covariance => write!(f, "covariance"),
            Family::HyperLogLog => write!(f, "HyperLogLog p={size}"),
            Family::ExaLogLog => write!(f, "ExaLogLog p={size}"),
            Family::CountMin => write!(f, "Count-Min width {size}"),
            Family::HeavyHitters => write!(f, "Misra–Gries, {size} counters"),
            Family::ConservativeCountMin => write!(f, "conservative Count-Min width {size}"),
            Family::Bloom => write!(f, "split-block Bloom, {size} blocks"),
            Family::ClassicBloom => write!(f, "Bloom, {size} probes"),
            Family::ScalableBloom => write!(f, "scalable Bloom, {size} filters"),
            Family::TDigest => write!(f, "t-digest δ={size}"),
            Family::Kll => write!(f, "KLL k={size}"),
            Family::Reservoir => write!(f, "reservoir of {size}"),
            Family::WeightedReservoir => write!(f, "weighted reservoir of {size}"),
            Family::Bernoulli => write!(f, "Bernoulli sample"),
            Family::Stratified => write!(f, "stratified sample, {size} per stratum"),
            Family::Custom => write!(f, "custom"),
        }
    }
}

/// A value with an interval that holds the true answer with a stated confidence.
///
/// | | `lower`, `upper` | `confidence` |
/// |---|---|---|
/// | exact | both equal `value` | 1 |
/// | guaranteed interval | around `value` | 1 |
/// | probable interval | around `value` | below 1, 0.95 as a rule |
/// | no guarantee | −∞, +∞ | 0 |
///
/// JSON has no infinity: an estimate without a guarantee is written with `null` bounds, and read again.
///
/// ```
/// use streamgauge_sketches::Estimate;
/// let exact = Estimate::exact(3.0);
/// assert!(exact.is_exact() && exact.contains(3.0));
/// assert_eq!(exact.to_string(), "3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best guess.
    #[serde(deserialize_with = "crate::infinite::or_nan")]
    pub value: f64,
    /// The true answer is not below this …
    #[serde(deserialize_with = "crate::infinite::or_lowest")]
    pub lower: f64,
    /// … and not above this …
    #[serde(deserialize_with = "crate::infinite::or_highest")]
    pub upper: f64,
    /// … with this probability.
    pub confidence: f64,
    /// What made the estimate.
    pub method: Method,
}

impl Estimate {
    /// An exact answer.
    pub const fn exact(value: f64) -> Self {
        Self::within(value, value, value, 1.0, Method::EXACT)
    }

    /// An answer inside an interval.
    pub const fn within(value: f64, lower: f64, upper: f64, confidence: f64, method: Method) -> Self {
        Self { value, lower, upper, confidence, method }
    }

    /// An answer of a summary that guarantees nothing.
    pub const fn unbounded(value: f64, method: Method) -> Self {
        Self::within(value, f64::NEG_INFINITY, f64::INFINITY, 0.0, method)
    }

    /// Whether the answer is known without error, for certain.
    pub fn is_exact(&self) -> bool {
        self.lower == self.value && self.upper == self.value && self.confidence >= 1.0
    }

    /// Whether there is an interval at all.
    pub fn has_guarantee(&self) -> bool {
        self.confidence > 0.0
    }

    /// Whether a value lies inside the interval.
    pub fn contains(&self, truth: f64) -> bool {
        self.lower <= truth && truth <= self.upper
    }

    /// The value as a count: rounded, never negative.
    pub fn count(&self) -> u64 {
        self.value.round().max(0.0) as u64
    }

    /// The promise in words, for people: `HyperLogLog p=12, ±3.2 % at 95 %`.
    ///
    /// ```
    /// use streamgauge_sketches::{Estimate, Family, Method};
    /// let p99 = Estimate::unbounded(812.0, Method::new(Family::TDigest, 200));
    /// assert_eq!(p99.contract(), "t-digest δ=200, no guarantee");
    /// ```
    pub fn contract(&self) -> String {
        let Self { value, lower, upper, confidence, method } = *self;
        if !self.has_guarantee() {
            return format!("{method}, no guarantee");
        }
        if self.is_exact() {
            // The first sixteen families are the exact ones.
            return match method.family as u16 {
                0..16 => "exact".to_owned(),
                _ => format!("{method}, exact so far"),
            };
        }
        if value == 0.0 && (method.family != Family::HyperLogLog || upper > 0.0) {
            return format!("{method}, {:.0} % interval", confidence * 100.0);
        }
        let error = (value - lower).max(upper - value) / value.abs() * 100.0;
        if confidence >= 1.0 {
            return format!("{method}, guaranteed interval");
        }
        // An approximate distinct count states the error of its parameters; the interval around it is a little skewed.
        // What two sketches have in common is less certain.
        let error = match (method.family, crate::distinct::relative_error(method.size) * 100.0) {
            (Family::HyperLogLog, stated) if value == 0.0 || error < 2.0 * stated => stated,
            _ => error,
        };
        format!("{method}, ±{error:.1} % at {:.0} %", confidence * 100.0)
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            write!(f, "{}", self.value)
        } else if self.has_guarantee() {
            write!(f, "{:.1} [{:.1}, {:.1}]", self.value, self.lower, self.upper)
        } else {
            write!(f, "≈{:.1}", self.value)
        }
    }
}

impl From<u64> for Estimate {
    fn from(value: u64) -> Self {
        Self::exact(value as f64)
    }
}

impl From<u32> for Estimate {
    fn from(value: u32) -> Self {
        Self::exact(f64::from(value))
    }
}

impl From<usize> for Estimate {
    fn from(value: usize) -> Self {
        Self::exact(value as f64)
    }
}

impl From<f64> for Estimate {
    fn from(value: f64) -> Self {
        Self::exact(value)
    }
}
