//! Mergeable summaries of streams.
//!
//! A *summary* is a small state that absorbs items, merges with its like and is read. Counts, sketches and samples are
//! summaries; so are tuples of them. Nothing in this crate knows an engine or a runtime: use a summary on its own, or
//! give it to a stream, which runs it per batch, per key and over windows.
//!
//! | question | summary | its reading | guarantee |
//! |---|---|---|---|
//! | how many different? | [`HyperLogLog`], [`ExaLogLog`] | [`Estimate`] | the interval holds with 95 % |
//! | how often this one? | [`CountMin`], [`ConservativeCountMin`] | the sketch, asked by item | never too low; seldom too high by more than e·N/width |
//! | which are the most frequent? | [`HeavyHitters`] | keys with intervals | the interval always holds |
//! | seen before? | [`Bloom`], [`ClassicBloom`], [`ScalableBloom`] | the filter, asked by item | never a false "no" |
//! | what is the median, the p99? | [`TDigest`] | [`Quantiles`] | none: measured, not proven |
//! | the same, with a bound? | [`Kll`] | [`Quantiles`] | ranks within 1.3/k, 99 times in a hundred |
//! | anything, asked later? | [`Reservoir`], [`WeightedReservoir`], [`Bernoulli`], [`Stratified`] | a [`sample`], asked for means, sums and counts | the interval holds with 95 % |
//! | how many, how much? | [`Count`], [`Sum`], [`Min`], [`Max`], [`Mean`], [`Moments`], [`Covariance`] | numbers | exact |
//! | the exact answers | [`ExactDistinct`], [`ExactTop`], [`ExactQuantiles`] | as their twins | exact, memory grows |
//!
//! Every one of them merges, slides over windows ([`Sliding`]), absorbs in bulk ([`Absorb::absorb_all`]), is a serde type
//! and has a compact image ([`Codec`]) that is the same on every machine. The [`laws`] that they are held to are public:
//! run your own summaries through them.
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

pub mod audit;
pub mod codec;
pub mod distinct;
mod error;
mod estimate;
pub mod exact;
pub mod frequency;
pub mod hash;
mod infinite;
mod key;
mod key_hash;
pub mod laws;
pub mod membership;
pub mod quantile;
pub mod random;
pub mod sample;
pub mod summary;
mod table;

pub use audit::{Audit, Audited};
pub use codec::Codec;
pub use compact_str::CompactString;
pub use distinct::{ExaLogLog, HyperLogLog};
pub use error::{DecodeError, Mismatch, ParameterError};
pub use estimate::{Estimate, Family, Method};
pub use exact::{Count, Covariance, ExactDistinct, ExactQuantiles, ExactTop, Max, Mean, Min, Moments, Sum};
pub use frequency::{ConservativeCountMin, CountMin, HeavyHitters};
pub use hash::PortableHash;
pub use key::{Key, OwnedKey};
pub use key_hash::key_hash;
pub use membership::{Bloom, ClassicBloom, Membership, ScalableBloom};
pub use quantile::{Kll, KllWindow, Quantiles, ScaleFunction, TDigest};
pub use sample::{Bernoulli, Reservoir, Stratified, WeightedReservoir};
pub use summary::{Absorb, Decay, Hashed, Items, Merge, On, Panes, Sliding, Spec, Summary, Weight, Weighted};
pub use table::Table;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
