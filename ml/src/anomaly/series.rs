//! The detector of series that needs no choices.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::calibrated::Calibrated;
use super::derived::{Derived, Feature};
use super::ensemble::{Ensemble, Members};
use super::ewma::Ewma;
use super::novelty::Novelty;
use super::onset::Onset;
use super::sample::{Sample, Timeless};
use super::scorer::Checked;
use super::slots::Slots;
use crate::error::RowError;
use crate::image::image;
use crate::learner::Detector;

type Value = Calibrated<Timeless<Novelty>>;
type Of<S> = Calibrated<Timeless<Derived<S>>>;
type Experts = (Value, Calibrated<Timeless<Ewma>>, Of<Novelty>, Of<Novelty>, Of<Novelty>, Calibrated<Slots<Novelty>>);

/// Anomalies of a series of any kind, with one configuration for all: the default.
///
/// | it looks for | by | weight |
/// |---|---|---|
/// | values that are new | [`Novelty`] | 15 |
/// | spikes and steps | [`Ewma`] of half-life 3 | 1 |
/// | values new against the level | [`Novelty`] of the residual from a mean of half-life 100 | 1 |
/// | levels that are new | [`Novelty`] of a mean of half-life 10 | 1 |
/// | noise or silence that is new | [`Novelty`] of the volatility of half-life 100 | 1 |
/// | values new at this hour of the day | [`Novelty`] in 24 [`Slots`] | 1 |
///
/// The smallest of their weighted tail probabilities counts ([`Ensemble`]), and of an anomaly that lasts its onset
/// ([`Onset`] over 100 samples).
///
/// | | |
/// |---|---|
/// | memory | up to 260 KB for values of full precision, 50 to 150 KB for 20 to 200 different values |
/// | warm-up | 62 samples |
/// | NAB, 29 series | standard 77.0, low FP 67.4, low FN 82.2 |
/// | not for | rows of several values; counters (take the differences) |
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Sample, SeriesDetector};
/// let mut detector = SeriesDetector::new();
/// let minute = |i: i64| Sample { time: i * 60_000, value: (i % 60) as f64 };
/// for i in 0..3_000 {
///     detector.learn_one(&minute(i))?;
/// }
/// assert!(detector.score_one(&minute(3_000))? < Some(0.7));
/// assert!(detector.score_one(&Sample { value: 200.0, ..minute(3_000) })? > Some(0.75));
/// # Ok::<(), streamgauge_ml::RowError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[serde(remote = "Self")]
pub struct SeriesDetector(Onset<Ensemble<Experts>>);

impl SeriesDetector {
    /// An anomaly that is not stranger than one among so many samples before it scores 0, if not set.
    pub const SPAN: usize = 100;

    /// One that has seen nothing.
    pub fn new() -> Self {
        Self(Onset::of(Self::ensemble(), Self::SPAN as u32))
    }

    /// An anomaly that is not stranger than one among so many samples before it scores 0.
    ///
    /// # Errors
    /// [`ParameterError`] unless the span lies in 1 to 2²⁰.
    pub fn span(self, samples: usize) -> Result<Self, ParameterError> {
        Onset::new(self.0.detector().clone(), samples).map(Self)
    }

    fn ensemble() -> Ensemble<Experts> {
        let novelty = |feature, half_life| {
            let derived = Derived::new(feature, half_life, Novelty::new()).expect("the half-lives below are allowed");
            Calibrated::new(Timeless(derived))
        };
        let chart = Ewma::new(3.0).expect("a half-life of 3 is allowed");
        let experts = (
            Calibrated::new(Timeless(Novelty::new())),
            Calibrated::new(Timeless(chart)),
            novelty(Feature::Residual, 100.0),
            novelty(Feature::Mean, 10.0),
            novelty(Feature::Volatility, 100.0),
            Calibrated::new(Slots::of_day(Novelty::new())),
        );
        let weights = [15.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        Ensemble::new(experts).weighted(&weights).expect("there is a weight for each expert")
    }
}

impl Default for SeriesDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl Checked for SeriesDetector {
    fn check(&self) -> Result<(), DecodeError> {
        self.0.check()
    }
}

impl Detector for SeriesDetector {
    type Item = Sample;

    #[inline]
    fn score_one(&self, item: &Sample) -> Result<Option<f64>, RowError> {
        self.0.score_one(item)
    }

    #[inline]
    fn learn_one(&mut self, item: &Sample) -> Result<(), RowError> {
        self.0.learn_one(item)
    }

    #[inline]
    fn score_and_learn(&mut self, item: &Sample) -> Result<Option<f64>, RowError> {
        self.0.score_and_learn(item)
    }
}

impl Summary for SeriesDetector {
    type Reading = Self;

    const NAME: &'static str = "SeriesDetector";

    fn schema() -> String {
        format!("SeriesDetector<{}>", <Experts as Members>::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}

image!(SeriesDetector, 1);
