//! Records as they are, on their way to the lanes of their keys.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::vec::Drain;

use crate::batch::BatchRun;
use crate::batch::exchange::{key_hash, lane_of};
use crate::dstream::{EventTime, Grouping, Node, PerBatch, Shared};
use crate::error::Error;
use crate::event::TIMES;
use crate::source::Record;

/// By which time keys are idle: that of the batch, or the event time of their records.
pub trait StateTime<T>: Send + Sync + 'static {
    /// When a record happened, in milliseconds since the epoch; none if the time of the batch counts.
    fn event_time(&self, record: &T) -> Option<i64>;

    /// How much later than newer ones a record may come; none if the time of the batch counts.
    fn delay(&self) -> Option<Duration>;

    /// After how much batch time without a record an input does not hold event time back; never if none.
    fn idle(&self) -> Option<Duration>;
}

impl<T> StateTime<T> for PerBatch {
    #[inline]
    fn event_time(&self, _: &T) -> Option<i64> {
        None
    }

    fn delay(&self) -> Option<Duration> {
        None
    }

    fn idle(&self) -> Option<Duration> {
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

    fn idle(&self) -> Option<Duration> {
        self.idle
    }
}

/// The boxes in which records travel to their lanes: filled, emptied, and filled again in the next batch.
pub(in crate::dstream) struct Boxes<T>(Mutex<Spare<T>>);

struct Spare<T> {
    boxes: Vec<Vec<T>>,
    /// How many are out. What comes from other processes is no reason to keep more.
    out: usize,
}

impl<T> Boxes<T> {
    pub(in crate::dstream) fn new() -> Self {
        Self(Mutex::new(Spare { boxes: Vec::new(), out: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Spare<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty box for each lane.
    fn take(&self, lanes: usize) -> Vec<Vec<T>> {
        let mut spare = self.lock();
        spare.out += lanes;
        let rest = spare.boxes.len().saturating_sub(lanes);
        let mut boxes = spare.boxes.split_off(rest);
        boxes.resize_with(lanes, Vec::new);
        boxes
    }

    /// Calls a function with the records of a box, and keeps the box, unless it was far too large for them.
    pub(in crate::dstream) fn empty<E>(
        &self,
        mut records: Vec<T>,
        work: impl FnOnce(Drain<'_, T>) -> Result<(), E>,
    ) -> Result<(), E> {
        let fits = records.capacity() <= 4 * records.len();
        work(records.drain(..))?;
        let mut spare = self.lock();
        if fits && spare.out > 0 {
            spare.out -= 1;
            spare.boxes.push(records);
        }
        Ok(())
    }
}

/// What a partition has for each lane.
pub(in crate::dstream) struct Scattered<T> {
    pub(in crate::dstream) lanes: Vec<Vec<T>>,
    /// The newest event time, if there is any.
    pub(in crate::dstream) newest: Option<i64>,
}

/// Sorts the records of a partition by lane. Records whose event time is no time are counted as late and left out.
pub(in crate::dstream) fn scatter_records<T, G, W>(
    parent: &Shared<T>,
    run: &BatchRun,
    partition: usize,
    (grouping, time): (&G, &W),
    lanes: usize,
    boxes: &Boxes<T>,
) -> Result<Scattered<T>, Error>
where
    T: Record,
    G: Grouping<T>,
    W: StateTime<T>,
{
    let mut sorted = boxes.take(lanes);
    let (mut newest, mut late) = (None, 0);
    parent.run(run, partition, &mut |records| {
        for record in records.drain(..) {
            if let Some(time) = time.event_time(&record) {
                if !TIMES.contains(&time) {
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
pub(in crate::dstream) fn is_much<T>(lanes: &[Vec<Vec<T>>]) -> bool {
    const MUCH: usize = 512;
    lanes.iter().flatten().map(Vec::len).sum::<usize>() >= MUCH
}
