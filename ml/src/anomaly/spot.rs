//! Thresholds by the theory of extreme values.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::scorer::Checked;
use super::tail::Tail;
use super::threshold::Threshold;

/// The most peaks that are kept, the youngest ones.
const PEAKS: usize = 512;
/// Fewer peaks are not fitted.
const FEWEST: usize = 10;

/// Streaming peaks over threshold: an alarm where a score is exceeded with a given small probability, whatever their
/// distribution.
///
/// After the warm-up the 98 % quantile of its scores parts body and tail. The excesses over it, of the last 512 peaks,
/// are fitted by a generalised Pareto distribution of the greatest likelihood, and that tells the level that is exceeded
/// with the probability `risk`.
///
/// Siffer, Fouque, Termier, Largouët, *Anomaly Detection in Streams with Extreme Value Theory*, KDD 2017. Departures: an
/// alarm is learned too, as a peak at most twice as far above the threshold as the level is, where the paper learns
/// nothing; so that a new level is not an alarm for ever. Old peaks give way to new ones.
///
/// | | |
/// |---|---|
/// | memory | up to 8 KiB, and 8 bytes for each score of the warm-up |
/// | learn | O(1); for the 2 % that are peaks O(512) |
///
/// ```
/// use streamgauge_ml::anomaly::{Spot, Threshold};
/// use streamgauge_sketches::random::Draws;
/// let mut spot = Spot::new(1e-4)?;
/// let mut draws = Draws::new(1);
/// for _ in 0..50_000 {
///     spot.learn(-draws.unit().ln());
/// }
/// let exact = -1e-4_f64.ln();
/// assert!((spot.level().unwrap_or_default() / exact - 1.0).abs() < 0.2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spot {
    risk: f64,
    warm_up: u32,
    seen: u64,
    /// The scores of the warm-up; empty after it.
    first: Vec<f64>,
    threshold: f64,
    /// The numbers of the scores above the threshold, and by how much they are above.
    peaks: VecDeque<(u64, f64)>,
    level: Option<f64>,
}

impl Spot {
    /// The scores of the warm-up, if not set.
    pub const WARM_UP: usize = 500;

    /// An alarm with this probability.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 10⁻¹⁵ to 0.01.
    pub fn new(risk: f64) -> Result<Self, ParameterError> {
        if !(1e-15..=0.01).contains(&risk) {
            return Err(Self::wrong("risk", "10^-15 to 0.01", risk));
        }
        let (first, peaks) = (Vec::new(), VecDeque::new());
        Ok(Self { risk, warm_up: Self::WARM_UP as u32, seen: 0, first, threshold: 0.0, peaks, level: None })
    }

    /// So many scores are learned before the first level. To be set before anything is learned.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 50 to 10⁶.
    pub fn warm_up(mut self, scores: usize) -> Result<Self, ParameterError> {
        if !(50..=1_000_000).contains(&scores) {
            return Err(Self::wrong("warm-up", "50 to 10^6", scores));
        }
        self.warm_up = scores as u32;
        Ok(self)
    }

    fn wrong(parameter: &'static str, allowed: &'static str, value: impl ToString) -> ParameterError {
        ParameterError { summary: Self::NAME, parameter, allowed, value: value.to_string() }
    }

    /// Ends the warm-up.
    fn begin(&mut self) {
        let mut sorted = std::mem::take(&mut self.first);
        let numbered: Vec<(u64, f64)> = (1..).zip(sorted.iter().copied()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        // At least ten scores lie above it, if they differ.
        let above = (sorted.len() / 50).max(FEWEST);
        self.threshold = sorted[sorted.len() - 1 - above];
        let peaks = numbered.iter().filter(|(_, score)| *score > self.threshold);
        let excess = |score: f64| (score - self.threshold).min(f64::MAX);
        let mut peaks: VecDeque<(u64, f64)> = peaks.map(|(number, score)| (*number, excess(*score))).collect();
        peaks.drain(..peaks.len().saturating_sub(PEAKS));
        self.peaks = peaks;
        self.fit();
    }

    fn fit(&mut self) {
        let Some(&(oldest, _)) = self.peaks.front() else {
            // All scores are equal: everything above them is an alarm.
            self.level = Some(self.threshold.next_up());
            return;
        };
        let oldest = if self.peaks.len() < PEAKS { 0 } else { oldest };
        let share = self.peaks.len() as f64 / (self.seen - oldest + 1) as f64;
        let excesses: Vec<f64> = self.peaks.iter().map(|(_, excess)| *excess).collect();
        let tail = Tail::likeliest(&excesses).unwrap_or_else(|| Tail::new(0.0, f64::MIN_POSITIVE));
        let excess = tail.excess((share / self.risk).log10().max(0.0));
        self.level = Some((self.threshold + excess).clamp(self.threshold.next_up(), f64::MAX));
    }
}

impl Threshold for Spot {
    #[inline]
    fn level(&self) -> Option<f64> {
        self.level
    }

    #[inline]
    fn learn(&mut self, score: f64) {
        if score.is_nan() {
            return;
        }
        let score = score.clamp(f64::MIN, f64::MAX);
        self.seen += 1;
        let Some(level) = self.level else {
            self.first.push(score);
            if self.first.len() >= self.warm_up as usize {
                self.begin();
            }
            return;
        };
        // Twice as far above the threshold as the level is: hardly any usual score lies beyond, and no other counts for more.
        let score = score.min(level + (level - self.threshold).min(f64::MAX)).min(f64::MAX);
        if score > self.threshold {
            if self.peaks.len() == PEAKS {
                self.peaks.pop_front();
            }
            self.peaks.push_back((self.seen, (score - self.threshold).min(f64::MAX)));
            self.fit();
        }
    }
}

impl Checked for Spot {
    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((1e-15..=0.01).contains(&self.risk), "a risk of", self.risk)?;
        DecodeError::unless((50..=1_000_000).contains(&self.warm_up), "a warm-up of", self.warm_up)?;
        DecodeError::unless(self.seen < 1 << 62, "scores", self.seen)?;
        let young = self.level.is_none();
        let first = self.first.len() < self.warm_up as usize && (young || self.first.is_empty());
        DecodeError::unless(first, "scores of the warm-up", self.first.len())?;
        DecodeError::unless(self.first.iter().all(|score| score.is_finite()), "scores", "that are no numbers")?;
        DecodeError::unless(self.threshold.is_finite(), "a threshold of", self.threshold)?;
        let level = self.level.unwrap_or(f64::MAX);
        DecodeError::unless(level > self.threshold && level.is_finite(), "a level of", level)?;
        DecodeError::unless(self.peaks.len() <= if young { 0 } else { PEAKS }, "peaks", self.peaks.len())?;
        let possible =
            self.peaks.iter().all(|(number, excess)| *number <= self.seen && *excess > 0.0 && excess.is_finite());
        DecodeError::unless(possible, "peaks", "that have not been")?;
        let ascend = self.peaks.iter().zip(self.peaks.iter().skip(1)).all(|(a, b)| a.0 < b.0);
        DecodeError::unless(ascend, "peaks", "out of order")
    }
}

impl Summary for Spot {
    type Reading = Self;

    const NAME: &'static str = "Spot";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.first.capacity() * size_of::<f64>() + self.peaks.capacity() * size_of::<(u64, f64)>()
    }
}

/// [`Spot`] on the deviations from a moving mean: for scores whose level moves (DSPOT in the paper).
///
/// ```
/// use streamgauge_ml::anomaly::{DriftSpot, Spot, Threshold};
/// let mut spot = DriftSpot::new(20, Spot::new(1e-4)?)?;
/// for i in 0..5_000 {
///     spot.learn(f64::from(i) + f64::from(i * 7_919 % 101) / 100.0);
/// }
/// let level = spot.level().unwrap_or_default();
/// assert!(level > 5_000.0 && level < 5_015.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DriftSpot {
    depth: u32,
    /// The last scores.
    last: VecDeque<f64>,
    spot: Spot,
}

impl DriftSpot {
    /// Deviations from the mean of so many scores.
    ///
    /// # Errors
    /// [`ParameterError`] unless the depth lies in 1 to 10,000.
    pub fn new(depth: usize, spot: Spot) -> Result<Self, ParameterError> {
        if !(1..=10_000).contains(&depth) {
            let (parameter, value) = ("depth", depth.to_string());
            return Err(ParameterError { summary: Self::NAME, parameter, allowed: "1 to 10,000", value });
        }
        Ok(Self { depth: depth as u32, last: VecDeque::new(), spot })
    }

    /// The mean of the last scores, once there are as many as the depth says.
    fn mean(&self) -> Option<f64> {
        // Each over their number before they are added, so that nothing overflows.
        let n = self.depth as f64;
        (self.last.len() == self.depth as usize).then(|| self.last.iter().map(|score| score / n).sum())
    }
}

impl Threshold for DriftSpot {
    fn level(&self) -> Option<f64> {
        Some((self.mean()? + self.spot.level()?).min(f64::MAX))
    }

    fn learn(&mut self, score: f64) {
        if score.is_nan() {
            return;
        }
        let mut score = score.clamp(f64::MIN, f64::MAX);
        if let Some(mean) = self.mean() {
            self.spot.learn(score - mean);
            // An alarm moves the mean no further than its level.
            score = self.spot.level().map_or(score, |level| score.min(mean + level));
            self.last.pop_front();
        }
        self.last.push_back(score);
    }
}

impl Checked for DriftSpot {
    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((1..=10_000).contains(&self.depth), "a depth of", self.depth)?;
        DecodeError::unless(self.last.len() <= self.depth as usize, "last scores", self.last.len())?;
        DecodeError::unless(self.last.iter().all(|score| score.is_finite()), "scores", "that are no numbers")?;
        self.spot.check()
    }
}

impl Summary for DriftSpot {
    type Reading = Self;

    const NAME: &'static str = "DriftSpot";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Spot>() + self.spot.memory_bytes() + self.last.capacity() * size_of::<f64>()
    }
}
