//! How many records a second are read of a source: no more than it may give, and no more than the job works off.

mod control;
mod pid;

pub(crate) use control::RateControl;
pub use pid::PidRateEstimator;

use std::time::Duration;

use crate::time::Time;

/// A batch that is complete, as far as it says how fast a job is.
///
/// Lengths of time are by the clock of the job; a batch of which that clock shows no time at all is measured on the
/// machine's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessedBatch {
    /// When it was done.
    pub ended: Time,
    /// The records (or lines) that the source gave to it.
    pub records: u64,
    /// How long it took.
    pub processing: Duration,
    /// How long it waited for the one before it.
    pub scheduling_delay: Duration,
    /// The batch interval.
    pub interval: Duration,
}

/// Says after every batch how many records a second of a source a job works off: what
/// [`ContextBuilder::backpressure`](crate::ContextBuilder::backpressure) limits its sources by.
///
/// Each source has an estimator of its own. The rate that it said last is stored with the source's position, in
/// checkpoints and in the batch log, and given to [`resume`](Self::resume) when the job goes on. Batches that are run
/// again after a restart are not told: they have no input to wait for, and most of them no outputs.
///
/// ```
/// use streamgauge_stream::{ProcessedBatch, RateEstimator, StreamingContext};
///
/// /// Nine tenths of what the last batch has shown.
/// struct Cautious;
///
/// impl RateEstimator for Cautious {
///     fn compute(&mut self, batch: &ProcessedBatch) -> Option<f64> {
///         Some(0.9 * batch.records as f64 / batch.processing.as_secs_f64())
///     }
/// }
///
/// let ctx = StreamingContext::builder("cautious").backpressure(|| Cautious).build();
/// ```
pub trait RateEstimator: Send + 'static {
    /// The rate for the batches that follow, in records a second; none if it stays as it is. What is no number above
    /// zero counts as none.
    fn compute(&mut self, batch: &ProcessedBatch) -> Option<f64>;

    /// The rate until one was computed; none if the first batches are not limited.
    fn initial_rate(&self) -> Option<f64> {
        None
    }

    /// The job goes on with a rate that another run of it had computed last.
    fn resume(&mut self, _rate: f64) {}

    /// What is wrong with its parameters, and what to write instead. The job is then refused at its start.
    fn problem(&self) -> Option<String> {
        None
    }
}
