//! What the jobs in this package share with their tests and benchmarks.

pub mod anomaly;
pub mod cluster_drift;
pub mod labelled;
pub mod nab;
pub mod panels;
pub mod prequential;
pub mod spam;
pub mod weblog;
