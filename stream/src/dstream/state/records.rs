//! Records as they are, on their way to the lanes of their keys.

use std::time::Duration;

use crate::batch::BatchRun;
use crate::batch::exchange::{key_hash, lane_of};
use crate::dstream::{EventTime, Grouping, Node, PerBatch, Shared};
use crate::error::Error;
use crate::source::Record;
use crate::state::{FIRST_TIME, LAST_TIME};

/// By which time keys are idle: that of the batch, or the event time of their records.
pub trait StateTime<T>: Send + Sync + 'static {
    /// When a record happened, in milliseconds since the epoch; none if the time of the batch counts.
    fn event_time(&self, record: &T) -> Option<i64>;

    /// How much later than newer ones a record may arrive; none if the time of the batch counts.
    fn delay(&self) -> Option<Duration>;
}

impl<T> StateTime<T> for PerBatch {
    #[inline]
    fn event_time(&self, _: &T) -> Option<i64> {
        None
    }

    fn delay(&self) -> Option<Duration> {
        None
    }
}

impl<T, F: Fn(&T) -> i64 + Send + Sync + 'static> StateTime<T> for EventTime<F> {
    #[inline]
    fn event_time(&self, record: &T) -> Option<i64> {
        Some((self.time)(record))
    }

    fn delay(&self) -> Option<Duration> {
        Some(self.delay)
    }
}

/// What a partition has for each lane.
pub(super) struct Scattered<T> {
    pub(super) lanes: Vec<Vec<T>>,
    /// The newest event time, if there is any.
    pub(super) newest: Option<i64>,
}

impl<T> Scattered<T> {
    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(Vec::len).sum()
    }
}

/// Sorts the records of a partition by lane. Records whose event time is no time are counted as late and left out.
/// `expected` is how many records a partition of the last batch had.
pub(super) fn scatter_records<T, G, W>(
    parent: &Shared<T>,
    run: &BatchRun,
    partition: usize,
    (grouping, time): (&G, &W),
    lanes: usize,
    expected: usize,
) -> Result<Scattered<T>, Error>
where
    T: Record,
    G: Grouping<T>,
    W: StateTime<T>,
{
    let capacity = expected / lanes + expected / (4 * lanes);
    let mut sorted: Vec<Vec<T>> = (0..lanes).map(|_| Vec::with_capacity(capacity)).collect();
    let (mut newest, mut late) = (None, 0);
    parent.run(run, partition, &mut |records| {
        for record in records.drain(..) {
            if let Some(time) = time.event_time(&record) {
                if !(FIRST_TIME..=LAST_TIME).contains(&time) {
                    late += 1;
                    continue;
                }
                newest = newest.max(Some(time));
            }
            let mut lane = 0;
            grouping.visit(&record, |key| lane = lane_of(key_hash(key), lanes));
            sorted[lane].push(record);
        }
    })?;
    if late > 0 {
        run.count_late(late);
    }
    Ok(Scattered { lanes: sorted, newest })
}

/// Whether lanes have so much to do that other threads are to be woken.
pub(super) fn is_much<T>(lanes: &[Vec<Vec<T>>]) -> bool {
    const MUCH: usize = 512;
    lanes.iter().flatten().map(Vec::len).sum::<usize>() >= MUCH
}
