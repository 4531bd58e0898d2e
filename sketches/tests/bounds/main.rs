//! Claimed intervals hold as often as they claim: a module per family.
//!
//! Seeds are fixed, so a test that passes passes always. The limits are such that a true claim would fail for one seed
//! in ten thousand.

#![allow(clippy::unwrap_used, missing_docs)]

mod distinct;
mod exact;
mod exaloglog;
mod frequency;
mod membership;
mod quantile;
mod sample;
mod strata;

/// At least so many of 2,000 intervals at 95 % hold the truth, but for one seed in ten thousand.
const HOLD_OF_2000: usize = 1_862;
