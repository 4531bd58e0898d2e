//! Test, then train: how good and how fast is a learner on a file of labelled rows?

use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use streamgauge::ml::evaluate::{Delayed, Keepable, Prequential};
use streamgauge::ml::naive_bayes::GaussianNaiveBayes;
use streamgauge::ml::tree::{AdaptiveRandomForest, ExtremelyFastTree, HoeffdingAdaptiveTree, HoeffdingTree};
use streamgauge::ml::{Dataset, MajorityClass, RowError, Schema};
use streamgauge::sketches::ParameterError;
use thiserror::Error;

use crate::labelled::{self, Unreadable};

/// What came of it: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// How many rows there were.
    pub rows: u64,
    /// The share of rows whose class was predicted before they were learned.
    pub accuracy: f64,
    /// Cohen's κ; null where chance alone is always right.
    pub kappa: f64,
    /// Rows a second, predicted and learned.
    pub rows_per_s: f64,
    /// The bytes of the learner at the end.
    pub memory_bytes: usize,
    /// How long predicting and learning took, without reading the file.
    pub seconds: f64,
}

/// Why there is nothing to print.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// There is no such learner.
    #[error("there is no learner '{0}'; there are {known}", known = names().collect::<Vec<_>>().join(", "))]
    Unknown(String),
    /// The learner cannot be made for these rows.
    #[error("the learner does not take these rows: {0}")]
    Parameter(#[from] ParameterError),
    /// A row was refused.
    #[error("a row was refused: {0}")]
    Row(#[from] RowError),
}

/// Runs one learner over all rows, whose labels come so many rows late. Each has a loop of its own, so that no call in it is dynamic.
type Run = fn(&Dataset, u32) -> Result<Measured, Failure>;

/// The learners by their names, each with its defaults.
const LEARNERS: &[(&str, Run)] = &[
    // One to a line, the simplest first.
    ("majority", |rows, late| measure(rows, late, MajorityClass::new)),
    ("gaussian-nb", |rows, late| measure(rows, late, GaussianNaiveBayes::new)),
    ("hoeffding-tree", |rows, late| measure(rows, late, HoeffdingTree::new)),
    ("adaptive-tree", |rows, late| measure(rows, late, HoeffdingAdaptiveTree::new)),
    ("efdt", |rows, late| measure(rows, late, ExtremelyFastTree::new)),
    ("random-forest", |rows, late| measure(rows, late, AdaptiveRandomForest::new)),
];

/// The names of the learners.
pub fn names() -> impl Iterator<Item = &'static str> {
    LEARNERS.iter().map(|(name, _)| *name)
}

/// Reads a file, and runs the learner of this name over it. The label of a row comes `late` rows after it, with 0 at once.
///
/// # Errors
/// [`Failure`], in one line that says what is wrong.
pub fn run(data: &Path, learner: &str, late: u32) -> Result<Measured, Failure> {
    let known = LEARNERS.iter().find(|(name, _)| *name == learner);
    let (_, run) = known.ok_or_else(|| Failure::Unknown(learner.to_owned()))?;
    run(&labelled::read(data)?, late)
}

/// Predicts and learns all rows, one after the other.
fn measure<L>(rows: &Dataset, late: u32, new: impl FnOnce(Schema) -> L) -> Result<Measured, Failure>
where
    L: Keepable<Row = [f64]>,
{
    let mut evaluation = Delayed::new(Prequential::new(new(rows.schema().clone()))?, late);
    let started = Instant::now();
    for (row, class) in rows.iter() {
        evaluation.step(row, class)?;
    }
    evaluation.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    let outcomes = evaluation.outcomes();
    Ok(Measured {
        rows: outcomes.rows(),
        accuracy: outcomes.accuracy().value,
        kappa: outcomes.kappa(),
        rows_per_s: outcomes.rows() as f64 / seconds,
        memory_bytes: evaluation.learner().memory_bytes(),
        seconds,
    })
}
