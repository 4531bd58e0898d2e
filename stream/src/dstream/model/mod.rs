//! Models that are learned from streams: one for a stream, or one for each key.
//!
//! A model is any [`Summary`](streamgauge_sketches::Summary), also one that cannot be merged; records enter it by a
//! [`Spec`](streamgauge_sketches::Spec), one after the other: batch by batch, in a batch by partition, in a partition as
//! they came. So it is the same for any number of threads, and a job that goes on from a checkpoint learns on as if it
//! had not stopped.
//!
//! | | learns | gives |
//! |---|---|---|
//! | [`train_on`](crate::DStream::train_on) | by a spec | a [`Model`], to predict with |
//! | [`train_and_score`](crate::DStream::train_and_score) | by a spec | what a function says of each record before it is learned |
//! | [`train_with`](crate::DStream::train_with) | by a function | what the function gives for each record |
//! | the same after [`key_by`](crate::DStream::key_by) | one model for each key | the same, or [`KeyedModels`] |
//! | `fit` after `window`, `tumbling`, `session` | anew for each window | the readings |
//!
//! When not to use it: what can be merged, and is not asked for predictions, is better summarized. That runs on all
//! threads, where a model of a stream is learned by one.

mod fit;
mod keyed;
mod predict;
mod predict_keyed;
mod trainer;

pub use keyed::KeyedModels;

use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::Arc;

use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Spec, Summary};

use self::trainer::{Held, Scores, Step, Trainer, Trains, TrainsOnly};
use super::{All, DStream, Grouped, PerBatch};
use crate::batch::exchange::Portable;
use crate::graph::Graph;
use crate::source::Record;

/// A model that a stream trains, by which records of any stream can be predicted.
///
/// Cheap to clone: a clone is the same model. While a batch runs, the model is as the batch before has left it; all that
/// is predicted in a batch is predicted by that, also for the records that are learned in it: what
/// [`predict_on`](Self::predict_on) says of the stream that trains the model is a fair test of it.
pub struct Model<S> {
    graph: Arc<Graph>,
    held: Arc<Held<S>>,
    trainer: Arc<dyn Trains>,
}

impl<S> Clone for Model<S> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), held: self.held.clone(), trainer: self.trainer.clone() }
    }
}

impl<S> Debug for Model<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model<{}>({})", std::any::type_name::<S>(), self.trainer.name())
    }
}

/// What a model says of the records that it learns: a stream, and the model behind it.
pub struct Trained<R, S> {
    rows: DStream<R>,
    model: Model<S>,
}

impl<R, S> Clone for Trained<R, S> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), model: self.model.clone() }
    }
}

impl<R, S> Debug for Trained<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trained({:?}, {:?})", self.rows, self.model)
    }
}

impl<R, S> Deref for Trained<R, S> {
    type Target = DStream<R>;

    fn deref(&self) -> &DStream<R> {
        &self.rows
    }
}

impl<R, S> Trained<R, S> {
    /// The model.
    pub fn model(&self) -> &Model<S> {
        &self.model
    }
}

impl<T: Portable> Grouped<T, All, PerBatch> {
    /// A model that learns the records of the stream: see [`DStream::train_on`].
    pub fn train_on<P: Spec<Item = T>>(self, spec: impl FnOnce(On<Identity<T>>) -> P) -> Model<P::State> {
        let graph = self.stream.graph.clone();
        let spec = spec(graph.on());
        let start = spec.start();
        let learn = move |model: &mut P::State, records: Vec<T>, _: &mut Vec<()>| spec.absorb_all(model, &records);
        let Trained { model, .. } = self.trained(start, learn);
        graph.add_output(Box::new(TrainsOnly(model.trainer.clone())));
        model
    }

    /// What a model says of each record before it learns it: see [`DStream::train_and_score`].
    pub fn train_and_score<P, R>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> P,
        score: impl Fn(&P::State, &T) -> R + Send + Sync + 'static,
    ) -> Trained<R, P::State>
    where
        P: Spec<Item = T>,
        R: Record,
    {
        let spec = spec(self.stream.graph.on());
        self.trained(spec.start(), move |model: &mut P::State, records: Vec<T>, rows: &mut Vec<R>| {
            rows.extend(records.iter().map(|record| {
                let row = score(model, record);
                spec.absorb(model, record);
                row
            }));
        })
    }

    /// What a function makes of each record and a model that it may change: see [`DStream::train_with`].
    pub fn train_with<S: Summary, R: Record>(
        self,
        model: S,
        step: impl Fn(&mut S, T) -> R + Send + Sync + 'static,
    ) -> Trained<R, S> {
        self.trained(model, move |model: &mut S, records: Vec<T>, rows: &mut Vec<R>| {
            rows.extend(records.into_iter().map(|record| step(model, record)));
        })
    }

    fn trained<S: Summary, R: Record>(self, model: S, step: impl Step<S, T, R>) -> Trained<R, S> {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name, "model");
        let held = Held::new(model);
        graph.add_state(&name, held.state());
        let parent = self.stream.read_by_one_more();
        let input = graph.derived_input(super::Node::inputs(&*parent));
        let id = graph.named_operator(&name, "model", [parent.operator()]);
        let trainer = Arc::new(Trainer::new((name, id), parent, input, held.clone(), step));
        let model = Model { graph: graph.clone(), held, trainer: trainer.clone() };
        Trained { rows: DStream::new(graph, id, Scores(trainer)), model }
    }
}

impl<T: Record> DStream<T> {
    /// Names the operator that is said next, to find its state again and in errors:
    /// `stream.named("spam").train_on(..)`.
    pub fn named(&self, name: impl Into<String>) -> Grouped<T, All, PerBatch> {
        Grouped { stream: self.clone(), grouping: All, cut: PerBatch, name: Some(name.into()) }
    }
}

impl<T: Portable> DStream<T> {
    /// A model that learns the records of the stream, for as long as the job runs. It is state of the job: stored with
    /// its checkpoints and restored from them, by its [name](Self::named).
    ///
    /// Learned at the end of the batch, when all of its outputs are done, by one thread: the records of the batch are
    /// held in memory until then. After the last, also when there was none, the model hears that
    /// [a batch is over](Summary::end_batch).
    ///
    /// ```
    /// use streamgauge_sketches::Summary as _;
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("prices").trigger(Trigger::Available).build();
    /// let (queue, prices) = Queue::new();
    /// let prices = ctx.source(prices.one_at_a_time());
    /// let usual = prices.train_on(|on| on.mean(|price: &f64| *price));
    /// let above = usual.predict_on(&prices, |usual, price| price - usual.read().value).collect_to_memory();
    /// queue.push(vec![10.0, 20.0]);
    /// queue.push(vec![18.0, 12.0]);
    /// ctx.run()?;
    /// assert_eq!(above.batches()[1].1, [3.0, -3.0]); // by the mean of the first batch
    /// assert_eq!(usual.read().value, 15.0);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn train_on<P: Spec<Item = T>>(&self, spec: impl FnOnce(On<Identity<T>>) -> P) -> Model<P::State> {
        self.per_batch().train_on(spec)
    }

    /// What a model says of each record before it learns it, and nothing else before the next one: a prequential
    /// evaluation, or the score of a detector. The rows stand in the order and in the partitions of the records.
    ///
    /// One thread learns; see [`train_on`](Self::train_on) for the state. Nothing is learned unless something reads the
    /// rows, or the [model](Trained::model) is asked for predictions.
    ///
    /// ```
    /// use streamgauge_sketches::Summary as _;
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("fares").trigger(Trigger::Available).build();
    /// let (queue, fares) = Queue::new();
    /// let scored = ctx.source(fares).train_and_score(
    ///     |on| on.mean(|fare: &f64| *fare),
    ///     |mean, fare| (*fare, *fare > 2.0 * mean.read().value),
    /// );
    /// let scored = scored.collect_to_memory();
    /// queue.push(vec![10.0, 12.0, 25.0, 26.0]);
    /// ctx.run()?;
    /// assert_eq!(scored.rows(), [(10.0, false), (12.0, false), (25.0, true), (26.0, false)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn train_and_score<P, R>(
        &self,
        spec: impl FnOnce(On<Identity<T>>) -> P,
        score: impl Fn(&P::State, &T) -> R + Send + Sync + 'static,
    ) -> Trained<R, P::State>
    where
        P: Spec<Item = T>,
        R: Record,
    {
        self.per_batch().train_and_score(spec, score)
    }

    /// What a function makes of each record and a model that it may change; otherwise as
    /// [`train_and_score`](Self::train_and_score). For learners that share work between predicting and learning.
    pub fn train_with<S: Summary, R: Record>(
        &self,
        model: S,
        step: impl Fn(&mut S, T) -> R + Send + Sync + 'static,
    ) -> Trained<R, S> {
        self.per_batch().train_with(model, step)
    }
}
