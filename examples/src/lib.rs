//! What the jobs in this package share with their tests and benchmarks.

pub mod anomaly;
pub mod nab;
pub mod weblog;
