//! Labels that come by the number of their row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::codec::{Reader, Writer};
use streamgauge_sketches::{Codec, DecodeError, Family, ParameterError, Summary};

use super::delayed::{Keepable, Waiting};
use super::{Outcomes, Prequential};
use crate::error::RowError;

/// Rows that wait for their labels by a number that each has: a transaction, an order, a message.
///
/// [`ask`](Self::ask) predicts a row and keeps it; [`answer`](Self::answer) learns it by its label. At most so many rows
/// are kept: when one more comes, the oldest is dropped and never learned, and [`dropped`](Self::dropped) counts it. The
/// memory of its two search trees is told as twice that of what is in them, which is a little more than they take.
///
/// ```
/// use streamgauge_ml::evaluate::{Pending, Prequential};
/// use streamgauge_ml::{MajorityClass, Schema};
/// let fraud = Prequential::new(MajorityClass::new(Schema::numeric(1, 2)?))?;
/// let mut pending = Pending::new(fraud, 10_000)?;
/// pending.ask(4711, &[99.95])?;
/// pending.ask(4712, &[12.0])?;
/// assert!(pending.answer(4712, 0)?);
/// assert_eq!((pending.waiting(), pending.outcomes().rows()), (1, 1));
/// assert!(!pending.answer(815, 1)?, "nothing was asked about this one");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Pending<L: Keepable> {
    evaluation: Prequential<L>,
    most: u32,
    /// With when they were asked about.
    by_number: BTreeMap<u64, (Waiting<L::Kept>, u64)>,
    /// The numbers, by when they were asked about.
    order: BTreeMap<u64, u64>,
    asked: u64,
    dropped: u64,
    unknown: u64,
}

impl<L: Keepable> Pending<L> {
    /// Keeps at most `most` rows.
    ///
    /// # Errors
    /// [`ParameterError`] if that is none.
    pub fn new(evaluation: Prequential<L>, most: u32) -> Result<Self, ParameterError> {
        if most == 0 {
            let (allowed, value) = ("1 to 2^32 - 1", most.to_string());
            return Err(ParameterError { summary: "Pending", parameter: "most", allowed, value });
        }
        let (by_number, order) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { evaluation, most, by_number, order, asked: 0, dropped: 0, unknown: 0 })
    }

    /// Predicts a row, and keeps it until its label comes. If a row of this number waits already, that one is dropped.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; it is not kept.
    pub fn ask(&mut self, number: u64, row: &L::Row) -> Result<Option<usize>, RowError> {
        let waiting = self.evaluation.ask(row)?;
        let predicted = waiting.predicted();
        if let Some((_, asked)) = self.by_number.remove(&number) {
            self.order.remove(&asked);
            self.dropped = self.dropped.saturating_add(1);
        }
        if self.by_number.len() >= self.most as usize
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.by_number.remove(&oldest);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.by_number.insert(number, (waiting, self.asked));
        self.order.insert(self.asked, number);
        self.asked += 1;
        Ok(predicted)
    }

    /// The label of a row has come: holds it against the prediction, and learns the row. Whether there was such a row.
    ///
    /// # Errors
    /// [`RowError::Class`]; the row goes on waiting.
    pub fn answer(&mut self, number: u64, class: usize) -> Result<bool, RowError> {
        RowError::check_class(self.evaluation.learner.classes(), class)?;
        let Some((waiting, asked)) = self.by_number.remove(&number) else {
            self.unknown = self.unknown.saturating_add(1);
            return Ok(false);
        };
        self.order.remove(&asked);
        self.evaluation.answer(&waiting, class)?;
        Ok(true)
    }

    /// How many rows wait for their labels.
    pub fn waiting(&self) -> usize {
        self.by_number.len()
    }

    /// How many rows were dropped before their label came.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many labels came of rows that did not wait: never asked about, dropped, or answered before.
    pub fn unknown(&self) -> u64 {
        self.unknown
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
        let rows = self.by_number.len();
        DecodeError::unless(self.most > 0 && rows <= self.most as usize, "waiting rows", rows)?;
        DecodeError::unless(self.order.len() == rows, "waiting rows in order", self.order.len())?;
        DecodeError::unless(self.asked < 1 << 62, "rows asked about", self.asked)?;
        self.by_number.iter().try_for_each(|(number, (waiting, asked))| {
            waiting.check(classes)?;
            let stands = self.order.get(asked) == Some(number) && *asked < self.asked;
            DecodeError::unless(stands, "a waiting row out of order, number", number)
        })
    }
}

impl<L: Keepable> Summary for Pending<L> {
    type Reading = Self;

    const NAME: &'static str = "Pending";

    fn schema() -> String {
        format!("pending {}", Prequential::<L>::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let rows: usize = self.by_number.values().map(|(waiting, _)| waiting.heap_bytes()).sum();
        let entry = size_of::<(u64, (Waiting<L::Kept>, u64))>() + size_of::<(u64, u64)>();
        let waiting = 2 * self.waiting() * entry + rows;
        size_of::<Self>() - size_of::<Prequential<L>>() + self.evaluation.memory_bytes() + waiting
    }

    fn end_batch(&mut self) {
        self.evaluation.end_batch();
    }
}

/// The image of the evaluation, whole, and the waiting rows.
impl<L: Keepable + Codec> Codec for Pending<L> {
    const FAMILY: Family = Family::Custom;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.value(&Self::schema());
        let evaluation = self.evaluation.to_bytes();
        out.u64(evaluation.len() as u64);
        out.bytes(&evaluation);
        out.value(&((self.most, self.asked, self.dropped, self.unknown), &self.by_number, &self.order));
    }

    fn decode(content: &mut Reader<'_>, _version: u16, _hash_seed: u64) -> Result<Self, DecodeError> {
        let name: String = content.value("the name of an evaluation")?;
        DecodeError::unless(name == Self::schema(), "an evaluation named", &name)?;
        let length = usize::try_from(content.u64("an evaluation")?).unwrap_or(usize::MAX);
        let evaluation = Prequential::from_bytes(content.bytes("an evaluation", length)?)?;
        let ((most, asked, dropped, unknown), by_number, order) = content.value("waiting rows")?;
        let read = Self { evaluation, most, by_number, order, asked, dropped, unknown };
        read.check()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;

    use super::*;
    use crate::{MajorityClass, Schema};

    fn pending(most: u32) -> Pending<MajorityClass> {
        let learner = MajorityClass::new(Schema::numeric(1, 2).unwrap());
        Pending::new(Prequential::new(learner).unwrap(), most).unwrap()
    }

    #[test]
    fn labels_find_their_rows_in_any_order() {
        let mut pending = pending(10);
        assert_eq!(pending.ask(7, &[0.0]), Ok(None));
        assert_eq!(pending.ask(3, &[0.0]), Ok(None));
        assert_eq!(pending.answer(3, 1), Ok(true));
        assert_eq!(pending.ask(5, &[0.0]), Ok(Some(1)));
        assert_eq!((pending.answer(5, 1), pending.answer(7, 1)), (Ok(true), Ok(true)));
        assert_eq!((pending.answer(5, 1), pending.answer(99, 0)), (Ok(false), Ok(false)));
        // Of three rows, the one that was asked about after something had been learned was predicted right.
        let confusion = pending.outcomes().confusion();
        assert_eq!((confusion.count(1, Some(1)), confusion.count(1, None)), (1.0, 2.0));
        assert_eq!((pending.waiting(), pending.dropped(), pending.unknown()), (0, 0, 2));
    }

    #[test]
    fn the_oldest_is_dropped() {
        let mut pending = pending(3);
        // Number 9 is asked about anew, so it is younger than 8.
        [9, 8, 9, 7, 6].iter().for_each(|number| assert!(pending.ask(*number, &[0.0]).is_ok()));
        assert_eq!((pending.waiting(), pending.dropped()), (3, 2));
        assert_eq!(pending.answer(8, 0), Ok(false));
        assert!([9, 7, 6].iter().all(|number| pending.answer(*number, 0) == Ok(true)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut pending = pending(100);
        (0..10_000).for_each(|number| assert!(pending.ask(number * 7919 % 10_007, &[0.0]).is_ok()));
        assert_eq!((pending.waiting(), pending.order.len(), pending.dropped()), (100, 100, 9_900));
        assert!(pending.memory_bytes() < 100 * 300, "{}", pending.memory_bytes());
    }

    #[test]
    fn goes_on_after_it_was_stored() {
        let mut before = pending(10);
        (0..20).for_each(|number| assert!(before.ask(number, &[0.0]).is_ok()));
        assert_eq!((before.answer(15, 1), before.answer(2, 1)), (Ok(true), Ok(false)));
        laws::storing(&before);
        laws::image_holds(&before);
        let after = Pending::<MajorityClass>::from_bytes(&before.to_bytes()).unwrap();
        assert_eq!(after, before);
        let damaged = |damage: &dyn Fn(&mut Pending<MajorityClass>)| {
            let mut damaged = before.clone();
            damage(&mut damaged);
            assert!(Pending::<MajorityClass>::from_bytes(&damaged.to_bytes()).is_err());
        };
        damaged(&|pending| pending.most = 3);
        damaged(&|pending| pending.asked = 12);
        damaged(&|pending| *pending.order.values_mut().next().unwrap() = 99);
        damaged(&|pending| pending.by_number.clear());
    }

    #[test]
    fn what_is_refused_is_not_kept() {
        let mut refusing = pending(5);
        assert_eq!(refusing.ask(1, &[0.0, 1.0]), Err(RowError::Width { expected: 1, found: 2 }));
        refusing.ask(1, &[0.0]).unwrap();
        assert_eq!(refusing.answer(1, 2), Err(RowError::Class { class: 2, classes: 2 }));
        assert_eq!(refusing.waiting(), 1);
        let none = Pending::new(refusing.evaluation, 0).unwrap_err();
        assert_eq!(none.to_string(), "Pending: most must be 1 to 2^32 - 1, not 0");
    }
}
