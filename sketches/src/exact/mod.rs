//! Exact summaries: counts, sums, extremes and moments, and the yardsticks that the sketches are held against.
//!
//! [`Count`], [`Sum`], [`FloatSum`], [`Min`], [`Max`], [`Mean`], [`Moments`] and [`Covariance`] are small for ever; those over floats
//! are exact but for rounding. [`ExactDistinct`], [`ExactTop`] and [`ExactQuantiles`] keep every
//! distinct item or every value: use them where the data is small, or to audit a sketch; not on an unbounded stream.

mod block;
mod count;
mod covariance;
mod distinct;
mod extreme;
mod mean;
mod moments;
mod quantiles;
mod stored;
mod sum;
mod top;

pub use count::Count;
pub(crate) use count::{Z95, sampling_error};
pub use covariance::Covariance;
pub use distinct::ExactDistinct;
pub use extreme::{Max, Min, Ordered};
pub use mean::Mean;
pub use moments::Moments;
pub use quantiles::ExactQuantiles;
pub use sum::{Addend, FloatSum, Sum};
pub use top::ExactTop;
pub(crate) use top::highest;
