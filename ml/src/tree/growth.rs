//! How a tree grows.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError};

use super::criterion::Criterion;

/// How a leaf predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Leaves {
    /// The most frequent class of the leaf: the fastest.
    Majority,
    /// Naive Bayes over what the leaf has seen.
    NaiveBayes,
    /// Whichever of the two was right more often lately, in this leaf or in a node above it; the default. The choice in a
    /// leaf is that of Gama, Rocha & Medas, KDD 2003, but that it forgets: half in 138 rows.
    #[default]
    Adaptive,
}

/// How a leaf remembers the numbers of an attribute, to find where to split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Observer {
    /// A normal distribution for each class, split at one of ten points: memory does not grow with the rows.
    #[default]
    Gaussian,
    /// Every value, split at any of them: exact, and memory grows with the distinct values of a leaf (24 bytes each). Set
    /// a small [memory cap](Growth::memory). A row now and then allocates.
    Exhaustive,
}

/// How a tree grows: the parameters that all Hoeffding trees share.
///
/// ```
/// use streamgauge_ml::tree::{Criterion, Growth, HoeffdingTree};
/// use streamgauge_ml::Schema;
/// let growth = Growth::new().grace(100)?.delta(1e-5)?.criterion(Criterion::Gini).memory(1 << 20);
/// let tree = HoeffdingTree::with_growth(Schema::numeric(3, 2)?, growth)?;
/// assert_eq!((tree.leaves(), tree.depth()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    pub(crate) grace: u32,
    pub(crate) delta: f64,
    pub(crate) tie: f64,
    pub(crate) criterion: Criterion,
    pub(crate) leaves: Leaves,
    pub(crate) observer: Observer,
    pub(crate) prune: bool,
    pub(crate) binary: bool,
    pub(crate) subspace: Option<u32>,
    pub(crate) memory: u64,
    pub(crate) seed: u64,
    pub(crate) patience: u32,
}

/// The most bytes that a tree may hold, unless told otherwise.
const MEMORY: u64 = 64 << 20;

impl Default for Growth {
    fn default() -> Self {
        Self {
            grace: 200,
            delta: 1e-7,
            tie: 0.05,
            criterion: Criterion::InformationGain,
            leaves: Leaves::Adaptive,
            observer: Observer::Gaussian,
            prune: true,
            binary: false,
            subspace: None,
            memory: MEMORY,
            seed: 1,
            patience: 3_000,
        }
    }
}

fn refused(parameter: &'static str, allowed: &'static str, value: impl ToString) -> ParameterError {
    ParameterError { summary: "Growth", parameter, allowed, value: value.to_string() }
}

impl Growth {
    /// The defaults of the field: see the methods.
    pub fn new() -> Self {
        Self::default()
    }

    /// As the trees of [`HoeffdingAdaptiveTree::new`](super::HoeffdingAdaptiveTree::new) grow: a grace of 100 rows and δ = 0.05.
    /// They split early, since a split that proves wrong is taken back.
    pub fn adaptive() -> Self {
        Self { grace: 100, delta: 0.05, ..Self::default() }
    }

    /// As the trees of [`AdaptiveRandomForest::new`](super::AdaptiveRandomForest::new) grow: a grace of 50 rows, δ = 0.01,
    /// no patience, and 512 MiB for all of them together.
    pub fn forest() -> Self {
        Self { grace: 50, delta: 0.01, memory: 8 * MEMORY, patience: 0, ..Self::default() }
    }

    /// How many rows (their weight) a leaf takes in between two looks for a split: 200.
    ///
    /// # Errors
    /// [`ParameterError`] if 0.
    pub fn grace(self, rows: u32) -> Result<Self, ParameterError> {
        Self { grace: rows, ..self }.valid()
    }

    /// The probability that a split is not the one that all rows would choose: 10⁻⁷.
    ///
    /// # Errors
    /// [`ParameterError`] unless above 0 and below 1.
    pub fn delta(self, delta: f64) -> Result<Self, ParameterError> {
        Self { delta, ..self }.valid()
    }

    /// Attributes whose merits cannot differ by more than this share of the range of merits are as good as each other: 0.05.
    /// The tree then splits by either: after 3,224 rows at the latest, with the defaults. 0 waits for the bound alone.
    ///
    /// # Errors
    /// [`ParameterError`] unless 0 to 1.
    pub fn tie(self, tie: f64) -> Result<Self, ParameterError> {
        Self { tie, ..self }.valid()
    }

    /// What makes a split a good one: the information gain.
    pub fn criterion(self, criterion: Criterion) -> Self {
        Self { criterion, ..self }
    }

    /// How leaves predict: adaptively.
    pub fn leaves(self, leaves: Leaves) -> Self {
        Self { leaves, ..self }
    }

    /// How leaves remember numbers: as normal distributions.
    pub fn observer(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Whether a split also has to be better than none by the bound: true.
    pub fn prune(self, prune: bool) -> Self {
        Self { prune, ..self }
    }

    /// Whether every split has two branches, also of nominal attributes: false, which tries both that and a branch for
    /// each category.
    pub fn binary(self, binary: bool) -> Self {
        Self { binary, ..self }
    }

    /// How many attributes, drawn at random, each leaf looks at, as in a random forest: all of them.
    ///
    /// # Errors
    /// [`ParameterError`] if 0. More than there are stands for all.
    pub fn subspace(self, attributes: u32) -> Result<Self, ParameterError> {
        Self { subspace: Some(attributes), ..self }.valid()
    }

    /// The most bytes that the tree may hold, itself included: 64 MiB, which is far more than most streams ask for, and less
    /// than what nominal attributes of thousands of categories would; `usize::MAX` for no limit. To stay below it first splits give up their
    /// statistics, then the leaves with the fewest errors: they predict the most frequent class and do not split until there
    /// is room again.
    pub fn memory(self, bytes: usize) -> Self {
        Self { memory: bytes as u64, ..self }
    }

    /// The seed of what is drawn at random: 1. Only a tree with a [subspace](Self::subspace) draws.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How many rows (their weight) a leaf whose split was taken back waits at most before it is split anew: 3,000. It waits
    /// until it has learned half as much again; 0 for not at all. Each trial costs as much as the leaf itself. Only a
    /// tree that takes splits back asks for it.
    pub fn patience(self, rows: u32) -> Self {
        Self { patience: rows, ..self }
    }

    fn wrong(&self) -> Option<(&'static str, &'static str, String)> {
        if self.grace == 0 {
            return Some(("grace", "at least 1", self.grace.to_string()));
        }
        if !(self.delta > 0.0 && self.delta < 1.0) {
            return Some(("delta", "above 0 and below 1", self.delta.to_string()));
        }
        if !(0.0..=1.0).contains(&self.tie) {
            return Some(("tie", "0 to 1", self.tie.to_string()));
        }
        (self.subspace == Some(0)).then(|| ("subspace", "at least 1", 0.to_string()))
    }

    fn valid(self) -> Result<Self, ParameterError> {
        match self.wrong() {
            None => Ok(self),
            Some((parameter, allowed, value)) => Err(refused(parameter, allowed, value)),
        }
    }

    pub(crate) fn check_stored(&self) -> Result<(), DecodeError> {
        match self.wrong() {
            None => Ok(()),
            Some((field, _, value)) => Err(DecodeError::Value { field, value }),
        }
    }

    /// The most bytes that a tree may hold.
    pub(crate) fn cap(&self) -> usize {
        usize::try_from(self.memory).unwrap_or(usize::MAX)
    }

    /// Hoeffding's bound: how far the mean of `weight` rows may lie from that of all, where merits have this range.
    #[inline]
    pub(crate) fn bound(&self, range: f64, weight: f64) -> f64 {
        (range * range * -self.delta.ln() / (2.0 * weight)).sqrt()
    }
}

/// What a tree knows before it has seen a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) schema: crate::Schema,
    pub(crate) growth: Growth,
}

impl Plan {
    pub(crate) fn new(schema: crate::Schema, growth: Growth) -> Self {
        // The clone holds no more attributes than there are: the cap counts those.
        Self { schema: schema.clone(), growth }
    }

    pub(crate) fn classes(&self) -> usize {
        self.schema.classes()
    }

    /// Hoeffding's bound on the merits of `weight` rows.
    pub(crate) fn bound(&self, weight: f64) -> f64 {
        self.growth.bound(self.growth.criterion.range(self.classes()), weight)
    }

    /// The distance below which merits are a tie.
    pub(crate) fn tie(&self) -> f64 {
        self.growth.tie * self.growth.criterion.range(self.classes())
    }

    /// Whether the best split, by its merit, is better than the second best by enough.
    pub(crate) fn clear(&self, best: f64, second: f64, bound: f64) -> bool {
        best - second > bound || bound < self.tie()
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        self.schema.check_stored()?;
        self.growth.check_stored()
    }
}
