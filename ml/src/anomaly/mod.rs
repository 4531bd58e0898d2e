//! Detectors of what is strange, with one contract for their scores.
//!
//! A [`Scorer`] measures strangeness in a unit of its own; [`Calibrated`] makes a [`Detector`](crate::Detector) of it,
//! whose scores are tail probabilities ([`score`]) and so comparable between series and detectors. A [`Threshold`] says
//! from which score on there is an alarm.
//!
//! | for series | finds | not for |
//! |---|---|---|
//! | [`SeriesDetector`] | anomalies of any kind, without a choice to be made: the default | memory below 100 KiB a series |
//! | [`Novelty`] | values that were never seen, high, low or between | counters and trends: take a [`Derived`] one |
//! | [`RobustZ`] | values far from the median; merges | several normal levels |
//! | [`Ewma`] | spikes and steps against the recent past | slow changes |
//! | [`Cusum`] | small shifts that last | single spikes |
//! | [`Slots`] of any of these | what is unusual at this time of a period | series without a period |
//! | [`Derived`] | the same in levels, residuals, noise or changes | |
//!
//! | for rows | finds | not for |
//! |---|---|---|
//! | [`Ensemble`] of [`IsolationForest`] and [`Mahalanobis`] | rows that are strange to either: the default | hundreds of attributes |
//! | [`IsolationForest`] | rows that few random cuts isolate | combinations of attributes |
//! | [`Mahalanobis`] | rows far out by the covariance; merges | usual rows in several clusters |
//! | [`GaussianTails`], [`RobustTails`] | attributes far out, one by one; merge | combinations |
//! | [`Loda`] | rows in thin places of random projections; merges | many missing values |
//! | [`HalfSpaceTrees`] | rows with few neighbours in the last window | small memory |
//! | [`KMeansDistance`] | rows far from all large clusters | shapes that are no balls |
//! | [`Shingled`] of any of these | series, by rows of their last values | |
//!
//! [`Ensemble`] makes one detector of several, and [`Onset`] one alarm of an anomaly that lasts. Scorers of plain values
//! take `f64`; [`Timeless`] puts them among those that take a [`Sample`] with its time.

mod calibrated;
mod calibration;
mod cells;
mod cusum;
mod derived;
mod ensemble;
mod ewma;
mod gaussian;
mod half_space;
mod isolation;
mod kmeans_distance;
mod loda;
mod mahalanobis;
mod novelty;
mod onset;
mod robust;
mod robust_z;
mod rows;
mod sample;
mod scale;
pub mod score;
mod scorer;
mod series;
mod shingle;
mod slots;
mod spot;
mod tail;
mod threshold;

pub use calibrated::Calibrated;
pub use calibration::Calibration;
pub use cusum::Cusum;
pub use derived::{Derived, Feature};
pub use ensemble::{Combine, Ensemble, Members};
pub use ewma::Ewma;
pub use gaussian::GaussianTails;
pub use half_space::HalfSpaceTrees;
pub use isolation::IsolationForest;
pub use kmeans_distance::KMeansDistance;
pub use loda::Loda;
pub use mahalanobis::Mahalanobis;
pub use novelty::Novelty;
pub use onset::Onset;
pub use robust::RobustTails;
pub use robust_z::RobustZ;
pub use rows::Across;
pub use sample::{Sample, Timeless};
pub use scorer::{Checked, Scorer};
pub use series::SeriesDetector;
pub use shingle::Shingled;
pub use slots::Slots;
pub use spot::{DriftSpot, Spot};
pub use tail::Tail;
pub use threshold::{Fixed, Share, Threshold};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trials;
