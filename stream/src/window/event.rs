//! Windows of event time: panes by partition, then by lane.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Spec, Summary as _, Table};

use super::kept::KeptPanes;
use super::panes::{EndedWindows, EventLane, PaneParts};
use super::{Grid, check, schema};
use crate::batch::exchange::{by_lane, lanes_of};
use crate::batch::{BatchRun, each_lane, each_partition};
use crate::dstream::{DStream, EventWindows, Grouped, Grouping, Node, Reading, Row, absorb_chunk};
use crate::error::Error;
use crate::event::{Arrivals, Events, Front, OutputMode, TIMES, Watermarks, streams};
use crate::graph::{Kept, StateSize, Stateful};
use crate::source::Record;
use crate::state::{Bytes, Saved, Stored, WithLanes, decode_whole, encode};
use crate::time::Time;

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
    front: Front<T, F>,
    keeps_late: bool,
    grouping: G,
    spec: S,
    grid: Grid,
    mode: OutputMode,
    state: Arc<Mutex<State<G::Key, S::State>>>,
}

type State<K, S> = WithLanes<Watermarks, Lane<K, S>>;

/// The panes of a lane: sliding if every window is given once, kept as they are if not.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
enum Lane<K: OwnedKey, S: Merge> {
    Sliding(Box<EventLane<K, S>>),
    Kept(KeptPanes<K, S>),
}

impl<K: OwnedKey, S: Merge> Lane<K, S> {
    fn new(mode: OutputMode) -> Self {
        match mode {
            OutputMode::Append => Self::Sliding(Box::default()),
            OutputMode::Update | OutputMode::Revise | OutputMode::Complete => Self::Kept(KeptPanes::default()),
        }
    }

    fn add(&mut self, pane: i64, groups: Vec<(K, S)>) -> Result<(), Mismatch> {
        match self {
            Self::Sliding(lane) => lane.add(pane, groups),
            Self::Kept(lane) => lane.add(pane, groups),
        }
    }

    /// The rows of a batch, in the order of the ends of their windows.
    fn rows(
        &mut self,
        grid: &Grid,
        mode: OutputMode,
        watermark: i64,
        horizon: i64,
    ) -> Result<EndedWindows<K, S::Reading>, Mismatch> {
        match self {
            Self::Sliding(lane) => lane.close(grid, horizon),
            Self::Kept(lane) => lane.rows(grid, mode, watermark, horizon),
        }
    }
}

impl<K: OwnedKey, S: Merge> Stored for Lane<K, S> {
    fn save(&mut self, _: bool) -> Result<Saved, String> {
        Ok(Saved::Whole(encode(self)?))
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        decode_whole(pieces)
    }

    fn keys(&self) -> u64 {
        match self {
            Self::Sliding(lane) => lane.keys(),
            Self::Kept(lane) => lane.keys(),
        }
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        let (mut sliding, mut kept) = (Vec::new(), Vec::new());
        for lane in lanes {
            match lane {
                Self::Sliding(lane) => sliding.push(*lane),
                Self::Kept(lane) => kept.push(lane),
            }
        }
        // All lanes of an operator are of one kind: its schema says which.
        match kept.is_empty() {
            true => {
                Ok(EventLane::redistribute(sliding, to).into_iter().map(|it| Self::Sliding(Box::new(it))).collect())
            }
            false => Ok(KeptPanes::redistribute(kept, to).into_iter().map(Self::Kept).collect()),
        }
    }
}

impl<K: OwnedKey, S: Merge> Kept for Lane<K, S> {
    /// A key counts in every pane that is kept, or once in the sliding windows of the closed ones.
    fn size(&self) -> StateSize {
        match self {
            Self::Sliding(lane) => lane.size(),
            Self::Kept(lane) => lane.size(),
        }
    }
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
        let Front { parent, time: time_of, tolerance, .. } = &self.front;
        parent.run(batch, partition, &mut |records| {
            let mut rest = &records[..];
            while let Some(first) = rest.first() {
                let time = time_of(first);
                if !TIMES.contains(&time) {
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
                    let time = time_of(record);
                    let is_here = here.contains(&time);
                    if is_here {
                        local.newest = local.newest.max(time);
                    }
                    is_here
                });
                let (run, after) = rest.split_at(run.count());
                rest = after;
                // A run does not close its own pane, so it is late as a whole or not at all.
                if closes <= tolerance.horizon(local.newest) {
                    local.late += run.len() as u64;
                    continue;
                }
                self.absorb_run(&mut local.panes, pane, run);
            }
            records.clear();
        })?;
        Ok(local)
    }

    fn absorb_run(&self, panes: &mut Vec<LocalPane<G::Key, S::State>>, pane: i64, run: &[T]) {
        let held = panes.iter().rposition(|held| held.pane == pane).unwrap_or_else(|| {
            panes.push(LocalPane { pane, records: 0, groups: Table::default() });
            panes.len() - 1
        });
        let held = &mut panes[held];
        held.records += run.len() as u64;
        // Asked for each run of records: only if it matters.
        let windows = S::BY_GROUP.then(|| self.grid.windows_of(pane));
        absorb_chunk((&self.grouping, &self.spec), windows, &mut held.groups, run);
    }

    /// Summarizes records as they are read; late ones are only counted.
    ///
    /// A partition knows what it has closed itself. Then those panes of it are dropped that had been closed by what
    /// came before it in its input: lateness goes by whole panes.
    fn panes(&self, run: &BatchRun, watermarks: &mut Watermarks) -> Result<LocalPanes<G::Key, S::State>, Error> {
        let partitions = self.front.prepare(run)?;
        let locals = each_partition(run, &self.name, partitions.len(), |partition| self.absorb(run, partition))?;
        let begun = watermarks.arrive(run, &partitions, locals.iter().map(|local| local.newest));
        let kept = locals.into_iter().zip(begun).map(|(local, begun)| {
            let horizon = self.front.tolerance.horizon(begun);
            let is_late = |held: &LocalPane<_, _>| self.grid.pane_end(held.pane) <= horizon;
            let (late, kept) = local.panes.into_iter().partition::<Vec<_>, _>(is_late);
            run.count_late(local.late + late.iter().map(|held| held.records).sum::<u64>());
            kept
        });
        Ok(kept.collect())
    }

    /// Keeps the records until it is known which are late: these are given out whole.
    fn panes_and_late(
        &self,
        run: &BatchRun,
        watermarks: &mut Watermarks,
    ) -> Result<(LocalPanes<G::Key, S::State>, Vec<T>), Error> {
        let read = self.front.read(run, &self.name, watermarks)?;
        let absorb = |_, arrivals: Arrivals<T>| {
            let mut panes = Vec::new();
            let late = arrivals.in_time(
                |time| self.grid.pane_end(self.grid.pane_of(time)).saturating_sub(1),
                |time, record| self.absorb_run(&mut panes, self.grid.pane_of(time), &[record]),
            );
            Ok((panes, late))
        };
        let (panes, late): (_, Vec<_>) = each_lane(run, &self.name, read, true, absorb)?.into_iter().unzip();
        Ok((panes, late.into_iter().flatten().collect()))
    }
}

/// The panes of all partitions.
type LocalPanes<K, S> = Vec<Vec<LocalPane<K, S>>>;

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

impl<T, G, S, F> Events<Window<Row<T, G, S>>, T> for Operator<T, G, S, F>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    Reading<S>: Record,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    fn compute(&self, run: &BatchRun) -> Result<(Vec<Window<Row<T, G, S>>>, Vec<T>), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let WithLanes { watermarks, lanes } = &mut *state;
        let (kept, late) = if self.keeps_late {
            self.panes_and_late(run, watermarks)?
        } else {
            (self.panes(run, watermarks)?, Vec::new())
        };
        let reached = watermarks.advance(run, &self.front.inputs, &self.front.tolerance);
        let (watermark, horizon) = (self.front.tolerance.watermark(reached), self.front.tolerance.horizon(reached));
        let parts: Vec<_> = kept.into_par_iter().map(|panes| panes_by_lane(panes, lanes.len())).collect();
        let gathered = run.gather(&self.name, lanes.len(), parts)?;
        let lanes = lanes.iter_mut().zip(gathered).collect();
        let rows = each_lane(run, &self.name, lanes, true, |_, (lane, parts)| {
            let advance = || {
                parts.into_iter().flatten().try_for_each(|(pane, groups)| lane.add(pane, groups))?;
                lane.rows(&self.grid, self.mode, watermark, horizon)
            };
            advance().map_err(|mismatch| Error::Mismatch { operator: self.name.clone(), mismatch })
        })?;
        let mut rows: Vec<_> = rows.into_iter().flatten().collect();
        // Stable: lanes stay in order.
        rows.sort_by_key(|(end, _)| *end);
        let rows = rows.into_iter().flat_map(|(end, rows)| {
            rows.into_iter().map(move |(key, reading)| Window {
                start: Time::from_millis(end.saturating_sub(self.grid.length)),
                end: Time::from_millis(end),
                value: G::row(key, reading),
            })
        });
        Ok((rows.collect(), late))
    }
}

impl<T, G, F> Grouped<T, G, EventWindows<F>>
where
    T: Record,
    G: Grouping<T>,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// Summaries of each group over each window; given out once, when the watermark has passed its end by the
    /// [allowed lateness](Self::allow_late), or as the [mode](Self::output_mode) says.
    ///
    /// Rows come in the order of the ends of their windows; within a window, by lane of their key.
    /// Windows without records give no rows. When all inputs have ended, all windows are over.
    ///
    /// In the modes that give rows before a window is over each row is merged from the panes of its window: one merge
    /// for a tumbling window, length / slide for a sliding one.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Window<Row<T, G, S>>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        self.summarized(spec, false).0
    }

    /// The summaries, and as a stream of their own the records that came too late to be in them.
    ///
    /// Records are then held until the batch is read, where [`summarize`](Self::summarize) absorbs them as they come.
    pub fn summarize_with_late<S>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> S,
    ) -> (DStream<Window<Row<T, G, S>>>, DStream<T>)
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        self.summarized(spec, true)
    }

    fn summarized<S>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> S,
        keeps_late: bool,
    ) -> (DStream<Window<Row<T, G, S>>>, DStream<T>)
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let graph = self.stream.graph.clone();
        let EventWindows { event_time, windows, mode } = self.cut;
        let name = graph.name(self.name, "event window");
        check(&graph, &name, windows, false);
        let lanes = (0..lanes_of::<G::Key>(graph.lanes())).map(|_| Lane::new(mode)).collect();
        let state = Arc::new(Mutex::new(State { watermarks: Watermarks::default(), lanes }));
        let kind = if mode == OutputMode::Append { "event window" } else { "event window of kept panes" };
        let schema = schema::<G::Key>(kind, windows, &S::State::schema());
        graph.add_state(&name, Stateful::with_lanes(schema, &state));
        let front = Front::new(&self.stream, event_time);
        let inputs = front.inputs.clone();
        let id = graph.named_operator(&name, "event window", [front.parent.operator()]);
        let operator = Operator {
            name,
            front,
            keeps_late,
            grouping: self.grouping,
            spec: spec(graph.on()),
            grid: Grid::starting(windows),
            mode,
            state,
        };
        streams(&graph, id, inputs, keeps_late, operator)
    }
}
