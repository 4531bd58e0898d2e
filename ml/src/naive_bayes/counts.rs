//! Naive Bayes over sparse rows: what its models have in common.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::scores::{LIMIT, best, bounded, faded, shares};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;

/// The most features, and the most weights of features in classes.
const MOST: usize = 1 << 24;

/// Naive Bayes over sparse rows, such as bags of words, by one of three models: [`MultinomialNaiveBayes`],
/// [`BernoulliNaiveBayes`] or [`ComplementNaiveBayes`].
///
/// A row is a `[(u32, f64)]`: features with how often they occur in it, in any order. The counts of a feature that comes
/// several times add up. A feature that the learner does not have, and a count that is negative, NaN, infinite or above
/// 10⁷⁰, is missing: it says nothing, and nothing is learned of it. A class that was never learned is never predicted.
/// Weights count as at least 10⁻³⁰ and at most 10²⁰.
///
/// A feature that no class has seen says nothing yet, and takes no part in the smoothing: the vocabulary is what was
/// seen. So it does not matter how many features are never used, as most buckets of hashed words are.
///
/// [`MultinomialNaiveBayes`]: super::MultinomialNaiveBayes
/// [`BernoulliNaiveBayes`]: super::BernoulliNaiveBayes
/// [`ComplementNaiveBayes`]: super::ComplementNaiveBayes
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Counts", bound = "M: Model")]
pub struct SparseNaiveBayes<M> {
    counts: Counts,
    /// What prediction needs, from the counts alone.
    model: M,
    /// A row in the form that the model wants; no state.
    room: Vec<(u32, f64)>,
}

/// What was learned: weights of rows, and of features in them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counts {
    pub(super) smoothing: f64,
    /// The weight of the rows of each class.
    pub(super) classes: Vec<f64>,
    /// The weight of all features together in each class.
    pub(super) totals: Vec<f64>,
    /// The weight of each feature in each class; the classes of a feature stand together.
    pub(super) features: Vec<f64>,
    /// The features that any class has; follows from their weights.
    #[serde(skip)]
    pub(super) seen: Seen,
}

/// A set of features.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    bits: Vec<u64>,
    pub(super) number: usize,
}

impl Seen {
    #[inline]
    fn has(&self, feature: usize) -> bool {
        self.bits[feature / 64] >> (feature % 64) & 1 == 1
    }

    #[inline]
    fn insert(&mut self, feature: usize) {
        self.number += usize::from(!self.has(feature));
        self.bits[feature / 64] |= 1 << (feature % 64);
    }
}

impl Counts {
    /// How many features there are.
    #[inline]
    pub(super) fn width(&self) -> usize {
        // There is at least one class, but for hostile bytes.
        self.features.len() / self.classes.len().max(1)
    }

    /// Finds the features that any class has.
    pub(super) fn look(&mut self) {
        let classes = self.classes.len().max(1);
        self.seen = Seen { bits: vec![0; self.width().div_ceil(64)], number: 0 };
        for (feature, weights) in self.features.chunks_exact(classes).enumerate() {
            if weights.iter().any(|weight| *weight > 0.0) {
                self.seen.insert(feature);
            }
        }
    }

    /// The features of a row that some class has, as where the feature begins in the tables, and their counts.
    #[inline]
    pub(super) fn known<'a>(&'a self, row: &'a [(u32, f64)]) -> impl Iterator<Item = (usize, f64)> {
        let (classes, width) = (self.classes.len(), self.width());
        let there = row.iter().map(|&(feature, count)| (feature as usize, count));
        let known = there.filter(move |&(at, count)| at < width && is_count(count) && self.seen.has(at));
        known.map(move |(feature, count)| (feature * classes, count))
    }

    /// Adds a row of a class. Tells where each of its features stands in the tables, and the weights before and after.
    #[inline]
    pub(super) fn add(
        &mut self,
        row: impl Iterator<Item = (u32, f64)>,
        class: usize,
        weight: f64,
        mut told: impl FnMut(&Self, usize, f64),
    ) {
        let (classes, width) = (self.classes.len(), self.width());
        self.classes[class] += weight;
        for (feature, count) in row {
            let feature = feature as usize;
            if feature < width && is_count(count) {
                let place = feature * classes;
                let before = self.features[place + class];
                self.totals[class] += weight * count;
                self.features[place + class] += weight * count;
                self.seen.insert(feature);
                told(self, place, before);
            }
        }
    }
}

/// Whether a count is none that is missing or nought.
#[inline]
pub(super) fn is_count(count: f64) -> bool {
    count > 0.0 && count <= LIMIT
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
    /// [`ParameterError`] if there are no features or no classes, or their product is above 2²⁴.
    pub fn new(features: usize, classes: usize) -> Result<Self, ParameterError> {
        let wrong = |parameter, value: usize| {
            let allowed = "1 to 2^24, and so their product";
            Err(ParameterError { summary: M::NAME, parameter, allowed, value: value.to_string() })
        };
        if !(1..=MOST).contains(&classes) {
            return wrong("classes", classes);
        }
        if !(1..=MOST / classes).contains(&features) {
            return wrong("features", features);
        }
        Ok(Self::from(Counts {
            smoothing: 1.0,
            classes: vec![0.0; classes],
            totals: vec![0.0; classes],
            features: vec![0.0; features * classes],
            seen: Seen::default(),
        }))
    }

    /// How often each feature counts as having been seen in each class before the first row: 1 if not set (Laplace).
    /// Where most features are rare, as words are, less is often better, for Bernoulli's model above all.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 10⁻⁹ to 10⁹.
    pub fn with_smoothing(mut self, smoothing: f64) -> Result<Self, ParameterError> {
        super::check_smoothing(M::NAME, smoothing)?;
        self.counts.smoothing = smoothing;
        Ok(Self::from(self.counts))
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

    /// Makes anew what follows from the counts.
    fn follow(&mut self) {
        self.counts.look();
        self.model = M::of(&self.counts);
    }

    fn accepts(&self, class: usize, weight: f64) -> Result<(), RowError> {
        RowError::check_class(self.counts.classes.len(), class)?;
        RowError::check_weight(weight)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let Counts { smoothing, classes, totals, features, seen: _ } = &self.counts;
        DecodeError::unless(super::check_smoothing("", *smoothing).is_ok(), "smoothing", smoothing)?;
        DecodeError::unless((1..=MOST).contains(&classes.len()), "classes", classes.len())?;
        DecodeError::unless(totals.len() == classes.len(), "totals of classes", totals.len())?;
        let whole = !features.is_empty() && features.len() <= MOST && features.len().is_multiple_of(classes.len());
        DecodeError::unless(whole, "features", features.len())?;
        super::check_weights(classes.iter().chain(totals).chain(features), "the weight of a feature or class")
    }
}

impl<M: Model> From<Counts> for SparseNaiveBayes<M> {
    fn from(mut counts: Counts) -> Self {
        counts.look();
        Self { model: M::of(&counts), counts, room: Vec::new() }
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
        let Counts { smoothing: _, classes, totals, features, seen } = &self.counts;
        let numbers = classes.capacity() + totals.capacity() + features.capacity() + seen.bits.capacity();
        let room = self.room.capacity() * size_of::<(u32, f64)>();
        size_of::<Self>() + numbers * size_of::<f64>() + room + self.model.heap_bytes()
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
        super::add(&mut self.counts.classes, &other.counts.classes);
        super::add(&mut self.counts.totals, &other.counts.totals);
        super::add(&mut self.counts.features, &other.counts.features);
        self.follow();
        Ok(())
    }
}

impl<M: Model> Decay for SparseNaiveBayes<M> {
    fn decay(&mut self, factor: f64) {
        let Counts { smoothing: _, classes, totals, features, seen: _ } = &mut self.counts;
        for weight in classes.iter_mut().chain(totals).chain(features) {
            *weight = faded(*weight, factor);
        }
        self.follow();
    }
}

image!(SparseNaiveBayes<super::multinomial::Multinomial>, 1);
image!(SparseNaiveBayes<super::bernoulli::Bernoulli>, 1);
image!(SparseNaiveBayes<super::complement::Complement>, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;
    use streamgauge_sketches::laws::{refuses, sliding};
    use streamgauge_sketches::random::Draws;

    use super::super::{BernoulliNaiveBayes, ComplementNaiveBayes, MultinomialNaiveBayes};
    use super::*;
    use crate::laws;

    /// Rows of some of 50 features, in any order, some twice.
    fn rows(n: usize, seed: u64) -> Vec<(Vec<(u32, f64)>, usize)> {
        let mut draws = Draws::new(seed);
        let mut row = || {
            let class = draws.below(3);
            let mut feature = || (draws.below(20) + draws.below(10) * class) as u32;
            ((0..8).map(|i| (feature(), f64::from(i % 3 + 1))).collect(), class as usize)
        };
        (0..n).map(|_| row()).collect()
    }

    fn holds<M: Model>()
    where
        SparseNaiveBayes<M>: Codec,
    {
        let new = || SparseNaiveBayes::<M>::new(50, 3).unwrap();
        laws::classifies_sparse(&new(), &rows(300, 1));
        laws::merges(&new(), &[rows(200, 1), vec![], rows(1, 2), rows(70, 3), vec![]]);
        refuses(&new(), &new().with_smoothing(0.5).unwrap());
        refuses(&new(), &SparseNaiveBayes::new(51, 3).unwrap());
        refuses(&new(), &SparseNaiveBayes::new(50, 2).unwrap());
        let learned = |n, seed, weight| {
            let mut learner = new();
            rows(n, seed).iter().for_each(|(row, class)| learner.learn_weighted(row, *class, weight).unwrap());
            learner
        };
        // Counts of whole numbers: to the bit, in windows too.
        let panes: Vec<_> = (0..9).map(|seed| learned(10 * seed as usize, seed, 1.0)).collect();
        sliding(&new(), &panes, Codec::to_bytes);

        let (mut faded, mut weighted) = (learned(100, 5, 4.0), learned(100, 5, 2.0));
        faded.decay(0.5);
        assert_eq!(faded.to_bytes(), weighted.to_bytes(), "decay halves weights");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (row, class) in rows(100, 6) {
            faded.probabilities_one(&row, &mut ours).unwrap();
            weighted.probabilities_one(&row, &mut theirs).unwrap();
            assert_eq!(ours, theirs, "a faded learner goes on as one that weighed less");
            faded.learn_one(&row, class).unwrap();
            weighted.learn_one(&row, class).unwrap();
        }
        faded.decay(0.0);
        assert_eq!(faded.to_bytes(), new().to_bytes(), "nothing is left");
        assert_eq!(faded.predict_one(&rows(1, 1)[0].0), Ok(None));

        for (at, (row, class)) in rows(100, 3).into_iter().enumerate() {
            faded.learn_weighted(&row, class, [5e-324, f64::MAX, 1.0][at % 3]).unwrap();
            faded.learn_weighted(&[(1, 1e70), (1, 1e70)], class, f64::MAX).unwrap();
            faded.probabilities_one(&row, &mut ours).unwrap();
            assert!((ours.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{ours:?}");
        }

        let told = |wrong: Result<SparseNaiveBayes<M>, ParameterError>| wrong.unwrap_err().to_string();
        let allowed = "1 to 2^24, and so their product";
        assert_eq!(told(SparseNaiveBayes::new(0, 2)), format!("{}: features must be {allowed}, not 0", M::NAME));
        assert_eq!(told(SparseNaiveBayes::new(9, 0)), format!("{}: classes must be {allowed}, not 0", M::NAME));
        told(SparseNaiveBayes::new(MOST, 2));
        told(new().with_smoothing(f64::NAN));

        let refused = |spoil: fn(&mut Counts)| {
            let mut bad = panes[3].clone();
            spoil(&mut bad.counts);
            SparseNaiveBayes::<M>::from_bytes(&bad.to_bytes()).unwrap_err();
        };
        refused(|counts| counts.classes.clear());
        refused(|counts| counts.classes.truncate(2));
        refused(|counts| counts.totals.clear());
        refused(|counts| counts.features.clear());
        refused(|counts| counts.features.truncate(100));
        refused(|counts| counts.features[7] = f64::NAN);
        refused(|counts| counts.features[7] = f64::INFINITY);
        refused(|counts| counts.classes[0] = -1.0);
        refused(|counts| counts.smoothing = 0.0);
    }

    #[test]
    fn all_models_hold_the_laws() {
        holds::<super::super::multinomial::Multinomial>();
        holds::<super::super::bernoulli::Bernoulli>();
        holds::<super::super::complement::Complement>();
    }

    /// How often the rows of a class have each feature, or in how many of them it is.
    fn counted(rows: &[(Vec<(u32, f64)>, usize)], of: impl Fn(usize) -> bool, once: bool) -> (f64, [f64; 50]) {
        let (mut n, mut features) = (0.0, [0.0; 50]);
        for (row, _) in rows.iter().filter(|(_, class)| of(*class)) {
            n += 1.0;
            let mut bag = [0.0; 50];
            row.iter().for_each(|(feature, count)| bag[*feature as usize] += count);
            features.iter_mut().zip(bag).for_each(|(sum, n)| *sum += if once { f64::from(n > 0.0) } else { n });
        }
        (n, features)
    }

    /// The shares of a learner are those of the joint logarithms.
    fn agrees<M: Model>(rows: &[(Vec<(u32, f64)>, usize)], joint: impl Fn(&[f64; 50], usize) -> f64) {
        let mut learner = SparseNaiveBayes::<M>::new(50, 3).unwrap().with_smoothing(0.3).unwrap();
        learner.learn_batch(rows.iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
        let mut ours = Vec::new();
        for (row, _) in rows {
            let bag = counted(&[(row.clone(), 0)], |_| true, false).1;
            let mut theirs: Vec<f64> = (0..3).map(|class| joint(&bag, class)).collect();
            shares(&mut theirs);
            learner.probabilities_one(row, &mut ours).unwrap();
            assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-9), "{}: {ours:?} {theirs:?}", M::NAME);
        }
    }

    #[test]
    fn shares_are_those_of_the_definitions() {
        let rows = rows(200, 4);
        let all = counted(&rows, |_| true, false).1;
        let seen = all.iter().filter(|weight| **weight > 0.0).count();
        assert!(seen < 50, "some features are never seen");
        let multiply = |bag: &[f64; 50], features: &[f64; 50]| {
            let total = features.iter().sum::<f64>() + seen as f64 * 0.3;
            bag.iter().zip(features).map(|(n, feature)| n * ((feature + 0.3) / total).ln()).sum::<f64>()
        };
        agrees::<super::super::multinomial::Multinomial>(&rows, |bag, class| {
            let (n, features) = counted(&rows, |of| of == class, false);
            n.ln() + multiply(bag, &features)
        });
        agrees::<super::super::complement::Complement>(&rows, |bag, class| {
            let (n, _) = counted(&rows, |of| of == class, false);
            n.ln() - multiply(bag, &counted(&rows, |of| of != class, false).1)
        });
        agrees::<super::super::bernoulli::Bernoulli>(&rows, |bag, class| {
            let (n, features) = counted(&rows, |of| of == class, true);
            let say = |(there, feature): (&f64, &f64)| {
                let p = (feature + 0.3) / (n + 0.6);
                if *there > 0.0 { p.ln() } else { (1.0 - p).ln() }
            };
            let known = bag.iter().zip(&features).zip(&all).filter(|(_, all)| **all > 0.0);
            n.ln() + known.map(|(both, _)| say(both)).sum::<f64>()
        });
    }

    #[test]
    fn what_no_class_has_seen_says_nothing() {
        fn asked<M: Model>(features: usize, row: &[(u32, f64)]) -> Vec<f64> {
            let mut learner = SparseNaiveBayes::<M>::new(features, 2).unwrap();
            for _ in 0..10 {
                learner.learn_one(&[(0, 1.0), (1, 1.0)], 0).unwrap();
            }
            learner.learn_one(&[(1, 1.0), (2, 1.0)], 1).unwrap();
            let mut shares = Vec::new();
            learner.probabilities_one(row, &mut shares).unwrap();
            shares
        }
        fn holds<M: Model>() {
            let known = asked::<M>(3, &[(1, 1.0)]);
            assert_eq!(asked::<M>(1 << 20, &[(1, 1.0)]), known, "features that are never seen are as if not there");
            assert_eq!(asked::<M>(1 << 20, &[(1, 1.0), (99, 5.0)]), known, "and say nothing when they are");
        }
        holds::<super::super::multinomial::Multinomial>();
        holds::<super::super::bernoulli::Bernoulli>();
        holds::<super::super::complement::Complement>();
    }

    #[test]
    fn names_are_those_of_the_models() {
        assert_eq!(MultinomialNaiveBayes::NAME, "MultinomialNaiveBayes");
        let bytes = BernoulliNaiveBayes::new(5, 2).unwrap().to_bytes();
        let told = ComplementNaiveBayes::from_bytes(&bytes).unwrap_err().to_string();
        assert!(told.contains("BernoulliNaiveBayes"), "{told}");
    }
}
