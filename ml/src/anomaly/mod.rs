//! Detectors of what is strange, with one contract for their scores.
//!
//! A [`Scorer`] measures strangeness in a unit of its own; [`Calibrated`] makes a [`Detector`](crate::Detector) of it,
//! whose scores are tail probabilities ([`score`]) and so comparable between series and detectors.

mod calibrated;
mod calibration;
mod cells;
mod gaussian;
mod half_space;
mod isolation;
mod kmeans_distance;
mod loda;
mod mahalanobis;
mod robust;
mod rows;
mod scale;
pub mod score;
mod scorer;
mod shingle;
mod strangest;
mod tail;

pub use calibrated::Calibrated;
pub use calibration::Calibration;
pub use gaussian::GaussianTails;
pub use half_space::HalfSpaceTrees;
pub use isolation::IsolationForest;
pub use kmeans_distance::KMeansDistance;
pub use loda::Loda;
pub use mahalanobis::Mahalanobis;
pub use robust::RobustTails;
pub use rows::Combining;
pub use scorer::Scorer;
pub use shingle::Shingled;
pub use strangest::Strangest;
pub use tail::Tail;

#[cfg(test)]
mod trials;
