//! Count-Min: the frequency of any item, never too low.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family};
use crate::exact::ExactTop;
use crate::hash::PortableHash;
use crate::key::Key;
use crate::summary::{
    Absorb, Decay, Hashed, Inverse, Items, Merge, Subtract, Summary, Weight, Weighted, absorb_hashed,
};

/// The frequency of any item: never too low, too high by at most e·N/width with probability 1 − e^−depth.
///
/// | | |
/// |---|---|
/// | answers | how often one given item was seen; the [inner product](Self::inner_product) of two streams |
/// | memory | 8 · depth · width bytes; 64 KiB for the default of 4 × 2,048 |
/// | absorb, ask, merge | O(depth), O(depth), O(depth · width) |
/// | guarantee | for N items: truth ≤ estimate ≤ truth + e·N/width with probability 1 − e^−depth (0.98 for depth 4) |
/// | merged, subtracted | the same to the bit as one sketch of everything; of sampled items, intervals may stay wider after a subtraction |
///
/// It reads as itself: ask [`estimate`](Self::estimate). It does not know which items it saw; for the most frequent
/// ones take [`HeavyHitters`](crate::HeavyHitters). Where nothing has to be subtracted, as a sliding window does,
/// [`ConservativeCountMin`](crate::ConservativeCountMin) is closer at the same size and slower. Not for flat streams of
/// many items: every one is then too high by about N/width. Counts up to 2⁴⁸ items.
///
/// Source: Cormode, Muthukrishnan, *An Improved Data Stream Summary: The Count-Min Sketch*, 2005.
///
/// ```
/// use streamgauge_sketches::{Absorb, CountMin};
/// let mut pages = CountMin::with_error(0.001, 0.98)?;
/// for i in 0..10_000_u32 {
///     pages.absorb(if i % 10 == 0 { "/" } else { "/about" });
/// }
/// let home = pages.estimate("/");
/// assert!(home.contains(1_000.0) && home.value >= 1_000.0, "{home}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountMin {
    grid: Grid,
}

impl CountMin {
    /// A sketch of `depth` rows of `width` counters; the width is rounded up to a power of two.
    ///
    /// # Errors
    /// [`ParameterError`] unless the depth lies in 1..=16 and the width in 2..=2²⁸.
    pub fn new(depth: usize, width: usize) -> Result<Self, ParameterError> {
        Grid::new(Self::NAME, depth, width).map(|grid| Self { grid })
    }

    /// The smallest sketch that overcounts by at most `error · N` with this confidence.
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
        self.grid.estimate(hash, Family::CountMin)
    }

    /// The sum over all items of the product of how often either stream had them: the size of the join of two tables
    /// on this item, or of one stream with itself its second moment.
    ///
    /// Never too low; for N₁ and N₂ items too high by at most e·N₁·N₂/width with probability 1 − e^−depth. Takes
    /// O(depth · width).
    ///
    /// ```
    /// use streamgauge_sketches::{Absorb, CountMin};
    /// let (mut visits, mut orders) = (CountMin::default(), CountMin::default());
    /// visits.absorb_all(["ada", "ada", "ada", "bob", "eve"]);
    /// orders.absorb_all(["ada", "ada", "bob", "joe"]);
    /// let pairs = visits.inner_product(&orders)?; // 3 · 2 + 1 · 1
    /// assert_eq!(pairs.value, 7.0);
    /// assert!(pairs.upper - pairs.lower < 0.03);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Mismatch`] if parameters or seed differ.
    pub fn inner_product(&self, other: &Self) -> Result<Estimate, Mismatch> {
        self.compatible(other)?;
        Ok(self.grid.inner_product(&other.grid, Family::CountMin))
    }
}

impl fmt::Debug for CountMin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountMin({} × {}, total {})", self.depth(), self.width(), self.total())
    }
}

impl Default for CountMin {
    fn default() -> Self {
        Self::new(4, 2_048).expect("4 rows of 2,048 are allowed")
    }
}

impl Summary for CountMin {
    type Reading = Self;

    const NAME: &'static str = "CountMin";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.grid.heap_bytes()
    }
}

impl Hashed for CountMin {
    fn seed(&self) -> u64 {
        self.grid.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        self.grid.add(hash, Weight::UNIT);
    }

    fn absorb_hashes(&mut self, hashes: &[u64]) {
        self.grid.add_all(hashes);
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for CountMin {
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

impl<Q: PortableHash + Key + ?Sized> Weighted<Q> for CountMin {
    fn absorb_weighted(&mut self, item: &Q, weight: Weight) {
        self.grid.note_variance(weight);
        self.grid.add(item.portable_hash(self.grid.seed), weight.units());
    }
}

impl Decay for CountMin {
    fn decay(&mut self, factor: f64) {
        self.grid.decay(factor);
    }
}

impl Merge for CountMin {
    type Window = Inverse<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.grid.compatible(Self::NAME, &other.grid)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.grid.combine(&other.grid, u64::wrapping_add);
        Ok(())
    }
}

impl Subtract for CountMin {
    fn subtract(&mut self, other: &Self) {
        self.grid.combine(&other.grid, u64::wrapping_sub);
    }
}

impl Codec for CountMin {
    const FAMILY: Family = Family::CountMin;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn zipf(items: std::ops::Range<u64>) -> CountMin {
        let mut sketch = CountMin::default();
        items.for_each(|i| sketch.absorb(&(i % (1 + i % 5_000))));
        sketch
    }

    #[test]
    fn merging_and_subtracting_are_exact() {
        let (head, tail, all) = (zipf(0..20_000), zipf(20_000..50_000), zipf(0..50_000));
        let mut merged = head.clone();
        merged.merge(&tail).unwrap();
        assert_eq!(merged, all);
        merged.subtract(&head);
        assert_eq!(merged, tail);
        assert_eq!(CountMin::from_bytes(&all.to_bytes()).unwrap(), all);
    }

    #[test]
    fn decay_fades_to_nothing_and_is_stored() {
        let mut sketch = CountMin::new(2, 16).unwrap();
        sketch.grid.add(1, 100 * Weight::UNIT);
        sketch.grid.add(2, 200 * Weight::UNIT);
        sketch.decay(0.17);
        assert!((sketch.total() as f64 - 51.0).abs() <= 1.0);
        assert_eq!(CountMin::from_bytes(&sketch.to_bytes()).unwrap(), sketch);
        (0..1_000).for_each(|_| sketch.decay(0.99));
        assert_eq!(sketch.total(), 0);
    }

    #[test]
    fn a_faded_count_lies_in_its_interval() {
        let mut sketch = CountMin::default();
        sketch.absorb("once");
        sketch.decay(0.3);
        let once = sketch.estimate("once");
        assert!(once.lower <= 0.3 && once.value >= 0.3, "{once}");
    }

    #[test]
    fn totals_just_below_the_limit_hold() {
        let mut sketch = CountMin::default();
        sketch.grid.add(1, (1 << 63) - Weight::UNIT);
        sketch.merge(&sketch.clone()).unwrap();
        assert_eq!(sketch.total(), (1 << 48) - 2);
        assert_eq!(sketch.estimate_hash(1).value, ((1_u64 << 48) - 2) as f64);
        let square = sketch.inner_product(&sketch).unwrap();
        assert_eq!(square.value, (((1_u64 << 48) - 2) as f64).powi(2));
    }
}
