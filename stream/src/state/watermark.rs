//! How far event time has come in the inputs of an operator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::{BatchRun, Input};

/// Event times outside of this, some 100 million years around the epoch, are no times.
pub(crate) const FIRST_TIME: i64 = i64::MIN / 4;
pub(crate) const LAST_TIME: i64 = i64::MAX / 4;

/// The newest event time of each input that has given any.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Watermark {
    newest: BTreeMap<Input, i64>,
}

impl Watermark {
    /// Takes note of the newest event time that a partition of an input has.
    pub(crate) fn see(&mut self, input: Input, newest: i64) {
        let held = self.newest.entry(input).or_insert(newest);
        *held = newest.max(*held);
    }

    /// The lowest newest time less the delay among the inputs that have not ended: none before all of them have given
    /// one, and the end of time when all have ended.
    pub(crate) fn of(&self, run: &BatchRun, inputs: &[Input], delay: i64) -> Option<i64> {
        let mut lowest = i64::MAX;
        for input in inputs.iter().filter(|input| !run.is_finished(**input)) {
            lowest = lowest.min(self.newest.get(input)?.saturating_sub(delay));
        }
        Some(lowest)
    }
}
