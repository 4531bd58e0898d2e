//! HyperLogLog: the number of different items in a few kilobytes.

mod codec;
mod halves;
mod overlap;
mod recent;
mod registers;
mod token;
mod window;

use serde::{Deserialize, Serialize};

use self::codec::Parts;
use self::registers::{Histogram, histogram, histogram_of_both, most_rank, place, raise};
use self::token::{Full, Token, Tokens};
pub use self::window::SlidingHyperLogLog;
use super::estimator::{estimate, spread, standard_error};
use crate::error::{Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactDistinct, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::key::Key;
use crate::summary::{Absorb, Hashed, Items, Merge, Summary, absorb_hashed};

/// The number of different items, within 1.04/√2ᵖ (one standard error).
///
/// | | |
/// |---|---|
/// | answers | how many distinct items; of two sketches also how many they have [in common](Self::intersection) |
/// | memory | 2ᵖ bytes; while that is less, 4–9 bytes per distinct item |
/// | absorb, merge, read | O(1), O(2ᵖ), O(2ᵖ) |
/// | guarantee | the interval holds with 95 %; sparse sketches are exact but for hash collisions |
/// | merged | the same to the bit as one sketch of everything, in any order |
/// | slides by | a log of what merges overwrite |
///
/// Small sketches keep 32-bit tokens of the hashes (26 bits of index, 6 of rank), first in a list and then in a table; a
/// sketch whose table would need more than 2ᵖ bytes becomes registers: at precision 12 with the 897th item.
///
/// **Not for** an exact answer above some hundred items, for forgetting an item, for sampled or fading streams. Who knows
/// the seed and chooses the items can make the estimate as wrong as he likes: give such streams a [seed](Self::seeded) of
/// their own.
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
    /// While there are few.
    Sparse(Tokens),
    /// One register for each of 2ᵖ parts of the hash space: the highest rank seen.
    Dense(Vec<u8>),
}

impl Default for Store {
    fn default() -> Self {
        Self::Sparse(Tokens::default())
    }
}

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
        Ok(Self { precision, seed: DEFAULT_SEED, store: Store::default() })
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
        Self { seed, store: Store::default(), ..self }
    }

    /// The precision p.
    pub fn precision(&self) -> u8 {
        self.precision
    }

    #[inline(never)] // So that all that is left of it where registers are raised is a branch.
    fn insert(&mut self, token: Token) {
        match &mut self.store {
            Store::Dense(registers) => raise(registers, token.register(self.precision)),
            Store::Sparse(tokens) => {
                if tokens.insert(token, self.precision).is_err() {
                    let mut registers = dense(tokens, vec![0; 1 << self.precision], self.precision);
                    raise(&mut registers, token.register(self.precision));
                    self.store = Store::Dense(registers);
                }
            }
        }
    }

    /// The estimate of a sparse sketch: tokens, and the collisions that are to be expected among them.
    fn read_tokens(&self, tokens: f64) -> Estimate {
        let collisions = tokens * tokens / (2.0 * Token::SPACE);
        // Below one collision in twenty sketches, "none" holds at 95 %.
        if collisions < 0.05 {
            return Estimate::within(tokens, tokens, tokens, 0.95, self.method());
        }
        let spread = Z95 * collisions.sqrt() + 1.0;
        let value = tokens + collisions;
        Estimate::within(value, tokens, value + spread, 0.95, self.method())
    }

    fn read_registers(&self, histogram: &Histogram) -> Estimate {
        let value = estimate(&histogram[..=usize::from(most_rank(self.precision))]);
        let error = Z95 * spread(value, self.precision.into());
        Estimate::within(value, value / (1.0 + error), value / (1.0 - error), 0.95, self.method())
    }

    fn read_by_merging(&self, other: &Self) -> Result<Estimate, Mismatch> {
        let mut merged = self.clone();
        merged.merge(other)?;
        Ok(merged.read())
    }

    fn method(&self) -> Method {
        Method::new(Family::HyperLogLog, self.precision.into())
    }
}

impl Default for HyperLogLog {
    fn default() -> Self {
        Self { precision: Self::DEFAULT_PRECISION, seed: DEFAULT_SEED, store: Store::default() }
    }
}

/// Raises registers by tokens.
fn dense(tokens: &Tokens, mut registers: Vec<u8>, precision: u8) -> Vec<u8> {
    tokens.iter().for_each(|token| raise(&mut registers, token.register(precision)));
    registers
}

impl Summary for HyperLogLog {
    type Reading = Estimate;

    const NAME: &'static str = "HyperLogLog";

    fn read(&self) -> Estimate {
        match &self.store {
            Store::Sparse(tokens) => self.read_tokens(tokens.len() as f64),
            Store::Dense(registers) => self.read_registers(&histogram(registers)),
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.store {
                Store::Sparse(tokens) => tokens.bytes(),
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
            Store::Dense(registers) => raise(registers, place(hash, self.precision)),
            Store::Sparse(_) => self.insert(Token::of(hash)),
        }
    }

    fn absorb_hashes(&mut self, mut hashes: &[u64]) {
        if let Store::Sparse(tokens) = &mut self.store {
            let Err((Full, rest)) = tokens.insert_all(hashes, self.precision) else {
                return;
            };
            self.store = Store::Dense(dense(tokens, vec![0; 1 << self.precision], self.precision));
            hashes = rest;
        }
        if let Store::Dense(registers) = &mut self.store {
            hashes.iter().for_each(|&hash| raise(registers, place(hash, self.precision)));
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
        match &mut self.store {
            // Nothing is gained by a block of hashes where all memory is near.
            Store::Dense(registers) => {
                let (seed, precision) = (self.seed, self.precision);
                items.visit_all(|item| raise(registers, place(item.portable_hash(seed), precision)));
            }
            Store::Sparse(_) => absorb_hashed(self, items),
        }
    }

    fn exact(&self) -> Self::Exact {
        ExactDistinct::default()
    }
}

impl Merge for HyperLogLog {
    type Window = SlidingHyperLogLog;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "precision", &self.precision, &other.precision)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        match (&mut self.store, &other.store) {
            (_, Store::Sparse(theirs)) => theirs.iter().for_each(|token| self.insert(token)),
            (Store::Dense(ours), Store::Dense(theirs)) => registers::merge(ours, theirs),
            (Store::Sparse(ours), Store::Dense(theirs)) => {
                self.store = Store::Dense(dense(ours, theirs.clone(), self.precision));
            }
        }
        Ok(())
    }

    fn read_merged(&self, other: &Self) -> Result<Estimate, Mismatch> {
        self.compatible(other)?;
        match (&self.store, &other.store) {
            (Store::Dense(ours), Store::Dense(theirs)) => Ok(self.read_registers(&histogram_of_both(ours, theirs))),
            (Store::Sparse(ours), Store::Sparse(theirs)) => {
                let all = ours.len() + theirs.iter().filter(|&token| !ours.contains(token)).count();
                match all <= Tokens::most(self.precision) {
                    true => Ok(self.read_tokens(all as f64)),
                    false => self.read_by_merging(other),
                }
            }
            (Store::Sparse(_), Store::Dense(_)) => other.read_by_merging(self),
            (Store::Dense(_), Store::Sparse(_)) => self.read_by_merging(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

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
