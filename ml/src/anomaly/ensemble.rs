//! Several detectors as one.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::calibrated::Calibrated;
use super::score;
use super::scorer::{Checked, Scorer};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Detector;

/// The most members.
const MOST: usize = 8;

/// The members of an [`Ensemble`]: a tuple of one to eight [`Calibrated`] scorers of the same items.
///
/// For rows they should be of the same width: where one of them refuses an item, those before it have learned it.
pub trait Members: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What is scored.
    type Item: ?Sized + 'static;

    /// How many there are.
    const COUNT: usize;

    /// Tells the score of each, in order.
    ///
    /// # Errors
    /// [`RowError`] of the first that refuses the item.
    fn each_score(&self, item: &Self::Item, tell: impl FnMut(usize, Option<f64>)) -> Result<(), RowError>;

    /// Tells the score of each, in order, and lets it learn.
    ///
    /// # Errors
    /// [`RowError`] of the first that refuses the item.
    fn each_score_and_learn(&mut self, item: &Self::Item, tell: impl FnMut(usize, Option<f64>))
    -> Result<(), RowError>;

    /// Their names.
    fn schema() -> String;

    /// The bytes they hold, themselves and their heap.
    fn memory_bytes(&self) -> usize;

    /// Whether members that were stored are such.
    ///
    /// # Errors
    /// [`DecodeError::Value`] naming what cannot be.
    fn check(&self) -> Result<(), DecodeError>;
}

macro_rules! members {
    ($count:literal: $($scorer:ident $at:tt),+) => {
        impl<Item: ?Sized + 'static, $($scorer: Scorer<Item = Item>),+> Members for ($(Calibrated<$scorer>,)+) {
            type Item = Item;

            const COUNT: usize = $count;

            #[inline]
            fn each_score(&self, item: &Item, mut tell: impl FnMut(usize, Option<f64>)) -> Result<(), RowError> {
                $(tell($at, self.$at.score_one(item)?);)+
                Ok(())
            }

            #[inline]
            fn each_score_and_learn(
                &mut self,
                item: &Item,
                mut tell: impl FnMut(usize, Option<f64>),
            ) -> Result<(), RowError> {
                $(tell($at, self.$at.score_and_learn(item)?);)+
                Ok(())
            }

            fn schema() -> String {
                [$(<Calibrated<$scorer> as Summary>::schema()),+].join(", ")
            }

            fn memory_bytes(&self) -> usize {
                let parts = [$((size_of::<Calibrated<$scorer>>(), self.$at.memory_bytes())),+];
                size_of::<Self>() + parts.iter().map(|(itself, all)| all - itself).sum::<usize>()
            }

            fn check(&self) -> Result<(), DecodeError> {
                $(self.$at.check()?;)+
                Ok(())
            }
        }
    };
}

members!(1: A 0);
members!(2: A 0, B 1);
members!(3: A 0, B 1, C 2);
members!(4: A 0, B 1, C 2, D 3);
members!(5: A 0, B 1, C 2, D 3, E 4);
members!(6: A 0, B 1, C 2, D 3, E 4, F 5);
members!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
members!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// How the tail probabilities of the members become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Combine {
    /// The smallest of the probabilities over their weights (Bonferroni; weighted: Genovese, Roeder, Wasserman 2006).
    /// A valid tail probability however the members depend on each other; one that is sure is enough.
    Smallest,
    /// Fisher's method (1925): the product of the probabilities. For members that look at different things: it adds up
    /// what several find a little strange, and is too sure of itself where they find the same.
    Product,
}

/// Several calibrated detectors of the same items as one.
///
/// Their scores are tail probabilities, and are combined as such. A member that is still warming up is left out.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, Ensemble, Ewma, Novelty};
/// let members = (Calibrated::new(Novelty::new()), Calibrated::new(Ewma::new(10.0)?));
/// let mut detector = Ensemble::new(members).weighted(&[3.0, 1.0])?;
/// for i in 0..1_000 {
///     detector.learn_one(&f64::from(i * i % 101))?;
/// }
/// assert!(detector.score_one(&49.0)? < Some(0.5));
/// assert!(detector.score_one(&500.0)? > Some(0.75));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Ensemble<M: Members> {
    members: M,
    combine: Combine,
    /// The share of each member; the others are 0.
    weights: [f64; MOST],
}

impl<M: Members> Ensemble<M> {
    /// The smallest of the tail probabilities, corrected for how many there are.
    pub fn new(members: M) -> Self {
        let mut weights = [0.0; MOST];
        weights[..M::COUNT].fill(1.0 / M::COUNT as f64);
        Self { members, combine: Combine::Smallest, weights }
    }

    /// The smallest of the tail probabilities, each over the share of its member in these weights.
    ///
    /// # Errors
    /// [`ParameterError`] unless there is a weight for each member, above 0 and finite.
    pub fn weighted(mut self, weights: &[f64]) -> Result<Self, ParameterError> {
        let sum: f64 = weights.iter().sum();
        let possible = weights.len() == M::COUNT && sum.is_finite() && weights.iter().all(|weight| *weight > 0.0);
        if !possible {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "weights",
                allowed: "one for each member, above 0",
                value: format!("{weights:?}"),
            });
        }
        self.combine = Combine::Smallest;
        self.weights.iter_mut().zip(weights).for_each(|(share, weight)| *share = weight / sum);
        Ok(self)
    }

    /// The tail probabilities combined in this way.
    #[must_use]
    pub fn combined_by(mut self, combine: Combine) -> Self {
        self.combine = combine;
        self
    }

    /// The members.
    pub fn members(&self) -> &M {
        &self.members
    }

    #[inline]
    fn combine(&self, scores: &[Option<f64>; MOST]) -> Option<f64> {
        let known =
            || scores.iter().zip(&self.weights).filter_map(|(score, weight)| Some((score::nines((*score)?), weight)));
        let count = known().count();
        if count == 0 {
            return None;
        }
        let nines = match self.combine {
            Combine::Smallest => {
                let present: f64 = known().map(|(_, weight)| weight).sum();
                known().map(|(nines, weight)| nines + (weight / present).log10()).fold(0.0, f64::max)
            }
            Combine::Product => {
                // The tail of a chi-square distribution of 2·count degrees of freedom at 2·nats.
                let nats = known().map(|(nines, _)| nines).sum::<f64>().min(1e30) * std::f64::consts::LN_10;
                let (mut term, mut sum) = (1.0, 1.0);
                for i in 1..count {
                    term *= nats / i as f64;
                    sum += term;
                }
                (nats - sum.ln()) * std::f64::consts::LOG10_E
            }
        };
        Some(score::of_nines(nines))
    }
}

impl<M: Members> Checked for Ensemble<M> {
    fn check(&self) -> Result<(), DecodeError> {
        let (shares, rest) = self.weights.split_at(M::COUNT);
        let possible =
            shares.iter().all(|share| *share > 0.0 && *share <= 1.0) && rest.iter().all(|share| *share == 0.0);
        DecodeError::unless(possible, "weights", format!("{:?}", self.weights))?;
        self.members.check()
    }
}

impl<M: Members> Detector for Ensemble<M> {
    type Item = M::Item;

    #[inline]
    fn score_one(&self, item: &M::Item) -> Result<Option<f64>, RowError> {
        let mut scores = [None; MOST];
        self.members.each_score(item, |at, score| scores[at] = score)?;
        Ok(self.combine(&scores))
    }

    #[inline]
    fn learn_one(&mut self, item: &M::Item) -> Result<(), RowError> {
        self.members.each_score_and_learn(item, |_, _| {})
    }

    #[inline]
    fn score_and_learn(&mut self, item: &M::Item) -> Result<Option<f64>, RowError> {
        let mut scores = [None; MOST];
        self.members.each_score_and_learn(item, |at, score| scores[at] = score)?;
        Ok(self.combine(&scores))
    }
}

impl<M: Members> Summary for Ensemble<M> {
    type Reading = Self;

    const NAME: &'static str = "Ensemble";

    fn schema() -> String {
        format!("Ensemble<{}>", M::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<M>() + self.members.memory_bytes()
    }
}

image!([M: Members] Ensemble<M>, 1);
