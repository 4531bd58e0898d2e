//! The answers that Spark Streaming gives too, with its names.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Asked, stamp};
use crate::monitor::journal::{Entry, Pages, Status};
use crate::monitor::{BatchInfo, OutputInfo, SourceStatus};
use crate::time::{Time, millis_of};

/// The job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    id: String,
    name: String,
    /// Whether it may be stopped from outside.
    stoppable: bool,
    attempts: Vec<Attempt>,
}

/// A run of the job: this one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attempt {
    start_time: Option<String>,
    end_time: Option<String>,
    completed: bool,
    failure_reason: Option<String>,
    threads: Option<usize>,
}

impl Application {
    pub(super) fn of(Asked { id, stoppable, journal }: &Asked) -> Self {
        let pages = journal.pages();
        let attempt = Attempt {
            start_time: pages.job.as_ref().map(|job| stamp(job.time)),
            end_time: pages.end.as_ref().and_then(|end| end.time).map(stamp),
            completed: pages.end.is_some(),
            failure_reason: pages.end.as_ref().and_then(|end| end.failure.clone()),
            threads: pages.job.as_ref().map(|job| job.threads),
        };
        Self { id: id.to_string(), name: id.to_string(), stoppable: *stoppable, attempts: vec![attempt] }
    }
}

/// The job in numbers. Rates are records a second; times are milliseconds, in the mean of the batches that are kept.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statistics {
    start_time: Option<String>,
    batch_duration: Option<i64>,
    num_receivers: usize,
    num_active_receivers: usize,
    num_inactive_receivers: usize,
    num_total_completed_batches: u64,
    num_retained_completed_batches: usize,
    num_active_batches: usize,
    num_processed_records: u64,
    num_received_records: u64,
    avg_input_rate: Option<f64>,
    avg_scheduling_delay: Option<f64>,
    avg_processing_time: Option<f64>,
    avg_total_delay: Option<f64>,
    resident_bytes: Option<u64>,
    state_bytes: Option<u64>,
    pending_bytes: Option<u64>,
}

impl Statistics {
    pub(super) fn of(pages: &Pages) -> Self {
        let interval = pages.job.as_ref().and_then(|job| job.interval);
        let completed: Vec<&BatchInfo> = pages.with(Status::Completed).collect();
        let active = || pages.with(Status::Queued).chain(pages.with(Status::Processing));
        let mean = |of: fn(&BatchInfo) -> f64| {
            let sum: f64 = completed.iter().map(|batch| of(batch)).sum();
            (!completed.is_empty()).then(|| sum / completed.len() as f64)
        };
        let rates: Vec<f64> = rates(&completed, |batch| batch.records).map(|(_, rate)| rate).collect();
        let latest = pages.latest();
        let sources_active = pages.sources.iter().filter(|source| source.active).count();
        Self {
            start_time: pages.job.as_ref().map(|job| stamp(job.time)),
            batch_duration: interval.map(millis_of),
            num_receivers: pages.sources.len(),
            num_active_receivers: sources_active,
            num_inactive_receivers: pages.sources.len() - sources_active,
            num_total_completed_batches: pages.totals.batches,
            num_retained_completed_batches: completed.len(),
            num_active_batches: active().count(),
            num_processed_records: pages.totals.records,
            num_received_records: pages.totals.records + active().map(|batch| batch.records).sum::<u64>(),
            avg_input_rate: (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64),
            avg_scheduling_delay: mean(|batch| millis(batch.scheduling_delay)),
            avg_processing_time: mean(|batch| millis(batch.processing)),
            avg_total_delay: mean(|batch| millis(batch.total_delay())),
            resident_bytes: latest.and_then(|entry| entry.resident),
            state_bytes: latest.and_then(|entry| entry.batch.state_bytes()),
            pending_bytes: latest.and_then(|entry| entry.batch.pending_bytes()),
        }
    }
}

/// A source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receiver {
    stream_id: usize,
    stream_name: Arc<str>,
    is_active: bool,
    executor_id: &'static str,
    executor_host: &'static str,
    last_error_time: Option<String>,
    last_error_message: Option<String>,
    last_error: Option<String>,
    /// As they were in the latest batch that is over.
    position: Option<String>,
    lag_records: Option<u64>,
    lag_bytes: Option<u64>,
    rate_limit: Option<f64>,
    pending_records: Option<u64>,
    pending_bytes: Option<u64>,
    avg_event_rate: Option<f64>,
    /// The time of a batch in milliseconds, and the records a second that it had.
    event_rates: Vec<(i64, f64)>,
}

impl Receiver {
    pub(super) fn of(source: &SourceStatus, pages: &Pages) -> Self {
        let completed: Vec<&BatchInfo> = pages.with(Status::Completed).collect();
        let records = |batch: &BatchInfo| {
            let of_it = batch.sources.iter().find(|known| known.id == source.id);
            of_it.map_or(0, |known| known.records)
        };
        let latest = pages.latest().and_then(|entry| entry.batch.sources.iter().find(|known| known.id == source.id));
        let (pending, lag) = (latest.and_then(|it| it.pending), latest.and_then(|it| it.lag).unwrap_or_default());
        let rates: Vec<(i64, f64)> = rates(&completed, records).map(|(time, rate)| (time.millis(), rate)).collect();
        Self {
            stream_id: source.id,
            stream_name: source.name.clone(),
            is_active: source.active,
            // There is one process, as in Spark's local mode.
            executor_id: "driver",
            executor_host: "localhost",
            last_error_time: source.error_time.map(stamp),
            last_error_message: source.error.clone(),
            last_error: source.error.clone(),
            position: latest.map(|it| it.position.clone()),
            lag_records: lag.records,
            lag_bytes: lag.bytes,
            rate_limit: latest.and_then(|it| it.rate_limit).filter(|limit| limit.is_finite()),
            pending_records: pending.and_then(|pending| pending.records),
            pending_bytes: pending.map(|pending| pending.bytes),
            avg_event_rate: (!rates.is_empty())
                .then(|| rates.iter().map(|(_, rate)| rate).sum::<f64>() / rates.len() as f64),
            event_rates: rates,
        }
    }
}

/// The records a second of batches: in the batch interval, or since the batch before where there is none.
fn rates<'a>(
    batches: &'a [&'a BatchInfo],
    records: impl Fn(&BatchInfo) -> u64 + 'a,
) -> impl Iterator<Item = (Time, f64)> + 'a {
    batches.iter().enumerate().filter_map(move |(at, batch)| {
        let since_last = || Some(batch.time.since(batches.get(at.checked_sub(1)?)?.time));
        let length = batch.interval.or_else(since_last)?;
        let seconds = length.as_secs_f64();
        (seconds > 0.0).then(|| (batch.time, records(batch) as f64 / seconds))
    })
}

/// A batch. Times are milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Batch {
    batch_id: i64,
    batch_time: String,
    status: &'static str,
    batch_duration: Option<i64>,
    input_size: u64,
    scheduling_delay: Option<f64>,
    processing_time: Option<f64>,
    total_delay: Option<f64>,
    num_active_output_ops: usize,
    num_completed_output_ops: usize,
    num_failed_output_ops: usize,
    num_total_output_ops: usize,
    first_failure_reason: Option<String>,
    retries: u64,
    late_records: u64,
    malformed_records: u64,
    sampled_fraction: Option<f64>,
    watermark: Option<i64>,
    resident_bytes: Option<u64>,
    state_bytes: Option<u64>,
    pending_bytes: Option<u64>,
    sources: Vec<SourceOfBatch>,
}

/// What a source gave to a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceOfBatch {
    stream_id: usize,
    stream_name: Arc<str>,
    records: u64,
    finished: bool,
    position: String,
    lag_records: Option<u64>,
    lag_bytes: Option<u64>,
    rate_limit: Option<f64>,
    pending_records: Option<u64>,
    pending_bytes: Option<u64>,
}

impl Batch {
    pub(super) fn of(entry: &Entry) -> Self {
        let Entry { status, batch, resident } = entry;
        let over = matches!(status, Status::Completed | Status::Failed);
        let begun = *status != Status::Queued;
        let failed = batch.outputs.iter().filter(|output| output.failure.is_some()).count();
        let ended = batch.outputs.iter().filter(|output| output.ended.is_some()).count();
        let reason = batch.outputs.iter().find_map(|output| output.failure.clone());
        let source = |source: &crate::monitor::SourceInfo| SourceOfBatch {
            stream_id: source.id,
            stream_name: source.name.clone(),
            records: source.records,
            finished: source.finished,
            position: source.position.clone(),
            lag_records: source.lag.and_then(|lag| lag.records),
            lag_bytes: source.lag.and_then(|lag| lag.bytes),
            rate_limit: source.rate_limit.filter(|limit| limit.is_finite()),
            pending_records: source.pending.and_then(|pending| pending.records),
            pending_bytes: source.pending.map(|pending| pending.bytes),
        };
        Self {
            batch_id: batch.time.millis(),
            batch_time: stamp(batch.time),
            status: name(*status),
            batch_duration: batch.interval.map(millis_of),
            input_size: batch.records,
            scheduling_delay: begun.then(|| millis(batch.scheduling_delay)),
            processing_time: over.then(|| millis(batch.processing)),
            total_delay: over.then(|| millis(batch.total_delay())),
            num_active_output_ops: batch.outputs.len() - ended,
            num_completed_output_ops: ended - failed.min(ended),
            num_failed_output_ops: failed,
            num_total_output_ops: batch.outputs.len(),
            first_failure_reason: reason.or_else(|| batch.failure.clone()),
            retries: batch.retries,
            late_records: batch.late,
            malformed_records: batch.malformed,
            sampled_fraction: batch.sampled,
            watermark: batch.watermark.map(Time::millis),
            resident_bytes: *resident,
            state_bytes: batch.state_bytes(),
            pending_bytes: batch.pending_bytes(),
            sources: batch.sources.iter().map(source).collect(),
        }
    }
}

/// The status of a batch in the answers.
pub(super) fn name(status: Status) -> &'static str {
    match status {
        Status::Queued => "QUEUED",
        Status::Processing => "PROCESSING",
        Status::Completed => "COMPLETED",
        Status::Failed => "FAILED",
    }
}

/// An output operation of a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    output_op_id: usize,
    name: Arc<str>,
    description: Arc<str>,
    start_time: String,
    end_time: Option<String>,
    duration: Option<f64>,
    failure_reason: Option<String>,
    /// Spark's jobs, of which an operation is made there; here it is one piece.
    job_ids: [u64; 0],
}

impl Operation {
    pub(super) fn of(output: &OutputInfo) -> Self {
        Self {
            output_op_id: output.id,
            name: output.name.clone(),
            description: output.description.clone(),
            start_time: stamp(output.started),
            end_time: output.ended.map(stamp),
            duration: output.ended.map(|_| millis(output.duration)),
            failure_reason: output.failure.clone(),
            job_ids: [],
        }
    }
}

pub(super) fn millis(length: Duration) -> f64 {
    length.as_secs_f64() * 1e3
}
