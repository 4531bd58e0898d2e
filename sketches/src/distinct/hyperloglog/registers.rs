//! Registers: one byte for each of 2ᵖ parts of the hash space, the highest rank seen in it.

/// How many registers have each value. Ranks reach 61 at most, at precision 4.
pub(super) type Histogram = [u32; 64];

/// Registers come by the power of two, sixteen at least, so chunks of sixteen leave no rest.
const CHUNK: usize = 16;

/// The register of a hash, its top bits, and the rank of the others: one more than the zeros at their end.
#[inline]
pub(super) fn place(hash: u64, precision: u8) -> (usize, u8) {
    let rest = 64 - u32::from(precision);
    // The guard bounds the rank where all the others are zero.
    ((hash >> rest) as usize, (hash | 1 << rest).trailing_zeros() as u8 + 1)
}

/// The highest rank.
pub(super) fn most_rank(precision: u8) -> u8 {
    64 - precision + 1
}

#[inline]
pub(super) fn raise(registers: &mut [u8], (register, rank): (usize, u8)) {
    let register = &mut registers[register];
    // Seldom, so the branch is foreseen and nothing waits for the memory.
    if *register < rank {
        *register = rank;
    }
}

pub(super) fn merge(ours: &mut [u8], theirs: &[u8]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours = (*ours).max(*theirs);
    }
}

const VALUE_BITS: u32 = 6;

/// A register and its value in 32 bits: 18 and 6 of them.
#[inline]
pub(super) fn logged(register: usize, value: u8) -> u32 {
    (register as u32) << VALUE_BITS | u32::from(value)
}

/// What was [logged].
#[inline]
pub(super) fn unlogged(entry: u32) -> (usize, u8) {
    ((entry >> VALUE_BITS) as usize, (entry & ((1 << VALUE_BITS) - 1)) as u8)
}

/// The histogram of registers.
pub(super) fn histogram(registers: &[u8]) -> Histogram {
    let mut lanes = Lanes::default();
    registers.chunks_exact(CHUNK).for_each(|chunk| lanes.count(chunk));
    lanes.sum()
}

/// The histogram of two sets of registers merged.
pub(super) fn histogram_of_both(ours: &[u8], theirs: &[u8]) -> Histogram {
    let (mut lanes, mut both) = (Lanes::default(), [0; CHUNK]);
    for (ours, theirs) in ours.chunks_exact(CHUNK).zip(theirs.chunks_exact(CHUNK)) {
        for ((both, ours), theirs) in both.iter_mut().zip(ours).zip(theirs) {
            *both = (*ours).max(*theirs);
        }
        lanes.count(&both);
    }
    lanes.sum()
}

/// Four histograms: neighbours that are equal, as most are, need not wait for each other.
struct Lanes([Histogram; 4]);

impl Default for Lanes {
    fn default() -> Self {
        Self([[0; 64]; 4])
    }
}

impl Lanes {
    #[inline]
    fn count(&mut self, chunk: &[u8]) {
        for four in chunk.chunks_exact(4) {
            for (lane, value) in self.0.iter_mut().zip(four) {
                lane[usize::from(value % 64)] += 1;
            }
        }
    }

    fn sum(&self) -> Histogram {
        std::array::from_fn(|value| self.0.iter().map(|lane| lane[value]).sum())
    }
}
