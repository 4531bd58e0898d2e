//! When batches run, and how one runs: plan, log, read, compute, complete.

mod driver;
mod progress;

pub(crate) use driver::{Driver, Reached};
pub(crate) use progress::Progress;

/// When a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Trigger {
    /// At every multiple of the batch interval.
    #[default]
    Every,
    /// As soon as the last one is done and there is something to read.
    AsSoonAsPossible,
    /// As soon as the last one is done, until everything that is available has been read; then the job ends. Batch
    /// times are 1, 2, 3 … batch intervals after the epoch, whatever the clock says: what is recorded gives the same
    /// answers whenever it is read.
    Available,
}
