//! Registers: the highest update value that fell on them, and which of the 24 below it did too.
//!
//! A hash gives the index of a register and an update value. Each four values share a level, and each level is half as
//! likely as the one before:
//!
//! ```text
//! hash      | index, p bits | … level: zeros after the last one | place in the level, 2 bits |
//! value     4 · level + place + 1
//! register  | highest value u, 8 bits | u−1 was here | u−2 | … | u−24 |
//! ```
//!
//! An empty register is 0. Value 0 counts as always having been here, so that a register follows from the set of its
//! values alone.

/// How many values below the highest a register remembers.
pub(super) const HISTORY: u32 = 24;

/// Four values share a level.
pub(super) const PLACE_BITS: u32 = 2;

const HISTORY_BITS: u32 = (1 << HISTORY) - 1;

/// The number of levels at a precision: the zeros of the rest of the hash, none to all.
pub(super) fn levels(precision: u8) -> u32 {
    64 - u32::from(precision) - PLACE_BITS + 1
}

/// The highest update value that a register holds; 0 if it is empty.
#[inline]
pub(super) fn highest(register: u32) -> u32 {
    register >> HISTORY
}

/// The values that were here: bit 24 for the highest, bit 23 for the one below …
#[inline]
pub(super) fn seen(register: u32) -> u32 {
    (register & HISTORY_BITS) | (1 << HISTORY)
}

/// The register of the values of both.
#[inline]
pub(super) fn join(a: u32, b: u32) -> u32 {
    let (high, low) = (a.max(b), a.min(b));
    let behind = highest(high) - highest(low);
    high | ((seen(low) >> behind.min(31)) & HISTORY_BITS)
}

/// The index of the register on which a hash falls, and its update value.
#[inline]
pub(super) fn place(hash: u64, precision: u8) -> (usize, u32) {
    let index_at = 64 - u32::from(precision);
    // The guard bit ends the zeros where the index begins.
    let level = ((hash | (1 << index_at)) >> PLACE_BITS).trailing_zeros();
    let place = hash as u32 & ((1 << PLACE_BITS) - 1);
    ((hash >> index_at) as usize, (level << PLACE_BITS) + place + 1)
}

/// The register after this value too fell on it.
#[inline]
pub(super) fn with(register: u32, value: u32) -> u32 {
    join(register, join(value << HISTORY, 0))
}

/// Lets a hash fall on its register.
#[inline]
pub(super) fn raise(registers: &mut [u32], precision: u8, hash: u64) {
    let (index, value) = place(hash, precision);
    let register = &mut registers[index];
    // Most values are too low to have a bit, or were here before. Shifted by one, so that those too low find a bit set.
    let bit = (value + HISTORY + 1).saturating_sub(highest(*register)).min(63);
    let was_here = ((u64::from(seen(*register)) << 1) | 1) >> bit;
    if was_here & 1 == 0 {
        *register = with(*register, value);
    }
}

/// Whether hashes can make this register.
pub(super) fn is_possible(register: u32, precision: u8) -> bool {
    let highest = highest(register);
    match highest {
        0 => register == 0,
        // Value 0 was here, and nothing is below.
        1..=HISTORY => (register & HISTORY_BITS).trailing_zeros() == HISTORY - highest,
        _ => highest <= levels(precision) << PLACE_BITS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The register of a set of values, from its definition.
    fn of(values: &[u32]) -> u32 {
        let highest = values.iter().copied().max().unwrap_or(0);
        let below = (1..=HISTORY)
            .filter(|back| highest.checked_sub(*back).is_some_and(|value| value == 0 || values.contains(&value)));
        (highest << HISTORY) | below.map(|back| 1 << (HISTORY - back)).sum::<u32>()
    }

    #[test]
    fn registers_follow_from_the_set_of_their_values() {
        let mut state = 1_u64;
        let mut draw = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as u32 % below) as usize
        };
        for round in 0..2_000 {
            let spread = [3, 30, 60, 230][round % 4];
            let values: Vec<u32> = (0..draw(20)).map(|_| 1 + draw(spread) as u32).collect();
            let (one, two) = values.split_at(draw(values.len() as u32 + 1));
            assert_eq!(join(of(one), of(two)), of(&values), "{one:?} and {two:?}");
            let single = values.iter().fold(0, |register, value| with(register, *value));
            assert_eq!(single, of(&values), "{values:?}");
            assert!(is_possible(of(&values), 4), "{values:?}");
        }
    }

    #[test]
    fn the_ends_of_the_hash_are_the_ends_of_the_values() {
        for precision in 4..=18 {
            let mut registers = vec![0; 1 << precision];
            raise(&mut registers, precision, 0);
            raise(&mut registers, precision, u64::MAX);
            assert_eq!(highest(registers[0]), (levels(precision) << PLACE_BITS) - 3);
            assert_eq!(highest(registers[(1 << precision) - 1]), 4);
            raise(&mut registers, precision, 3);
            assert_eq!(highest(registers[0]), levels(precision) << PLACE_BITS);
            assert!(registers.iter().all(|&r| is_possible(r, precision)));
        }
        assert!(!is_possible(1, 4) && !is_possible(2 << HISTORY, 4) && !is_possible(237 << HISTORY, 4));
    }
}
