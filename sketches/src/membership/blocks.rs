//! Blocks of 256 bits in which an item sets one bit of each of eight words.

use serde::{Deserialize, Serialize};

use super::{MOST_BITS, mix, place};

/// Half a cache line: aligned, so that no block lies across two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C, align(32))]
pub(super) struct Block(pub(super) [u32; 8]);

pub(super) const BLOCK_BYTES: usize = size_of::<Block>();
pub(super) const MOST_BLOCKS: u64 = MOST_BITS / 256;

/// Odd multipliers, one for each word: the high five bits of the product with the low half of the hash choose the bit.
const SALTS: [u32; 8] = {
    // SplitMix64 from seed 8, made odd.
    let mut salts = [0; 8];
    let (mut i, mut state) = (0, 8_u64);
    while i < salts.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        salts[i] = (z ^ (z >> 31)) as u32 | 1;
        i += 1;
    }
    salts
};

impl Block {
    /// The bits of an item, by its mixed hash.
    #[inline(always)]
    pub(super) fn of(mixed: u64) -> Self {
        let low = mixed as u32;
        Self(SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27)))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Self) -> Self {
        let mut or = self;
        or.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        or
    }

    /// Whether all bits of another are set here.
    #[inline(always)]
    pub(super) fn covers(&self, other: Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |missing, (word, other)| missing | (other & !word)) == 0
    }

    pub(super) fn ones(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The probability that an item that falls into this block is found.
    fn false_positive_rate(&self) -> f64 {
        // A product of whole numbers below 2⁴⁸: the same on every machine, in any order.
        let hits: u64 = self.0.iter().map(|word| u64::from(word.count_ones())).product();
        hits as f64 / (1_u64 << 40) as f64
    }
}

/// Inserts the items with these hashes. No item waits for another, so that the processor fetches the blocks of a dozen
/// at the same time; to fetch them in a loop of its own before has measured slower.
#[inline(always)]
pub(super) fn insert_all(blocks: &mut [Block], hashes: &[u64]) {
    let n = blocks.len();
    for &hash in hashes {
        let mixed = mix(hash);
        let block = &mut blocks[place(mixed, n)];
        *block = block.or(Block::of(mixed));
    }
}

/// Appends whether each of these hashes is there.
#[inline(always)]
pub(super) fn contains_all(blocks: &[Block], hashes: &[u64], found: &mut Vec<bool>) {
    let (n, before) = (blocks.len(), found.len());
    found.resize(before + hashes.len(), false);
    // A loop, not a closure given away: the compiler would not let that use what this function may use.
    for (&hash, found) in hashes.iter().zip(&mut found[before..]) {
        let mixed = mix(hash);
        *found = blocks[place(mixed, n)].covers(Block::of(mixed));
    }
}

pub(super) fn merge(ours: &mut [Block], theirs: &[Block]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        ours.0.iter_mut().zip(&theirs.0).for_each(|(word, theirs)| *word |= theirs);
    }
}

pub(super) fn ones(blocks: &[Block]) -> u64 {
    blocks.iter().map(|block| u64::from(block.ones())).sum()
}

pub(super) fn false_positive_rate(blocks: &[Block]) -> f64 {
    blocks.iter().map(Block::false_positive_rate).sum::<f64>() / blocks.len() as f64
}

/// The false-positive rate to be expected of so many blocks with so many items.
///
/// The mean of (1 − (31/32)ⁱ)⁸ over the binomial number i of items in the block that is asked, as the sum of the
/// powers that the bracket gives.
pub(super) fn expected_rate(blocks: f64, items: f64) -> f64 {
    let (mut rate, mut binomial, mut miss) = (0.0, 1.0, 1.0);
    for j in 0..=8 {
        let survives = (items * (-(1.0 - miss) / blocks).ln_1p()).exp();
        rate += if j % 2 == 0 { binomial } else { -binomial } * survives;
        binomial *= f64::from(8 - j) / f64::from(j + 1);
        miss *= 31.0 / 32.0;
    }
    rate.clamp(0.0, 1.0)
}

/// The fewest blocks that hold so many items at this rate; none if there would be too many.
pub(super) fn blocks_for(items: u64, rate: f64) -> Option<usize> {
    let (items, mut fewest, mut enough) = (items as f64, 1, MOST_BLOCKS);
    if expected_rate(enough as f64, items) > rate {
        return None;
    }
    while fewest < enough {
        let middle = fewest.midpoint(enough);
        if expected_rate(middle as f64, items) <= rate {
            enough = middle;
        } else {
            fewest = middle + 1;
        }
    }
    Some(enough as usize)
}

pub(super) fn to_bytes(blocks: &[Block], mut out: impl FnMut(&[u8])) {
    blocks.iter().flat_map(|block| block.0).for_each(|word| out(&word.to_le_bytes()));
}

pub(super) fn from_bytes(bytes: &[u8]) -> Vec<Block> {
    let block = |bytes: &[u8]| {
        let mut block = Block::default();
        for (word, bytes) in block.0.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        block
    };
    bytes.chunks_exact(BLOCK_BYTES).map(block).collect()
}
