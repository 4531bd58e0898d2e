//! Tokens: what the registers of any precision need of a hash, in 32 bits.

use crate::error::DecodeError;

/// The set of tokens of a small sketch.
///
/// An open-addressing table in ascending order: a token belongs into the slot at its share of the table, and stands
/// there or, with no empty slot between, further on. So a table is read, filled and merged front to back, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    /// 0 is an empty slot.
    slots: Vec<u32>,
    len: usize,
    /// The first so many slots are shared out; the others are for tokens that those push on.
    homes: usize,
    /// How many tokens the table may have: three for four slots.
    room: usize,
}

const INDEX_BITS: u32 = 24;
const RANK_BITS: u32 = 6;
/// The bits of a hash between the index and the two of the place.
const REST_BITS: u32 = 38;
const FIRST_SLOTS: usize = 8;
/// Two different hashes give the same token with a probability of one in this.
pub(super) const TOKEN_SPACE: f64 = 3.0 * (1_u32 << (INDEX_BITS + 2)) as f64;

/// Spreads tokens anew: those of one partition may share the bits that their hashes have in common. Odd, so that it can
/// be taken back.
const SPREAD: u32 = 0x9e37_79b1;
const GATHER: u32 = inverse(SPREAD);

/// The inverse of an odd number modulo 2³², by Newton's steps: each doubles the bits that are right, three at first.
const fn inverse(odd: u32) -> u32 {
    let mut x = odd;
    let mut bits = 3;
    while bits < 32 {
        x = x.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(x)));
        bits *= 2;
    }
    x
}

/// The top and the last bits of a hash, and the zeros between, plus one.
#[inline]
pub(super) fn token(hash: u64) -> u32 {
    let index = (hash >> (64 - INDEX_BITS)) as u32;
    let place = hash as u32 & 3;
    let rank = ((hash >> 2) | (1 << REST_BITS)).trailing_zeros() + 1;
    ((((index << 2) | place) << RANK_BITS) | rank).wrapping_mul(SPREAD)
}

/// A hash that has this token: it falls on registers as all of them do.
#[inline]
pub(super) fn hash(token: u32) -> u64 {
    let token = token.wrapping_mul(GATHER);
    let (index, place, rank) = (token >> (2 + RANK_BITS), (token >> RANK_BITS) & 3, rank(token));
    let one = (1_u64 << (rank + 1)) & ((1 << (REST_BITS + 2)) - 1);
    (u64::from(index) << (64 - INDEX_BITS)) | one | u64::from(place)
}

fn rank(gathered: u32) -> u32 {
    gathered & ((1 << RANK_BITS) - 1)
}

/// Whether hashes can have this token.
fn is_possible(token: u32) -> bool {
    (1..=REST_BITS + 1).contains(&rank(token.wrapping_mul(GATHER)))
}

impl Tokens {
    /// The most tokens whose table is no larger than so many registers.
    pub(super) const fn most(registers: usize) -> usize {
        registers / 4 * 3
    }

    /// A set of ascending tokens, from outside.
    pub(super) fn checked(tokens: &[u32]) -> Result<Self, DecodeError> {
        let mut before = 0;
        for &token in tokens {
            DecodeError::unless(is_possible(token), "token", token)?;
            DecodeError::unless(before < token, "token out of order", token)?;
            before = token;
        }
        Ok(Self::of(tokens))
    }

    /// A set of ascending tokens.
    pub(super) fn of(tokens: &[u32]) -> Self {
        Self::with_room(tokens.len()).filled(tokens)
    }

    /// Fills an empty table, which has room, with ascending tokens; zeros are passed over.
    fn filled(mut self, tokens: &[u32]) -> Self {
        let mut next = 0;
        // Without a branch on what is a token: a zero goes where the next one may go, too.
        for &token in tokens {
            let slot = self.home(token).max(next);
            self.spare(slot);
            self.slots[slot] = token;
            self.len += usize::from(token != 0);
            next = slot + usize::from(token != 0);
        }
        self
    }

    /// An empty set whose table has room for so many tokens: three of four slots may be taken.
    pub(super) fn with_room(tokens: usize) -> Self {
        let slots = tokens.div_ceil(3).saturating_mul(4).next_power_of_two().max(FIRST_SLOTS);
        let homes = slots - (slots / 8).min(8);
        Self { slots: vec![0; slots], len: 0, homes, room: slots / 4 * 3 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The tokens, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().copied().filter(|&token| token != 0)
    }

    /// The tokens, ascending.
    pub(super) fn to_vec(&self) -> Vec<u32> {
        let mut tokens = vec![0; self.len + 1];
        let mut len = 0;
        // Without a branch on what is in a slot.
        for &token in &self.slots {
            tokens[len] = token;
            len += usize::from(token != 0);
        }
        tokens.truncate(len);
        tokens
    }

    /// Adds a token; false if it was there. [Room](Self::make_room) is made by the caller, who may rather give up the
    /// table.
    #[inline]
    pub(super) fn insert(&mut self, token: u32) -> bool {
        if self.slots.is_empty() {
            *self = Self::with_room(1);
        }
        let slot = self.find(token);
        let found = self.slots.get(slot).copied().unwrap_or(0);
        if found == token {
            return false;
        }
        self.len += 1;
        self.spare(slot);
        if found != 0 {
            let run = self.slots[slot..].iter().position(|&token| token == 0);
            let end = run.map_or(self.slots.len(), |run| slot + run);
            self.spare(end);
            self.slots.copy_within(slot..end, slot + 1);
        }
        self.slots[slot] = token;
        true
    }

    pub(super) fn contains(&self, token: u32) -> bool {
        !self.slots.is_empty() && self.slots.get(self.find(token)) == Some(&token)
    }

    /// The slot where a token stands or would have to.
    #[inline]
    fn find(&self, token: u32) -> usize {
        let mut slot = self.home(token);
        while let Some(&found) = self.slots.get(slot)
            && found != 0
            && found < token
        {
            slot += 1;
        }
        slot
    }

    #[inline]
    fn home(&self, token: u32) -> usize {
        ((u64::from(token) * self.homes as u64) >> 32) as usize
    }

    /// Makes sure that there is this slot, the last or the next.
    #[inline]
    fn spare(&mut self, slot: usize) {
        if slot >= self.slots.len() {
            let more = self.slots.len() / 8 + 1;
            self.slots.reserve_exact(more);
            self.slots.resize(slot + more, 0);
        }
    }

    /// Takes out tokens, which ascend.
    pub(super) fn remove(&mut self, tokens: &[u32]) {
        let mut left = self.to_vec();
        left.retain(|token| tokens.binary_search(token).is_err());
        *self = Self::of(&left);
    }

    /// Doubles the table if more than three of four slots are taken.
    #[inline]
    pub(super) fn make_room(&mut self) {
        if self.len > self.room {
            *self = Self::with_room(self.len).filled(&self.slots);
        }
    }

    /// Gives back what the table has too much.
    pub(super) fn fit(&mut self) {
        let fitting = Self::with_room(self.len);
        if fitting.room < self.room {
            *self = fitting.filled(&self.slots);
        }
    }

    /// The tokens of both, ascending.
    pub(super) fn union(&self, other: &Self) -> Vec<u32> {
        let (ours, theirs) = (self.to_vec(), other.to_vec());
        let (mut i, mut j, mut len) = (0, 0, 0);
        let mut union = vec![0; ours.len() + theirs.len()];
        // Without a branch on which is first.
        while i < ours.len() && j < theirs.len() {
            let (a, b) = (ours[i], theirs[j]);
            union[len] = a.min(b);
            i += usize::from(a <= b);
            j += usize::from(b <= a);
            len += 1;
        }
        union.truncate(len);
        union.extend_from_slice(&ours[i..]);
        union.extend_from_slice(&theirs[j..]);
        union
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::distinct::exaloglog::registers::place;
    use crate::hash::PortableHash;

    #[test]
    fn tokens_fall_on_registers_as_their_hashes_do() {
        // Every number of zeros in the middle and at either end.
        for zeros in 0..64 {
            for i in 0..50_u64 {
                let item = i.portable_hash(zeros);
                for given in
                    [item, item << zeros, item >> zeros, (item << zeros) | (i % 4), item & !(u64::MAX >> 22 >> zeros)]
                {
                    let token = token(given);
                    assert!(is_possible(token) && token != 0);
                    assert_eq!(super::token(hash(token)), token);
                    for precision in 4..=18 {
                        assert_eq!(place(given, precision), place(hash(token), precision), "{given:x}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_is_a_set() {
        for (most, distinct) in [(100, 20), (800, 400), (3_000, 100_000)] {
            let (mut table, mut set) = (Tokens::default(), BTreeSet::new());
            for i in 0..most {
                let token = token((i % distinct).portable_hash(most));
                assert_eq!(table.contains(token), set.contains(&token));
                assert_eq!(table.insert(token), set.insert(token));
                table.make_room();
            }
            let sorted: Vec<u32> = set.iter().copied().collect();
            assert_eq!((table.to_vec(), table.len()), (sorted.clone(), sorted.len()));
            assert!(table.iter().eq(sorted.iter().copied()));
            assert!(table.heap_bytes() <= 11 * table.len().max(3) + 8, "{} for {}", table.heap_bytes(), table.len());
            let (one, two) = (Tokens::of(&sorted[..sorted.len() / 2]), Tokens::of(&sorted[sorted.len() / 3..]));
            assert_eq!(one.union(&two), sorted);
            table.remove(&sorted[5..]);
            assert_eq!(table.to_vec(), &sorted[..5]);
            let mut roomy = Tokens::with_room(5_000);
            sorted.iter().rev().for_each(|&token| assert!(roomy.insert(token)));
            roomy.fit();
            assert_eq!((roomy.to_vec(), roomy.heap_bytes()), (sorted.clone(), Tokens::of(&sorted).heap_bytes()));
        }
    }

    #[test]
    fn tokens_of_the_last_slot_push_on_past_the_end() {
        let highest = (0..).map(|i| u32::MAX - i).filter(|&token| is_possible(token));
        let mut tokens: Vec<u32> = highest.take(1_000).collect();
        let mut table = Tokens::default();
        for &token in &tokens {
            assert!(table.insert(token));
            table.make_room();
        }
        tokens.reverse();
        assert_eq!(table.to_vec(), tokens);
        assert_eq!(Tokens::of(&tokens).to_vec(), tokens);
        assert!(tokens.iter().all(|&token| table.contains(token) && !table.insert(token)));
    }

    #[test]
    fn tokens_that_cannot_be_are_refused() {
        let (a, b) = (token(1), token(2));
        assert!(Tokens::checked(&[a.min(b), a.max(b)]).is_ok());
        for wrong in [&[0][..], &[SPREAD.wrapping_mul(40)], &[a.max(b), a.min(b)], &[a, a]] {
            assert!(Tokens::checked(wrong).is_err(), "{wrong:?}");
        }
    }
}
