//! ADWIN.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::window::{Bucket, Window};
use super::{DriftDetector, Signal, known, parameter, stored};
use crate::image::image;

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
    window: Window<1>,
}

impl Default for Adwin {
    /// δ = 0.002, and a search every 32 items.
    fn default() -> Self {
        Self { delta: 0.002, every: 32, since: 0, window: Window::default() }
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
        self.window.estimate()
    }

    /// The variance of the window; 0 if it is empty.
    #[inline]
    pub fn variance(&self) -> f64 {
        self.window.variance()
    }

    /// How many items the window has.
    #[inline]
    pub fn width(&self) -> u64 {
        self.window.width()
    }

    /// Takes in a value. Whether the mean has risen.
    #[inline]
    pub(crate) fn risen(&mut self, value: f64) -> bool {
        let before = self.estimate();
        self.update(value) == Signal::Drift && self.estimate() > before
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.window.heap_bytes()
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        self.parameters().map_err(stored)?;
        DecodeError::unless(self.since < self.every, "items since the last search", self.since)?;
        self.window.check()
    }
}

impl DriftDetector for Adwin {
    #[inline]
    fn update(&mut self, value: f64) -> Signal {
        if !known(value) {
            return Signal::Stable;
        }
        self.window.insert(Bucket { sum: value, squares: 0.0 });
        self.since += 1;
        if self.since < self.every {
            return Signal::Stable;
        }
        self.since = 0;
        if self.window.cut(self.delta) { Signal::Drift } else { Signal::Stable }
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
    use super::super::window::{BUCKETS, Row, WIDEST};
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
        assert!(adwin.window.rows.len() < 13 && adwin.memory_bytes() < 2_000, "{}", adwin.memory_bytes());
    }

    /// The cut by its definition: every border of buckets, with roots and all.
    #[test]
    fn cuts_where_the_definition_does() {
        let (mut adwin, mut draws, mut cuts) = (Adwin::new(0.2).unwrap(), Draws::new(5), 0);
        for i in 0..4_000 {
            let sum = f64::from(u8::from(draws.unit() < if i / 400 % 2 == 0 { 0.3 } else { 0.5 }));
            adwin.window.insert(Bucket { sum, squares: 0.0 });
            let (w, mut n0, mut s0, mut expected) = (adwin.window.width as f64, 0.0, 0.0, false);
            let d = (2.0 * w.ln() / 0.2_f64).ln();
            for (at, row) in adwin.window.rows.iter().enumerate().rev() {
                for bucket in row.held() {
                    n0 += 2.0_f64.powi(at as i32);
                    s0 += bucket.sum;
                    let n1 = w - n0;
                    let m = 1.0 / (n0 - 4.0) + 1.0 / (n1 - 4.0);
                    let epsilon = (2.0 * m * adwin.variance() * d).sqrt() + 2.0 / 3.0 * d * m;
                    expected |= n0 > 6.0 && n1 > 6.0 && (s0 / n0 - (adwin.window.sum - s0) / n1).abs() > epsilon;
                }
            }
            assert_eq!(adwin.window.can_be_cut(adwin.delta), w > 10.0 && expected, "item {i}");
            while adwin.window.can_be_cut(adwin.delta) {
                adwin.window.drop_oldest();
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
            |adwin: &mut Adwin| adwin.window.width += 1,
            |adwin: &mut Adwin| adwin.window.rows[0].held = 7,
            |adwin: &mut Adwin| adwin.window.rows[1].held = 0,
            |adwin: &mut Adwin| adwin.window.rows[1].buckets[0].sum = f64::NAN,
            |adwin: &mut Adwin| adwin.window.squares = -1.0,
            |adwin: &mut Adwin| adwin.delta = 2.0,
            |adwin: &mut Adwin| adwin.every = 0,
            |adwin: &mut Adwin| adwin.since = 32,
            |adwin: &mut Adwin| adwin.window.rows = vec![Row::default(); 70],
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
        let rows = 60 - adwin.window.rows.len();
        adwin.window.rows.extend(vec![full; rows]);
        let sizes = adwin.window.rows.iter().enumerate().map(|(at, row)| u64::from(row.held) << at);
        adwin.window.width = sizes.sum();
        assert!(adwin.window.width >= WIDEST);
        adwin.window.insert(Bucket { sum: 1.0, squares: 0.0 });
        assert!(adwin.window.width < WIDEST && adwin.check().is_ok());
    }
}
