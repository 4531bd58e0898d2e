//! Tails of the attributes by quantiles.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Absorb, Decay, DecodeError, Merge, Mismatch, ParameterError, Summary, TDigest};

use super::rows::{Across, HALF_LIFE, LARGEST, allow_attributes, allow_half_life, any_known, check_stored, known};
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// The shares of values beyond which a spread is read, and the standard deviations of a Gaussian up to there: the
/// quartile first; where that has no spread, further out.
const SPREADS: [(f64, f64); 6] =
    [(0.25, 0.6745), (0.1, 1.2816), (0.05, 1.6449), (0.01, 2.3263), (0.005, 2.5758), (0.001, 3.0902)];

/// How many robust deviations each attribute lies from its median, and all of them together.
///
/// | | |
/// |---|---|
/// | raw score | by [`Across`]: the sum of `ln(1 + z²)` over the attributes, or the largest `\|z\|` |
/// | memory | a [`TDigest`] of compression 100 an attribute: about 2 kB, at most 8 kB |
/// | learn, score | O(attributes), amortised: quantiles are read anew every 64 rows, at first more often |
/// | warm-up | 10 rows |
/// | missing | a value that is NaN or infinite says nothing of its attribute, and is not learned; larger ones than 10¹⁰⁰ count as that |
/// | merged | close to one of all rows: as t-digests merge |
///
/// The deviation of a value is measured on its own side of the median: the distance of the median to the quartile, in
/// units in which that of a Gaussian is 0.67. Where the quartile is the median (most values are equal) the first of the
/// quantiles 10, 5, 1, 0.5 and 0.1 % that is not it stands in. Up to a quarter of the rows can be anything before that
/// breaks, where a standard deviation breaks by a single one.
///
/// **When not to use it**: as [`GaussianTails`](super::GaussianTails), which takes 24 bytes an attribute.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, RobustTails};
/// let mut detector = Calibrated::new(RobustTails::new(1)?);
/// for i in 0..1_000 {
///     let value = if i % 5 == 0 { 1e6 } else { f64::from(i % 7) };
///     detector.learn_one(&[value])?;
/// }
/// assert!(detector.score_one(&[30.0])? > detector.score_one(&[3.0])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct RobustTails {
    across: Across,
    /// In rows; infinite means that nothing is forgotten.
    half_life: f64,
    rows: u64,
    /// The numbers of rows when quantiles were last read, and when they will be.
    last_read: u64,
    next_read: u64,
    attributes: Vec<Robust>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Robust {
    digest: TDigest,
    median: f64,
    /// One over the deviation below and above the median; 0 where there is none.
    per_deviation: [f64; 2],
}

impl Robust {
    /// Values that are no other than the median on their side: the first of them is as strange as this.
    const MOST: f64 = 1e3;

    fn new() -> Self {
        let digest = TDigest::with_compression(100).unwrap_or_default();
        Self { digest, median: 0.0, per_deviation: [0.0; 2] }
    }

    #[inline]
    fn z_squared(&self, value: f64) -> f64 {
        let from = value - self.median;
        if from == 0.0 {
            return 0.0;
        }
        let z = from * self.per_deviation[usize::from(from > 0.0)];
        if z == 0.0 { Self::MOST * Self::MOST } else { (z * z).min(f64::MAX) }
    }

    fn read(&mut self) {
        let quantiles = self.digest.read();
        if quantiles.is_empty() {
            return;
        }
        self.median = quantiles.at(0.5).value.clamp(-LARGEST, LARGEST);
        let per_deviation = |below: bool| {
            let spread = SPREADS.iter().find_map(|&(share, deviations)| {
                let from = (quantiles.at(if below { share } else { 1.0 - share }).value - self.median).abs();
                (from > 0.0).then(|| deviations / from)
            });
            spread.map_or(0.0, |per_deviation| per_deviation.min(1e150))
        };
        self.per_deviation = [per_deviation(true), per_deviation(false)];
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(known(self.median) == Some(self.median), "a median of", self.median)?;
        let wrong = self.per_deviation.iter().find(|per| !(0.0..=1e150).contains(*per));
        DecodeError::unless(wrong.is_none(), "one over a deviation of", wrong.copied().unwrap_or_default())
    }
}

impl RobustTails {
    const WARM_UP: u64 = 10;
    /// Counting ends here, so that no sum of counts overflows.
    const MOST_ROWS: u64 = 1 << 60;
    /// Rows from one reading of the quantiles to the next, at most.
    const INTERVAL: u64 = 64;

    /// One that has seen nothing, of rows of so many numbers.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 65,536.
    pub fn new(attributes: usize) -> Result<Self, ParameterError> {
        allow_attributes(Self::NAME, attributes)?;
        Ok(Self {
            across: Across::default(),
            half_life: HALF_LIFE,
            rows: 0,
            last_read: 0,
            next_read: Self::WARM_UP,
            attributes: vec![Robust::new(); attributes],
        })
    }

    /// How the attributes are put together; their [sum](Across::Sum) if not set.
    #[must_use]
    pub fn across(mut self, across: Across) -> Self {
        self.across = across;
        self
    }

    /// After so many rows an older one counts half; 10,000, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is at least 10; infinite means that nothing is forgotten.
    pub fn half_life(mut self, rows: f64) -> Result<Self, ParameterError> {
        allow_half_life(Self::NAME, rows)?;
        self.half_life = rows;
        Ok(self)
    }

    /// Reads the quantiles anew, after what was learned since has faded as much as it should.
    fn read_quantiles(&mut self) {
        let factor = 0.5_f64.powf((self.rows - self.last_read) as f64 / self.half_life);
        for attribute in &mut self.attributes {
            if factor < 1.0 {
                attribute.digest.decay(factor);
            }
            attribute.read();
        }
        self.last_read = self.rows;
        self.next_read = self.rows + (self.rows / 8).clamp(1, Self::INTERVAL);
    }
}

impl Scorer for RobustTails {
    type Item = [f64];

    #[inline]
    fn raw_one(&self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        if self.rows < Self::WARM_UP || !any_known(row) {
            return Ok(None);
        }
        let each = self.attributes.iter().zip(row);
        let sum = each.fold(0.0, |sum, (attribute, value)| match known(*value) {
            Some(value) => self.across.add(sum, attribute.z_squared(value)),
            None => sum,
        });
        Ok(Some(self.across.finish(sum)))
    }

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        if !any_known(row) {
            return Ok(());
        }
        self.rows = (self.rows + 1).min(Self::MOST_ROWS);
        for (attribute, value) in self.attributes.iter_mut().zip(row) {
            if let Some(value) = known(*value) {
                attribute.digest.absorb(&value);
            }
        }
        if self.rows >= self.next_read {
            self.read_quantiles();
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        check_stored(self.attributes.len(), self.half_life)?;
        let ordered = self.last_read <= self.rows && self.rows < self.next_read && self.rows <= Self::MOST_ROWS;
        DecodeError::unless(ordered, "rows", self.rows)?;
        let soon = self.next_read <= self.rows + Self::INTERVAL;
        DecodeError::unless(soon, "quantiles to be read at", self.next_read)?;
        self.attributes.iter().try_for_each(Robust::check)
    }
}

impl Summary for RobustTails {
    type Reading = Self;

    const NAME: &'static str = "RobustTails";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Self::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let spare = (self.attributes.capacity() - self.attributes.len()) * size_of::<Robust>();
        let each = self
            .attributes
            .iter()
            .map(|attribute| size_of::<Robust>() - size_of::<TDigest>() + attribute.digest.memory_bytes());
        size_of::<Self>() + spare + each.sum::<usize>()
    }
}

impl Decay for RobustTails {
    fn decay(&mut self, factor: f64) {
        self.attributes.iter_mut().for_each(|attribute| attribute.digest.decay(factor));
    }
}

impl Merge for RobustTails {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "attributes", &self.attributes.len(), &other.attributes.len())?;
        Mismatch::check(Self::NAME, "deviations", &self.across, &other.across)?;
        Mismatch::check(Self::NAME, "half-life", &self.half_life, &other.half_life)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        for (ours, theirs) in self.attributes.iter_mut().zip(&other.attributes) {
            ours.digest.merge(&theirs.digest)?;
        }
        if other.rows > 0 {
            self.rows = (self.rows + other.rows).min(Self::MOST_ROWS);
            self.last_read = self.rows;
            self.read_quantiles();
            // As it would have been with so many rows.
            self.next_read = self.next_read.max(Self::WARM_UP);
        }
        Ok(())
    }
}

image!(RobustTails, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;
    use streamgauge_sketches::random::Draws;

    use super::super::trials;
    use super::*;

    #[test]
    fn holds_the_laws() {
        for across in [Across::Sum, Across::Largest] {
            trials::holds_the_laws(&RobustTails::new(3).unwrap().across(across));
        }
    }

    #[test]
    fn parts_merge_nearly_to_the_whole() {
        let empty = RobustTails::new(3).unwrap().half_life(f64::INFINITY).unwrap();
        trials::merges(&empty, 0.05);
        laws::refuses(&empty, &RobustTails::new(2).unwrap().half_life(f64::INFINITY).unwrap());
        laws::refuses(&empty, &empty.clone().across(Across::Largest));
    }

    #[test]
    fn a_fifth_of_outliers_changes_little() {
        let (mut clean, mut dirty) = (RobustTails::new(1).unwrap(), RobustTails::new(1).unwrap());
        let mut draws = Draws::new(4);
        for i in 0..10_000 {
            let value: f64 = (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0;
            clean.learn_one(&[value]).unwrap();
            dirty.learn_one(&[if i % 5 == 0 { 1e9 } else { value }]).unwrap();
        }
        let raw = |scorer: &RobustTails| scorer.clone().across(Across::Largest).raw_one(&[-5.0]).unwrap().unwrap();
        assert!((raw(&clean) - 5.0).abs() < 0.3, "{}", raw(&clean));
        assert!((raw(&dirty) - 5.0).abs() < 1.2, "{}", raw(&dirty));
    }

    #[test]
    fn where_most_values_are_equal_the_others_give_the_unit() {
        let mut scorer = RobustTails::new(1).unwrap().across(Across::Largest);
        for i in 0..10_000 {
            scorer.learn_one(&[if i % 20 == 0 { f64::from(i % 9) } else { 0.0 }]).unwrap();
        }
        let raw = |value: f64| scorer.raw_one(&[value]).unwrap().unwrap();
        assert!(raw(0.0) == 0.0 && raw(4.0) < 4.0 && raw(100.0) > 10.0, "{} {}", raw(4.0), raw(100.0));
        assert_eq!(raw(-1.0), Robust::MOST, "none was ever below");
    }
}
