//! How far event time has come.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::batch::{BatchRun, Input};
use crate::time::{Time, millis_of};

/// How much later than newer ones a record may come, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// How far the watermark is behind the newest record.
    delay: i64,
    /// How far state is kept beyond the watermark.
    lateness: i64,
    /// After how much batch time without a record an input does not hold the watermark.
    idle: Option<i64>,
}

impl Tolerance {
    pub(crate) fn new(delay: Duration, lateness: Duration, idle: Option<Duration>) -> Self {
        Self { delay: millis_of(delay), lateness: millis_of(lateness), idle: idle.map(millis_of) }
    }

    pub(crate) fn delay(&self) -> i64 {
        self.delay
    }

    /// The delay and the allowed lateness together.
    pub(crate) fn total(&self) -> i64 {
        self.delay.saturating_add(self.lateness)
    }

    /// The watermark when event time has come so far.
    #[inline]
    pub(crate) fn watermark(&self, reached: i64) -> i64 {
        behind(reached, self.delay)
    }

    /// What lies before this is over: no record of it will be taken any more.
    #[inline]
    pub(crate) fn horizon(&self, reached: i64) -> i64 {
        behind(reached, self.total())
    }
}

/// The end of time has no distance to anything.
#[inline]
fn behind(reached: i64, distance: i64) -> i64 {
    if reached == i64::MAX { i64::MAX } else { reached.saturating_sub(distance) }
}

/// How far event time has come, by input and altogether.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Watermarks {
    inputs: BTreeMap<Input, Seen>,
    /// The lowest newest time among the inputs that counted, after the last batch. Never goes back.
    reached: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    /// The newest event time.
    newest: i64,
    /// The last batch that had a record.
    heard: Time,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self { inputs: BTreeMap::new(), reached: i64::MIN }
    }
}

impl Watermarks {
    /// Takes note of the newest time in each partition; tells for each how far time had come for it when it began.
    pub(crate) fn arrive(
        &mut self,
        run: &BatchRun,
        partitions: &[Input],
        newest: impl IntoIterator<Item = i64>,
    ) -> Vec<i64> {
        let begun = partitions.iter().zip(newest).map(|(input, newest)| {
            let seen = self.inputs.entry(*input).or_insert(Seen { newest: i64::MIN, heard: run.time });
            // An input that was idle may be behind the others: what they have closed stays closed.
            let begun = seen.newest.max(self.reached);
            if newest > i64::MIN {
                seen.heard = run.time;
                seen.newest = seen.newest.max(newest);
            }
            begun
        });
        begun.collect()
    }

    /// How far event time has come after this batch: to the newest time of the input that is furthest behind, among
    /// those that have neither ended nor fallen silent. The end of time if all have ended.
    pub(crate) fn advance(&mut self, run: &BatchRun, inputs: &[Input], tolerance: &Tolerance) -> i64 {
        let (mut slowest, mut silent) = (None, None);
        for input in inputs.iter().filter(|input| !run.is_finished(**input)) {
            let seen = self.inputs.entry(*input).or_insert(Seen { newest: i64::MIN, heard: run.time });
            let silence = run.time.millis().saturating_sub(seen.heard.millis());
            if tolerance.idle.is_some_and(|idle| silence >= idle) {
                silent = silent.max(Some(seen.newest));
            } else {
                slowest = Some(slowest.map_or(seen.newest, |slowest: i64| slowest.min(seen.newest)));
            }
        }
        // If all are silent none holds back any other.
        self.reached = self.reached.max(slowest.or(silent).unwrap_or(i64::MAX));
        let watermark = tolerance.watermark(self.reached);
        if watermark != i64::MIN && watermark != i64::MAX {
            run.report_watermark(Time::from_millis(watermark));
        }
        self.reached
    }
}
