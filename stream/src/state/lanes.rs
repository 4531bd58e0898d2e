//! State by lane, each with a lock of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::graph::{Pieces, decode};

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

    /// The lanes as bytes.
    pub(crate) fn save(&self) -> Result<Pieces, String>
    where
        L: Serialize + Send,
    {
        let save = |lane: &Mutex<L>| {
            let lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
            postcard::to_allocvec(&*lane).map_err(|e| e.to_string())
        };
        self.0.par_iter().map(save).collect()
    }

    /// Puts other state in the place of all lanes, or of none.
    pub(crate) fn load(&self, pieces: &[Vec<u8>]) -> Result<(), String>
    where
        L: DeserializeOwned + Send,
    {
        if pieces.len() != self.len() {
            let (stored, lanes) = (pieces.len(), self.len());
            return Err(format!("it is of {stored} lanes, and the job has {lanes}; write .lanes({stored})"));
        }
        let lanes: Vec<L> = pieces.par_iter().map(|bytes| decode(bytes)).collect::<Result<_, _>>()?;
        for (lane, other) in lanes.into_iter().enumerate() {
            *self.lane(lane) = other;
        }
        Ok(())
    }

    /// The lanes in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, L>> {
        (0..self.len()).map(|lane| self.lane(lane))
    }
}
