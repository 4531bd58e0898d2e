//! The loops over blocks, compiled a second time for processors that have AVX2.
//!
//! The default target of x86-64 has neither eight lanes nor shifts that differ by lane; with them a block takes a
//! third of the time or less. Both forms are the same code, so what they do is the same to the bit.

#![allow(unsafe_code)]

use super::blocks::{self, Block};

/// Whether the second form can run. Looked up once per program, a load and a test from then on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn insert_all_avx2(blocks: &mut [Block], hashes: &[u64]) {
    blocks::insert_all(blocks, hashes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn contains_all_avx2(blocks: &[Block], hashes: &[u64], found: &mut Vec<bool>) {
    blocks::contains_all(blocks, hashes, found);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn insert_avx2(block: &mut Block, mixed: u64) {
    *block = block.or(Block::of(mixed));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn covers_avx2(block: &Block, mixed: u64) -> bool {
    block.covers(Block::of(mixed))
}

/// Inserts the items with these hashes.
pub(super) fn insert_all(blocks: &mut [Block], hashes: &[u64]) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the function is safe but for needing AVX2, which the processor has.
        return unsafe { insert_all_avx2(blocks, hashes) };
    }
    blocks::insert_all(blocks, hashes);
}

/// Appends whether each of these hashes is there.
pub(super) fn contains_all(blocks: &[Block], hashes: &[u64], found: &mut Vec<bool>) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the function is safe but for needing AVX2, which the processor has.
        return unsafe { contains_all_avx2(blocks, hashes, found) };
    }
    blocks::contains_all(blocks, hashes, found);
}

/// Inserts one mixed hash into its block.
#[inline]
pub(super) fn insert(block: &mut Block, mixed: u64) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the function is safe but for needing AVX2, which the processor has.
        return unsafe { insert_avx2(block, mixed) };
    }
    *block = block.or(Block::of(mixed));
}

/// Whether a mixed hash is in its block.
#[inline]
pub(super) fn covers(block: &Block, mixed: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the function is safe but for needing AVX2, which the processor has.
        return unsafe { covers_avx2(block, mixed) };
    }
    block.covers(Block::of(mixed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::PortableHash;
    use crate::membership::{mix, place};

    /// Whatever the processor has, the answers are those of the portable form: of all lengths, hashes and sizes.
    #[test]
    fn both_forms_do_the_same() {
        for round in 0..200_u64 {
            let (size, length) = (1 + round.portable_hash(1) as usize % 300, round.portable_hash(2) as usize % 700);
            let hashes: Vec<u64> = (0..length as u64).map(|i| i.portable_hash(round) >> (i % 60)).collect();
            let (mut portable, mut dispatched) = (vec![Block::default(); size], vec![Block::default(); size]);
            blocks::insert_all(&mut portable, &hashes);
            let half = length / 2;
            insert_all(&mut dispatched, &hashes[..half]);
            for &hash in &hashes[half..] {
                insert(&mut dispatched[place(mix(hash), size)], mix(hash));
            }
            assert_eq!(dispatched, portable, "{size} blocks, {length} hashes");
            let asked: Vec<u64> = (0..500).map(|i: u64| i.portable_hash(round + 7)).chain(hashes).collect();
            let (mut expected, mut found) = (vec![true], vec![true]);
            blocks::contains_all(&portable, &asked, &mut expected);
            contains_all(&dispatched, &asked, &mut found);
            assert_eq!(found, expected, "{size} blocks, {length} hashes");
            let one_by_one = asked.iter().map(|&hash| covers(&dispatched[place(mix(hash), size)], mix(hash)));
            assert!(one_by_one.eq(expected.into_iter().skip(1)), "{size} blocks, {length} hashes");
        }
    }
}
