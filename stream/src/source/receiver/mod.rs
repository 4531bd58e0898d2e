//! Sources that push: code on a thread of its own that hands records over as they come.

mod feed;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use self::feed::{End, Feed};
use super::kept::Kept;
use super::restart::Restart;
use super::{Limit, Partition, Pending, Plan, Record, Source, SourceError};
use crate::clock::{Clock, SystemClock};
use crate::error::panic_message;

/// Code that takes records in from elsewhere: a socket, a device, a client library with callbacks.
///
/// It runs on a thread of its own and pushes into a [`ReceiverHandle`]. Given to
/// [`StreamingContext::receiver`](crate::StreamingContext::receiver), or as a [`ReceiverSource`] where there is something
/// to set.
///
/// ```
/// use streamgauge_stream::source::{Receiver, ReceiverHandle};
/// use streamgauge_stream::{SourceError, StreamingContext, Trigger};
///
/// struct Countdown(u32);
///
/// impl Receiver for Countdown {
///     type Item = u32;
///
///     fn name(&self) -> String {
///         "countdown".to_owned()
///     }
///
///     fn receive(&mut self, handle: &ReceiverHandle<u32>) -> Result<(), SourceError> {
///         for n in (0..self.0).rev() {
///             handle.store(n)?; // waits while the buffer is full; an error when the job stops
///         }
///         Ok(()) // the input has ended
///     }
/// }
///
/// let ctx = StreamingContext::builder("countdown").trigger(Trigger::Available).build();
/// let rows = ctx.receiver(Countdown(3)).collect_to_memory();
/// ctx.run()?;
/// assert_eq!(rows.rows(), [2, 1, 0]);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub trait Receiver: Send + 'static {
    /// The records.
    type Item: Record;

    /// The name in errors and on the dashboard.
    fn name(&self) -> String;

    /// Receives until the input ends or the job stops, and stores what comes. May be called again after an error.
    ///
    /// # Errors
    /// What went wrong. It is told to the listeners, and this is called again as the [`Restart`] says; a panic is
    /// treated the same way. What is returned after the stop is not looked at, so that `handle.store(record)?` will do.
    fn receive(&mut self, handle: &ReceiverHandle<Self::Item>) -> Result<(), SourceError>;
}

/// The job takes nothing more in: a record was not stored.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the job takes nothing more in")]
pub struct Stopped;

impl From<Stopped> for SourceError {
    fn from(stopped: Stopped) -> Self {
        Self::new("receiver", stopped)
    }
}

/// Where a [`Receiver`] puts its records. Cheap to clone; clones may be used from several threads.
#[derive(Clone)]
pub struct ReceiverHandle<T> {
    name: Arc<str>,
    feed: Arc<Feed<T>>,
    clock: Arc<dyn Clock>,
}

impl<T> fmt::Debug for ReceiverHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverHandle({:?})", self.name)
    }
}

impl<T: Record> ReceiverHandle<T> {
    /// Stores a record. Waits while the buffer is full; nothing is ever dropped.
    ///
    /// # Errors
    /// [`Stopped`] if the job takes nothing more in; the record is not part of it.
    pub fn store(&self, record: T) -> Result<(), Stopped> {
        self.feed.store(record, &*self.clock)
    }

    /// Stores records as a block of their own, so that they become one partition: all of them or, after the stop, none.
    /// Waits until there is room for all; more than the buffer holds are stored when it is empty.
    ///
    /// # Errors
    /// [`Stopped`] if the job takes nothing more in; none of the records is part of it.
    pub fn store_many(&self, records: Vec<T>) -> Result<(), Stopped> {
        self.feed.store_many(records)
    }

    /// Tells the listeners of something that went wrong, and goes on.
    pub fn report_error(&self, error: impl fmt::Display) {
        self.feed.warnings.add(SourceError::new(&self.name, error));
    }

    /// Whether the job takes nothing more in.
    pub fn is_stopped(&self) -> bool {
        self.feed.is_stopped()
    }

    /// Waits, by the clock of the job, and no longer than until it stops; tells whether it goes on.
    pub fn wait(&self, length: Duration) -> bool {
        self.clock.wait_until(self.clock.now().after(length), &|| self.is_stopped());
        !self.is_stopped()
    }
}

/// A [`Receiver`] as a source.
///
/// Records wait in a bounded buffer until a batch takes all that are there, or as many as a [limit](Limit::records)
/// allows. They are cut into *blocks*, and a block is a partition. Its position is the number of records that were read. Cannot replay: what was read is gone.
///
/// A stop takes nothing more in and works off what was stored. With [`Trigger::Available`](crate::Trigger::Available) a
/// batch waits until the buffer is full or the receiver has returned: one that never does is not for it.
pub struct ReceiverSource<R: Receiver> {
    name: Arc<str>,
    receiver: Option<R>,
    restart: Restart,
    feed: Feed<R::Item>,
    running: Option<ReceiverHandle<R::Item>>,
    planned: Vec<Vec<R::Item>>,
    /// What was planned last.
    range: (u64, u64),
}

impl<R: Receiver> fmt::Debug for ReceiverSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverSource({:?})", self.name)
    }
}

impl<R: Receiver> ReceiverSource<R> {
    /// A source of what this receiver stores.
    pub fn new(receiver: R) -> Self {
        Self {
            name: receiver.name().into(),
            receiver: Some(receiver),
            restart: Restart::default(),
            feed: Feed::default(),
            running: None,
            planned: Vec::new(),
            range: (0, 0),
        }
    }

    /// When it is called again after an error; after two seconds, for ever, unless set.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// The records in a block, at most; 8,192 unless set. 0 counts as 1.
    pub fn block_records(mut self, records: usize) -> Self {
        self.feed.block_records = records.max(1);
        self
    }

    /// Also ends a block when a record comes so long after its first one: a batch then has about as many partitions as
    /// intervals. Not set unless asked for, because the partitions then depend on when records came, not on the records
    /// alone. The clock is asked at every record.
    pub fn block_interval(mut self, interval: Duration) -> Self {
        self.feed.block_interval = Some(interval);
        self
    }

    /// How many records may wait for a batch; 0 counts as 1. Unless set 81,920 (ten blocks), or as many as the job's
    /// [bound](crate::ContextBuilder::max_pending_bytes) allows.
    pub fn buffer_records(mut self, records: usize) -> Self {
        self.feed.capacity = Some(records.max(1));
        self
    }

    /// How many bytes a record holds on the heap: without it, the [bound](crate::ContextBuilder::max_pending_bytes) of
    /// a job only knows the size of its type. Called at every record.
    ///
    /// ```
    /// use streamgauge_stream::{Receiver, ReceiverSource};
    ///
    /// fn lines(receiver: impl Receiver<Item = String>) -> ReceiverSource<impl Receiver<Item = String>> {
    ///     ReceiverSource::new(receiver).heap_bytes(|line| line.capacity())
    /// }
    /// ```
    pub fn heap_bytes(mut self, bytes: impl Fn(&R::Item) -> usize + Send + Sync + 'static) -> Self {
        self.feed.heap_bytes = Some(Box::new(bytes));
        self
    }

    /// The handle of the receiver, which runs from here on.
    fn run(&mut self, clock: &Arc<dyn Clock>) -> &ReceiverHandle<R::Item> {
        let Self { name, receiver, restart, feed, .. } = self;
        self.running.get_or_insert_with(|| {
            let feed = Arc::new(std::mem::take(feed));
            let handle = ReceiverHandle { name: name.clone(), feed, clock: clock.clone() };
            let (theirs, restart) = (handle.clone(), *restart);
            // None if the source was closed before it was opened.
            let Some(receiver) = receiver.take() else {
                handle.feed.end(End::Stopped);
                return handle;
            };
            let thread = thread::Builder::new().name(format!("receiver {name}"));
            if let Err(error) = thread.spawn(move || receive(receiver, &theirs, restart)) {
                let error = SourceError::new(name, format!("no thread for it: {error}"));
                handle.feed.end(End::Failed(error));
            }
            handle
        })
    }

    fn stop(&self) {
        if let Some(handle) = &self.running {
            handle.feed.end(End::Stopped);
            handle.clock.wake();
        }
    }
}

impl<R: Receiver> Drop for ReceiverSource<R> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread of a receiver: calls it, and again as long as it is to be tried.
fn receive<R: Receiver>(mut receiver: R, handle: &ReceiverHandle<R::Item>, restart: Restart) {
    let (mut failures, mut stored) = (0, 0);
    loop {
        let result = catch_unwind(AssertUnwindSafe(|| receiver.receive(handle)));
        let error = match result {
            Ok(Ok(())) => return handle.feed.end(End::Complete),
            Ok(Err(error)) => error,
            Err(panic) => SourceError::new(&handle.name, panic_message(&*panic)),
        };
        if handle.is_stopped() {
            return;
        }
        let before = std::mem::replace(&mut stored, handle.feed.stored());
        failures = if stored > before { 1 } else { failures + 1 };
        let Some(delay) = restart.delay_after(failures) else {
            return handle.feed.end(End::Failed(error));
        };
        let due = handle.clock.now().after(delay);
        let why = format!("{}; starts again in {delay:?}", error.why);
        handle.feed.warnings.add(SourceError { what: error.what, why });
        handle.clock.wait_until(due, &|| handle.is_stopped());
        if handle.is_stopped() {
            return;
        }
    }
}

impl<R: Receiver> Source for ReceiverSource<R> {
    type Item = R::Item;
    type Position = u64;

    fn name(&self) -> String {
        self.name.as_ref().to_owned()
    }

    fn replays(&self) -> bool {
        false
    }

    fn start(&self) -> u64 {
        0
    }

    fn open(&mut self, clock: &Arc<dyn Clock>) -> Result<(), SourceError> {
        self.run(clock);
        Ok(())
    }

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        let feed = match &self.running {
            Some(running) => &running.feed,
            None => &self.run(&(Arc::new(SystemClock::default()) as Arc<dyn Clock>)).feed,
        };
        let (blocks, next) = feed.take(limit.wait, limit.most())?;
        let to = from + blocks.iter().map(|block| block.len() as u64).sum::<u64>();
        self.planned = blocks;
        self.range = (*from, to);
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<R::Item>>>, SourceError> {
        if (*from, *to) != std::mem::take(&mut self.range) {
            return Err(SourceError::new(&self.name, format!("records {from} to {to} cannot be read again")));
        }
        Ok(self.planned.drain(..).map(Kept::partition).collect())
    }

    fn close(&mut self) {
        // One that has not run yet shall not begin.
        self.receiver = None;
        self.stop();
    }

    fn holds_records(&self) -> bool {
        self.running.as_ref().is_some_and(|handle| handle.feed.holds_records())
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.running.as_ref().map(|handle| handle.feed.warnings.take()).unwrap_or_default()
    }

    fn pending(&self) -> Option<Pending> {
        Some(self.running.as_ref().map(|handle| handle.feed.pending()).unwrap_or_default())
    }

    fn reads_ahead(&self) -> bool {
        true
    }

    fn bound_pending(&mut self, bytes: u64) {
        // As much again is in a batch.
        self.feed.capacity_bytes = Some(usize::try_from(bytes / 2).unwrap_or(usize::MAX));
    }
}
