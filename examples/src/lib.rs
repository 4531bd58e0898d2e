//! What the jobs in this package share with their tests and benchmarks.

pub mod labelled;
pub mod prequential;
pub mod spam;
pub mod cluster_drift;
pub mod anomaly;
pub mod nab;
pub mod weblog;
