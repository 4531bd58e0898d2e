//! How far a job is, for those who wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::monitor::Report;
use crate::time::Time;

/// Shared between a job and those who wait for it or stop it.
#[derive(Default)]
pub(crate) struct Progress {
    stopping: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    completed: Option<Time>,
    ended: bool,
    result: Option<Result<Report, Error>>,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request_stop(&self) {
        // Under the lock, so that nobody who waits for it looks before and sleeps after.
        let _state = self.state();
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    pub(crate) fn wait_for_stop(&self) {
        let mut state = self.state();
        while !self.is_stopping() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn complete(&self, time: Time) {
        self.state().completed = Some(time);
        self.changed.notify_all();
    }

    pub(crate) fn end(&self, result: Result<Report, Error>) {
        let mut state = self.state();
        state.ended = true;
        state.result = Some(result);
        self.changed.notify_all();
    }

    /// Waits until the batch of this time is complete, or the job has ended; tells which.
    pub(crate) fn wait_for_batch(&self, time: Time) -> bool {
        let mut state = self.state();
        loop {
            if state.completed.is_some_and(|completed| completed >= time) {
                return true;
            }
            if state.ended {
                return false;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the job has ended. The first to ask gets its result.
    pub(crate) fn wait_for_end(&self) -> Option<Result<Report, Error>> {
        let mut state = self.state();
        while !state.ended {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.result.take()
    }
}
