//! Sources with a maximum rate.

use std::sync::Arc;
use std::task::Waker;

use super::{Codec, Lag, Limit, Partition, Pending, Plan, Source, SourceError};
use crate::clock::Clock;

/// The most that is read of a source, in records (or lines) a second; none for as many as there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaxRate {
    /// Of all its partitions together.
    pub per_second: Option<u64>,
    /// Of each partition of its input.
    pub per_second_and_partition: Option<u64>,
}

impl MaxRate {
    /// So many records a second of all partitions together.
    pub const fn per_second(records: u64) -> Self {
        Self { per_second: Some(records), per_second_and_partition: None }
    }

    /// So many records a second of each partition.
    pub const fn per_second_and_partition(records: u64) -> Self {
        Self { per_second: None, per_second_and_partition: Some(records) }
    }

    /// The lower of both rates.
    pub fn and(self, other: Self) -> Self {
        let lower = |a: Option<u64>, b: Option<u64>| [a, b].into_iter().flatten().min();
        Self {
            per_second: lower(self.per_second, other.per_second),
            per_second_and_partition: lower(self.per_second_and_partition, other.per_second_and_partition),
        }
    }
}

/// A source of which no more than a number of records a second is read: see [`Source::max_rate`].
#[derive(Clone, Debug)]
pub struct Limited<S> {
    source: S,
    max: MaxRate,
}

impl<S> Limited<S> {
    pub(super) fn new(source: S, max: MaxRate) -> Self {
        Self { source, max }
    }
}

impl<S: Source> Source for Limited<S> {
    type Item = S::Item;
    type Position = S::Position;

    fn rates(&self) -> MaxRate {
        self.source.rates().and(self.max)
    }

    fn name(&self) -> String {
        self.source.name()
    }

    fn start(&self) -> S::Position {
        self.source.start()
    }

    fn open(&mut self, clock: &Arc<dyn Clock>) -> Result<(), SourceError> {
        self.source.open(clock)
    }

    fn plan(&mut self, from: &S::Position, limit: Limit) -> Result<Plan<S::Position>, SourceError> {
        self.source.plan(from, limit)
    }

    fn read(&mut self, from: &S::Position, to: &S::Position) -> Result<Vec<Box<dyn Partition<S::Item>>>, SourceError> {
        self.source.read(from, to)
    }

    fn replays(&self) -> bool {
        self.source.replays()
    }

    fn codec(&self) -> Option<Codec<S::Item>> {
        self.source.codec()
    }

    fn log_ahead(&mut self, waker: Waker) {
        self.source.log_ahead(waker);
    }

    fn durable(&mut self) {
        self.source.durable();
    }

    fn close(&mut self) {
        self.source.close();
    }

    fn holds_records(&self) -> bool {
        self.source.holds_records()
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.source.take_warnings()
    }

    fn pending(&self) -> Option<Pending> {
        self.source.pending()
    }

    fn lag(&self) -> Option<Lag> {
        self.source.lag()
    }

    fn in_words(&self, at: &S::Position) -> String {
        self.source.in_words(at)
    }

    fn reads_ahead(&self) -> bool {
        self.source.reads_ahead()
    }

    fn bound_pending(&mut self, bytes: u64) {
        self.source.bound_pending(bytes);
    }
}
