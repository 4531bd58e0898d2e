//! What happened to a job lately: all that is asked about it while it runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::memory::Resident;
use super::{AuditInfo, BatchInfo, CheckpointInfo, JobInfo, Listener, OperatorInfo, OutputInfo, Report, SourceStatus};
use crate::error::Error;
use crate::source::SourceError;
use crate::time::Time;

/// The batches that are kept when they are over.
const BATCHES: usize = 1_000;
/// The checkpoints, and the warnings.
const FEW: usize = 100;

/// Keeps what happened to a job lately.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pages: Mutex<Pages>,
    resident: Resident,
}

/// What is in a journal.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// None before the start.
    pub(crate) job: Option<JobInfo>,
    pub(crate) sources: Vec<SourceStatus>,
    /// Those that are over, and those that are not yet.
    pub(crate) batches: BTreeMap<Time, Entry>,
    /// Of all batches that were completed.
    pub(crate) totals: Report,
    /// All that the operators of the job did in completed batches, in its order.
    pub(crate) operators: Vec<OperatorInfo>,
    pub(crate) checkpoints: VecDeque<CheckpointInfo>,
    /// What was warned of, and the batch that was due then.
    pub(crate) warnings: VecDeque<(Option<Time>, String)>,
    pub(crate) end: Option<End>,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// When, by the last batch.
    pub(crate) time: Option<Time>,
    pub(crate) failure: Option<String>,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Queued,
    Processing,
    Completed,
    Failed,
}

/// A batch.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) status: Status,
    /// Its outputs as far as they have come; those of a batch that is over are all there.
    pub(crate) batch: BatchInfo,
    /// The bytes of the process in memory when it was over, where the system tells them.
    pub(crate) resident: Option<u64>,
}

impl Journal {
    /// To be read.
    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// The batches of a status, the latest last.
    pub(crate) fn with(&self, status: Status) -> impl DoubleEndedIterator<Item = &BatchInfo> {
        self.batches.values().filter(move |entry| entry.status == status).map(|entry| &entry.batch)
    }

    fn enter(&mut self, status: Status, batch: &BatchInfo) {
        let new = || Entry { status, batch: BatchInfo::default(), resident: None };
        let entry = self.batches.entry(batch.time).or_insert_with(new);
        let outputs = std::mem::take(&mut entry.batch.outputs);
        entry.status = status;
        entry.batch = batch.clone();
        // What has run so far stays known until the batch tells it all.
        if entry.batch.outputs.len() < outputs.len() {
            entry.batch.outputs = outputs;
        }
        while self.batches.len() > BATCHES {
            self.batches.pop_first();
        }
    }

    /// The latest batch that is over.
    pub(crate) fn latest(&self) -> Option<&Entry> {
        self.batches.values().rfind(|entry| matches!(entry.status, Status::Completed | Status::Failed))
    }

    fn settle(&mut self, status: Status, batch: &BatchInfo, resident: Option<u64>) {
        self.enter(status, batch);
        if let Some(entry) = self.batches.get_mut(&batch.time) {
            entry.resident = resident;
        }
    }

    fn enter_output(&mut self, output: &OutputInfo) {
        let Some(entry) = self.batches.get_mut(&output.time) else { return };
        match entry.batch.outputs.iter_mut().find(|known| known.id == output.id) {
            Some(known) => known.clone_from(output),
            None => entry.batch.outputs.push(output.clone()),
        }
    }

    fn enter_source(&mut self, source: &SourceStatus) {
        match self.sources.iter_mut().find(|known| known.id == source.id) {
            Some(known) => known.clone_from(source),
            None => self.sources.push(source.clone()),
        }
    }

    fn warn(&mut self, warning: String) {
        let latest = self.batches.last_key_value().map(|(time, _)| *time);
        keep(&mut self.warnings, (latest, warning));
    }
}

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= FEW {
        kept.pop_front();
    }
    kept.push_back(new);
}

impl Listener for Journal {
    fn on_started(&self, job: &JobInfo) {
        let mut pages = self.pages();
        pages.operators = job.operators.iter().map(OperatorInfo::begun).collect();
        pages.job = Some(job.clone());
    }

    fn on_source_started(&self, source: &SourceStatus) {
        self.pages().enter_source(source);
    }

    fn on_source_failed(&self, source: &SourceStatus) {
        self.pages().enter_source(source);
    }

    fn on_source_stopped(&self, source: &SourceStatus) {
        self.pages().enter_source(source);
    }

    fn on_source_warning(&self, source: &str, warning: &SourceError) {
        self.pages().warn(format!("{source}: {warning}"));
    }

    fn on_warning(&self, warning: &str) {
        self.pages().warn(warning.to_owned());
    }

    fn on_audit_breached(&self, audit: &AuditInfo) {
        self.pages().warn(audit.to_string());
    }

    fn on_batch_submitted(&self, batch: &BatchInfo) {
        self.pages().enter(Status::Queued, batch);
    }

    fn on_batch_started(&self, batch: &BatchInfo) {
        self.pages().enter(Status::Processing, batch);
    }

    fn on_output_started(&self, output: &OutputInfo) {
        self.pages().enter_output(output);
    }

    fn on_output_completed(&self, output: &OutputInfo) {
        self.pages().enter_output(output);
    }

    fn on_batch_completed(&self, batch: &BatchInfo) {
        let resident = self.resident.bytes();
        let mut pages = self.pages();
        pages.totals.add(batch);
        // They are the same in every batch.
        for (all, operator) in pages.operators.iter_mut().zip(&batch.operators) {
            all.add(operator);
        }
        pages.settle(Status::Completed, batch, resident);
    }

    fn on_batch_failed(&self, batch: &BatchInfo) {
        let resident = self.resident.bytes();
        self.pages().settle(Status::Failed, batch, resident);
    }

    fn on_checkpoint_completed(&self, checkpoint: &CheckpointInfo) {
        keep(&mut self.pages().checkpoints, checkpoint.clone());
    }

    fn on_stopped(&self, result: Result<&Report, &Error>) {
        let mut pages = self.pages();
        let time = pages.batches.values().filter_map(|entry| entry.batch.ended).next_back();
        pages.end = Some(End { time, failure: result.err().map(ToString::to_string) });
    }
}
