//! ExaLogLog: the number of different items, in half the memory of a HyperLogLog of byte registers.

mod estimator;
mod image;
mod registers;
mod tokens;
mod undo;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use self::estimator::{Estimated, estimate, standard_error};
use self::registers::{join, raise};
use self::tokens::{TOKEN_SPACE, Tokens, token};
pub use self::undo::Overwritten;
use crate::error::{Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactDistinct, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::key::Key;
use crate::summary::{Absorb, Hashed, Items, Merge, Summary, UndoLog, absorb_hashed};

/// The number of different items, within 0.344/√2ᵖ (one standard error): HyperLogLog's successor.
///
/// | | |
/// |---|---|
/// | answers | how many distinct items |
/// | memory | 4 · 2ᵖ bytes; while that is less, 5–11 bytes per distinct item |
/// | absorb, merge, read | O(1), O(2ᵖ), O(2ᵖ) |
/// | guarantee | the interval holds with 95 %; sparse sketches are exact but for hash collisions |
/// | merged | the same to the bit as one sketch of everything, in any order |
///
/// At the same error it takes 56 % less memory than HyperLogLog with a byte per register, and 41 % less than one with
/// six bits. A register of 32 bits holds the highest *update value* that fell on it and which of the 24 below did too
/// (the parameters t = 2 and d = 24 of the paper); the estimate is the number of items that makes the registers most
/// likely. Intervals are as wide as the registers are informative: narrower for few items than for many.
///
/// Small sketches keep 32-bit tokens of the hashes (26 bits as they are, and a count of zeros); a sketch whose token table would need
/// more than 4 · 2ᵖ bytes becomes registers.
///
/// **When not to use it.** Where sketches are exchanged with other systems, which know HyperLogLog. Where readings are
/// as frequent as items: one takes some microseconds. Otherwise as for [`HyperLogLog`](crate::HyperLogLog): below some
/// hundred thousand items a plain set is exact and affordable; it forgets, scales and fades as little.
///
/// Source: Ertl, *ExaLogLog: Space-Efficient and Practical Approximate Distinct Counting up to the Exa-Scale*,
/// arXiv:2402.13726, 2024.
///
/// ```
/// use streamgauge_sketches::{Absorb, ExaLogLog, Summary};
/// let mut hosts = ExaLogLog::with_error(0.01)?;
/// for i in 0..1_000_000_u32 {
///     hosts.absorb(&(i % 50_000));
/// }
/// assert_eq!((hosts.precision(), hosts.memory_bytes() / 1024), (11, 8));
/// let hosts = hosts.read();
/// assert_eq!(hosts.contract(), "ExaLogLog p=11, ±1.2 % at 95 %");
/// assert!(hosts.contains(50_000.0), "{hosts}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "image::Parts", into = "image::Parts")]
pub struct ExaLogLog {
    precision: u8,
    seed: u64,
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    /// Until the table of tokens would be larger than the registers.
    Sparse(Tokens),
    /// One register for each of 2ᵖ parts of the hash space.
    Dense(Vec<u32>),
}

impl ExaLogLog {
    /// The default precision: ±2.1 % at 95 % in 4 KiB.
    pub const DEFAULT_PRECISION: u8 = 10;

    const PRECISIONS: RangeInclusive<u8> = 4..=18;

    /// A sketch of 2ᵖ registers.
    ///
    /// # Errors
    /// [`ParameterError`] unless the precision lies in 4..=18.
    pub fn with_precision(precision: u8) -> Result<Self, ParameterError> {
        if !Self::PRECISIONS.contains(&precision) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "precision",
                allowed: "4 to 18",
                value: precision.to_string(),
            });
        }
        Ok(Self { precision, seed: DEFAULT_SEED, store: Store::default() })
    }

    /// The smallest sketch with this relative standard error or a lower one: 0.01 gives precision 11, 8 KiB.
    ///
    /// # Errors
    /// [`ParameterError`] unless some precision in 4..=18 has that error, which is 0.0861 to 0.000673.
    pub fn with_error(error: f64) -> Result<Self, ParameterError> {
        match Self::PRECISIONS.into_iter().find(|&precision| standard_error(precision) <= error) {
            Some(precision) => Self::with_precision(precision),
            None => Err(ParameterError {
                summary: Self::NAME,
                parameter: "relative standard error",
                allowed: "at least 0.000673",
                value: error.to_string(),
            }),
        }
    }

    /// The same sketch, empty, under another hash seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, store: Store::default(), ..self }
    }

    /// The precision p.
    pub fn precision(&self) -> u8 {
        self.precision
    }

    fn insert_token(&mut self, token: u32) {
        let most = Tokens::most(1 << self.precision);
        match &mut self.store {
            Store::Dense(registers) => raise(registers, self.precision, tokens::hash(token)),
            Store::Sparse(tokens) => {
                if tokens.insert(token) && tokens.len() > most {
                    self.store = Store::Dense(registers_of(self.precision, tokens.iter()));
                } else {
                    tokens.make_room();
                }
            }
        }
    }

    /// The estimate of a sparse sketch: tokens, and the collisions that are to be expected among them.
    fn read_tokens(&self, tokens: f64) -> Estimate {
        let collisions = tokens * tokens / (2.0 * TOKEN_SPACE);
        // Below one collision in twenty sketches, "none" holds at 95 %.
        if collisions < 0.05 {
            return self.within(tokens, tokens, tokens);
        }
        // Of a Poisson number, with half a collision more to either side for want of fractions.
        let value = tokens + collisions;
        let spread = Z95 * collisions.sqrt() + 0.5;
        self.within(value, (value - spread).max(tokens), value + spread)
    }

    fn read_registers(&self, registers: &[u32]) -> Estimate {
        let Estimated { items, variance, least } = estimate(registers, self.precision);
        let error = Z95 * variance.sqrt();
        self.within(items, (items / (1.0 + error)).max(least.min(items)), items / (1.0 - error).max(0.0))
    }

    fn within(&self, value: f64, lower: f64, upper: f64) -> Estimate {
        Estimate::within(value, lower, upper, 0.95, Method::new(Family::ExaLogLog, self.precision.into()))
    }
}

impl Default for ExaLogLog {
    fn default() -> Self {
        Self { precision: Self::DEFAULT_PRECISION, seed: DEFAULT_SEED, store: Store::default() }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::Sparse(Tokens::default())
    }
}

fn registers_of(precision: u8, tokens: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut registers = vec![0; 1 << precision];
    tokens.for_each(|token| raise(&mut registers, precision, tokens::hash(token)));
    registers
}

impl Summary for ExaLogLog {
    type Reading = Estimate;

    const NAME: &'static str = "ExaLogLog";

    fn read(&self) -> Estimate {
        match &self.store {
            Store::Sparse(tokens) => self.read_tokens(tokens.len() as f64),
            Store::Dense(registers) => self.read_registers(registers),
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.store {
                Store::Sparse(tokens) => tokens.heap_bytes(),
                Store::Dense(registers) => registers.capacity() * size_of::<u32>(),
            }
    }
}

impl Hashed for ExaLogLog {
    fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        match &mut self.store {
            Store::Dense(registers) => raise(registers, self.precision, hash),
            Store::Sparse(_) => self.insert_token(token(hash)),
        }
    }

    fn absorb_hashes(&mut self, hashes: &[u64]) {
        // Many at once into an empty sketch: the table need not grow for each.
        let is_first = matches!(&self.store, Store::Sparse(tokens) if tokens.len() == 0);
        if is_first && hashes.len() > 1 {
            self.store = Store::Sparse(Tokens::with_room(hashes.len().min(Tokens::most(1 << self.precision))));
        }
        for (i, &hash) in hashes.iter().enumerate() {
            if let Store::Dense(registers) = &mut self.store {
                hashes[i..].iter().for_each(|&hash| raise(registers, self.precision, hash));
                return;
            }
            self.insert_token(token(hash));
        }
        if let (true, Store::Sparse(tokens)) = (is_first, &mut self.store) {
            tokens.fit();
        }
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for ExaLogLog {
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

impl Merge for ExaLogLog {
    type Window = UndoLog<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "precision", &self.precision, &other.precision)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        match (&mut self.store, &other.store) {
            (Store::Sparse(ours), Store::Sparse(theirs)) if theirs.len() > ours.len() / 8 => {
                let union = ours.union(theirs);
                self.store = match union.len() > Tokens::most(1 << self.precision) {
                    true => Store::Dense(registers_of(self.precision, union.into_iter())),
                    false => Store::Sparse(Tokens::of(&union)),
                };
            }
            (_, Store::Sparse(theirs)) => theirs.iter().for_each(|token| self.insert_token(token)),
            (Store::Dense(ours), Store::Dense(theirs)) => {
                ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours = join(*ours, *theirs));
            }
            (Store::Sparse(ours), Store::Dense(theirs)) => {
                let mut registers = theirs.clone();
                ours.iter().for_each(|token| raise(&mut registers, self.precision, tokens::hash(token)));
                self.store = Store::Dense(registers);
            }
        }
        Ok(())
    }
}
