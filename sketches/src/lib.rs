//! Mergeable summaries of streams.
//!
//! A *summary* is a small state that absorbs items, merges with its like and is read. Counts, sketches and samples are
//! summaries; so are tuples of them. Nothing in this crate knows an engine or a runtime: use a summary on its own, or
//! give it to a stream, which runs it per batch, per key and over windows.
//!
//! | question | summary | its reading | guarantee |
//! |---|---|---|---|
//! | how many? | [`Count`], [`Sum`] | [`Estimate`] | exact |
//! | the lowest, the highest? | [`Min`], [`Max`] | a value, if there was one | exact |
//! | mean, variance, shape? | [`Moments`] | itself | exact but for rounding |
//! | do two numbers go together? | [`Covariance`] | itself | exact but for rounding |
//! | how many different? | [`HyperLogLog`] | [`Estimate`] | relative error 1.04/√2ᵖ |
//! | the same, denser | [`ExaLogLog`] | [`Estimate`] | relative error 0.344/√2ᵖ |
//! | how often this one? | [`CountMin`] | the sketch, asked by item | never too low; too high by at most e·N/width |
//! | which are the most frequent? | [`HeavyHitters`] | keys with intervals | the interval always holds |
//! | what is the median, the p99? | [`TDigest`] | [`Quantiles`] | none: measured, not proven |
//! | the exact answers | [`ExactDistinct`], [`ExactTop`], [`ExactQuantiles`] | as their twins | exact, memory grows |
//!
//! ```
//! use streamgauge_sketches::{Absorb, HyperLogLog, Merge, Summary};
//!
//! let mut monday = HyperLogLog::with_precision(12)?;
//! let mut tuesday = HyperLogLog::with_precision(12)?;
//! for user in 0..60_000_u64 {
//!     monday.absorb(&user);
//! }
//! for user in 40_000..100_000_u64 {
//!     tuesday.absorb(&user);
//! }
//! monday.merge(&tuesday)?;
//! let users = monday.read();
//! assert!(users.lower < 100_000.0 && 100_000.0 < users.upper, "{users}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod codec;
pub mod distinct;
mod error;
mod estimate;
pub mod exact;
pub mod frequency;
pub mod hash;
mod key;
pub mod laws;
pub mod membership;
pub mod quantile;
mod random;
pub mod sample;
pub mod summary;
mod table;

pub use codec::Codec;
pub use compact_str::CompactString;
pub use distinct::{ExaLogLog, HyperLogLog};
pub use error::{DecodeError, Mismatch, ParameterError};
pub use estimate::{Estimate, Family, Method};
pub use exact::{Count, Covariance, ExactDistinct, ExactQuantiles, ExactTop, Max, Min, Moments, Sum};
pub use frequency::{ConservativeCountMin, CountMin, HeavyHitters};
pub use hash::PortableHash;
pub use key::{Key, OwnedKey};
pub use membership::{Bloom, ClassicBloom, Membership, ScalableBloom};
pub use quantile::{Kll, Quantiles, ScaleFunction, TDigest};
pub use sample::{Bernoulli, Reservoir, Stratified, WeightedReservoir};
pub use summary::{Absorb, Decay, Hashed, Items, Merge, On, Sliding, Spec, Summary, Weight, Weighted};
pub use table::Table;
