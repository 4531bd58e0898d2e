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
    phase: Phase,
}

#[derive(Default)]
enum Phase {
    #[default]
    NotStarted,
    Running,
    /// With the result; an error is taken by the first to ask, and left as text for the others.
    Ended(Result<Report, Error>),
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

    pub(crate) fn begin(&self) {
        self.state().phase = Phase::Running;
    }

    pub(crate) fn end(&self, result: Result<Report, Error>) {
        self.state().phase = Phase::Ended(result);
        self.changed.notify_all();
    }

    /// Waits until the batch of this time is complete, or the job has ended; tells which.
    pub(crate) fn wait_for_batch(&self, time: Time) -> bool {
        let mut state = self.state();
        loop {
            if state.completed.is_some_and(|completed| completed >= time) {
                return true;
            }
            if !matches!(state.phase, Phase::Running) {
                return false;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the job has ended.
    pub(crate) fn wait_for_end(&self) -> Result<Report, Error> {
        let mut state = self.state();
        loop {
            match &mut state.phase {
                Phase::NotStarted => return Err(Error::NotStarted),
                Phase::Ended(Ok(report)) => return Ok(*report),
                Phase::Ended(Err(error)) => {
                    let text = Error::Ended(error.to_string());
                    return Err(std::mem::replace(error, text));
                }
                Phase::Running => {}
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
