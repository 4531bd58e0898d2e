//! A clock for jobs whose work takes time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::time::Time;

/// A clock that moves when the job waits, and when its work says so: a job that runs on it plays what its load would be
/// in as little time as it takes.
///
/// Whoever waits has waited at once: the clock then stands at that time. Work that calls [`work`](Self::work) takes as
/// long as it says, added up over all threads. So batches are late, and a job that sheds does so, the same in every
/// run.
///
/// ```
/// use streamgauge_stream::testing::{Script, SimulatedClock};
/// use streamgauge_stream::{StreamingContext, millis};
///
/// let clock = SimulatedClock::new();
/// let ctx = StreamingContext::builder("slow").clock(clock.clone()).build();
/// let source = Script::new([vec!["a"; 300], vec!["b"], vec!["c"]]).source();
/// let worked = clock.clone();
/// ctx.source(source).map(move |record| { worked.work(millis(10)); record }).collect_to_memory();
/// ctx.run()?;
/// // Three seconds for the first batch, which was due after one.
/// assert_eq!(clock.since_start(), millis(4_020));
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Debug)]
pub struct SimulatedClock(Mutex<Duration>);

impl SimulatedClock {
    /// A clock that stands at the epoch.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    fn time(&self) -> MutexGuard<'_, Duration> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes so long.
    pub fn work(&self, length: Duration) {
        let mut time = self.time();
        *time = time.saturating_add(length);
    }

    /// How far it has come.
    pub fn since_start(&self) -> Duration {
        *self.time()
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Time {
        Time::default().after(*self.time())
    }

    fn wait_until(&self, time: Time, _: &dyn Fn() -> bool) {
        let mut now = self.time();
        *now = time.since(Time::default()).max(*now);
    }

    fn wake(&self) {}
}
