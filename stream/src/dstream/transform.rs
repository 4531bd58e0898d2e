//! Functions of whole batches.

use std::sync::{Arc, Mutex, PoisonError};

use super::{DStream, Node, Shared};
use crate::batch::{Batch, BatchRun, Env, EnvOf, Input, Partitions, Plan, guarded};
use crate::context::StreamingContext;
use crate::error::Error;
use crate::graph::{Graph, OperatorId};
use crate::source::Record;
use crate::time::Time;

/// What a function given to `transform` returns: a batch, or a result of one.
pub trait Transformed {
    /// The rows of the batch.
    type Row: Record;

    /// The batch.
    ///
    /// # Errors
    /// That of the function; it fails the batch and ends the job.
    fn transformed(self) -> Result<Batch<Self::Row>, Error>;
}

impl<T: Record> Transformed for Batch<T> {
    type Row = T;

    fn transformed(self) -> Result<Batch<T>, Error> {
        Ok(self)
    }
}

impl<T: Record> Transformed for Result<Batch<T>, Error> {
    type Row = T;

    fn transformed(self) -> Result<Batch<T>, Error> {
        self
    }
}

/// The parents of a transformation, as batches.
trait Parents: Send + Sync {
    type Batches;

    fn inputs(&self) -> Vec<Input>;
    fn operators(&self) -> Vec<Option<OperatorId>>;

    /// `None` if one of them has no batch at this time.
    fn batches(&self, env: &Arc<Env>, run: &BatchRun) -> Result<Option<Self::Batches>, Error>;
}

impl<T: Record> Parents for Arc<Shared<T>> {
    type Batches = Batch<T>;

    fn inputs(&self) -> Vec<Input> {
        Node::inputs(&**self)
    }

    fn operators(&self) -> Vec<Option<OperatorId>> {
        vec![self.operator()]
    }

    fn batches(&self, env: &Arc<Env>, run: &BatchRun) -> Result<Option<Batch<T>>, Error> {
        let partitions = self.prepare(run)?;
        Ok(partitions.map(|partitions| Batch::of_stream(env.clone(), self.clone(), partitions)))
    }
}

impl<A: Parents, B: Parents> Parents for (A, B) {
    type Batches = (A::Batches, B::Batches);

    fn inputs(&self) -> Vec<Input> {
        self.0.inputs().into_iter().chain(self.1.inputs()).collect()
    }

    fn operators(&self) -> Vec<Option<OperatorId>> {
        self.0.operators().into_iter().chain(self.1.operators()).collect()
    }

    fn batches(&self, env: &Arc<Env>, run: &BatchRun) -> Result<Option<Self::Batches>, Error> {
        // All are asked in any case: a window must see every batch.
        let (a, b) = (self.0.batches(env, run)?, self.1.batches(env, run)?);
        Ok(a.zip(b))
    }
}

impl<P: Parents> Parents for Vec<P> {
    type Batches = Vec<P::Batches>;

    fn inputs(&self) -> Vec<Input> {
        self.iter().flat_map(Parents::inputs).collect()
    }

    fn operators(&self) -> Vec<Option<OperatorId>> {
        self.iter().flat_map(Parents::operators).collect()
    }

    fn batches(&self, env: &Arc<Env>, run: &BatchRun) -> Result<Option<Self::Batches>, Error> {
        let batches: Vec<_> = self.iter().map(|parent| parent.batches(env, run)).collect::<Result<_, _>>()?;
        Ok(batches.into_iter().collect())
    }
}

struct Transform<P, F, U> {
    env: EnvOf,
    parents: P,
    f: Mutex<F>,
    /// The batch that runs.
    plan: Mutex<Option<Arc<Shared<U>>>>,
}

impl<P, F, B> Node<B::Row> for Transform<P, F, B::Row>
where
    P: Parents,
    F: FnMut(P::Batches, Time) -> B + Send,
    B: Transformed,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.env.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let held = || self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        *held() = None;
        let env = Env::new(&self.env, run);
        let Some(batches) = self.parents.batches(&env, run)? else {
            return Ok(None);
        };
        let mut f = self.f.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = guarded(&self.env.operator, 0, run.time, || f(batches, run.time).transformed())?;
        let plan: Plan<B::Row> = batch.plan;
        let plan = Arc::new(Shared::new(Box::new(plan), None));
        let Some(partitions) = plan.prepare(run)? else {
            return Ok(None);
        };
        *held() = Some(plan);
        Ok(Some(vec![self.env.input; partitions.len()].into()))
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<B::Row>)) -> Result<(), Error> {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner).clone();
        plan.map_or(Ok(()), |plan| plan.run(run, partition, out))
    }
}

impl<T: Record> DStream<T> {
    /// Each batch made into another, by what a [`Batch`] can do. The function is called once a batch, between batches of
    /// one thread: it may keep state of its own, which is no part of snapshots.
    ///
    /// For event time all rows of the result are one input, whose watermark follows the newest of them.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("top").trigger(Trigger::Available).build();
    /// let (queue, numbers) = Queue::new();
    /// let sorted = ctx.source(numbers).transform(|batch| batch.distinct().sort_by_key(|n: &u32| *n));
    /// let sorted = sorted.collect_to_memory();
    /// queue.push(vec![3, 1, 2, 3]);
    /// ctx.run()?;
    /// assert_eq!(sorted.rows(), [1, 2, 3]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn transform<B: Transformed>(&self, mut f: impl FnMut(Batch<T>) -> B + Send + 'static) -> DStream<B::Row> {
        self.transform_at(move |batch, _| f(batch))
    }

    /// As [`transform`](Self::transform), with the time of the batch.
    pub fn transform_at<B: Transformed>(&self, f: impl FnMut(Batch<T>, Time) -> B + Send + 'static) -> DStream<B::Row> {
        transformed(&self.graph, "transform", self.read_by_one_more(), f)
    }

    /// The batches of two streams made into one. It is called whenever both have a batch.
    pub fn transform_with<U: Record, B: Transformed>(
        &self,
        other: &DStream<U>,
        mut f: impl FnMut(Batch<T>, Batch<U>) -> B + Send + 'static,
    ) -> DStream<B::Row> {
        self.check_context(other, "transform_with");
        let parents = (self.read_by_one_more(), other.read_by_one_more());
        transformed(&self.graph, "transform_with", parents, move |(a, b), _| f(a, b))
    }
}

impl StreamingContext {
    /// The batches of several streams of one type made into one. The function is called once a batch, whenever all of
    /// them have one.
    pub fn transform<T: Record, B: Transformed>(
        &self,
        streams: impl IntoIterator<Item = DStream<T>>,
        f: impl FnMut(Vec<Batch<T>>, Time) -> B + Send + 'static,
    ) -> DStream<B::Row> {
        let own = self.graph();
        let streams: Vec<_> = streams.into_iter().collect();
        if streams.is_empty() {
            own.problem("transform: it was given no streams; give one or more");
        }
        if streams.iter().any(|stream| !Arc::ptr_eq(&stream.graph, own)) {
            own.problem("transform: the streams belong to different contexts; build them from one");
        }
        let parents: Vec<_> = streams.iter().map(DStream::read_by_one_more).collect();
        transformed(own, "transform", parents, f)
    }
}

fn transformed<P, F, B>(graph: &Arc<Graph>, kind: &'static str, parents: P, f: F) -> DStream<B::Row>
where
    P: Parents + 'static,
    F: FnMut(P::Batches, Time) -> B + Send + 'static,
    B: Transformed,
{
    let input = graph.derived_input(parents.inputs());
    let env = EnvOf::new(graph, graph.name(None, kind), input);
    let operator = graph.named_operator(&env.operator, kind, parents.operators());
    DStream::new(graph.clone(), operator, Transform { env, parents, f: Mutex::new(f), plan: Mutex::new(None) })
}
