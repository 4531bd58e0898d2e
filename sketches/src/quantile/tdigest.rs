//! t-digest: quantiles from centroids that are small at the tails.

use serde::{Deserialize, Serialize};

use super::{Centroid, Quantiles};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Family, Method};
use crate::exact::ExactQuantiles;
use crate::summary::{Absorb, Decay, Merge, Summary, TwoStacks, Weight, Weighted};

/// Quantiles of numbers, most exact at the tails.
///
/// | | |
/// |---|---|
/// | answers | the value at any quantile; lowest and highest exactly |
/// | memory | about 16 bytes · compression, and a buffer of 8 bytes · 8 · compression |
/// | absorb, merge, read | O(log compression) amortised, O(compression), O(compression) |
/// | guarantee | none in the worst case; the rank error is about 1/compression in the middle and vanishes at the ends |
/// | merged | close to one digest of everything; the order of merges shows in the last digits |
///
/// NaN and infinite values are left out and counted in [`ignored`](Self::ignored).
///
/// Source: Dunning, Ertl, *Computing Extremely Accurate Quantiles Using t-Digests*, arXiv:1902.04023; the size of a
/// centroid is bounded by the scale function k₂.
///
/// ```
/// use streamgauge_sketches::{Absorb, Summary, TDigest};
/// let mut latency = TDigest::with_compression(100)?;
/// for i in 0..100_000_u32 {
///     latency.absorb(&f64::from(i % 1_000));
/// }
/// assert!((latency.read().at(0.999).value - 999.0).abs() < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TDigest {
    compression: u16,
    min: f64,
    max: f64,
    ignored: u64,
    /// Ascending by mean.
    centroids: Vec<Centroid>,
    /// Values that are no centroid yet, as they came.
    buffer: Vec<f64>,
}

impl TDigest {
    /// The default compression.
    pub const DEFAULT_COMPRESSION: u16 = 200;

    /// Buffered values per unit of compression: the more, the fewer passes over the centroids.
    const BUFFER: usize = 8;

    /// A digest of about this many centroids.
    ///
    /// # Errors
    /// [`ParameterError`] unless the compression lies in 10..=10,000.
    pub fn with_compression(compression: u16) -> Result<Self, ParameterError> {
        if !(10..=10_000).contains(&compression) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "compression",
                allowed: "10 to 10,000",
                value: compression.to_string(),
            });
        }
        Ok(Self::empty(compression))
    }

    fn empty(compression: u16) -> Self {
        Self {
            compression,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            ignored: 0,
            centroids: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// How many values were NaN or infinite.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Absorbs a value.
    #[inline]
    pub fn insert(&mut self, value: f64) {
        if !value.is_finite() {
            self.ignored = self.ignored.saturating_add(1);
            return;
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.buffer.push(value);
        if self.buffer.len() >= Self::BUFFER * usize::from(self.compression) {
            self.flush();
        }
    }

    /// Makes centroids of the buffered values.
    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        self.buffer.sort_unstable_by(f64::total_cmp);
        let values = self.buffer.iter().map(|&mean| Centroid { mean, weight: 1.0 });
        self.centroids = compress(self.compression, &ascending(&self.centroids, values));
        self.buffer.clear();
    }

    /// Takes in centroids that ascend.
    fn take(&mut self, centroids: &[Centroid]) {
        let all = ascending(&self.centroids, centroids.iter().copied());
        self.centroids = compress(self.compression, &all);
    }

    fn flushed(&self) -> Self {
        let mut flushed = self.clone();
        flushed.flush();
        flushed
    }
}

/// Merges two ascending lists into one.
fn ascending(ours: &[Centroid], theirs: impl ExactSizeIterator<Item = Centroid>) -> Vec<Centroid> {
    let mut merged = Vec::with_capacity(ours.len() + theirs.len());
    let mut ours = ours.iter().copied().peekable();
    for theirs in theirs {
        while let Some(next) = ours.next_if(|next| next.mean <= theirs.mean) {
            merged.push(next);
        }
        merged.push(theirs);
    }
    merged.extend(ours);
    merged
}

/// Joins neighbours as far as the scale function k₂ allows: near quantile q a centroid may weigh
/// q (1 − q) · total · Z / (2 · compression), where Z keeps the number of centroids below the compression at any total.
fn compress(compression: u16, ascending: &[Centroid]) -> Vec<Centroid> {
    let total: f64 = ascending.iter().map(|c| c.weight).sum();
    let compression = f64::from(compression);
    let z = 4.0 * (total / compression).max(1.0).ln() + 24.0;
    let most = |below: f64| {
        let q = below / total;
        q * (1.0 - q) * total * z / (2.0 * compression)
    };
    let mut joined: Vec<Centroid> = Vec::with_capacity(compression as usize * 2);
    let (mut below, mut limit) = (0.0, 0.0);
    for &next in ascending {
        if let Some(last) = joined.last_mut() {
            let weight = last.weight + next.weight;
            // The bound must hold at both ends of the centroid; `limit` is the one at its lower end.
            if weight <= limit && weight <= most(below + weight) {
                last.mean = mean(last, &next, weight);
                last.weight = weight;
                continue;
            }
            below += last.weight;
        }
        limit = most(below);
        joined.push(next);
    }
    joined
}

/// The mean of two centroids that together have this weight; means that are far apart must not overflow.
fn mean(a: &Centroid, b: &Centroid, weight: f64) -> f64 {
    let between = b.mean - a.mean;
    if between.is_finite() {
        a.mean + between * (b.weight / weight)
    } else {
        a.mean * (a.weight / weight) + b.mean * (b.weight / weight)
    }
}

impl Default for TDigest {
    fn default() -> Self {
        Self::empty(Self::DEFAULT_COMPRESSION)
    }
}

impl Summary for TDigest {
    type Reading = Quantiles;

    const NAME: &'static str = "TDigest";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Quantiles {
        let method = Method::new(Family::TDigest, self.compression.into());
        Quantiles::digest(self.flushed().centroids, self.min, self.max, method)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.centroids.capacity() * size_of::<Centroid>()
            + self.buffer.capacity() * size_of::<f64>()
    }
}

impl Absorb<f64> for TDigest {
    type Exact = ExactQuantiles;

    const WEIGHTED: Option<fn(&mut Self, &f64, Weight)> = Some(<Self as Weighted<f64>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &f64) {
        self.insert(*item);
    }

    fn exact(&self) -> ExactQuantiles {
        ExactQuantiles::default()
    }
}

impl Weighted<f64> for TDigest {
    fn absorb_weighted(&mut self, item: &f64, weight: Weight) {
        if weight == Weight::ONE || !item.is_finite() {
            return self.insert(*item);
        }
        self.min = self.min.min(*item);
        self.max = self.max.max(*item);
        let at = self.centroids.partition_point(|c| c.mean <= *item);
        self.centroids.insert(at, Centroid { mean: *item, weight: weight.get() });
        if self.centroids.len() > 4 * usize::from(self.compression) {
            self.take(&[]);
        }
    }
}

impl Decay for TDigest {
    fn decay(&mut self, factor: f64) {
        self.flush();
        self.centroids.iter_mut().for_each(|c| c.weight *= factor);
        self.centroids.retain(|c| c.weight > 1e-9);
        if self.centroids.is_empty() {
            (self.min, self.max) = (f64::INFINITY, f64::NEG_INFINITY);
        }
    }
}

impl Merge for TDigest {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "compression", &self.compression, &other.compression)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.ignored = self.ignored.saturating_add(other.ignored);
        // Small digests are buffers: they are joined as values, and cost no pass over the centroids.
        self.buffer.extend_from_slice(&other.buffer);
        if self.buffer.len() >= Self::BUFFER * usize::from(self.compression) {
            self.flush();
        }
        if !other.centroids.is_empty() {
            self.take(&other.centroids);
        }
        Ok(())
    }
}

impl Codec for TDigest {
    const FAMILY: Family = Family::TDigest;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let digest = self.flushed();
        out.u16(digest.compression);
        out.f64(digest.min);
        out.f64(digest.max);
        out.u64(digest.ignored);
        out.u32(digest.centroids.len() as u32);
        for Centroid { mean, weight } in digest.centroids {
            out.f64(mean);
            out.f64(weight);
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let compression = content.u16("compression")?;
        let (min, max) = (content.f64("minimum")?, content.f64("maximum")?);
        let ignored = content.u64("ignored")?;
        let centroids = content.length("centroids", 16)?;
        let centroid = |_| Ok(Centroid { mean: content.f64("mean")?, weight: content.f64("weight")? });
        let centroids = (0..centroids).map(centroid).collect::<Result<_, _>>()?;
        Parts { compression, min, max, ignored, centroids, buffer: Vec::new() }.try_into()
    }
}

/// A digest as it is stored, before it is known to be one.
#[derive(Deserialize)]
struct Parts {
    compression: u16,
    min: f64,
    max: f64,
    ignored: u64,
    centroids: Vec<Centroid>,
    buffer: Vec<f64>,
}

impl TryFrom<Parts> for TDigest {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { compression, min, max, ignored, centroids, buffer } = parts;
        let mut before = min;
        for &Centroid { mean, weight } in &centroids {
            DecodeError::unless(mean.is_finite() && before <= mean && mean <= max, "mean", mean)?;
            DecodeError::unless(weight > 0.0 && weight.is_finite(), "weight", weight)?;
            before = mean;
        }
        for &value in &buffer {
            DecodeError::unless(min <= value && value <= max, "value", value)?;
        }
        let digest = Self::with_compression(compression)
            .map_err(|e| DecodeError::Value { field: "compression", value: e.value })?;
        Ok(Self { min, max, ignored, centroids, buffer, ..digest })
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    fn rank_error(digest: &TDigest, sorted: &[f64], q: f64) -> f64 {
        let value = digest.read().at(q).value;
        sorted.partition_point(|&x| x < value) as f64 / sorted.len() as f64 - q
    }

    #[test]
    fn rank_errors_are_small_also_merged() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let values: Vec<f64> = (0..100_000).map(|_| random.random::<f64>().ln()).collect();
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let mut direct = TDigest::default();
        values.iter().for_each(|x| direct.absorb(x));
        let mut merged = TDigest::default();
        for part in values.chunks(6_250) {
            let mut digest = TDigest::default();
            part.iter().for_each(|x| digest.absorb(x));
            merged.merge(&digest).unwrap();
        }
        for digest in [&direct, &merged] {
            assert!(digest.centroids.len() < 400, "{} centroids", digest.centroids.len());
            for (q, most) in [(0.001, 1e-4), (0.01, 3e-4), (0.5, 2e-3), (0.99, 3e-4), (0.999, 1e-4)] {
                let error = rank_error(digest, &sorted, q).abs();
                assert!(error < most, "q = {q}: rank error {error}");
            }
        }
    }

    #[test]
    fn values_far_apart_or_equal_are_told_as_they_are() {
        let mut wide = TDigest::with_compression(10).unwrap();
        (0..1_000).for_each(|i| wide.absorb(&(if i % 2 == 0 { 1.7e308 } else { -1.7e308 })));
        assert!((0..=100).all(|i| wide.read().at(f64::from(i) / 100.0).value.is_finite()));
        TDigest::from_bytes(&wide.to_bytes()).unwrap();

        let mut equal = TDigest::default();
        equal.absorb(&0.0);
        (0..1_000).for_each(|_| equal.absorb(&0.1));
        equal.absorb(&1.0);
        let values: Vec<_> = (0..=1_000).map(|i| equal.read().at(f64::from(i) / 1_000.0).value).collect();
        assert!(values.is_sorted());
        assert_eq!(values[500], 0.1);

        let mut faded = TDigest::default();
        faded.absorb(&1e9);
        faded.decay(0.0);
        (0..100).for_each(|i| faded.absorb(&f64::from(i)));
        assert_eq!(faded.read().at(1.0).value, 99.0);
    }

    #[test]
    fn quantiles_ascend_between_the_exact_ends() {
        let mut digest = TDigest::with_compression(20).unwrap();
        for i in 0..5_000_u32 {
            digest.absorb(&f64::from(i * i % 97));
        }
        digest.absorb(&f64::NAN);
        assert_eq!(digest.ignored(), 1);
        let quantiles = digest.read();
        assert_eq!((quantiles.at(0.0).value, quantiles.at(1.0).value), (0.0, 96.0));
        let mut before = f64::NEG_INFINITY;
        for i in 0..=1_000 {
            let value = quantiles.at(f64::from(i) / 1_000.0).value;
            assert!(value >= before, "at {i} of 1000: {value} after {before}");
            before = value;
        }
        let image = digest.to_bytes();
        assert_eq!(TDigest::from_bytes(&image).unwrap().to_bytes(), image);
        assert!(TDigest::default().read().at(0.5).value.is_nan());
    }
}
