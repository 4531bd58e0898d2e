//! Summaries per batch: local work, one exchange, local work.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Mismatch, Spec, Summary as _, Table};

use super::{DStream, Grouped, Grouping, Node, PerBatch, Reading, Row, Shared};
use crate::batch::exchange::{by_shard, shards_of};
use crate::batch::{BatchRun, Input, Partitions, each_partition};
use crate::error::Error;
use crate::source::Record;

/// Rows of a partition of a wide operator's result: a number that depends on the rows alone.
const ROWS_A_PARTITION: usize = 8_192;

/// Cuts the rows of a wide operator into partitions.
fn rows_in_partitions<R>(rows: Vec<R>) -> Vec<Vec<R>> {
    if rows.len() <= ROWS_A_PARTITION {
        return vec![rows];
    }
    let mut rest = rows.into_iter();
    let mut partitions = Vec::new();
    while rest.len() > 0 {
        partitions.push(rest.by_ref().take(ROWS_A_PARTITION).collect());
    }
    partitions
}

/// Absorbs the records of a chunk into their groups.
#[inline]
pub(crate) fn absorb_chunk<T, G, S>(grouping: &G, spec: &S, groups: &mut Table<G::Key, S::State>, records: &[T])
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
{
    // One group for all: its summaries take the whole chunk, one after the other.
    if G::ONE_GROUP
        && let Some(first) = records.first()
    {
        return grouping.visit(first, |key| {
            spec.absorb_all(groups.entry(key, || spec.start()), records);
        });
    }
    for record in records {
        grouping.visit(record, |key| {
            spec.absorb(groups.entry(key, || spec.start()), record);
        });
    }
}

/// The groups of a partition.
pub(crate) fn absorb_partition<T, G, S>(
    parent: &Shared<T>,
    batch: &BatchRun,
    partition: usize,
    grouping: &G,
    spec: &S,
) -> Result<Table<G::Key, S::State>, Error>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
{
    let mut groups = Table::default();
    parent.run(batch, partition, &mut |records| {
        absorb_chunk(grouping, spec, &mut groups, records);
        records.clear();
    })?;
    Ok(groups)
}

/// Merges what the partitions have for one shard, in their order.
pub(crate) fn merge_groups<K, S>(groups: &mut Table<K, S>, entries: Vec<(K, S)>) -> Result<(), Mismatch>
where
    K: streamgauge_sketches::OwnedKey,
    S: Merge,
{
    for (key, state) in entries {
        let mut state = Some(state);
        let held = groups.entry(&key, || state.take().expect("the state is taken once, here"));
        if let Some(state) = &state {
            held.merge(state)?;
        }
    }
    Ok(())
}

struct Summarize<T, G, S> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    spec: S,
}

/// A wide operator: computes its rows when a batch is prepared, and hands them out by partition.
pub(crate) struct Wide<C, R> {
    compute: C,
    rows: Mutex<Vec<Vec<R>>>,
}

/// What a wide operator computes.
pub(crate) trait Compute<R>: Send + Sync {
    fn input(&self) -> Input;
    /// The rows of a batch in their order; `None` if there is no batch at this time.
    fn compute(&self, batch: &BatchRun) -> Result<Option<Vec<R>>, Error>;
}

impl<C: Compute<R>, R: Record> Wide<C, R> {
    pub(crate) fn new(compute: C) -> Self {
        Self { compute, rows: Mutex::new(Vec::new()) }
    }
}

impl<C: Compute<R>, R: Record> Node<R> for Wide<C, R> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.compute.input()]
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(rows) = self.compute.compute(batch)? else {
            return Ok(None);
        };
        let rows = rows_in_partitions(rows);
        let partitions = vec![self.compute.input(); rows.len()].into();
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
        Ok(Some(partitions))
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let mut rows = {
            let mut all = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = all.get_mut(partition);
            rows.map(|rows| if batch.keeps_rows() { rows.clone() } else { std::mem::take(rows) }).unwrap_or_default()
        };
        if !rows.is_empty() {
            out(&mut rows);
        }
        Ok(())
    }
}

impl<T, G, S> Compute<Row<T, G, S>> for Summarize<T, G, S>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    Reading<S>: Record,
{
    fn input(&self) -> Input {
        self.input
    }

    fn compute(&self, batch: &BatchRun) -> Result<Option<Vec<Row<T, G, S>>>, Error> {
        let Some(partitions) = self.parent.prepare(batch)? else {
            return Ok(None);
        };
        let local = each_partition(batch, &self.name, partitions.len(), |partition| {
            let groups = absorb_partition(&self.parent, batch, partition, &self.grouping, &self.spec)?;
            Ok(by_shard(groups.into_entries()))
        })?;
        let shards: Vec<Vec<_>> = batch
            .gather(&self.name, shards_of::<G::Key>(), local)?
            .into_par_iter()
            .map(|entries| {
                let mut groups = Table::default();
                merge_groups(&mut groups, entries)?;
                let rows = groups.into_entries().into_iter();
                Ok(rows.map(|(key, state)| G::row(key, state.read())).collect())
            })
            .collect::<Result<_, _>>()
            .map_err(|mismatch| Error::Mismatch { operator: self.name.clone(), mismatch })?;
        Ok(Some(shards.into_iter().flatten().collect()))
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
    /// Rows come by shard of their key, and within a shard by first appearance.
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
        };
        DStream::new(graph, Wide::new(node))
    }
}
