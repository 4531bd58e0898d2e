//! A function called for every record, with the state of its key.

use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Drain;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::OwnedKey;

use super::records::{Boxes, StateTime, is_much, scatter_records};
use crate::batch::{BatchRun, CHUNK, Input, Partitions, each_lane, each_partition};
use crate::dstream::{Grouping, Node, Shared, in_chunks};
use crate::error::Error;
use crate::event::{TIMES, Tolerance, Watermarks};
use crate::source::Record;
use crate::state::{KeyedLane, Lanes, State, TOGETHER};
use crate::time::Time;

/// For how long a key may be idle.
pub(super) struct Idle {
    pub(super) timeout: i64,
    /// By event time, with so much later records; by batch time if none.
    pub(super) tolerance: Option<Tolerance>,
    pub(super) watermarks: Arc<Mutex<Watermarks>>,
}

/// The operator behind both `map_with_state` and `flat_map_with_state`: the function adds its rows to a vector.
pub(super) struct WithState<T, G: Grouping<T>, W, S, F, R> {
    pub(super) name: String,
    pub(super) parent: Arc<Shared<T>>,
    pub(super) inputs: Vec<Input>,
    pub(super) input: Input,
    pub(super) grouping: G,
    pub(super) time: W,
    pub(super) idle: Option<Idle>,
    pub(super) function: F,
    pub(super) lanes: Arc<Lanes<KeyedLane<G::Key, S>>>,
    pub(super) rows: Lanes<Rows<R>>,
    pub(super) boxes: Boxes<T>,
    /// The batch that was computed last: rows and snapshots both ask for it.
    pub(super) computed: Mutex<Option<Time>>,
}

/// The rows of a lane in chunks whose room is used again.
pub(super) struct Rows<R> {
    full: Vec<Vec<R>>,
    spare: Vec<Vec<R>>,
}

impl<R> Rows<R> {
    pub(super) fn new() -> Self {
        Self { full: Vec::new(), spare: Vec::new() }
    }

    fn chunk(&mut self) -> Vec<R> {
        let mut chunk = self.spare.pop().unwrap_or_default();
        chunk.reserve(CHUNK);
        chunk
    }

    fn put_back(&mut self, mut chunk: Vec<R>) {
        chunk.clear();
        self.spare.push(chunk);
    }

    /// Drops rows that nobody asked for.
    fn clear(&mut self) {
        while let Some(chunk) = self.full.pop() {
            self.put_back(chunk);
        }
    }
}

/// The times that a lane works with.
#[derive(Clone, Copy)]
struct At {
    time: Time,
    /// What keys of the initial state were touched at, if it is known.
    begin: Option<i64>,
    /// Keys that were touched last before this have been idle for too long.
    horizon: Option<i64>,
}

impl<T, G, W, S, F, R> WithState<T, G, W, S, F, R>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    /// Brings the state up to this batch, unless that was done.
    fn compute(&self, run: &BatchRun) -> Result<(), Error> {
        let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        if *computed == Some(run.time) {
            return Ok(());
        }
        // Time passes, and keys time out, also when the parent has no batch.
        let partitions = self.parent.prepare(run)?.unwrap_or_default();
        let (by, lanes) = ((&self.grouping, &self.time), self.lanes.len());
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter_records(&self.parent, run, partition, by, lanes, &self.boxes)
        })?;
        let at = self.at(run, &partitions, local.iter().map(|local| local.newest));
        let gathered = run.gather(&self.name, lanes, local.into_iter().map(|local| local.lanes).collect())?;
        let much = is_much(&gathered) || self.idle.is_some();
        let holds = each_lane(run, &self.name, gathered, much, |lane, parts| self.advance(lane, parts, at))?;
        if self.idle.is_some() && holds.contains(&true) {
            run.holds_back(self.input);
        }
        *computed = Some(run.time);
        Ok(())
    }

    /// The times of this batch, after what its partitions have seen.
    fn at(&self, run: &BatchRun, partitions: &[Input], newest: impl Iterator<Item = Option<i64>>) -> At {
        let now = run.time.millis();
        let Some(idle) = &self.idle else {
            return At { time: run.time, begin: None, horizon: None };
        };
        let Some(tolerance) = &idle.tolerance else {
            return At { time: run.time, begin: Some(now), horizon: Some(now.saturating_sub(idle.timeout)) };
        };
        let mut watermarks = idle.watermarks.lock().unwrap_or_else(PoisonError::into_inner);
        watermarks.arrive(run, partitions, newest.map(|newest| newest.unwrap_or(i64::MIN)));
        let watermark = tolerance.watermark(watermarks.advance(run, &self.inputs, tolerance));
        // None until all inputs have spoken.
        let watermark = Some(watermark).filter(|watermark| *watermark != i64::MIN);
        let horizon = |watermark| match watermark {
            // Nothing can follow: all keys have been idle for long enough.
            i64::MAX => i64::MAX,
            watermark => watermark.saturating_sub(idle.timeout),
        };
        At { time: run.time, begin: watermark.map(|w| w.min(*TIMES.end())), horizon: watermark.map(horizon) }
    }

    /// Works on a lane; gives whether it has keys left.
    fn advance(&self, lane: usize, parts: Vec<Vec<T>>, at: At) -> Result<bool, Error> {
        let (mut keyed, mut rows) = (self.lanes.lane(lane), self.rows.lane(lane));
        rows.clear();
        keyed.guarded((&self.name, lane, at.time), |keyed| {
            if let Some(begin) = at.begin.filter(|_| !keyed.has_begun) {
                for slot in 0..keyed.slots.capacity() as u32 {
                    if keyed.slots.get(slot).is_some() && keyed.timers.last(slot).is_none() {
                        keyed.timers.touch(slot, begin);
                    }
                }
            }
            if at.begin.is_some() && !std::mem::replace(&mut keyed.has_begun, true) {
                keyed.slots.forget_changes();
            }
            let mut calls =
                Calls { operator: self, keyed, chunk: rows.chunk(), rows: &mut rows, time: at.time, failure: None };
            parts.into_iter().try_for_each(|part| self.boxes.empty(part, |records| calls.take_in(records)))?;
            calls.keyed.free_emptied();
            calls.time_out(at.horizon)?;
            let Calls { chunk, .. } = calls;
            if chunk.is_empty() {
                rows.put_back(chunk)
            } else {
                rows.full.push(chunk)
            }
            Ok::<(), String>(())
        })?;
        Ok(!keyed.slots.is_empty())
    }
}

/// The calls of the function on a lane.
struct Calls<'a, O, K, S, R> {
    operator: &'a O,
    keyed: &'a mut KeyedLane<K, S>,
    rows: &'a mut Rows<R>,
    chunk: Vec<R>,
    time: Time,
    failure: Option<String>,
}

impl<T, G, W, S, F, R> Calls<'_, WithState<T, G, W, S, F, R>, G::Key, S, R>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    fn take_in(&mut self, mut records: Drain<'_, T>) -> Result<(), String> {
        let mut slots = [u32::MAX; TOGETHER];
        while !records.as_slice().is_empty() {
            // Looked up together: the look-ups wait for memory side by side, and not one after another with the calls
            // in between. No slot is freed before the end of the batch.
            let all = records.as_slice();
            let together = &all[..all.len().min(TOGETHER)];
            let found = together.len();
            self.keyed.slots.slots_of(&self.operator.grouping, together, &mut slots, |_| None);
            self.keyed.slots.touch(&slots[..found]);
            for (slot, record) in slots[..found].iter().zip(records.by_ref()) {
                if let Some(idle) = &self.operator.idle {
                    self.touch(*slot, &record, idle)?;
                }
                self.call(*slot, Some(record))?;
            }
        }
        Ok(())
    }

    /// Takes note that a key has a record. If by the time of that record alone the key has been idle for too long, it
    /// times out first: a long batch does not join what a short one would separate.
    fn touch(&mut self, slot: u32, record: &T, idle: &Idle) -> Result<(), String> {
        let Some(time) = self.operator.time.event_time(record) else {
            self.keyed.timers.touch(slot, self.time.millis());
            return Ok(());
        };
        let longest = idle.timeout.saturating_add(idle.tolerance.map_or(0, |tolerance| tolerance.delay()));
        if self.keyed.timers.last(slot).is_some_and(|last| last.saturating_add(longest) < time) {
            self.call_timeout(slot)?;
        }
        self.keyed.timers.touch(slot, time);
        Ok(())
    }

    #[inline]
    fn call(&mut self, slot: u32, record: Option<T>) -> Result<(), String> {
        self.keyed.current = slot;
        let Some((key, value)) = self.keyed.slots.entry_mut(slot) else {
            return Ok(());
        };
        let mut state = State::new(key, value, self.time, &mut self.failure);
        (self.operator.function)(record, &mut state, &mut self.chunk);
        if value.is_none() {
            self.keyed.emptied.push(slot);
        }
        self.after_call()
    }

    /// The last call for a key. Its slot stays, without a state.
    fn call_timeout(&mut self, slot: u32) -> Result<(), String> {
        self.keyed.current = slot;
        let Some((key, value)) = self.keyed.slots.entry_mut(slot).filter(|(_, value)| value.is_some()) else {
            return Ok(());
        };
        let mut state = State::new(key, value, self.time, &mut self.failure).timing_out();
        (self.operator.function)(None, &mut state, &mut self.chunk);
        *value = None;
        self.keyed.timers.forget(slot);
        self.after_call()
    }

    #[inline]
    fn after_call(&mut self) -> Result<(), String> {
        if self.chunk.len() >= CHUNK {
            self.next_chunk();
        }
        match self.failure.is_some() {
            true => Err(self.failure.take().unwrap_or_default()),
            false => Ok(()),
        }
    }

    #[cold]
    fn next_chunk(&mut self) {
        let next = self.rows.chunk();
        self.rows.full.push(std::mem::replace(&mut self.chunk, next));
    }

    /// Drops the keys that have been idle for too long, each after a last call.
    fn time_out(&mut self, horizon: Option<i64>) -> Result<(), String> {
        let Some(horizon) = horizon else {
            return Ok(());
        };
        while let Some(slot) = self.keyed.timers.next_before(horizon) {
            self.call_timeout(slot)?;
            self.keyed.slots.remove(slot);
        }
        Ok(())
    }
}

/// A computation that more than one node of the graph asks for.
pub(super) trait Stage: Send + Sync {
    fn compute(&self, run: &BatchRun) -> Result<(), Error>;
    fn input(&self) -> Input;
}

impl<T, G, W, S, F, R> Stage for WithState<T, G, W, S, F, R>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    fn compute(&self, run: &BatchRun) -> Result<(), Error> {
        self.compute(run)
    }

    fn input(&self) -> Input {
        self.input
    }
}

/// The rows that the function gave.
pub(super) struct RowsOf<O>(pub(super) Arc<O>);

impl<T, G, W, S, F, R> Node<R> for RowsOf<WithState<T, G, W, S, F, R>>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.0.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.0.compute(run)?;
        Ok(Some(vec![self.0.input; self.0.rows.len()].into()))
    }

    fn run(&self, _: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let mut rows = self.0.rows.lane(lane);
        for mut chunk in std::mem::take(&mut rows.full) {
            out(&mut chunk);
            rows.put_back(chunk);
        }
        Ok(())
    }
}

/// All keys and their states.
pub(super) struct Snapshots<K, S> {
    pub(super) stage: Arc<dyn Stage>,
    pub(super) lanes: Arc<Lanes<KeyedLane<K, S>>>,
}

impl<K: OwnedKey, S: Record> Node<(K, S)> for Snapshots<K, S> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.stage.input()]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.stage.compute(run)?;
        Ok(Some(vec![self.stage.input(); self.lanes.len()].into()))
    }

    fn run(&self, _: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<(K, S)>)) -> Result<(), Error> {
        let keyed = self.lanes.lane(lane);
        in_chunks(keyed.states().map(|(key, state)| (key.clone(), state.clone())), out);
        Ok(())
    }
}
