//! What is left of the rows of a batch: every row is looked at, at next to no cost.

/// Sums over the rows of a batch, in whatever order they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    /// Of the numbers that the rows are about.
    pub(crate) sum: u64,
    /// Of something made from all that is in a row.
    pub(crate) check: u64,
}

impl Tally {
    #[inline]
    fn row(&mut self, number: u64, check: u64) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(number);
        self.check = self.check.wrapping_add(check);
    }

    /// W1: a word and how often it came.
    #[inline]
    pub(crate) fn word(&mut self, length: usize, count: u64) {
        self.row(count, length as u64 * count);
    }

    /// W2: a key and how often it came.
    #[inline]
    pub(crate) fn count(&mut self, key: u32, count: u64) {
        self.row(count, u64::from(key).wrapping_mul(count));
    }

    /// W3: a page and the estimate of its users.
    #[inline]
    pub(crate) fn users(&mut self, page: u32, users: f64) {
        self.row(users.round() as u64, u64::from(page + 1).wrapping_mul(users.to_bits()));
    }

    /// W4: a key and its statistics. The number is whether the key is new.
    #[inline]
    pub(crate) fn running(&mut self, key: u32, count: u32, mean: f64, m2: f64) {
        let check = u64::from(key ^ count.rotate_left(16)) ^ mean.to_bits() ^ m2.to_bits().rotate_left(1);
        self.row(u64::from(count == 1), check);
    }

    /// W5: a key and its p99. The coins that a sketch tosses depend on the order of merges, so sides only come close.
    #[inline]
    pub(crate) fn p99(&mut self, key: u32, p99: f64) {
        self.row((1e3 * p99) as u64, key.into());
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
        self.check = self.check.wrapping_add(other.check);
    }
}
