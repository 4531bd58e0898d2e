//! What a running job tells about itself.

#[cfg(feature = "dashboard")]
pub mod dashboard;

use std::time::Duration;

use crate::error::{Error, Malformed};
use crate::source::SourceError;
use crate::time::Time;

/// Hears what happens to a job. Called on the job's own thread: be quick.
pub trait Listener: Send + Sync {
    /// A batch and its outputs are done.
    fn on_batch_completed(&self, _: &BatchInfo) {}

    /// A line could not be parsed. The first five of a job are told, all are counted.
    fn on_malformed(&self, _: &Malformed) {}

    /// Something went wrong with a source, which goes on: a connection is made again, a receiver is started again, a
    /// listing takes too long.
    fn on_source_warning(&self, _source: &str, _: &SourceError) {}

    /// The job has ended, well or not.
    fn on_stopped(&self, _: Result<&Report, &Error>) {}
}

/// What a batch did.
#[derive(Clone, Debug)]
pub struct BatchInfo {
    /// The time of the batch.
    pub time: Time,
    /// The batch interval, if there is one.
    pub interval: Option<Duration>,
    /// Records (or lines) read.
    pub records: u64,
    /// Records of event time that came too late for their window.
    pub late: u64,
    /// Lines that could not be parsed.
    pub malformed: u64,
    /// How far event time has come, in the operator that is furthest behind.
    pub watermark: Option<Time>,
    /// How long the batch waited for the one before it.
    pub scheduling_delay: Duration,
    /// How long it took.
    pub processing: Duration,
    /// Each source: its name, the records of this batch, whether it has ended.
    pub sources: Vec<SourceInfo>,
}

/// What a source gave to a batch.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// The name of the source.
    pub name: String,
    /// Records (or lines) read in this batch.
    pub records: u64,
    /// Whether the source has ended.
    pub finished: bool,
}

/// What a job did from start to end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Batches that were completed.
    pub batches: u64,
    /// Records (or lines) read.
    pub records: u64,
    /// Lines that could not be parsed.
    pub malformed: u64,
    /// Records of event time that came too late for their window.
    pub late: u64,
    /// From the start to the end of the last batch.
    pub elapsed: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, batch: &BatchInfo) {
        self.batches += 1;
        self.records += batch.records;
        self.malformed += batch.malformed;
        self.late += batch.late;
    }
}
