//! What is known of a job, its batches, outputs, operators and sources.

use std::sync::Arc;
use std::time::Duration;

use super::{AuditInfo, Load};
use crate::schedule::Trigger;
use crate::source::{Lag, Pending};
use crate::time::Time;

/// A job that has started.
#[derive(Clone, Debug)]
pub struct JobInfo {
    /// Its name.
    pub name: String,
    /// When it started, by its clock.
    pub time: Time,
    /// When its batches begin.
    pub trigger: Trigger,
    /// The batch interval; none if batches run as soon as possible.
    pub interval: Option<Duration>,
    /// The threads that its batches run on.
    pub threads: usize,
    /// Its operators, each after all that it reads: sources, outputs, and what is between them.
    pub operators: Vec<OperatorNode>,
}

/// An operator of a job, and what it is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorNode {
    /// Its name, which no other operator of the job has: that which it was given, or its kind and a number. A source is
    /// called what it reads.
    pub name: Arc<str>,
    /// What kind of operator it is: `source`, `output`, or what it was described by, such as `map`, `window`, `state`.
    pub kind: &'static str,
    /// The names of the operators that it reads, which are before it; none of a source.
    pub inputs: Vec<String>,
    /// The type of the rows that it gives, or takes if it is an output; without paths, for people to read.
    pub rows: String,
}

/// What a batch did, as far as it has come.
///
/// Times are by the clock of the job; lengths of work are measured on the machine's.
#[derive(Clone, Debug, Default)]
pub struct BatchInfo {
    /// The time of the batch.
    pub time: Time,
    /// The batch interval, if there is one.
    pub interval: Option<Duration>,
    /// When it was due: at its own time with a batch interval, else when there was something to read.
    pub submitted: Time,
    /// When it began to be read and computed.
    pub started: Option<Time>,
    /// When it was done, or had failed.
    pub ended: Option<Time>,
    /// How many later batches are due already: how far the job lags, in batches.
    pub queued: u64,
    /// Records (or lines) read.
    pub records: u64,
    /// Records of event time that came too late for their window.
    pub late: u64,
    /// Lines that could not be parsed.
    pub malformed: u64,
    /// Of the records that operators which [shed](crate::DStream::shed) were offered, the fraction that they kept; none if
    /// the job has no such operator. What each of them did is among the [`operators`](Self::operators), of kind `shed`.
    pub sampled: Option<f64>,
    /// How often a partition was run again after it had failed.
    pub retries: u64,
    /// How far event time has come, in the operator that is furthest behind.
    pub watermark: Option<Time>,
    /// How long the batch waited for the one before it: from `submitted` to `started`.
    pub scheduling_delay: Duration,
    /// How long it took.
    pub processing: Duration,
    /// How the job kept up when the batch was planned.
    pub load: Load,
    /// Each source: its name, the records of this batch, whether it has ended.
    pub sources: Vec<SourceInfo>,
    /// Each output operation that ran, in the order in which the job names them.
    pub outputs: Vec<OutputInfo>,
    /// What each operator did, in the order of [`JobInfo::operators`].
    pub operators: Vec<OperatorInfo>,
    /// Each audit that has compared anything, in the order in which the job names them.
    pub audits: Vec<AuditInfo>,
    /// Why the batch failed, if it has.
    pub failure: Option<String>,
}

impl BatchInfo {
    /// From when the batch was due until it was done: scheduling delay and processing.
    pub fn total_delay(&self) -> Duration {
        self.scheduling_delay.saturating_add(self.processing)
    }

    /// The bytes of the state that operators keep, of those that measure it; none if none does.
    pub fn state_bytes(&self) -> Option<u64> {
        self.operators.iter().filter_map(|operator| operator.state_bytes).reduce(u64::saturating_add)
    }

    /// The bytes that sources have taken in beside the batches and that no batch has planned; none if none does so.
    pub fn pending_bytes(&self) -> Option<u64> {
        self.sources.iter().filter_map(|source| source.pending.map(|it| it.bytes)).reduce(u64::saturating_add)
    }

    /// What operators which shed have kept of what they were offered; all, if they were offered nothing.
    pub(crate) fn kept(&self) -> f64 {
        let shed = self.operators.iter().filter(|operator| operator.kind == SHED);
        let (offered, kept) = shed.fold((0, 0), |(a, b), operator| (a + operator.rows_in, b + operator.rows_out));
        if offered == 0 { 1.0 } else { kept as f64 / offered as f64 }
    }
}

/// What a source gave to a batch.
#[derive(Clone, Debug, Default)]
pub struct SourceInfo {
    /// The number of the source in the order in which the job names them, from 0.
    pub id: usize,
    /// The name of the source.
    pub name: Arc<str>,
    /// Records (or lines) read in this batch.
    pub records: u64,
    /// Whether the source has ended.
    pub finished: bool,
    /// The records a second that were read of it at most: by its [maximum rate](crate::Source::max_rate), or by
    /// [backpressure](crate::ContextBuilder::backpressure); none without a limit.
    pub rate_limit: Option<f64>,
    /// What it has taken in that no batch has planned, when the batch was done; none for a source that takes nothing in
    /// beside the batches.
    pub pending: Option<Pending>,
    /// Its position after the batch, in words: 200 characters of them at most.
    pub position: String,
    /// How far it was behind its input then; none if it does not know.
    pub lag: Option<Lag>,
}

/// How a source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// The number of the source in the order in which the job names them, from 0.
    pub id: usize,
    /// The name of the source.
    pub name: Arc<str>,
    /// Whether it is still asked for records.
    pub active: bool,
    /// Its last error.
    pub error: Option<String>,
    /// When that happened.
    pub error_time: Option<Time>,
}

/// An output operation of a batch.
#[derive(Clone, Debug, Default)]
pub struct OutputInfo {
    /// The time of the batch.
    pub time: Time,
    /// The number of the output in the order in which the job names them, from 0.
    pub id: usize,
    /// The name of the output.
    pub name: Arc<str>,
    /// What it is an output of: its name and the type of its rows.
    pub description: Arc<str>,
    /// When it began.
    pub started: Time,
    /// When it was done, or had failed.
    pub ended: Option<Time>,
    /// How long it took: what it had its stream compute, and its own work.
    pub duration: Duration,
    /// Why it failed, if it has.
    pub failure: Option<String>,
}

/// The kind of an operator that sheds.
pub(crate) const SHED: &str = "shed";

/// What an operator did in a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorInfo {
    /// The name of the operator.
    pub name: Arc<str>,
    /// What kind of operator it is, such as `window` or `output`.
    pub kind: &'static str,
    /// The time that it worked, all threads together: its own work, not that of those whose rows it asks for, and not
    /// while it waits for other threads. Operators that fuse into one pass are told apart by the chunk, about a thousand
    /// rows.
    pub elapsed: Duration,
    /// The rows that came in, of all that it reads; of a source none, of a parser of text the lines.
    pub rows_in: u64,
    /// The rows that went out, each once, however many operators read them; of a source of text the lines.
    pub rows_out: u64,
    /// The bytes of the state it keeps, measured after the first batch and every tenth; none if it keeps none, or does
    /// not measure it.
    pub state_bytes: Option<u64>,
    /// The keys it keeps state of, measured with the bytes.
    pub keys: Option<u64>,
    /// Summaries that were merged into others: of partitions into those of their keys, of panes into windows, of
    /// sessions that became one. What a window merges inside, as it slides, is not counted.
    pub merges: u64,
}

impl OperatorInfo {
    /// The operator, which has done nothing.
    #[cfg(feature = "dashboard")]
    pub(crate) fn begun(node: &OperatorNode) -> Self {
        Self { name: node.name.clone(), kind: node.kind, ..Self::default() }
    }

    /// Adds what the operator did more.
    #[cfg(feature = "dashboard")]
    pub(crate) fn add(&mut self, more: &Self) {
        self.elapsed += more.elapsed;
        self.rows_in += more.rows_in;
        self.rows_out += more.rows_out;
        self.merges += more.merges;
        self.state_bytes = more.state_bytes.or(self.state_bytes);
        self.keys = more.keys.or(self.keys);
    }
}

/// A checkpoint that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointInfo {
    /// The batch whose state it holds.
    pub time: Time,
    /// How long the job stood still for it: until its state was bytes.
    pub taking: Duration,
    /// How long those bytes were then written, beside the batches that followed.
    pub writing: Duration,
    /// The bytes that were written: what has changed since the one before.
    pub written_bytes: u64,
    /// The bytes of the whole state in the storage, with what earlier checkpoints have written of it.
    pub state_bytes: u64,
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
    /// Output operations that failed and were skipped: see [`OnFailure`](crate::OnFailure).
    pub failed_outputs: u64,
    /// How often a partition was run again after it had failed.
    pub retries: u64,
    /// Events that listeners were too slow to hear.
    pub events_dropped: u64,
    /// Listeners that panicked, and so heard nothing more.
    pub failed_listeners: u64,
    /// From the start to the end of the last batch.
    pub elapsed: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, batch: &BatchInfo) {
        self.batches += 1;
        self.records += batch.records;
        self.malformed += batch.malformed;
        self.late += batch.late;
        self.retries += batch.retries;
        self.failed_outputs += batch.outputs.iter().filter(|output| output.failure.is_some()).count() as u64;
    }
}
