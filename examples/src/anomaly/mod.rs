//! Metrics of many series, each watched by a detector of its own.
//!
//! Readings come from files of `timestamp,value`, one series a file, or from a [simulation](Simulated) with anomalies
//! put in. [`run`] scores each reading by the detector of its series before that learns it, and tells the alerts.

mod job;
mod reading;
mod simulated;

pub use job::{Failure, Input, Options, Report, run};
pub use reading::{BadReading, Reading};
pub use simulated::Simulated;
