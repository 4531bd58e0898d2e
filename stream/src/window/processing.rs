//! Windows by the time of the batch.

use std::sync::{Arc, Mutex, PoisonError};

use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Spec};

use super::store::{Shards, pane_by_shard};
use super::{Grid, check, schema};
use crate::batch::{BatchRun, Input, each_partition};
use crate::dstream::{
    Compute, DStream, Grouped, Grouping, Node, Reading, Row, Shared, Wide, Windows, absorb_partition,
};
use crate::error::Error;
use crate::graph::Stateful;
use crate::source::Record;
use crate::time::millis_of;

struct Operator<T, G: Grouping<T>, S: Spec<Item = T>>
where
    S::State: Merge,
{
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    spec: S,
    grid: Grid,
    slide: i64,
    state: Arc<Mutex<Shards<G::Key, S::State>>>,
}

impl<T, G, S> Compute<Row<T, G, S>> for Operator<T, G, S>
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
        let partitions = self.parent.prepare(batch)?.map_or(0, |partitions| partitions.len());
        let now = batch.time.millis();
        // The batch at t holds what came before t.
        let pane = self.grid.pane_of(now.saturating_sub(1));
        let local = each_partition(batch, &self.name, partitions, |partition| {
            let groups = absorb_partition(&self.parent, batch, partition, &self.grouping, &self.spec)?;
            Ok(pane_by_shard(pane, groups))
        })?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = state.advance(batch, &self.name, &self.grid, local, now)?;
        if !state.is_empty() {
            batch.holds_back(self.input);
        }
        if now.rem_euclid(self.slide) != 0 {
            return Ok(None);
        }
        // A window that ended in between, while no batch ran, is over: rows are those of this very time.
        let rows = ended.into_iter().filter(|(end, _)| *end == now);
        let rows = rows.flat_map(|(_, rows)| rows);
        Ok(Some(rows.map(|(key, reading)| G::row(key, reading)).collect()))
    }
}

impl<T: Record, G: Grouping<T>> Grouped<T, G, Windows> {
    /// Summaries of each group over the window, at every slide.
    ///
    /// Rows come by shard of their key, and within a shard by first appearance.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Row<T, G, S>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name, "window");
        check(&graph, &name, self.cut, true);
        let parent = self.stream.read_by_one_more();
        let state = Arc::new(Mutex::new(Shards::default()));
        graph.add_state(&name, Stateful::of(schema::<G::Key, S::State>("window", self.cut), &state));
        let operator = Operator {
            input: graph.derived_input(parent.inputs()),
            name,
            parent,
            grouping: self.grouping,
            spec: spec(graph.on()),
            grid: Grid::ending(self.cut),
            slide: millis_of(self.cut.slide).max(1),
            state,
        };
        DStream::new(graph, Wide::new(operator))
    }
}
