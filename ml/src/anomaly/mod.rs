//! Detectors of what is strange, with one contract for their scores.
//!
//! A [`Scorer`] measures strangeness in a unit of its own; [`Calibrated`] makes a [`Detector`](crate::Detector) of it,
//! whose scores are tail probabilities ([`score`]) and so comparable between series and detectors.

mod calibrated;
mod calibration;
pub mod score;
mod scorer;
mod tail;

pub use calibrated::Calibrated;
pub use calibration::Calibration;
pub use scorer::Scorer;
pub use tail::Tail;
