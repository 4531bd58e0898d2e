//! Test, then train: how good and how fast is a learner on a file of labelled rows?

mod watched;

use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use streamgauge::ml::evaluate::{Delayed, Keepable, Prequential};
use streamgauge::ml::naive_bayes::GaussianNaiveBayes;
use streamgauge::ml::tree::{AdaptiveRandomForest, ExtremelyFastTree, HoeffdingAdaptiveTree, HoeffdingTree};
use streamgauge::ml::{Dataset, MajorityClass, RowError, Schema};
use streamgauge::sketches::ParameterError;
use thiserror::Error;

pub use self::watched::{Watch, Watched};
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
    /// The job with the dashboard cannot run.
    #[error(transparent)]
    Job(#[from] streamgauge::stream::Error),
}

impl From<Failure> for crate::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Job(error) => error.into(),
            wrong => Self::Usage(wrong.to_string()),
        }
    }
}

/// How a learner is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many rows after its row a label comes; with 0 at once.
    pub late: u32,
    /// The dashboard; none for none.
    pub watch: Option<Watch>,
}

/// What came of it, and the job with its dashboard if there is one.
type Outcome = Result<(Measured, Option<Watched>), Failure>;

/// Runs one learner over all rows. Each has a loop of its own, so that no call in it is dynamic.
type Run = fn(&Dataset, &Options) -> Outcome;

/// The learners by their names, each with its defaults.
const LEARNERS: &[(&str, Run)] = &[
    // One to a line, the simplest first.
    ("majority", |rows, options| measure(rows, options, MajorityClass::new)),
    ("gaussian-nb", |rows, options| measure(rows, options, GaussianNaiveBayes::new)),
    ("hoeffding-tree", |rows, options| measure(rows, options, HoeffdingTree::new)),
    ("adaptive-tree", |rows, options| measure(rows, options, HoeffdingAdaptiveTree::new)),
    ("efdt", |rows, options| measure(rows, options, ExtremelyFastTree::new)),
    ("random-forest", |rows, options| measure(rows, options, AdaptiveRandomForest::new)),
];

/// The names of the learners.
pub fn names() -> impl Iterator<Item = &'static str> {
    LEARNERS.iter().map(|(name, _)| *name)
}

/// Reads a file, and runs the learner of this name over it.
///
/// # Errors
/// [`Failure`], in one line that says what is wrong.
pub fn run(data: &Path, learner: &str, options: &Options) -> Result<(Measured, Option<Watched>), Failure> {
    let known = LEARNERS.iter().find(|(name, _)| *name == learner);
    let (_, run) = known.ok_or_else(|| Failure::Unknown(learner.to_owned()))?;
    run(&labelled::read(data)?, options)
}

/// Predicts and learns all rows, one after the other.
fn measure<L>(rows: &Dataset, options: &Options, new: impl FnOnce(Schema) -> L) -> Outcome
where
    L: Keepable<Row = [f64]>,
{
    let mut evaluation = Delayed::new(Prequential::new(new(rows.schema().clone()))?, options.late);
    if let Some(watch) = options.watch {
        let (evaluation, seconds, watched) = watched::measure(rows, evaluation, watch)?;
        return Ok((measured(&evaluation, seconds), Some(watched)));
    }
    let started = Instant::now();
    for (row, class) in rows.iter() {
        evaluation.step(row, class)?;
    }
    evaluation.finish()?;
    Ok((measured(&evaluation, started.elapsed().as_secs_f64()), None))
}

fn measured<L: Keepable>(evaluation: &Delayed<L>, seconds: f64) -> Measured {
    let outcomes = evaluation.outcomes();
    Measured {
        rows: outcomes.rows(),
        accuracy: outcomes.accuracy().value,
        kappa: outcomes.kappa(),
        rows_per_s: outcomes.rows() as f64 / seconds,
        memory_bytes: evaluation.learner().memory_bytes(),
        seconds,
    }
}
