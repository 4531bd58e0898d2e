//! What the tests of rates share.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use streamgauge_stream::testing::Recorder;
use streamgauge_stream::{
    BatchInfo, Clock, ContextBuilder, DStream, Receiver, ReceiverHandle, SourceError, StreamingContext, Time, Trigger,
    secs,
};

/// A clock that jumps to where somebody waits for, and goes on when a test says that work takes time. So a job that
/// lags runs by itself, the same in every run.
#[derive(Debug, Default)]
pub(crate) struct WorkClock(Mutex<Time>);

impl WorkClock {
    pub(crate) fn work(&self, length: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(length);
    }
}

impl Clock for WorkClock {
    fn now(&self) -> Time {
        *self.0.lock().unwrap()
    }

    fn wait_until(&self, time: Time, _: &dyn Fn() -> bool) {
        let mut now = self.0.lock().unwrap();
        *now = time.max(*now);
    }

    fn wake(&self) {}
}

/// A job with a batch a second on a clock of work, from second 0 on.
pub(crate) fn job(settings: impl FnOnce(ContextBuilder) -> ContextBuilder) -> (StreamingContext, Arc<WorkClock>) {
    let clock = Arc::new(WorkClock::default());
    let settings = settings(StreamingContext::builder("test").threads(2).batch_interval(secs(1)));
    (settings.clock(clock.clone()).trigger(Trigger::Every).build(), clock)
}

/// Lets every record of a stream take so long, which may depend on the time of the batch.
pub(crate) fn takes<T: Clone + Send + Sync + 'static>(
    records: &DStream<T>,
    clock: &Arc<WorkClock>,
    each: impl Fn(Time) -> Duration + Send + Sync + 'static,
) {
    let clock = clock.clone();
    records.for_each_batch(move |time, batch| batch.count().map(|n| clock.work(each(time) * n as u32)));
}

/// Runs a job to its end, and gives its batches.
pub(crate) fn batches(ctx: &StreamingContext) -> Vec<BatchInfo> {
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    ctx.start().unwrap();
    ctx.await_termination().unwrap();
    recorder.batches()
}

/// The rate limits of the first source.
pub(crate) fn rates(batches: &[BatchInfo]) -> Vec<f64> {
    // To the thousandth: the formula is evaluated in floating point.
    batches.iter().map(|batch| (batch.sources[0].rate_limit.unwrap() * 1e3).round() / 1e3).collect()
}

/// A receiver that is a function.
pub(crate) struct Pushes<T, F>(pub(crate) F, pub(crate) std::marker::PhantomData<fn() -> T>);

pub(crate) fn pushes<T, F>(push: F) -> Pushes<T, F>
where
    F: FnMut(&ReceiverHandle<T>) -> Result<(), SourceError> + Send + 'static,
{
    Pushes(push, std::marker::PhantomData)
}

impl<T, F> Receiver for Pushes<T, F>
where
    T: Clone + Send + Sync + 'static,
    F: FnMut(&ReceiverHandle<T>) -> Result<(), SourceError> + Send + 'static,
{
    type Item = T;

    fn name(&self) -> String {
        "pushes".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<T>) -> Result<(), SourceError> {
        (self.0)(handle)
    }
}
