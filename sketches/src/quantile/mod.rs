//! Medians, percentiles, ranks: [`Kll`] and [`TDigest`], read as [`Quantiles`].
//!
//! **Which?** [`Kll`] states the error of its ranks and keeps to it on any input. [`TDigest`] is closer at the tails and
//! promises nothing.

mod digest;
mod kll;
mod quantiles;
mod steps;
mod tdigest;

pub use kll::Kll;
pub use quantiles::Quantiles;
pub use tdigest::TDigest;

use serde::{Deserialize, Serialize};

/// Some values close together, by their mean and their weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Centroid {
    pub(crate) mean: f64,
    pub(crate) weight: f64,
}
