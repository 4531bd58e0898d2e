//! A job that is played by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Captured, Recorder, Script};
use crate::clock::{Clock, ManualClock};
use crate::context::{ContextBuilder, StreamingContext};
use crate::dstream::DStream;
use crate::error::Error;
use crate::graph::decode;
use crate::monitor::Report;
use crate::recovery::Snapshot;
use crate::schedule::{JobState, Trigger};
use crate::source::{Queue, Record};
use crate::time::Time;

/// A job on a manual clock that starts at the epoch: with an interval of a second its batches are those of the seconds
/// 1, 2, 3 …
///
/// It starts with the first tick. Sources and streams are described before that, on it or on its
/// [`context`](Self::context). A job that still runs when this is dropped is stopped.
#[derive(Debug)]
pub struct TestJob {
    ctx: StreamingContext,
    clock: Arc<ManualClock>,
    interval: Duration,
    /// Scripts may end with their last batch.
    may_end: Arc<AtomicBool>,
    closers: Vec<Closer>,
}

/// Ends an input.
struct Closer(Box<dyn Fn() + Send>);

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closer")
    }
}

impl Default for TestJob {
    fn default() -> Self {
        Self::new()
    }
}

impl TestJob {
    /// A job with a batch a second, on two threads.
    pub fn new() -> Self {
        Self::with(|settings| settings)
    }

    /// A job with other settings. The trigger is always the interval, and the clock the kit's.
    pub fn with(settings: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Self {
        let clock = Arc::new(ManualClock::new(Time::default()));
        let builder = settings(StreamingContext::builder("test").threads(2));
        let ctx = builder.clock(clock.clone()).trigger(Trigger::Every).build();
        let interval = ctx.interval();
        Self { ctx, clock, interval, may_end: Arc::default(), closers: Vec::new() }
    }

    /// The context, for sources, listeners and settings of other kinds.
    pub fn context(&self) -> &StreamingContext {
        &self.ctx
    }

    /// The time on the job's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The clock, to set it: as clocks of machines are at times.
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// A stream of what is written down, one element for each batch; then of nothing, until the job is
    /// [run](Self::run) to its end.
    pub fn source<T: Record>(&mut self, batches: impl IntoIterator<Item = Vec<T>>) -> DStream<T> {
        self.script(Script::new(batches))
    }

    /// A stream of a script.
    pub fn script<T: Record>(&mut self, script: Script<T>) -> DStream<T> {
        self.ctx.source(script.ending(self.may_end.clone()))
    }

    /// A queue, for what is decided while the test goes, and the stream of what is pushed into it.
    pub fn queue<T: Record>(&mut self) -> (Queue<T>, DStream<T>) {
        let (queue, source) = Queue::new();
        let closed = queue.clone();
        self.closers.push(Closer(Box::new(move || closed.close())));
        (queue, self.ctx.source(source))
    }

    /// An output that keeps what a stream gives.
    pub fn capture<T: Record>(&self, stream: &DStream<T>) -> Captured<T> {
        Captured::new(stream.collect_to_memory())
    }

    /// A listener that keeps everything that happens.
    pub fn record(&self) -> Arc<Recorder> {
        let recorder = Recorder::new();
        self.ctx.add_listener(recorder.clone());
        recorder
    }

    /// Starts the job, if it was not started yet. [`tick`](Self::tick) does so too.
    ///
    /// # Errors
    /// Those of [`StreamingContext::start`].
    pub fn start(&mut self) -> Result<(), Error> {
        if self.ctx.state() == JobState::Initialized { self.ctx.start() } else { Ok(()) }
    }

    /// Starts the job from the state that another run of it has reached, at the time of that run's last batch.
    ///
    /// # Errors
    /// Those of [`StreamingContext::start_from`].
    pub fn start_from(&mut self, snapshot: &[u8]) -> Result<(), Error> {
        if let Ok(Snapshot { time, .. }) = decode(snapshot) {
            self.clock.set(time);
        }
        self.ctx.start_from(snapshot)
    }

    /// Lets one batch interval pass, waits until the batch is complete and the listeners have heard of it, and gives
    /// its time.
    ///
    /// # Errors
    /// The error that the job ended with, or [`Error::Ended`] if it had ended without one.
    pub fn tick(&mut self) -> Result<Time, Error> {
        self.advance(self.interval)
    }

    /// Some [ticks](Self::tick), one after the other.
    ///
    /// # Errors
    /// Those of [`tick`](Self::tick).
    pub fn ticks(&mut self, ticks: usize) -> Result<(), Error> {
        (0..ticks).try_for_each(|_| self.tick().map(|_| ()))
    }

    /// Lets some time pass, and waits for all batches that are due then.
    ///
    /// # Errors
    /// Those of [`tick`](Self::tick).
    pub fn advance(&mut self, length: Duration) -> Result<Time, Error> {
        self.start()?;
        // Computed beforehand: code of the job may set the clock too.
        let before = self.clock.now();
        let due = before.after(length).floor(self.interval);
        self.clock.advance(length);
        if due > before.floor(self.interval) && !self.ctx.await_batch(due) {
            return self.ctx.await_termination().and(Err(Error::Ended(due)));
        }
        self.ctx.await_listeners();
        Ok(due)
    }

    /// Plays what is left of the scripts, ends the input, and waits for the end of the job: windows by event time that
    /// were open close. If every script was played already, the end of the input is a batch of its own. Sources of your
    /// own have to end too.
    ///
    /// # Errors
    /// The error that the job ended with.
    pub fn run(&mut self) -> Result<Report, Error> {
        self.may_end.store(true, Ordering::Release);
        self.closers.iter().for_each(|close| close.0());
        loop {
            match self.tick() {
                Ok(_) => {}
                Err(Error::Ended(_)) => return self.ctx.await_termination(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Stops the job as it would be in use: what sources have taken in is worked off, the input has not ended.
    ///
    /// # Errors
    /// The error that the job ended with.
    pub fn stop(&mut self) -> Result<Report, Error> {
        self.start()?;
        self.ctx.stop();
        self.ctx.await_termination()
    }

    /// The state that the ended job has reached, for [`start_from`](Self::start_from).
    ///
    /// # Errors
    /// Those of [`StreamingContext::snapshot`].
    pub fn snapshot(&self) -> Result<Vec<u8>, Error> {
        self.ctx.snapshot()
    }
}

impl Drop for TestJob {
    fn drop(&mut self) {
        self.ctx.stop();
    }
}
