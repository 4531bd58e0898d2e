//! Naive Bayes over sparse rows: what its models have in common.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::counts::{Counts, MOST, MOST_CLASSES};
use super::scores::{best, bounded, bounded_factor, shares};
use crate::error::RowError;
use crate::learner::Classifier;

/// Naive Bayes over sparse rows, such as bags of words, by one of three models: [`MultinomialNaiveBayes`],
/// [`BernoulliNaiveBayes`] or [`ComplementNaiveBayes`].
///
/// A row is a `[(u32, f64)]`: features with how often they occur in it, in any order. The counts of a feature that comes
/// several times add up. A feature that the learner does not have, and a count that is negative, NaN, infinite or above
/// 10⁷⁰ or below 10⁻⁷⁰, is missing: it says nothing, and nothing is learned of it. A class that was never learned is never predicted.
/// Weights count as at least 10⁻³⁰ and at most 10²⁰.
///
/// A feature that no class has seen says nothing yet, and takes no part in the smoothing: the vocabulary is what was
/// seen. So it does not matter how many features are never used, as most buckets of hashed words are.
///
/// [`MultinomialNaiveBayes`]: super::MultinomialNaiveBayes
/// [`BernoulliNaiveBayes`]: super::BernoulliNaiveBayes
/// [`ComplementNaiveBayes`]: super::ComplementNaiveBayes
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Counts", bound = "M: Model")]
pub struct SparseNaiveBayes<M> {
    counts: Counts,
    /// What prediction needs, from the counts alone.
    model: M,
    /// A row in the form that the model wants; no state.
    room: Vec<(u32, f64)>,
}

/// How the classes of a row follow from the counts. Models are those of this room.
pub trait Model: Clone + fmt::Debug + Send + Sync + 'static {
    /// The name of the learner.
    const NAME: &'static str;

    /// The model that follows from counts; also from hostile ones, without panic.
    fn of(counts: &Counts) -> Self;

    /// The row in the form that the model wants; it may stand in the room.
    #[inline]
    fn prepared<'a>(row: &'a [(u32, f64)], _room: &'a mut Vec<(u32, f64)>) -> &'a [(u32, f64)] {
        row
    }

    /// Learns a prepared row, in the counts and in what follows from them.
    fn learn(&mut self, counts: &mut Counts, row: &[(u32, f64)], class: usize, weight: f64);

    /// The score of a class that was learned, for a prepared row.
    fn score(&self, counts: &Counts, row: &[(u32, f64)], class: usize) -> f64;

    /// The bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

impl<M: Model> SparseNaiveBayes<M> {
    /// One that has seen nothing, for features numbered from 0.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no classes or more than 2²⁰, or no features or more than 2²⁴ by all classes.
    pub fn new(features: usize, classes: usize) -> Result<Self, ParameterError> {
        let wrong = |parameter, allowed, value: usize| {
            Err(ParameterError { summary: M::NAME, parameter, allowed, value: value.to_string() })
        };
        if !(1..=MOST_CLASSES).contains(&classes) {
            return wrong("classes", "1 to 2^20", classes);
        }
        if !(1..=MOST / classes).contains(&features) {
            return wrong("features", "1 to 2^24 by the number of classes", features);
        }
        Ok(Self::of(Counts::new(features, classes, 1.0)))
    }

    /// How often each feature counts as having been seen in each class before the first row: 1 if not set (Laplace).
    /// Where most features are rare, as words are, less is often better, for Bernoulli's model above all.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 10⁻⁹ to 10⁹.
    pub fn with_smoothing(mut self, smoothing: f64) -> Result<Self, ParameterError> {
        super::check_smoothing(M::NAME, smoothing)?;
        self.counts.smoothing = smoothing;
        Ok(Self::of(self.counts))
    }

    /// How many features there are.
    pub fn features(&self) -> usize {
        self.counts.width()
    }

    /// The weight of the rows of a class; none if there is no such class.
    pub fn weight(&self, class: usize) -> Option<f64> {
        self.counts.classes.get(class).copied()
    }

    #[inline]
    fn scores(&self, row: &[(u32, f64)]) -> impl Iterator<Item = f64> {
        (0..self.counts.classes.len()).map(move |class| {
            let learned = self.counts.classes[class] > 0.0;
            if learned { self.model.score(&self.counts, row, class) } else { f64::NEG_INFINITY }
        })
    }

    fn accepts(&self, class: usize, weight: f64) -> Result<(), RowError> {
        RowError::check_class(self.counts.classes.len(), class)?;
        RowError::check_weight(weight)
    }

    fn of(mut counts: Counts) -> Self {
        counts.look();
        Self { model: M::of(&counts), counts, room: Vec::new() }
    }
}

impl<M: Model> TryFrom<Counts> for SparseNaiveBayes<M> {
    type Error = DecodeError;

    fn try_from(counts: Counts) -> Result<Self, DecodeError> {
        counts.check()?;
        Ok(Self::of(counts))
    }
}

impl<M> Serialize for SparseNaiveBayes<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.counts.serialize(serializer)
    }
}

impl<M: Model> Classifier for SparseNaiveBayes<M> {
    type Row = [(u32, f64)];

    fn classes(&self) -> usize {
        self.counts.classes.len()
    }

    #[inline]
    fn learn_weighted(&mut self, row: &[(u32, f64)], class: usize, weight: f64) -> Result<(), RowError> {
        self.accepts(class, weight)?;
        let Self { counts, model, room } = self;
        model.learn(counts, M::prepared(row, room), class, bounded(weight));
        Ok(())
    }

    fn probabilities_one(&self, row: &[(u32, f64)], into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        into.extend(self.scores(M::prepared(row, &mut Vec::new())));
        shares(into);
        Ok(())
    }

    #[inline]
    fn predict_one(&self, row: &[(u32, f64)]) -> Result<Option<usize>, RowError> {
        Ok(best(self.scores(M::prepared(row, &mut Vec::new()))))
    }

    #[inline]
    fn predict_and_learn(&mut self, row: &[(u32, f64)], class: usize) -> Result<Option<usize>, RowError> {
        self.accepts(class, 1.0)?;
        let mut room = std::mem::take(&mut self.room);
        let prepared = M::prepared(row, &mut room);
        let predicted = best(self.scores(prepared));
        self.model.learn(&mut self.counts, prepared, class, 1.0);
        self.room = room;
        Ok(predicted)
    }
}

impl<M: Model> Summary for SparseNaiveBayes<M> {
    type Reading = Self;

    const NAME: &'static str = M::NAME;
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let room = self.room.capacity() * size_of::<(u32, f64)>();
        size_of::<Self>() + self.counts.heap_bytes() + self.model.heap_bytes() + room
    }
}

impl<M: Model> Merge for SparseNaiveBayes<M> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(M::NAME, "smoothing", &self.counts.smoothing, &other.counts.smoothing)?;
        Mismatch::check(M::NAME, "classes", &self.counts.classes.len(), &other.counts.classes.len())?;
        Mismatch::check(M::NAME, "features", &self.counts.width(), &other.counts.width())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.counts.merge(&other.counts);
        self.model = M::of(&self.counts);
        Ok(())
    }
}

impl<M: Model> Decay for SparseNaiveBayes<M> {
    fn decay(&mut self, factor: f64) {
        self.counts.decay(bounded_factor(factor));
        self.model = M::of(&self.counts);
    }
}

#[cfg(test)]
mod tests;
