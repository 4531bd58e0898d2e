//! Summaries per batch: local work, one exchange, local work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Spec, Summary as _, Table};

use super::combine::{Part, absorb_part, scatter};
use super::wide::in_chunks;
use super::{DStream, Grouped, Grouping, Node, PerBatch, Reading, Row, Shared};
use crate::batch::exchange::lanes_of;
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::error::Error;
use crate::source::Record;
use crate::state::Lanes;

struct Summarize<T, G: Grouping<T>, S: Spec<Item = T>> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    spec: S,
    /// The groups of the batch that runs; their room is used again by the next.
    groups: Lanes<Table<G::Key, S::State>>,
    /// How many records or groups a partition of the last batch had.
    expected: AtomicUsize,
}

/// What partitions of the next batch are likely to have: what the fullest of this one had.
pub(crate) fn expect_like<T, K, S>(parts: &[Vec<Part<T, K, S>>]) -> usize {
    parts.iter().map(|parts| parts.iter().map(Part::len).sum()).max().unwrap_or(0)
}

/// Whether lanes have so much to do that other threads are to be woken.
pub(crate) fn is_much<T, K, S>(lanes: &[Vec<Part<T, K, S>>]) -> bool {
    const MUCH: usize = 512;
    lanes.iter().flatten().map(Part::len).sum::<usize>() >= MUCH
}

impl<T, G, S> Node<Row<T, G, S>> for Summarize<T, G, S>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    Reading<S>: Record,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        let (by, lanes) = ((&self.grouping, &self.spec), self.groups.len());
        let expected = self.expected.load(Ordering::Relaxed);
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter(&self.parent, run, partition, by, lanes, expected)
        })?;
        self.expected.store(expect_like(&local), Ordering::Relaxed);
        let gathered = run.gather(&self.name, lanes, local)?;
        let much = is_much(&gathered);
        each_lane(run, &self.name, gathered, much, |lane, parts| {
            let mut groups = self.groups.lane(lane);
            groups.clear();
            let absorbed = parts.into_iter().try_for_each(|part| absorb_part(&mut groups, part, by));
            absorbed.map_err(|mismatch| Error::Mismatch { operator: self.name.clone(), mismatch })
        })?;
        Ok(Some(vec![self.input; lanes].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<Row<T, G, S>>)) -> Result<(), Error> {
        let mut groups = self.groups.lane(lane);
        if run.keeps_rows() {
            in_chunks(groups.entries().iter().map(|(key, state)| G::row(key.clone(), state.read())), out);
            return Ok(());
        }
        in_chunks(groups.drain().map(|(key, state)| G::row(key, state.read())), out);
        Ok(())
    }
}

impl<T: Record> DStream<T> {
    /// Summaries of all records of a batch: one row a batch, none for an empty one.
    ///
    /// ```
    /// # use streamgauge_stream::DStream;
    /// # fn stream(latencies: DStream<f64>) {
    /// let rows = latencies.summarize(|on| (on.count(), on.quantiles(|x| *x)));
    /// # }
    /// ```
    pub fn summarize<S>(&self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Reading<S>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let grouped = Grouped { stream: self.clone(), grouping: super::All, cut: PerBatch, name: None };
        grouped.summarize(spec)
    }
}

impl<T: Record, G: Grouping<T>> Grouped<T, G, PerBatch> {
    /// Summaries of each group of a batch.
    ///
    /// Rows come by lane of their key, and within a lane by first appearance.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Row<T, G, S>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let graph = self.stream.graph.clone();
        let parent = self.stream.read_by_one_more();
        let node = Summarize {
            name: graph.name(self.name, "summarize"),
            input: graph.derived_input(super::Node::inputs(&*parent)),
            parent,
            grouping: self.grouping,
            spec: spec(graph.on()),
            groups: Lanes::new(lanes_of::<G::Key>(graph.lanes()), Table::default),
            expected: AtomicUsize::new(0),
        };
        DStream::new(graph, node)
    }
}
