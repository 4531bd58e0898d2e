//! ADWIN.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{DriftDetector, MOST, Signal, known, parameter, stored};
use crate::image::image;

/// How many buckets of one size there may be.
const BUCKETS: usize = 8;
/// How many items a window may have; no stream is as long.
const WIDEST: u64 = 1 << 60;
/// The shortest window that is cut.
const SHORTEST: u64 = 10;
/// A part of a cut window has more items than this.
const LEAST: f64 = 6.0;

/// A window that grows while the mean stays the same, and drops its old end when it has changed.
///
/// | | |
/// |---|---|
/// | says | whether the mean has changed; [`estimate`](Self::estimate), [`variance`](Self::variance) and [`width`](Self::width) of the window |
/// | memory | O(log width): 152 bytes for each doubling |
/// | a value | O(1) amortised; every 32 values a search for a cut, O(log width) |
/// | guarantee | for values in `[0, 1]` whose mean does not change, a search cuts with probability δ at most |
///
/// The window is an exponential histogram: at most eight buckets each of 1, 2, 4 … items (the paper's five put the cut
/// further from the change, and find it some three per cent later). It is cut where the means of
/// both sides differ by more than √(2 m σ² d) + ⅔ m d, with d = ln(2 ln(width) / δ), σ² the variance of the window and m
/// the sum of the inverse sizes, each size less four; as long as it can be cut the oldest bucket is dropped. Other
/// values are held to the same test, without the guarantee; one that lies far out blunts it as long as it is in the
/// window.
///
/// Source: Bifet, Gavaldà, *Learning from Time-Changing Data with Adaptive Windowing*, 2007.
///
/// ```
/// use streamgauge_ml::drift::{Adwin, DriftDetector, Signal};
/// let mut latency = Adwin::new(0.01)?;
/// let values = (0..2_000).map(|i| f64::from(i % 10) + if i < 1_000 { 0.0 } else { 5.0 });
/// let drifts: Vec<usize> = values.enumerate().filter(|(_, x)| latency.update(*x) == Signal::Drift).map(|(i, _)| i).collect();
/// assert_eq!(drifts, [1_023, 1_055]);
/// assert_eq!(latency.estimate().round(), 9.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Adwin {
    delta: f64,
    every: u32,
    /// Items since the last search.
    since: u32,
    /// The row at `i` has the buckets of 2^i items.
    rows: Vec<Row>,
    width: u64,
    sum: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

/// Buckets of one size, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Row {
    held: u8,
    buckets: [Bucket; BUCKETS + 1],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bucket {
    sum: f64,
    squares: f64,
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
    fn held(&self) -> &[Bucket] {
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

/// How many items a bucket of a row has.
#[inline]
fn size(row: usize) -> f64 {
    (1_u64 << row) as f64
}

impl Default for Adwin {
    /// δ = 0.002, and a search every 32 items.
    fn default() -> Self {
        Self { delta: 0.002, every: 32, since: 0, rows: Vec::new(), width: 0, sum: 0.0, squares: 0.0 }
    }
}

impl Adwin {
    /// A detector of this δ: the smaller, the surer and the later.
    ///
    /// # Errors
    /// [`ParameterError`] unless δ lies in `(0, 1)`.
    pub fn new(delta: f64) -> Result<Self, ParameterError> {
        let adwin = Self { delta, ..Self::default() };
        adwin.parameters().map(|()| adwin)
    }

    /// Searches for a cut after every so many items; 0 counts as 1.
    #[must_use]
    pub fn every(self, items: u32) -> Self {
        Self { every: items.max(1), ..self }
    }

    fn parameters(&self) -> Result<(), ParameterError> {
        parameter(Self::NAME, self.delta > 0.0 && self.delta < 1.0, "delta", "above 0 and below 1", self.delta)?;
        parameter(Self::NAME, self.every > 0, "items between searches", "1 or more", self.every)
    }

    /// The mean of the window; 0 if it is empty.
    #[inline]
    pub fn estimate(&self) -> f64 {
        if self.width == 0 { 0.0 } else { self.sum / self.width as f64 }
    }

    /// The variance of the window; 0 if it is empty.
    #[inline]
    pub fn variance(&self) -> f64 {
        if self.width == 0 { 0.0 } else { self.squares / self.width as f64 }
    }

    /// How many items the window has.
    #[inline]
    pub fn width(&self) -> u64 {
        self.width
    }

    /// Takes in a value. Whether the mean has risen.
    #[inline]
    pub(crate) fn risen(&mut self, value: f64) -> bool {
        let before = self.estimate();
        self.update(value) == Signal::Drift && self.estimate() > before
    }

    /// Whether the last item was followed by a search.
    #[inline]
    pub(crate) fn searched(&self) -> bool {
        self.since == 0
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
    }

    #[inline]
    fn insert(&mut self, value: f64) {
        if self.width >= WIDEST {
            self.drop_oldest();
        }
        if self.width > 0 {
            let before = self.width as f64;
            let apart = value - self.sum / before;
            self.squares += apart * apart * before / (before + 1.0);
        }
        self.width += 1;
        self.sum += value;
        let mut carry = Bucket { sum: value, squares: 0.0 };
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
            let apart = (a.sum - b.sum) / size(at);
            carry = Bucket { sum: a.sum + b.sum, squares: a.squares + b.squares + apart * apart * size(at) / 2.0 };
            at += 1;
        }
    }

    /// Whether two parts of the window have different means.
    fn can_be_cut(&self) -> bool {
        if self.width <= SHORTEST {
            return false;
        }
        let width = self.width as f64;
        let d = (2.0 * width.ln() / self.delta).ln();
        let spread = 2.0 * d * self.squares / width;
        let (mut items, mut sum) = (0.0, 0.0);
        for (at, row) in self.rows.iter().enumerate().rev() {
            for bucket in row.held() {
                items += size(at);
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

    fn drop_oldest(&mut self) {
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
                    let (before, more) = (self.width as f64, size(at));
                    let apart = bucket.sum / more - self.sum / before;
                    self.squares += apart * apart * before * more / (before + more);
                }
                self.width += 1 << at;
                self.sum += bucket.sum;
                self.squares += bucket.squares;
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        DecodeError::unless(self.since < self.every, "items since the last search", self.since)?;
        DecodeError::unless(self.rows.len() <= 60, "rows of buckets", self.rows.len())?;
        let mut width = 0_u64;
        for (at, row) in self.rows.iter().enumerate() {
            DecodeError::unless((1..=BUCKETS).contains(&(row.held as usize)), "buckets in a row", row.held)?;
            width += u64::from(row.held) << at;
            for bucket in &row.buckets {
                bucket.check(size(at))?;
            }
        }
        DecodeError::unless(self.width == width && width <= WIDEST, "a window of width", self.width)?;
        Bucket { sum: self.sum, squares: self.squares }.check(width as f64)
    }
}

impl DriftDetector for Adwin {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        self.insert(value);
        self.since += 1;
        if self.since < self.every {
            return Signal::Stable;
        }
        self.since = 0;
        let mut signal = Signal::Stable;
        while self.can_be_cut() {
            self.drop_oldest();
            signal = Signal::Drift;
        }
        if signal == Signal::Drift {
            // So that one that was stored holds as many bytes as one that was not.
            self.rows.shrink_to_fit();
        }
        signal
    }
}

impl Summary for Adwin {
    type Reading = Self;

    const NAME: &'static str = "Adwin";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.heap_bytes()
    }
}

image!(Adwin, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;
    use streamgauge_sketches::random::Draws;

    use super::super::laws;
    use super::*;

    #[test]
    fn holds_the_laws() {
        laws::hold(&Adwin::default());
        laws::hold(&Adwin::new(0.05).unwrap().every(1));
        assert_eq!(Adwin::new(0.0).unwrap_err().to_string(), "Adwin: delta must be above 0 and below 1, not 0");
    }

    #[test]
    fn knows_mean_and_variance_of_its_window() {
        let (mut adwin, mut draws, mut values) = (Adwin::default(), Draws::new(3), Vec::new());
        for i in 0..20_000 {
            let value = draws.unit() + if i < 10_000 { 0.0 } else { 0.5 };
            values.push(value);
            adwin.update(value);
            if i % 1_000 == 999 {
                let window = &values[values.len() - adwin.width() as usize..];
                let mean = window.iter().sum::<f64>() / window.len() as f64;
                let variance = window.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / window.len() as f64;
                assert!((adwin.estimate() - mean).abs() < 1e-12, "{} {mean}", adwin.estimate());
                assert!((adwin.variance() - variance).abs() < 1e-12, "{} {variance}", adwin.variance());
            }
        }
        assert!(adwin.width() < 10_300, "what was before the change is gone: {}", adwin.width());
        assert!(adwin.rows.len() < 13 && adwin.memory_bytes() < 2_000, "{}", adwin.memory_bytes());
    }

    /// The cut by its definition: every border of buckets, with roots and all.
    #[test]
    fn cuts_where_the_definition_does() {
        let (mut adwin, mut draws, mut cuts) = (Adwin::new(0.2).unwrap(), Draws::new(5), 0);
        for i in 0..4_000 {
            adwin.insert(f64::from(u8::from(draws.unit() < if i / 400 % 2 == 0 { 0.3 } else { 0.5 })));
            let (w, mut n0, mut s0, mut expected) = (adwin.width as f64, 0.0, 0.0, false);
            let d = (2.0 * w.ln() / 0.2_f64).ln();
            for (at, row) in adwin.rows.iter().enumerate().rev() {
                for bucket in row.held() {
                    n0 += 2.0_f64.powi(at as i32);
                    s0 += bucket.sum;
                    let n1 = w - n0;
                    let m = 1.0 / (n0 - 4.0) + 1.0 / (n1 - 4.0);
                    let epsilon = (2.0 * m * adwin.variance() * d).sqrt() + 2.0 / 3.0 * d * m;
                    expected |= n0 > 6.0 && n1 > 6.0 && (s0 / n0 - (adwin.sum - s0) / n1).abs() > epsilon;
                }
            }
            assert_eq!(adwin.can_be_cut(), w > 10.0 && expected, "item {i}");
            while adwin.can_be_cut() {
                adwin.drop_oldest();
                cuts += 1;
            }
        }
        assert!(cuts > 50, "{cuts}");
    }

    #[test]
    fn a_window_that_cannot_be_is_refused() {
        let mut adwin = Adwin::default();
        (0..100).for_each(|i| _ = adwin.update(f64::from(i % 2)));
        for spoil in [
            |adwin: &mut Adwin| adwin.width += 1,
            |adwin: &mut Adwin| adwin.rows[0].held = 7,
            |adwin: &mut Adwin| adwin.rows[1].held = 0,
            |adwin: &mut Adwin| adwin.rows[1].buckets[0].sum = f64::NAN,
            |adwin: &mut Adwin| adwin.squares = -1.0,
            |adwin: &mut Adwin| adwin.delta = 2.0,
            |adwin: &mut Adwin| adwin.every = 0,
            |adwin: &mut Adwin| adwin.since = 32,
            |adwin: &mut Adwin| adwin.rows = vec![Row::default(); 70],
        ] {
            let mut spoiled = adwin.clone();
            spoil(&mut spoiled);
            assert!(Adwin::from_bytes(&spoiled.to_bytes()).is_err(), "{spoiled:?}");
        }
    }

    #[test]
    fn the_widest_window_grows_no_more() {
        let mut adwin = Adwin::default();
        (0..100).for_each(|i| _ = adwin.update(f64::from(i % 2)));
        let full = Row { held: 1, buckets: [Bucket::default(); BUCKETS + 1] };
        let rows = 60 - adwin.rows.len();
        adwin.rows.extend(vec![full; rows]);
        let sizes = adwin.rows.iter().enumerate().map(|(at, row)| u64::from(row.held) << at);
        adwin.width = sizes.sum();
        assert!(adwin.width >= WIDEST);
        adwin.insert(1.0);
        assert!(adwin.width < WIDEST && adwin.check().is_ok());
    }
}
