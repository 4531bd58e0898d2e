//! A window of numbers as an exponential histogram: the common part of ADWIN and of what trees keep of their errors.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::MOST;

/// How many buckets of one size there may be.
pub(super) const BUCKETS: usize = 8;
/// How many items a window may have; no stream is as long.
pub(super) const WIDEST: u64 = 1 << 60;
/// The shortest window that is cut.
const SHORTEST: u64 = 10;
/// A part of a cut window has more items than this.
const LEAST: f64 = 6.0;

/// A window that drops its old end when its mean has changed. Its smallest buckets have `SIZE` items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window<const SIZE: u64> {
    /// The row at `i` has the buckets of `SIZE` · 2^i items.
    pub(super) rows: Vec<Row>,
    pub(super) width: u64,
    pub(super) sum: f64,
    /// The sum of the squared distances from the mean.
    pub(super) squares: f64,
}

/// Buckets of one size, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) held: u8,
    pub(super) buckets: [Bucket; BUCKETS + 1],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Bucket {
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl Bucket {
    /// Checks sums of so many values, none of them beyond the most; with room for rounding.
    fn check(&self, items: f64) -> Result<(), DecodeError> {
        DecodeError::unless(self.sum.abs() <= 2.0 * items * MOST, "a sum", self.sum)?;
        // Of the values themselves, which add up as buckets join.
        let squares = self.squares + self.sum * (self.sum / items.max(1.0));
        let fine = self.squares >= 0.0 && squares <= 2.0 * items * MOST * MOST;
        DecodeError::unless(fine, "squares", self.squares)
    }
}

impl Row {
    #[inline]
    pub(super) fn held(&self) -> &[Bucket] {
        &self.buckets[..self.held as usize]
    }

    #[inline]
    fn push(&mut self, bucket: Bucket) {
        self.buckets[self.held as usize] = bucket;
        self.held += 1;
    }

    /// Drops the `N` oldest buckets.
    #[inline]
    fn drop_oldest<const N: usize>(&mut self) {
        self.buckets.copy_within(N.., 0);
        self.buckets[BUCKETS + 1 - N..].fill(Bucket::default());
        self.held -= N as u8;
    }
}

impl<const SIZE: u64> Window<SIZE> {
    /// How many items a bucket of a row has.
    #[inline]
    fn size(row: usize) -> f64 {
        (SIZE << row) as f64
    }

    /// The mean of the window; 0 if it is empty.
    #[inline]
    pub(crate) fn estimate(&self) -> f64 {
        if self.width == 0 { 0.0 } else { self.sum / self.width as f64 }
    }

    /// The variance of the window; 0 if it is empty.
    #[inline]
    pub(crate) fn variance(&self) -> f64 {
        if self.width == 0 { 0.0 } else { self.squares / self.width as f64 }
    }

    /// How many items the window has.
    #[inline]
    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
    }

    /// Takes in `SIZE` items: their sum, and their squared distances from their mean.
    #[inline]
    pub(super) fn insert(&mut self, items: Bucket) {
        if self.width >= WIDEST {
            self.drop_oldest();
        }
        if self.width > 0 {
            let (before, more) = (self.width as f64, SIZE as f64);
            let apart = items.sum / more - self.sum / before;
            self.squares += items.squares + apart * apart * before * more / (before + more);
        } else {
            self.squares += items.squares;
        }
        self.width += SIZE;
        self.sum += items.sum;
        let mut carry = items;
        let mut at = 0;
        loop {
            if at == self.rows.len() {
                self.rows.reserve_exact(1);
                self.rows.push(Row::default());
            }
            let row = &mut self.rows[at];
            row.push(carry);
            if row.held as usize <= BUCKETS {
                return;
            }
            let [a, b, ..] = row.buckets;
            row.drop_oldest::<2>();
            let apart = (a.sum - b.sum) / Self::size(at);
            carry =
                Bucket { sum: a.sum + b.sum, squares: a.squares + b.squares + apart * apart * Self::size(at) / 2.0 };
            at += 1;
        }
    }

    /// Drops the old end as long as its mean differs from that of the rest. Whether anything was dropped.
    pub(super) fn cut(&mut self, delta: f64) -> bool {
        let mut was_cut = false;
        while self.can_be_cut(delta) {
            self.drop_oldest();
            was_cut = true;
        }
        if was_cut {
            // So that one that was stored holds as many bytes as one that was not.
            self.rows.shrink_to_fit();
        }
        was_cut
    }

    /// Whether two parts of the window have different means.
    pub(super) fn can_be_cut(&self, delta: f64) -> bool {
        if self.width <= SHORTEST {
            return false;
        }
        let width = self.width as f64;
        let d = (2.0 * width.ln() / delta).ln();
        let spread = 2.0 * d * self.squares / width;
        let (mut items, mut sum) = (0.0, 0.0);
        for (at, row) in self.rows.iter().enumerate().rev() {
            for bucket in row.held() {
                items += Self::size(at);
                sum += bucket.sum;
                let newer = width - items;
                if newer <= LEAST {
                    return false;
                }
                if items > LEAST {
                    let m = 1.0 / (items - 4.0) + 1.0 / (newer - 4.0);
                    let apart = (sum / items - (self.sum - sum) / newer).abs();
                    // apart > √(spread · m) + ⅔ m d, without the root.
                    let beyond = apart - 2.0 / 3.0 * d * m;
                    if beyond > 0.0 && beyond * beyond > spread * m {
                        return true;
                    }
                }
            }
        }
        false
    }

    pub(super) fn drop_oldest(&mut self) {
        let Some(row) = self.rows.last_mut() else { return };
        row.drop_oldest::<1>();
        if row.held == 0 {
            self.rows.pop();
        }
        // Anew from the buckets: subtracting would leave the rounding errors of all that was ever dropped.
        (self.width, self.sum, self.squares) = (0, 0.0, 0.0);
        for (at, row) in self.rows.iter().enumerate().rev() {
            for bucket in row.held() {
                if self.width > 0 {
                    let (before, more) = (self.width as f64, Self::size(at));
                    let apart = bucket.sum / more - self.sum / before;
                    self.squares += apart * apart * before * more / (before + more);
                }
                self.width += SIZE << at;
                self.sum += bucket.sum;
                self.squares += bucket.squares;
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        // No bucket has more items than the widest window.
        let most = (WIDEST.ilog2() - SIZE.ilog2()) as usize;
        DecodeError::unless(self.rows.len() <= most, "rows of buckets", self.rows.len())?;
        let mut width = 0_u64;
        for (at, row) in self.rows.iter().enumerate() {
            DecodeError::unless((1..=BUCKETS).contains(&(row.held as usize)), "buckets in a row", row.held)?;
            width = width.saturating_add((u64::from(row.held) * SIZE).saturating_mul(1 << at));
            for bucket in &row.buckets {
                bucket.check(Self::size(at))?;
            }
        }
        DecodeError::unless(self.width == width && width <= WIDEST, "a window of width", self.width)?;
        Bucket { sum: self.sum, squares: self.squares }.check(width as f64)
    }
}
