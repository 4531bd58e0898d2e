//! Exact summaries: counts and sums, and the yardsticks that the sketches are held against.
//!
//! [`Count`] and [`Sum`] are small and exact for ever. [`ExactDistinct`], [`ExactTop`] and [`ExactQuantiles`] keep every
//! distinct item or every value: use them where the data is small, or to audit a sketch; not on an unbounded stream.

mod count;
mod distinct;
mod quantiles;
mod sum;
mod top;

pub use count::Count;
pub(crate) use count::Z95;
pub use distinct::ExactDistinct;
pub use quantiles::ExactQuantiles;
pub use sum::{Addend, FloatSum, Sum};
pub use top::ExactTop;
pub(crate) use top::highest;
