//! The algebra: what absorbs, merges and is read.
//!
//! * [`Summary`]: a state that can be read. Plain data: cloned, serialized, sent.
//! * [`Absorb`]: how items enter a state, one by one or in bulk ([`Items`]). A state may absorb items of several types;
//!   one that knows an item by its hash alone is [`Hashed`].
//! * [`Merge`]: two states become one, as if one had absorbed the items of both.
//! * [`Sliding`]: how a state slides over panes; every mergeable summary names its own.
//! * [`Spec`]: how records enter a state: a path from the record to the item, and an empty state to begin with.
//!   Closures live here and are never serialized. Tuples of specs are specs, tuples of summaries are summaries.
//! * [`On`]: the builder that knows the record's type, so that closures need no annotation.
//!
//! Capabilities that not every summary has are traits too: [`Weighted`] (an item stands for several) and [`Decay`]
//! (the past fades). An operator asks for them at compile time by a bound, or when a job starts by
//! [`Absorb::WEIGHTED`] and [`Summary::DECAY`].

mod hashed;
mod items;
mod on;
mod optional;
mod panes;
mod path;
mod sliding;
mod spec;
mod tuple;
mod undo;

pub use hashed::Hashed;
pub(crate) use hashed::absorb_hashed;
pub use items::Items;
pub use on::On;
pub use optional::OptionalWindow;
pub use panes::Panes;
pub use path::{Borrowed, Each, Identity, Mapped, Path, Then, When};
pub(crate) use sliding::Phase;
pub use sliding::{Inverse, Sliding, Subtract, TwoStacks};
pub use spec::{Feed, Of, Spec};
pub use undo::{Undo, UndoLog};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::Mismatch;

/// A small state that stands for many items and can be read.
pub trait Summary: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What reading gives: an [`Estimate`](crate::Estimate), quantiles, the most frequent keys …
    type Reading: Clone + Send + Sync + 'static;

    /// The name in errors and reports.
    const NAME: &'static str;

    /// [`Decay::decay`], for the summaries that have it.
    const DECAY: Option<fn(&mut Self, f64)> = None;

    /// The name of the state with those of its parts: stored beside it, so that it is not read as something else.
    fn schema() -> String {
        Self::NAME.to_owned()
    }

    /// Reads the state without changing it.
    fn read(&self) -> Self::Reading;

    /// The bytes this state holds, itself and its heap; of keys on the heap, only their fixed part.
    fn memory_bytes(&self) -> usize;

    /// A batch of the stream is over, also one without items: for the few that count time in batches.
    #[inline]
    fn end_batch(&mut self) {}
}

/// How items of type `Q` enter a summary.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not absorb items of type `{Q}`",
    note = "map the record to what the summary takes: `on.map(|record| …).distinct(|x| x)`"
)]
pub trait Absorb<Q: ?Sized>: Summary {
    /// The exact answer to the same question: the yardstick of an audit. A summary that has none is its own.
    type Exact: Absorb<Q>;

    /// [`Weighted::absorb_weighted`], for the summaries that have it.
    const WEIGHTED: Option<fn(&mut Self, &Q, Weight)> = None;

    /// Absorbs one item.
    fn absorb(&mut self, item: &Q);

    /// Absorbs items in order: the same as one after the other, and faster where work can be shared.
    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        items.visit_all(|item| self.absorb(item));
    }

    /// An empty exact twin that answers the same question.
    fn exact(&self) -> Self::Exact;
}

/// Two states become one.
///
/// Merging is associative and commutative in effect, and merging an empty state changes nothing. For registers,
/// counters and integers the result is the same to the bit as absorbing everything into one state; other summaries
/// say what they promise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged, so it cannot be used in a reduce, a window or across partitions",
    note = "a summary needs `Merge` wherever partial results are put together; one without it is fed in order: `fit` for a window, `train_on` for a stream or for each key"
)]
pub trait Merge: Summary {
    /// How this summary slides over panes.
    type Window: Sliding<Self>;

    /// Whether [`merge`](Self::merge) would succeed: parameters, seed and hash are the same.
    ///
    /// # Errors
    /// [`Mismatch`] naming the parameter and both values.
    fn compatible(&self, other: &Self) -> Result<(), Mismatch>;

    /// Takes in the items of another state.
    ///
    /// # Errors
    /// [`Mismatch`] if parameters, seed or hash differ; the receiver is left as it was.
    fn merge(&mut self, other: &Self) -> Result<(), Mismatch>;

    /// The reading of this state merged with another; cheaper than merging them, where a summary has a way to.
    ///
    /// # Errors
    /// [`Mismatch`] if the two cannot be merged.
    fn read_merged(&self, other: &Self) -> Result<Self::Reading, Mismatch> {
        let mut merged = self.clone();
        merged.merge(other)?;
        Ok(merged.read())
    }
}

/// The capability to take an item that stands for several, as sampling under load needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot absorb weighted items",
    note = "counts, sums, frequencies and quantiles can; distinct counts and membership filters cannot be scaled up"
)]
pub trait Weighted<Q: ?Sized>: Absorb<Q> {
    /// Absorbs an item that stands for `weight` items.
    fn absorb_weighted(&mut self, item: &Q, weight: Weight);
}

/// The capability to fade: after `decay(0.5)` everything absorbed so far weighs half.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot decay, so it takes no half-life",
    note = "counts, sums, frequencies and quantiles can; distinct counts and membership filters cannot"
)]
pub trait Decay: Summary {
    /// Multiplies the weight of the past by a factor in 0..=1.
    fn decay(&mut self, factor: f64);
}

/// For how many items one sampled item stands: a number of at least one with a resolution of 2⁻¹⁶.
///
/// Weights are integers inside, so that weighted counts stay exact under subtraction and in any order.
///
/// ```
/// use streamgauge_sketches::Weight;
/// assert_eq!(Weight::of_fraction(0.25).get(), 4.0);
/// assert_eq!(Weight::ONE.get(), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weight(u32);

impl Weight {
    /// The unit: 2¹⁶.
    pub(crate) const UNIT: u64 = 1 << 16;
    /// An item that stands for itself.
    pub const ONE: Self = Self(1 << 16);
    /// The heaviest weight, a little under 65,536.
    pub const MAX: Self = Self(u32::MAX);

    /// The weight of an item kept with this probability. Clamped to `ONE..=MAX`; a NaN counts as one.
    pub fn of_fraction(kept: f64) -> Self {
        Self::new(1.0 / kept)
    }

    /// A weight. Clamped to `ONE..=MAX`; a NaN counts as one.
    pub fn new(weight: f64) -> Self {
        Self((weight * Self::UNIT as f64).round() as u32).clamp(Self::ONE, Self::MAX)
    }

    /// The weight as a number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / Self::UNIT as f64
    }

    /// The weight in units of 2⁻¹⁶.
    pub(crate) fn units(self) -> u64 {
        u64::from(self.0)
    }

    /// By how much it is more than one, in units of 2⁻¹⁶: what the item adds to the variance of a count, per item that
    /// it stands for.
    pub(crate) fn excess_units(self) -> u64 {
        self.units() - Self::UNIT
    }

    /// What the item adds to the variance of a scaled-up count, `w (w − 1)`, in units of 2⁻¹⁶.
    pub(crate) fn variance_units(self) -> u64 {
        ((u128::from(self.units()) * u128::from(self.excess_units())) >> 16) as u64
    }
}
