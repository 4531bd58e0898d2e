//! Detectors of what is strange, with one contract for their scores.
//!
//! A [`Scorer`] measures strangeness in a unit of its own; [`Calibrated`] makes a [`Detector`](crate::Detector) of it,
//! whose scores are tail probabilities ([`score`]) and so comparable between series and detectors.

mod calibrated;
mod calibration;
mod cusum;
mod derived;
mod ensemble;
mod ewma;
mod novelty;
mod onset;
mod robust_z;
mod sample;
pub mod score;
mod scorer;
mod series;
mod slots;
mod spot;
mod tail;
mod threshold;

#[cfg(test)]
mod tests;

pub use calibrated::Calibrated;
pub use calibration::Calibration;
pub use cusum::Cusum;
pub use derived::{Derived, Feature};
pub use ensemble::{Combine, Ensemble, Members};
pub use ewma::Ewma;
pub use novelty::Novelty;
pub use onset::Onset;
pub use robust_z::RobustZ;
pub use sample::{Sample, Timeless};
pub use scorer::{Checked, Scorer};
pub use series::SeriesDetector;
pub use slots::Slots;
pub use spot::{DriftSpot, Spot};
pub use tail::Tail;
pub use threshold::{Fixed, Share, Threshold};
