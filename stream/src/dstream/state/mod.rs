//! State by key: kept from batch to batch, changed by a user's functions or by summaries.

mod records;
mod running;
mod update;
mod with_state;

pub use records::StateTime;
pub(super) use records::{Boxes, is_much, scatter_records};
pub use running::{Forever, HalfLife, Running};
pub use update::NewRecords;
pub(super) use with_state::Before;

use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::{Key, OwnedKey};

use self::with_state::{Idle, Rows, Snapshots, Stage, WithState};
use super::{By, DStream, Grouped, Grouping, Settled, Shared};
use crate::batch::Input;
use crate::event::{Tolerance, Watermarks};
use crate::graph::{Graph, OperatorId, StateSize, Stateful};
use crate::source::Record;
use crate::state::{KeyedLane, Lanes, State};
use crate::time::millis_of;

/// Keys stay until their state is removed.
#[derive(Clone, Copy, Debug)]
pub struct NoTimeout;

/// Keys without a record for longer than this are dropped.
#[derive(Clone, Copy, Debug)]
pub struct IdleTimeout(Duration);

/// When keys are dropped: [`NoTimeout`] or [`IdleTimeout`].
pub trait Timeout: Debug + Send + Sync + 'static {
    #[doc(hidden)]
    fn after(&self) -> Option<Duration>;
}

impl Timeout for NoTimeout {
    fn after(&self) -> Option<Duration> {
        None
    }
}

impl Timeout for IdleTimeout {
    fn after(&self) -> Option<Duration> {
        Some(self.0)
    }
}

/// What is known of states that are models.
pub(super) struct Learned<S> {
    /// What they are, in words.
    pub(super) kind: String,
    pub(super) heap_bytes: fn(&S) -> usize,
    /// Called for the keys that have had a record in a batch, at its end.
    pub(super) end_batch: fn(&mut S),
}

/// A stream grouped by a key, with a state `S` for each key: see [`Grouped::state`].
pub struct KeyedState<T, G: Grouping<T>, W, S, I> {
    pub(super) grouped: Grouped<T, G, W>,
    initial: Vec<(G::Key, S)>,
    pub(super) idle: I,
}

impl<T, G: Grouping<T>, W, S, I: Debug> Debug for KeyedState<T, G, W, S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedState({:?}, {} initial, {:?})", self.grouped, self.initial.len(), self.idle)
    }
}

/// The rows of [`map_with_state`](Grouped::map_with_state) or [`flat_map_with_state`](Grouped::flat_map_with_state): a
/// stream, and the states behind it.
pub struct StateStream<R, K, S> {
    rows: DStream<R>,
    stage: Arc<dyn Stage>,
    lanes: Arc<Lanes<KeyedLane<K, S>>>,
}

impl<R, K, S> Clone for StateStream<R, K, S> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), stage: self.stage.clone(), lanes: self.lanes.clone() }
    }
}

impl<R, K, S> Debug for StateStream<R, K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateStream({:?})", self.rows)
    }
}

impl<R, K, S> Deref for StateStream<R, K, S> {
    type Target = DStream<R>;

    fn deref(&self) -> &DStream<R> {
        &self.rows
    }
}

impl<R, K, S> StateStream<R, K, S> {
    /// The name of the operator.
    pub(super) fn name(&self) -> &str {
        self.stage.name()
    }

    pub(super) fn id(&self) -> OperatorId {
        self.stage.id()
    }

    pub(super) fn input(&self) -> Input {
        self.stage.input()
    }

    pub(super) fn lanes(&self) -> Arc<Lanes<KeyedLane<K, S>>> {
        self.lanes.clone()
    }

    /// Has something computed in every batch before the states change.
    pub(super) fn compute_before(&self, what: Arc<dyn Before>) {
        self.stage.compute_before(what);
    }
}

impl<R, K: OwnedKey, S: Send + 'static> StateStream<R, K, S> {
    /// All keys and their states after the batch, every batch: by lane of the key, within a lane by slot. Reads and
    /// clones every state: its cost is that of the number of keys.
    pub fn state_snapshots(&self) -> DStream<(K, S)>
    where
        S: Record,
    {
        self.stage.read_snapshots();
        let graph = &self.rows.graph;
        let operator = graph.operator("snapshots", [self.rows.operator()]);
        DStream::new(graph.clone(), operator, Snapshots { stage: self.stage.clone(), lanes: self.lanes.clone() })
    }

    /// A copy of the state of a key, if it has one. Waits for a batch that runs.
    pub fn get<Q: Key<Owned = K> + ?Sized>(&self, key: &Q) -> Option<S>
    where
        S: Clone,
    {
        use crate::batch::exchange::{key_hash, lane_of};
        let lane = self.lanes.lane(lane_of(key_hash(key), self.lanes.len()));
        lane.slots.find(key).and_then(|slot| lane.slots.get(slot)?.1.clone())
    }

    /// How many keys have a state. Waits for a batch that runs.
    pub fn keys(&self) -> usize {
        self.lanes.iter().map(|lane| lane.slots.len()).sum()
    }

    /// The bytes that keys, states, their index and timers take up, without what keys and states hold on the heap.
    /// Waits for a batch that runs.
    pub fn state_bytes(&self) -> usize {
        self.lanes.iter().map(|lane| lane.memory_bytes()).sum()
    }
}

/// The lanes of keyed state with the initial state in them, known to the graph by the name of their operator.
///
/// `kind` says what the states are, with their type in words; `heap_bytes` what one holds on the heap, if that counts.
fn keyed_lanes<K, S>(
    graph: &Graph,
    name: &str,
    kind: &str,
    initial: Vec<(K, S)>,
    heap_bytes: Option<fn(&S) -> usize>,
) -> Arc<Lanes<KeyedLane<K, S>>>
where
    K: OwnedKey,
    S: Serialize + DeserializeOwned + Send + 'static,
{
    use crate::batch::exchange::{key_hash, lane_of};
    let lanes = Lanes::new(graph.lanes(), KeyedLane::default);
    for (key, state) in initial {
        let mut lane = lanes.lane(lane_of(key_hash(&key), lanes.len()));
        let slot = lane.slot(&key);
        if lane.slots.value_mut(slot).and_then(|held| held.replace(state)).is_some() {
            graph.problem(format!("{name}: the initial state has the key {key:?} twice; give each key one state"));
        }
    }
    let lanes = Arc::new(lanes);
    let schema = format!("{kind} by {}", std::any::type_name::<K>());
    let (state, measured) = (Stateful::by_lane(schema, &lanes), lanes.clone());
    let size = move |lane: MutexGuard<'_, KeyedLane<K, S>>| {
        let heap = heap_bytes.map_or(0, |bytes| lane.states().map(|(_, state)| bytes(state)).sum());
        let StateSize { keys, bytes } = lane.size();
        StateSize { keys, bytes: bytes + heap as u64 }
    };
    graph.add_state(name, state.sized(move || measured.iter().map(size).sum()));
    lanes
}

/// Notes a length that is not whole milliseconds, or zero.
fn check_length(graph: &Graph, name: &str, what: &str, length: Duration) {
    if length.is_zero() || !length.subsec_nanos().is_multiple_of(1_000_000) {
        graph.problem(format!("{name}: the {what} is {length:?}; it must be whole milliseconds and not zero"));
    }
}

impl<T: Record, Q, F, W> Grouped<T, By<Q, F>, W>
where
    Q: Key + ?Sized + 'static,
    F: Fn(&T) -> &Q + Send + Sync + 'static,
    W: StateTime<T>,
{
    /// A state of type `S` for each key, kept from batch to batch: what is done with it is said next, by
    /// [`map_with_state`](KeyedState::map_with_state), [`flat_map_with_state`](KeyedState::flat_map_with_state) or
    /// [`update_state_by_key`](KeyedState::update_state_by_key).
    ///
    /// Records travel to the lane of their key, and states are stored: both are serde types.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger, mins};
    ///
    /// let ctx = StreamingContext::builder("visits").trigger(Trigger::Available).build();
    /// let (queue, visits) = Queue::new();
    /// let pages_of_visit = ctx
    ///     .source(visits)
    ///     .event_time(|(at, _): &(i64, u32)| *at, mins(1))
    ///     .key_by(|(_, user)| user)
    ///     .state::<u64>()
    ///     .idle_timeout(mins(30))
    ///     .flat_map_with_state(|visit, pages| {
    ///         if visit.is_none() {
    ///             return pages.get().map(|pages_seen| (*pages.key(), *pages_seen));
    ///         }
    ///         *pages.or_default() += 1;
    ///         None
    ///     })
    ///     .collect_to_memory();
    /// let minute = 60_000;
    /// queue.push(vec![(0, 7), (minute, 7), (70 * minute, 7)]);
    /// queue.close();
    /// ctx.run()?;
    /// assert_eq!(pages_of_visit.rows(), [(7, 2), (7, 1)]); // the second visit ends with the input
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn state<S>(self) -> KeyedState<T, By<Q, F>, W, S, NoTimeout> {
        KeyedState { grouped: self, initial: Vec::new(), idle: NoTimeout }
    }

    /// Each record made into a row by a function that may look at, set and remove the state of its key.
    ///
    /// Called once for every record: the records of a key in the order of the partitions, and in them of their
    /// arrival. Rows come by lane of the key, and within a lane in the order of the calls. A panic in the function, and
    /// whatever it must not do with its [`State`], ends the job with an [`Error::Operator`](crate::Error::Operator) that
    /// names the operator and the key. With [`state`](Self::state) there can be an initial state and a timeout.
    ///
    /// A look-up of the key per record; the state is changed where it stands. See [`StateStream::state_bytes`] for the
    /// memory.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, State, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("readings").trigger(Trigger::Available).build();
    /// let (queue, readings) = Queue::new();
    /// let risen = ctx
    ///     .source(readings)
    ///     .key_by(|(sensor, _): &(u32, i64)| sensor)
    ///     .map_with_state(|(sensor, celsius), last: &mut State<'_, u32, i64>| {
    ///         let before = std::mem::replace(last.get_or_insert_with(|| celsius), celsius);
    ///         (sensor, celsius - before)
    ///     })
    ///     .collect_to_memory();
    /// queue.push(vec![(1, 20), (1, 23), (1, 19)]);
    /// ctx.run()?;
    /// assert_eq!(risen.rows(), [(1, 0), (1, 3), (1, -4)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn map_with_state<S, R>(
        self,
        f: impl Fn(T, &mut State<'_, Q::Owned, S>) -> R + Send + Sync + 'static,
    ) -> StateStream<R, Q::Owned, S>
    where
        T: Serialize + DeserializeOwned,
        S: Serialize + DeserializeOwned + Send + 'static,
        R: Record,
    {
        self.state().map_with_state(f)
    }

    /// Each record made into none, one or several rows by a function that may look at, set and remove the state of its
    /// key; otherwise as [`map_with_state`](Self::map_with_state).
    pub fn flat_map_with_state<S, R: Record, O: IntoIterator<Item = R>>(
        self,
        f: impl Fn(T, &mut State<'_, Q::Owned, S>) -> O + Send + Sync + 'static,
    ) -> StateStream<R, Q::Owned, S>
    where
        T: Serialize + DeserializeOwned,
        S: Serialize + DeserializeOwned + Send + 'static,
    {
        self.state().flat_map_with_state(f)
    }

    /// The state of every key, made new in every batch by a function of the key's new records and its state so far:
    /// see [`KeyedState::update_state_by_key`].
    pub fn update_state_by_key<S>(
        self,
        f: impl Fn(NewRecords<'_, Q::Owned, T>, Option<S>) -> Option<S> + Send + Sync + 'static,
    ) -> DStream<(Q::Owned, S)>
    where
        T: Serialize + DeserializeOwned,
        S: Record + Serialize + DeserializeOwned,
    {
        self.state().update_state_by_key(f)
    }
}

impl<T, G: Grouping<T>, W, S, I> KeyedState<T, G, W, S, I> {
    /// States to begin with; they count as touched in the first batch. A job that is restored takes the restored ones
    /// instead.
    pub fn initial(mut self, states: impl IntoIterator<Item = (G::Key, S)>) -> Self {
        self.initial.extend(states);
        self
    }
}

impl<T, G: Grouping<T>, W, S> KeyedState<T, G, W, S, NoTimeout> {
    /// Drops keys that have had no record for longer than this, each after a last call without a record.
    ///
    /// By batch time a key is idle when its last record came before the batch's time less the timeout. Of a stream with
    /// an [`event_time`](DStream::event_time) the event time counts: a key is idle when its newest record happened
    /// before the watermark less the timeout; also when a record of it happened later than that one by more than the
    /// timeout and the delay together, and it then begins anew with that record. When all inputs have ended, all keys
    /// time out.
    ///
    /// All records of a batch come before its timeouts; these come by lane, the longest idle first. They are looked for
    /// in every batch, and cost only for keys whose turn has come.
    pub fn idle_timeout(self, timeout: Duration) -> KeyedState<T, G, W, S, IdleTimeout> {
        KeyedState { grouped: self.grouped, initial: self.initial, idle: IdleTimeout(timeout) }
    }
}

impl<T, G, W, S, I> KeyedState<T, G, W, S, I>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Serialize + DeserializeOwned + Send + 'static,
{
    /// The operator that calls a function with every record, or with none of a key that times out.
    pub(super) fn with_state<R: Record>(
        self,
        timeout: Option<Duration>,
        learned: Option<Learned<S>>,
        function: impl Fn(Option<T>, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        let Grouped { stream, grouping, cut: time, name } = self.grouped;
        let graph = stream.graph.clone();
        let kind = if learned.is_some() { "models" } else { "state" };
        let name = graph.name(name, kind);
        let parent: Arc<Shared<T>> = stream.read_by_one_more();
        let inputs = super::Node::inputs(&*parent);
        let (end_batch, heap_bytes) = learned.as_ref().map(|it| (it.end_batch, it.heap_bytes)).unzip();
        let what = learned.map_or_else(|| format!("state of {}", std::any::type_name::<S>()), |it| it.kind);
        let lanes = keyed_lanes(&graph, &name, &what, self.initial, heap_bytes);
        let idle = timeout.map(|timeout| {
            check_length(&graph, &name, "idle timeout", timeout);
            let tolerance = time.delay().map(|delay| Tolerance::new(delay, Duration::ZERO, time.idle()));
            let watermarks = Arc::new(Mutex::new(Watermarks::default()));
            if tolerance.is_some() {
                graph.add_state(&format!("{name}: watermark"), Stateful::of("watermark".to_owned(), &watermarks));
            }
            Idle { timeout: millis_of(timeout), tolerance, watermarks }
        });
        let id = graph.named_operator(&name, kind, [parent.operator()]);
        let operator = Arc::new(WithState {
            id,
            input: graph.derived_input(inputs.clone()),
            name,
            parent,
            inputs,
            grouping,
            time,
            idle,
            function,
            end_batch,
            before: Mutex::default(),
            waiting: Lanes::new(lanes.len(), || None),
            rows: Lanes::new(lanes.len(), Rows::new),
            lanes: lanes.clone(),
            boxes: Boxes::new(),
            computed: Mutex::new(None),
            has_snapshots: AtomicBool::new(false),
        });
        StateStream { rows: DStream::new(graph, id, Settled(operator.clone())), stage: operator, lanes }
    }
}

impl<T, G, W, S> KeyedState<T, G, W, S, NoTimeout>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Serialize + DeserializeOwned + Send + 'static,
{
    /// Each record made into a row, as [`Grouped::map_with_state`] says.
    pub fn map_with_state<R: Record>(
        self,
        f: impl Fn(T, &mut State<'_, G::Key, S>) -> R + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        self.with_state(None, None, move |record, state, rows| {
            if let Some(record) = record {
                rows.push(f(record, state));
            }
        })
    }

    /// Each record made into none, one or several rows, as [`Grouped::flat_map_with_state`] says.
    pub fn flat_map_with_state<R: Record, O: IntoIterator<Item = R>>(
        self,
        f: impl Fn(T, &mut State<'_, G::Key, S>) -> O + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        self.with_state(None, None, move |record, state, rows| {
            if let Some(record) = record {
                rows.extend(f(record, state));
            }
        })
    }
}

impl<T, G, W, S> KeyedState<T, G, W, S, IdleTimeout>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Serialize + DeserializeOwned + Send + 'static,
{
    /// Each record made into a row, as [`Grouped::map_with_state`] says, and each key that times out: the function is
    /// called without a record then, and [`State::is_timing_out`].
    pub fn map_with_state<R: Record>(
        self,
        f: impl Fn(Option<T>, &mut State<'_, G::Key, S>) -> R + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        let timeout = self.idle.0;
        self.with_state(Some(timeout), None, move |record, state, rows| rows.push(f(record, state)))
    }

    /// Each record made into none, one or several rows, and each key that times out: the function is called without a
    /// record then, and [`State::is_timing_out`].
    pub fn flat_map_with_state<R: Record, O: IntoIterator<Item = R>>(
        self,
        f: impl Fn(Option<T>, &mut State<'_, G::Key, S>) -> O + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        let timeout = self.idle.0;
        self.with_state(Some(timeout), None, move |record, state, rows| rows.extend(f(record, state)))
    }
}

impl<K, V> DStream<(K, V)>
where
    K: OwnedKey,
    V: Record + Serialize + DeserializeOwned,
{
    /// Each value made into a row by a function that may look at, set and remove the state of its key:
    /// `key_by(|(key, _)| key)` and [`Grouped::map_with_state`] in one.
    pub fn map_with_state<S, R>(
        &self,
        f: impl Fn(V, &mut State<'_, K, S>) -> R + Send + Sync + 'static,
    ) -> StateStream<R, K, S>
    where
        S: Serialize + DeserializeOwned + Send + 'static,
        R: Record,
    {
        self.key_by(|(key, _): &(K, V)| key).map_with_state(move |(_, value), state| f(value, state))
    }
}
