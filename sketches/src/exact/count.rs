//! How many items.

use serde::{Deserialize, Serialize};

use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::{Estimate, Family, Method};
use crate::summary::{Absorb, Decay, Inverse, Items, Merge, Subtract, Summary, Weight, Weighted};

/// How many standard deviations a 95 % interval reaches.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// A count of items: exact, 16 bytes.
///
/// Counts of sampled items are scaled up by their weights and carry the variance of the sampling: an item kept with
/// probability 1/w adds w to the count and w (w − 1) to its variance (Horvitz–Thompson). The interval holds with 95 %
/// even where five items were kept (Wilson, 1927); where none was, nothing tells of the others. Count and variance are
/// integers of resolution 2⁻¹⁶, so a sliding window subtracts exactly. Holds counts below 2⁴⁸.
///
/// ```
/// use streamgauge_sketches::{Absorb, Count, Summary, Weight, Weighted};
/// let mut count = Count::default();
/// count.absorb(&"a request");
/// assert!(count.read().is_exact());
/// count.absorb_weighted(&"one of four", Weight::new(4.0));
/// assert_eq!(count.read().value, 5.0);
/// assert!(count.read().upper > 11.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    units: u64,
    variance: u64,
}

impl Count {
    /// The count, rounded.
    pub fn get(&self) -> u64 {
        self.units.wrapping_add(Weight::UNIT / 2) / Weight::UNIT
    }

    /// Counts `n` items.
    pub fn add(&mut self, n: u64) {
        self.units = self.units.wrapping_add(n.wrapping_mul(Weight::UNIT));
    }
}

impl Summary for Count {
    type Reading = Estimate;

    const NAME: &'static str = "Count";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Estimate {
        let unit = Weight::UNIT as f64;
        let (count, variance) = (self.units as f64 / unit, self.variance as f64 / unit);
        if self.variance == 0 || self.units == 0 {
            return sampled_total(count, variance, Family::Count);
        }
        let [below, above] = sampling_error(variance, variance / count);
        let (lower, upper) = ((count - below).max(0.0), count + above);
        Estimate::within(count, lower, upper, 0.95, Method::new(Family::Count, 0))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// How far a sampled count may lie above and below the truth, with 95 %: the counts that this one is likely for, given
/// that the variance grows by `excess` with each item of the true count (Wilson's interval).
pub(crate) fn sampling_error(variance: f64, excess: f64) -> [f64; 2] {
    let middle = Z95 * Z95 * excess / 2.0;
    let error = (Z95 * Z95 * variance + middle * middle).sqrt();
    [error - middle, error + middle]
}

/// A total scaled up from a sample.
pub(crate) fn sampled_total(value: f64, variance: f64, family: Family) -> Estimate {
    let method = Method::new(family, 0);
    if variance == 0.0 {
        return Estimate::within(value, value, value, 1.0, method);
    }
    let error = Z95 * variance.sqrt();
    Estimate::within(value, value - error, value + error, 0.95, method)
}

impl<Q: ?Sized> Absorb<Q> for Count {
    type Exact = Self;

    const WEIGHTED: Option<fn(&mut Self, &Q, Weight)> = Some(<Self as Weighted<Q>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, _: &Q) {
        self.units = self.units.wrapping_add(Weight::UNIT);
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        // Stepping over all there are tells how many those are, without looking at any if they know it.
        self.add(u64::MAX - items.visit_some(u64::MAX, |_| u64::MAX));
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl<Q: ?Sized> Weighted<Q> for Count {
    #[inline]
    fn absorb_weighted(&mut self, _: &Q, weight: Weight) {
        self.units = self.units.wrapping_add(weight.units());
        self.variance = self.variance.wrapping_add(weight.variance_units());
    }
}

impl Decay for Count {
    fn decay(&mut self, factor: f64) {
        self.units = (self.units as f64 * factor).round() as u64;
        self.variance = (self.variance as f64 * factor * factor).round() as u64;
    }
}

impl Merge for Count {
    type Window = Inverse<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.units = self.units.wrapping_add(other.units);
        self.variance = self.variance.wrapping_add(other.variance);
        Ok(())
    }
}

impl Subtract for Count {
    fn subtract(&mut self, other: &Self) {
        self.units = self.units.wrapping_sub(other.units);
        self.variance = self.variance.wrapping_sub(other.variance);
    }
}

impl Codec for Count {
    const FAMILY: Family = Family::Count;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.u64(self.units);
        out.u64(self.variance);
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        Ok(Self { units: content.u64("count")?, variance: content.u64("sampling variance")? })
    }
}
