//! Test, then train.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::codec::{Reader, Writer};
use streamgauge_sketches::{Codec, DecodeError, Family, ParameterError, Summary};

use super::Outcomes;
use crate::error::RowError;
use crate::learner::Classifier;

/// Test, then train: each row is predicted by what was learned of those before it, and then learned.
///
/// The first rows count too, from the first one on; a row for which nothing can be predicted yet counts as wrong. It is a
/// classifier itself, so it can be fed by a stream in place of the learner. A row of any weight is one row of the
/// evaluation.
///
/// **When not to use it.** Where labels come late, this flatters: see [`Delayed`](super::Delayed).
///
/// ```
/// use streamgauge_ml::evaluate::Prequential;
/// use streamgauge_ml::{MajorityClass, Schema};
/// let mut evaluation = Prequential::new(MajorityClass::new(Schema::numeric(1, 2)?))?;
/// for i in 0..1_000 {
///     evaluation.step(&[f64::from(i)], usize::from(i % 4 == 0))?;
/// }
/// assert_eq!(evaluation.outcomes().accuracy().to_string(), "0.7 [0.7, 0.8]");
/// assert!((evaluation.outcomes().accuracy().value - 0.75).abs() < 0.005);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prequential<L> {
    pub(super) learner: L,
    pub(super) outcomes: Outcomes,
}

impl<L: Classifier> Prequential<L> {
    /// Evaluates over the whole stream.
    ///
    /// # Errors
    /// [`ParameterError`] if the learner knows more than 4,096 classes.
    pub fn new(learner: L) -> Result<Self, ParameterError> {
        Ok(Self { outcomes: Outcomes::whole(learner.classes())?, learner })
    }

    /// Evaluates anew, over the last `rows` rows.
    ///
    /// # Errors
    /// [`ParameterError`] if that is none.
    pub fn sliding(self, rows: usize) -> Result<Self, ParameterError> {
        Ok(Self { outcomes: Outcomes::sliding(self.learner.classes(), rows)?, ..self })
    }

    /// Evaluates anew, where each row weighs `factor` times as much as the one after it.
    ///
    /// # Errors
    /// [`ParameterError`] unless the factor is at least a half and below one.
    pub fn fading(self, factor: f64) -> Result<Self, ParameterError> {
        Ok(Self { outcomes: Outcomes::fading(self.learner.classes(), factor)?, ..self })
    }

    /// Predicts the class of a row, holds that against its class, and learns the row.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; nothing is learned or counted.
    #[inline]
    pub fn step(&mut self, row: &L::Row, class: usize) -> Result<Option<usize>, RowError> {
        let predicted = self.learner.predict_and_learn(row, class)?;
        self.outcomes.add(class, predicted)?;
        Ok(predicted)
    }
}

impl<L> Prequential<L> {
    /// What came of the predictions.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// The learner.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// The learner, when all is evaluated.
    pub fn into_learner(self) -> L {
        self.learner
    }
}

impl<L: Classifier> Classifier for Prequential<L> {
    type Row = L::Row;

    fn classes(&self) -> usize {
        self.learner.classes()
    }

    fn learn_weighted(&mut self, row: &L::Row, class: usize, weight: f64) -> Result<(), RowError> {
        let predicted = self.learner.predict_one(row)?;
        self.learner.learn_weighted(row, class, weight)?;
        self.outcomes.add(class, predicted)
    }

    #[inline]
    fn learn_one(&mut self, row: &L::Row, class: usize) -> Result<(), RowError> {
        self.step(row, class).map(|_| ())
    }

    fn probabilities_one(&self, row: &L::Row, into: &mut Vec<f64>) -> Result<(), RowError> {
        self.learner.probabilities_one(row, into)
    }

    fn predict_one(&self, row: &L::Row) -> Result<Option<usize>, RowError> {
        self.learner.predict_one(row)
    }

    #[inline]
    fn predict_and_learn(&mut self, row: &L::Row, class: usize) -> Result<Option<usize>, RowError> {
        self.step(row, class)
    }
}

impl<L: Summary> Summary for Prequential<L> {
    type Reading = Self;

    const NAME: &'static str = "Prequential";

    fn schema() -> String {
        format!("prequential {}", L::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let parts = self.learner.memory_bytes() + self.outcomes.memory_bytes();
        size_of::<Self>() - size_of::<L>() - size_of::<Outcomes>() + parts
    }

    fn end_batch(&mut self) {
        self.learner.end_batch();
    }
}

/// The images of the learner and of the outcomes, whole.
impl<L: Classifier + Codec> Codec for Prequential<L> {
    const FAMILY: Family = Family::Custom;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.value(&Self::schema());
        for image in [self.learner.to_bytes(), self.outcomes.to_bytes()] {
            out.u64(image.len() as u64);
            out.bytes(&image);
        }
    }

    fn decode(content: &mut Reader<'_>, _version: u16, _hash_seed: u64) -> Result<Self, DecodeError> {
        let name: String = content.value("the name of an evaluation")?;
        DecodeError::unless(name == Self::schema(), "an evaluation named", &name)?;
        let mut image = |of| {
            let length = usize::try_from(content.u64(of)?).unwrap_or(usize::MAX);
            content.bytes(of, length)
        };
        let learner = L::from_bytes(image("the learner of an evaluation")?)?;
        let outcomes = Outcomes::from_bytes(image("the outcomes of an evaluation")?)?;
        let (ours, theirs) = (outcomes.classes(), learner.classes());
        DecodeError::unless(ours == theirs, "outcomes of another number of classes", ours)?;
        Ok(Self { learner, outcomes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MajorityClass, Schema, laws};

    fn majority() -> MajorityClass {
        MajorityClass::new(Schema::numeric(1, 3).unwrap())
    }

    #[test]
    fn is_a_classifier_that_holds_the_laws() {
        let rows: Vec<_> = (0..200).map(|i| (vec![f64::from(i)], (i % 7 % 3) as usize)).collect();
        for evaluation in [
            Prequential::new(majority()).unwrap(),
            Prequential::new(majority()).unwrap().sliding(40).unwrap(),
            Prequential::new(majority()).unwrap().fading(0.98).unwrap(),
        ] {
            laws::classifies(&evaluation, &rows);
        }
    }

    #[test]
    fn tests_before_it_trains() {
        let mut evaluation = Prequential::new(majority()).unwrap();
        let classes = [2, 2, 1, 1, 1, 1];
        let predicted: Vec<_> = classes.iter().map(|&class| evaluation.step(&[0.0], class).unwrap()).collect();
        assert_eq!(predicted, [None, Some(2), Some(2), Some(2), Some(1), Some(1)]);
        assert_eq!(evaluation.outcomes().accuracy().value, 0.5);
        assert_eq!(evaluation.outcomes().rows(), 6);
        // The row before has the class but for the first and the third.
        assert!((evaluation.outcomes().kappa_t() - (0.5 - 4.0 / 6.0) * 3.0).abs() < 1e-12);
        assert_eq!(evaluation.into_learner().predict_one(&[0.0]), Ok(Some(1)));
    }

    #[test]
    fn too_many_classes_are_told() {
        let learner = MajorityClass::new(Schema::numeric(1, 5_000).unwrap());
        assert!(Prequential::new(learner).unwrap_err().to_string().ends_with("1 to 4,096, not 5000"));
    }
}
