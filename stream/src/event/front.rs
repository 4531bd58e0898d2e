//! Records as they come in: stamped with their time, and late or not.

use std::sync::Arc;

use streamgauge_sketches::Key;

use super::{TIMES, Tolerance, Watermarks};
use crate::batch::exchange::{key_hash, lane_of};
use crate::batch::{BatchRun, Input, Partitions, each_partition};
use crate::dstream::{DStream, EventTime, Node, Shared};
use crate::error::Error;
use crate::source::Record;

/// The stream that an operator of event time reads, and how it tells time.
pub(crate) struct Front<T, F> {
    pub(crate) parent: Arc<Shared<T>>,
    /// The inputs of the parent, whose watermarks count.
    pub(crate) inputs: Vec<Input>,
    pub(crate) time: F,
    pub(crate) tolerance: Tolerance,
}

/// The records of a partition, in their order.
pub(crate) struct Arrivals<T> {
    /// Records that have no time at all.
    timeless: Vec<T>,
    records: Vec<Stamped<T>>,
    /// How far time had come in the input when the partition began.
    begun: i64,
    tolerance: Tolerance,
}

struct Stamped<T> {
    time: i64,
    /// The newest time in the partition up to here.
    newest: i64,
    record: T,
}

impl<T: Record, F: Fn(&T) -> i64 + Send + Sync + 'static> Front<T, F> {
    pub(crate) fn new(stream: &DStream<T>, event_time: EventTime<F>) -> Self {
        let parent = stream.read_by_one_more();
        let inputs = parent.inputs();
        let tolerance = event_time.tolerance();
        Self { parent, inputs, time: event_time.time, tolerance }
    }

    /// The partitions of a batch. A parent without one at this time may all the same have ended.
    pub(crate) fn prepare(&self, run: &BatchRun) -> Result<Partitions, Error> {
        Ok(self.parent.prepare(run)?.unwrap_or_default())
    }

    /// Reads all partitions of a batch.
    pub(crate) fn read(
        &self,
        run: &BatchRun,
        operator: &str,
        watermarks: &mut Watermarks,
    ) -> Result<Vec<Arrivals<T>>, Error> {
        let partitions = self.prepare(run)?;
        let mut read =
            each_partition(run, operator, partitions.len(), |partition| self.read_partition(run, partition))?;
        let begun = watermarks.arrive(run, &partitions, read.iter().map(Arrivals::newest));
        for (arrivals, begun) in read.iter_mut().zip(begun) {
            arrivals.begun = begun;
        }
        Ok(read)
    }

    fn read_partition(&self, run: &BatchRun, partition: usize) -> Result<Arrivals<T>, Error> {
        let (mut timeless, mut stamped) = (Vec::new(), Vec::new());
        let mut newest = i64::MIN;
        self.parent.run(run, partition, &mut |records| {
            stamped.reserve(records.len());
            for record in records.drain(..) {
                let time = (self.time)(&record);
                if TIMES.contains(&time) {
                    newest = newest.max(time);
                    stamped.push(Stamped { time, newest, record });
                } else {
                    // It must not move the watermark.
                    timeless.push(record);
                }
            }
        })?;
        Ok(Arrivals { timeless, records: stamped, begun: i64::MIN, tolerance: self.tolerance })
    }
}

impl<T> Arrivals<T> {
    fn newest(&self) -> i64 {
        self.records.last().map_or(i64::MIN, |last| last.newest)
    }

    /// Hands on the records that are not late, with their times, and gives those that are. `over` tells when a time is:
    /// its last moment, which must not lie before the horizon.
    pub(crate) fn in_time(self, over: impl Fn(i64) -> i64, mut take: impl FnMut(i64, T)) -> Vec<T> {
        let mut late = self.timeless;
        for Stamped { time, newest, record } in self.records {
            if over(time) < self.tolerance.horizon(newest.max(self.begun)) {
                late.push(record);
            } else {
                take(time, record);
            }
        }
        late
    }
}

/// What a partition has for a lane: records with their times.
pub(crate) type Part<T> = Vec<(i64, T)>;

/// Sorts the records that are not late by the lane of their key; gives those that are, too.
pub(crate) fn scatter<T, Q>(arrivals: Arrivals<T>, key: impl Fn(&T) -> &Q, lanes: usize) -> (Vec<Part<T>>, Vec<T>)
where
    Q: Key + ?Sized,
{
    let expected = arrivals.records.len() / lanes + arrivals.records.len() / (4 * lanes);
    let mut sorted: Vec<Part<T>> = (0..lanes).map(|_| Vec::with_capacity(expected)).collect();
    let late = arrivals
        .in_time(|time| time, |time, record| sorted[lane_of(key_hash(key(&record)), lanes)].push((time, record)));
    (sorted, late)
}
