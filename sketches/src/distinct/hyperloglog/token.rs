//! A hash in 32 bits, and a table of such.

/// A hash shortened to the top 26 bits, and the rank of the other 38: one more than the zeros at their end.
///
/// Any precision up to 18 finds in it the register and the rank that the whole hash has there. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token(u32);

const INDEX_BITS: u32 = 26;
const RANK_BITS: u32 = 6;

/// The rank of 38 zeros.
const MOST_RANK: u32 = 64 - INDEX_BITS + 1;

impl Token {
    /// Two different hashes give the same token with a probability of one in this: 2²⁶ indices, and 1 / Σ 4⁻ʳ = 3.
    pub(super) const SPACE: f64 = 3.0 * (1_u32 << INDEX_BITS) as f64;

    #[inline]
    pub(super) fn of(hash: u64) -> Self {
        let index = (hash >> (64 - INDEX_BITS)) as u32;
        // The guard bounds the rank where all 38 bits are zero.
        let rank = (hash | 1 << (64 - INDEX_BITS)).trailing_zeros() + 1;
        Self(index << RANK_BITS | rank)
    }

    /// A token as it is stored, if it is one.
    pub(super) fn from_bits(bits: u32) -> Option<Self> {
        (1..=MOST_RANK).contains(&(bits & ((1 << RANK_BITS) - 1))).then_some(Self(bits))
    }

    #[inline]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// The register of 2ᵖ that the token raises, and the rank it raises it to.
    #[inline]
    pub(super) fn register(self, precision: u8) -> (usize, u8) {
        let between = INDEX_BITS - u32::from(precision);
        let index = self.0 >> RANK_BITS;
        let mut rank = self.0 & ((1 << RANK_BITS) - 1);
        if rank == MOST_RANK {
            // Nothing but zeros so far: the register has fewer bits of index, so the zeros may go on there.
            rank += (index | 1 << between).trailing_zeros();
        }
        ((index >> between) as usize, rank as u8)
    }
}

/// A set of tokens: an open-addressing table where 0 is an empty slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    slots: Vec<u32>,
    len: u32,
}

/// What inserting a token came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    Known,
    New,
    /// New, and more than the precision allows: it is time for registers.
    Full,
}

const FIRST_SLOTS: usize = 16;

/// Small tables grow fourfold, so that a hundred tokens are moved sixty times in all; larger ones save the memory.
const GROW_FOURFOLD: usize = 256;

impl Tokens {
    /// The slots of the largest table: as many bytes as the registers have. 0 where the first table would have more.
    fn most_slots(precision: u8) -> usize {
        let slots = (1 << precision) / size_of::<u32>();
        if slots < FIRST_SLOTS { 0 } else { slots }
    }

    /// How many tokens a sketch may hold. It depends on nothing else, so that equal sketches have equal forms.
    pub(super) fn most(precision: u8) -> usize {
        room(Self::most_slots(precision))
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    /// In no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Token> {
        self.slots.iter().filter(|&&slot| slot != 0).map(|&slot| Token(slot))
    }

    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut tokens: Vec<u32> = self.iter().map(Token::bits).collect();
        tokens.sort_unstable();
        tokens
    }

    pub(super) fn contains(&self, token: Token) -> bool {
        !self.slots.is_empty() && self.slots[find(&self.slots, token)] != 0
    }

    #[inline]
    pub(super) fn insert(&mut self, token: Token, precision: u8) -> Inserted {
        if self.slots.is_empty() {
            self.slots = vec![0; FIRST_SLOTS];
        }
        let slot = find(&self.slots, token);
        if self.slots[slot] != 0 {
            return Inserted::Known;
        }
        self.slots[slot] = token.0;
        self.len += 1;
        if self.len() > room(self.slots.len()) { self.grow(precision) } else { Inserted::New }
    }

    #[cold]
    fn grow(&mut self, precision: u8) -> Inserted {
        let most = Self::most_slots(precision);
        if self.slots.len() >= most {
            return Inserted::Full;
        }
        let factor = if self.slots.len() < GROW_FOURFOLD { 4 } else { 2 };
        let mut slots = vec![0; (self.slots.len() * factor).min(most)];
        for token in self.iter() {
            let slot = find(&slots, token);
            slots[slot] = token.0;
        }
        self.slots = slots;
        Inserted::New
    }

    /// Takes tokens out. Rebuilds the table: without a token, others would no longer be found behind it.
    pub(super) fn remove_all(&mut self, gone: &Self, precision: u8) {
        let mut left = Self::default();
        for token in self.iter().filter(|&token| !gone.contains(token)) {
            left.insert(token, precision);
        }
        *self = left;
    }
}

/// How many tokens a table may hold: at least one slot stays empty, which ends every search.
fn room(slots: usize) -> usize {
    slots / 4 * 3
}

/// The slot of a token: where it is, or where it would be.
#[inline]
fn find(slots: &[u32], token: Token) -> usize {
    let mask = slots.len() - 1;
    // Spread anew: a partition's tokens may share the bits that their hashes have in common.
    let mut slot = (token.0.wrapping_mul(0x9e37_79b1) >> 8) as usize & mask;
    while slots[slot] != 0 && slots[slot] != token.0 {
        slot = (slot + 1) & mask;
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::super::registers::place;
    use super::*;

    #[test]
    fn tokens_hold_what_every_precision_needs() {
        let mut hash = 1_u64;
        for i in 0..20_000 {
            hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(i);
            // Among them some whose last bits are all zero, up to the whole hash.
            let hash = hash.checked_shl(i as u32 % 65).unwrap_or(0);
            for precision in 4..=18 {
                assert_eq!(Token::of(hash).register(precision), place(hash, precision), "{hash:x} at {precision}");
            }
            assert_eq!(Token::from_bits(Token::of(hash).bits()), Some(Token::of(hash)));
        }
    }
}
