//! The mean of a number, also of sampled records.

use serde::{Deserialize, Serialize};

use super::block::LIMIT;
use super::moments::{bounded, check, t95};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::{Estimate, Family, Method};
use crate::summary::{Absorb, Decay, Merge, Summary, TwoStacks, Weight, Weighted};

/// The mean of numbers: of all records exactly, of sampled records with the error of the sampling.
///
/// | | |
/// |---|---|
/// | answers | the mean of the values that there were |
/// | memory | 56 bytes |
/// | absorb, merge, read | O(1) |
/// | guarantee | exact but for rounding while every record is absorbed; an interval that holds with 95 % if they were sampled, from some twenty-five sampled records on |
/// | merged | as one of everything but for rounding, in any order |
///
/// A sampled mean is a ratio of two totals, Σ w·x / Σ w (Hájek, 1971), whose variance is Σ w (w − 1) (x − mean)² / (Σ w)²
/// for records that are kept independently of each other, each with probability 1/w: strata may be sampled unevenly, and
/// their values may differ. The interval is Student's, by the number of records that stand for others. That is
/// another question than that of [`Moments::mean_interval`](super::Moments::mean_interval), which takes even a complete
/// stream for a sample of something larger.
///
/// NaN, infinite values and those beyond ±10⁷⁰ are left out.
///
/// ```
/// use streamgauge_sketches::{Absorb, Mean, Summary, Weight, Weighted};
/// let mut size = Mean::default();
/// size.absorb_all(&[1.0, 2.0, 6.0]);
/// assert_eq!(size.read().value, 3.0);
/// assert!(size.read().is_exact());
/// for x in [2.0, 3.0, 4.0] {
///     size.absorb_weighted(&x, Weight::new(4.0));
/// }
/// assert_eq!(size.read().value, 3.0);
/// assert!(size.read().contains(3.5) && !size.read().contains(6.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Mean {
    /// Σ w, and the mean by these weights.
    all: Weighed,
    /// Σ w (w − 1), and the mean by these.
    sampled: Weighed,
    /// Σ w (w − 1) (x − mean of the sampled)².
    squares: f64,
    /// How many records stand for more than themselves.
    records: u64,
}

/// A weight and the mean of what has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Weighed {
    weight: f64,
    mean: f64,
}

impl Weighed {
    /// Takes in another; returns the squared deviations from the common mean that lie between the two.
    #[inline]
    fn add(&mut self, other: Self) -> f64 {
        if other.weight == 0.0 {
            return 0.0;
        }
        let weight = self.weight + other.weight;
        let (share, apart) = (other.weight / weight, other.mean - self.mean);
        let between = self.weight * share * apart * apart;
        self.mean += apart * share;
        self.weight = weight;
        between
    }
}

impl Mean {
    /// Weights that faded below this in sum are nothing.
    const LEAST: f64 = 1e-9;
    /// The bounds of all that can be stored: 10²⁰ values of ±10⁷⁰ and any weight reach none of them. Rounding may carry
    /// the mean of the largest a little beyond them.
    const MOST: [f64; 5] = [1e100, 1.01 * LIMIT, 1e110, 1.01 * LIMIT, 1e300];

    #[inline]
    fn push(&mut self, value: f64, weight: f64) {
        if value.abs() > LIMIT || value.is_nan() {
            return;
        }
        self.all.add(Weighed { weight, mean: value });
        if weight > 1.0 {
            self.squares += self.sampled.add(Weighed { weight: weight * (weight - 1.0), mean: value });
            self.records = self.records.saturating_add(1);
        }
    }
}

impl Summary for Mean {
    type Reading = Estimate;

    const NAME: &'static str = "Mean";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Estimate {
        let Self { all, sampled, squares, records } = *self;
        let method = Method::new(Family::Mean, 0);
        if all.weight == 0.0 {
            return Estimate::unbounded(f64::NAN, method);
        }
        if records == 0 {
            return Estimate::within(all.mean, all.mean, all.mean, 1.0, method);
        }
        if records == 1 {
            return Estimate::unbounded(all.mean, method);
        }
        let (apart, freedom) = (sampled.mean - all.mean, records as f64 - 1.0);
        let variance = (squares + sampled.weight * apart * apart) * (records as f64 / freedom);
        let error = t95(freedom) * variance.sqrt() / all.weight;
        Estimate::within(all.mean, all.mean - error, all.mean + error, 0.95, method)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Absorb<$t> for Mean {
            type Exact = Self;

            const WEIGHTED: Option<fn(&mut Self, &$t, Weight)> = Some(<Self as Weighted<$t>>::absorb_weighted);

            #[inline]
            fn absorb(&mut self, item: &$t) {
                self.push(*item as f64, 1.0);
            }

            fn exact(&self) -> Self {
                Self::default()
            }
        }

        impl Weighted<$t> for Mean {
            #[inline]
            fn absorb_weighted(&mut self, item: &$t, weight: Weight) {
                self.push(*item as f64, weight.get());
            }
        }
    )*};
}
numbers!(f32, f64, u8, u16, u32, u64, usize, i8, i16, i32, i64);

impl Decay for Mean {
    fn decay(&mut self, factor: f64) {
        self.all.weight *= factor;
        if self.all.weight < Self::LEAST {
            *self = Self::default();
            return;
        }
        // The variance is one of squared weights.
        self.sampled.weight *= factor * factor;
        self.squares *= factor * factor;
    }
}

impl Merge for Mean {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.all.add(other.all);
        self.squares += other.squares + self.sampled.add(other.sampled);
        self.records = self.records.saturating_add(other.records);
        Ok(())
    }
}

impl Codec for Mean {
    const FAMILY: Family = Family::Mean;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let Parts { numbers, records } = (*self).into();
        numbers.into_iter().for_each(|x| out.f64(x));
        out.u64(records);
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let mut numbers = [0.0; 5];
        for x in &mut numbers {
            *x = content.f64("mean")?;
        }
        Parts { numbers, records: content.u64("sampled records")? }.try_into()
    }
}

/// A mean as it is stored, before it is known to be one.
#[derive(Serialize, Deserialize)]
struct Parts {
    /// Weight and mean of all and of the sampled, and the squares.
    numbers: [f64; 5],
    records: u64,
}

impl From<Mean> for Parts {
    fn from(Mean { all, sampled, squares, records }: Mean) -> Self {
        let numbers = [all.weight, all.mean, sampled.weight, sampled.mean, squares];
        Self { numbers: bounded(numbers, &Mean::MOST), records }
    }
}

impl TryFrom<Parts> for Mean {
    type Error = DecodeError;

    fn try_from(Parts { numbers, records }: Parts) -> Result<Self, DecodeError> {
        let [weight, mean, sampled_weight, sampled_mean, squares] = numbers;
        let (all, sampled) = (Weighed { weight, mean }, Weighed { weight: sampled_weight, mean: sampled_mean });
        check(&numbers, &Self::MOST)?;
        DecodeError::unless(sampled_weight >= 0.0, "sampled weight", sampled_weight)?;
        DecodeError::unless(squares >= 0.0, "squared deviations", squares)?;
        Ok(Self { all, sampled, squares, records })
    }
}
