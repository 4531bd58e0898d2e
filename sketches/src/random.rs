//! Random numbers that are plain data.

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::hash::{PortableHash, hash_bytes};

/// A stream of random numbers: the hashes of a counter under a seed.
///
/// Two numbers are its whole state, so a summary that draws can be stored, restored and replayed, on any machine and
/// in any version. States that begin with the same seed draw the same numbers until they are [stirred](Self::stir).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draws {
    seed: u64,
    drawn: u64,
}

impl Draws {
    /// The stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.drawn.portable_hash(self.seed)
    }

    /// A number between 0 and 1, neither of the two.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// A number below `n`; 0 if that is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        // A multiple of 2⁻⁶⁴ · n away from even: less than any test could find.
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Mixes in what is known of the data, so that states of one seed over different data draw different numbers.
    #[inline]
    pub fn stir(&mut self, hash: u64) {
        self.seed = hash.portable_hash(self.seed);
    }

    /// Mixes in an item by the bytes it is stored as.
    #[inline]
    pub(crate) fn stir_item<T: Serialize>(&mut self, item: &T) {
        // An item that refuses to be serialized stirs by its size of zero bytes: it cannot be stored either.
        self.stir(postcard::serialize_with_flavor(item, Digest::default()).unwrap_or_default());
    }

    /// Mixes in an item now and then: always while few numbers were drawn, later once for sixteen of them. What comes
    /// next then mostly does not wait for the item to be fetched and hashed.
    #[inline]
    pub(crate) fn stir_sometimes<T: Serialize>(&mut self, item: &T) {
        if self.drawn < 256 || self.drawn.is_multiple_of(16) {
            self.stir_item(item);
        }
    }

    /// Mixes in another stream. The same for either order of the two.
    pub fn join(&mut self, other: &Self) {
        let (a, b) = (self.bits(), other.clone().bits());
        self.seed = a.wrapping_add(b).portable_hash(a ^ b);
        self.drawn = self.drawn.wrapping_add(other.drawn);
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.seed);
        out.u64(self.drawn);
    }

    pub(crate) fn decode(content: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { seed: content.u64("random seed")?, drawn: content.u64("random numbers drawn")? })
    }
}

/// A number between 0 and 1, neither of the two, from random bits.
#[inline]
fn unit(bits: u64) -> f64 {
    // With 53 bits the half would be rounded away, and the highest number up to 1.
    const STEP: f64 = 1.0 / (1_u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * STEP
}

/// Hashes what is serialized into it, without a heap.
struct Digest {
    hash: u64,
    filled: usize,
    block: [u8; 64],
}

impl Default for Digest {
    #[inline]
    fn default() -> Self {
        Self { hash: 0, filled: 0, block: [0; 64] }
    }
}

impl postcard::ser_flavors::Flavor for Digest {
    type Output = u64;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.filled == self.block.len() {
            self.hash = hash_bytes(&self.block, self.hash);
            self.filled = 0;
        }
        self.block[self.filled] = byte;
        self.filled += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        match self.block.get_mut(self.filled..self.filled + bytes.len()) {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.filled += bytes.len();
                Ok(())
            }
            None => bytes.iter().try_for_each(|&byte| self.try_push(byte)),
        }
    }

    #[inline]
    fn finalize(self) -> postcard::Result<u64> {
        Ok(hash_bytes(&self.block[..self.filled], self.hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_even_and_frozen() {
        let mut draws = Draws::new(7);
        let mut tenths = [0_u32; 10];
        (0..100_000).for_each(|_| tenths[draws.below(10) as usize] += 1);
        let chi_square: f64 = tenths.iter().map(|&n| (f64::from(n) - 10_000.0).powi(2) / 10_000.0).sum();
        // 9 degrees of freedom: above 33.7 once in 10⁴ seeds.
        assert!(chi_square < 33.7, "{tenths:?}");
        let mean: f64 = (0..100_000).map(|_| draws.unit()).sum::<f64>() / 100_000.0;
        assert!((mean - 0.5).abs() < 0.0036, "{mean}");
        assert_eq!(Draws::new(7).bits(), 1_u64.portable_hash(7));
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
    }

    #[test]
    fn joining_is_the_same_in_either_order() {
        let (mut a, mut b) = (Draws::new(1), Draws::new(2));
        a.bits();
        let (a_before, b_before) = (a.clone(), b.clone());
        a.join(&b_before);
        b.join(&a_before);
        assert_eq!(a.bits(), b.bits());
    }

    #[test]
    fn items_stir_by_all_their_bytes() {
        let stirred = |item: &str| {
            let mut draws = Draws::new(7);
            draws.stir_item(&item);
            draws.bits()
        };
        let long = "x".repeat(1_000);
        assert_eq!(stirred(&long), stirred(&long));
        assert_ne!(stirred(&long), stirred(&long[1..]));
        assert_ne!(stirred(&long), stirred(&format!("{}y", &long[1..])));
        assert_ne!(stirred(""), stirred("a"));
    }
}
