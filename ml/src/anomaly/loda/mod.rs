//! LODA: histograms of random projections.

mod histogram;

use histogram::Histogram;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::gaussian::fade;
use super::rows::{HALF_LIFE, allow, allow_attributes, allow_half_life, any_known, check_stored};
use super::scale::Scale;
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// How sparse the neighbourhood of a row is in random projections.
///
/// | | |
/// |---|---|
/// | raw score | the mean over the projections of −ln density, in deviations of the attributes |
/// | memory | 1 KiB and 16 · √attributes bytes a projection: 110 kB with the defaults |
/// | learn, score | O(projections · √attributes) |
/// | warm-up | 64 rows, none with [`scaled`](Self::scaled) attributes |
/// | missing | the projections of a value that is NaN or infinite are left out |
/// | merged | exactly, if the attributes have the same scales: see below |
///
/// A projection is a direction in ⌈√attributes⌉ random attributes, evenly drawn; the histogram of the projected rows needs no
/// range, since its bins double their width when there are more than 64 that hold something. The score looks at
/// them as if they were independent. Paper: Pevný, *LODA: Lightweight on-line detector of anomalies*, Machine Learning
/// 102, 2016; histograms of equal width there too.
///
/// So that no attribute outweighs the others they are divided by their deviation. That is measured on the first 64
/// rows, unless it is [given](Self::scaled). **Merging** is exact between those of the same seed with the same scales:
/// given ones, or copies of one that has measured them. One that has not takes on those of the other.
///
/// **When not to use it**: in a single stream the [`IsolationForest`](super::IsolationForest) ranks better; where many values
/// are missing few projections are left.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, Loda};
/// use streamgauge_sketches::Merge;
/// let empty = Calibrated::new(Loda::new(2)?.scaled([(4.5, 3.0), (3.0, 2.0)])?);
/// let (mut here, mut there) = (empty.clone(), empty);
/// for i in 0..1_000 {
///     let detector = if i % 3 == 0 { &mut here } else { &mut there };
///     detector.learn_one(&[f64::from(i % 10), f64::from(i % 7)])?;
/// }
/// here.merge(&there)?;
/// let (usual, strange) = (here.score_one(&[5.0, 3.0])?, here.score_one(&[5.0, 30.0])?);
/// assert!(usual < Some(0.6) && strange > Some(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Loda {
    /// In rows; infinite means that nothing is forgotten.
    half_life: f64,
    seed: u64,
    attributes: u32,
    /// How many attributes a projection has.
    dense: u32,
    /// One after the other: the attributes of each projection and what they weigh.
    weights: Vec<(u32, f64)>,
    histograms: Vec<Histogram>,
    /// How much the newest row weighs: older ones fade by this growing.
    unit: f64,
    /// Of each attribute; empty as long as it is measured.
    scales: Vec<Scale>,
    /// The rows that scales are measured on.
    first: Vec<f64>,
}

impl Loda {
    /// From this weight of the newest row on all weights are divided by it.
    const HEAVY: f64 = 1e9;
    /// What is forgotten then: bins that have faded to less than this part of a row.
    const FORGOTTEN: f64 = 1e-3;

    /// One that has seen nothing, of rows of so many numbers, with 100 projections.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 65,536.
    pub fn new(attributes: usize) -> Result<Self, ParameterError> {
        allow_attributes(Self::NAME, attributes)?;
        let empty = Self {
            half_life: HALF_LIFE,
            seed: 0,
            attributes: attributes as u32,
            dense: (attributes as f64).sqrt().ceil() as u32,
            weights: Vec::new(),
            histograms: vec![Histogram::new(); 100],
            unit: 1.0,
            scales: Vec::new(),
            first: Vec::new(),
        };
        Ok(empty.projected())
    }

    /// How many projections; 100, if not set. To be set before anything is learned.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 10,000.
    pub fn projections(mut self, projections: usize) -> Result<Self, ParameterError> {
        allow(Self::NAME, "projections", "1 to 10,000", (1..=10_000).contains(&projections), projections)?;
        self.histograms = vec![Histogram::new(); projections];
        Ok(self.projected())
    }

    /// The seed of the projections; 0, if not set. To be set before anything is learned.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.projected()
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

    /// The mean and the deviation of each attribute, instead of those of the first rows. To be set before anything is
    /// learned.
    ///
    /// # Errors
    /// [`ParameterError`] unless there is one of each attribute, the mean is finite and the deviation above 0.
    pub fn scaled(mut self, scales: impl IntoIterator<Item = (f64, f64)>) -> Result<Self, ParameterError> {
        self.scales = Scale::given(Self::NAME, scales, self.width())?;
        Ok(self)
    }

    /// With the projections of its seed.
    fn projected(mut self) -> Self {
        let mut draws = Draws::new(self.seed);
        let mut attributes: Vec<u32> = (0..self.attributes).collect();
        self.weights.clear();
        self.weights.reserve_exact(self.histograms.len() * self.dense as usize);
        for _ in 0..self.histograms.len() {
            for i in 0..self.dense as usize {
                let other = i + draws.below((attributes.len() - i) as u64) as usize;
                attributes.swap(i, other);
                self.weights.push((attributes[i], gaussian(&mut draws)));
            }
            // Of length one: where some projections are left out the densities of the others are of one kind.
            let start = self.weights.len() - self.dense as usize;
            let projection = &mut self.weights[start..];
            let length = projection.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
            projection.iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        self
    }

    fn width(&self) -> usize {
        self.attributes as usize
    }

    /// Projects a row on weights; none if one of its attributes is missing.
    #[inline]
    fn project(scales: &[Scale], weights: &[(u32, f64)], row: &[f64]) -> Option<f64> {
        weights.iter().try_fold(0.0, |sum, &(attribute, weight)| {
            let (scale, value) = (scales[attribute as usize], row[attribute as usize]);
            scale.of(value).map(|value| sum + value * weight)
        })
    }

    /// Learns a row whose attributes have a scale.
    #[inline]
    fn count(&mut self, row: &[f64]) {
        let each = self.histograms.iter_mut().zip(self.weights.chunks_exact(self.dense as usize));
        for (histogram, weights) in each {
            if let Some(value) = Self::project(&self.scales, weights, row) {
                histogram.add(value, self.unit);
            }
        }
        self.fade();
    }

    /// The older rows fade by one row.
    #[inline]
    fn fade(&mut self) {
        if self.half_life.is_finite() {
            self.unit /= fade(self.half_life);
            if self.unit > Self::HEAVY {
                let factor = 1.0 / self.unit;
                self.histograms.iter_mut().for_each(|histogram| histogram.scale(factor, Self::FORGOTTEN));
                self.unit = 1.0;
            }
        }
    }

    /// Measures the scales on the first rows, which are counted then.
    fn measure(&mut self) {
        let first = std::mem::take(&mut self.first);
        let width = self.width();
        self.scales = Scale::measured(&first, width);
        first.chunks_exact(width).for_each(|row| self.count(row));
    }
}

/// A Gaussian number (Box, Muller 1958).
fn gaussian(draws: &mut Draws) -> f64 {
    (-2.0 * draws.unit().ln()).sqrt() * (std::f64::consts::TAU * draws.unit()).cos()
}

impl Scorer for Loda {
    type Item = [f64];

    #[inline]
    fn raw_one(&self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.width(), row.len())?;
        if self.scales.is_empty() {
            return Ok(None);
        }
        let (mut sum, mut projections) = (0.0, 0.0);
        for (histogram, weights) in self.histograms.iter().zip(self.weights.chunks_exact(self.dense as usize)) {
            if let Some(value) = Self::project(&self.scales, weights, row) {
                sum += histogram.surprise(value, self.unit);
                projections += 1.0;
            }
        }
        Ok((projections > 0.0).then(|| sum / projections))
    }

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.width(), row.len())?;
        if !any_known(row) {
            return Ok(());
        }
        if !self.scales.is_empty() {
            self.count(row);
            return Ok(());
        }
        if Scale::keep_first(&mut self.first, row) {
            self.measure();
        }
        Ok(())
    }

    #[inline]
    fn raw_and_learn(&mut self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.width(), row.len())?;
        if self.scales.is_empty() || !any_known(row) {
            self.learn_one(row)?;
            return Ok(None);
        }
        let (mut sum, mut projections) = (0.0, 0.0);
        for (histogram, weights) in self.histograms.iter_mut().zip(self.weights.chunks_exact(self.dense as usize)) {
            if let Some(value) = Self::project(&self.scales, weights, row) {
                sum += histogram.surprise_and_add(value, self.unit);
                projections += 1.0;
            }
        }
        self.fade();
        Ok((projections > 0.0).then(|| sum / projections))
    }

    fn check(&self) -> Result<(), DecodeError> {
        let (width, dense) = (self.width(), self.dense as usize);
        check_stored(width, self.half_life)?;
        DecodeError::unless((1..=width).contains(&dense), "attributes of a projection", dense)?;
        DecodeError::unless((1..=10_000).contains(&self.histograms.len()), "projections", self.histograms.len())?;
        let expected = self.histograms.len() * dense;
        DecodeError::unless(self.weights.len() == expected, "weights", self.weights.len())?;
        for &(attribute, weight) in &self.weights {
            DecodeError::unless((attribute as usize) < width, "a weight of attribute", attribute)?;
            DecodeError::unless(weight.is_finite(), "a weight of", weight)?;
        }
        DecodeError::unless((1.0..=Self::HEAVY).contains(&self.unit), "a newest row of weight", self.unit)?;
        Scale::check(&self.scales, &self.first, width)?;
        self.histograms.iter().try_for_each(Histogram::check)
    }
}

impl Summary for Loda {
    type Reading = Self;

    const NAME: &'static str = "Loda";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Self::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.weights.capacity() * size_of::<(u32, f64)>()
            + self.histograms.capacity() * size_of::<Histogram>()
            + self.histograms.iter().map(Histogram::heap_bytes).sum::<usize>()
            + self.scales.capacity() * size_of::<Scale>()
            + self.first.capacity() * size_of::<f64>()
    }
}

impl Decay for Loda {
    fn decay(&mut self, factor: f64) {
        let least = Self::FORGOTTEN * self.unit;
        self.histograms.iter_mut().for_each(|histogram| histogram.scale(factor, least));
    }
}

impl Merge for Loda {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "attributes", &self.attributes, &other.attributes)?;
        Mismatch::check(Self::NAME, "projections", &self.histograms.len(), &other.histograms.len())?;
        Mismatch::check(Self::NAME, "half-life", &self.half_life, &other.half_life)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)?;
        if self.scales.is_empty() || other.scales.is_empty() || self.scales == other.scales {
            return Ok(());
        }
        let told = |scales: &[Scale]| scales.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (ours, theirs) = (told(&self.scales), told(&other.scales));
        Err(Mismatch { summary: Self::NAME, parameter: "scales", ours, theirs })
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        let width = self.width();
        if self.scales.is_empty() && !other.scales.is_empty() {
            let ours = std::mem::replace(self, other.clone());
            ours.first.chunks_exact(width).for_each(|row| self.count(row));
            return Ok(());
        }
        let factor = self.unit / other.unit;
        for (ours, theirs) in self.histograms.iter_mut().zip(&other.histograms) {
            ours.merge(theirs, factor);
        }
        for row in other.first.chunks_exact(width) {
            // A row of the same width is never refused.
            self.learn_one(row).ok();
        }
        Ok(())
    }
}

image!(Loda, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;

    use super::super::trials;
    use super::*;

    fn small() -> Loda {
        Loda::new(3).unwrap().projections(10).unwrap()
    }

    fn scaled() -> Loda {
        let forever = small().half_life(f64::INFINITY).unwrap();
        forever.scaled([(1.0, 0.4), (-1e3, 1e3), (1.0, 0.8)]).unwrap()
    }

    #[test]
    fn holds_the_laws() {
        trials::holds_the_laws(&small());
        trials::holds_the_laws(&scaled());
    }

    #[test]
    fn parts_merge_to_the_whole_to_the_bit() {
        trials::merges(&scaled(), 0.0);
        laws::refuses(&scaled(), &small());
        laws::refuses(&scaled(), &scaled().seeded(1));
        laws::refuses(&scaled(), &scaled().projections(9).unwrap());
        laws::refuses(&scaled(), &scaled().scaled([(1.0, 0.4), (-1e3, 1e3), (1.0, 0.9)]).unwrap());
    }

    #[test]
    fn one_without_scales_takes_on_those_of_the_other() {
        let rows = trials::rows(500, 7);
        let learned = |rows: &[Vec<f64>]| {
            let mut loda = small().half_life(f64::INFINITY).unwrap();
            rows.iter().for_each(|row| loda.learn_one(row).unwrap());
            loda
        };
        let (few, many) = (learned(&rows[450..]), learned(&rows[..450]));
        assert!(few.scales.is_empty());
        let (mut onto_few, mut onto_many) = (few.clone(), many.clone());
        onto_few.merge(&many).unwrap();
        onto_many.merge(&few).unwrap();
        assert!(onto_few == onto_many && onto_few == learned(&rows));
    }

    #[test]
    fn the_past_fades() {
        let mut loda = small().half_life(50.0).unwrap();
        let rows = trials::rows(3_000, 8);
        let shifted = |row: &[f64]| [row[0] + 100.0, row[1], row[2]];
        rows.iter().for_each(|row| loda.learn_one(row).unwrap());
        let before = loda.raw_one(&shifted(&rows[0])).unwrap();
        rows.iter().take(500).for_each(|row| loda.learn_one(&shifted(row)).unwrap());
        let (there, here) = (loda.raw_one(&shifted(&rows[0])).unwrap(), loda.raw_one(&rows[0]).unwrap());
        assert!(there < before && there < here, "{before:?} {there:?} {here:?}");
    }
}
