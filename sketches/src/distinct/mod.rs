//! How many different items: [`HyperLogLog`], and the denser [`ExaLogLog`].
//!
//! **When not to use it.** Below some hundred thousand items a plain set is exact and affordable. A HyperLogLog cannot
//! forget an item, cannot be scaled up from a sample and cannot decay. What two sketches have in common is known to
//! about the error of their union: a small overlap of large sets drowns.

mod estimator;
pub mod exaloglog;
pub mod hyperloglog;
mod joint;

pub(crate) use estimator::relative_error;
pub use exaloglog::ExaLogLog;
pub use hyperloglog::HyperLogLog;
