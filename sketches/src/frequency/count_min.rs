//! Count-Min: the frequency of any item, never too low.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactTop, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::key::Key;
use crate::summary::{
    Absorb, Decay, Hashed, Inverse, Items, Merge, Subtract, Summary, Weight, Weighted, absorb_hashed,
};

/// The frequency of any item: never too low, too high by at most e·N/width with probability 1 − e^−depth.
///
/// | | |
/// |---|---|
/// | answers | how often one given item was seen |
/// | memory | 8 · depth · width bytes; 64 KiB for the default of 4 × 2,048 |
/// | absorb, merge | O(depth), O(depth · width) |
/// | guarantee | for N items: truth ≤ estimate ≤ truth + e·N/width with probability 1 − e^−depth (0.98 for depth 4) |
/// | merged, subtracted | the same to the bit as one sketch of everything |
///
/// It reads as itself: ask [`estimate`](Self::estimate). It does not know which items it saw; for the most frequent
/// ones take [`HeavyHitters`](crate::HeavyHitters).
///
/// Source: Cormode, Muthukrishnan, *An Improved Data Stream Summary: The Count-Min Sketch*, 2005.
///
/// ```
/// use streamgauge_sketches::{Absorb, CountMin};
/// let mut pages = CountMin::with_error(0.001, 0.99)?;
/// for i in 0..10_000_u32 {
///     pages.absorb(if i % 10 == 0 { "/" } else { "/about" });
/// }
/// let home = pages.estimate("/");
/// assert!(home.contains(1_000.0) && home.value >= 1_000.0, "{home}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct CountMin {
    depth: u8,
    log_width: u8,
    seed: u64,
    /// The items absorbed, as all counters in units of 2⁻¹⁶: weights and decay leave fractions.
    total: u64,
    /// Σ w (w − 1) of the sampling, in units of 2⁻¹⁶.
    variance: u64,
    /// Row by row.
    counters: Vec<u64>,
}

/// One item in the counters' units.
const UNIT: f64 = Weight::UNIT as f64;

/// Multipliers that spread one hash over the rows.
const ROWS: [u64; 16] = {
    // SplitMix64 from seed 1, made odd.
    let mut rows = [0; 16];
    let (mut i, mut state) = (0, 1_u64);
    while i < rows.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        rows[i] = (z ^ (z >> 31)) | 1;
        i += 1;
    }
    rows
};

impl CountMin {
    /// A sketch of `depth` rows of `width` counters; the width is rounded up to a power of two.
    ///
    /// # Errors
    /// [`ParameterError`] unless the depth lies in 1..=16 and the width in 2..=2²⁸.
    pub fn new(depth: usize, width: usize) -> Result<Self, ParameterError> {
        let wrong = |parameter, allowed, value: usize| ParameterError {
            summary: Self::NAME,
            parameter,
            allowed,
            value: value.to_string(),
        };
        if !(1..=ROWS.len()).contains(&depth) {
            return Err(wrong("depth", "1 to 16", depth));
        }
        if !(2..=1 << 28).contains(&width) {
            return Err(wrong("width", "2 to 2^28", width));
        }
        let width = width.next_power_of_two();
        Ok(Self {
            depth: depth as u8,
            log_width: width.ilog2() as u8,
            seed: DEFAULT_SEED,
            total: 0,
            variance: 0,
            counters: vec![0; depth * width],
        })
    }

    /// The smallest sketch that overcounts by at most `error · N` with this confidence.
    ///
    /// # Errors
    /// [`ParameterError`] if that takes more than 16 rows or 2²⁸ columns, or is no error or confidence at all.
    pub fn with_error(error: f64, confidence: f64) -> Result<Self, ParameterError> {
        if !(0.0 < confidence && confidence < 1.0) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "confidence",
                allowed: "between 0 and 1",
                value: confidence.to_string(),
            });
        }
        let depth = (1.0 / (1.0 - confidence)).ln().ceil().max(1.0);
        Self::new(depth as usize, (std::f64::consts::E / error).ceil() as usize)
    }

    /// The same sketch, empty, under another hash seed.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        (self.total, self.variance) = (0, 0);
        self.counters.fill(0);
        self
    }

    /// How many items were absorbed, rounded.
    pub fn total(&self) -> u64 {
        self.total.saturating_add(Weight::UNIT / 2) / Weight::UNIT
    }

    /// The counters per row.
    pub fn width(&self) -> usize {
        1 << self.log_width
    }

    #[inline]
    fn cells(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let (shift, width) = (64 - u32::from(self.log_width), 1_usize << self.log_width);
        (0..usize::from(self.depth)).map(move |row| row * width + (hash.wrapping_mul(ROWS[row]) >> shift) as usize)
    }

    #[inline]
    fn insert_units(&mut self, hash: u64, units: u64) {
        self.total = self.total.wrapping_add(units);
        for cell in self.cells(hash) {
            let counter = &mut self.counters[cell];
            *counter = counter.wrapping_add(units);
        }
    }

    /// How often this item was seen.
    pub fn estimate<Q: PortableHash + ?Sized>(&self, item: &Q) -> Estimate {
        let hash = item.portable_hash(self.seed);
        let count = self.cells(hash).map(|cell| self.counters[cell]).min().unwrap_or(0) as f64 / UNIT;
        let total = self.total as f64 / UNIT;
        let excess = std::f64::consts::E * total / self.width() as f64;
        // The sampling varies this count by its share of the whole variance.
        let variance = self.variance as f64 / UNIT * count / total.max(1.0);
        let spread = Z95 * variance.sqrt();
        let confidence = (1.0 - (-f64::from(self.depth)).exp()) * if variance > 0.0 { 0.95 } else { 1.0 };
        Estimate::within(
            count,
            (count - excess - spread).max(0.0).ceil(),
            count + spread,
            confidence,
            Method::new(Family::CountMin, self.width() as u32),
        )
    }
}

impl fmt::Debug for CountMin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountMin({} × {}, total {})", self.depth, self.width(), self.total())
    }
}

impl Default for CountMin {
    fn default() -> Self {
        Self::new(4, 2_048).expect("4 rows of 2,048 are allowed")
    }
}

impl Summary for CountMin {
    type Reading = Self;

    const NAME: &'static str = "CountMin";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counters.capacity() * size_of::<u64>()
    }
}

impl Hashed for CountMin {
    fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    fn absorb_hash(&mut self, hash: u64) {
        self.insert_units(hash, Weight::UNIT);
    }
}

impl<Q: PortableHash + Key + ?Sized> Absorb<Q> for CountMin {
    type Exact = ExactTop<Q::Owned>;

    const WEIGHTED: Option<fn(&mut Self, &Q, Weight)> = Some(<Self as Weighted<Q>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &Q) {
        self.absorb_hash(item.portable_hash(self.seed));
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        absorb_hashed(self, items);
    }

    fn exact(&self) -> Self::Exact {
        ExactTop::new(usize::MAX)
    }
}

impl<Q: PortableHash + Key + ?Sized> Weighted<Q> for CountMin {
    fn absorb_weighted(&mut self, item: &Q, weight: Weight) {
        self.variance = self.variance.wrapping_add(weight.variance_units());
        self.insert_units(item.portable_hash(self.seed), weight.units());
    }
}

impl Decay for CountMin {
    fn decay(&mut self, factor: f64) {
        // Rounded up: a faded count is still not too low.
        let fade = |count: u64| (count as f64 * factor).ceil() as u64;
        self.counters.iter_mut().for_each(|c| *c = fade(*c));
        self.total = fade(self.total);
        self.variance = fade(fade(self.variance));
    }
}

impl Merge for CountMin {
    type Window = Inverse<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "depth", &self.depth, &other.depth)?;
        Mismatch::check(Self::NAME, "width", &self.width(), &other.width())?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.total = self.total.wrapping_add(other.total);
        self.variance = self.variance.wrapping_add(other.variance);
        for (ours, theirs) in self.counters.iter_mut().zip(&other.counters) {
            *ours = ours.wrapping_add(*theirs);
        }
        Ok(())
    }
}

impl Subtract for CountMin {
    fn subtract(&mut self, other: &Self) {
        self.total = self.total.wrapping_sub(other.total);
        self.variance = self.variance.wrapping_sub(other.variance);
        for (ours, theirs) in self.counters.iter_mut().zip(&other.counters) {
            *ours = ours.wrapping_sub(*theirs);
        }
    }
}

impl Codec for CountMin {
    const FAMILY: Family = Family::CountMin;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.seed
    }

    fn encode(&self, out: &mut Writer) {
        out.u8(self.depth);
        out.u8(self.log_width);
        out.u64(self.total);
        out.u64(self.variance);
        self.counters.iter().for_each(|&c| out.u64(c));
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let (depth, log_width) = (content.u8("depth")?, content.u8("log width")?);
        DecodeError::unless((1..=ROWS.len()).contains(&depth.into()), "depth", depth)?;
        DecodeError::unless((1..=28).contains(&log_width), "log width", log_width)?;
        let total = content.u64("total")?;
        let variance = content.u64("sampling variance")?;
        let cells = usize::from(depth) << log_width;
        let counters = content.bytes("counters", cells * size_of::<u64>())?;
        let mut counters = Reader::new(counters);
        let counters = (0..cells).map(|_| counters.u64("counter")).collect::<Result<_, _>>()?;
        Parts { depth, log_width, seed, total, variance, counters }.try_into()
    }
}

#[derive(Serialize, Deserialize)]
struct Parts {
    depth: u8,
    log_width: u8,
    seed: u64,
    total: u64,
    variance: u64,
    counters: Vec<u64>,
}

impl From<CountMin> for Parts {
    fn from(sketch: CountMin) -> Self {
        let CountMin { depth, log_width, seed, total, variance, counters } = sketch;
        Self { depth, log_width, seed, total, variance, counters }
    }
}

impl TryFrom<Parts> for CountMin {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { depth, log_width, seed, total, variance, counters } = parts;
        DecodeError::unless((1..=ROWS.len()).contains(&depth.into()), "depth", depth)?;
        DecodeError::unless((1..=28).contains(&log_width), "log width", log_width)?;
        DecodeError::unless(counters.len() == usize::from(depth) << log_width, "counters", counters.len())?;
        Ok(Self { depth, log_width, seed, total, variance, counters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zipf(items: std::ops::Range<u64>) -> CountMin {
        let mut sketch = CountMin::default();
        items.for_each(|i| sketch.absorb(&(i % (1 + i % 5_000))));
        sketch
    }

    #[test]
    fn merging_and_subtracting_are_exact() {
        let (head, tail, all) = (zipf(0..20_000), zipf(20_000..50_000), zipf(0..50_000));
        let mut merged = head.clone();
        merged.merge(&tail).unwrap();
        assert_eq!(merged, all);
        merged.subtract(&head);
        assert_eq!(merged, tail);
        assert_eq!(CountMin::from_bytes(&all.to_bytes()).unwrap(), all);
    }

    #[test]
    fn decay_fades_to_nothing_and_is_stored() {
        let mut sketch = CountMin::new(2, 16).unwrap();
        sketch.insert_units(1, 100 * Weight::UNIT);
        sketch.insert_units(2, 200 * Weight::UNIT);
        sketch.decay(0.17);
        assert!((sketch.total() as f64 - 51.0).abs() <= 1.0);
        assert_eq!(CountMin::from_bytes(&sketch.to_bytes()).unwrap(), sketch);
        (0..1_000).for_each(|_| sketch.decay(0.99));
        assert_eq!(sketch.total(), 0);
    }

    #[test]
    fn never_too_low_and_seldom_too_high() {
        let mut exact = ExactTop::new(10);
        (0..50_000_u64).for_each(|i| exact.absorb(&(i % (1 + i % 5_000))));
        let sketch = zipf(0..50_000);
        let mut outside = 0;
        for item in 0..5_000_u64 {
            let (truth, estimate) = (exact.count(&item) as f64, sketch.estimate(&item));
            assert!(estimate.value >= truth);
            outside += usize::from(!estimate.contains(truth));
        }
        // e^−4 of 5,000 would be 92.
        assert!(outside <= 92, "{outside} of 5,000 outside their interval");
    }
}
