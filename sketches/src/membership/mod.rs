//! Seen before? Sets in a few bits an item: never a false "no", now and then a false "yes".
//!
//! | filter | bits an item at 1 % | an operation touches | take it |
//! |---|---|---|---|
//! | [`Bloom`] | 10.5 | one cache line | as a rule |
//! | [`ClassicBloom`] | 9.6 | a cache line for each of 7 probes | where bits count more than time: to store, to send |
//! | [`ScalableBloom`] | 15 to 46, as it grows | one cache line for each of its stages | where nobody knows how many items will come |
//!
//! All of them read as themselves and are asked through [`Membership`]. [`ExactDistinct`](crate::ExactDistinct) is the
//! exact answer.

mod blocks;
mod bloom;
mod classic;
mod occupancy;
mod overwritten;
mod scalable;
mod simd;
mod stored;

pub use bloom::{Bloom, BloomOverwritten};
pub use classic::{ClassicBloom, ClassicBloomOverwritten};
pub use scalable::{ScalableBloom, ScalableBloomOverwritten};

use crate::error::ParameterError;
use crate::estimate::Estimate;
use crate::hash::PortableHash;
use crate::summary::{Hashed, Items};

/// No filter is larger: 8 GiB.
const MOST_BITS: u64 = 1 << 36;

/// How many hashes are computed before memory is touched.
const BATCH: usize = 128;

/// A set that can be asked whether an item is in it. It says yes to all items that were absorbed, and to others at its
/// [false-positive rate](Self::false_positive_rate).
///
/// ```
/// use streamgauge_sketches::{Absorb, Bloom, Membership};
/// let mut seen = Bloom::for_items(1_000, 0.01)?;
/// seen.absorb_all(["ada", "grace"]);
/// assert!(seen.contains("ada") && seen.contains("grace") && !seen.contains("alan"));
/// assert_eq!(seen.contains_all(["alan", "grace", "edsger"]), [false, true, false]);
/// assert_eq!(seen.items().value, 2.0);
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
pub trait Membership: Hashed {
    /// Whether the item with this hash may have been absorbed. The hash must come from [`PortableHash`] under this
    /// filter's [seed](Hashed::seed) if items are absorbed or asked for here.
    fn contains_hash(&self, hash: u64) -> bool;

    /// Asks for many: appends an answer for each. Faster than one by one, most of all if the filter is larger than the
    /// cache.
    fn contains_hashes(&self, hashes: &[u64], found: &mut Vec<bool>) {
        found.extend(hashes.iter().map(|&hash| self.contains_hash(hash)));
    }

    /// How many different items were absorbed: an interval at 95 %, from the bits that are set. O(bits).
    fn items(&self) -> Estimate;

    /// The share of bits that are set. O(bits).
    fn fill(&self) -> f64;

    /// The probability that an item which was not absorbed is found all the same, as the bits stand now. O(bits).
    fn false_positive_rate(&self) -> f64;

    /// Whether the item may have been absorbed; if not, it was not.
    #[inline]
    fn contains<Q: PortableHash + ?Sized>(&self, item: &Q) -> bool {
        self.contains_hash(item.portable_hash(self.seed()))
    }

    /// Asks for many items: an answer for each, in order.
    fn contains_all<Q: PortableHash + ?Sized>(&self, items: impl Items<Q>) -> Vec<bool> {
        let seed = self.seed();
        let (mut found, mut batch, mut filled) = (Vec::new(), [0; BATCH], 0);
        items.visit_all(|item| {
            batch[filled] = item.portable_hash(seed);
            filled += 1;
            if filled == BATCH {
                self.contains_hashes(&batch, &mut found);
                filled = 0;
            }
        });
        self.contains_hashes(&batch[..filled], &mut found);
        found
    }
}

/// Mixes a hash anew: filters share hashes with other summaries, and with whoever deals items out by their hash. The
/// product is quadratic in the hash, so that evenly spaced numbers in place of hashes come out as random as any.
#[inline(always)]
fn mix(hash: u64) -> u64 {
    let product = u128::from(hash ^ 0x8ebc_6af0_9c88_c6e3) * u128::from(hash.rotate_left(32) ^ 0x5899_65cc_7537_4cc3);
    (product >> 64) as u64 ^ product as u64
}

/// Maps a mixed hash to 0..n evenly, by its high bits.
#[inline(always)]
fn place(mixed: u64, n: usize) -> usize {
    ((u128::from(mixed) * n as u128) >> 64) as usize
}

fn check_rate(summary: &'static str, rate: f64) -> Result<(), ParameterError> {
    if (1e-9..1.0).contains(&rate) {
        return Ok(());
    }
    let (parameter, allowed) = ("false-positive rate", "1e-9 or more and below 1");
    Err(ParameterError { summary, parameter, allowed, value: rate.to_string() })
}

fn wrong_items(summary: &'static str, items: u64) -> ParameterError {
    let (parameter, allowed) = ("items", "1 or more, and few enough for 2^36 bits at that rate");
    ParameterError { summary, parameter, allowed, value: items.to_string() }
}
