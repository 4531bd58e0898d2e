//! The classic Bloom filter: the fewest bits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::occupancy::{Occupancy, common};
use super::overwritten::Overwritten;
use super::stored::Bytes;
use super::{MOST_BITS, Membership, check_rate, mix, place, wrong_items};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactDistinct, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::key::Key;
use crate::summary::{Absorb, Hashed, Items, Merge, Summary, Undo, UndoLog, absorb_hashed};

/// Whether an item was seen: the classic Bloom filter, which needs the fewest bits.
///
/// | | |
/// |---|---|
/// | answers | whether an item may have been absorbed; how many different ones were |
/// | memory | for n items at rate p: 1.44 · log₂(1/p) · n bits; at 1 %: 9.6 · n, at 0.1 %: 14.4 · n |
/// | absorb, ask, merge | O(probes), O(probes), O(bits) |
/// | guarantee | never a false "no"; a false "yes" at the rate it was made for, up to so many different items |
/// | merged | the same to the bit as one filter of everything, in any order |
///
/// It reads as itself: ask it through [`Membership`]. An item sets `probes` bits anywhere: each is a cache miss of its
/// own once the filter is larger than the cache. [`Bloom`](super::Bloom) is several times faster for a tenth more bits
/// at 1 %: take this one where filters are stored or sent.
///
/// Not for forgetting an item, for listing the items, for sampled or fading streams, nor for more items than it was
/// made for: at twice as many, 1 % has become 16 %. Whoever knows the seed and chooses the items can make any item a
/// false "yes".
///
/// Sources: Bloom, *Space/Time Trade-offs in Hash Coding with Allowable Errors*, 1970; the number of items after
/// Swamidass, Baldi, *Mathematical Correction for Fingerprint Similarity Measures*, 2007.
///
/// ```
/// use streamgauge_sketches::{Absorb, ClassicBloom, Membership, Summary};
/// let mut seen = ClassicBloom::for_items(100_000, 0.01)?;
/// assert_eq!(seen.probes(), 7);
/// assert!(seen.memory_bytes() < 120_000);
/// (0..100_000_u32).for_each(|user| seen.absorb(&user));
/// assert!((0..100_000_u32).all(|user| seen.contains(&user)));
/// let strangers = (100_000..200_000_u32).filter(|user| seen.contains(user)).count();
/// assert!(strangers < 1_100, "{strangers} of 100,000");
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct ClassicBloom {
    seed: u64,
    probes: u8,
    words: Vec<u64>,
}

const MOST_PROBES: u32 = 32;

impl ClassicBloom {
    /// The smallest filter that holds so many different items at this false-positive rate.
    ///
    /// # Errors
    /// [`ParameterError`] unless the rate lies in 10⁻⁹..1 and the items need no more than 2³⁶ bits.
    pub fn for_items(items: u64, false_positive_rate: f64) -> Result<Self, ParameterError> {
        check_rate(Self::NAME, false_positive_rate)?;
        let best = -false_positive_rate.log2();
        // The bits for a number of probes; the best number is one of the two whole ones about log₂(1/p).
        let bits = |probes: f64| -probes * items as f64 / (-(false_positive_rate.ln() / probes).exp()).ln_1p();
        let (fewer, more) = (best.floor().max(1.0), best.ceil().max(1.0));
        let probes = if bits(fewer) <= bits(more) { fewer } else { more };
        let bits = bits(probes).ceil();
        if items == 0 || bits > MOST_BITS as f64 {
            return Err(wrong_items(Self::NAME, items));
        }
        Self::new(bits as u64, probes as u32)
    }

    /// A filter of so many bits, rounded up to a multiple of 64, in which an item sets so many.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 2³⁶ bits and 1 to 32 probes.
    pub fn new(bits: u64, probes: u32) -> Result<Self, ParameterError> {
        let wrong =
            |parameter, allowed, value: String| ParameterError { summary: Self::NAME, parameter, allowed, value };
        if !(1..=MOST_BITS).contains(&bits) {
            return Err(wrong("bits", "1 to 2^36", bits.to_string()));
        }
        if !(1..=MOST_PROBES).contains(&probes) {
            return Err(wrong("probes", "1 to 32", probes.to_string()));
        }
        Ok(Self { seed: DEFAULT_SEED, probes: probes as u8, words: vec![0; bits.div_ceil(64) as usize] })
    }

    /// The same filter, empty, under another hash seed.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.words.fill(0);
        self
    }

    /// The number of bits.
    pub fn bits(&self) -> u64 {
        self.words.len() as u64 * 64
    }

    /// The number of bits that an item sets.
    pub fn probes(&self) -> u32 {
        self.probes.into()
    }

    /// How many items two filters have in common, by inclusion and exclusion. O(bits).
    ///
    /// The interval holds with at least 95 %, and is wide: its width is about that of [`items`](Membership::items) of
    /// the larger filter, so it says little about few common items of large filters.
    ///
    /// # Errors
    /// [`Mismatch`] if the filters could not be merged.
    pub fn intersection(&self, other: &Self) -> Result<Estimate, Mismatch> {
        self.compatible(other)?;
        let union = self.words.iter().zip(&other.words).map(|(a, b)| u64::from((a | b).count_ones())).sum();
        Ok(common(self.occupancy(), [self.ones(), other.ones()], union, self.method()))
    }

    /// Where the bits of an item are: the high bits of a multiplicative generator that starts with its hash.
    #[inline(always)]
    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let (n, mut state) = (self.words.len() * 64, mix(mix(hash)));
        (0..self.probes).map(move |_| {
            let place = place(state, n);
            state = state.wrapping_mul(0xd134_2543_de82_ef95);
            (place / 64, 1 << (place % 64))
        })
    }

    fn ones(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn occupancy(&self) -> Occupancy {
        Occupancy::Bits { bits: self.bits() as f64, probes: self.probes.into() }
    }

    fn method(&self) -> Method {
        Method::new(Family::ClassicBloom, self.probes())
    }
}

impl fmt::Debug for ClassicBloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bits, probes, fill) = (self.bits(), self.probes, self.fill() * 100.0);
        write!(f, "ClassicBloom({bits} bits, {probes} probes, {fill:.1} % of bits set)")
    }
}

impl Membership for ClassicBloom {
    #[inline]
    fn contains_hash(&self, hash: u64) -> bool {
        self.places(hash).all(|(word, bit)| self.words[word] & bit != 0)
    }

    fn items(&self) -> Estimate {
        self.occupancy().estimate(self.ones(), Z95, self.method())
    }

    fn fill(&self) -> f64 {
        self.ones() as f64 / self.bits() as f64
    }

    fn false_positive_rate(&self) -> f64 {
        self.fill().powi(self.probes.into())
    }
}

impl Summary for ClassicBloom {
    type Reading = Self;

    const NAME: &'static str = "ClassicBloom";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.words.capacity() * size_of::<u64>()
    }
}

impl Hashed for ClassicBloom {
    fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        for (word, bit) in self.places(hash) {
            self.words[word] |= bit;
        }
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for ClassicBloom {
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

impl Merge for ClassicBloom {
    type Window = UndoLog<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "bits", &self.bits(), &other.bits())?;
        Mismatch::check(Self::NAME, "probes", &self.probes, &other.probes)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.words.iter_mut().zip(&other.words).for_each(|(ours, theirs)| *ours |= theirs);
        Ok(())
    }

    fn read_merged(&self, other: &Self) -> Result<Self, Mismatch> {
        let mut merged = self.clone();
        merged.merge(other)?;
        Ok(merged)
    }
}

/// What merging a [`ClassicBloom`] overwrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassicBloomOverwritten(Overwritten<u64>);

impl Undo for ClassicBloom {
    type Overwritten = ClassicBloomOverwritten;

    fn merge_logged(&mut self, other: &Self) -> Result<ClassicBloomOverwritten, Mismatch> {
        self.compatible(other)?;
        Ok(ClassicBloomOverwritten(Overwritten::merge(&mut self.words, &other.words, |a, b| a | b)))
    }

    fn undo(&mut self, overwritten: ClassicBloomOverwritten) {
        overwritten.0.undo(&mut self.words);
    }

    fn overwritten_bytes(overwritten: &ClassicBloomOverwritten) -> usize {
        overwritten.0.bytes()
    }
}

impl Codec for ClassicBloom {
    const FAMILY: Family = Family::ClassicBloom;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.seed
    }

    fn encode(&self, out: &mut Writer) {
        out.u8(self.probes);
        out.u64(self.bits());
        self.words.iter().for_each(|&word| out.u64(word));
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let probes = content.u8("probes")?;
        let bits = content.u64("bits")?;
        let whole = bits.is_multiple_of(64) && (64..=MOST_BITS).contains(&bits);
        DecodeError::unless(whole, "number of bits", bits)?;
        let words = content.bytes("bits", (bits / 8) as usize)?;
        Parts { seed, probes, words: Bytes(words.to_vec()) }.try_into()
    }
}

/// A filter as it is stored.
#[derive(Serialize, Deserialize)]
struct Parts {
    seed: u64,
    probes: u8,
    words: Bytes,
}

impl From<ClassicBloom> for Parts {
    fn from(filter: ClassicBloom) -> Self {
        let words = filter.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Self { seed: filter.seed, probes: filter.probes, words: Bytes(words) }
    }
}

impl TryFrom<Parts> for ClassicBloom {
    type Error = DecodeError;

    fn try_from(Parts { seed, probes, words: Bytes(bytes) }: Parts) -> Result<Self, DecodeError> {
        DecodeError::unless((1..=MOST_PROBES).contains(&probes.into()), "probes", probes)?;
        let (words, rest) = bytes.as_chunks();
        let whole = rest.is_empty() && (1..=MOST_BITS / 64).contains(&(words.len() as u64));
        DecodeError::unless(whole, "bytes of bits", bytes.len())?;
        Ok(Self { seed, probes, words: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }
}
