//! Which threads belong to a job: code on them must not wait for the job's end.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    /// The job that this thread works for; 0 for none.
    static WORKS_FOR: Cell<u64> = const { Cell::new(0) };
}

/// The number of a job of this process, from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobThread(u64);

impl JobThread {
    /// The next job.
    pub(crate) fn new() -> Self {
        static JOBS: AtomicU64 = AtomicU64::new(1);
        Self(JOBS.fetch_add(1, Ordering::Relaxed))
    }

    /// From here on this thread works for the job.
    pub(crate) fn enter(self) {
        WORKS_FOR.set(self.0);
    }

    /// Whether this thread works for the job.
    pub(crate) fn is_current(self) -> bool {
        WORKS_FOR.get() == self.0
    }
}
