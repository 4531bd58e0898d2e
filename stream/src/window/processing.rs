//! Windows by the time of the batch.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Spec};

use super::image::{LaterWindows, WindowsImage};
use super::open::Open;
use super::slide::{Slide, Summaries};
use super::store::SlidingWindows;
use super::{Grid, check, schema};
use crate::batch::exchange::lanes_of;
use crate::batch::{BatchRun, Input, Partitions, Settle, each_lane, each_partition, one_lane};
use crate::dstream::{
    Aggregate, DStream, Grouped, Grouping, Node, Outgoing, Part, Reading, Row, Settled, Shared, Windows, is_much,
    scatter, try_in_chunks,
};
use crate::error::Error;
use crate::graph::{StateSize, Stateful};
use crate::source::Record;
use crate::state::{Bytes, Lanes, Saved, Stored, decode, encode};

struct Operator<T, G: Grouping<T>, A: Aggregate<T>, L: Slide> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    aggregate: A,
    slide: L,
    grid: Grid,
    lanes: Arc<Lanes<Lane<G::Key, L>>>,
    /// What lanes have yet to take in.
    waiting: Lanes<Option<Vec<Part<T, G::Key, A::Partial>>>>,
    outgoing: Outgoing<T>,
}

/// The windows of a lane, and the pane that is open.
#[derive(Serialize)]
#[serde(bound(serialize = "L::Partial: Serialize"))]
struct Lane<K: OwnedKey, L: Slide> {
    windows: SlidingWindows<K, L>,
    open: Option<Open<L::Partial>>,
}

impl<K: OwnedKey, L: Slide> Default for Lane<K, L> {
    fn default() -> Self {
        Self { windows: SlidingWindows::default(), open: None }
    }
}

impl<K: OwnedKey, L: Slide> Lane<K, L> {
    /// Closes the open pane if it ends until now.
    fn close(&mut self, slide: &L, grid: &Grid, now: i64) -> Result<(), Mismatch> {
        let Some(open) = self.open.as_mut().filter(|open| grid.pane_end(open.pane) <= now) else {
            return Ok(());
        };
        self.windows.push(slide, open.pane, open.drain())?;
        open.pane = grid.pane_of(now);
        Ok(())
    }

    /// How much the lane keeps.
    fn size<A: Aggregate<T, Partial = L::Partial>, T>(&self) -> StateSize {
        let open = self.open.iter().flat_map(|open| &open.partials).map(|(_, partial)| A::bytes(partial));
        let bytes = self.windows.memory_bytes() + open.sum::<usize>();
        StateSize { keys: self.windows.keys() as u64, bytes: bytes as u64 }
    }

    fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.open.as_ref().is_none_or(|open| open.partials.is_empty())
    }
}

impl<K: OwnedKey, L: Slide> Stored for Lane<K, L>
where
    L::Partial: Serialize + DeserializeOwned + Send + 'static,
{
    fn save(&mut self, whole: bool) -> Result<Saved, String> {
        let saved = match self.windows.changes().filter(|_| !whole) {
            Some(changes) => Saved::Changes(encode(&(changes, &self.open))?),
            None => Saved::Whole(encode(self)?),
        };
        self.windows.note_changes();
        Ok(saved)
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        let (first, later) = pieces.split_first().ok_or("it has no pieces")?;
        let (mut image, mut open): (WindowsImage<K, L>, Option<Open<L::Partial>>) = decode(first)?;
        for changes in later {
            let (later, newest): (LaterWindows<K, L>, _) = decode(changes)?;
            image.change(later)?;
            open = newest;
        }
        Ok(Self { windows: image.windows()?, open })
    }

    fn keys(&self) -> u64 {
        self.windows.keys() as u64
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        // Lanes that have an open pane have the same.
        let pane = lanes.iter().filter_map(|lane| Some(lane.open.as_ref()?.pane)).max();
        let mut dealt: Vec<_> = (0..to).map(|_| pane.map(Open::new)).collect();
        let (windows, mut open): (Vec<_>, Vec<_>) = lanes
            .into_iter()
            .map(|lane| (lane.windows, lane.open.map(Open::into_partials).unwrap_or_default()))
            .unzip();
        let windows = SlidingWindows::redistribute(windows, to, |(from, slot), (lane, at)| {
            if let (Some(partial), Some(open)) = (open[from].remove(&slot), &mut dealt[lane]) {
                open.partials.push((at, partial));
            }
        });
        Ok(windows.into_iter().zip(dealt).map(|(windows, open)| Self { windows, open }).collect())
    }
}

impl<T, G, A, L> Operator<T, G, A, L>
where
    T: Record,
    G: Grouping<T>,
    A: Aggregate<T>,
    L: Slide<Partial = A::Partial>,
{
    fn mismatch(&self, mismatch: Mismatch) -> Error {
        Error::Mismatch { operator: self.name.clone(), mismatch }
    }

    /// The pane of the batch at t: it holds what came before t.
    fn pane_at(&self, t: i64) -> i64 {
        self.grid.pane_of(t.saturating_sub(1))
    }

    fn absorb(&self, lane: &mut Lane<G::Key, L>, pane: i64, part: Part<T, G::Key, A::Partial>) -> Result<(), Mismatch> {
        if part.len() == 0 {
            return Ok(());
        }
        let (Self { grouping, aggregate, slide, grid, .. }, Lane { windows, open }) = (self, lane);
        let open = open.get_or_insert_with(|| Open::new(pane));
        let of_pane = grid.windows_of(pane);
        let windows = (windows, slide, grid.panes_per_window());
        match part {
            Part::States(states) => open.merge(windows, aggregate, states),
            Part::Records(mut records) => {
                let absorbed = open.absorb(windows, (grouping, aggregate), of_pane, &mut records);
                self.outgoing.recycle(records);
                absorbed
            }
        }
    }

    /// Lets a lane take in what waits for it.
    fn take_in(&self, run: &BatchRun, lane: usize) -> Result<(), Error> {
        let Some(parts) = self.waiting.lane(lane).take() else {
            return Ok(());
        };
        one_lane(run, &self.name, lane, || {
            let advanced = self.advance(&mut self.lanes.lane(lane), parts, run.time.millis());
            advanced.map_err(|mismatch| self.mismatch(mismatch))
        })
    }

    /// Adds what a lane has got in this batch, and brings its windows up to now.
    fn advance(
        &self,
        lane: &mut Lane<G::Key, L>,
        parts: Vec<Part<T, G::Key, A::Partial>>,
        now: i64,
    ) -> Result<(), Mismatch> {
        let pane = self.pane_at(now);
        if lane.open.as_ref().is_some_and(|open| open.pane < pane) {
            lane.close(&self.slide, &self.grid, now.saturating_sub(1))?;
            if let Some(open) = &mut lane.open {
                open.pane = pane;
            }
        }
        parts.into_iter().try_for_each(|part| self.absorb(lane, pane, part))?;
        lane.close(&self.slide, &self.grid, now)?;
        if self.grid.ends_window(now) {
            lane.windows.advance(&self.slide, self.grid.first_pane(now), pane)?;
        }
        Ok(())
    }
}

impl<T, G, A, L> Node<G::Row<L::Reading>> for Operator<T, G, A, L>
where
    T: Record,
    G: Grouping<T>,
    A: Aggregate<T>,
    L: Slide<Partial = A::Partial>,
    L::Reading: Record,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.parent.prepare(run)?.map_or(0, |partitions| partitions.len());
        let lanes = self.lanes.len();
        let by = (&self.grouping, &self.aggregate);
        let windows = Some(self.grid.windows_of(self.pane_at(run.time.millis())));
        let local = each_partition(run, &self.name, partitions, |partition| {
            scatter(&self.parent, run, partition, by, windows, lanes, &self.outgoing)
        })?;
        self.outgoing.note(&local);
        let gathered = run.gather(&self.name, lanes, local)?;
        let now = run.time.millis();
        let ends_window = self.grid.ends_window(now);
        if ends_window && run.lanes_may_wait(self.input) {
            gathered.into_iter().enumerate().for_each(|(lane, parts)| *self.waiting.lane(lane) = Some(parts));
        } else {
            let much = is_much(&gathered) || self.lanes.iter().any(|lane| lane.windows.slots() > 0);
            let empty = each_lane(run, &self.name, gathered, much, |lane, parts| {
                let mut lane = self.lanes.lane(lane);
                self.advance(&mut lane, parts, now).map_err(|mismatch| self.mismatch(mismatch))?;
                Ok(lane.is_empty())
            })?;
            if !empty.iter().all(|empty| *empty) {
                run.holds_back(self.input);
            }
        }
        Ok(ends_window.then(|| vec![self.input; lanes].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<G::Row<L::Reading>>)) -> Result<(), Error> {
        self.take_in(run, lane)?;
        let lane = self.lanes.lane(lane);
        let rows = lane.windows.readings(&self.slide).map(|row| row.map(|(key, reading)| G::row(key.clone(), reading)));
        try_in_chunks(rows, out).map_err(|mismatch| self.mismatch(mismatch))
    }
}

impl<T, G, A, L> Settle for Operator<T, G, A, L>
where
    T: Record,
    G: Grouping<T>,
    A: Aggregate<T>,
    L: Slide<Partial = A::Partial>,
{
    fn settle(&self, run: &BatchRun) -> Result<(), Error> {
        let waiting = vec![(); self.waiting.len()];
        let records = |parts: &Vec<Part<T, G::Key, A::Partial>>| parts.iter().map(Part::len).sum::<usize>();
        let wait = self.waiting.iter().filter_map(|parts| parts.as_ref().map(records)).max();
        // To wake other threads for windows without keys would take longer than all else in an empty batch.
        let much = wait.is_some_and(|most| most > 0 || self.lanes.iter().any(|lane| lane.windows.slots() > 0));
        each_lane(run, &self.name, waiting, much, |lane, ()| self.take_in(run, lane)).map(drop)
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
        let spec = spec(self.stream.graph.on());
        self.slide("window", spec, Summaries::new())
    }

    /// The stream of what an aggregate comes to in each window.
    pub(super) fn slide<A, L>(self, kind: &'static str, aggregate: A, slide: L) -> DStream<G::Row<L::Reading>>
    where
        A: Aggregate<T>,
        L: Slide<Partial = A::Partial>,
        L::Reading: Record,
    {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name, kind);
        check(&graph, &name, self.cut, true);
        let parent = self.stream.read_by_one_more();
        let lanes = Arc::new(Lanes::new(lanes_of::<G::Key>(graph.lanes()), Lane::default));
        let state = Stateful::by_lane(schema::<G::Key>(kind, self.cut, &A::schema()), &lanes);
        let measured = lanes.clone();
        graph.add_state(&name, state.sized(move || measured.iter().map(|lane| lane.size::<A, T>()).sum()));
        let id = graph.named_operator(&name, kind, [parent.operator()]);
        let operator = Operator {
            input: graph.derived_input(parent.inputs()),
            name,
            parent,
            grouping: self.grouping,
            aggregate,
            slide,
            grid: Grid::ending(self.cut),
            waiting: Lanes::new(lanes.len(), || None),
            lanes,
            outgoing: Outgoing::default(),
        };
        DStream::new(graph, id, Settled(Arc::new(operator)))
    }
}
