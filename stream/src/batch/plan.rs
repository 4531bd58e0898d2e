//! The batch as users hold it: a plan over the rows of one batch, which an action runs.

use std::fmt::{Debug, Formatter};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::{BatchRun, Input, Partitions, each_partition};
use crate::dstream::{Node, Shared};
use crate::error::Error;
use crate::graph::Graph;
use crate::source::Record;
use crate::time::Time;

/// The rows of a stream at one batch time, in partitions: what [`transform`](crate::DStream::transform) and
/// [`for_each_batch`](crate::DStream::for_each_batch) give to a function.
///
/// *Operations* make another batch of it and compute nothing yet; those that look at one row at a time fuse into one
/// pass. *Actions* (`collect`, `count`, `reduce` …) run what leads to them, over the partitions in parallel, and give a
/// result. A panic in a function given to an operation is the action's [`Error::Operator`]; what a mistake in a
/// parameter leads to is the action's error too.
///
/// Operations and actions take the batch, so that rows are moved and not copied. To use a batch twice, clone it: a clone
/// is cheap, the rows are then computed once and kept until the last clone is gone.
///
/// Keyed operations exchange rows between the processes of a job. All others, and the actions, are about the part of
/// the batch that this process holds.
///
/// A batch stays on its thread and ends with its time: rows that are to last are [collected](Self::collect).
///
/// ```
/// use streamgauge_stream::{Error, Queue, StreamingContext, Trigger};
///
/// let ctx = StreamingContext::builder("batches").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// ctx.source(source).for_each_batch(|_, batch| {
///     let odd = batch.filter(|x: &u64| x % 2 == 1);
///     let total = odd.clone().reduce(|a, b| a + b)?;
///     assert_eq!((total, odd.collect()?), (Some(9), vec![5, 1, 3]));
///     Ok::<_, Error>(())
/// });
/// queue.push(vec![5, 1, 2, 3, 4]);
/// queue.close();
/// ctx.run()?;
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub struct Batch<T> {
    pub(crate) plan: Plan<T>,
    pub(crate) env: Arc<Env>,
    /// What a batch is made of is gone when its time is over: it is not to wander off to other threads.
    on_its_thread: PhantomData<*const ()>,
}

impl<T> Clone for Batch<T> {
    fn clone(&self) -> Self {
        Self { plan: Plan(self.plan.0.clone()), env: self.env.clone(), on_its_thread: PhantomData }
    }
}

impl<T> Debug for Batch<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch<{}>({})", std::any::type_name::<T>(), self.env.time)
    }
}

/// What the operations on a batch must know of their job.
#[derive(Debug)]
pub(crate) struct Env {
    /// The operator that the user's function belongs to.
    pub(crate) operator: String,
    pub(crate) time: Time,
    run: Weak<BatchRun>,
    pub(crate) input: Input,
    pub(crate) seed: u64,
    pub(crate) lanes: usize,
    /// How many operations have drawn random numbers: each draws others.
    draws: AtomicU64,
}

impl Env {
    pub(crate) fn new(graph: &EnvOf, run: &BatchRun) -> Arc<Self> {
        Arc::new(Self {
            operator: graph.operator.clone(),
            time: run.time,
            run: run.handle(),
            input: graph.input,
            seed: graph.seed,
            lanes: graph.lanes,
            draws: AtomicU64::new(0),
        })
    }

    /// The name of one of the operations.
    pub(crate) fn name(&self, operation: &str) -> String {
        format!("{}: {operation}", self.operator)
    }

    pub(crate) fn next_draw(&self) -> u64 {
        self.draws.fetch_add(1, Ordering::Relaxed)
    }

    /// The batch that runs.
    ///
    /// # Errors
    /// If it is over.
    pub(crate) fn running(&self) -> Result<Arc<BatchRun>, Error> {
        self.run.upgrade().ok_or_else(|| self.failed("the batch is over; collect rows that are to last"))
    }

    pub(crate) fn failed(&self, cause: impl Into<String>) -> Error {
        Error::Operator { operator: self.operator.clone(), partition: 0, time: self.time, cause: cause.into() }
    }
}

/// The part of [`Env`] that is the same for all batches of an operator.
#[derive(Clone, Debug)]
pub(crate) struct EnvOf {
    pub(crate) operator: String,
    pub(crate) input: Input,
    seed: u64,
    lanes: usize,
}

impl EnvOf {
    pub(crate) fn new(graph: &Graph, operator: String, input: Input) -> Self {
        Self { operator, input, seed: graph.seed(), lanes: graph.lanes() }
    }
}

impl<T: Record> Batch<T> {
    pub(crate) fn new(env: Arc<Env>, node: impl Node<T> + 'static) -> Self {
        let stage = Stage { node: Box::new(node), env: env.clone(), prepared: Mutex::default(), kept: OnceLock::new() };
        Self { plan: Plan(Arc::new(stage)), env, on_its_thread: PhantomData }
    }

    /// The rows of a stream of the graph, whose partitions were prepared.
    pub(crate) fn of_stream(env: Arc<Env>, parent: Arc<Shared<T>>, partitions: Partitions) -> Self {
        let begun = partitions.iter().map(|_| AtomicBool::new(false)).collect();
        Self::new(env.clone(), Root { parent, partitions, begun, env })
    }

    /// The operation that reads this batch.
    pub(crate) fn then<U: Record, N: Node<U> + 'static>(
        self,
        node: impl FnOnce(Arc<Shared<T>>, &Env) -> N,
    ) -> Batch<U> {
        let Self { plan, env, .. } = self;
        let node = node(Arc::new(Shared::new(Box::new(plan), None)), &env);
        Batch::new(env, node)
    }

    /// The time of the batch.
    pub fn time(&self) -> Time {
        self.env.time
    }

    /// The number of partitions, which depends on the data and never on the number of threads. Computes what leads to
    /// the last exchange, if there is one.
    ///
    /// # Errors
    /// [`Error::Operator`] if a function given to an operation panics.
    pub fn partitions(&self) -> Result<usize, Error> {
        Ok(self.plan.prepare(&*self.env.running()?)?.map_or(0, |partitions| partitions.len()))
    }

    /// Runs the plan: something of every partition, in their order. A chunk is given as a vector to be emptied.
    pub(crate) fn each<A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        absorb: impl Fn(&mut A, &mut Vec<T>) + Sync,
    ) -> Result<Vec<A>, Error> {
        let (plan, run) = (&self.plan, self.env.running()?);
        let partitions = plan.prepare(&run)?.map_or(0, |partitions| partitions.len());
        each_partition(&run, &self.env.operator, partitions, |partition| {
            let mut of_partition = start();
            plan.run(&run, partition, &mut |chunk| {
                absorb(&mut of_partition, chunk);
                chunk.clear();
            })?;
            Ok(of_partition)
        })
    }
}

/// What a second attempt to read hears.
const LOST: &str = "its rows were lost when it failed before";

/// A step of a plan. Its handles are those of the user and of the steps that read it; each reads a partition at most
/// once, so the last one may have the rows themselves.
pub(crate) struct Plan<T>(Arc<Stage<T>>);

struct Stage<T> {
    node: Box<dyn Node<T>>,
    env: Arc<Env>,
    prepared: Mutex<Prepared>,
    /// By partition: the rows, if there are several to read them.
    kept: OnceLock<Vec<Mutex<Vec<T>>>>,
}

#[derive(Default)]
enum Prepared {
    #[default]
    NotYet,
    Failed,
    Ready(Option<Partitions>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What panicked has changed nothing yet.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Record> Plan<T> {
    fn prepare_once(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let mut prepared = lock(&self.0.prepared);
        match &*prepared {
            Prepared::Ready(partitions) => Ok(partitions.clone()),
            Prepared::Failed => Err(self.0.env.failed(LOST)),
            Prepared::NotYet => {
                *prepared = Prepared::Failed;
                let partitions = self.0.node.prepare(run)?;
                *prepared = Prepared::Ready(partitions.clone());
                Ok(partitions)
            }
        }
    }
}

impl<T: Record> Node<T> for Plan<T> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.0.env.input]
    }

    /// Called for every handle before it reads, on the batch's thread. Who is alone then stays alone: handles come of
    /// handles, and this one is about to be used up.
    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.prepare_once(run)?;
        let several = Arc::strong_count(&self.0) > 1 && !self.0.node.keeps_rows();
        if several && self.0.kept.get().is_none() {
            let count = partitions.as_ref().map_or(0, |partitions| partitions.len());
            let rows = each_partition(run, &self.0.env.operator, count, |partition| {
                let mut rows = Vec::new();
                self.0.node.run(run, partition, &mut |chunk| rows.append(chunk))?;
                Ok(Mutex::new(rows))
            });
            if rows.is_err() {
                *lock(&self.0.prepared) = Prepared::Failed;
            }
            let rows = rows?;
            self.0.kept.get_or_init(|| rows);
        }
        Ok(partitions)
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let Some(kept) = self.0.kept.get() else {
            return self.0.node.run(run, partition, out);
        };
        let Some(rows) = kept.get(partition) else {
            return Ok(());
        };
        let is_last = Arc::strong_count(&self.0) == 1 && !run.keeps_rows();
        let mut rows = if is_last { std::mem::take(&mut *lock(rows)) } else { lock(rows).clone() };
        if !rows.is_empty() {
            out(&mut rows);
        }
        Ok(())
    }
}

/// Reads the rows of a stream.
struct Root<T: Record> {
    parent: Arc<Shared<T>>,
    partitions: Partitions,
    /// By partition: whether it was read.
    begun: Vec<AtomicBool>,
    env: Arc<Env>,
}

impl<T: Record> Node<T> for Root<T> {
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, _: &BatchRun) -> Result<Option<Partitions>, Error> {
        Ok(Some(self.partitions.clone()))
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        // A stream hands its rows out once: after a failure they are gone in part.
        if self.begun[partition].swap(true, Ordering::Relaxed) && !run.keeps_rows() {
            return Err(self.env.failed(LOST));
        }
        self.parent.run(run, partition, out)
    }
}

/// What was not read will not be: the stream's next reader may have it.
impl<T: Record> Drop for Root<T> {
    fn drop(&mut self) {
        for (partition, begun) in self.begun.iter().enumerate() {
            if !begun.load(Ordering::Relaxed) {
                self.parent.give_up(self.env.time, partition);
            }
        }
    }
}
