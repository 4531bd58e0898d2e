//! Gaussian tails of the attributes.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::rows::{Across, HALF_LIFE, LARGEST, allow_attributes, allow_half_life, any_known, check_stored, known};
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// How many standard deviations each attribute lies from its mean, and all of them together.
///
/// | | |
/// |---|---|
/// | raw score | by [`Across`]: the sum of `ln(1 + z²)` over the attributes, or the largest `\|z\|` |
/// | memory | 24 bytes an attribute |
/// | learn, score | O(attributes) |
/// | warm-up | 10 rows |
/// | missing | a value that is NaN or infinite says nothing of its attribute, and is not learned; larger ones than 10¹⁰⁰ count as that |
/// | merged | exactly, up to rounding; with a half-life, as if both had learned side by side |
///
/// `z` counts the scored value in (the internally studentised residual of Grubbs 1950), so it is at most √n after n
/// rows: the first other value of an attribute that never changed is as strange as n rows allow, and not infinitely so.
///
/// Attributes are looked at one by one. **When not to use it**: where only a combination of values is strange
/// ([`Mahalanobis`](super::Mahalanobis)), where usual values lie in several clusters
/// ([`IsolationForest`](super::IsolationForest)).
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, GaussianTails};
/// let mut detector = Calibrated::new(GaussianTails::new(2)?);
/// for i in 0..1_000 {
///     detector.learn_one(&[f64::from(i % 10), f64::from(i % 7)])?;
/// }
/// let (usual, strange) = (detector.score_one(&[5.0, 3.0])?, detector.score_one(&[5.0, 30.0])?);
/// assert!(usual < Some(0.5) && strange > Some(0.75));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct GaussianTails {
    across: Across,
    /// In values; infinite means that nothing is forgotten.
    half_life: f64,
    rows: u64,
    attributes: Vec<Gaussian>,
}

/// The moments of an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Gaussian {
    weight: f64,
    mean: f64,
    /// The sum of the squared deviations.
    squares: f64,
}

impl Gaussian {
    #[inline]
    fn z_squared(&self, value: f64) -> f64 {
        let squared = (value - self.mean) * (value - self.mean);
        let weight = self.weight;
        if squared > 0.0 && weight > 0.0 {
            squared * weight * weight / ((weight + 1.0) * self.squares + squared * weight)
        } else {
            0.0
        }
    }

    #[inline]
    fn learn(&mut self, value: f64, fade: f64) {
        self.weight = self.weight * fade + 1.0;
        let deviation = value - self.mean;
        // Rounded they may be too large or below nought.
        self.mean = (self.mean + deviation / self.weight).clamp(-LARGEST, LARGEST);
        self.squares = self.squares * fade + (deviation * (value - self.mean)).max(0.0);
    }

    fn merge(&mut self, other: &Self) {
        let weight = self.weight + other.weight;
        if other.weight > 0.0 && weight > 0.0 {
            let deviation = other.mean - self.mean;
            self.mean += deviation * (other.weight / weight);
            self.squares += other.squares + deviation * deviation * (self.weight * (other.weight / weight));
            self.weight = weight;
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        for (field, value) in [("the weight of an attribute", self.weight), ("squared deviations of", self.squares)] {
            DecodeError::unless(value >= 0.0 && value.is_finite(), field, value)?;
        }
        DecodeError::unless(known(self.mean) == Some(self.mean), "a mean of", self.mean)
    }
}

impl GaussianTails {
    const WARM_UP: u64 = 10;

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
            attributes: vec![Gaussian::default(); attributes],
        })
    }

    /// How the attributes are put together; their [sum](Across::Sum) if not set.
    #[must_use]
    pub fn across(mut self, across: Across) -> Self {
        self.across = across;
        self
    }

    /// After so many values of an attribute an older one counts half; 10,000, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is at least 10; infinite means that nothing is forgotten.
    pub fn half_life(mut self, values: f64) -> Result<Self, ParameterError> {
        allow_half_life(Self::NAME, values)?;
        self.half_life = values;
        Ok(self)
    }
}

impl Scorer for GaussianTails {
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
        self.rows = self.rows.saturating_add(1);
        let fade = fade(self.half_life);
        for (attribute, value) in self.attributes.iter_mut().zip(row) {
            if let Some(value) = known(*value) {
                attribute.learn(value, fade);
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        check_stored(self.attributes.len(), self.half_life)?;
        self.attributes.iter().try_for_each(Gaussian::check)
    }
}

/// What one row leaves of the weight of those before it.
#[inline]
pub(super) fn fade(half_life: f64) -> f64 {
    if half_life.is_finite() { (-std::f64::consts::LN_2 / half_life).exp() } else { 1.0 }
}

impl Summary for GaussianTails {
    type Reading = Self;

    const NAME: &'static str = "GaussianTails";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Self::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.attributes.capacity() * size_of::<Gaussian>()
    }
}

impl Decay for GaussianTails {
    fn decay(&mut self, factor: f64) {
        for attribute in &mut self.attributes {
            attribute.weight *= factor;
            attribute.squares *= factor;
        }
    }
}

impl Merge for GaussianTails {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "attributes", &self.attributes.len(), &other.attributes.len())?;
        Mismatch::check(Self::NAME, "deviations", &self.across, &other.across)?;
        Mismatch::check(Self::NAME, "half-life", &self.half_life, &other.half_life)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.rows = self.rows.saturating_add(other.rows);
        self.attributes.iter_mut().zip(&other.attributes).for_each(|(ours, theirs)| ours.merge(theirs));
        Ok(())
    }
}

image!(GaussianTails, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;

    use super::super::trials;
    use super::*;

    #[test]
    fn holds_the_laws() {
        for across in [Across::Sum, Across::Largest] {
            trials::holds_the_laws(&GaussianTails::new(3).unwrap().across(across));
        }
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let empty = GaussianTails::new(3).unwrap().half_life(f64::INFINITY).unwrap();
        trials::merges(&empty, 1e-9);
        laws::refuses(&empty, &GaussianTails::new(2).unwrap());
        laws::refuses(&empty, &GaussianTails::new(3).unwrap());
        laws::refuses(&empty, &empty.clone().across(Across::Largest));
    }

    #[test]
    fn the_largest_is_the_studentised_residual() {
        let mut scorer = GaussianTails::new(1).unwrap().half_life(f64::INFINITY).unwrap().across(Across::Largest);
        let values = [4.0, 7.0, 1.0, 4.0, 6.0, 2.0, 9.0, 4.0, 3.0, 5.0];
        values.iter().for_each(|value| scorer.learn_one(&[*value]).unwrap());
        // Of the eleven values with 12 among them: mean 57/11, squares 393.
        let (mean, n) = (57.0 / 11.0, 11.0);
        let variance = (16.0 + 49.0 + 1.0 + 16.0 + 36.0 + 4.0 + 81.0 + 16.0 + 9.0 + 25.0 + 144.0) / n - mean * mean;
        let expected = (12.0 - mean) / f64::sqrt(variance);
        let found = scorer.raw_one(&[12.0]).unwrap().unwrap();
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        assert_eq!(scorer.raw_one(&[4.5]).unwrap(), Some(0.0));
    }

    #[test]
    fn a_first_other_value_is_as_strange_as_there_are_rows() {
        let mut scorer = GaussianTails::new(1).unwrap().half_life(f64::INFINITY).unwrap().across(Across::Largest);
        (0..100).for_each(|_| scorer.learn_one(&[0.1]).unwrap());
        assert_eq!(scorer.raw_one(&[0.1]).unwrap(), Some(0.0));
        let raw = scorer.raw_one(&[0.2]).unwrap().unwrap();
        assert!((raw - 10.0).abs() < 1e-12, "{raw}");
    }

    #[test]
    fn the_past_fades() {
        let mut scorer = GaussianTails::new(1).unwrap().half_life(100.0).unwrap().across(Across::Largest);
        for i in 0..5_000 {
            scorer.learn_one(&[f64::from(i % 7)]).unwrap();
        }
        let before = scorer.raw_one(&[1_000.0]).unwrap().unwrap();
        for i in 0..2_000 {
            scorer.learn_one(&[1_000.0 + f64::from(i % 7)]).unwrap();
        }
        let after = scorer.raw_one(&[1_000.0]).unwrap().unwrap();
        assert!(before > 10.0 && after < 2.0, "{before} {after}");
        assert!(GaussianTails::new(0).is_err());
        assert!(GaussianTails::new(1).unwrap().half_life(f64::NAN).is_err());
    }
}
