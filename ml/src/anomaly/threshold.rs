//! From scores to alarms.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::calibration::Calibration;
use super::scorer::Checked;

/// Says from which score on there is an alarm. Thresholds are kept apart from scorers: each works on the scores of any
/// detector, on raw scores, and on values themselves.
///
/// | threshold | for |
/// |---|---|
/// | [`Fixed`] | calibrated scores: 0.75 is one in a thousand |
/// | [`Share`] | so many alarms per item, whatever the unit |
/// | [`Spot`](super::Spot) | raw scores or values, an alarm with a given small probability |
/// | [`DriftSpot`](super::DriftSpot) | the same where the level moves |
///
/// A score that is a NaN is no alarm and is not learned.
pub trait Threshold: Summary + Checked {
    /// A score from here on is an alarm; none in the warm-up.
    fn level(&self) -> Option<f64>;

    /// Learns a score.
    fn learn(&mut self, score: f64);

    /// Whether a score is an alarm.
    #[inline]
    fn is_alarm(&self, score: f64) -> bool {
        self.level().is_some_and(|level| score >= level)
    }

    /// Whether a score is an alarm; then learns it.
    #[inline]
    fn alarm_and_learn(&mut self, score: f64) -> bool {
        let alarm = self.is_alarm(score);
        self.learn(score);
        alarm
    }
}

/// An alarm from a fixed score on.
///
/// ```
/// use streamgauge_ml::anomaly::{Fixed, Threshold, score};
/// let threshold = Fixed::new(score::of_tail_probability(0.001))?;
/// assert!(threshold.is_alarm(0.8) && !threshold.is_alarm(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fixed(f64);

impl Fixed {
    /// An alarm from this score on.
    ///
    /// # Errors
    /// [`ParameterError`] for a NaN.
    pub fn new(level: f64) -> Result<Self, ParameterError> {
        if level.is_nan() {
            let (parameter, value) = ("level", level.to_string());
            return Err(ParameterError { summary: Self::NAME, parameter, allowed: "a number", value });
        }
        Ok(Self(level))
    }
}

impl Checked for Fixed {
    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(!self.0.is_nan(), "a level of", self.0)
    }
}

impl Threshold for Fixed {
    fn level(&self) -> Option<f64> {
        Some(self.0)
    }

    fn learn(&mut self, _: f64) {}
}

impl Summary for Fixed {
    type Reading = Self;

    const NAME: &'static str = "Fixed";

    fn read(&self) -> Self {
        *self
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// An alarm for a share of the scores, the highest ones: a quantile of what was learned, which fades.
///
/// ```
/// use streamgauge_ml::anomaly::{Calibration, Share, Threshold};
/// let mut threshold = Share::new(0.01, Calibration::new())?;
/// let alarms = (0..10_000).filter(|i| threshold.alarm_and_learn(f64::from(i * 7_919 % 10_007))).count();
/// assert!((60..160).contains(&alarms));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    nines: f64,
    calibration: Calibration,
}

impl Share {
    /// An alarm for this share of the scores, as a calibration knows them: with its warm-up and half-life.
    ///
    /// # Errors
    /// [`ParameterError`] unless the share lies in 10⁻³⁰⁰ to 1.
    pub fn new(share: f64, calibration: Calibration) -> Result<Self, ParameterError> {
        if !(1e-300..=1.0).contains(&share) {
            let (parameter, value) = ("share", share.to_string());
            return Err(ParameterError { summary: Self::NAME, parameter, allowed: "10^-300 to 1", value });
        }
        Ok(Self { nines: -share.log10(), calibration })
    }
}

impl Checked for Share {
    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((0.0..=301.0).contains(&self.nines), "nines", self.nines)?;
        self.calibration.check()
    }
}

impl Threshold for Share {
    fn level(&self) -> Option<f64> {
        self.calibration.raw(self.nines)
    }

    #[inline]
    fn learn(&mut self, score: f64) {
        self.calibration.learn(score);
    }
}

impl Summary for Share {
    type Reading = Self;

    const NAME: &'static str = "Share";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<f64>() + self.calibration.memory_bytes()
    }
}
