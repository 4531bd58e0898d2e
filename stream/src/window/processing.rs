//! Windows by the time of the batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Spec};

use super::store::SlidingWindows;
use super::{Grid, check, schema};
use crate::batch::exchange::lanes_of;
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::dstream::{
    DStream, Grouped, Grouping, Node, Part, Reading, Row, Shared, Windows, expect_like, in_chunks, is_much, scatter,
};
use crate::error::Error;
use crate::graph::Stateful;
use crate::source::Record;
use crate::state::Lanes;
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
    lanes: Arc<Lanes<Lane<G::Key, S::State>>>,
    /// How many records or groups a partition of the last batch had.
    expected: AtomicUsize,
}

/// The windows of a lane, and the pane that is open.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Lane<K: OwnedKey, S: Merge> {
    windows: SlidingWindows<K, S>,
    open: Option<Open<S>>,
}

/// A pane that takes records in, by the slots of their keys: a record is looked up once, in the table of the windows.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Open<S: Merge> {
    pane: i64,
    summaries: Vec<(u32, S)>,
    /// By slot: its place in `summaries`, or `NOWHERE`.
    places: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl<S: Merge> Open<S> {
    #[inline]
    fn summary(&mut self, slot: u32, start: impl FnOnce() -> S) -> &mut S {
        let slot_index = slot as usize;
        if slot_index >= self.places.len() {
            self.places.resize(slot_index + 1, NOWHERE);
        }
        let place = &mut self.places[slot_index];
        if *place as usize >= self.summaries.len() {
            *place = self.summaries.len() as u32;
            self.summaries.push((slot, start()));
        }
        &mut self.summaries[*place as usize].1
    }

    fn merge(&mut self, slot: u32, summary: S) -> Result<(), Mismatch> {
        let mut summary = Some(summary);
        let held = self.summary(slot, || summary.take().expect("the summary is taken once, here"));
        summary.map_or(Ok(()), |summary| held.merge(&summary))
    }
}

impl<K: OwnedKey, S: Merge> Default for Lane<K, S> {
    fn default() -> Self {
        Self { windows: SlidingWindows::default(), open: None }
    }
}

impl<K: OwnedKey, S: Merge> Lane<K, S> {
    fn absorb<T, G, P>(
        &mut self,
        pane: i64,
        panes: u32,
        part: Part<T, K, S>,
        (grouping, spec): (&G, &P),
    ) -> Result<(), Mismatch>
    where
        T: Record,
        G: Grouping<T, Key = K>,
        P: Spec<Item = T, State = S>,
    {
        if part.len() == 0 {
            return Ok(());
        }
        let Self { windows, open } = self;
        let open = open.get_or_insert_with(|| Open { pane, summaries: Vec::new(), places: Vec::new() });
        match part {
            Part::States(states) => {
                states.into_iter().try_for_each(|(key, summary)| open.merge(windows.slot(&key, panes), summary))?;
            }
            Part::Records(records) => {
                for record in &records {
                    grouping.visit(record, |key: &G::Borrowed| {
                        let slot = windows.slot(key, panes);
                        spec.absorb(open.summary(slot, || spec.start()), record);
                    });
                }
            }
        }
        Ok(())
    }

    /// Closes the open pane if it ends until now.
    fn close(&mut self, grid: &Grid, now: i64) -> Result<(), Mismatch> {
        let Some(open) = self.open.as_mut().filter(|open| grid.pane_end(open.pane) <= now) else {
            return Ok(());
        };
        for (slot, _) in &open.summaries {
            open.places[*slot as usize] = NOWHERE;
        }
        self.windows.push(open.pane, open.summaries.drain(..))?;
        // The next pane has its room.
        open.pane = grid.pane_of(now);
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.open.as_ref().is_none_or(|open| open.summaries.is_empty())
    }
}

impl<T, G, S> Operator<T, G, S>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
{
    fn mismatch(&self, mismatch: Mismatch) -> Error {
        Error::Mismatch { operator: self.name.clone(), mismatch }
    }

    fn ends_window(&self, now: i64) -> bool {
        now.rem_euclid(self.slide) == 0
    }

    /// Adds what a lane has got in this batch, and brings its windows up to now.
    fn advance(
        &self,
        lane: &mut Lane<G::Key, S::State>,
        parts: Vec<Part<T, G::Key, S::State>>,
        now: i64,
    ) -> Result<(), Mismatch> {
        // The batch at t holds what came before t.
        let pane = self.grid.pane_of(now.saturating_sub(1));
        if lane.open.as_ref().is_some_and(|open| open.pane < pane) {
            lane.close(&self.grid, now.saturating_sub(1))?;
            if let Some(open) = &mut lane.open {
                open.pane = pane;
            }
        }
        let panes = self.grid.panes_per_window();
        for part in parts {
            lane.absorb(pane, panes, part, (&self.grouping, &self.spec))?;
        }
        lane.close(&self.grid, now)?;
        if self.ends_window(now) {
            lane.windows.advance(self.grid.first_pane(now), pane)?;
        }
        Ok(())
    }
}

impl<T, G, S> Node<Row<T, G, S>> for Operator<T, G, S>
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
        let partitions = self.parent.prepare(run)?.map_or(0, |partitions| partitions.len());
        let lanes = self.lanes.len();
        let expected = self.expected.load(Ordering::Relaxed);
        let local = each_partition(run, &self.name, partitions, |partition| {
            scatter(&self.parent, run, partition, (&self.grouping, &self.spec), lanes, expected)
        })?;
        self.expected.store(expect_like(&local), Ordering::Relaxed);
        let gathered = run.gather(&self.name, lanes, local)?;
        let now = run.time.millis();
        let much = is_much(&gathered) || self.lanes.iter().any(|lane| lane.windows.slots() > 0);
        let empty = each_lane(run, &self.name, gathered, much, |lane, parts| {
            let mut lane = self.lanes.lane(lane);
            self.advance(&mut lane, parts, now).map_err(|mismatch| self.mismatch(mismatch))?;
            Ok(lane.is_empty())
        })?;
        if !empty.iter().all(|empty| *empty) {
            run.holds_back(self.input);
        }
        Ok(self.ends_window(now).then(|| vec![self.input; lanes].into()))
    }

    fn run(&self, _: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<Row<T, G, S>>)) -> Result<(), Error> {
        let lane = self.lanes.lane(lane);
        let mut failed = None;
        let readings = lane.windows.readings().map_while(|row| row.map_err(|mismatch| failed = Some(mismatch)).ok());
        in_chunks(readings.map(|(key, reading)| G::row(key.clone(), reading)), out);
        failed.map_or(Ok(()), |mismatch| Err(self.mismatch(mismatch)))
    }
}

impl<T: Record, G: Grouping<T>> Grouped<T, G, Windows> {
    /// Summaries of each group over the window, at every slide.
    ///
    /// Rows come by lane of their key; within a lane their order depends on the data alone.
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
        let lanes = Arc::new(Lanes::new(lanes_of::<G::Key>(graph.lanes()), Lane::default));
        graph.add_state(&name, Stateful::by_lane(schema::<G::Key, S::State>("window", self.cut), &lanes));
        let operator = Operator {
            input: graph.derived_input(parent.inputs()),
            name,
            parent,
            grouping: self.grouping,
            spec: spec(graph.on()),
            grid: Grid::ending(self.cut),
            slide: millis_of(self.cut.slide).max(1),
            lanes,
            expected: AtomicUsize::new(0),
        };
        DStream::new(graph, operator)
    }
}
