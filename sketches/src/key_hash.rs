//! The hash of a key: one for the place of the key in a table and for the worker that it belongs to.

use std::hash::{Hash, Hasher};

/// The hash of a key: the same on every machine, and the same for a key and its owned form.
///
/// A few instructions for what most keys are, a number or a short text. No protection against keys that are made to
/// collide, and no part of a stored image: those use [`PortableHash`](crate::PortableHash). The checkpoints of a job keep
/// keys by the part of the state that this hash puts them in: another hash is another format of checkpoints.
///
/// ```
/// use streamgauge_sketches::key_hash;
/// assert_eq!(key_hash("page"), key_hash(&String::from("page")));
/// ```
#[inline]
pub fn key_hash<Q: Hash + ?Sized>(key: &Q) -> u64 {
    let mut hasher = KeyHasher(0);
    key.hash(&mut hasher);
    hasher.0
}

/// Products of 64 by 64 bits, their halves folded, as wyhash does.
struct KeyHasher(u64);

/// What `Hash` writes after a text.
const END_OF_TEXT: u8 = 0xff;

/// Bits without a pattern.
const SALT: [u64; 2] = [0x2d35_8dcc_aa6c_78a5, 0x9e37_79b9_7f4a_7c15];

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ SALT[0]) * u128::from(b ^ SALT[1]);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn four(bytes: &[u8; 4]) -> u64 {
    u32::from_le_bytes(*bytes).into()
}

impl KeyHasher {
    /// Both factors are made of the number: by a constant alone, the numbers of a sequence could meet in few places.
    #[inline]
    fn number(&mut self, n: u64) {
        self.0 = fold(self.0 ^ n, n.rotate_left(32));
    }

    /// More than sixteen bytes: sixteen at a time, the last sixteen at the end.
    #[inline(never)]
    fn long_text(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some((sixteen, more)) = rest.split_first_chunk::<16>() {
            self.ends(sixteen);
            rest = more;
        }
        if let Some(sixteen) = text.last_chunk::<16>() {
            self.ends(sixteen);
        }
    }

    /// The first eight bytes and the last of eight to sixteen.
    #[inline]
    fn ends(&mut self, text: &[u8]) {
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            self.0 = fold(self.0 ^ u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        }
    }
}

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= bytes.len() as u64;
        match bytes {
            [] => self.0 = fold(self.0, 0),
            [first, .., last] if bytes.len() < 4 => {
                let middle = bytes[bytes.len() / 2];
                self.0 = fold(self.0 ^ u64::from(*first), u64::from(middle) << 8 | u64::from(*last));
            }
            [byte] => self.0 = fold(self.0 ^ u64::from(*byte), 0),
            _ if bytes.len() > 16 => self.long_text(bytes),
            _ if bytes.len() >= 8 => self.ends(bytes),
            _ => {
                if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
                    self.0 = fold(self.0 ^ four(first), four(last));
                }
            }
        }
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        // The mark after a text needs no mixing of its own.
        if n == END_OF_TEXT { self.0 ^= u64::from(n) } else { self.number(n.into()) }
    }

    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.number(n.into());
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.number(n.into());
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.number(n);
    }

    #[inline]
    fn write_u128(&mut self, n: u128) {
        self.number(n as u64);
        self.number((n >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        // Not by its own bytes, whose number differs between machines.
        self.number(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_of_all_lengths_differ_by_every_byte() {
        let mut seen = HashSet::new();
        for length in 0..70 {
            let mut text = vec![b'a'; length];
            assert!(seen.insert(key_hash(text.as_slice())));
            for at in 0..length {
                text[at] = b'b';
                assert!(seen.insert(key_hash(text.as_slice())), "byte {at} of {length}");
                text[at] = b'a';
            }
        }
    }

    #[test]
    fn a_text_ends_where_the_next_begins() {
        assert_ne!(key_hash(&("ab", "c")), key_hash(&("a", "bc")));
    }

    /// Workers of another machine or version must agree.
    #[test]
    fn hashes_stay_what_they_are() {
        let of = [key_hash("a"), key_hash("the"), key_hash("page"), key_hash("/index.html"), key_hash(&7_u32)];
        let then = [
            0x3a64_e37c_f30c_2adf,
            0x6123_726c_f9c2_28dc,
            0x12a9_c259_6a28_d8bb,
            0x14f7_7d9d_9179_bd62,
            0xcfec_2840_7e4f_1fb8,
        ];
        assert_eq!(of, then);
        assert_eq!(key_hash(&7_u32), key_hash(&7_u64));
    }
}
