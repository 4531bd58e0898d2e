//! Quantiles of numbers, exactly.

use serde::{Deserialize, Serialize};

use crate::error::Mismatch;
use crate::quantile::Quantiles;
use crate::summary::{Absorb, Merge, Summary, TwoStacks};

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
