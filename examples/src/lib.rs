//! What the jobs in this package share with their tests and benchmarks.

pub mod anomaly;
mod check;
pub mod cluster_drift;
mod failure;
pub mod fraud;
pub mod labelled;
pub mod nab;
mod newest;
pub mod panels;
pub mod prequential;
mod program;
mod progress;
mod report;
pub mod sensors;
mod setting;
mod simulation;
pub mod slo;
pub mod spam;
pub mod trending;
pub mod weblog;

pub use check::Check;
pub use failure::Failure;
pub use program::main_of;
pub use progress::Progress;
pub use report::{ended, print_json};
pub use setting::{Pace, Setting, check_rows, write_rows};
