//! Blocks of numbers that are summed together.

/// How many items are summed at once: few enough to stay in the nearest cache.
pub(super) const BLOCK: usize = 256;

/// The fourth powers of numbers beyond this could not be summed.
pub(super) const LIMIT: f64 = 1e70;

/// Items of `N` numbers each, until they are summed.
pub(super) struct Block<const N: usize> {
    numbers: [[f64; BLOCK]; N],
    limit: f64,
    filled: usize,
    ignored: u64,
}

impl<const N: usize> Block<N> {
    /// An empty block that takes numbers up to this magnitude.
    pub(super) fn new(limit: f64) -> Self {
        Self { numbers: [[0.0; BLOCK]; N], limit, filled: 0, ignored: 0 }
    }

    /// Adds an item, unless one of its numbers is out of range. Returns how many there are; a full block must be taken.
    #[inline]
    pub(super) fn push(&mut self, item: [f64; N]) -> usize {
        let at = self.filled % BLOCK;
        let mut in_range = true;
        for (numbers, x) in self.numbers.iter_mut().zip(item) {
            numbers[at] = x;
            // False for a NaN too.
            in_range &= x.abs() <= self.limit;
        }
        self.filled = at + usize::from(in_range);
        self.ignored += u64::from(!in_range);
        self.filled
    }

    /// The items, a slice for each of their numbers. The next one begins a new block.
    #[inline]
    pub(super) fn take(&mut self) -> [&[f64]; N] {
        let filled = std::mem::take(&mut self.filled);
        self.numbers.each_ref().map(|numbers| &numbers[..filled])
    }

    /// How many items were out of range.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored
    }
}

/// Sums of some terms of every item, in lanes: the processor adds several at once, and roundings stay small.
#[inline]
pub(super) fn sums<const N: usize, const T: usize>(
    numbers: [&[f64]; N],
    terms: impl Fn([f64; N]) -> [f64; T],
) -> [f64; T] {
    const LANES: usize = 4;
    let mut lanes = [[0.0; LANES]; T];
    let chunks = numbers.map(|numbers| numbers.as_chunks::<LANES>());
    for at in 0..chunks.iter().map(|(chunks, _)| chunks.len()).min().unwrap_or(0) {
        let chunk = chunks.map(|(chunks, _)| chunks[at]);
        for lane in 0..LANES {
            for (sums, term) in lanes.iter_mut().zip(terms(chunk.map(|chunk| chunk[lane]))) {
                sums[lane] += term;
            }
        }
    }
    for lane in 0..chunks.iter().map(|(_, rest)| rest.len()).min().unwrap_or(0) {
        for (sums, term) in lanes.iter_mut().zip(terms(chunks.map(|(_, rest)| rest[lane]))) {
            sums[lane] += term;
        }
    }
    lanes.map(|[a, b, c, d]| (a + b) + (c + d))
}
