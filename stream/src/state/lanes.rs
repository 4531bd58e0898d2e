//! State by lane, each with a lock of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of the lanes of an operator. Lanes run in parallel; no two threads ever want the same one.
#[derive(Debug)]
pub(crate) struct Lanes<L>(Vec<Mutex<L>>);

impl<L> Lanes<L> {
    pub(crate) fn new(lanes: usize, mut lane: impl FnMut() -> L) -> Self {
        Self((0..lanes).map(|_| Mutex::new(lane())).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn lane(&self, lane: usize) -> MutexGuard<'_, L> {
        // After a panic the batch fails, and with it the job: nobody goes on from a lane that was changed in part.
        self.0[lane].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lanes in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, L>> {
        (0..self.len()).map(|lane| self.lane(lane))
    }
}
