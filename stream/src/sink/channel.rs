//! A channel to another thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::memory::in_order;
use super::{Cause, Sink};
use crate::time::Time;

/// The sending end of a channel of batches; see [`channel`].
#[derive(Debug)]
pub struct ChannelSink<T> {
    batches: SyncSender<(Time, Vec<T>)>,
}

/// A sink and the receiver of its batches, each with its time, also of empty ones.
///
/// At most `bound` batches wait for the receiver; then the job waits with its next one, so a slow receiver slows the
/// job down. With a bound of 0 each batch is handed over when the receiver takes it. The receiver's iteration ends when
/// the job has ended. **Dropped** while the job runs, it ends the job with an error: rows that nobody will read are no
/// output. Receive on another thread than the one that waits for the job.
///
/// ```
/// use streamgauge_stream::{Queue, StreamingContext, Trigger, sink};
///
/// let ctx = StreamingContext::builder("handed over").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// let (sink, batches) = sink::channel(4);
/// ctx.source(source).write_to(sink);
/// let sum = std::thread::spawn(move || batches.iter().flat_map(|(_, rows)| rows).sum::<u64>());
/// queue.push(vec![1, 2, 3]);
/// queue.close();
/// ctx.run()?;
/// assert_eq!(sum.join().unwrap(), 6);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub fn channel<T>(bound: usize) -> (ChannelSink<T>, Receiver<(Time, Vec<T>)>) {
    let (sender, receiver) = sync_channel(bound);
    (ChannelSink { batches: sender }, receiver)
}

impl<T: Send + 'static> Sink<T> for ChannelSink<T> {
    type Part = Vec<T>;

    fn target(&self) -> String {
        "a channel".to_owned()
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Vec<T>, Cause> {
        Ok(Vec::new())
    }

    fn commit(&mut self, batch: Time, parts: Vec<Vec<T>>) -> Result<(), Cause> {
        // The rows come back with the error, and are of no use.
        self.batches.send((batch, in_order(parts))).map_err(|_| "its receiver was dropped".into())
    }
}
