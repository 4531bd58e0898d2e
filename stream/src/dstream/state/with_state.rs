//! A function called for every record, with the state of its key.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Drain;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::OwnedKey;

use super::records::{Boxes, StateTime, is_much, scatter_records};
use crate::batch::{BatchRun, CHUNK, Input, Partitions, Settle, each_lane, each_partition};
use crate::dstream::{Grouping, Node, Shared, in_chunks};
use crate::error::Error;
use crate::event::{TIMES, Tolerance, Watermarks};
use crate::graph::OperatorId;
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
    pub(super) id: OperatorId,
    pub(super) parent: Arc<Shared<T>>,
    pub(super) inputs: Vec<Input>,
    pub(super) input: Input,
    pub(super) grouping: G,
    pub(super) time: W,
    pub(super) idle: Option<Idle>,
    pub(super) function: F,
    /// What is done at the end of a batch with the states of the keys that had a record in it.
    pub(super) end_batch: Option<fn(&mut S)>,
    /// What is computed in every batch before the states change.
    pub(super) before: Mutex<Vec<Arc<dyn Before>>>,
    pub(super) lanes: Arc<Lanes<KeyedLane<G::Key, S>>>,
    /// What lanes have yet to take in: they do when their rows are asked for, so that a row goes straight on.
    pub(super) waiting: Lanes<Option<Waiting<T>>>,
    pub(super) rows: Lanes<Rows<R>>,
    pub(super) boxes: Boxes<T>,
    /// The batch that was computed last: rows and snapshots both ask for it.
    pub(super) computed: Mutex<Option<Time>>,
    /// Whether somebody reads snapshots.
    pub(super) has_snapshots: AtomicBool,
}

/// What a lane has got of a batch.
pub(super) struct Waiting<T> {
    parts: Vec<Vec<T>>,
    at: At,
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

    /// Keeps the rows of a chunk, and empties it.
    fn keep(&mut self, chunk: &mut Vec<R>) {
        let next = self.chunk();
        self.full.push(std::mem::replace(chunk, next));
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
    /// Brings the state up to this batch, unless that was done; or gives the lanes what they need for it.
    fn compute(&self, run: &BatchRun) -> Result<(), Error> {
        let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        if *computed == Some(run.time) {
            return Ok(());
        }
        self.before.lock().unwrap_or_else(PoisonError::into_inner).iter().try_for_each(|it| it.compute(run))?;
        // Time passes, and keys time out, also when the parent has no batch.
        let partitions = self.parent.prepare(run)?.unwrap_or_default();
        let (by, lanes) = ((&self.grouping, &self.time), self.lanes.len());
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter_records(&self.parent, run, partition, by, lanes, &self.boxes)
        })?;
        let at = self.at(run, &partitions, local.iter().map(|local| local.newest));
        let gathered = run.gather(&self.name, lanes, local.into_iter().map(|local| local.lanes).collect())?;
        if run.lanes_may_wait(self.input) && !self.has_snapshots.load(Ordering::Relaxed) {
            for (lane, parts) in gathered.into_iter().enumerate() {
                *self.waiting.lane(lane) = Some(Waiting { parts, at });
            }
        } else {
            let much = is_much(&gathered) || self.idle.is_some();
            let holds = each_lane(run, &self.name, gathered, much, |lane, parts| {
                let mut rows = self.rows.lane(lane);
                rows.clear();
                let chunk = rows.chunk();
                let (holds, chunk) = self.advance(lane, Waiting { parts, at }, chunk, &mut |chunk| rows.keep(chunk))?;
                rows.put_back(chunk);
                Ok(holds)
            })?;
            if self.idle.is_some() && holds.contains(&true) {
                run.holds_back(self.input);
            }
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

    /// Works on a lane, and hands its rows over; gives whether it has keys left, and the chunk for the rows back.
    fn advance(
        &self,
        lane: usize,
        Waiting { parts, at }: Waiting<T>,
        chunk: Vec<R>,
        out: &mut dyn FnMut(&mut Vec<R>),
    ) -> Result<(bool, Vec<R>), Error> {
        self.begin(lane, at);
        let mut calls = Calls { operator: self, time: at.time, chunk, failure: None, touched: Vec::new() };
        let place = (&*self.name, lane, at.time);
        self.lanes.lane(lane).slots.warm(parts.iter().map(Vec::len).sum());
        // Rows are handed over between the guarded calls, and with the lane unlocked: what is done with them is other
        // people's code.
        for part in parts {
            self.boxes.empty(part, |mut records| {
                while !records.as_slice().is_empty() {
                    self.lanes.lane(lane).guarded(place, |keyed| calls.take_in(keyed, &mut records))?;
                    calls.hand_over(out);
                }
                Ok::<(), Error>(())
            })?;
        }
        if let Some(end_batch) = self.end_batch {
            self.lanes.lane(lane).guarded(place, |keyed| calls.end_batch(keyed, end_batch))?;
        }
        self.lanes.lane(lane).free_emptied();
        let (horizon, mut more) = (at.horizon.unwrap_or(i64::MIN), at.horizon.is_some());
        while more {
            let time_out = |keyed: &mut _| calls.time_out(keyed, horizon).map(|are_more| more = are_more);
            self.lanes.lane(lane).guarded(place, time_out)?;
            calls.hand_over(out);
        }
        Ok((!self.lanes.lane(lane).slots.is_empty(), calls.chunk))
    }

    /// Touches the keys of the initial state, once it is known at which time.
    fn begin(&self, lane: usize, at: At) {
        let keyed = &mut *self.lanes.lane(lane);
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
    }
}

/// The calls of the function on a lane.
struct Calls<'a, O, R> {
    operator: &'a O,
    time: Time,
    /// The rows that were not handed over yet.
    chunk: Vec<R>,
    failure: Option<String>,
    /// The slots of all records, if their states are to know of the end of the batch.
    touched: Vec<u32>,
}

impl<T, G, W, S, F, R> Calls<'_, WithState<T, G, W, S, F, R>, R>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    fn hand_over(&mut self, out: &mut dyn FnMut(&mut Vec<R>)) {
        if !self.chunk.is_empty() {
            out(&mut self.chunk);
            self.chunk.clear();
        }
    }

    /// Takes records in until there is a chunk of rows.
    fn take_in(&mut self, keyed: &mut KeyedLane<G::Key, S>, records: &mut Drain<'_, T>) -> Result<(), String> {
        let mut slots = [u32::MAX; TOGETHER];
        while !records.as_slice().is_empty() && self.chunk.len() < CHUNK {
            // Looked up together: the look-ups wait for memory side by side, and not one after another with the calls
            // in between. No slot is freed before the end of the batch.
            let all = records.as_slice();
            let together = &all[..all.len().min(TOGETHER)];
            let found = together.len();
            keyed.slots.slots_of(&self.operator.grouping, together, &mut slots, |_| None);
            keyed.slots.touch(&slots[..found]);
            if self.operator.end_batch.is_some() {
                self.touched.extend_from_slice(&slots[..found]);
            }
            for (slot, record) in slots[..found].iter().zip(records.by_ref()) {
                if let Some(idle) = &self.operator.idle {
                    self.touch(keyed, *slot, &record, idle)?;
                }
                self.call(keyed, *slot, Some(record))?;
            }
        }
        Ok(())
    }

    /// Takes note that a key has a record. If by the time of that record alone the key has been idle for too long, it
    /// times out first: a long batch does not join what a short one would separate.
    fn touch(&mut self, keyed: &mut KeyedLane<G::Key, S>, slot: u32, record: &T, idle: &Idle) -> Result<(), String> {
        let Some(time) = self.operator.time.event_time(record) else {
            keyed.timers.touch(slot, self.time.millis());
            return Ok(());
        };
        let longest = idle.timeout.saturating_add(idle.tolerance.map_or(0, |tolerance| tolerance.delay()));
        if keyed.timers.last(slot).is_some_and(|last| last.saturating_add(longest) < time) {
            self.call_timeout(keyed, slot)?;
        }
        keyed.timers.touch(slot, time);
        Ok(())
    }

    #[inline]
    fn call(&mut self, keyed: &mut KeyedLane<G::Key, S>, slot: u32, record: Option<T>) -> Result<(), String> {
        keyed.current = slot;
        let Some((key, value)) = keyed.slots.entry_mut(slot) else {
            return Ok(());
        };
        let mut state = State::new(key, value, self.time, &mut self.failure);
        (self.operator.function)(record, &mut state, &mut self.chunk);
        if value.is_none() {
            keyed.emptied.push(slot);
        }
        self.after_call()
    }

    /// The last call for a key. Its slot stays, without a state.
    fn call_timeout(&mut self, keyed: &mut KeyedLane<G::Key, S>, slot: u32) -> Result<(), String> {
        keyed.current = slot;
        let Some((key, value)) = keyed.slots.entry_mut(slot).filter(|(_, value)| value.is_some()) else {
            return Ok(());
        };
        let mut state = State::new(key, value, self.time, &mut self.failure).timing_out();
        (self.operator.function)(None, &mut state, &mut self.chunk);
        *value = None;
        keyed.timers.forget(slot);
        self.after_call()
    }

    #[inline]
    fn after_call(&mut self) -> Result<(), String> {
        match self.failure.is_some() {
            true => Err(self.failure.take().unwrap_or_default()),
            false => Ok(()),
        }
    }

    /// Tells the states of the keys that had a record that the batch is over, each once.
    fn end_batch(&mut self, keyed: &mut KeyedLane<G::Key, S>, end_batch: fn(&mut S)) -> Result<(), String> {
        self.touched.sort_unstable();
        self.touched.dedup();
        for slot in std::mem::take(&mut self.touched) {
            keyed.current = slot;
            if let Some((_, Some(state))) = keyed.slots.entry_mut(slot) {
                end_batch(state);
            }
        }
        Ok(())
    }

    /// Drops keys that have been idle for too long, each after a last call, until there is a chunk of rows. Gives
    /// whether there may be more.
    fn time_out(&mut self, keyed: &mut KeyedLane<G::Key, S>, horizon: i64) -> Result<bool, String> {
        while self.chunk.len() < CHUNK {
            let Some(slot) = keyed.timers.next_before(horizon) else {
                return Ok(false);
            };
            self.call_timeout(keyed, slot)?;
            keyed.slots.remove(slot);
        }
        Ok(true)
    }
}

/// A computation that more than one node of the graph asks for.
pub(super) trait Stage: Send + Sync {
    /// Takes note that snapshots are read: states are then brought up to a batch before its rows are asked for.
    fn read_snapshots(&self);
    fn compute(&self, run: &BatchRun) -> Result<(), Error>;
    fn input(&self) -> Input;
    fn name(&self) -> &str;
    fn id(&self) -> OperatorId;
    /// Has something computed in every batch before the states change.
    fn compute_before(&self, what: Arc<dyn Before>);
}

/// What looks at the states that a batch finds.
pub(in crate::dstream) trait Before: Send + Sync {
    /// Does so, unless that was done in this batch. Nothing that it reads may come of the states.
    fn compute(&self, run: &BatchRun) -> Result<(), Error>;
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
    fn read_snapshots(&self) {
        self.has_snapshots.store(true, Ordering::Relaxed);
    }

    fn compute(&self, run: &BatchRun) -> Result<(), Error> {
        // Whoever asks first.
        run.work(Some(self.id), || self.compute(run))
    }

    fn input(&self) -> Input {
        self.input
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> OperatorId {
        self.id
    }

    fn compute_before(&self, what: Arc<dyn Before>) {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

impl<T, G, W, S, F, R> Node<R> for WithState<T, G, W, S, F, R>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.compute(run)?;
        Ok(Some(vec![self.input; self.rows.len()].into()))
    }

    fn run(&self, _: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let mut rows = self.rows.lane(lane);
        if let Some(waiting) = self.waiting.lane(lane).take() {
            let chunk = rows.chunk();
            let (_, chunk) = self.advance(lane, waiting, chunk, out)?;
            rows.put_back(chunk);
        }
        for mut chunk in std::mem::take(&mut rows.full) {
            out(&mut chunk);
            rows.put_back(chunk);
        }
        Ok(())
    }
}

impl<T, G, W, S, F, R> Settle for WithState<T, G, W, S, F, R>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Send,
    F: Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync,
    R: Record,
{
    fn settle(&self, run: &BatchRun) -> Result<(), Error> {
        let waiting: Vec<_> = (0..self.waiting.len()).map(|lane| self.waiting.lane(lane).take()).collect();
        let much = waiting.iter().any(Option::is_some);
        each_lane(run, &self.name, waiting, much, |lane, waiting| {
            waiting.map_or(Ok(()), |waiting| self.advance(lane, waiting, Vec::new(), &mut |_| ()).map(drop))
        })?;
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
