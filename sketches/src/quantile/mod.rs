//! Medians, percentiles, ranks: [`TDigest`], read as [`Quantiles`].
//!
//! **When not to use it.** A t-digest promises nothing in the worst case, and merging in another order gives slightly
//! other numbers. Where an interval is needed, or where the input may be hostile, it is the wrong tool.

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
