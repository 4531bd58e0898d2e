//! How two numbers go together.

use serde::{Deserialize, Serialize};

use super::block::{LIMIT, Lanes, blocks, sums};
use super::moments::{Moments, bounded, check};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::Family;
use crate::summary::{Absorb, Decay, Items, Merge, Summary, TwoStacks, Weight, Weighted};

/// Covariance, correlation and the straight line through pairs of numbers, in one pass.
///
/// | | |
/// |---|---|
/// | answers | means, variances, covariance, Pearson's correlation, slope and intercept |
/// | memory | 56 bytes |
/// | absorb, merge, read | O(1) |
/// | guarantee | exact but for rounding, which stays small far from zero, as in [`Moments`] |
/// | merged | as one of everything but for rounding, in any order |
/// | weights, decay | a pair of weight w counts as w pairs; decay multiplies all weights |
///
/// It reads as itself. Pairs of which a number is NaN, infinite or beyond ±10⁷⁰ are left out and counted in
/// [`ignored`](Self::ignored). What needs more pairs than there are is NaN.
///
/// **When not to use it.** Correlation sees straight lines only, and one outlier can make or hide it; it says nothing
/// of cause.
///
/// Sources: Chan, Golub, LeVeque, 1979; Pébay, 2008 (see [`Moments`]).
///
/// ```
/// use streamgauge_sketches::{Absorb, Covariance};
/// let mut line = Covariance::default();
/// line.absorb_all(&[(1.0, 3.0), (2.0, 5.0), (3.0, 7.0), (4.0, 9.0)]);
/// assert_eq!((line.slope(), line.intercept()), (2.0, 1.0));
/// assert_eq!((line.correlation(), line.mean_y()), (1.0, 6.0));
/// assert!((line.covariance() - 10.0 / 3.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Covariance {
    /// The sum of the weights.
    count: f64,
    mean: [f64; 2],
    /// The sums of the squared deviations from the means …
    m2: [f64; 2],
    /// … and of their products.
    product: f64,
    ignored: u64,
}

impl Covariance {
    const MOST: [f64; 6] = [1e20, LIMIT, LIMIT, 1e161, 1e161, 1e161];

    /// The number of pairs, or the sum of their weights.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// How many pairs had a number that was NaN, infinite or beyond ±10⁷⁰.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The mean of the first numbers; NaN of nothing.
    pub fn mean_x(&self) -> f64 {
        if self.count > 0.0 { self.mean[0] } else { f64::NAN }
    }

    /// The mean of the second numbers; NaN of nothing.
    pub fn mean_y(&self) -> f64 {
        if self.count > 0.0 { self.mean[1] } else { f64::NAN }
    }

    /// The variance of the first numbers: the squared deviations by n − 1. NaN of fewer than two.
    pub fn variance_x(&self) -> f64 {
        self.of_sample(self.m2[0])
    }

    /// The variance of the second numbers: the squared deviations by n − 1. NaN of fewer than two.
    pub fn variance_y(&self) -> f64 {
        self.of_sample(self.m2[1])
    }

    /// The covariance: the products of the deviations by n − 1. NaN of fewer than two.
    pub fn covariance(&self) -> f64 {
        self.of_sample(self.product)
    }

    /// The covariance of the pairs themselves: the products of the deviations by n. NaN of nothing.
    pub fn population_covariance(&self) -> f64 {
        self.product / self.count
    }

    /// Pearson's correlation, in −1..=1. NaN if either number is always the same.
    pub fn correlation(&self) -> f64 {
        (self.product / self.m2[0].sqrt() / self.m2[1].sqrt()).clamp(-1.0, 1.0)
    }

    /// The slope of the least-squares line y = slope · x + intercept. NaN if x is always the same.
    pub fn slope(&self) -> f64 {
        self.product / self.m2[0]
    }

    /// The intercept of the least-squares line. NaN if x is always the same.
    pub fn intercept(&self) -> f64 {
        self.mean[1] - self.slope() * self.mean[0]
    }

    fn of_sample(&self, sum: f64) -> f64 {
        if self.count > 1.0 { sum / (self.count - 1.0) } else { f64::NAN }
    }

    /// A pair of some weight; nothing but ignored if it is out of range.
    fn of(pair: (f64, f64), weight: f64) -> Self {
        if pair.0.abs() <= LIMIT && pair.1.abs() <= LIMIT {
            Self { count: weight, mean: [pair.0, pair.1], ..Self::default() }
        } else {
            Self { ignored: 1, ..Self::default() }
        }
    }

    /// Some pairs, all in range.
    fn of_block(pairs: [&[f64]; 2]) -> Self {
        let n = pairs[0].len() as f64;
        let [x, y] = sums(pairs, |pair| pair).map(|sum| sum / n);
        let [x1, y1, xx, yy, xy] = sums(pairs, |pair| {
            let (a, b) = (pair[0] - Lanes::all(x), pair[1] - Lanes::all(y));
            [a, b, a * a, b * b, a * b]
        });
        // The means were rounded: the sums move on by what that lost.
        let (x_lost, y_lost) = (x1 / n, y1 / n);
        Self {
            count: n,
            mean: [x + x_lost, y + y_lost],
            m2: [(xx - x1 * x_lost).max(0.0), (yy - y1 * y_lost).max(0.0)],
            product: xy - x1 * y_lost,
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
        let (a, b) = (self.count / n, other.count / n);
        let (dx, dy) = (other.mean[0] - self.mean[0], other.mean[1] - self.mean[1]);
        let between = n * a * b;
        self.m2[0] += other.m2[0] + between * dx * dx;
        self.m2[1] += other.m2[1] + between * dy * dy;
        self.product += other.product + between * dx * dy;
        self.mean[0] += dx * b;
        self.mean[1] += dy * b;
        self.count = n;
    }
}

impl Summary for Covariance {
    type Reading = Self;

    const NAME: &'static str = "Covariance";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        *self
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Absorb<(f64, f64)> for Covariance {
    type Exact = Self;

    const WEIGHTED: Option<fn(&mut Self, &(f64, f64), Weight)> = Some(<Self as Weighted<(f64, f64)>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &(f64, f64)) {
        self.add(&Self::of(*item, 1.0));
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<(f64, f64)>) {
        let left_out = blocks(items, |&(x, y)| [x, y], |x| x.abs() <= LIMIT, |block| self.add(&Self::of_block(block)));
        self.ignored = self.ignored.saturating_add(left_out);
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl Weighted<(f64, f64)> for Covariance {
    fn absorb_weighted(&mut self, item: &(f64, f64), weight: Weight) {
        self.add(&Self::of(*item, weight.get()));
    }
}

impl Decay for Covariance {
    fn decay(&mut self, factor: f64) {
        let count = self.count * factor;
        *self = if count >= Moments::LEAST {
            Self { count, m2: self.m2.map(|sum| sum * factor), product: self.product * factor, ..*self }
        } else {
            Self { ignored: self.ignored, ..Self::default() }
        };
    }
}

impl Merge for Covariance {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.add(other);
        Ok(())
    }
}

impl Codec for Covariance {
    const FAMILY: Family = Family::Covariance;
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

/// A state as it is stored, before it is known to be one.
#[derive(Serialize, Deserialize)]
struct Parts {
    numbers: [f64; 6],
    ignored: u64,
}

impl From<Covariance> for Parts {
    fn from(state: Covariance) -> Self {
        let Covariance { count, mean: [x, y], m2: [xx, yy], product, ignored } = state;
        Self { numbers: bounded([count, x, y, xx, yy, product], &Covariance::MOST), ignored }
    }
}

impl TryFrom<Parts> for Covariance {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { numbers, ignored } = parts;
        check(&numbers, &Self::MOST)?;
        let [count, x, y, xx, yy, product] = numbers;
        DecodeError::unless(xx >= 0.0 && yy >= 0.0, "negative sum of squares", xx.min(yy))?;
        Ok(Self { count, mean: [x, y], m2: [xx, yy], product, ignored })
    }
}
