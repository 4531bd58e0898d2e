//! How far a job is, for those who wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::monitor::Report;
use crate::time::Time;

/// What a context is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// The job is being described.
    Initialized,
    /// The job runs.
    Active,
    /// The job has ended, was stopped before its start, or could not start. It cannot start again.
    Stopped,
}

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
    /// It could not start, or was stopped before.
    NeverStarts,
    Running,
    Ended(Result<Report, Error>),
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request_stop(&self) {
        // Under the lock, so that nobody who waits for it looks before and sleeps after.
        let mut state = self.state();
        if let Phase::NotStarted = state.phase {
            state.phase = Phase::NeverStarts;
        }
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

    pub(crate) fn job_state(&self) -> JobState {
        match self.state().phase {
            Phase::NotStarted => JobState::Initialized,
            Phase::Running => JobState::Active,
            Phase::NeverStarts | Phase::Ended(_) => JobState::Stopped,
        }
    }

    pub(crate) fn complete(&self, time: Time) {
        self.state().completed = Some(time);
        self.changed.notify_all();
    }

    /// A context runs once.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let mut state = self.state();
        let problem = match state.phase {
            Phase::NotStarted => {
                state.phase = Phase::Running;
                return Ok(());
            }
            Phase::Running => "the job runs already",
            Phase::Ended(_) => "the job has ended, and a context runs once; build another context",
            Phase::NeverStarts => "the context was stopped, or could not start before; build another context",
        };
        Err(Error::Graph(vec![problem.to_owned()]))
    }

    /// The job that was about to begin cannot.
    pub(crate) fn give_up(&self) {
        self.state().phase = Phase::NeverStarts;
        self.changed.notify_all();
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

    /// Waits until the job has ended, at most so long; none if it has not.
    pub(crate) fn wait_for_end(&self, timeout: Option<Duration>) -> Result<Option<Report>, Error> {
        // A time so far away that the clock cannot tell it is no limit.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.state();
        loop {
            match &state.phase {
                Phase::NotStarted | Phase::NeverStarts => return Err(Error::NotStarted),
                Phase::Ended(result) => return result.clone().map(Some),
                Phase::Running => {}
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => return Ok(None),
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
