//! The job in metrics, as Prometheus scrapes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::memory::resident_bytes;
use super::{
    AuditInfo, BatchInfo, CheckpointInfo, JobInfo, Listener, OperatorInfo, OutputInfo, Report, SourceInfo, SourceStatus,
};
use crate::error::Error;
use crate::time::Time;

/// A gauge that may have a fraction.
type Level = Gauge<f64, std::sync::atomic::AtomicU64>;
/// Seconds that add up.
type Seconds = Counter<f64, std::sync::atomic::AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: Arc<str>,
    /// Sources may have the same name.
    id: u64,
}

impl OfSource {
    fn new(name: &Arc<str>, id: usize) -> Self {
        Self { source: name.clone(), id: id as u64 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutput {
    output: Arc<str>,
    id: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperator {
    operator: Arc<str>,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAudit {
    audit: String,
}

/// The metrics of a job: they follow what its listeners hear.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    /// What is of the process, not of the job, under the names that all programs use.
    process: Registry,
    resident: Gauge,
    up: Gauge,
    interval: Level,
    batches: Family<OfStatus, Counter>,
    waiting: Gauge,
    processing: Histogram,
    delay: Histogram,
    latest: Level,
    watermark: Level,
    late: Counter,
    malformed: Counter,
    retries: Counter,
    sampled: Level,
    warnings: Counter,
    sources: Sources,
    outputs: Outputs,
    operators: Operators,
    /// What the operators did since the last scrape: in each batch it would be a hundred families that are looked up.
    unscraped: Mutex<Vec<OperatorInfo>>,
    audits: Audits,
    checkpoints: Checkpoints,
}

#[derive(Debug, Default)]
struct Sources {
    records: Family<OfSource, Counter>,
    active: Family<OfSource, Gauge>,
    failures: Family<OfSource, Counter>,
    rate_limit: Family<OfSource, Level>,
    pending_records: Family<OfSource, Gauge>,
    pending_bytes: Family<OfSource, Gauge>,
    lag_records: Family<OfSource, Gauge>,
    lag_bytes: Family<OfSource, Gauge>,
}

#[derive(Debug, Default)]
struct Outputs {
    busy: Family<OfOutput, Seconds>,
    failures: Family<OfOutput, Counter>,
}

#[derive(Debug, Default)]
struct Operators {
    busy: Family<OfOperator, Seconds>,
    rows_in: Family<OfOperator, Counter>,
    rows_out: Family<OfOperator, Counter>,
    merges: Family<OfOperator, Counter>,
    keys: Family<OfOperator, Gauge>,
    state: Family<OfOperator, Gauge>,
}

#[derive(Debug, Default)]
struct Audits {
    comparisons: Family<OfAudit, Counter>,
    misses: Family<OfAudit, Counter>,
    breaches: Family<OfAudit, Counter>,
}

#[derive(Debug)]
struct Checkpoints {
    written: Counter,
    latest: Level,
    taking: Histogram,
    writing: Histogram,
    written_bytes: Counter,
    state: Gauge,
}

/// From a tenth of a millisecond to a minute and a half.
fn lengths() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.0, 21))
}

impl Metrics {
    /// The metrics of a job of this name, which has not started.
    pub(super) fn new(job: &str) -> Arc<Self> {
        let label = ("application".into(), job.to_owned().into());
        let mut metrics = Self {
            registry: Registry::with_prefix_and_labels("streamgauge", [label].into_iter()),
            process: Registry::default(),
            resident: Gauge::default(),
            up: Gauge::default(),
            interval: Level::default(),
            batches: Family::default(),
            waiting: Gauge::default(),
            processing: lengths(),
            delay: lengths(),
            latest: Level::default(),
            watermark: Level::default(),
            late: Counter::default(),
            malformed: Counter::default(),
            retries: Counter::default(),
            sampled: Level::default(),
            warnings: Counter::default(),
            sources: Sources::default(),
            outputs: Outputs::default(),
            operators: Operators::default(),
            unscraped: Mutex::default(),
            audits: Audits::default(),
            checkpoints: Checkpoints {
                written: Counter::default(),
                latest: Level::default(),
                taking: lengths(),
                writing: lengths(),
                written_bytes: Counter::default(),
                state: Gauge::default(),
            },
        };
        metrics.sampled.set(1.0);
        metrics.register();
        Arc::new(metrics)
    }

    fn register(&mut self) {
        self.process.register_with_unit(
            "process_resident_memory",
            "The memory of the process",
            Unit::Bytes,
            self.resident.clone(),
        );
        let Self { registry, sources, outputs, operators, audits, checkpoints, .. } = self;
        registry.register("up", "Whether the job runs", self.up.clone());
        registry.register("batches", "Batches that are over", self.batches.clone());
        registry.register("batches_waiting", "Batches that are due and wait for another one", self.waiting.clone());
        registry.register("late_records", "Records that came too late for their window", self.late.clone());
        registry.register("malformed_records", "Lines that could not be parsed", self.malformed.clone());
        registry.register("retries", "Partitions that were run again after they had failed", self.retries.clone());
        registry.register(
            "sampled_ratio",
            "The share that load shedding kept of the latest batch",
            self.sampled.clone(),
        );
        registry.register("warnings", "Warnings of the job and its sources", self.warnings.clone());
        let mut length = |name: &str, help: &str, metric: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
        };
        length("batch_processing", "How long batches took", &self.processing);
        length("batch_scheduling_delay", "How long batches waited for the one before", &self.delay);
        length("checkpoint_taking", "How long the job stood still for a checkpoint", &checkpoints.taking);
        length("checkpoint_writing", "How long a checkpoint was then written", &checkpoints.writing);
        let mut moment = |name: &str, help: &str, metric: &Level| {
            registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
        };
        moment("batch_interval", "The batch interval; 0 without one", &self.interval);
        moment("latest_batch_timestamp", "The time of the latest batch that is complete", &self.latest);
        moment("watermark_timestamp", "How far event time has come, in the operator furthest behind", &self.watermark);
        moment("checkpoint_timestamp", "The batch whose state the latest checkpoint holds", &checkpoints.latest);

        registry.register("checkpoints", "Checkpoints that were written", checkpoints.written.clone());
        registry.register_with_unit(
            "checkpoint_written",
            "Written to checkpoints",
            Unit::Bytes,
            checkpoints.written_bytes.clone(),
        );
        registry.register_with_unit(
            "checkpoint_state",
            "The state in the latest checkpoint",
            Unit::Bytes,
            checkpoints.state.clone(),
        );

        registry.register("audit_comparisons", "Estimates compared with exact answers", audits.comparisons.clone());
        registry.register("audit_misses", "Exact answers outside of their interval", audits.misses.clone());
        registry.register("audit_breaches", "Times that a promise was found broken", audits.breaches.clone());

        registry.register("source_records", "Records read, by source", sources.records.clone());
        registry.register("source_active", "Whether the source is still asked", sources.active.clone());
        registry.register("source_failures", "Failures of the source", sources.failures.clone());
        registry.register("source_rate_limit", "Records a second that are read at most", sources.rate_limit.clone());
        registry.register(
            "source_pending_records",
            "Taken in, and planned by no batch",
            sources.pending_records.clone(),
        );
        registry.register_with_unit("source_pending", "The same", Unit::Bytes, sources.pending_bytes.clone());
        registry.register(
            "source_lag_records",
            "Records, or offsets of partitions, that are there and in no batch",
            sources.lag_records.clone(),
        );
        registry.register_with_unit(
            "source_lag",
            "Bytes of files, or in memory, that are there and in no batch",
            Unit::Bytes,
            sources.lag_bytes.clone(),
        );

        registry.register_with_unit("output_busy", "Time that the output took", Unit::Seconds, outputs.busy.clone());
        registry.register("output_failures", "Failures of the output", outputs.failures.clone());

        registry.register_with_unit(
            "operator_busy",
            "Time that the operator took",
            Unit::Seconds,
            operators.busy.clone(),
        );
        registry.register("operator_rows_in", "Rows that came in", operators.rows_in.clone());
        registry.register("operator_rows_out", "Rows that went out", operators.rows_out.clone());
        registry.register("operator_merges", "Merges of summaries", operators.merges.clone());
        registry.register("operator_keys", "Keys that the operator keeps state of", operators.keys.clone());
        registry.register_with_unit(
            "operator_state",
            "The state of the operator",
            Unit::Bytes,
            operators.state.clone(),
        );
    }

    /// In the text format of OpenMetrics.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.unscraped().drain(..).for_each(|operator| self.count_operator(&operator));
        // Writing to memory does not fail.
        let _ = text::encode_registry(&mut text, &self.registry);
        // Where the system does not tell, there is no such metric: it would be wrong.
        if let Some(bytes) = resident_bytes() {
            self.resident.set(whole(bytes));
            let _ = text::encode_registry(&mut text, &self.process);
        }
        let _ = text::encode_eof(&mut text);
        text
    }

    fn unscraped(&self) -> MutexGuard<'_, Vec<OperatorInfo>> {
        self.unscraped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_operator(&self, info: &OperatorInfo) {
        let operator = OfOperator { operator: info.name.clone(), kind: info.kind };
        let Operators { busy, rows_in, rows_out, merges, keys, state } = &self.operators;
        busy.get_or_create(&operator).inc_by(info.elapsed.as_secs_f64());
        rows_in.get_or_create(&operator).inc_by(info.rows_in);
        rows_out.get_or_create(&operator).inc_by(info.rows_out);
        merges.get_or_create(&operator).inc_by(info.merges);
        if let Some(held) = info.keys {
            keys.get_or_create(&operator).set(whole(held));
        }
        if let Some(bytes) = info.state_bytes {
            state.get_or_create(&operator).set(whole(bytes));
        }
    }

    fn count_outcome(&self, batch: &BatchInfo, status: &'static str) {
        self.waiting.set(whole(batch.queued));
        self.batches.get_or_create(&OfStatus { status }).inc();
        self.processing.observe(batch.processing.as_secs_f64());
        self.delay.observe(batch.scheduling_delay.as_secs_f64());
        self.retries.inc_by(batch.retries);
    }

    fn show_source(&self, source: &SourceStatus) {
        let of = OfSource::new(&source.name, source.id);
        self.sources.active.get_or_create(&of).set(source.active.into());
    }

    fn count_source(&self, source: &SourceInfo) {
        let of = OfSource::new(&source.name, source.id);
        let Sources { records, rate_limit, pending_records, pending_bytes, lag_records, lag_bytes, .. } = &self.sources;
        records.get_or_create(&of).inc_by(source.records);
        if let Some(limit) = source.rate_limit {
            rate_limit.get_or_create(&of).set(limit);
        }
        let (pending, lag) = (source.pending, source.lag.unwrap_or_default());
        let figures = [
            (pending_records, pending.and_then(|pending| pending.records)),
            (pending_bytes, pending.map(|pending| pending.bytes)),
            (lag_records, lag.records),
            (lag_bytes, lag.bytes),
        ];
        for (gauge, figure) in figures {
            if let Some(figure) = figure {
                gauge.get_or_create(&of).set(whole(figure));
            }
        }
    }
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn seconds(time: Time) -> f64 {
    time.millis() as f64 / 1e3
}

impl Listener for Metrics {
    fn on_started(&self, job: &JobInfo) {
        self.up.set(1);
        self.interval.set(job.interval.map_or(0.0, |interval: Duration| interval.as_secs_f64()));
    }

    fn on_source_started(&self, source: &SourceStatus) {
        self.show_source(source);
    }

    fn on_source_failed(&self, source: &SourceStatus) {
        self.show_source(source);
        let of = OfSource::new(&source.name, source.id);
        self.sources.failures.get_or_create(&of).inc();
    }

    fn on_source_warning(&self, _: &str, _: &crate::source::SourceError) {
        self.warnings.inc();
    }

    fn on_warning(&self, _: &str) {
        self.warnings.inc();
    }

    fn on_audit_breached(&self, _: &AuditInfo) {
        self.warnings.inc();
    }

    fn on_source_stopped(&self, source: &SourceStatus) {
        self.show_source(source);
    }

    fn on_output_completed(&self, output: &OutputInfo) {
        let of = OfOutput { output: output.name.clone(), id: output.id as u64 };
        self.outputs.busy.get_or_create(&of).inc_by(output.duration.as_secs_f64());
        if output.failure.is_some() {
            self.outputs.failures.get_or_create(&of).inc();
        }
    }

    fn on_batch_completed(&self, batch: &BatchInfo) {
        self.count_outcome(batch, "completed");
        self.latest.set(seconds(batch.time));
        self.late.inc_by(batch.late);
        self.malformed.inc_by(batch.malformed);
        self.sampled.set(batch.sampled.unwrap_or(1.0));
        if let Some(watermark) = batch.watermark {
            self.watermark.set(seconds(watermark));
        }
        batch.sources.iter().for_each(|source| self.count_source(source));
        let mut unscraped = self.unscraped();
        if unscraped.is_empty() {
            unscraped.clone_from(&batch.operators);
        } else {
            // They are the same in every batch.
            unscraped.iter_mut().zip(&batch.operators).for_each(|(all, operator)| all.add(operator));
        }
        drop(unscraped);
        for audit in &batch.audits {
            let of = OfAudit { audit: audit.name.clone() };
            let Audits { comparisons, misses, breaches } = &self.audits;
            comparisons.get_or_create(&of).inc_by(audit.compared);
            misses.get_or_create(&of).inc_by(audit.missed);
            breaches.get_or_create(&of).inc_by(audit.breached.into());
        }
    }

    fn on_batch_failed(&self, batch: &BatchInfo) {
        self.count_outcome(batch, "failed");
    }

    fn on_checkpoint_completed(&self, checkpoint: &CheckpointInfo) {
        let Checkpoints { written, latest, taking, writing, written_bytes, state } = &self.checkpoints;
        written.inc();
        latest.set(seconds(checkpoint.time));
        taking.observe(checkpoint.taking.as_secs_f64());
        writing.observe(checkpoint.writing.as_secs_f64());
        written_bytes.inc_by(checkpoint.written_bytes);
        state.set(whole(checkpoint.state_bytes));
    }

    fn on_stopped(&self, _: Result<&Report, &Error>) {
        self.up.set(0);
        self.waiting.set(0);
    }
}
