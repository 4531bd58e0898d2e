//! What happens to a job, as events of `tracing`.

use tracing::{Level, debug, enabled, error, info, warn};

use super::Event;

/// Whether anyone hears of it.
pub(super) fn is_heard() -> bool {
    enabled!(Level::ERROR)
}

/// Tells an event, within the span of what it belongs to. Batches and outputs are spans: of these only failures are told.
pub(super) fn tell(event: &Event) {
    match event {
        Event::Started(job) => {
            info!(job = job.name, threads = job.threads, operators = job.operators.len(), "the job has started");
        }
        Event::SourceFailed(source) => {
            error!(source = &*source.name, cause = source.error.as_deref(), "a source has failed");
        }
        Event::SourceWarning(source, warning) => warn!(source, %warning, "a source goes on"),
        Event::Warning(warning) => warn!("{warning}"),
        Event::OutputCompleted(output) => {
            if let Some(cause) = &output.failure {
                error!(output = &*output.name, cause, "an output has failed");
            }
        }
        Event::Malformed(line) => {
            warn!(input = line.input, line = line.line, cause = line.cause, "a line is malformed")
        }
        Event::BatchFailed(batch) => error!(cause = batch.failure.as_deref(), "the batch has failed"),
        Event::AuditBreached(audit) => warn!(audit = audit.name, "an audited summary misses more than it promises"),
        Event::CheckpointCompleted(checkpoint) => {
            debug!(time = checkpoint.time.millis(), bytes = checkpoint.written_bytes, "a checkpoint was written");
        }
        Event::Stopped(Ok(report)) => info!(batches = report.batches, records = report.records, "the job has ended"),
        Event::Stopped(Err(error)) => error!(%error, "the job has failed"),
        Event::SourceStarted(_)
        | Event::SourceStopped(_)
        | Event::BatchSubmitted(_)
        | Event::BatchStarted(_)
        | Event::OutputStarted(_)
        | Event::BatchCompleted(_) => {}
    }
}
