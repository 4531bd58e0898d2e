//! The classifier to beat.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, Summary};

use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;
use crate::schema::Schema;

/// Predicts the most frequent class, whatever the row: what a learner has to be better than.
///
/// Merges exactly. A few additions a row; 8 bytes a class.
///
/// ```
/// use streamgauge_ml::{Classifier, MajorityClass, Schema};
/// let mut majority = MajorityClass::new(Schema::numeric(1, 3)?);
/// assert_eq!(majority.predict_one(&[0.5])?, None);
/// for class in [2, 1, 2] {
///     majority.learn_one(&[0.5], class)?;
/// }
/// assert_eq!(majority.predict_one(&[0.5])?, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct MajorityClass {
    schema: Schema,
    weights: Vec<f64>,
}

impl MajorityClass {
    /// One that has seen nothing.
    pub fn new(schema: Schema) -> Self {
        Self { weights: vec![0.0; schema.classes()], schema }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.schema.check_stored()?;
        DecodeError::unless(self.weights.len() == self.schema.classes(), "classes", self.weights.len())?;
        let wrong = self.weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0));
        DecodeError::unless(wrong.is_none(), "a class of weight", wrong.copied().unwrap_or_default())
    }
}

/// The class with the most votes, the lowest of several; none if no class has any.
#[inline]
pub(crate) fn most(votes: &[f64]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (class, &votes) in votes.iter().enumerate() {
        if votes > best.map_or(0.0, |(_, most)| most) {
            best = Some((class, votes));
        }
    }
    best.map(|(class, _)| class)
}

/// Votes as shares that add up to one, or stay all zero.
pub(crate) fn normalize(votes: &mut [f64]) {
    let sum: f64 = votes.iter().sum();
    if sum > 0.0 {
        votes.iter_mut().for_each(|votes| *votes /= sum);
    }
}

impl Classifier for MajorityClass {
    type Row = [f64];

    fn classes(&self) -> usize {
        self.schema.classes()
    }

    fn learn_weighted(&mut self, row: &[f64], class: usize, weight: f64) -> Result<(), RowError> {
        self.schema.check(row, class, weight)?;
        self.weights[class] += weight;
        Ok(())
    }

    fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        self.schema.check_row(row)?;
        into.extend_from_slice(&self.weights);
        normalize(into);
        Ok(())
    }

    fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
        self.schema.check_row(row)?;
        Ok(most(&self.weights))
    }
}

impl Summary for MajorityClass {
    type Reading = Self;

    const NAME: &'static str = "MajorityClass";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.schema.heap_bytes() + self.weights.capacity() * size_of::<f64>()
    }
}

impl Merge for MajorityClass {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.schema.compatible(Self::NAME, &other.schema)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.weights.iter_mut().zip(&other.weights).for_each(|(ours, theirs)| *ours += theirs);
        Ok(())
    }
}

image!(MajorityClass, 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;

    #[test]
    fn holds_the_laws() {
        let rows: Vec<_> = (0..200).map(|i| (vec![f64::from(i)], (i % 7 % 3) as usize)).collect();
        laws::classifies(&MajorityClass::new(Schema::numeric(1, 3).unwrap()), &rows);
    }
}
