//! What happens to a job, and who hears of it.

use super::{AuditInfo, BatchInfo, CheckpointInfo, JobInfo, OutputInfo, Report, SourceStatus};
use crate::error::{Error, Malformed};
use crate::source::SourceError;

/// Something that happened to a job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The job has started.
    Started(JobInfo),
    /// A source takes part in the job from now on.
    SourceStarted(SourceStatus),
    /// A source has failed.
    SourceFailed(SourceStatus),
    /// Something went wrong with a source, by its name, which goes on.
    SourceWarning(String, SourceError),
    /// Something is not as it should be, in words, and the job goes on.
    Warning(String),
    /// A source has ended, or its job has.
    SourceStopped(SourceStatus),
    /// A batch is due and its sources have said what they give to it.
    BatchSubmitted(BatchInfo),
    /// A batch begins to be read and computed.
    BatchStarted(BatchInfo),
    /// An output operation of a batch begins.
    OutputStarted(OutputInfo),
    /// An output operation of a batch is done, or has failed.
    OutputCompleted(OutputInfo),
    /// A line could not be parsed.
    Malformed(Malformed),
    /// More exact answers lie outside of the intervals of an audited summary than chance explains.
    AuditBreached(AuditInfo),
    /// A batch and its outputs are done.
    BatchCompleted(BatchInfo),
    /// A batch has failed, and the job ends with it.
    BatchFailed(BatchInfo),
    /// A checkpoint was written.
    CheckpointCompleted(CheckpointInfo),
    /// The job has ended, well or not.
    Stopped(Result<Report, Error>),
}

/// Hears what happens to a job.
///
/// Events come in order, one at a time, on a thread that all listeners of a job share; no batch waits for it, and an
/// event may be heard some 50 ms after it. At most
/// 10,000 events wait there: a listener that is slower than that in the long run misses events, which are counted in
/// [`Report::events_dropped`]. The end of the job is never missed, and the job has ended when its listeners have heard
/// all that waited. A listener that panics hears nothing more; the others and the job go on.
///
/// Every function does nothing unless written; [`on_event`](Self::on_event) calls the one that belongs to the event.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use streamgauge_stream::{BatchInfo, Listener, Queue, StreamingContext, Trigger};
///
/// #[derive(Default)]
/// struct Largest(Mutex<u64>);
///
/// impl Listener for Largest {
///     fn on_batch_completed(&self, batch: &BatchInfo) {
///         let mut largest = self.0.lock().unwrap();
///         *largest = batch.records.max(*largest);
///     }
/// }
///
/// let ctx = StreamingContext::builder("largest").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// ctx.source(source.one_at_a_time()).for_each_batch(|_, batch: streamgauge_stream::Batch<u8>| batch.count().map(drop));
/// let largest = Arc::new(Largest::default());
/// ctx.add_listener(largest.clone());
/// queue.push(vec![0; 30]);
/// queue.push(vec![0; 20]);
/// ctx.run()?;
/// assert_eq!(*largest.0.lock().unwrap(), 30);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub trait Listener: Send + Sync {
    /// Anything happened.
    fn on_event(&self, event: &Event) {
        match event {
            Event::Started(job) => self.on_started(job),
            Event::SourceStarted(source) => self.on_source_started(source),
            Event::SourceFailed(source) => self.on_source_failed(source),
            Event::SourceWarning(source, error) => self.on_source_warning(source, error),
            Event::Warning(warning) => self.on_warning(warning),
            Event::SourceStopped(source) => self.on_source_stopped(source),
            Event::BatchSubmitted(batch) => self.on_batch_submitted(batch),
            Event::BatchStarted(batch) => self.on_batch_started(batch),
            Event::OutputStarted(output) => self.on_output_started(output),
            Event::OutputCompleted(output) => self.on_output_completed(output),
            Event::Malformed(line) => self.on_malformed(line),
            Event::AuditBreached(audit) => self.on_audit_breached(audit),
            Event::BatchCompleted(batch) => self.on_batch_completed(batch),
            Event::BatchFailed(batch) => self.on_batch_failed(batch),
            Event::CheckpointCompleted(checkpoint) => self.on_checkpoint_completed(checkpoint),
            Event::Stopped(result) => self.on_stopped(result.as_ref()),
        }
    }

    /// The job has started.
    fn on_started(&self, _: &JobInfo) {}

    /// A source takes part in the job from now on.
    fn on_source_started(&self, _: &SourceStatus) {}

    /// A source has failed; `error` says how.
    fn on_source_failed(&self, _: &SourceStatus) {}

    /// Something went wrong with a source, which goes on: a connection is made again, a receiver is started again, a
    /// listing takes too long.
    fn on_source_warning(&self, _source: &str, _: &SourceError) {}

    /// Something is not as it should be, and the job goes on: an operator begins empty, for it is not in the checkpoint;
    /// the newest checkpoint is damaged, and the one before it is taken.
    fn on_warning(&self, _: &str) {}

    /// A source has ended, or its job has.
    fn on_source_stopped(&self, _: &SourceStatus) {}

    /// A batch is due, and its sources have said what they give to it. Of the batch its time, `submitted` and `queued`
    /// are known.
    fn on_batch_submitted(&self, _: &BatchInfo) {}

    /// A batch begins to be read and computed. Also known: `started` and the scheduling delay.
    fn on_batch_started(&self, _: &BatchInfo) {}

    /// An output operation of a batch begins.
    fn on_output_started(&self, _: &OutputInfo) {}

    /// An output operation of a batch is done, or has failed; `failure` says how.
    fn on_output_completed(&self, _: &OutputInfo) {}

    /// A line could not be parsed. The first five of a job are told, all are counted.
    fn on_malformed(&self, _: &Malformed) {}

    /// More exact answers lie outside of the intervals of an [audited](crate::DStream::audit) summary than chance
    /// explains. Of an audit that goes on like that it is told again, now and then.
    fn on_audit_breached(&self, _: &AuditInfo) {}

    /// A batch and its outputs are done. Outputs that failed and were skipped are among
    /// [`outputs`](BatchInfo::outputs).
    fn on_batch_completed(&self, _: &BatchInfo) {}

    /// A batch has failed, and the job ends with it; `failure` says how.
    fn on_batch_failed(&self, _: &BatchInfo) {}

    /// A checkpoint was written: a job that is killed from now on goes on from there.
    fn on_checkpoint_completed(&self, _: &CheckpointInfo) {}

    /// The job has ended, well or not.
    fn on_stopped(&self, _: Result<&Report, &Error>) {}
}
