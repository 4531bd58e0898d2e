//! Made-up rooms with sensors: is someone in?
//!
//! Readings of temperature, light and CO₂ come from a [simulation](Simulated) of people, sun and air. [`run`] predicts
//! from each reading whether someone is in, by a tree that learns when the truth is told, some readings later.

mod job;
mod simulated;

pub use job::{Options, Report, run};
pub use simulated::{Reading, Simulated};
