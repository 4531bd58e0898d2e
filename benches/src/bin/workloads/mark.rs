//! Moments, and what batches take between them.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::tally::Tally;

/// A moment, by the clock and by the processor time of all threads so far.
#[derive(Debug)]
pub(crate) struct Mark {
    at: Instant,
    processor: ProcessTime,
}

impl Mark {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), processor: ProcessTime::now() }
    }

    /// The batch that began at another mark and ended at this one.
    pub(crate) fn batch_since(&self, begun: &Self, tally: Tally) -> Batch {
        Batch { time: self.at - begun.at, processor: self.processor.duration_since(begun.processor), tally }
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// From the end of the last one to the end of this one.
    pub(crate) time: Duration,
    /// Processor time, of all threads.
    pub(crate) processor: Duration,
    pub(crate) tally: Tally,
}
