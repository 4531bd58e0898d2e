//! Summaries by key that are kept for ever, or fade.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Decay, Merge, Mismatch, OwnedKey, Spec, Summary};

use super::check_length;
use crate::batch::exchange::lanes_of;
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::dstream::{
    Aggregate as _, All, DStream, Grouped, Grouping, Node, Outgoing, Part, PerBatch, Reading, Row, Shared,
    count_merged, in_chunks, is_much, scatter,
};
use crate::error::Error;
use crate::graph::{Graph, StateSize, Stateful};
use crate::source::Record;
use crate::state::{Bytes, Lanes, Saved, Slots, Stored};
use crate::time::millis_of;

/// Since the job began: a cut that keeps everything. [`Forever`], or fading by a [`HalfLife`].
#[derive(Clone, Copy, Debug)]
pub struct Running<F> {
    fading: F,
    is_complete: bool,
}

/// Nothing fades.
#[derive(Clone, Copy, Debug)]
pub struct Forever;

/// What is as old as this weighs half.
#[derive(Clone, Copy, Debug)]
pub struct HalfLife(Duration);

/// How summaries fade.
struct Fading<S> {
    half_life: f64,
    decay: fn(&mut S, f64),
}

impl<S> Fading<S> {
    fn fade(&self, summary: &mut S, millis: i64) {
        (self.decay)(summary, (-(millis as f64) / self.half_life).exp2());
    }
}

struct Operator<T, G: Grouping<T>, S: Spec<Item = T>> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    spec: S,
    fading: Option<Fading<S::State>>,
    is_complete: bool,
    lanes: Arc<Lanes<Lane<G::Key, S::State>>>,
    outgoing: Outgoing<T>,
}

struct Lane<K: OwnedKey, S: Summary> {
    summaries: Slots<K, Held<S>>,
    /// The slots that this batch has changed, in the order of the first change.
    changed: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Held<S: Summary> {
    summary: S,
    /// The batch that changed it last: up to then it has faded.
    changed: Option<i64>,
}

impl<K: OwnedKey, S: Summary> Default for Lane<K, S> {
    fn default() -> Self {
        Self { summaries: Slots::default(), changed: Vec::new() }
    }
}

impl<K: OwnedKey, S: Merge> Stored for Lane<K, S> {
    fn save(&mut self, whole: bool) -> Result<Saved, String> {
        self.summaries.save(whole)
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        Ok(Self { summaries: Slots::load(pieces)?, ..Self::default() })
    }

    fn keys(&self) -> u64 {
        self.summaries.len() as u64
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        let dealt = Slots::redistribute(lanes.into_iter().map(|lane| lane.summaries), to, |_, _| ());
        Ok(dealt.into_iter().map(|summaries| Self { summaries, ..Self::default() }).collect())
    }
}

impl<K: OwnedKey, S: Merge> Lane<K, S> {
    /// The summary in a slot, to be changed in the batch of this time.
    #[inline]
    fn change(&mut self, slot: u32, now: i64, fading: Option<&Fading<S>>) -> Option<&mut S> {
        let held = self.summaries.value_mut(slot)?;
        if held.changed != Some(now) {
            if let (Some(fading), Some(before)) = (fading, held.changed) {
                fading.fade(&mut held.summary, now.saturating_sub(before));
            }
            held.changed = Some(now);
            self.changed.push(slot);
        }
        Some(&mut held.summary)
    }

    /// Tells the summaries that this batch has changed, or the one of all records in any case, that it is over.
    fn end_batch(&mut self, is_one: bool) {
        if is_one {
            self.summaries.values_mut().for_each(|held| held.summary.end_batch());
            return;
        }
        for slot in &self.changed {
            if let Some(held) = self.summaries.value_mut(*slot) {
                held.summary.end_batch();
            }
        }
    }

    fn size(&self) -> StateSize {
        StateSize { keys: self.summaries.len() as u64, bytes: self.memory_bytes() as u64 }
    }

    /// The bytes held, without what keys hold on the heap.
    fn memory_bytes(&self) -> usize {
        let heap = self.summaries.iter().map(|(_, held)| held.summary.memory_bytes() - size_of::<S>()).sum::<usize>();
        heap + self.summaries.memory_bytes() + self.changed.capacity() * size_of::<u32>()
    }

    fn absorb<T, G, P>(
        &mut self,
        part: Part<T, K, S>,
        (grouping, spec): (&G, &P),
        now: i64,
        fading: Option<&Fading<S>>,
        outgoing: &Outgoing<T>,
    ) -> Result<(), Mismatch>
    where
        T: Record,
        G: Grouping<T, Key = K>,
        P: Spec<Item = T, State = S>,
    {
        match part {
            Part::Records(records) => {
                for record in &records {
                    grouping.visit(record, |key: &G::Borrowed| {
                        let new = || Held { summary: spec.begin(key, None), changed: None };
                        let slot = self.summaries.slot_or_insert(key, new);
                        if let Some(summary) = self.change(slot, now, fading) {
                            spec.absorb(summary, record);
                        }
                    });
                }
                outgoing.recycle(records);
            }
            Part::States(states) => {
                let (known, all) = (self.summaries.len(), states.len());
                for (key, summary) in states {
                    let mut summary = Some(summary);
                    let mut new = || summary.take().expect("the summary is taken once, here");
                    let slot = self.summaries.slot_or_insert(&key, || Held { summary: new(), changed: None });
                    if let (Some(held), Some(summary)) = (self.change(slot, now, fading), &summary) {
                        held.merge(summary)?;
                    }
                }
                count_merged(all, self.summaries.len() - known);
            }
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
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        let (by, lanes) = ((&self.grouping, &self.spec), self.lanes.len());
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter(&self.parent, run, partition, by, None, lanes, &self.outgoing)
        })?;
        self.outgoing.note(&local);
        let gathered = run.gather(&self.name, lanes, local)?;
        let (much, now) = (is_much(&gathered), run.time.millis());
        each_lane(run, &self.name, gathered, much, |lane, parts| {
            let mut lane = self.lanes.lane(lane);
            lane.changed.clear();
            let (fading, outgoing) = (self.fading.as_ref(), &self.outgoing);
            let absorbed = parts.into_iter().try_for_each(|part| lane.absorb(part, by, now, fading, outgoing));
            absorbed.map_err(|mismatch| Error::Mismatch { operator: self.name.clone(), mismatch })?;
            lane.end_batch(G::ONE_GROUP);
            Ok(())
        })?;
        if self.is_complete && self.lanes.iter().any(|lane| !lane.summaries.is_empty()) {
            run.holds_back(self.input);
        }
        Ok(Some(vec![self.input; lanes].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<Row<T, G, S>>)) -> Result<(), Error> {
        let lane = self.lanes.lane(lane);
        let now = run.time.millis();
        let read = |held: &Held<S::State>| match (&self.fading, held.changed) {
            (Some(fading), Some(changed)) if changed != now => {
                let mut faded = held.summary.clone();
                fading.fade(&mut faded, now.saturating_sub(changed));
                faded.read()
            }
            _ => held.summary.read(),
        };
        let row = |(key, held): (&G::Key, &Held<S::State>)| G::row(key.clone(), read(held));
        if self.is_complete {
            in_chunks(lane.summaries.iter().map(row), out);
        } else {
            in_chunks(lane.changed.iter().filter_map(|slot| lane.summaries.get(*slot)).map(row), out);
        }
        Ok(())
    }
}

impl<T: Record, G: Grouping<T>> Grouped<T, G, PerBatch> {
    /// Since the job began: each group's summary is kept from batch to batch, and takes more and more in.
    ///
    /// A batch gives the groups that it has changed, unless [`complete`](Grouped::complete) is asked for. A key is never
    /// dropped: the memory is that of all keys that were ever seen.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("visitors").trigger(Trigger::Available).build();
    /// let (queue, visits) = Queue::new();
    /// let visitors = ctx
    ///     .source(visits.one_at_a_time())
    ///     .key_by(|(page, _): &(&str, u32)| *page)
    ///     .running()
    ///     .summarize(|on| on.distinct(|(_, user)| user))
    ///     .collect_to_memory();
    /// queue.push(vec![("/", 1), ("/about", 2), ("/", 2)]);
    /// queue.push(vec![("/", 3)]);
    /// ctx.run()?;
    /// let last: Vec<_> = visitors.batches()[1].1.iter().map(|(page, n)| (page.to_string(), n.count())).collect();
    /// assert_eq!(last, [("/".to_owned(), 3)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn running(self) -> Grouped<T, G, Running<Forever>> {
        let Self { stream, grouping, name, .. } = self;
        Grouped { stream, grouping, cut: Running { fading: Forever, is_complete: false }, name }
    }
}

impl<T: Record> DStream<T> {
    /// Since the job began: a summary of all records so far, kept from batch to batch.
    pub fn running(&self) -> Grouped<T, All, Running<Forever>> {
        Grouped { stream: self.clone(), grouping: All, cut: PerBatch, name: None }.running()
    }
}

impl<T: Record, G: Grouping<T>, F> Grouped<T, G, Running<F>> {
    /// Gives all groups in every batch, not just those that it has changed.
    pub fn complete(mut self) -> Self {
        self.cut.is_complete = true;
        self
    }
}

impl<T: Record, G: Grouping<T>> Grouped<T, G, Running<Forever>> {
    /// Lets the past fade: what came this long ago, by batch time, weighs half. For summaries that can
    /// [`Decay`].
    ///
    /// A summary fades when it is changed or read, by the time since it was changed last: fading costs nothing for keys
    /// that nothing comes for.
    pub fn half_life(self, half_life: Duration) -> Grouped<T, G, Running<HalfLife>> {
        let Self { stream, grouping, cut, name } = self;
        Grouped { stream, grouping, cut: Running { fading: HalfLife(half_life), is_complete: cut.is_complete }, name }
    }

    /// Summaries of each group since the job began.
    ///
    /// Rows come by lane of their key; within a lane in the order in which the batch changed them, or of first
    /// appearance if they are complete.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Row<T, G, S>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let name = self.stream.graph.name(self.name.clone(), "running");
        summarize(self, name, "for ever", None, spec)
    }
}

impl<T: Record, G: Grouping<T>> Grouped<T, G, Running<HalfLife>> {
    /// Summaries of each group since the job began, in which the past fades; otherwise as those that do not.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Row<T, G, S>>
    where
        S: Spec<Item = T>,
        S::State: Merge + Decay,
        Reading<S>: Record,
    {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name.clone(), "running");
        let HalfLife(half_life) = self.cut.fading;
        check_length(&graph, &name, "half-life", half_life);
        let fading = Fading { half_life: millis_of(half_life) as f64, decay: <S::State as Decay>::decay };
        summarize(self, name, &format!("with a half-life of {half_life:?}"), Some(fading), spec)
    }
}

fn summarize<T, G, F, S>(
    grouped: Grouped<T, G, Running<F>>,
    name: String,
    how: &str,
    fading: Option<Fading<S::State>>,
    spec: impl FnOnce(On<Identity<T>>) -> S,
) -> DStream<Row<T, G, S>>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    Reading<S>: Record,
{
    let Grouped { stream, grouping, cut, .. } = grouped;
    let graph: Arc<Graph> = stream.graph.clone();
    let parent = stream.read_by_one_more();
    let lanes = Arc::new(Lanes::new(lanes_of::<G::Key>(graph.lanes()), Lane::default));
    let schema = format!("summary {how} by {} of {}", std::any::type_name::<G::Key>(), S::State::schema());
    let (state, measured) = (Stateful::by_lane(schema, &lanes), lanes.clone());
    graph.add_state(&name, state.sized(move || measured.iter().map(|lane| lane.size()).sum()));
    let id = graph.named_operator(&name, "running", [parent.operator()]);
    let operator = Operator {
        input: graph.derived_input(parent.inputs()),
        name,
        parent,
        grouping,
        spec: spec(graph.on()),
        fading,
        is_complete: cut.is_complete,
        lanes,
        outgoing: Outgoing::default(),
    };
    DStream::new(graph, id, operator)
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Absorb, HyperLogLog};

    use super::*;

    #[test]
    fn the_memory_of_a_lane_has_that_of_its_summaries() {
        let mut lane = Lane::<u32, HyperLogLog>::default();
        let empty = lane.memory_bytes();
        let mut summary = HyperLogLog::with_precision(12).unwrap();
        (0..100_000_u64).for_each(|item| summary.absorb(&item));
        let of_summary = summary.memory_bytes();
        lane.summaries.slot_or_insert(&7, || Held { summary, changed: None });
        assert!(lane.memory_bytes() >= empty + of_summary, "{} bytes", lane.memory_bytes());
    }
}
