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

/// Merges; returns the positions and old values of the registers that rose, [logged].
pub(super) fn merge_logged(ours: &mut [u8], theirs: &[u8]) -> Vec<u32> {
    let mut rose = Vec::new();
    for (at, (ours, theirs)) in ours.chunks_exact_mut(CHUNK).zip(theirs.chunks_exact(CHUNK)).enumerate() {
        // A look at all sixteen at once: later in a window nothing rises in most.
        let rises = ours.iter().zip(theirs).fold(0, |rises, (ours, theirs)| rises | u8::from(ours < theirs));
        if rises == 0 {
            continue;
        }
        // Without a branch on a single register, which nobody can foresee.
        let (mut log, mut filled) = ([0; CHUNK], 0);
        for (i, (ours, theirs)) in ours.iter_mut().zip(theirs).enumerate() {
            log[filled % CHUNK] = logged(at * CHUNK + i, *ours);
            filled += usize::from(*ours < *theirs);
            *ours = (*ours).max(*theirs);
        }
        rose.extend_from_slice(&log[..filled]);
    }
    rose
}

const VALUE_BITS: u32 = 6;

/// A register and its value in 32 bits: 18 and 6 of them.
pub(super) fn logged(register: usize, value: u8) -> u32 {
    (register as u32) << VALUE_BITS | u32::from(value)
}

/// Takes back what was logged, latest first. What is none of these registers is left out.
pub(super) fn undo(registers: &mut [u8], rose: &[u32]) {
    for &logged in rose.iter().rev() {
        if let Some(register) = registers.get_mut((logged >> VALUE_BITS) as usize) {
            // The old value was the lower one, whatever a damaged log says.
            *register = (*register).min((logged & ((1 << VALUE_BITS) - 1)) as u8);
        }
    }
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
