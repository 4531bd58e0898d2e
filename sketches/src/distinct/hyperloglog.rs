//! HyperLogLog: the number of different items in a few kilobytes.

use serde::{Deserialize, Serialize};

use super::estimator::{estimate, relative_error, standard_error};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactDistinct, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::key::Key;
use crate::summary::{Absorb, Hashed, Items, Merge, Summary, TwoStacks, absorb_hashed};

/// The number of different items, within 1.04/√2ᵖ (one standard error).
///
/// | | |
/// |---|---|
/// | answers | how many distinct items |
/// | memory | 2ᵖ bytes; while that is less, 5–11 bytes per distinct item |
/// | absorb, merge, read | O(1), O(2ᵖ), O(2ᵖ) |
/// | guarantee | the interval holds with 95 %; sparse sketches are exact but for hash collisions |
/// | merged | the same to the bit as one sketch of everything, in any order |
///
/// Small sketches keep 32-bit tokens of the hashes (26 bits of index, 6 of rank); a sketch whose token table would need
/// more than 2ᵖ bytes becomes registers.
///
/// Sources: Flajolet et al., *HyperLogLog*, 2007; tokens after Heule et al., *HyperLogLog in Practice*, 2013; estimator
/// after Ertl, arXiv:1702.01284.
///
/// ```
/// use streamgauge_sketches::{Absorb, HyperLogLog, Summary};
/// let mut hosts = HyperLogLog::with_error(0.01)?;
/// for i in 0..1_000_000_u32 {
///     hosts.absorb(&(i % 50_000));
/// }
/// let hosts = hosts.read();
/// assert_eq!(hosts.contract(), "HyperLogLog p=14, ±1.6 % at 95 %");
/// assert!(hosts.contains(50_000.0), "{hosts}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct HyperLogLog {
    precision: u8,
    seed: u64,
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    /// An open-addressing set of tokens; 0 is an empty slot.
    Sparse { slots: Vec<u32>, tokens: u32 },
    /// One register for each of 2ᵖ parts of the hash space: the highest rank seen.
    Dense(Vec<u8>),
}

const TOKEN_INDEX_BITS: u32 = 26;
const TOKEN_RANK_BITS: u32 = 6;
const FIRST_SLOTS: usize = 8;

/// Two different hashes give the same token with a probability of one in this.
const TOKEN_SPACE: f64 = 3.0 * (1_u32 << TOKEN_INDEX_BITS) as f64;

impl HyperLogLog {
    /// The default precision: ±3.2 % at 95 % in 4 KiB.
    pub const DEFAULT_PRECISION: u8 = 12;

    /// A sketch of 2ᵖ registers.
    ///
    /// # Errors
    /// [`ParameterError`] unless the precision lies in 4..=18.
    pub fn with_precision(precision: u8) -> Result<Self, ParameterError> {
        if !(4..=18).contains(&precision) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "precision",
                allowed: "4 to 18",
                value: precision.to_string(),
            });
        }
        Ok(Self { precision, seed: DEFAULT_SEED, store: Store::empty(precision) })
    }

    /// The smallest sketch with this relative standard error or a lower one: 0.01 gives precision 14, 16 KiB.
    ///
    /// # Errors
    /// [`ParameterError`] unless some precision in 4..=18 has that error, which is 0.26 to 0.00203.
    pub fn with_error(error: f64) -> Result<Self, ParameterError> {
        let precision = (4..=18).find(|&p| standard_error(p) <= error);
        match precision {
            Some(precision) => Self::with_precision(precision as u8),
            None => Err(ParameterError {
                summary: Self::NAME,
                parameter: "relative standard error",
                allowed: "at least 0.00203",
                value: error.to_string(),
            }),
        }
    }

    /// The same sketch, empty, under another hash seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, store: Store::empty(self.precision), ..self }
    }

    /// The precision p.
    pub fn precision(&self) -> u8 {
        self.precision
    }

    fn insert_token(&mut self, token: u32) {
        match &mut self.store {
            Store::Dense(registers) => raise_by_token(registers, self.precision, token),
            Store::Sparse { slots, tokens } => {
                if !insert_slot(slots, token) {
                    return;
                }
                *tokens += 1;
                if *tokens as usize > slots.len() / 4 * 3 {
                    self.grow();
                }
            }
        }
    }

    /// Doubles the token table, or turns it into registers where those are no larger.
    fn grow(&mut self) {
        let Store::Sparse { slots, .. } = &mut self.store else {
            return;
        };
        let old = std::mem::take(slots);
        let tokens = old.iter().copied().filter(|&t| t != 0);
        if old.len() * 2 * size_of::<u32>() > 1 << self.precision {
            let mut registers = vec![0; 1 << self.precision];
            tokens.for_each(|t| raise_by_token(&mut registers, self.precision, t));
            self.store = Store::Dense(registers);
        } else {
            *slots = vec![0; old.len() * 2];
            for token in tokens {
                insert_slot(slots, token);
            }
        }
    }

    /// The estimate of a sparse sketch: tokens, and the collisions that are to be expected among them.
    fn read_tokens(&self, tokens: f64) -> Estimate {
        let collisions = tokens * tokens / (2.0 * TOKEN_SPACE);
        let method = Method::new(Family::HyperLogLog, self.precision.into());
        // Below one collision in twenty sketches, "none" holds at 95 %.
        if collisions < 0.05 {
            return Estimate::within(tokens, tokens, tokens, 0.95, method);
        }
        let spread = Z95 * collisions.sqrt() + 1.0;
        let value = tokens + collisions;
        Estimate::within(value, tokens, value + spread, 0.95, method)
    }
}

impl Default for HyperLogLog {
    fn default() -> Self {
        Self { precision: Self::DEFAULT_PRECISION, seed: DEFAULT_SEED, store: Store::empty(Self::DEFAULT_PRECISION) }
    }
}

impl Store {
    fn empty(precision: u8) -> Self {
        if FIRST_SLOTS * size_of::<u32>() > 1 << precision {
            return Self::Dense(vec![0; 1 << precision]);
        }
        Self::Sparse { slots: Vec::new(), tokens: 0 }
    }
}

/// The top bits and the rank of the others.
fn token(hash: u64) -> u32 {
    let index = (hash >> (64 - TOKEN_INDEX_BITS)) as u32;
    // The guard bit bounds the rank where all other bits are zero.
    let rest = (hash << TOKEN_INDEX_BITS) | (1 << (TOKEN_INDEX_BITS - 1));
    (index << TOKEN_RANK_BITS) | (rest.leading_zeros() + 1)
}

/// Adds a token; false if it was there. Grows only from nothing to the first slots.
fn insert_slot(slots: &mut Vec<u32>, token: u32) -> bool {
    if slots.is_empty() {
        slots.resize(FIRST_SLOTS, 0);
    }
    let mask = slots.len() - 1;
    // Spread anew: a partition's tokens may share the bits that their hashes have in common.
    let mut slot = (token.wrapping_mul(0x9e37_79b1) >> 8) as usize & mask;
    loop {
        match slots[slot] {
            0 => {
                slots[slot] = token;
                return true;
            }
            held if held == token => return false,
            _ => slot = (slot + 1) & mask,
        }
    }
}

#[inline]
fn raise(registers: &mut [u8], precision: u8, hash: u64) {
    let precision = u32::from(precision);
    let index = (hash >> (64 - precision)) as usize;
    let rest = (hash << precision) | (1 << (precision - 1));
    let rank = rest.leading_zeros() as u8 + 1;
    if registers[index] < rank {
        registers[index] = rank;
    }
}

fn raise_by_token(registers: &mut [u8], precision: u8, token: u32) {
    let between = TOKEN_INDEX_BITS - u32::from(precision);
    let index = token >> TOKEN_RANK_BITS;
    let low = index & ((1 << between) - 1);
    // The rank at this precision counts zeros through the bits that the token's index has and the register's has not.
    let rank = match low {
        0 => between + (token & ((1 << TOKEN_RANK_BITS) - 1)),
        _ => between - low.ilog2(),
    };
    let register = &mut registers[(index >> between) as usize];
    *register = (*register).max(rank as u8);
}

impl Summary for HyperLogLog {
    type Reading = Estimate;

    const NAME: &'static str = "HyperLogLog";

    fn read(&self) -> Estimate {
        match &self.store {
            Store::Sparse { tokens, .. } => self.read_tokens(f64::from(*tokens)),
            Store::Dense(registers) => {
                let mut histogram = [0_u32; 64];
                for &register in registers {
                    histogram[usize::from(register & 63)] += 1;
                }
                let ranks = 64 - usize::from(self.precision) + 2;
                let value = estimate(&histogram[..ranks]);
                let error = relative_error(self.precision.into());
                let method = Method::new(Family::HyperLogLog, self.precision.into());
                Estimate::within(value, value / (1.0 + error), value / (1.0 - error), 0.95, method)
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.store {
                Store::Sparse { slots, .. } => slots.capacity() * size_of::<u32>(),
                Store::Dense(registers) => registers.capacity(),
            }
    }
}

impl Hashed for HyperLogLog {
    fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        match &mut self.store {
            Store::Dense(registers) => raise(registers, self.precision, hash),
            Store::Sparse { .. } => self.insert_token(token(hash)),
        }
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for HyperLogLog {
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

impl Merge for HyperLogLog {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "precision", &self.precision, &other.precision)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        match (&mut self.store, &other.store) {
            (_, Store::Sparse { slots, .. }) => {
                slots.iter().filter(|&&t| t != 0).for_each(|&t| self.insert_token(t));
            }
            (Store::Dense(ours), Store::Dense(theirs)) => {
                for (ours, theirs) in ours.iter_mut().zip(theirs) {
                    *ours = (*ours).max(*theirs);
                }
            }
            (Store::Sparse { slots, .. }, Store::Dense(theirs)) => {
                let mut registers = theirs.clone();
                for &token in slots.iter().filter(|&&t| t != 0) {
                    raise_by_token(&mut registers, self.precision, token);
                }
                self.store = Store::Dense(registers);
            }
        }
        Ok(())
    }
}

impl Codec for HyperLogLog {
    const FAMILY: Family = Family::HyperLogLog;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.seed
    }

    fn encode(&self, out: &mut Writer) {
        let parts = Parts::from(self.clone());
        out.u8(parts.precision);
        match parts.content {
            Content::Tokens(tokens) => {
                out.u8(0);
                out.u32(tokens.len() as u32);
                tokens.iter().for_each(|&t| out.u32(t));
            }
            Content::Registers(registers) => {
                out.u8(1);
                out.bytes(&registers);
            }
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let precision = content.u8("precision")?;
        DecodeError::unless((4..=18).contains(&precision), "precision", precision)?;
        let content = match content.u8("form")? {
            0 => {
                let tokens = content.length("tokens", size_of::<u32>())?;
                Content::Tokens((0..tokens).map(|_| content.u32("token")).collect::<Result<_, _>>()?)
            }
            1 => Content::Registers(content.bytes("registers", 1 << precision)?.to_vec()),
            form => {
                return Err(DecodeError::Value { field: "form", value: form.to_string() });
            }
        };
        Parts { precision, seed, content }.try_into()
    }
}

/// A sketch as it is stored: tokens ascend, so that equal sketches have equal bytes.
#[derive(Serialize, Deserialize)]
struct Parts {
    precision: u8,
    seed: u64,
    content: Content,
}

#[derive(Serialize, Deserialize)]
enum Content {
    Tokens(Vec<u32>),
    Registers(Vec<u8>),
}

impl From<HyperLogLog> for Parts {
    fn from(sketch: HyperLogLog) -> Self {
        let content = match sketch.store {
            Store::Sparse { mut slots, .. } => {
                slots.retain(|&t| t != 0);
                slots.sort_unstable();
                Content::Tokens(slots)
            }
            Store::Dense(registers) => Content::Registers(registers),
        };
        Self { precision: sketch.precision, seed: sketch.seed, content }
    }
}

impl TryFrom<Parts> for HyperLogLog {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { precision, seed, content } = parts;
        let mut sketch = Self::with_precision(precision)
            .map_err(|e| DecodeError::Value { field: "precision", value: e.value })?
            .seeded(seed);
        match content {
            Content::Tokens(tokens) => {
                let most_rank = 64 - TOKEN_INDEX_BITS + 1;
                for token in tokens {
                    let rank = token & ((1 << TOKEN_RANK_BITS) - 1);
                    DecodeError::unless((1..=most_rank).contains(&rank), "token of rank", rank)?;
                    sketch.insert_token(token);
                }
            }
            Content::Registers(registers) => {
                DecodeError::unless(registers.len() == 1 << precision, "registers", registers.len())?;
                let most_rank = 64 - precision + 1;
                let highest = registers.iter().copied().max().unwrap_or(0);
                DecodeError::unless(highest <= most_rank, "register", highest)?;
                sketch.store = Store::Dense(registers);
            }
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(precision: u8, items: std::ops::Range<u64>) -> HyperLogLog {
        let mut sketch = HyperLogLog::with_precision(precision).unwrap();
        items.for_each(|i| sketch.absorb(&i));
        sketch
    }

    #[test]
    fn merging_equals_absorbing_everything() {
        // Sparse with sparse, sparse with dense, dense with sparse, dense with dense.
        for (a, b) in [(100, 100), (100, 5_000), (5_000, 100), (5_000, 9_000), (400, 500)] {
            let mut merged = sketch(12, 0..a);
            merged.merge(&sketch(12, a / 2..a + b)).unwrap();
            assert_eq!(merged.to_bytes(), sketch(12, 0..a + b).to_bytes(), "{a} and {b}");
        }
    }

    #[test]
    fn error_is_within_its_theory() {
        // 100 seeds: the RMSE has a standard error of 7 % of itself; 30 % more is a false alarm in about 10⁵.
        for n in [10_u64, 1_000, 5_000, 20_000, 100_000] {
            let (mut squares, mut inside) = (0.0, 0);
            for seed in 0..100 {
                let mut sketch = HyperLogLog::default().seeded(seed);
                (0..n).for_each(|i| sketch.absorb(&i));
                let estimate = sketch.read();
                squares += (estimate.value / n as f64 - 1.0).powi(2);
                inside += usize::from(estimate.contains(n as f64));
            }
            let rmse = (squares / 100.0_f64).sqrt();
            assert!(rmse < 1.3 * standard_error(12), "n = {n}: RMSE {rmse}");
            // Of 100 intervals at 95 %, 84 or fewer hold with a probability of 4 · 10⁻⁵.
            assert!(inside >= 85, "n = {n}: {inside} of 100 intervals hold");
        }
    }

    #[test]
    fn mismatches_leave_the_receiver_untouched() {
        let mut ours = sketch(12, 0..10);
        let before = ours.to_bytes();
        let error = ours.merge(&sketch(14, 0..10)).unwrap_err();
        assert_eq!(error.to_string(), "cannot merge HyperLogLog of precision 14 into one of precision 12");
        ours.merge(&HyperLogLog::default().seeded(1)).unwrap_err();
        assert_eq!(ours.to_bytes(), before);
    }
}
