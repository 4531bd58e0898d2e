//! Sums of numbers.

use serde::{Deserialize, Serialize};

use super::count::sampled_total;
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::{Estimate, Family};
use crate::summary::{Absorb, Decay, Inverse, Items, Merge, Subtract, Summary, TwoStacks, Weight, Weighted};

/// A number that can be summed.
pub trait Addend: Send + Sync + 'static {
    /// The state of its sum: [`Sum`] for integers, [`FloatSum`] for floats.
    type Sum: Absorb<Self> + Default;
}

/// The sum of integers: exact below 2¹¹¹, 32 bytes.
///
/// Sampled items are scaled up as in [`Count`](super::Count): an item x of weight w adds w·x to the sum and
/// w (w − 1) x² to its variance. That interval holds with 95 % from some twenty-five sampled items on.
///
/// ```
/// use streamgauge_sketches::{Absorb, Sum, Summary};
/// let mut bytes = Sum::default();
/// bytes.absorb(&1_500_u64);
/// bytes.absorb(&-500_i64);
/// assert_eq!(bytes.get(), 1_000);
/// assert!(bytes.read().is_exact());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    units: i128,
    variance: u128,
}

impl Sum {
    /// The sum, rounded down.
    pub fn get(&self) -> i128 {
        self.units >> 16
    }
}

impl Summary for Sum {
    type Reading = Estimate;

    const NAME: &'static str = "Sum";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Estimate {
        sampled_total(self.units as f64 / Weight::UNIT as f64, self.variance as f64 / Weight::UNIT as f64, Family::Sum)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Addend for $t {
            type Sum = Sum;
        }

        impl Absorb<$t> for Sum {
            type Exact = Self;

            const WEIGHTED: Option<fn(&mut Self, &$t, Weight)> = Some(<Self as Weighted<$t>>::absorb_weighted);

            #[inline]
            fn absorb(&mut self, item: &$t) {
                self.units = self.units.wrapping_add(i128::from(*item) << 16);
            }

            #[inline]
            fn absorb_all(&mut self, items: impl Items<$t>) {
                let mut sum = 0_i128;
                items.visit_all(|item| sum = sum.wrapping_add(i128::from(*item)));
                self.units = self.units.wrapping_add(sum << 16);
            }

            fn exact(&self) -> Self {
                Self::default()
            }
        }

        impl Weighted<$t> for Sum {
            fn absorb_weighted(&mut self, item: &$t, weight: Weight) {
                let item = i128::from(*item);
                let square = item.unsigned_abs().saturating_mul(item.unsigned_abs());
                self.units = self.units.wrapping_add(item.wrapping_mul(i128::from(weight.units())));
                // Beyond 2¹²⁸ the variance stays at its limit: the interval is then too wide, never too narrow.
                let variance = square.saturating_mul(u128::from(weight.variance_units()));
                self.variance = self.variance.saturating_add(variance);
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Decay for Sum {
    fn decay(&mut self, factor: f64) {
        self.units = (self.units as f64 * factor).round() as i128;
        self.variance = (self.variance as f64 * factor * factor).round() as u128;
    }
}

impl Merge for Sum {
    type Window = Inverse<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.units = self.units.wrapping_add(other.units);
        self.variance = self.variance.saturating_add(other.variance);
        Ok(())
    }
}

impl Subtract for Sum {
    fn subtract(&mut self, other: &Self) {
        self.units = self.units.wrapping_sub(other.units);
        self.variance = self.variance.saturating_sub(other.variance);
    }
}

impl Codec for Sum {
    const FAMILY: Family = Family::Sum;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.i128(self.units);
        out.u128(self.variance);
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        Ok(Self { units: content.i128("sum")?, variance: content.u128("sampling variance")? })
    }
}

/// The sum of floats, compensated (Neumaier): the rounding error does not grow with the number of items.
///
/// Floating sums depend a little on the order of merges, and a NaN makes the sum NaN; so it slides by two stacks,
/// which forget a NaN with its pane.
///
/// ```
/// use streamgauge_sketches::{Absorb, Summary, exact::FloatSum};
/// let mut sum = FloatSum::default();
/// for x in [1e100, 1.0, -1e100] {
///     sum.absorb(&x);
/// }
/// assert_eq!(sum.read().value, 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct FloatSum {
    sum: f64,
    lost: f64,
    variance: f64,
}

impl FloatSum {
    #[inline]
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        // What either of the two lost in it (Knuth's form: no branch on which is the smaller).
        let rest = sum - self.sum;
        let lost = (self.sum - (sum - rest)) + (x - rest);
        // An infinite sum has lost nothing that could be told.
        self.lost += if sum.is_finite() { lost } else { 0.0 };
        self.sum = sum;
    }
}

impl Summary for FloatSum {
    type Reading = Estimate;

    const NAME: &'static str = "FloatSum";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Estimate {
        sampled_total(self.sum + self.lost, self.variance, Family::Sum)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Addend for $t {
            type Sum = FloatSum;
        }

        impl Absorb<$t> for FloatSum {
            type Exact = Self;

            const WEIGHTED: Option<fn(&mut Self, &$t, Weight)> = Some(<Self as Weighted<$t>>::absorb_weighted);

            #[inline]
            fn absorb(&mut self, item: &$t) {
                self.add(f64::from(*item));
            }

            fn exact(&self) -> Self {
                Self::default()
            }
        }

        impl Weighted<$t> for FloatSum {
            fn absorb_weighted(&mut self, item: &$t, weight: Weight) {
                let (x, w) = (f64::from(*item), weight.get());
                self.add(w * x);
                self.variance += w * (w - 1.0) * x * x;
            }
        }
    )*};
}
floats!(f32, f64);

impl Decay for FloatSum {
    fn decay(&mut self, factor: f64) {
        self.sum *= factor;
        self.lost *= factor;
        self.variance *= factor * factor;
    }
}

impl Merge for FloatSum {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.add(other.sum);
        self.lost += other.lost;
        self.variance += other.variance;
        Ok(())
    }
}

impl Codec for FloatSum {
    const FAMILY: Family = Family::FloatSum;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        for x in [self.sum, self.lost, self.variance] {
            // Machines differ in the bits of a NaN that they compute.
            out.f64(if x.is_nan() { f64::NAN } else { x });
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let (sum, lost) = (content.f64("sum")?, content.f64("lost digits")?);
        Parts { sum, lost, variance: content.f64("sampling variance")? }.try_into()
    }
}

/// A sum as it is stored, before it is known to be one.
#[derive(Deserialize)]
struct Parts {
    sum: f64,
    lost: f64,
    variance: f64,
}

impl TryFrom<Parts> for FloatSum {
    type Error = DecodeError;

    fn try_from(Parts { sum, lost, variance }: Parts) -> Result<Self, DecodeError> {
        DecodeError::unless(variance >= 0.0 || variance.is_nan(), "sampling variance", variance)?;
        Ok(Self { sum, lost, variance })
    }
}
