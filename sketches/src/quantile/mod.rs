//! Medians, percentiles, ranks: [`TDigest`], read as [`Quantiles`].
//!
//! **When not to use it.** A t-digest promises nothing in the worst case, and merging in another order gives slightly
//! other numbers. Where an interval is needed, or where the input may be hostile, it is the wrong tool.

mod centroid;
mod digest;
mod image;
mod kll;
mod quantiles;
mod scale;
mod steps;
mod tdigest;

pub use kll::Kll;
pub use quantiles::Quantiles;
pub use scale::ScaleFunction;
pub use tdigest::TDigest;
