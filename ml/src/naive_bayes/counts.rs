//! Counts of features.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::scores::{LIMIT, faded};

/// The most weights of features in classes …
pub(super) const MOST: usize = 1 << 24;

/// … and the most classes.
pub(super) const MOST_CLASSES: usize = 1 << 20;

/// What was learned: weights of rows, and of features in them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counts {
    pub(super) smoothing: f64,
    /// The weight of the rows of each class.
    pub(super) classes: Vec<f64>,
    /// The weight of all features together in each class.
    pub(super) totals: Vec<f64>,
    /// The weight of each feature in each class; the classes of a feature stand together.
    #[serde(with = "super::stored")]
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

    /// The features, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.bits.iter().enumerate().flat_map(|(at, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let first = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(64 * at + first)
            })
        })
    }

    #[inline]
    fn insert(&mut self, feature: usize) {
        self.number += usize::from(!self.has(feature));
        self.bits[feature / 64] |= 1 << (feature % 64);
    }
}

impl Counts {
    pub(super) fn new(features: usize, classes: usize, smoothing: f64) -> Self {
        let nothing = || vec![0.0; classes];
        let mut counts = Self {
            smoothing,
            classes: nothing(),
            totals: nothing(),
            features: vec![0.0; features * classes],
            seen: Seen::default(),
        };
        counts.look();
        counts
    }

    /// How many features there are.
    #[inline]
    pub(super) fn width(&self) -> usize {
        // There is at least one class, but for hostile bytes.
        self.features.len() / self.classes.len().max(1)
    }

    /// Finds the features that any class has: after the weights were changed otherwise than by [`add`](Self::add).
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

    /// Adds a row of a class. Tells, feature by feature, where it stands in the tables and what it weighed before.
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

    pub(super) fn merge(&mut self, other: &Self) {
        super::add(&mut self.classes, &other.classes);
        super::add(&mut self.totals, &other.totals);
        super::add(&mut self.features, &other.features);
        self.look();
    }

    pub(super) fn decay(&mut self, factor: f64) {
        let Self { smoothing: _, classes, totals, features, seen: _ } = self;
        for weight in classes.iter_mut().chain(totals).chain(features) {
            *weight = faded(*weight, factor);
        }
        self.look();
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let Counts { smoothing, classes, totals, features, seen: _ } = self;
        DecodeError::unless(super::check_smoothing("", *smoothing).is_ok(), "smoothing", smoothing)?;
        DecodeError::unless((1..=MOST_CLASSES).contains(&classes.len()), "classes", classes.len())?;
        DecodeError::unless(totals.len() == classes.len(), "totals of classes", totals.len())?;
        let whole = !features.is_empty() && features.len() <= MOST && features.len().is_multiple_of(classes.len());
        DecodeError::unless(whole, "features", features.len())?;
        super::check_weights(classes.iter().chain(totals).chain(features), "the weight of a feature or class")
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let Self { smoothing: _, classes, totals, features, seen } = self;
        let numbers = classes.capacity() + totals.capacity() + features.capacity();
        numbers * size_of::<f64>() + seen.bits.capacity() * size_of::<u64>()
    }
}

/// Whether a count is neither missing nor nought.
#[inline]
pub(super) fn is_count(count: f64) -> bool {
    (1.0 / LIMIT..=LIMIT).contains(&count)
}
