//! The detectors that can be chosen.

use clap::ValueEnum;
use serde::Serialize;
use streamgauge::ml::Detector;
use streamgauge::ml::anomaly::{
    Calibrated, Cusum, Ewma, Novelty, RobustZ, Sample, Scorer, SeriesDetector, Slots, Timeless,
};

/// A detector by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The ensemble for series of any kind
    #[default]
    Series,
    /// Values that are new
    Novelty,
    /// Distance from the median
    RobustZ,
    /// Distance from an exponentially weighted mean
    Ewma,
    /// Small changes that last
    Cusum,
    /// Distance from the median of the hour of the day
    Hours,
}

/// A half-life that is allowed.
const HALF_LIFE: f64 = 100.0;

impl Choice {
    /// The scores of the samples of a series; 0 where there is none.
    pub(super) fn scores(self, samples: &[Sample]) -> Vec<f64> {
        match self {
            Self::Series => scores(SeriesDetector::new(), samples),
            Self::Novelty => plain(Novelty::new(), samples),
            Self::RobustZ => plain(RobustZ::new(), samples),
            Self::Ewma => plain(Ewma::new(HALF_LIFE).expect("the half-life is allowed"), samples),
            Self::Cusum => plain(Cusum::new(HALF_LIFE).expect("the half-life is allowed"), samples),
            Self::Hours => scores(Calibrated::new(Slots::of_day(RobustZ::new())), samples),
        }
    }
}

fn plain<S: Scorer<Item = f64>>(scorer: S, samples: &[Sample]) -> Vec<f64> {
    scores(Calibrated::new(Timeless(scorer)), samples)
}

fn scores<D: Detector<Item = Sample>>(mut detector: D, samples: &[Sample]) -> Vec<f64> {
    // A series has no width that could be wrong.
    samples.iter().map(|sample| detector.score_and_learn(sample).ok().flatten().unwrap_or(0.0)).collect()
}
