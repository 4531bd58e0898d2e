//! How many different items: [`HyperLogLog`].
//!
//! **When not to use it.** Below some hundred thousand items a plain set is exact and affordable. Intersections of
//! sketches of very different sizes are not to be trusted. A HyperLogLog cannot forget an item, cannot be scaled up from
//! a sample and cannot decay.

mod estimator;
pub mod hyperloglog;

pub(crate) use estimator::relative_error;
pub use hyperloglog::HyperLogLog;
