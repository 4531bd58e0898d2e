//! Service levels of made-up services: latency quantiles, shares within an objective, burn rates.
//!
//! Latencies come from a [simulation](Simulated) with incidents. [`run`] summarizes them per service over the last five
//! minutes, every minute, and tells when the error budget burns too fast.

mod burn;
mod job;
mod simulated;

pub use job::{Options, Report, run};
pub use simulated::{Request, SERVICES, Service, Simulated};
