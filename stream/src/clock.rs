//! What time it is: by the system, or as a test says.

use std::fmt::Debug;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::Time;

/// A clock that batches are timed by.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Time;

    /// Waits until a time has come or `cancelled` holds, which is asked again after every [`wake`](Self::wake).
    fn wait_until(&self, time: Time, cancelled: &dyn Fn() -> bool);

    /// Makes waiters look again.
    fn wake(&self);
}

/// The clock of the system.
#[derive(Debug, Default)]
pub struct SystemClock {
    gate: Mutex<()>,
    woken: Condvar,
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        // Before 1970 only on a machine whose clock was never set.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn wait_until(&self, time: Time, cancelled: &dyn Fn() -> bool) {
        let mut gate = lock(&self.gate);
        loop {
            let left = time.since(self.now());
            if left.is_zero() || cancelled() {
                return;
            }
            gate = self.woken.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wake(&self) {
        // Taking the lock makes sure that no waiter stands between its look and its sleep.
        drop(lock(&self.gate));
        self.woken.notify_all();
    }
}

/// A clock that stands still until it is advanced: for tests.
///
/// ```
/// use streamgauge_stream::{Clock, ManualClock, Time, secs};
/// let clock = ManualClock::new(Time::from_secs(1_000));
/// clock.advance(secs(5));
/// assert_eq!(clock.now(), Time::from_secs(1_005));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Time>,
    changed: Condvar,
}

impl ManualClock {
    /// A clock that stands at this time.
    pub fn new(now: Time) -> Self {
        Self { now: Mutex::new(now), changed: Condvar::new() }
    }

    /// Lets time pass.
    pub fn advance(&self, length: Duration) {
        let mut now = lock(&self.now);
        *now = now.after(length);
        self.changed.notify_all();
    }

    /// Sets the time, also back, as happens to the clocks of machines.
    pub fn set(&self, time: Time) {
        *lock(&self.now) = time;
        self.changed.notify_all();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *lock(&self.now)
    }

    fn wait_until(&self, time: Time, cancelled: &dyn Fn() -> bool) {
        let mut now = lock(&self.now);
        while *now < time && !cancelled() {
            now = self.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wake(&self) {
        drop(lock(&self.now));
        self.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
