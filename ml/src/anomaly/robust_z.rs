//! Distance from the median.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, Decay, DecodeError, Merge, Mismatch, ParameterError, Quantiles, Summary, TDigest};

use super::scorer::Scorer;
use crate::error::RowError;

/// Values from one look at the distribution to the next, at most.
const INTERVAL: u64 = 64;
/// Values before there are scores.
const WARM_UP: u64 = 30;
/// Counting ends here, so that no sum of counts overflows.
const MOST: u64 = 1 << 62;

/// The robust z-score: how far a value lies from the median, in median absolute deviations times 1.4826, which is one
/// standard deviation of normal values.
///
/// Up to half of the values can be anomalies without moving either. Both come from a [`TDigest`] that forgets with a
/// half-life; they are looked up anew every 64 values. Where more than half of the values are equal, the deviation that
/// 90 % or 99 % of them keep takes its place.
///
/// | | |
/// |---|---|
/// | memory | about 4 KiB |
/// | learn, score | O(1) amortised, O(1) |
/// | guarantee | merges as t-digests do: close to learning everything in one |
/// | not for | several normal levels, as of day and night: see [`Slots`](super::Slots) and [`Novelty`](super::Novelty) |
///
/// Iglewicz, Hoaglin, *How to Detect and Handle Outliers*, 1993.
///
/// ```
/// use streamgauge_ml::anomaly::{RobustZ, Scorer};
/// let mut z = RobustZ::new();
/// for i in 0..1_000 {
///     z.learn_one(&if i % 4 == 0 { 1e9 } else { f64::from(i % 101) })?;
/// }
/// assert!(z.raw_one(&60.0)? < Some(1.0) && z.raw_one(&1_000.0)? > Some(15.0));
/// # Ok::<(), streamgauge_ml::RowError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RobustZ {
    half_life: f64,
    seen: u64,
    last_look: u64,
    next_look: u64,
    digest: TDigest,
    median: f64,
    deviation: f64,
}

impl RobustZ {
    /// One that forgets nothing.
    pub fn new() -> Self {
        Self {
            half_life: f64::INFINITY,
            seen: 0,
            last_look: 0,
            next_look: WARM_UP,
            digest: TDigest::with_compression(100).unwrap_or_default(),
            median: 0.0,
            deviation: 0.0,
        }
    }

    /// After so many values an older one counts half.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is at least 10; infinite means that nothing is forgotten.
    pub fn half_life(mut self, values: f64) -> Result<Self, ParameterError> {
        if values.is_nan() || values < 10.0 {
            let (parameter, value) = ("half-life", values.to_string());
            return Err(ParameterError { summary: Self::NAME, parameter, allowed: "at least 10", value });
        }
        self.half_life = values;
        Ok(self)
    }

    fn look(&mut self) {
        self.digest.decay(0.5_f64.powf((self.seen - self.last_look) as f64 / self.half_life));
        let values = self.digest.read();
        self.median = if values.is_empty() { 0.0 } else { values.at(0.5).value };
        // The width that holds half, and the normal one that is as wide.
        let widths = [(0.5, 1.482_602), (0.9, 0.607_957), (0.99, 0.388_228)];
        let deviations = widths.iter().map(|(share, unit)| unit * half_width(&values, self.median, *share));
        self.deviation = deviations.fold(0.0, |known, next| if known > 0.0 { known } else { next }).min(f64::MAX);
        self.last_look = self.seen;
        self.next_look = self.seen + (self.seen / 8).clamp(1, INTERVAL);
    }
}

/// How far from the centre this share of the values lies at most.
fn half_width(values: &Quantiles, centre: f64, share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let holds = |width: f64| {
        // Values at the lower end count: the rank is of what is not above.
        let below = values.rank((centre - width).next_down()).value;
        values.rank(centre + width).value - below >= share
    };
    if holds(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0_f64, (values.max() - centre).max(centre - values.min()).min(f64::MAX));
    for _ in 0..60 {
        let middle = low / 2.0 + high / 2.0;
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}

impl Default for RobustZ {
    fn default() -> Self {
        Self::new()
    }
}

impl Scorer for RobustZ {
    type Item = f64;

    #[inline]
    fn raw_one(&self, item: &f64) -> Result<Option<f64>, RowError> {
        if !item.is_finite() || self.last_look == 0 {
            return Ok(None);
        }
        // Of a constant every change is large, and none infinite.
        let unit = self.deviation + 1e-9 * self.median.abs() + f64::MIN_POSITIVE;
        Ok(Some(((item - self.median).abs().min(f64::MAX) / unit).min(f64::MAX)))
    }

    #[inline]
    fn learn_one(&mut self, item: &f64) -> Result<(), RowError> {
        if item.is_finite() {
            self.digest.absorb(item);
            self.seen = (self.seen + 1).min(MOST);
            if self.seen >= self.next_look {
                self.look();
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(self.half_life >= 10.0, "a half-life of", self.half_life)?;
        DecodeError::unless(self.seen <= MOST, "values", self.seen)?;
        let ordered = self.last_look <= self.seen && self.seen < self.next_look;
        DecodeError::unless(ordered, "values", self.seen)?;
        DecodeError::unless(self.next_look - self.seen <= INTERVAL, "a look at", self.next_look)?;
        DecodeError::unless(self.median.is_finite(), "a median of", self.median)?;
        let deviation = self.deviation;
        DecodeError::unless(deviation >= 0.0 && deviation.is_finite(), "a deviation of", deviation)
    }
}

impl Summary for RobustZ {
    type Reading = Self;

    const NAME: &'static str = "RobustZ";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<TDigest>() + self.digest.memory_bytes()
    }
}

impl Merge for RobustZ {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "half-life", &self.half_life, &other.half_life)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.digest.merge(&other.digest)?;
        self.seen = (self.seen + other.seen).min(MOST);
        self.last_look = self.seen;
        if self.seen >= WARM_UP {
            self.look();
        } else {
            self.last_look = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;

    use super::*;

    fn learned(values: impl IntoIterator<Item = f64>) -> RobustZ {
        let mut z = RobustZ::new();
        values.into_iter().for_each(|value| z.learn_one(&value).unwrap());
        z
    }

    #[test]
    fn the_unit_is_one_standard_deviation_of_normal_values() {
        let mut draws = Draws::new(1);
        // The sum of twelve uniform numbers: a mean of 6 and a deviation of 1.
        let z = learned((0..20_000).map(|_| 3.0 * (0..12).map(|_| draws.unit()).sum::<f64>()));
        for (value, expected) in [(18.0, 0.0), (21.0, 1.0), (3.0, 5.0)] {
            let raw = z.raw_one(&value).unwrap().unwrap();
            assert!((raw - expected).abs() < 0.15, "{value}: {raw}");
        }
    }

    #[test]
    fn values_that_are_mostly_equal_have_a_unit_too() {
        let z = learned((0..1_000).map(|i| if i % 5 == 0 { f64::from(i % 7) } else { 0.0 }));
        let raw = z.raw_one(&5.0).unwrap().unwrap();
        assert!(raw > 1.0 && raw < 10.0, "{raw}");
        let constant = learned([4.0; 100]);
        assert_eq!(constant.raw_one(&4.0).unwrap(), Some(0.0));
        assert!(constant.raw_one(&4.1).unwrap() > Some(1e6));
    }

    #[test]
    fn a_new_level_becomes_the_usual_one() {
        let mut z = RobustZ::new().half_life(100.0).unwrap();
        (0..2_000).for_each(|i| z.learn_one(&f64::from(i % 10)).unwrap());
        let before = z.raw_one(&1_005.0).unwrap();
        (0..2_000).for_each(|i| z.learn_one(&f64::from(1_000 + i % 10)).unwrap());
        assert!(before > Some(100.0) && z.raw_one(&1_005.0).unwrap() < Some(1.0));
    }

    #[test]
    fn merging_is_close_to_learning_all() {
        let values = |from: i32| (from..from + 3_000).map(|i| f64::from(i * 7_919 % 1_013));
        let mut ours = learned(values(0));
        ours.merge(&learned(values(3_000))).unwrap();
        let whole = learned(values(0).chain(values(3_000)));
        for value in [0.0, 506.0, 5_000.0] {
            let (merged, whole) = (ours.raw_one(&value).unwrap().unwrap(), whole.raw_one(&value).unwrap().unwrap());
            assert!((merged - whole).abs() < 0.02 * (1.0 + whole), "{value}: {merged} {whole}");
        }
        assert!(ours.merge(&RobustZ::new().half_life(50.0).unwrap()).is_err());
    }
}
