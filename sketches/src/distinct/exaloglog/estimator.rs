//! The maximum-likelihood estimate of registers, and its variance.
//!
//! Source: Ertl, arXiv:2402.13726. With n items over m registers, whether an update value of probability ρ fell on a
//! register is a coin of probability 1 − exp(−x ρ), x = n/m. The registers tell of α, the sum of ρ over those that did
//! not, and for each ρ = 2⁻ᵉ of the number bₑ of those that did. The likelihood is highest where
//!
//! ```text
//! Σ bₑ g(x 2⁻ᵉ) = α x,   g(y) = y / (exp(y) − 1)
//! ```

use super::registers::{HISTORY, PLACE_BITS, highest, levels, seen};

/// The relative standard error times √m, for many items: the information of a register, summed by its definition.
const ERROR_CONSTANT: f64 = 0.344_437;

/// The relative bias times m, for many items, to first order: Cox and Snell's formula, summed likewise.
const BIAS_CONSTANT: f64 = 0.091_7;

/// The relative standard error for many items, 0.344 / √2ᵖ.
pub(super) fn standard_error(precision: u8) -> f64 {
    ERROR_CONSTANT / f64::from(1_u32 << precision).sqrt()
}

/// What the registers tell of the number of items.
pub(super) struct Estimated {
    pub(super) items: f64,
    /// The variance of that number relative to its square.
    pub(super) variance: f64,
    /// So many items fell on the registers for certain.
    pub(super) least: f64,
}

/// How often which update values fell on registers, as far as they tell.
struct Counts {
    /// α in units of 2⁻⁶⁴ of all registers' probability.
    unseen: u64,
    /// bₑ for e = 3, 4, …
    seen: [u32; 64],
    /// How many e there are.
    len: usize,
}

/// A register tells of seven levels, the last in parts.
const LEVELS_SEEN: usize = 1 + (HISTORY >> PLACE_BITS) as usize;

/// Levels, and those below the lowest that the lowest reach down to.
const BY_LEVEL: usize = 64 + LEVELS_SEEN;

/// After so many registers a lane of 16 bits may be full.
const LANE_FULL: usize = (u16::MAX / 4) as usize;

/// Counts the registers by their highest value, and the values that were here by level.
fn count(registers: &[u32], values: &mut [u32; 256], by_level: &mut [u32; BY_LEVEL]) {
    // For each level of the highest value, the counts of the seven levels from there down in lanes of 16 bits.
    let (mut evens, mut odds) = ([0_u64; 64], [0_u64; 64]);
    for &register in registers {
        let value = highest(register);
        values[value as usize] += 1;
        // An empty register, which saw nothing, counts for level 63: no other does.
        let last = value.wrapping_sub(1);
        let level = ((last >> PLACE_BITS) & 63) as usize;
        // Aligned so that each four bits are a level, and counted in each four, then spread.
        let bits = seen(register) << (last & 3);
        let pairs = bits - ((bits >> 1) & 0x5555_5555);
        let fours = u64::from((pairs & 0x3333_3333) + ((pairs >> 2) & 0x3333_3333));
        evens[level] += (fours & 0x000f_000f) | ((fours & 0x0f00_0f00) << 24);
        odds[level] += ((fours >> 4) & 0x000f_000f) | ((fours & 0xf000_f000) << 20);
    }
    for (level, (even, odd)) in evens.iter().zip(&odds).take(63).enumerate() {
        // The order that spreading gives.
        for (lane, below) in [0, 4, 2, 6].into_iter().enumerate() {
            by_level[level + 1 + below] += (even >> (16 * lane)) as u32 & 0xffff;
            by_level[level + 2 + below] += (odd >> (16 * lane)) as u32 & 0xffff;
        }
    }
}

impl Counts {
    fn new(registers: &[u32], precision: u8) -> Self {
        let mut values = [0_u32; 256];
        // By level; the first entries take what lies below the lowest value.
        let mut by_level = [0; BY_LEVEL];
        for chunk in registers.chunks(LANE_FULL) {
            count(chunk, &mut values, &mut by_level);
        }
        // Two levels, the last and the one before, are of one probability: the hash ends there.
        let len = levels(precision) as usize - 1;
        let mut seen = [0; 64];
        for (level, count) in by_level[LEVELS_SEEN..].iter().take(len + 1).enumerate() {
            seen[level.min(len - 1)] += count;
        }
        // What the registers tell of at all, less what was seen. It wraps to 0 where all is unseen.
        let mut unseen = 0_u64;
        for (value, &count) in values.iter().enumerate() {
            let first = (value as u32).saturating_sub(HISTORY).max(1) - 1;
            let (level, place) = ((first >> PLACE_BITS).min(len as u32), first & 3);
            let of_level = 1_u64 << (len as u32 - (level + 1).min(len as u32));
            let above = if level < len as u32 { 4 * of_level } else { 0 };
            unseen = unseen.wrapping_add(u64::from(count).wrapping_mul(of_level * u64::from(4 - place) + above));
        }
        for (level, &count) in seen[..len].iter().enumerate() {
            unseen = unseen.wrapping_sub(u64::from(count) << (len - 1 - level));
        }
        Self { unseen, seen, len }
    }

    /// Σ b g and Σ b g² exp(y), the information times x², at an x.
    fn sums(&self, used: std::ops::Range<usize>, x: f64) -> (f64, f64) {
        let (mut likelihood, mut information) = (0.0, 0.0);
        let mut y = x / (used.end as f64 + PLACE_BITS as f64).exp2();
        let mut excess = y.exp_m1();
        for &count in self.seen[used].iter().rev() {
            // g = y r and g² exp(y) = y² (r + r²), without overflow.
            let (b, r) = (f64::from(count), 1.0 / excess);
            let g = y * r;
            likelihood += b * g;
            information += b * g * (y + g);
            // exp(2y) − 1 = (exp(y) − 1)(exp(y) + 1)
            y += y;
            excess *= excess + 2.0;
        }
        (likelihood, information)
    }
}

/// The estimate of registers, which must be possible ones.
pub(super) fn estimate(registers: &[u32], precision: u8) -> Estimated {
    let counts = Counts::new(registers, precision);
    let seen = &counts.seen[..counts.len];
    let (Some(first), Some(last)) = (seen.iter().position(|&b| b > 0), seen.iter().rposition(|&b| b > 0)) else {
        return Estimated { items: 0.0, variance: 0.0, least: 0.0 };
    };
    let used = first..last + 1;
    let m = registers.len() as f64;
    // Registers that saw everything tell of no bound: the smallest part of the hash space then counts as unseen.
    let alpha = counts.unseen.max(1) as f64 / (64.0 - f64::from(precision)).exp2();
    let least: f64 = seen.iter().map(|&b| f64::from(b)).sum();
    let weight = used.clone().map(|level| f64::from(seen[level]) / (level as f64 + 3.0).exp2()).sum::<f64>();
    // From g(y) ≥ 1 − y/2 this is at most the root. The difference of the two sides is convex and falls, so that
    // Newton's steps approach the root from there and never pass it.
    let mut x = least / (alpha + 0.5 * weight);
    let mut information = least;
    for _ in 0..100 {
        let (likelihood, at) = counts.sums(used.clone(), x);
        information = at;
        let step = 1.0 / (1.0 - (likelihood - alpha * x) / at);
        // The steps square the error: after one in a million nothing is left. The last one may be a rounding error.
        x *= step.max(1.0);
        if step.is_nan() || step < 1.0 + 1e-6 {
            break;
        }
    }
    // The coins of a fixed number of items vary less than those of a random number: by its variance, that of Poisson.
    let variance = (1.0 / information - 1.0 / (m * x)).max(0.0);
    Estimated { items: m * x / (1.0 + BIAS_CONSTANT / m), variance, least }
}

#[cfg(test)]
mod tests {
    use super::super::registers::raise;
    use super::*;
    use crate::hash::PortableHash;

    /// α and b by their definition.
    fn counts(registers: &[u32], precision: u8) -> (u128, Vec<u32>) {
        let len = 62 - u32::from(precision);
        let (mut unseen, mut counts) = (0_u128, vec![0; len as usize]);
        for &register in registers {
            let top = register >> 24;
            for value in top.saturating_sub(24).max(1)..=4 * (len + 1) {
                let level = ((value - 1) / 4).min(len - 1);
                let was_here = value == top || (value < top && register >> (24 - (top - value)) & 1 == 1);
                match was_here {
                    true => counts[level as usize] += 1,
                    false => unseen += 1 << (len - 1 - level),
                }
            }
        }
        (unseen, counts)
    }

    #[test]
    fn counts_follow_their_definition() {
        for precision in [4, 7, 10, 18] {
            let mut registers = vec![0; 1 << precision];
            for i in 0..100_000_u64 {
                let hash = i.portable_hash(1);
                // Some with many zeros.
                let hash = if i % 100 == 0 { (hash >> (64 - precision) << (64 - precision)) | (i % 7) } else { hash };
                raise(&mut registers, precision, hash);
                if i.is_power_of_two() && precision < 18 || i == 99_999 {
                    let fast = Counts::new(&registers, precision);
                    let (unseen, seen) = counts(&registers, precision);
                    assert_eq!((u128::from(fast.unseen), &fast.seen[..fast.len]), (unseen, &seen[..]));
                }
            }
        }
    }

    #[test]
    fn estimates_end_for_all_registers() {
        for precision in [4, 11, 18] {
            let most = levels(precision) << 2;
            for value in (0..=most).chain([most; 3]) {
                for history in [0, u32::MAX >> 8, 0x0055_5555, 1 << 23] {
                    let below = if value > 24 { history } else { 0 };
                    let mut registers = vec![(value << 24) | below; 1 << precision];
                    registers[0] = most << 24;
                    let Estimated { items, variance, least } = estimate(&registers, precision);
                    assert!(items.is_finite() && variance.is_finite() && items >= 0.0, "{value} {history}");
                    assert!(items >= least * 0.99, "{items} of {least}");
                    if precision == 18 && value > 30 {
                        return;
                    }
                }
            }
        }
    }
}
