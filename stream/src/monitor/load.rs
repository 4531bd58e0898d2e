//! How a job keeps up.

use std::time::Duration;

/// How a job keeps up, as it is known when a batch is planned. All zero for a batch that is run again after a restart.
///
/// Lengths of time are by the clock of the job; a batch of which that clock shows no time at all is measured on the
/// machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The batch interval.
    pub interval: Duration,
    /// How long the batch has been due already: zero for a job that keeps up.
    pub scheduling_delay: Duration,
    /// How long the batch before took; zero before the first.
    pub processing: Duration,
    /// The records (or lines) of the batch before.
    pub records: u64,
    /// What the sources have taken in that no batch has planned yet, as far as it is counted: records.
    pub pending_records: u64,
    /// The same: bytes.
    pub pending_bytes: u64,
}
