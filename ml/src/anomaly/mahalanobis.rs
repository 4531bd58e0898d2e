//! The distance to the mean in units of the covariance.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::gaussian::fade;
use super::rows::{HALF_LIFE, allow, allow_half_life, any_known, known};
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// How far a row lies from the mean, in units of the covariance of the attributes: the Mahalanobis distance.
///
/// | | |
/// |---|---|
/// | raw score | the distance, the scored row counted in: at most √n after n rows |
/// | memory | 8 bytes · attributes², and 16 bytes an attribute |
/// | learn, score | O(attributes²), no matrix is ever inverted |
/// | warm-up | 2 rows an attribute, at least 10 |
/// | missing | a value that is NaN or infinite counts as the mean of its attribute; larger ones than 10¹⁰⁰ count as that |
/// | merged | exactly, up to rounding; with a half-life, as if both had learned side by side |
///
/// The state is the mean and the Cholesky factor of the scatter matrix, which takes in every row by a rank-one update
/// (Gill, Golub, Murray, Saunders 1974). An attribute that follows from others up to a millionth of its spread counts as
/// if it had that much of its own.
///
/// It sees a combination of values that is strange though each of them is usual. **When not to use it**: where usual
/// rows lie in several clusters or along a curve; where anomalies are many, for they widen the covariance; for hundreds of
/// attributes.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, Mahalanobis};
/// let mut detector = Calibrated::new(Mahalanobis::new(2)?);
/// for i in 0..1_000 {
///     let (load, noise) = (f64::from(i % 100), f64::from(i % 7));
///     detector.learn_one(&[load, 2.0 * load + noise])?;
/// }
/// let (usual, strange) = (detector.score_one(&[80.0, 163.0])?, detector.score_one(&[80.0, 63.0])?);
/// assert!(usual < Some(0.6) && strange > Some(0.85));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Mahalanobis {
    /// In rows; infinite means that nothing is forgotten.
    half_life: f64,
    rows: u64,
    weight: f64,
    means: Vec<f64>,
    /// How much weight stands behind each mean.
    weights: Vec<f64>,
    /// The lower triangle of the factor, row after row.
    factor: Vec<f64>,
    #[serde(skip)]
    scratch: Vec<f64>,
}

impl Mahalanobis {
    /// The square of the part of its spread that every attribute has of its own.
    const OWN: f64 = 1e-12;
    /// Beyond any moment of known values.
    const LARGEST: f64 = 1e120;
    /// The most attributes.
    const MOST: usize = 4_096;

    /// One that has seen nothing, of rows of so many numbers.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 4,096.
    pub fn new(attributes: usize) -> Result<Self, ParameterError> {
        let holds = (1..=Self::MOST).contains(&attributes);
        allow(Self::NAME, "attributes", "1 to 4,096", holds, attributes)?;
        Ok(Self {
            half_life: HALF_LIFE,
            rows: 0,
            weight: 0.0,
            means: vec![0.0; attributes],
            weights: vec![0.0; attributes],
            factor: vec![0.0; attributes * (attributes + 1) / 2],
            scratch: vec![0.0; attributes],
        })
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

    fn warm_up(&self) -> u64 {
        (2 * self.means.len() as u64).max(10)
    }

    /// The deviations of a row; those that are missing are none.
    #[inline]
    fn deviations(&self, row: &[f64], into: &mut Vec<f64>) {
        into.clear();
        let each = row.iter().zip(&self.means).zip(&self.weights);
        into.extend(each.map(|((value, mean), weight)| match known(*value) {
            Some(value) if *weight > 0.0 => value - mean,
            _ => 0.0,
        }));
    }

    /// The squared distance of deviations, in which they are counted in. They are used up.
    #[inline]
    fn distance_squared(&self, deviations: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        let mut start = 0;
        for i in 0..deviations.len() {
            let row = &self.factor[start..=start + i];
            let (own, others) = (row[i], &row[..i]);
            let (solved, rest) = deviations.split_at_mut(i);
            let (follows, spread) = others
                .iter()
                .zip(&*solved)
                .fold((0.0, own * own), |(follows, spread), (l, y)| (follows + l * y, spread + l * l));
            let own = own.max((spread * Self::OWN).sqrt());
            let left = rest[0] - follows;
            rest[0] = if left == 0.0 {
                0.0
            } else if own > 0.0 {
                (left / own).clamp(-1e100, 1e100)
            } else {
                left.signum() * 1e100
            };
            sum += rest[0] * rest[0];
            start += i + 1;
        }
        // With the row in the scatter, by Sherman and Morrison.
        let with = self.weight / (self.weight + 1.0);
        self.weight * (sum * with / (1.0 + sum * with))
    }

    /// Adds the outer product of deviations, which are used up, to the scatter.
    #[inline]
    fn update(factor: &mut [f64], deviations: &mut [f64]) {
        let (mut left, mut diagonal, mut column) = (deviations, 0, 1);
        while let Some((more, rest)) = left.split_first_mut() {
            if *more != 0.0 {
                let own = factor[diagonal];
                let length = own.hypot(*more);
                let (cosine, sine) = (own / length, *more / length);
                factor[diagonal] = length.min(Self::LARGEST);
                let mut below = diagonal;
                for (x, width) in rest.iter_mut().zip(column..) {
                    below += width;
                    let l = factor[below];
                    factor[below] = (cosine * l + sine * *x).clamp(-Self::LARGEST, Self::LARGEST);
                    *x = cosine * *x - sine * l;
                }
            }
            left = rest;
            column += 1;
            diagonal += column;
        }
    }
}

impl Scorer for Mahalanobis {
    type Item = [f64];

    fn raw_one(&self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.means.len(), row.len())?;
        if self.rows < self.warm_up() || !any_known(row) {
            return Ok(None);
        }
        let mut deviations = Vec::with_capacity(row.len());
        self.deviations(row, &mut deviations);
        Ok(Some(self.distance_squared(&mut deviations).sqrt()))
    }

    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.means.len(), row.len())?;
        if !any_known(row) {
            return Ok(());
        }
        let fade = fade(self.half_life);
        let mut scratch = std::mem::take(&mut self.scratch);
        self.deviations(row, &mut scratch);
        if fade < 1.0 {
            let root = fade.sqrt();
            self.factor.iter_mut().for_each(|l| *l *= root);
        }
        self.rows = self.rows.saturating_add(1);
        self.weight *= fade;
        let part = (self.weight / (self.weight + 1.0)).sqrt();
        self.weight += 1.0;
        for (i, value) in row.iter().enumerate() {
            if let Some(value) = known(*value) {
                self.weights[i] = self.weights[i] * fade + 1.0;
                self.means[i] += (value - self.means[i]) / self.weights[i];
            }
        }
        scratch.iter_mut().for_each(|deviation| *deviation *= part);
        Self::update(&mut self.factor, &mut scratch);
        self.scratch = scratch;
        Ok(())
    }

    fn raw_and_learn(&mut self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.means.len(), row.len())?;
        let mut raw = None;
        if self.rows >= self.warm_up() && any_known(row) {
            let mut scratch = std::mem::take(&mut self.scratch);
            self.deviations(row, &mut scratch);
            raw = Some(self.distance_squared(&mut scratch).sqrt());
            self.scratch = scratch;
        }
        self.learn_one(row)?;
        Ok(raw)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let attributes = self.means.len();
        DecodeError::unless((1..=Self::MOST).contains(&attributes), "attributes", attributes)?;
        DecodeError::unless(self.half_life >= 10.0, "a half-life of", self.half_life)?;
        DecodeError::unless(self.weights.len() == attributes, "weights", self.weights.len())?;
        let triangle = attributes * (attributes + 1) / 2;
        DecodeError::unless(self.factor.len() == triangle, "a factor of numbers", self.factor.len())?;
        for weight in self.weights.iter().chain([&self.weight]) {
            DecodeError::unless(*weight >= 0.0 && weight.is_finite(), "a weight of", weight)?;
        }
        for number in self.means.iter().chain(&self.factor) {
            DecodeError::unless(number.abs() <= Self::LARGEST, "a moment of", number)?;
        }
        Ok(())
    }
}

impl Summary for Mahalanobis {
    type Reading = Self;

    const NAME: &'static str = "Mahalanobis";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Self::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let numbers = [&self.means, &self.weights, &self.factor, &self.scratch].map(Vec::capacity);
        size_of::<Self>() + numbers.iter().sum::<usize>() * size_of::<f64>()
    }
}

impl Decay for Mahalanobis {
    fn decay(&mut self, factor: f64) {
        self.weight *= factor;
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        self.factor.iter_mut().for_each(|l| *l *= factor.sqrt());
    }
}

impl Merge for Mahalanobis {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "attributes", &self.means.len(), &other.means.len())?;
        Mismatch::check(Self::NAME, "half-life", &self.half_life, &other.half_life)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        let attributes = self.means.len();
        let weight = self.weight + other.weight;
        let part = if weight > 0.0 { (self.weight * (other.weight / weight)).sqrt() } else { 0.0 };
        let mut update = vec![0.0; attributes];
        for (i, update) in update.iter_mut().enumerate() {
            let (ours, theirs) = (self.weights[i], other.weights[i]);
            let deviation = other.means[i] - self.means[i];
            if theirs > 0.0 {
                *update = if ours > 0.0 { deviation * part } else { 0.0 };
                self.means[i] += deviation * (theirs / (ours + theirs));
                self.weights[i] = ours + theirs;
            }
        }
        Self::update(&mut self.factor, &mut update);
        // The other scatter is the sum of the outer products of the columns of its factor.
        for column in 0..attributes {
            for (i, update) in update.iter_mut().enumerate() {
                *update = if i < column { 0.0 } else { other.factor[i * (i + 1) / 2 + column] };
            }
            Self::update(&mut self.factor, &mut update);
        }
        self.weight = weight;
        self.rows = self.rows.saturating_add(other.rows);
        Ok(())
    }
}

image!(Mahalanobis, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;
    use streamgauge_sketches::random::Draws;

    use super::super::trials;
    use super::*;

    #[test]
    fn holds_the_laws() {
        trials::holds_the_laws(&Mahalanobis::new(3).unwrap());
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let empty = Mahalanobis::new(3).unwrap().half_life(f64::INFINITY).unwrap();
        trials::merges(&empty, 1e-9);
        laws::refuses(&empty, &Mahalanobis::new(2).unwrap().half_life(f64::INFINITY).unwrap());
        laws::refuses(&empty, &Mahalanobis::new(3).unwrap());
    }

    /// Two attributes of correlation 0.8, and one on its own.
    fn row(draws: &mut Draws) -> [f64; 3] {
        let mut gaussian = || (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0;
        let (a, b, c) = (gaussian(), gaussian(), gaussian());
        [10.0 + a, 100.0 * (0.8 * a + 0.6 * b), c]
    }

    #[test]
    fn is_the_distance_by_the_covariance() {
        let mut scorer = Mahalanobis::new(3).unwrap().half_life(f64::INFINITY).unwrap();
        let mut draws = Draws::new(2);
        let rows: Vec<[f64; 3]> = (0..500).map(|_| row(&mut draws)).collect();
        rows.iter().for_each(|row| scorer.learn_one(row).unwrap());
        let asked = [12.0, -50.0, 0.5];
        // With the row that is asked about, by Cramer's rule.
        let all: Vec<[f64; 3]> = rows.iter().copied().chain([asked]).collect();
        let n = all.len() as f64;
        let mean = |i: usize| all.iter().map(|row| row[i]).sum::<f64>() / n;
        let apart = |row: &[f64; 3]| [row[0] - mean(0), row[1] - mean(1), row[2] - mean(2)];
        let mut s = [[0.0; 3]; 3];
        for d in all.iter().map(apart) {
            (0..9).for_each(|i| s[i / 3][i % 3] += d[i / 3] * d[i % 3] / n);
        }
        let determinant = |m: [[f64; 3]; 3]| {
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
                + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        };
        let d = apart(&asked);
        let squared: f64 = (0..3)
            .map(|column| {
                let mut replaced = s;
                (0..3).for_each(|i| replaced[i][column] = d[i]);
                d[column] * determinant(replaced) / determinant(s)
            })
            .sum();
        let found = scorer.raw_one(&asked).unwrap().unwrap();
        assert!((found - squared.sqrt()).abs() < 1e-9, "{found}, not {}", squared.sqrt());
    }

    #[test]
    fn an_attribute_that_follows_from_others_poisons_nothing() {
        let mut scorer = Mahalanobis::new(3).unwrap();
        let mut draws = Draws::new(3);
        for _ in 0..5_000 {
            let [a, b, _] = row(&mut draws);
            scorer.learn_one(&[a, b, 3.0 * a - b]).unwrap();
        }
        let follows = scorer.raw_one(&[11.0, 80.0, 33.0 - 80.0]).unwrap().unwrap();
        let breaks = scorer.raw_one(&[11.0, 80.0, 34.0 - 80.0]).unwrap().unwrap();
        assert!(follows < 5.0 && breaks > 20.0, "{follows} {breaks}");
    }
}
