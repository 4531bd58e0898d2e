//! Medians, percentiles, ranks: [`Kll`] and [`TDigest`], read as [`Quantiles`].
//!
//! **Which?** [`Kll`] states the error of its ranks and keeps to it on any input. [`TDigest`] is closer at the tails and
//! promises nothing.

mod ascending;
mod centroid;
mod digest;
mod image;
mod kll;
mod quantiles;
mod scale;
mod steps;
mod tdigest;

pub use kll::{Kll, KllWindow};
pub use quantiles::Quantiles;
pub use scale::ScaleFunction;
pub use tdigest::TDigest;
