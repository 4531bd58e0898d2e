//! Summaries per batch: local work, one exchange, local work.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use streamgauge_sketches::audit::WindowsOfPane;
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Spec, Summary as _, Table};

use super::combine::{Part, absorb_part, scatter};
use super::wide::in_chunks;
use super::{
    Aggregate, Counting, DStream, Grouped, Grouping, Node, Outgoing, PerBatch, Reading, Reduce, Row, Shared, Value,
};
use crate::batch::exchange::lanes_of;
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::error::Error;
use crate::source::Record;
use crate::state::Lanes;
use crate::time::{Time, millis_of};

struct Summarize<T, G: Grouping<T>, A: Aggregate<T>, R> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    aggregate: A,
    read: fn(&A::Partial) -> Option<R>,
    interval: Option<Duration>,
    /// The groups of the batch that runs; their room is used again by the next.
    groups: Lanes<Table<G::Key, A::Partial>>,
    outgoing: Outgoing<T>,
}

/// Whether lanes have so much to do that other threads are to be woken.
pub(crate) fn is_much<T, K, S>(lanes: &[Vec<Part<T, K, S>>]) -> bool {
    const MUCH: usize = 512;
    lanes.iter().flatten().map(Part::len).sum::<usize>() >= MUCH
}

impl<T, G: Grouping<T>, A: Aggregate<T>, R> Summarize<T, G, A, R> {
    /// A batch, as a window of its own.
    fn window_of(&self, time: Time) -> WindowsOfPane {
        let length_ms = self.interval.map_or(0, millis_of);
        let number = time.millis().div_euclid(length_ms.max(1));
        WindowsOfPane { first: number, last: number, length_ms }
    }
}

impl<T, G, A, R> Node<G::Row<R>> for Summarize<T, G, A, R>
where
    T: Record,
    G: Grouping<T>,
    A: Aggregate<T>,
    R: Record,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        let (by, lanes) = ((&self.grouping, &self.aggregate), self.groups.len());
        let windows = Some(self.window_of(run.time));
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter(&self.parent, run, partition, by, windows, lanes, &self.outgoing)
        })?;
        self.outgoing.note(&local);
        let gathered = run.gather(&self.name, lanes, local)?;
        let much = is_much(&gathered);
        each_lane(run, &self.name, gathered, much, |lane, parts| {
            let mut groups = self.groups.lane(lane);
            groups.clear();
            let absorbed =
                parts.into_iter().try_for_each(|part| absorb_part(&mut groups, part, by, windows, &self.outgoing));
            absorbed.map_err(|mismatch| Error::Mismatch { operator: self.name.clone(), mismatch })
        })?;
        Ok(Some(vec![self.input; lanes].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<G::Row<R>>)) -> Result<(), Error> {
        let mut groups = self.groups.lane(lane);
        if run.keeps_rows() {
            let rows = groups.entries().iter();
            in_chunks(rows.filter_map(|(key, held)| Some(G::row(key.clone(), (self.read)(held)?))), out);
            return Ok(());
        }
        in_chunks(groups.drain().filter_map(|(key, held)| Some(G::row(key, (self.read)(&held)?))), out);
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
        let spec = spec(self.stream.graph.on());
        self.aggregate("summarize", spec, |state| Some(state.read()))
    }

    /// The values of the records of each group of a batch, reduced by a function, which must be associative; older
    /// values come first. Keys are looked up as they stand in the records.
    ///
    /// ```
    /// # use streamgauge_stream::DStream;
    /// # fn stream(visits: DStream<(String, u32)>) {
    /// let longest = visits.key_by(|(page, _)| page.as_str()).reduce(|(_, seconds)| *seconds, u32::max);
    /// # }
    /// ```
    pub fn reduce<V, P, F>(self, value: P, reduce: F) -> DStream<G::Row<V>>
    where
        V: Value,
        P: Fn(&T) -> V + Send + Sync + 'static,
        F: Fn(V, V) -> V + Send + Sync + 'static,
    {
        let aggregate = Reduce { value, reduce: Arc::new(reduce), of: PhantomData };
        self.aggregate("reduce", aggregate, Option::clone)
    }

    /// How many records each group of a batch has, as a plain number.
    ///
    /// ```
    /// # use streamgauge_stream::DStream;
    /// # fn stream(lines: DStream<String>) {
    /// let words = lines.key_each(|line, key| line.split(' ').for_each(key)).count();
    /// # }
    /// ```
    pub fn count(self) -> DStream<G::Row<u64>> {
        self.aggregate("count", Counting, |count| Some(*count))
    }

    fn aggregate<A, R>(self, kind: &'static str, aggregate: A, read: fn(&A::Partial) -> Option<R>) -> DStream<G::Row<R>>
    where
        A: Aggregate<T>,
        R: Record,
    {
        let graph = self.stream.graph.clone();
        let parent = self.stream.read_by_one_more();
        let name = graph.name(self.name, kind);
        let operator = graph.named_operator(&name, kind, [parent.operator()]);
        let node = Summarize {
            name,
            input: graph.derived_input(super::Node::inputs(&*parent)),
            parent,
            grouping: self.grouping,
            aggregate,
            read,
            interval: graph.interval(),
            groups: Lanes::new(lanes_of::<G::Key>(graph.lanes()), Table::default),
            outgoing: Outgoing::default(),
        };
        DStream::new(graph, operator, node)
    }
}
