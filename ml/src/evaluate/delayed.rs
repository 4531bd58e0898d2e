//! Labels that come later than their rows.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::codec::{Reader, Writer};
use streamgauge_sketches::{Codec, DecodeError, Family, Summary};

use super::{Outcomes, Prequential};
use crate::error::RowError;
use crate::learner::Classifier;
use crate::preprocess::Room;

/// A classifier whose rows can be kept until their labels come: all whose rows are slices or texts.
pub trait Keepable: Classifier<Row: ToOwned<Owned = Self::Kept>> {
    /// A row that is kept.
    type Kept: Borrow<Self::Row> + Room + Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned;
}

impl<L> Keepable for L
where
    L: Classifier<Row: ToOwned>,
    <L::Row as ToOwned>::Owned: Room + Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned,
{
    type Kept = <L::Row as ToOwned>::Owned;
}

/// Prequential evaluation where the label of a row comes a number of rows later: a row is predicted at once, and learned
/// and counted when its label comes.
///
/// Between a row and its label the learner sees other rows without theirs, as it does in life: a drift costs more, and an
/// accuracy that came of a class repeating itself is gone. Keeps as many rows as labels are late.
///
/// ```
/// use streamgauge_ml::evaluate::{Delayed, Prequential};
/// use streamgauge_ml::{MajorityClass, Schema};
/// let majority = || MajorityClass::new(Schema::numeric(1, 2).unwrap());
/// let mut at_once = Prequential::new(majority())?;
/// let mut late = Delayed::new(Prequential::new(majority())?, 100);
/// for i in 0..1_000 {
///     let class = usize::from(i >= 200);
///     at_once.step(&[0.0], class)?;
///     late.step(&[0.0], class)?;
/// }
/// late.finish()?;
/// assert_eq!(at_once.outcomes().accuracy().value, 0.798);
/// assert_eq!(late.outcomes().accuracy().value, 0.598);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Delayed<L: Keepable> {
    evaluation: Prequential<L>,
    by: u32,
    /// The rows with their classes, which nobody knows yet.
    waiting: VecDeque<(Waiting<L::Kept>, u32)>,
}

/// A row that was predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting<R> {
    row: R,
    predicted: Option<u32>,
}

impl<R: Room> Waiting<R> {
    pub(super) fn predicted(&self) -> Option<usize> {
        self.predicted.map(|class| class as usize)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.row.heap_bytes()
    }

    pub(super) fn check(&self, classes: usize) -> Result<(), DecodeError> {
        let known = self.predicted.is_none_or(|class| (class as usize) < classes);
        DecodeError::unless(known, "a prediction of class", self.predicted.unwrap_or_default())
    }
}

impl<L: Keepable> Prequential<L> {
    /// Predicts a row whose label comes later.
    pub(super) fn ask(&self, row: &L::Row) -> Result<Waiting<L::Kept>, RowError> {
        let predicted = self.learner.predict_one(row)?.map(|class| class as u32);
        Ok(Waiting { row: row.to_owned(), predicted })
    }

    /// The label of a row has come.
    pub(super) fn answer(&mut self, waiting: &Waiting<L::Kept>, class: usize) -> Result<(), RowError> {
        self.learner.learn_one(waiting.row.borrow(), class)?;
        self.outcomes.add(class, waiting.predicted())
    }
}

impl<L: Keepable> Delayed<L> {
    /// Labels come `by` rows late; with 0, at once.
    pub fn new(evaluation: Prequential<L>, by: u32) -> Self {
        Self { evaluation, by, waiting: VecDeque::new() }
    }

    /// Predicts a row; then the label comes of the row before which `by` rows ago came.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; it is not kept.
    #[inline]
    pub fn step(&mut self, row: &L::Row, class: usize) -> Result<Option<usize>, RowError> {
        if self.by == 0 { self.evaluation.step(row, class) } else { self.step_late(row, class) }
    }

    fn step_late(&mut self, row: &L::Row, class: usize) -> Result<Option<usize>, RowError> {
        RowError::check_class(self.evaluation.learner.classes(), class)?;
        if self.waiting.len() < self.by as usize {
            let asked = self.evaluation.ask(row)?;
            let predicted = asked.predicted();
            self.waiting.push_back((asked, class as u32));
            return Ok(predicted);
        }
        let predicted = self.evaluation.learner.predict_one(row)?;
        if let Some((mut oldest, its)) = self.waiting.pop_front() {
            self.evaluation.answer(&oldest, its as usize)?;
            // The memory of the row that leaves takes the one that comes.
            row.clone_into(&mut oldest.row);
            oldest.predicted = predicted.map(|class| class as u32);
            self.waiting.push_back((oldest, class as u32));
        }
        Ok(predicted)
    }

    /// The stream is over: the labels of all waiting rows come.
    ///
    /// # Errors
    /// [`RowError`] if the learner refuses a row that it has predicted.
    pub fn finish(&mut self) -> Result<(), RowError> {
        while let Some((oldest, its)) = self.waiting.pop_front() {
            self.evaluation.answer(&oldest, its as usize)?;
        }
        Ok(())
    }

    /// How many rows wait for their labels.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What came of the predictions whose labels have come.
    pub fn outcomes(&self) -> &Outcomes {
        self.evaluation.outcomes()
    }

    /// The learner.
    pub fn learner(&self) -> &L {
        self.evaluation.learner()
    }

    fn check(&self) -> Result<(), DecodeError> {
        let classes = self.evaluation.learner.classes();
        DecodeError::unless(self.waiting.len() <= self.by as usize, "waiting rows", self.waiting.len())?;
        self.waiting.iter().try_for_each(|(waiting, class)| {
            waiting.check(classes)?;
            DecodeError::unless((*class as usize) < classes, "a waiting row of class", class)
        })
    }
}

impl<L: Keepable> Summary for Delayed<L> {
    type Reading = Self;

    const NAME: &'static str = "Delayed";

    fn schema() -> String {
        format!("delayed {}", Prequential::<L>::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let rows: usize = self.waiting.iter().map(|(waiting, _)| waiting.heap_bytes()).sum();
        let waiting = self.waiting.capacity() * size_of::<(Waiting<L::Kept>, u32)>() + rows;
        size_of::<Self>() - size_of::<Prequential<L>>() + self.evaluation.memory_bytes() + waiting
    }

    fn end_batch(&mut self) {
        self.evaluation.end_batch();
    }
}

/// The image of the evaluation, whole, and the waiting rows.
impl<L: Keepable + Codec> Codec for Delayed<L> {
    const FAMILY: Family = Family::Custom;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.value(&Self::schema());
        let evaluation = self.evaluation.to_bytes();
        out.u64(evaluation.len() as u64);
        out.bytes(&evaluation);
        out.value(&(self.by, &self.waiting));
    }

    fn decode(content: &mut Reader<'_>, _version: u16, _hash_seed: u64) -> Result<Self, DecodeError> {
        let name: String = content.value("the name of an evaluation")?;
        DecodeError::unless(name == Self::schema(), "an evaluation named", &name)?;
        let length = usize::try_from(content.u64("an evaluation")?).unwrap_or(usize::MAX);
        let evaluation = Prequential::from_bytes(content.bytes("an evaluation", length)?)?;
        let (by, waiting) = content.value("waiting rows")?;
        let read = Self { evaluation, by, waiting };
        read.check()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;

    use super::*;
    use crate::{MajorityClass, Schema};

    fn majority() -> Prequential<MajorityClass> {
        Prequential::new(MajorityClass::new(Schema::numeric(1, 3).unwrap())).unwrap()
    }

    fn classes() -> impl Iterator<Item = usize> {
        (0..300).map(|i| (i / 40 + i % 2) % 3)
    }

    #[test]
    fn the_label_comes_so_many_rows_later() {
        for by in [1, 7, 500] {
            let mut late = Delayed::new(majority(), by);
            let mut predictions = Vec::new();
            for (at, class) in classes().enumerate() {
                let taught: Vec<usize> = classes().take(at.saturating_sub(by as usize)).collect();
                let mut by_hand = MajorityClass::new(Schema::numeric(1, 3).unwrap());
                taught.iter().for_each(|class| by_hand.learn_one(&[0.0], *class).unwrap());
                let predicted = late.step(&[0.0], class).unwrap();
                assert_eq!(predicted, by_hand.predict_one(&[0.0]).unwrap(), "row {at}, {by} late");
                assert_eq!(
                    (late.waiting(), late.outcomes().rows()),
                    ((at + 1).min(by as usize), taught.len() as u64 + u64::from(at >= by as usize))
                );
                predictions.push((class, predicted));
            }
            late.finish().unwrap();
            let mut outcomes = Outcomes::whole(3).unwrap();
            predictions.iter().for_each(|(class, predicted)| outcomes.add(*class, *predicted).unwrap());
            assert_eq!(late.outcomes(), &outcomes);
            assert_eq!(late.waiting(), 0);
        }
    }

    #[test]
    fn no_delay_is_no_delay() {
        let (mut late, mut at_once) = (Delayed::new(majority(), 0), majority());
        for class in classes() {
            assert_eq!(late.step(&[0.0], class), at_once.step(&[0.0], class));
        }
        assert_eq!(late.outcomes(), at_once.outcomes());
    }

    #[test]
    fn goes_on_after_it_was_stored() {
        let mut late = Delayed::new(majority(), 20);
        classes().take(100).for_each(|class| assert!(late.step(&[0.0], class).is_ok()));
        laws::storing(&late);
        laws::image_holds(&late);
        let mut restored = Delayed::<MajorityClass>::from_bytes(&late.to_bytes()).unwrap();
        for class in classes().skip(100) {
            assert_eq!(restored.step(&[0.0], class), late.step(&[0.0], class));
        }
        assert_eq!(restored, late);
        late.waiting[3].1 = 3;
        assert!(Delayed::<MajorityClass>::from_bytes(&late.to_bytes()).is_err(), "a class that there is not");
        late.waiting[3].1 = 0;
        late.by = 19;
        assert!(Delayed::<MajorityClass>::from_bytes(&late.to_bytes()).is_err(), "more rows than wait");
    }

    #[test]
    fn memory_is_bounded_and_told() {
        let mut late = Delayed::new(majority(), 50);
        classes().take(60).for_each(|class| assert!(late.step(&[0.0], class).is_ok()));
        let bytes = late.memory_bytes();
        classes().for_each(|class| assert!(late.step(&[0.0], class).is_ok()));
        assert_eq!(late.memory_bytes(), bytes);
        assert!(bytes > late.evaluation.memory_bytes() + 50 * 8);
    }

    #[test]
    fn what_is_refused_is_not_kept() {
        let mut late = Delayed::new(majority(), 5);
        assert_eq!(late.step(&[0.0], 3), Err(RowError::Class { class: 3, classes: 3 }));
        assert_eq!(late.step(&[0.0, 1.0], 0), Err(RowError::Width { expected: 1, found: 2 }));
        assert_eq!(late.waiting(), 0);
    }
}
