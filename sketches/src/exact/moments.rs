//! Mean, variance, skewness and kurtosis.

use serde::{Deserialize, Serialize};

use super::block::{LIMIT, Lanes, blocks, sums};
use super::count::Z95;
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::{Estimate, Family, Method};
use crate::summary::{Absorb, Decay, Items, Merge, Summary, TwoStacks, Weight, Weighted};

/// Count, mean, variance, skewness and kurtosis of numbers, in one pass.
///
/// | | |
/// |---|---|
/// | answers | the first four moments, and an interval of the mean |
/// | memory | 56 bytes |
/// | absorb, merge, read | O(1) |
/// | guarantee | exact but for rounding: of a million values 10⁹ + noise of deviation 1, the variance is off by less than 10⁻⁸ of itself; the naive sum of squares has no right digit there |
/// | merged | as one of everything but for rounding, in any order |
/// | weights, decay | an item of weight w counts as w items; decay multiplies all weights |
///
/// It reads as itself. NaN, infinite values and those beyond ±10⁷⁰, whose fourth powers could not be summed, are left
/// out and counted in [`ignored`](Self::ignored). What needs more values than there are is NaN.
///
/// In bulk, values are summed in blocks around the mean of their block: faster than one by one, and a little more
/// exact.
///
/// **When not to use it.** The mean of a skewed or heavy-tailed distribution, such as response times, describes no
/// item and wanders with the largest ones; ask quantiles there.
///
/// Sources: Chan, Golub, LeVeque, *Updating Formulae and a Pairwise Algorithm for Computing Sample Variances*, 1979;
/// Pébay, *Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments*,
/// 2008.
///
/// ```
/// use streamgauge_sketches::{Absorb, Moments};
/// let mut sizes = Moments::default();
/// sizes.absorb_all(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
/// assert_eq!((sizes.count(), sizes.mean(), sizes.population_variance()), (8.0, 5.0, 4.0));
/// assert!((sizes.variance() - 32.0 / 7.0).abs() < 1e-12);
/// assert!((sizes.skewness() - 0.656_25).abs() < 1e-12 && (sizes.kurtosis() + 0.218_75).abs() < 1e-12);
/// assert_eq!(sizes.mean_interval().to_string(), "5.0 [3.2, 6.8]");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Moments {
    /// The sum of the weights …
    count: f64,
    /// … and of their squares.
    squares: f64,
    mean: f64,
    /// The sums of the second, third and fourth powers of the deviations from the mean.
    m2: f64,
    m3: f64,
    m4: f64,
    ignored: u64,
}

impl Moments {
    /// Weights that faded below this in sum are nothing.
    pub(super) const LEAST: f64 = 1e-9;
    /// The bounds of all that is finite and can be stored: 10²⁰ values of ±10⁷⁰ reach none of them.
    const MOST: [f64; 6] = [1e20, 1e30, LIMIT, 1e161, 1e232, 1e303];

    /// The number of items, or the sum of their weights.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// How many values were NaN, infinite or beyond ±10⁷⁰.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The arithmetic mean; NaN of nothing.
    pub fn mean(&self) -> f64 {
        if self.count > 0.0 { self.mean } else { f64::NAN }
    }

    /// The variance of what the items are a sample of: the squared deviations by n − 1. NaN of fewer than two.
    pub fn variance(&self) -> f64 {
        if self.count > 1.0 { self.m2 / (self.count - 1.0) } else { f64::NAN }
    }

    /// The variance of the items themselves: the squared deviations by n. NaN of nothing.
    pub fn population_variance(&self) -> f64 {
        self.m2 / self.count
    }

    /// The square root of the [variance](Self::variance).
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// The skewness g₁ of the items: 0 if symmetric, positive if the long tail lies above. NaN if all are equal.
    pub fn skewness(&self) -> f64 {
        self.count.sqrt() * self.m3 / self.m2.powf(1.5)
    }

    /// The excess kurtosis g₂ of the items: 0 for a normal distribution, more if the tails are heavier. NaN if all are
    /// equal.
    pub fn kurtosis(&self) -> f64 {
        self.count * (self.m4 / self.m2) / self.m2 - 3.0
    }

    /// The mean with a 95 % interval for the mean of what the items are a sample of (Student's t).
    ///
    /// Holds with 95 % for independent values, if their distribution is about normal or they are many; of a hundred
    /// values from an exponential distribution it holds with 94 %. With weights that do not depend on the values it
    /// allows for their being uneven; for those of a sampled stream, whose strata differ, take a
    /// [`Mean`](super::Mean). Of fewer than two values it is unbounded.
    pub fn mean_interval(&self) -> Estimate {
        let method = Method::new(Family::Moments, 0);
        // One by the effective number of values.
        let share = self.squares / (self.count * self.count);
        let freedom = 1.0 / share - 1.0;
        if freedom > 1e-6 {
            let error = t95(freedom) * (self.m2 / self.count / freedom).sqrt();
            Estimate::within(self.mean, self.mean - error, self.mean + error, 0.95, method)
        } else {
            Estimate::unbounded(self.mean(), method)
        }
    }

    /// A value of some weight; nothing but ignored if it is out of range.
    fn of(value: f64, weight: f64) -> Self {
        if value.abs() <= LIMIT {
            Self { count: weight, squares: weight * weight, mean: value, ..Self::default() }
        } else {
            Self { ignored: 1, ..Self::default() }
        }
    }

    /// Some values, all in range.
    fn of_block(values: [&[f64]; 1]) -> Self {
        let n = values[0].len() as f64;
        let middle = sums(values, |x| x)[0] / n;
        let [s1, s2, s3, s4] = sums(values, |[x]| {
            let d = x - Lanes::all(middle);
            let square = d * d;
            [d, square, square * d, square * square]
        });
        // The mean was rounded: the sums move on by what that lost.
        let e = s1 / n;
        Self {
            count: n,
            squares: n,
            mean: middle + e,
            m2: (s2 - n * e * e).max(0.0),
            m3: s3 - 3.0 * e * s2 + 2.0 * n * e * e * e,
            m4: s4 - 4.0 * e * s3 + 6.0 * e * e * s2 - 3.0 * n * e * e * e * e,
            ignored: 0,
        }
    }

    #[inline]
    fn add(&mut self, other: &Self) {
        self.ignored = self.ignored.saturating_add(other.ignored);
        if other.count == 0.0 {
            return;
        }
        let n = self.count + other.count;
        // The shares of both; as such they do not overflow.
        let (a, b) = (self.count / n, other.count / n);
        let d = other.mean - self.mean;
        let (d2, ab) = (d * d, a * b);
        let between = n * d2 * ab;
        self.m4 += other.m4
            + between * d2 * (1.0 - 3.0 * ab)
            + 6.0 * d2 * (a * a * other.m2 + b * b * self.m2)
            + 4.0 * d * (a * other.m3 - b * self.m3);
        self.m3 += other.m3 + between * d * (a - b) + 3.0 * d * (a * other.m2 - b * self.m2);
        self.m2 += other.m2 + between;
        self.mean += d * b;
        self.count = n;
        self.squares += other.squares;
    }
}

/// What 97.5 % of Student's distribution lie below, to three digits: the expansion of Abramowitz and Stegun, 26.7.5.
pub(super) fn t95(freedom: f64) -> f64 {
    match freedom {
        ..1.0 => 12.706 / freedom,
        1.0..2.0 => 12.706,
        2.0..3.0 => 4.303,
        _ => {
            let (z, z2, v) = (Z95, Z95 * Z95, freedom);
            let g1 = (z2 + 1.0) / 4.0;
            let g2 = ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
            let g3 = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
            let g4 = ((((79.0 * z2 + 776.0) * z2 + 1_482.0) * z2 - 1_920.0) * z2 - 945.0) / 92_160.0;
            z * (1.0 + (g1 + (g2 + (g3 + g4 / v) / v) / v) / v)
        }
    }
}

impl Summary for Moments {
    type Reading = Self;

    const NAME: &'static str = "Moments";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        *self
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Absorb<$t> for Moments {
            type Exact = Self;

            const WEIGHTED: Option<fn(&mut Self, &$t, Weight)> = Some(<Self as Weighted<$t>>::absorb_weighted);

            #[inline]
            fn absorb(&mut self, item: &$t) {
                self.add(&Self::of(*item as f64, 1.0));
            }

            #[inline]
            fn absorb_all(&mut self, items: impl Items<$t>) {
                let number = |item: &$t| [*item as f64];
                let left_out = blocks(items, number, |x| x.abs() <= LIMIT, |block| self.add(&Self::of_block(block)));
                self.ignored = self.ignored.saturating_add(left_out);
            }

            fn exact(&self) -> Self {
                Self::default()
            }
        }

        impl Weighted<$t> for Moments {
            fn absorb_weighted(&mut self, item: &$t, weight: Weight) {
                self.add(&Self::of(*item as f64, weight.get()));
            }
        }
    )*};
}
numbers!(f32, f64, u8, u16, u32, u64, usize, i8, i16, i32, i64);

impl Decay for Moments {
    fn decay(&mut self, factor: f64) {
        let count = self.count * factor;
        *self = if count >= Self::LEAST {
            let squares = self.squares * factor * factor;
            Self { count, squares, m2: self.m2 * factor, m3: self.m3 * factor, m4: self.m4 * factor, ..*self }
        } else {
            Self { ignored: self.ignored, ..Self::default() }
        };
    }
}

impl Merge for Moments {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.add(other);
        Ok(())
    }
}

impl Codec for Moments {
    const FAMILY: Family = Family::Moments;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let Parts { numbers, ignored } = (*self).into();
        numbers.into_iter().for_each(|x| out.f64(x));
        out.u64(ignored);
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let mut numbers = [0.0; 6];
        for x in &mut numbers {
            *x = content.f64("moment")?;
        }
        Parts { numbers, ignored: content.u64("ignored")? }.try_into()
    }
}

/// Moments as they are stored, before they are known to be some.
#[derive(Serialize, Deserialize)]
struct Parts {
    numbers: [f64; 6],
    ignored: u64,
}

impl From<Moments> for Parts {
    fn from(moments: Moments) -> Self {
        let Moments { count, squares, mean, m2, m3, m4, ignored } = moments;
        Self { numbers: bounded([count, squares, mean, m2, m3, m4], &Moments::MOST), ignored }
    }
}

impl TryFrom<Parts> for Moments {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { numbers, ignored } = parts;
        check(&numbers, &Self::MOST)?;
        let [count, squares, mean, m2, m3, m4] = numbers;
        DecodeError::unless((count > 0.0) == (squares > 0.0), "squared weights", squares)?;
        DecodeError::unless(m2 >= 0.0, "negative sum of squares", m2)?;
        Ok(Self { count, squares, mean, m2, m3, m4, ignored })
    }
}

/// Numbers no larger than can be stored; only states made of damaged ones hold larger ones.
pub(super) fn bounded<const N: usize>(mut numbers: [f64; N], most: &[f64; N]) -> [f64; N] {
    for (x, most) in numbers.iter_mut().zip(most) {
        *x = x.clamp(-most, *most);
    }
    numbers
}

/// Refuses numbers that are no state; the first is the sum of the weights.
pub(super) fn check<const N: usize>(numbers: &[f64; N], most: &[f64; N]) -> Result<(), DecodeError> {
    for (x, most) in numbers.iter().zip(most) {
        DecodeError::unless(x.abs() <= *most, "moment", x)?;
    }
    let nothing = numbers.iter().all(|x| *x == 0.0);
    DecodeError::unless(nothing || numbers[0] >= Moments::LEAST, "weight", numbers[0])
}
