//! Portable hashing: the same 64 bits on every machine and in every version.
//!
//! Everything stored or merged across processes is hashed here, by XXH3 with a seed, over bytes that do not depend on
//! the machine: integers as eight little-endian bytes (so `5_u32` and `5_u64` are the same item; 128-bit ones as
//! sixteen), text and byte strings as they are. `std::hash::Hash` would not do: it feeds lengths and native widths to the hasher.

use std::net::IpAddr;

use compact_str::CompactString;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The identifier of the hash function in stored images.
pub const HASH_ID: u8 = 1;

/// The seed that summaries use unless told otherwise.
pub const DEFAULT_SEED: u64 = 0x5347_4155_4745;

/// An item with a hash that is the same everywhere.
///
/// ```
/// use streamgauge_sketches::PortableHash;
/// assert_eq!("page".portable_hash(7), String::from("page").portable_hash(7));
/// assert_eq!(5_u8.portable_hash(7), 5_i64.portable_hash(7));
/// assert_eq!("page".portable_hash(0), 0xf20db1776345c402);
/// ```
pub trait PortableHash {
    /// The hash of the item under a seed.
    fn portable_hash(&self, seed: u64) -> u64;
}

/// Hashes a byte string.
#[inline]
pub fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// [`hash_bytes`] of the eight bytes of a number, little end first: the same value in less time.
///
/// Source: the XXH3 section of the xxHash specification, inputs of four to eight bytes.
#[inline]
fn hash_number(number: u64, seed: u64) -> u64 {
    /// Two words of the secret, one over the other.
    const FLIP: u64 = 0x1cad_21f7_2c81_017c ^ 0xdb97_9083_e96d_d4de;
    const PRIME: u64 = 0x9fb2_1c65_1e98_df25;
    const LENGTH: u64 = 8;
    let seed = seed ^ (u64::from((seed as u32).swap_bytes()) << 32);
    let mut hash = number.rotate_left(32) ^ FLIP.wrapping_sub(seed);
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(PRIME);
    hash ^= (hash >> 35) + LENGTH;
    hash = hash.wrapping_mul(PRIME);
    hash ^ (hash >> 28)
}

impl PortableHash for [u8] {
    #[inline]
    fn portable_hash(&self, seed: u64) -> u64 {
        hash_bytes(self, seed)
    }
}

impl PortableHash for str {
    #[inline]
    fn portable_hash(&self, seed: u64) -> u64 {
        hash_bytes(self.as_bytes(), seed)
    }
}

macro_rules! as_text {
    ($($t:ty),*) => {$(
        impl PortableHash for $t {
            fn portable_hash(&self, seed: u64) -> u64 {
                self.as_str().portable_hash(seed)
            }
        }
    )*};
}
as_text!(String, CompactString);

impl PortableHash for Vec<u8> {
    fn portable_hash(&self, seed: u64) -> u64 {
        self.as_slice().portable_hash(seed)
    }
}

impl<const N: usize> PortableHash for [u8; N] {
    fn portable_hash(&self, seed: u64) -> u64 {
        self.as_slice().portable_hash(seed)
    }
}

impl<T: PortableHash + ?Sized> PortableHash for &T {
    fn portable_hash(&self, seed: u64) -> u64 {
        (**self).portable_hash(seed)
    }
}

impl<T: PortableHash + ?Sized> PortableHash for Box<T> {
    fn portable_hash(&self, seed: u64) -> u64 {
        (**self).portable_hash(seed)
    }
}

macro_rules! as_number {
    ($wide:ty: $($t:ty),*) => {$(
        impl PortableHash for $t {
            #[inline]
            fn portable_hash(&self, seed: u64) -> u64 {
                hash_number(<$wide>::from(*self) as u64, seed)
            }
        }
    )*};
}
as_number!(u64: bool, u8, u16, u32, u64);
as_number!(i64: i8, i16, i32, i64);

macro_rules! as_wide_number {
    ($($t:ty),*) => {$(
        impl PortableHash for $t {
            fn portable_hash(&self, seed: u64) -> u64 {
                hash_bytes(&self.to_le_bytes(), seed)
            }
        }
    )*};
}
as_wide_number!(u128, i128);

impl PortableHash for usize {
    #[inline]
    fn portable_hash(&self, seed: u64) -> u64 {
        (*self as u64).portable_hash(seed)
    }
}

impl PortableHash for char {
    fn portable_hash(&self, seed: u64) -> u64 {
        u32::from(*self).portable_hash(seed)
    }
}

impl PortableHash for IpAddr {
    fn portable_hash(&self, seed: u64) -> u64 {
        match self {
            IpAddr::V4(a) => a.octets().portable_hash(seed),
            IpAddr::V6(a) => a.octets().portable_hash(seed),
        }
    }
}

macro_rules! as_tuple {
    ($($t:ident $i:tt),*) => {
        impl<$($t: PortableHash),*> PortableHash for ($($t,)*) {
            fn portable_hash(&self, seed: u64) -> u64 {
                // Each part seeds the next: the parts of ("a", "bc") and ("ab", "c") are told apart.
                let mut hash = seed;
                $(hash = self.$i.portable_hash(hash);)*
                hash
            }
        }
    };
}
as_tuple!(A 0, B 1);
as_tuple!(A 0, B 1, C 2);
as_tuple!(A 0, B 1, C 2, D 3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_frozen() {
        // Reference values of XXH3-64: whoever changes them breaks every stored sketch.
        assert_eq!(hash_bytes(b"", 0), 0x2d06_8005_38d3_94c2);
        assert_eq!(5_u32.portable_hash(7), 0x1a98_283e_f259_1c5b);
        assert_eq!(1_u64.portable_hash(0), 1_u8.portable_hash(0));
        assert_eq!((-1_i32).portable_hash(3), (-1_i64).portable_hash(3));
        assert_ne!(("a", "bc").portable_hash(0), ("ab", "c").portable_hash(0));
        assert_ne!("a".portable_hash(0), "a".portable_hash(1));
    }

    #[test]
    fn numbers_hash_as_their_bytes_do() {
        let mut seed = 0_u64;
        for i in 0..10_000_u64 {
            // Of all magnitudes.
            let number = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed) >> (i % 64);
            assert_eq!(number.portable_hash(seed), hash_bytes(&number.to_le_bytes(), seed), "{number} under {seed}");
            let negative = -(number as i64 >> 1);
            assert_eq!(
                negative.portable_hash(seed),
                hash_bytes(&negative.to_le_bytes(), seed),
                "{negative} under {seed}"
            );
            assert_eq!((number as u16).portable_hash(seed), u64::from(number as u16).portable_hash(seed));
            seed = number.portable_hash(seed) >> (i % 61);
        }
        for edge in [0, 1, u64::MAX, 1 << 32, u64::from(u32::MAX)] {
            for seed in [0, 1, u64::MAX, 1 << 32, DEFAULT_SEED] {
                assert_eq!(edge.portable_hash(seed), hash_bytes(&edge.to_le_bytes(), seed));
            }
        }
        assert_eq!(true.portable_hash(3), 1_u64.portable_hash(3));
        assert_eq!('a'.portable_hash(3), 97_u64.portable_hash(3));
        assert_eq!(5_i128.portable_hash(3), hash_bytes(&5_i128.to_le_bytes(), 3));
    }
}
