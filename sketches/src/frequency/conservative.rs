//! Count-Min with conservative update: closer, but only upwards.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family};
use crate::exact::ExactTop;
use crate::hash::PortableHash;
use crate::key::Key;
use crate::summary::{Absorb, Decay, Hashed, Items, Merge, Summary, TwoStacks, Weight, Weighted, absorb_hashed};

/// The frequency of any item, never too low and closer than [`CountMin`](crate::CountMin) of the same size: an item
/// raises only those of its counters that would be too low without it.
///
/// | | |
/// |---|---|
/// | answers | how often one given item was seen |
/// | memory | 8 · depth · width bytes; 64 KiB for the default of 4 × 2,048 |
/// | absorb, ask, merge | O(depth), O(depth), O(depth · width) |
/// | guarantee | for N items: truth ≤ estimate ≤ truth + e·N/width with probability 1 − e^−depth; no item's estimate is above that of `CountMin` |
/// | merged | the same guarantee; the gain over `CountMin` is that of the parts |
///
/// On skewed streams (Zipf 1.1, a million items) it overcounts by about 0.6 of what `CountMin` does, and the frequent
/// items hardly at all. In return absorbing takes half as long again, it cannot be subtracted (a sliding window keeps its
/// panes) and has no inner product: two items that share a counter need not both be in it. What it holds depends on the
/// order of the items, and on which part of a merge they were in; the guarantee does not. Counts up to 2⁴⁸ items.
///
/// Merging adds counter by counter: a sum of upper bounds is one. (The maximum would not be.)
///
/// Sources: Estan, Varghese, *New Directions in Traffic Measurement and Accounting*, 2002; Cormode, Muthukrishnan, *An
/// Improved Data Stream Summary: The Count-Min Sketch*, 2005.
///
/// ```
/// use streamgauge_sketches::{Absorb, ConservativeCountMin, CountMin};
/// // Far too small for a thousand items, to show the difference.
/// let (mut plain, mut conservative) = (CountMin::new(2, 64)?, ConservativeCountMin::new(2, 64)?);
/// for i in 0..10_000_u32 {
///     let item = if i % 10 == 0 { 0 } else { i % 1_000 };
///     plain.absorb(&item);
///     conservative.absorb(&item);
/// }
/// let (plain, conservative) = (plain.estimate(&0), conservative.estimate(&0));
/// assert_eq!((plain.value, conservative.value), (1_100.0, 1_010.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConservativeCountMin {
    grid: Grid,
}

impl ConservativeCountMin {
    /// A sketch of `depth` rows of `width` counters; the width is rounded up to a power of two.
    ///
    /// # Errors
    /// [`ParameterError`] unless the depth lies in 1..=16 and the width in 2..=2²⁸.
    pub fn new(depth: usize, width: usize) -> Result<Self, ParameterError> {
        Grid::new(Self::NAME, depth, width).map(|grid| Self { grid })
    }

    /// The smallest sketch that overcounts by at most `error · N` with this confidence, whatever the items.
    ///
    /// # Errors
    /// [`ParameterError`] if that takes more than 16 rows or 2²⁸ columns, or is no error or confidence at all.
    pub fn with_error(error: f64, confidence: f64) -> Result<Self, ParameterError> {
        Grid::with_error(Self::NAME, error, confidence).map(|grid| Self { grid })
    }

    /// The same sketch, empty, under another hash seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self { grid: self.grid.seeded(seed) }
    }

    /// How many items were absorbed, rounded.
    pub fn total(&self) -> u64 {
        self.grid.total()
    }

    /// The rows.
    pub fn depth(&self) -> usize {
        self.grid.depth()
    }

    /// The counters per row.
    pub fn width(&self) -> usize {
        self.grid.width()
    }

    /// How often this item was seen.
    #[inline]
    pub fn estimate<Q: PortableHash + ?Sized>(&self, item: &Q) -> Estimate {
        self.estimate_hash(item.portable_hash(self.grid.seed))
    }

    /// How often the item with this hash was seen; see [`Hashed::absorb_hash`] for which hash.
    #[inline]
    pub fn estimate_hash(&self, hash: u64) -> Estimate {
        self.grid.estimate(hash, Family::ConservativeCountMin)
    }
}

impl fmt::Debug for ConservativeCountMin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConservativeCountMin({} × {}, total {})", self.depth(), self.width(), self.total())
    }
}

impl Default for ConservativeCountMin {
    fn default() -> Self {
        Self::new(4, 2_048).expect("4 rows of 2,048 are allowed")
    }
}

impl Summary for ConservativeCountMin {
    type Reading = Self;

    const NAME: &'static str = "ConservativeCountMin";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.grid.heap_bytes()
    }
}

impl Hashed for ConservativeCountMin {
    fn seed(&self) -> u64 {
        self.grid.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        self.grid.raise(hash, Weight::UNIT);
    }

    fn absorb_hashes(&mut self, hashes: &[u64]) {
        self.grid.raise_all(hashes);
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for ConservativeCountMin {
    type Exact = ExactTop<Q::Owned>;

    const WEIGHTED: Option<fn(&mut Self, &Q, Weight)> = Some(<Self as Weighted<Q>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &Q) {
        self.absorb_hash(item.portable_hash(self.grid.seed));
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        absorb_hashed(self, items);
    }

    fn exact(&self) -> Self::Exact {
        ExactTop::new(usize::MAX)
    }
}

impl<Q: PortableHash + Key + ?Sized> Weighted<Q> for ConservativeCountMin {
    fn absorb_weighted(&mut self, item: &Q, weight: Weight) {
        self.grid.note_variance(weight);
        self.grid.raise(item.portable_hash(self.grid.seed), weight.units());
    }
}

impl Decay for ConservativeCountMin {
    fn decay(&mut self, factor: f64) {
        self.grid.decay(factor);
    }
}

impl Merge for ConservativeCountMin {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.grid.compatible(Self::NAME, &other.grid)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.grid.combine(&other.grid, u64::saturating_add);
        Ok(())
    }
}

impl Codec for ConservativeCountMin {
    const FAMILY: Family = Family::ConservativeCountMin;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.grid.seed
    }

    fn encode(&self, out: &mut Writer) {
        self.grid.encode(out);
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        Grid::decode(content, seed).map(|grid| Self { grid })
    }
}
