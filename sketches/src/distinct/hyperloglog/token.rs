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

/// More tokens than the precision allows: it is time for registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

const FIRST_SLOTS: usize = 8;

/// Smaller tables grow fourfold, so that a hundred tokens are moved 35 times in all; larger ones save the memory.
const GROW_TWOFOLD: usize = 128;

/// How many tokens are put into the table at a time.
const BATCH: usize = 64;

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
        let mut probe = Probe::of(token);
        while let Some(&held) = self.slots.get(probe.slot & (self.slots.len().wrapping_sub(1))) {
            if held == 0 || held == token.0 {
                return held != 0;
            }
            probe.next();
        }
        false
    }

    /// Adds a token. If the set is full then, it holds one token more than it should.
    #[inline]
    pub(super) fn insert(&mut self, token: Token, precision: u8) -> Result<(), Full> {
        if self.slots.is_empty() {
            self.slots = vec![0; FIRST_SLOTS];
        }
        let mask = self.slots.len() - 1;
        let mut probe = Probe::of(token);
        loop {
            let held = &mut self.slots[probe.slot & mask];
            if *held == token.0 {
                return Ok(());
            }
            if *held == 0 {
                *held = token.0;
                self.len += 1;
                return if self.len() > room(self.slots.len()) { self.grow(precision) } else { Ok(()) };
            }
            probe.next();
        }
    }

    /// Adds tokens until the set is full; returns those that were not looked at.
    pub(super) fn insert_all<'a>(&mut self, hashes: &'a [u64], precision: u8) -> Result<(), (Full, &'a [u64])> {
        let mut batch = [0; BATCH];
        let mut rest = hashes;
        while !rest.is_empty() {
            // So many can be new without a new table.
            let fit = (room(self.slots.len()) - self.len()).min(rest.len()).min(BATCH);
            let (now, later) = rest.split_at(fit.max(1));
            rest = later;
            if fit < 2 {
                self.insert(Token::of(now[0]), precision).map_err(|full| (full, rest))?;
                continue;
            }
            for (token, &hash) in batch.iter_mut().zip(now) {
                *token = Token::of(hash).0;
            }
            self.len += put(&mut self.slots, &mut batch[..fit]);
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, precision: u8) -> Result<(), Full> {
        let most = Self::most_slots(precision);
        if self.slots.len() >= most {
            return Err(Full);
        }
        let factor = if self.slots.len() < GROW_TWOFOLD { 4 } else { 2 };
        let mut slots = vec![0; (self.slots.len() * factor).min(most)];
        let mut batch = [0; BATCH];
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

    /// Takes tokens out. Rebuilds the table: without a token, others would no longer be found behind it.
    pub(super) fn remove_all(&mut self, gone: &Self) {
        let mut slots = vec![0; self.slots.len()];
        let mut len = 0;
        for token in self.iter().filter(|&token| !gone.contains(token)) {
            len += put(&mut slots, &mut [token.0]);
        }
        *self = Self { slots, len };
    }
}

/// How many tokens a table may hold: at least one slot stays empty, which ends every search.
fn room(slots: usize) -> usize {
    slots / 8 * 7
}

/// Where a token may be: one slot after another, in growing steps, which come to all slots.
struct Probe {
    slot: usize,
    step: usize,
}

impl Probe {
    #[inline]
    fn of(token: Token) -> Self {
        // Spread anew: a partition's tokens may share the bits that their hashes have in common.
        Self { slot: (token.0.wrapping_mul(0x9e37_79b1) >> 8) as usize, step: 0 }
    }

    #[inline]
    fn next(&mut self) {
        self.step += 1;
        self.slot += self.step;
    }
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
            let slot = &mut slots[(Probe::of(Token(token)).slot + beyond) & mask];
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
