//! When batches run, and how one runs: plan, log, read, compute, complete.

mod driver;
mod load;
mod outputs;
mod progress;
mod shedding;
mod sources;
mod thread;

pub(crate) use driver::{Driver, Reached};
pub use progress::JobState;
pub(crate) use progress::Progress;
pub(crate) use shedding::{Fraction, Shedding};
pub(crate) use thread::JobThread;

/// When a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Trigger {
    /// At every multiple of the batch interval since the epoch, each one, also when the job lags or the clock jumps
    /// ahead.
    #[default]
    Every,
    /// As soon as the last one is done and there is something to read.
    AsSoonAsPossible,
    /// As soon as the last one is done, until everything that is available has been read; then the job ends. Batch
    /// times are 1, 2, 3 … batch intervals after the epoch, whatever the clock says: what is recorded gives the same
    /// answers whenever it is read.
    Available,
}

/// What becomes of a job when an output operation fails, after all attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The batch has failed, and the job ends with the error.
    #[default]
    Stop,
    /// The output is left out in this batch: listeners hear of it, [`Report::failed_outputs`](crate::Report) counts it,
    /// and the other outputs and later batches go on.
    ///
    /// That is for what fails behind the last operator that groups: in the sink, or in the `map` before it. When a
    /// grouping operator fails (or what it reads), and the job keeps state anywhere (windows, state by key), then state
    /// may lack the batch, or have it in part: the job ends with the error all the same. State that was updated before
    /// the failure stays as it is, for it is right.
    SkipOutput,
}
