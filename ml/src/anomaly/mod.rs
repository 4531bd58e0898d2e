//! Detectors of what is strange, with one contract for their scores.
//!
//! A [`Scorer`] measures strangeness in a unit of its own; [`Calibrated`] makes a [`Detector`](crate::Detector) of it,
//! whose scores are tail probabilities ([`score`]) and so comparable between series and detectors.

mod calibrated;
mod calibration;
mod derived;
mod ensemble;
mod ewma;
mod novelty;
mod onset;
mod sample;
pub mod score;
mod scorer;
mod series;
mod slots;
mod tail;

pub use calibrated::Calibrated;
pub use calibration::Calibration;
pub use derived::{Derived, Feature};
pub use ensemble::{Combine, Ensemble, Members};
pub use ewma::Ewma;
pub use novelty::Novelty;
pub use onset::Onset;
pub use sample::{Sample, Timeless};
pub use scorer::{Checked, Scorer};
pub use series::SeriesDetector;
pub use slots::Slots;
pub use tail::Tail;
