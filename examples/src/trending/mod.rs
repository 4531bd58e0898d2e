//! Trending words of a text stream.
//!
//! Lines come from a TCP server, or from one that is [made up](Generator). [`run`] compares the heavy hitters of the last
//! five minutes with those of the hour, and tells words that are surely said far more often than usual.

mod generator;
mod job;

pub use generator::Generator;
pub use job::{Options, Report, run};
