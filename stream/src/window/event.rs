//! Windows of event time, and the watermark that closes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, OwnedKey, Spec, Table};

use super::panes::{EventLane, PaneParts};
use super::{Grid, check, schema};
use crate::batch::exchange::{by_lane, lanes_of};
use crate::batch::{BatchRun, Input, each_lane, each_partition};
use crate::dstream::{
    Compute, DStream, EventWindows, Grouped, Grouping, Node, Reading, Row, Shared, Wide, absorb_chunk,
};
use crate::error::Error;
use crate::graph::Stateful;
use crate::source::Record;
use crate::time::{Time, millis_of};

/// Event times outside of this, some 100 million years around the epoch, are no times; such records count as late.
const EARLIEST: i64 = i64::MIN / 4;
const LATEST: i64 = i64::MAX / 4;

/// A row of a window `[start, end)` of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window<R> {
    /// When the window begins.
    pub start: Time,
    /// When it ends; the end is not in it.
    pub end: Time,
    /// What was summarized.
    pub value: R,
}

struct Operator<T, G: Grouping<T>, S: Spec<Item = T>, F>
where
    S::State: Merge,
{
    name: String,
    parent: Arc<Shared<T>>,
    /// The inputs of the parent, whose watermarks count.
    inputs: Vec<Input>,
    input: Input,
    grouping: G,
    spec: S,
    time: F,
    delay: i64,
    grid: Grid,
    state: Arc<Mutex<State<G::Key, S::State>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct State<K: OwnedKey, S: Merge> {
    /// By input: the newest event time.
    newest: BTreeMap<Input, i64>,
    lanes: Vec<EventLane<K, S>>,
}

/// What one partition has found, before it is known what came before it in its input.
struct Local<K, S> {
    newest: i64,
    late: u64,
    panes: Vec<LocalPane<K, S>>,
}

struct LocalPane<K, S> {
    pane: i64,
    records: u64,
    groups: Table<K, S>,
}

impl<T, G, S, F> Operator<T, G, S, F>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// Absorbs a partition pane by pane. Records whose pane the partition itself has closed are late.
    fn absorb(&self, batch: &BatchRun, partition: usize) -> Result<Local<G::Key, S::State>, Error> {
        let mut local = Local { newest: i64::MIN, late: 0, panes: Vec::<LocalPane<_, _>>::new() };
        self.parent.run(batch, partition, &mut |records| {
            let mut rest = &records[..];
            while let Some(first) = rest.first() {
                let time = (self.time)(first);
                if !(EARLIEST..=LATEST).contains(&time) {
                    // No time at all: it must not move the watermark.
                    local.late += 1;
                    rest = &rest[1..];
                    continue;
                }
                // A run of records of one pane is absorbed at once.
                let pane = self.grid.pane_of(time);
                let closes = self.grid.pane_end(pane);
                let here = closes - self.grid.pane..closes;
                let run = rest.iter().take_while(|record| {
                    let time = (self.time)(record);
                    let is_here = here.contains(&time);
                    if is_here {
                        local.newest = local.newest.max(time);
                    }
                    is_here
                });
                let (run, after) = rest.split_at(run.count());
                rest = after;
                // A run does not close its own pane, so it is late as a whole or not at all.
                if closes <= local.newest.saturating_sub(self.delay) {
                    local.late += run.len() as u64;
                    continue;
                }
                let held = local.panes.iter().rposition(|held| held.pane == pane);
                let held = held.unwrap_or_else(|| {
                    local.panes.push(LocalPane { pane, records: 0, groups: Table::default() });
                    local.panes.len() - 1
                });
                let held = &mut local.panes[held];
                held.records += run.len() as u64;
                absorb_chunk(&self.grouping, &self.spec, &mut held.groups, run);
            }
            records.clear();
        })?;
        Ok(local)
    }

    /// Drops the panes of a partition that were closed by what came before it in its input, and takes note of what it
    /// has seen. Lateness goes by whole panes: the watermark at the partition's start has closed a pane or has not.
    fn drop_late(
        &self,
        batch: &BatchRun,
        newest: &mut i64,
        mut local: Local<G::Key, S::State>,
    ) -> Vec<LocalPane<G::Key, S::State>> {
        let watermark = newest.saturating_sub(self.delay);
        *newest = (*newest).max(local.newest);
        let (late, kept) = std::mem::take(&mut local.panes)
            .into_iter()
            .partition::<Vec<_>, _>(|held| self.grid.pane_end(held.pane) <= watermark);
        batch.count_late(local.late + late.iter().map(|held| held.records).sum::<u64>());
        kept
    }

    /// The watermark of the stream: the lowest among the inputs that have not ended.
    fn watermark(&self, batch: &BatchRun, newest: &BTreeMap<Input, i64>) -> i64 {
        let of = |input: &Input| newest.get(input).map_or(i64::MIN, |n| n.saturating_sub(self.delay));
        let unfinished = self.inputs.iter().filter(|input| !batch.is_finished(**input));
        unfinished.map(of).min().unwrap_or(i64::MAX)
    }
}

/// The panes of a partition, sorted by lane.
fn panes_by_lane<K: OwnedKey, S: Merge>(panes: Vec<LocalPane<K, S>>, lanes: usize) -> Vec<PaneParts<K, S>> {
    let mut sorted: Vec<PaneParts<K, S>> = (0..lanes).map(|_| Vec::new()).collect();
    for held in panes {
        for (lane, groups) in by_lane(held.groups.into_entries(), lanes).into_iter().enumerate() {
            if !groups.is_empty() {
                sorted[lane].push((held.pane, groups));
            }
        }
    }
    sorted
}

impl<T, G, S, F> Compute<Window<Row<T, G, S>>> for Operator<T, G, S, F>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    Reading<S>: Record,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    fn input(&self) -> Input {
        self.input
    }

    fn compute(&self, batch: &BatchRun) -> Result<Option<Vec<Window<Row<T, G, S>>>>, Error> {
        // A parent without a batch at this time may all the same have ended.
        let partitions = self.parent.prepare(batch)?.unwrap_or_default();
        let locals = each_partition(batch, &self.name, partitions.len(), |partition| self.absorb(batch, partition))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { newest, lanes } = &mut *state;
        let mut kept = Vec::new();
        for (local, input) in locals.into_iter().zip(partitions.iter()) {
            let newest = newest.entry(*input).or_insert(i64::MIN);
            kept.push(self.drop_late(batch, newest, local));
        }
        let watermark = self.watermark(batch, newest);
        if watermark != i64::MIN && watermark != i64::MAX {
            batch.report_watermark(Time::from_millis(watermark));
        }
        let parts: Vec<_> = kept.into_par_iter().map(|panes| panes_by_lane(panes, lanes.len())).collect();
        let gathered = batch.gather(&self.name, lanes.len(), parts)?;
        let lanes = lanes.iter_mut().zip(gathered).collect();
        let closed = each_lane(batch, &self.name, lanes, true, |_, (lane, parts)| {
            let advance = || {
                parts.into_iter().flatten().try_for_each(|(pane, groups)| lane.add(pane, groups))?;
                lane.close(&self.grid, watermark)
            };
            advance().map_err(|mismatch| Error::Mismatch { operator: self.name.clone(), mismatch })
        })?;
        let mut ended: Vec<_> = closed.into_iter().flatten().collect();
        // Stable: lanes stay in order.
        ended.sort_by_key(|(end, _)| *end);
        let rows = ended.into_iter().flat_map(|(end, rows)| {
            rows.into_iter().map(move |(key, reading)| Window {
                start: Time::from_millis(end.saturating_sub(self.grid.length)),
                end: Time::from_millis(end),
                value: G::row(key, reading),
            })
        });
        Ok(Some(rows.collect()))
    }
}

impl<T, G, F> Grouped<T, G, EventWindows<F>>
where
    T: Record,
    G: Grouping<T>,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// Summaries of each group over each window, given out once the watermark has passed its end.
    ///
    /// Windows come in the order of their ends; within a window, rows by lane of their key.
    /// Windows without records give no rows. When all inputs have ended, all windows are complete.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Window<Row<T, G, S>>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name, "event window");
        check(&graph, &name, self.cut.windows, false);
        let parent = self.stream.read_by_one_more();
        let inputs = parent.inputs();
        let lanes = (0..lanes_of::<G::Key>(graph.lanes())).map(|_| EventLane::default()).collect();
        let state = Arc::new(Mutex::new(State { newest: BTreeMap::new(), lanes }));
        graph.add_state(&name, Stateful::of(schema::<G::Key, S::State>("event window", self.cut.windows), &state));
        let operator = Operator {
            input: graph.derived_input(inputs.clone()),
            name,
            parent,
            inputs,
            grouping: self.grouping,
            spec: spec(graph.on()),
            time: self.cut.event_time.time,
            delay: millis_of(self.cut.event_time.delay),
            grid: Grid::starting(self.cut.windows),
            state,
        };
        DStream::new(graph, Wide::new(operator))
    }
}
