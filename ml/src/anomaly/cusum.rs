//! Small changes that last.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::ewma::{Mean, check_half_life};
use super::scorer::Scorer;
use crate::error::RowError;

/// Cumulative sums of deviations from the mean, upwards and downwards: small shifts of the level that last.
///
/// With `z` the deviation from an exponentially weighted mean in standard deviations (1.25 mean absolute ones), the sums
/// are `max(0, S + z − slack)` and `max(0, S − z − slack)`; the raw score is the larger one. A sum beyond the limit
/// starts both from 0 again, so what goes on is told again until the mean has followed. 80 bytes.
///
/// Page, *Continuous Inspection Schemes*, 1954.
///
/// ```
/// use streamgauge_ml::anomaly::{Cusum, Scorer};
/// let mut sums = Cusum::new(200.0)?;
/// let mut at = |i: i32, level: f64| sums.raw_and_learn(&(level + f64::from(i * 7_919 % 101) / 50.0));
/// let usual = (0..1_000).map(|i| at(i, 0.0)).collect::<Result<Vec<_>, _>>()?;
/// let shifted = (0..10).map(|i| at(i, 1.0)).collect::<Result<Vec<_>, _>>()?;
/// assert!(usual[500..].iter().flatten().all(|raw| *raw < 4.0));
/// assert!(shifted.iter().flatten().any(|raw| *raw > 5.0)); // by less than two deviations
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cusum {
    level: Mean,
    deviation: Mean,
    slack: f64,
    limit: f64,
    up: f64,
    down: f64,
}

impl Cusum {
    /// The deviation that is let pass, if not set.
    pub const SLACK: f64 = 0.5;
    /// The sum that starts anew, if not set.
    pub const LIMIT: f64 = 5.0;

    /// Sums of deviations from a mean of this half-life, in values.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0.1 to 10⁹.
    pub fn new(half_life: f64) -> Result<Self, ParameterError> {
        check_half_life(Self::NAME, half_life)?;
        let (level, deviation) = (Mean::new(half_life), Mean::new(half_life));
        Ok(Self { level, deviation, slack: Self::SLACK, limit: Self::LIMIT, up: 0.0, down: 0.0 })
    }

    /// Lets deviations of so many standard deviations pass: half the shift that is looked for.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 10⁶.
    pub fn slack(mut self, deviations: f64) -> Result<Self, ParameterError> {
        self.slack = Self::allowed("slack", deviations)?;
        Ok(self)
    }

    /// Starts anew beyond this sum of standard deviations.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 10⁶.
    pub fn limit(mut self, deviations: f64) -> Result<Self, ParameterError> {
        self.limit = Self::allowed("limit", deviations)?;
        Ok(self)
    }

    fn allowed(parameter: &'static str, value: f64) -> Result<f64, ParameterError> {
        if (0.0..=1e6).contains(&value) {
            return Ok(value);
        }
        Err(ParameterError { summary: Self::NAME, parameter, allowed: "0 to 10^6", value: value.to_string() })
    }

    /// The sums after a value.
    #[inline]
    fn sums(&self, value: f64) -> (f64, f64) {
        let unit = 1.253_314 * self.deviation.get() + 1e-9 * self.level.get().abs() + f64::MIN_POSITIVE;
        let z = ((value - self.level.get()) / unit).clamp(-1e300, 1e300);
        ((self.up + z - self.slack).max(0.0), (self.down - z - self.slack).max(0.0))
    }
}

impl Scorer for Cusum {
    type Item = f64;

    #[inline]
    fn raw_one(&self, item: &f64) -> Result<Option<f64>, RowError> {
        if !(item.is_finite() && self.deviation.is_known()) {
            return Ok(None);
        }
        let (up, down) = self.sums(*item);
        Ok(Some(up.max(down)))
    }

    #[inline]
    fn learn_one(&mut self, item: &f64) -> Result<(), RowError> {
        if !item.is_finite() {
            return Ok(());
        }
        if self.deviation.is_known() {
            let (up, down) = self.sums(*item);
            (self.up, self.down) = if up.max(down) > self.limit { (0.0, 0.0) } else { (up, down) };
        }
        if self.level.is_known() {
            self.deviation.learn((item - self.level.get()).abs().min(f64::MAX));
        }
        self.level.learn(*item);
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.level.check()?;
        self.deviation.check()?;
        DecodeError::unless(self.deviation.get() >= 0.0, "a deviation of", self.deviation.get())?;
        DecodeError::unless((0.0..=1e6).contains(&self.slack), "a slack of", self.slack)?;
        DecodeError::unless((0.0..=1e6).contains(&self.limit), "a limit of", self.limit)?;
        let sums = [self.up, self.down].iter().all(|sum| (0.0..=self.limit).contains(sum));
        DecodeError::unless(sums, "sums", format!("{} and {}", self.up, self.down))
    }
}

impl Summary for Cusum {
    type Reading = Self;

    const NAME: &'static str = "Cusum";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}
