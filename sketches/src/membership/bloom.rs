//! The split-block Bloom filter: one cache line an operation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::blocks::{self, BLOCK_BYTES, Block, MOST_BLOCKS, blocks_for};
use super::occupancy::{Occupancy, common};
use super::overwritten::Overwritten;
use super::stored::Bytes;
use super::{Membership, check_rate, mix, place, simd, wrong_items};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactDistinct, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::key::Key;
use crate::summary::{Absorb, Hashed, Items, Merge, Summary, Undo, UndoLog, absorb_hashed};

/// Whether an item was seen: a split-block Bloom filter, which touches one cache line an operation.
///
/// | | |
/// |---|---|
/// | answers | whether an item may have been absorbed; how many different ones were |
/// | memory | 32 bytes a block; for n items at 1 %: 10.5 · n bits, at 0.1 %: 16.9 · n |
/// | absorb, ask, merge | O(1), O(1), O(blocks) |
/// | guarantee | never a false "no"; a false "yes" at the rate it was made for, up to so many different items |
/// | merged | the same to the bit as one filter of everything, in any order |
///
/// It reads as itself: ask it through [`Membership`]. An item falls into one block of 256 bits and sets one bit in each
/// of its eight words. Blocks are not filled evenly, which costs a tenth more bits than [`ClassicBloom`] at 1 %,
/// a sixth at 0.1 %, and twice as many at 10⁻⁶: for very low rates take that one.
///
/// Not for forgetting an item, for listing the items, for sampled or fading streams, nor for more items than it was
/// made for: at twice as many, 1 % has become 15 %. If their number is not known, take [`ScalableBloom`]. Whoever knows
/// the seed and chooses the items can make any item a false "yes".
///
/// Sources: Putze, Sanders, Singler, *Cache-, Hash- and Space-Efficient Bloom Filters*, 2007; the split into words after
/// the Bloom filter of Apache Parquet; the number of items after Swamidass, Baldi, 2007.
///
/// [`ClassicBloom`]: super::ClassicBloom
/// [`ScalableBloom`]: super::ScalableBloom
///
/// ```
/// use streamgauge_sketches::{Absorb, Bloom, Membership};
/// let mut seen = Bloom::for_items(100_000, 0.01)?;
/// (0..100_000_u32).for_each(|user| seen.absorb(&user));
/// assert!((0..100_000_u32).all(|user| seen.contains(&user)));
/// let strangers = (100_000..200_000_u32).filter(|user| seen.contains(user)).count();
/// assert!(strangers < 1_100, "{strangers} of 100,000");
/// assert!(seen.items().contains(100_000.0), "{}", seen.items());
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Bloom {
    seed: u64,
    blocks: Vec<Block>,
}

impl Bloom {
    /// The smallest filter that holds so many different items at this false-positive rate.
    ///
    /// # Errors
    /// [`ParameterError`] unless the rate lies in 10⁻⁹..1 and the items need no more than 2³⁶ bits.
    pub fn for_items(items: u64, false_positive_rate: f64) -> Result<Self, ParameterError> {
        check_rate(Self::NAME, false_positive_rate)?;
        match blocks_for(items, false_positive_rate) {
            Some(blocks) if items > 0 => Self::with_blocks(blocks as u64),
            _ => Err(wrong_items(Self::NAME, items)),
        }
    }

    /// A filter of so many blocks of 32 bytes.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 2²⁸ blocks.
    pub fn with_blocks(blocks: u64) -> Result<Self, ParameterError> {
        if !(1..=MOST_BLOCKS).contains(&blocks) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "blocks",
                allowed: "1 to 2^28",
                value: blocks.to_string(),
            });
        }
        Ok(Self { seed: DEFAULT_SEED, blocks: vec![Block::default(); blocks as usize] })
    }

    /// The same filter, empty, under another hash seed.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.blocks.fill(Block::default());
        self
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// How many items two filters have in common, by inclusion and exclusion. O(blocks).
    ///
    /// The interval holds with at least 95 %, and is wide: its width is about that of [`items`](Membership::items) of
    /// the larger filter, so it says little about few common items of large filters.
    ///
    /// # Errors
    /// [`Mismatch`] if the filters could not be merged.
    pub fn intersection(&self, other: &Self) -> Result<Estimate, Mismatch> {
        self.compatible(other)?;
        let union = self.blocks.iter().zip(&other.blocks).map(|(a, b)| u64::from(a.or(*b).ones())).sum();
        let ones = [&self.blocks, &other.blocks].map(|blocks| blocks::ones(blocks));
        Ok(common(Occupancy::Blocks(self.blocks.len() as f64), ones, union, self.method()))
    }

    fn method(&self) -> Method {
        Method::new(Family::Bloom, self.blocks.len() as u32)
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bloom({} blocks, {:.1} % of bits set)", self.blocks(), self.fill() * 100.0)
    }
}

impl Membership for Bloom {
    #[inline]
    fn contains_hash(&self, hash: u64) -> bool {
        let mixed = mix(hash);
        simd::covers(&self.blocks[place(mixed, self.blocks.len())], mixed)
    }

    fn contains_hashes(&self, hashes: &[u64], found: &mut Vec<bool>) {
        simd::contains_all(&self.blocks, hashes, found);
    }

    fn items(&self) -> Estimate {
        let occupancy = Occupancy::Blocks(self.blocks.len() as f64);
        occupancy.estimate(blocks::ones(&self.blocks), Z95, self.method())
    }

    fn fill(&self) -> f64 {
        blocks::ones(&self.blocks) as f64 / (256.0 * self.blocks.len() as f64)
    }

    fn false_positive_rate(&self) -> f64 {
        blocks::false_positive_rate(&self.blocks)
    }
}

impl Summary for Bloom {
    type Reading = Self;

    const NAME: &'static str = "Bloom";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.blocks.capacity() * BLOCK_BYTES
    }
}

impl Hashed for Bloom {
    fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        let (mixed, n) = (mix(hash), self.blocks.len());
        simd::insert(&mut self.blocks[place(mixed, n)], mixed);
    }

    fn absorb_hashes(&mut self, hashes: &[u64]) {
        simd::insert_all(&mut self.blocks, hashes);
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for Bloom {
    type Exact = ExactDistinct<Q::Owned>;

    #[inline]
    fn absorb(&mut self, item: &Q) {
        self.absorb_hash(item.portable_hash(self.seed));
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        absorb_hashed(self, items);
    }

    fn exact(&self) -> Self::Exact {
        ExactDistinct::default()
    }
}

impl Merge for Bloom {
    type Window = UndoLog<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "blocks", &self.blocks.len(), &other.blocks.len())?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        blocks::merge(&mut self.blocks, &other.blocks);
        Ok(())
    }

    fn read_merged(&self, other: &Self) -> Result<Self, Mismatch> {
        let mut merged = self.clone();
        merged.merge(other)?;
        Ok(merged)
    }
}

/// What merging a [`Bloom`] overwrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BloomOverwritten(Overwritten<Block>);

impl Undo for Bloom {
    type Overwritten = BloomOverwritten;

    fn merge_logged(&mut self, other: &Self) -> Result<BloomOverwritten, Mismatch> {
        self.compatible(other)?;
        Ok(BloomOverwritten(Overwritten::merge(&mut self.blocks, &other.blocks, Block::or)))
    }

    fn undo(&mut self, overwritten: BloomOverwritten) {
        overwritten.0.undo(&mut self.blocks);
    }

    fn overwritten_bytes(overwritten: &BloomOverwritten) -> usize {
        overwritten.0.bytes()
    }
}

impl Codec for Bloom {
    const FAMILY: Family = Family::Bloom;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.seed
    }

    fn encode(&self, out: &mut Writer) {
        out.u32(self.blocks.len() as u32);
        blocks::to_bytes(&self.blocks, |bytes| out.bytes(bytes));
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let blocks = content.u32("blocks")?;
        DecodeError::unless((1..=MOST_BLOCKS).contains(&blocks.into()), "blocks", blocks)?;
        let bytes = content.bytes("blocks", (blocks as usize).saturating_mul(BLOCK_BYTES))?;
        Ok(Self { seed, blocks: blocks::from_bytes(bytes) })
    }
}

/// A filter as it is stored.
#[derive(Serialize, Deserialize)]
struct Parts {
    seed: u64,
    blocks: Bytes,
}

impl From<Bloom> for Parts {
    fn from(filter: Bloom) -> Self {
        let mut bytes = Vec::with_capacity(filter.blocks.len() * BLOCK_BYTES);
        blocks::to_bytes(&filter.blocks, |part| bytes.extend_from_slice(part));
        Self { seed: filter.seed, blocks: Bytes(bytes) }
    }
}

impl TryFrom<Parts> for Bloom {
    type Error = DecodeError;

    fn try_from(Parts { seed, blocks: Bytes(bytes) }: Parts) -> Result<Self, DecodeError> {
        let blocks = (bytes.len() / BLOCK_BYTES) as u64;
        let whole = bytes.len().is_multiple_of(BLOCK_BYTES) && (1..=MOST_BLOCKS).contains(&blocks);
        DecodeError::unless(whole, "bytes of blocks", bytes.len())?;
        Ok(Self { seed, blocks: blocks::from_bytes(&bytes) })
    }
}
