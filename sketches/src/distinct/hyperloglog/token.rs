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

/// A set of tokens: a list while it is short, then an open-addressing table where 0 is an empty slot.
///
/// A list is searched from end to end, sixteen bytes at a time: up to its length that is as fast as a table, and takes
/// half the memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    /// All nonzero if a list.
    slots: Vec<u32>,
    len: u32,
}

/// More tokens than the precision allows: it is time for registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The longest list. Tables are larger.
const LIST: usize = 128;

/// From so many tokens at a time on, the list is indexed first.
const WORTH_AN_INDEX: usize = 8;

/// How many tokens are put into a table at a time.
const BATCH: usize = 64;

impl Tokens {
    /// The most slots: as many bytes as the registers have.
    fn most_slots(precision: u8) -> usize {
        (1 << precision) / size_of::<u32>()
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

    fn is_list(&self) -> bool {
        self.slots.len() <= LIST
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
        if self.is_list() { in_list(&self.slots, token.0) } else { self.slots[find(&self.slots, token.0)] != 0 }
    }

    /// Adds a token, unless the set is full: then it is left as it was.
    #[inline]
    pub(super) fn insert(&mut self, Token(token): Token, precision: u8) -> Result<(), Full> {
        if self.is_list() {
            if in_list(&self.slots, token) {
                return Ok(());
            }
            if self.len() < room(Self::most_slots(precision).min(LIST)) {
                self.slots.push(token);
                self.len += 1;
                return Ok(());
            }
        } else {
            let slot = find(&self.slots, token);
            if self.slots[slot] != 0 {
                return Ok(());
            }
            if self.len() < room(self.slots.len()) {
                self.slots[slot] = token;
                self.len += 1;
                return Ok(());
            }
        }
        self.grow(precision)?;
        self.insert(Token(token), precision)
    }

    /// Adds the tokens of hashes. When the set is full, it returns the hashes that were not absorbed.
    pub(super) fn insert_all<'a>(&mut self, hashes: &'a [u64], precision: u8) -> Result<(), (Full, &'a [u64])> {
        let mut rest = hashes;
        while let Some((&first, others)) = rest.split_first() {
            // So many can be new without a new table.
            let fit = room(self.slots.len()).saturating_sub(self.len()).min(rest.len()).min(BATCH);
            if self.is_list() && rest.len() >= WORTH_AN_INDEX {
                let taken = self.insert_indexed(rest, precision);
                rest = &rest[taken..];
                if !rest.is_empty() {
                    self.grow(precision).map_err(|full| (full, rest))?;
                }
            } else if !self.is_list() && fit >= WORTH_AN_INDEX {
                let mut batch = [0; BATCH];
                let (now, later) = rest.split_at(fit);
                batch.iter_mut().zip(now).for_each(|(token, &hash)| *token = Token::of(hash).0);
                self.len += put(&mut self.slots, &mut batch[..fit]);
                rest = later;
            } else {
                self.insert(Token::of(first), precision).map_err(|full| (full, rest))?;
                rest = others;
            }
        }
        Ok(())
    }

    /// Adds the tokens of hashes to a list until it is full; returns how many hashes it took.
    fn insert_indexed(&mut self, hashes: &[u64], precision: u8) -> usize {
        /// So large that few tokens meet; so small that clearing it takes no time.
        const INDEX: usize = 8 * LIST;
        let most = room(Self::most_slots(precision).min(LIST));
        let (mut index, mut list, mut len) = ([0_u8; INDEX], [0_u32; LIST], 0);
        // Whether there was room for the token.
        let mut insert = |token: u32| {
            let mut slot = spread(token);
            loop {
                // Positions from one on.
                match usize::from(index[slot % INDEX]) {
                    0 if len == most => return false,
                    0 => {
                        list[len % LIST] = token;
                        len += 1;
                        index[slot % INDEX] = len as u8;
                        return true;
                    }
                    at if list[(at - 1) % LIST] == token => return true,
                    _ => slot += 1,
                }
            }
        };
        self.slots.iter().for_each(|&token| {
            insert(token);
        });
        let taken = hashes.iter().position(|&hash| !insert(Token::of(hash).0)).unwrap_or(hashes.len());
        let new = &list[self.slots.len()..len];
        if self.slots.capacity() < len {
            self.slots.reserve_exact(len.next_power_of_two() - self.slots.len());
        }
        self.slots.extend_from_slice(new);
        self.len = len as u32;
        taken
    }

    /// A list becomes a table, a table one of twice the size.
    #[cold]
    fn grow(&mut self, precision: u8) -> Result<(), Full> {
        let slots = 2 * self.slots.len().max(LIST);
        if slots > Self::most_slots(precision) {
            return Err(Full);
        }
        let (mut slots, mut batch) = (vec![0; slots], [0; BATCH]);
        for some in self.slots.chunks(BATCH) {
            let mut filled = 0;
            for &held in some {
                batch[filled] = held;
                filled += usize::from(held != 0);
            }
            put(&mut slots, &mut batch[..filled]);
        }
        self.slots = slots;
        Ok(())
    }
}

/// How many tokens so many slots may hold. In a table some stay empty, which ends every search.
#[inline]
fn room(slots: usize) -> usize {
    if slots <= LIST { slots } else { slots / 8 * 7 }
}

/// Spread anew: a partition's tokens may share the bits that their hashes have in common.
#[inline]
fn spread(token: u32) -> usize {
    (token.wrapping_mul(0x9e37_79b1) >> 8) as usize
}

/// Whether a list holds a token.
#[inline]
fn in_list(list: &[u32], token: u32) -> bool {
    let (chunks, rest) = list.as_chunks::<16>();
    let found = |some: &[u32]| some.iter().fold(false, |found, &held| found | (held == token));
    chunks.iter().any(|chunk| found(chunk)) || found(rest)
}

/// The slot of a table where a token is, or where it would be: one after another in growing steps, which come to all.
#[inline]
fn find(slots: &[u32], token: u32) -> usize {
    let mask = slots.len() - 1;
    let (mut slot, mut step) = (spread(token) & mask, 0);
    while slots[slot] != 0 && slots[slot] != token {
        step += 1;
        slot = (slot + step) & mask;
    }
    slot
}

/// Puts tokens into a table that has room for all; returns how many are new. Overwrites the tokens.
///
/// All tokens try their first slot, those that find another token there their second, and so on, without a branch that
/// depends on what a slot holds: nobody can foresee that. Equal tokens always try the same slot, one after the other.
fn put(slots: &mut [u32], tokens: &mut [u32]) -> u32 {
    let mask = slots.len() - 1;
    let (mut left, mut new) = (tokens.len(), 0);
    let (mut beyond, mut step) = (0, 0);
    while left > 0 {
        let mut again = 0;
        for at in 0..left {
            let token = tokens[at];
            let slot = &mut slots[(spread(token) + beyond) & mask];
            let (held, empty) = (*slot, *slot == 0);
            *slot = held | (token * u32::from(empty));
            new += u32::from(empty);
            tokens[again] = token;
            again += usize::from(!empty & (held != token));
        }
        left = again;
        step += 1;
        beyond += step;
    }
    new
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
