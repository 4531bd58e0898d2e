//! One model for each key.

use std::fmt::{self, Debug};

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Key, OwnedKey, Spec, Summary};

use crate::batch::BatchRun;
use crate::dstream::state::{Learned, Timeout};
use crate::dstream::{By, DStream, Grouped, Grouping, KeyedState, StateStream, StateTime};
use crate::error::Error;
use crate::graph::{OperatorId, Output, Place, Rest};
use crate::source::Record;
use crate::state::State;

/// The models of the keys of a stream, by which records of any stream can be predicted.
pub struct KeyedModels<K, S> {
    pub(super) states: StateStream<(), K, S>,
}

impl<K, S> Clone for KeyedModels<K, S> {
    fn clone(&self) -> Self {
        Self { states: self.states.clone() }
    }
}

impl<K, S> Debug for KeyedModels<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedModels<{}>({:?})", std::any::type_name::<S>(), self.states)
    }
}

impl<K: OwnedKey, S: Summary> KeyedModels<K, S> {
    /// A copy of the model of a key, if there is one.
    pub fn get<Q: Key<Owned = K> + ?Sized>(&self, key: &Q) -> Option<S> {
        self.states.get(key)
    }

    /// All keys and their models after the batch, every batch, as [`StateStream::state_snapshots`] says.
    pub fn snapshots(&self) -> DStream<(K, S)> {
        self.states.state_snapshots()
    }

    /// How many keys have a model.
    pub fn keys(&self) -> usize {
        self.states.keys()
    }
}

/// An output that is there for the models alone.
struct TrainsOnly {
    name: String,
    id: OperatorId,
    prepare: Box<dyn Fn(&BatchRun) -> Result<(), Error> + Send + Sync>,
}

impl Output for TrainsOnly {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Is(self.id)
    }

    fn description(&self) -> String {
        format!("{}: models are trained", self.name)
    }

    fn prepare<'a>(&'a self, run: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        (self.prepare)(run)?;
        Ok(None)
    }
}

impl<T, G, W, S, I> KeyedState<T, G, W, S, I>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Summary,
    I: Timeout,
{
    /// A model for each key, as [`Grouped::train_on`] says.
    pub fn train_on<P>(self, spec: impl FnOnce(On<Identity<T>>) -> P) -> KeyedModels<G::Key, S>
    where
        P: Spec<Item = T, State = S>,
    {
        let graph = self.grouped.stream.graph.clone();
        let spec = spec(graph.on());
        let states = self.learned(move |record: T, model: &mut State<'_, G::Key, S>, _: &mut Vec<()>| {
            spec.absorb(model.get_or_insert_with(|| spec.start()), &record);
        });
        let rows = states.read_by_one_more();
        let prepare = move |run: &BatchRun| crate::dstream::Node::prepare(&*rows, run).map(drop);
        let (name, id) = (states.name().to_owned(), states.id());
        graph.add_output(Box::new(TrainsOnly { name, id, prepare: Box::new(prepare) }));
        KeyedModels { states }
    }

    /// What the model of its key says of each record before it learns it, as [`Grouped::train_and_score`] says.
    pub fn train_and_score<P, R>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> P,
        score: impl Fn(&S, &T) -> R + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S>
    where
        P: Spec<Item = T, State = S>,
        R: Record,
    {
        let spec = spec(self.grouped.stream.graph.on());
        self.learned(move |record: T, model: &mut State<'_, G::Key, S>, rows: &mut Vec<R>| {
            let model = model.get_or_insert_with(|| spec.start());
            rows.push(score(model, &record));
            spec.absorb(model, &record);
        })
    }

    /// What a function makes of each record and the model of its key, as [`Grouped::train_with`] says.
    pub fn train_with<R: Record>(
        self,
        model: S,
        step: impl Fn(&mut S, T) -> R + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        self.learned(move |record: T, held: &mut State<'_, G::Key, S>, rows: &mut Vec<R>| {
            rows.push(step(held.get_or_insert_with(|| model.clone()), record));
        })
    }

    fn learned<R: Record>(
        self,
        learn: impl Fn(T, &mut State<'_, G::Key, S>, &mut Vec<R>) + Send + Sync + 'static,
    ) -> StateStream<R, G::Key, S> {
        let timeout = self.idle.after();
        let learned = Learned {
            kind: format!("model of {}", S::schema()),
            heap_bytes: |model: &S| model.memory_bytes().saturating_sub(size_of::<S>()),
            end_batch: S::end_batch,
        };
        self.with_state(timeout, Some(learned), move |record, model, rows| {
            // None: the key is idle, and its model goes.
            if let Some(record) = record {
                learn(record, model, rows);
            }
        })
    }
}

impl<T, Q, F, W> Grouped<T, By<Q, F>, W>
where
    T: Record + Serialize + DeserializeOwned,
    Q: Key + ?Sized + 'static,
    F: Fn(&T) -> &Q + Send + Sync + 'static,
    W: StateTime<T>,
{
    /// A model for each key, that learns the records of the key for as long as the job runs, or until the key has been
    /// [idle](KeyedState::idle_timeout) for too long: `state().idle_timeout(mins(30)).train_on(..)`. There can be
    /// [models to begin with](KeyedState::initial).
    ///
    /// The models are state of the job by the [name](Self::named) of the operator. Lanes learn in parallel; the records
    /// of a key come as [`map_with_state`](Self::map_with_state) says.
    ///
    /// Of a model that counts its time in batches, only those count in which its key has a record: a model of a key
    /// that nothing comes for stays as it is, and costs nothing.
    pub fn train_on<P: Spec<Item = T>>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> P,
    ) -> KeyedModels<Q::Owned, P::State> {
        self.state().train_on(spec)
    }

    /// What the model of its key says of each record before it learns it; the models are those of
    /// [`train_on`](Self::train_on). Rows come by lane of the key, and within a lane in the order of the records.
    ///
    /// ```
    /// use streamgauge_sketches::Summary as _;
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("meters").trigger(Trigger::Available).build();
    /// let (queue, readings) = Queue::new();
    /// let unusual = ctx
    ///     .source(readings)
    ///     .key_by(|(meter, _): &(u32, f64)| meter)
    ///     .train_and_score(
    ///         |on| on.mean(|(_, watts)| *watts),
    ///         |usual, (meter, watts)| (*meter, *watts > 2.0 * usual.read().value),
    ///     )
    ///     .filter(|(_, is_unusual)| *is_unusual)
    ///     .collect_to_memory();
    /// queue.push(vec![(1, 50.0), (2, 900.0), (1, 54.0), (2, 910.0), (1, 920.0), (2, 890.0)]);
    /// ctx.run()?;
    /// assert_eq!(unusual.rows(), [(1, true)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn train_and_score<P, R>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> P,
        score: impl Fn(&P::State, &T) -> R + Send + Sync + 'static,
    ) -> StateStream<R, Q::Owned, P::State>
    where
        P: Spec<Item = T>,
        R: Record,
    {
        self.state().train_and_score(spec, score)
    }

    /// What a function makes of each record and the model of its key, which begins as a copy of `model` and which the
    /// function may change; otherwise as [`train_and_score`](Self::train_and_score). For learners that share work between
    /// predicting and learning.
    pub fn train_with<S: Summary, R: Record>(
        self,
        model: S,
        step: impl Fn(&mut S, T) -> R + Send + Sync + 'static,
    ) -> StateStream<R, Q::Owned, S> {
        self.state().train_with(model, step)
    }
}
