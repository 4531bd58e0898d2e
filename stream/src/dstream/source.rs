//! Sources in the graph.

use std::sync::{Arc, Mutex, PoisonError};

use super::Node;
use crate::batch::{BatchRun, Input, Partitions};
use crate::clock::Clock;
use crate::error::Error;
use crate::graph::{AnySource, Planned, decode};
use crate::rate::RateControl;
use crate::source::{Lag, Limit, Next, Partition, Pending, Record, Source, SourceError};

type Content<T> = Arc<[Box<dyn Partition<T>>]>;

/// A source as the graph reads it: the partitions of the batch that runs.
pub(crate) struct SourceNode<T> {
    input: Input,
    /// Text is counted by line, where it is parsed.
    counts_rows: bool,
    partitions: Arc<Mutex<Content<T>>>,
}

struct Driven<S: Source> {
    source: S,
    input: Input,
    from: S::Position,
    to: S::Position,
    /// An input that has ended stays so: windows have been closed on its word.
    is_finished: bool,
    rate: RateControl,
    partitions: Arc<Mutex<Content<S::Item>>>,
}

impl<T: Record> SourceNode<T> {
    /// The two sides of a source.
    pub(crate) fn new<S: Source<Item = T>>(source: S, input: Input, counts_rows: bool) -> (Self, Box<dyn AnySource>) {
        let partitions = Arc::new(Mutex::new(Content::from([])));
        let node = Self { input, counts_rows, partitions: partitions.clone() };
        let start = source.start();
        let rate = RateControl::new(source.rates());
        let driven = Driven { source, input, from: start.clone(), to: start, is_finished: false, rate, partitions };
        (node, Box::new(driven))
    }
}

impl<S: Source> Driven<S> {
    /// Makes partitions the content of the batch.
    fn hold(&self, partitions: Vec<Box<dyn Partition<S::Item>>>) {
        *self.partitions.lock().unwrap_or_else(PoisonError::into_inner) = partitions.into();
    }
}

impl<T: Record> Node<T> for SourceNode<T> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, _: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).len();
        Ok(Some(vec![self.input; partitions].into()))
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut rows = 0;
        partitions[partition].read(&mut |chunk| {
            rows += chunk.len() as u64;
            out(chunk);
            chunk.clear();
        })?;
        if self.counts_rows {
            batch.count_records(self.input, rows);
        }
        Ok(())
    }
}

impl<S: Source> AnySource for Driven<S> {
    fn name(&self) -> String {
        self.source.name()
    }

    fn input(&self) -> Input {
        self.input
    }

    fn open(&mut self, clock: &Arc<dyn Clock>) -> Result<(), Error> {
        // One that has ended in an earlier run has nothing to begin.
        if self.is_finished { Ok(()) } else { Ok(self.source.open(clock)?) }
    }

    fn plan(&mut self, limit: Option<Limit>) -> Result<Planned, Error> {
        // What the batch before has read is in memory no longer than that of this one.
        self.hold(Vec::new());
        self.from = self.to.clone();
        let mut next = if self.is_finished { Next::Finished } else { Next::Ready };
        if let Some(limit) = limit.filter(|_| !self.is_finished) {
            let plan = self.source.plan(&self.from, limit)?;
            (self.to, next) = (plan.to, plan.next);
            self.is_finished = next == Next::Finished;
        }
        let range = (&self.from, &self.to, self.is_finished, self.rate.learned());
        // Writing to memory fails only for a position that refuses to be serialized.
        let range = postcard::to_allocvec(&range).unwrap_or_default();
        Ok(Planned { range, is_empty: self.from == self.to, next })
    }

    fn replay(&mut self, range: Option<&[u8]>) -> Result<Planned, Error> {
        self.from = self.to.clone();
        if let Some(range) = range {
            let failed = |cause| Error::State { operator: self.source.name(), cause };
            let learned;
            (self.from, self.to, self.is_finished, learned) = decode(range).map_err(failed)?;
            self.rate.resume(learned);
        }
        let next = if self.is_finished { Next::Finished } else { Next::Ready };
        Ok(Planned { range: Vec::new(), is_empty: self.from == self.to, next })
    }

    fn replays(&self) -> bool {
        self.source.replays()
    }

    fn is_finished(&self) -> bool {
        self.is_finished
    }

    fn read(&mut self) -> Result<(), Error> {
        let read = if self.from == self.to { Vec::new() } else { self.source.read(&self.from, &self.to)? };
        self.hold(read);
        Ok(())
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

    fn rate(&self) -> &RateControl {
        &self.rate
    }

    fn rate_mut(&mut self) -> &mut RateControl {
        &mut self.rate
    }

    fn pending(&self) -> Option<Pending> {
        self.source.pending()
    }

    fn lag(&self) -> Option<Lag> {
        self.source.lag()
    }

    fn reads_ahead(&self) -> bool {
        self.source.reads_ahead()
    }

    fn bound_pending(&mut self, bytes: u64) {
        self.source.bound_pending(bytes);
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_allocvec(&(self.is_finished, &self.to, self.rate.learned())).unwrap_or_default()
    }

    fn position(&self) -> String {
        format!("{}{}", self.source.in_words(&self.to), if self.is_finished { ", ended" } else { "" })
    }

    fn load(&mut self, position: &[u8]) -> Result<(), Error> {
        let failed = |cause| Error::State { operator: self.source.name(), cause };
        let learned;
        (self.is_finished, self.to, learned) = decode(position).map_err(failed)?;
        self.rate.resume(learned);
        Ok(())
    }
}
