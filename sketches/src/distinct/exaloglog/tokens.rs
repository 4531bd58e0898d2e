//! Tokens: what the registers of any precision need of a hash, in 32 bits.

use crate::error::DecodeError;

/// The set of tokens of a small sketch: open addressing, 0 is an empty slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    slots: Vec<u32>,
    len: usize,
}

const INDEX_BITS: u32 = 26;
const RANK_BITS: u32 = 6;
const REST_BITS: u32 = 64 - INDEX_BITS;
const FIRST_SLOTS: usize = 8;

/// Two different hashes give the same token with a probability of one in this.
pub(super) const TOKEN_SPACE: f64 = 3.0 * (1_u32 << INDEX_BITS) as f64;

/// The top bits of a hash, and the zeros that follow them, plus one.
#[inline]
pub(super) fn token(hash: u64) -> u32 {
    let index = (hash >> REST_BITS) as u32;
    let rest = (hash << INDEX_BITS) | (1 << (INDEX_BITS - 1));
    (index << RANK_BITS) | (rest.leading_zeros() + 1)
}

/// A hash that has this token: it falls on registers as all of them do.
#[inline]
pub(super) fn hash(token: u32) -> u64 {
    let (index, rank) = (token >> RANK_BITS, token & ((1 << RANK_BITS) - 1));
    (u64::from(index) << REST_BITS) | ((1 << REST_BITS) >> rank)
}

/// Whether hashes can have this token.
pub(super) fn is_possible(token: u32) -> bool {
    (1..=REST_BITS + 1).contains(&(token & ((1 << RANK_BITS) - 1)))
}

impl Tokens {
    /// The most tokens whose table is no larger than so many registers.
    pub(super) const fn most(registers: usize) -> usize {
        registers / 4 * 3
    }

    /// A set of ascending tokens.
    pub(super) fn new(tokens: &[u32]) -> Result<Self, DecodeError> {
        let mut set = Self::default();
        // Hashes fill a table with some five probes each; tokens chosen to collide could take minutes.
        let mut probes = 64 * tokens.len() + 4_096;
        let mut before = 0;
        for &token in tokens {
            DecodeError::unless(is_possible(token), "token", token)?;
            DecodeError::unless(before < token, "token out of order", token)?;
            before = token;
            let steps = set.insert(token).unwrap_or(0);
            probes = probes.saturating_sub(steps);
            DecodeError::unless(probes > 0, "token chosen to collide", token)?;
            set.make_room();
        }
        Ok(set)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().copied().filter(|&token| token != 0)
    }

    /// The tokens, ascending.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut tokens: Vec<u32> = self.iter().collect();
        tokens.sort_unstable();
        tokens
    }

    /// Adds a token, and says how many slots of others it passed; nothing if it was there. [Room](Self::make_room) is
    /// made by the caller, who may rather give up the table.
    #[inline]
    pub(super) fn insert(&mut self, token: u32) -> Option<usize> {
        if self.slots.is_empty() {
            self.slots = vec![0; FIRST_SLOTS];
        }
        let (slot, passed) = self.find(token);
        if self.slots[slot] == token {
            return None;
        }
        self.slots[slot] = token;
        self.len += 1;
        Some(passed)
    }

    pub(super) fn contains(&self, token: u32) -> bool {
        !self.slots.is_empty() && self.slots[self.find(token).0] == token
    }

    /// The slot of a token, or the empty one where it belongs; and how many of others were passed.
    #[inline]
    fn find(&self, token: u32) -> (usize, usize) {
        let mask = self.slots.len() - 1;
        // Spread anew: a partition's tokens may share the bits that their hashes have in common.
        let mut slot = (token.wrapping_mul(0x9e37_79b1) >> 8) as usize & mask;
        let mut passed = 0;
        // Ends, since a quarter of the slots is empty.
        while self.slots[slot] != token && self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
            passed += 1;
        }
        (slot, passed)
    }

    /// Takes out tokens, which ascend.
    pub(super) fn remove(&mut self, tokens: &[u32]) {
        let slots = vec![0; self.slots.len()];
        self.refill(slots, |token| tokens.binary_search(&token).is_err());
    }

    /// Doubles the table if more than three of four slots are taken.
    #[inline]
    pub(super) fn make_room(&mut self) {
        if self.len > self.slots.len() / 4 * 3 {
            let slots = vec![0; self.slots.len() * 2];
            self.refill(slots, |_| true);
        }
    }

    fn refill(&mut self, slots: Vec<u32>, keep: impl Fn(u32) -> bool) {
        let old = std::mem::replace(self, Self { slots, len: 0 });
        for token in old.iter().filter(|&token| keep(token)) {
            self.insert(token);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distinct::exaloglog::registers::raise;
    use crate::hash::PortableHash;

    #[test]
    fn tokens_fall_on_registers_as_their_hashes_do() {
        // Every number of zeros, at every precision.
        for zeros in 0..=64 {
            for i in 0..20_u64 {
                let item = i.portable_hash(zeros);
                let given = if zeros == 64 { 0 } else { (item | 1 << 63) >> zeros };
                assert!(is_possible(token(given)));
                assert_eq!(token(hash(token(given))), token(given));
                for precision in 4..=18 {
                    let (mut direct, mut by_token) = (vec![0; 1 << precision], vec![0; 1 << precision]);
                    // The index too is zero where there are many zeros: then try one of another register.
                    for at in [given, given | item << (64 - precision)] {
                        raise(&mut direct, precision, at);
                        raise(&mut by_token, precision, hash(token(at)));
                    }
                    assert!(direct == by_token, "{given:x} at precision {precision}");
                    if precision > 10 && i > 2 {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn tokens_that_cannot_be_are_refused() {
        assert!(Tokens::new(&[65, 66, 128 + 39]).is_ok_and(|set| set.sorted() == [65, 66, 167]));
        for wrong in [&[0][..], &[40], &[64], &[66, 65], &[65, 65]] {
            assert!(Tokens::new(wrong).is_err(), "{wrong:?}");
        }
        // The inverse of the multiplier gives tokens that all belong into one slot.
        let inverse = (0..5).fold(1_u32, |x, _| x.wrapping_mul(2_u32.wrapping_sub(x.wrapping_mul(0x9e37_79b1))));
        let all = (0..1_u32 << 16).map(|i| ((i >> 8 << 24) | (i & 255)).wrapping_mul(inverse));
        let mut tokens: Vec<u32> = all.filter(|&t| is_possible(t)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert!(tokens.len() > 10_000);
        assert!(Tokens::new(&tokens).is_err());
    }
}
