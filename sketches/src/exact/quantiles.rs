//! Quantiles of numbers, exactly.

use serde::{Deserialize, Serialize};

use super::block::blocks;
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::Family;
use crate::quantile::Quantiles;
use crate::summary::{Absorb, Items, Merge, Summary, TwoStacks};

/// All values: the yardstick of [`TDigest`](crate::TDigest). Eight bytes a value; NaN and infinite ones are left out.
///
/// A quantile is the smallest value that at least that share of the values does not exceed (the inverse of the
/// empirical distribution function), so it is one of the values.
///
/// ```
/// use streamgauge_sketches::{Absorb, ExactQuantiles, Summary};
/// let mut sizes = ExactQuantiles::default();
/// for size in [10.0, 40.0, 20.0, 30.0] {
///     sizes.absorb(&size);
/// }
/// assert_eq!(sizes.read().at(0.5).value, 20.0);
/// assert_eq!(sizes.read().at(0.51).value, 30.0);
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ExactQuantiles {
    values: Vec<f64>,
}

impl Summary for ExactQuantiles {
    type Reading = Quantiles;

    const NAME: &'static str = "ExactQuantiles";

    fn read(&self) -> Quantiles {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        Quantiles::exact(sorted)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<f64>()
    }
}

impl Absorb<f64> for ExactQuantiles {
    type Exact = Self;

    fn absorb(&mut self, item: &f64) {
        if item.is_finite() {
            self.values.push(*item);
        }
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<f64>) {
        blocks(items, |item| [*item], f64::is_finite, |[block]| self.values.extend_from_slice(block));
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl Merge for ExactQuantiles {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.values.extend_from_slice(&other.values);
        Ok(())
    }
}

impl Codec for ExactQuantiles {
    const FAMILY: Family = Family::ExactQuantiles;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        out.u64(sorted.len() as u64);
        sorted.into_iter().for_each(|value| out.f64(value));
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let length = usize::try_from(content.u64("values")?).unwrap_or(usize::MAX);
        let mut content = Reader::new(content.bytes("values", length.saturating_mul(size_of::<f64>()))?);
        let values: Vec<_> = (0..length).map(|_| content.f64("value")).collect::<Result<_, _>>()?;
        let disorder = values.windows(2).position(|pair| pair[0].total_cmp(&pair[1]).is_gt());
        DecodeError::unless(disorder.is_none(), "values out of order, at", disorder.unwrap_or(0))?;
        Parts { values }.try_into()
    }
}

/// Values as they are stored, before they are known to be finite.
#[derive(Deserialize)]
struct Parts {
    values: Vec<f64>,
}

impl TryFrom<Parts> for ExactQuantiles {
    type Error = DecodeError;

    fn try_from(Parts { values }: Parts) -> Result<Self, DecodeError> {
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(DecodeError::Value { field: "value", value: value.to_string() }),
            None => Ok(Self { values }),
        }
    }
}
