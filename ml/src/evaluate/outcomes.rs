//! What came of predictions, in their order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Absorb, DecodeError, Estimate, ParameterError, Summary};

use super::Confusion;
use crate::error::RowError;
use crate::image::image;

/// What came of predictions, in their order: of all rows, of the last ones, or of all with the older ones fading.
///
/// | how | memory beside the confusion matrix | when |
/// |---|---|---|
/// | [`whole`](Self::whole) | none | one figure for a whole stream, comparable between papers |
/// | [`sliding`](Self::sliding) | 16 bytes a row of the window | how good is it now? sees a drift, jumps as rows leave |
/// | [`fading`](Self::fading) | none | how good is it now? smooth, and cheapest |
///
/// It does not merge: κ_T asks for the label before each row. The [`Confusion`] of parts of a stream does.
///
/// Sources: Dawid, *Present Position and Potential Developments: … The Prequential Approach*, 1984; Gama, Sebastião,
/// Rodrigues, *On Evaluating Stream Learning Algorithms*, 2013 (windows and fading factors); Žliobaitė et al., *Evaluation
/// Methods and Decision Theory for Classification of Streaming Data with Temporal Dependence*, 2015 (κ_T).
///
/// ```
/// use streamgauge_ml::evaluate::Outcomes;
/// let mut lately = Outcomes::sliding(2, 100)?;
/// for i in 0..1_000 {
///     lately.add(i % 2, Some(if i < 950 { i % 2 } else { 0 }))?;
/// }
/// assert_eq!(lately.accuracy().value, 0.75);
/// // The label before is always the wrong one here.
/// assert_eq!(lately.kappa_t(), 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Outcomes {
    rows: u64,
    confusion: Confusion,
    /// The weight of the rows of the same class as the row before.
    same: f64,
    last: Option<u32>,
    past: Past,
}

/// What becomes of the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Past {
    Stays,
    Leaves {
        after: u32,
        window: VecDeque<Outcome>,
    },
    /// The next row weighs more by one through the factor, instead of all rows before it less by the factor.
    Fades {
        factor: f64,
        weight: f64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Outcome {
    actual: u32,
    predicted: Option<u32>,
    same: bool,
}

/// Weights that grew beyond this are all brought back.
const HEAVY: f64 = 1e100;

impl Outcomes {
    fn of(classes: usize, past: Past) -> Result<Self, ParameterError> {
        Ok(Self { rows: 0, confusion: Confusion::new(classes)?, same: 0.0, last: None, past })
    }

    /// Of all rows.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 4,096 classes.
    pub fn whole(classes: usize) -> Result<Self, ParameterError> {
        Self::of(classes, Past::Stays)
    }

    /// Of the last `rows` rows.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 4,096 classes, and 1 to 2³² − 1 rows.
    pub fn sliding(classes: usize, rows: usize) -> Result<Self, ParameterError> {
        match u32::try_from(rows) {
            Ok(after @ 1..) => Self::of(classes, Past::Leaves { after, window: VecDeque::new() }),
            _ => Err(Self::wrong("rows", "1 to 2^32 - 1", rows)),
        }
    }

    /// Of all rows, where each weighs `factor` times as much as the one after it: about the last 1 / (1 − factor) rows
    /// count.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 4,096 classes, and the factor is at least a half and below one.
    pub fn fading(classes: usize, factor: f64) -> Result<Self, ParameterError> {
        if (0.5..1.0).contains(&factor) {
            Self::of(classes, Past::Fades { factor, weight: 1.0 })
        } else {
            Err(Self::wrong("factor", "at least 0.5 and below 1", factor))
        }
    }

    fn wrong(parameter: &'static str, allowed: &'static str, value: impl ToString) -> ParameterError {
        ParameterError { summary: Self::NAME, parameter, allowed, value: value.to_string() }
    }

    /// Adds the class of a row and what was predicted for it.
    ///
    /// # Errors
    /// [`RowError::Class`] of an unknown class; nothing is added.
    #[inline]
    pub fn add(&mut self, actual: usize, predicted: Option<usize>) -> Result<(), RowError> {
        let same = self.last == Some(actual as u32);
        let weight = match &self.past {
            Past::Fades { weight, .. } => *weight,
            _ => 1.0,
        };
        self.confusion.add_weighted(actual, predicted, weight)?;
        self.rows = self.rows.saturating_add(1);
        // Both are classes of the matrix, so they are small.
        self.last = Some(actual as u32);
        self.same += if same { weight } else { 0.0 };
        match &mut self.past {
            Past::Stays => {}
            Past::Leaves { after, window } => {
                if window.len() == *after as usize
                    && let Some(old) = window.pop_front()
                {
                    self.same -= f64::from(u8::from(old.same));
                    self.confusion.forget(old.actual as usize, old.predicted.map(|class| class as usize))?;
                }
                window.push_back(Outcome {
                    actual: actual as u32,
                    predicted: predicted.map(|class| class as u32),
                    same,
                });
            }
            Past::Fades { factor, weight } => {
                *weight /= *factor;
                if *weight > HEAVY {
                    self.confusion.scale(1.0 / *weight);
                    self.same /= *weight;
                    *weight = 1.0;
                }
            }
        }
        Ok(())
    }

    /// How many rows there were, also those that have left the window or faded.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The matrix; of fading rows, in weights that make the last row weigh one.
    pub fn confusion(&self) -> Confusion {
        let mut confusion = self.confusion.clone();
        if let Past::Fades { factor, weight } = &self.past {
            confusion.scale(1.0 / (*weight * *factor));
        }
        confusion
    }

    /// The share of rows whose class was predicted, with Wilson's interval.
    pub fn accuracy(&self) -> Estimate {
        self.confusion.accuracy()
    }

    /// Cohen's κ: see [`Confusion::kappa`].
    pub fn kappa(&self) -> f64 {
        self.confusion.kappa()
    }

    /// How much better than always predicting the most frequent class: see [`Confusion::kappa_m`].
    pub fn kappa_m(&self) -> f64 {
        self.confusion.kappa_m()
    }

    /// κ_T: how much better than always predicting the class of the row before; 1 at best, 0 for that. NaN where the
    /// class never changes.
    pub fn kappa_t(&self) -> f64 {
        let no_change = self.same / self.confusion.total();
        (self.accuracy().value - no_change) / (1.0 - no_change)
    }

    pub(super) fn classes(&self) -> usize {
        self.confusion.classes()
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        self.confusion.check()?;
        let classes = self.confusion.classes();
        let known = |class: Option<u32>| class.is_none_or(|class| (class as usize) < classes);
        DecodeError::unless(known(self.last), "the last class", self.last.unwrap_or_default())?;
        DecodeError::unless(self.same.is_finite() && self.same >= 0.0, "rows of the same class", self.same)?;
        match &self.past {
            Past::Stays => Ok(()),
            Past::Fades { factor, weight } => {
                DecodeError::unless((0.5..1.0).contains(factor), "factor", factor)?;
                DecodeError::unless((1.0..=HEAVY).contains(weight), "weight", weight)
            }
            Past::Leaves { after, window } => {
                DecodeError::unless(*after > 0 && window.len() <= *after as usize, "rows", window.len())?;
                // What leaves was counted: the window gives the matrix.
                let mut counted = self.confusion.exact();
                let mut same = 0.0;
                for outcome in window {
                    let predicted = outcome.predicted.map(|class| class as usize);
                    let added = counted.add(outcome.actual as usize, predicted);
                    DecodeError::unless(added.is_ok(), "a row of class", outcome.actual)?;
                    same += f64::from(u8::from(outcome.same));
                }
                DecodeError::unless(counted == self.confusion && same == self.same, "rows that do not add up to", same)
            }
        }
    }
}

impl Summary for Outcomes {
    type Reading = Self;

    const NAME: &'static str = "Outcomes";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let window = match &self.past {
            Past::Leaves { window, .. } => window.capacity() * size_of::<Outcome>(),
            _ => 0,
        };
        size_of::<Self>() - size_of::<Confusion>() + self.confusion.memory_bytes() + window
    }
}

image!(Outcomes, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    fn stream(rows: usize) -> Vec<(usize, Option<usize>)> {
        let mut draws = Draws::new(3);
        (0..rows).map(|_| (draws.below(3) as usize, Some(draws.below(4) as usize).filter(|class| *class < 3))).collect()
    }

    fn filled(mut outcomes: Outcomes, stream: &[(usize, Option<usize>)]) -> Outcomes {
        stream.iter().for_each(|(actual, predicted)| outcomes.add(*actual, *predicted).unwrap());
        outcomes
    }

    #[test]
    fn a_window_reads_as_its_rows_alone() {
        let stream = stream(1_000);
        let sliding = filled(Outcomes::sliding(3, 64).unwrap(), &stream);
        let last = filled(Outcomes::whole(3).unwrap(), &stream[1_000 - 64..]);
        assert_eq!(sliding.confusion(), last.confusion());
        assert_eq!(sliding.rows(), 1_000);
        // The first row of the window has one before it, which the last rows alone do not know of.
        let first = f64::from(u8::from(stream[1_000 - 65].0 == stream[1_000 - 64].0));
        assert_eq!(sliding.same, last.same + first);
        let unfilled = filled(Outcomes::sliding(3, 2_000).unwrap(), &stream);
        assert_eq!(unfilled.kappa_t(), filled(Outcomes::whole(3).unwrap(), &stream).kappa_t());
    }

    #[test]
    fn fading_is_the_weighted_sum() {
        let stream = stream(3_000);
        for factor in [0.5, 0.9, 0.999] {
            let fading = filled(Outcomes::fading(3, factor).unwrap(), &stream);
            let weighed = |keep: &dyn Fn(usize) -> bool| -> f64 {
                let weight = |at: usize| factor.powi((stream.len() - 1 - at) as i32);
                (0..stream.len()).filter(|at| keep(*at)).map(weight).sum()
            };
            let (all, hits) = (weighed(&|_| true), weighed(&|at| stream[at].1 == Some(stream[at].0)));
            let same = weighed(&|at| at > 0 && stream[at].0 == stream[at - 1].0);
            let near = |ours: f64, by_hand: f64| assert!((ours - by_hand).abs() < 1e-9, "{ours} {by_hand}");
            near(fading.accuracy().value, hits / all);
            near(fading.confusion().total() / all, 1.0);
            near(fading.kappa_t(), (hits / all - same / all) / (1.0 - same / all));
        }
    }

    #[test]
    fn a_drift_is_seen_by_what_forgets() {
        let good: Vec<_> = (0..10_000).map(|i| (i % 3, Some(i % 3))).collect();
        let bad: Vec<_> = (0..300).map(|i| (i % 3, Some((i + 1) % 3))).collect();
        let read = |outcomes: Outcomes| filled(outcomes, &[&good[..], &bad[..]].concat()).accuracy().value;
        assert!(read(Outcomes::whole(3).unwrap()) > 0.95);
        assert_eq!(read(Outcomes::sliding(3, 200).unwrap()), 0.0);
        assert!(read(Outcomes::fading(3, 0.99).unwrap()) < 0.05);
    }

    #[test]
    fn images_hold_and_are_looked_at() {
        let stream = stream(500);
        for outcomes in [Outcomes::whole(3), Outcomes::sliding(3, 50), Outcomes::fading(3, 0.99)] {
            let outcomes = filled(outcomes.unwrap(), &stream);
            laws::storing(&outcomes);
            laws::image_holds(&outcomes);
            let again: Outcomes = Outcomes::from_bytes(&outcomes.to_bytes()).unwrap();
            assert_eq!(filled(again, &stream), filled(outcomes.clone(), &stream));
            let last = Outcomes { last: Some(3), ..outcomes };
            assert!(Outcomes::from_bytes(&last.to_bytes()).is_err());
        }
        let mut sliding = filled(Outcomes::sliding(3, 50).unwrap(), &stream);
        sliding.confusion.add(0, None).unwrap();
        assert!(Outcomes::from_bytes(&sliding.to_bytes()).is_err(), "a window that is not its matrix");
        let full = Outcomes { rows: u64::MAX, ..Outcomes::whole(3).unwrap() };
        let again = Outcomes::from_bytes(&full.to_bytes()).unwrap();
        assert_eq!(filled(again, &stream).rows(), u64::MAX);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let told = |outcomes: Result<Outcomes, ParameterError>| outcomes.unwrap_err().to_string();
        assert_eq!(told(Outcomes::sliding(2, 0)), "Outcomes: rows must be 1 to 2^32 - 1, not 0");
        assert_eq!(told(Outcomes::fading(2, 1.0)), "Outcomes: factor must be at least 0.5 and below 1, not 1");
        assert!(Outcomes::fading(2, f64::NAN).is_err() && Outcomes::whole(0).is_err());
        let mut outcomes = Outcomes::sliding(2, 5).unwrap();
        assert_eq!(outcomes.add(2, None), Err(RowError::Class { class: 2, classes: 2 }));
        assert_eq!(outcomes, Outcomes::sliding(2, 5).unwrap());
    }
}
