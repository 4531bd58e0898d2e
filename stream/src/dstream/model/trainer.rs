//! A model of a stream, and the lane that learns it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamgauge_sketches::Summary;

use crate::batch::exchange::Portable;
use crate::batch::{BatchRun, Input, Partitions, Settle, each_partition, one_lane};
use crate::dstream::{Node, Shared};
use crate::error::Error;
use crate::graph::{OperatorId, Output, Place, Rest, StateSize, Stateful};
use crate::source::Record;
use crate::time::Time;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // After a panic the batch fails, and with it the job: nobody goes on from what was changed in part.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A model, for the one who trains it and all who read it.
///
/// It is learned when the outputs of a batch are done, and so nobody predicts by it meanwhile, and it is changed where it
/// stands. Only if a stream of readings wants it learned before is a copy kept for those who predict.
pub(super) struct Held<S> {
    now: Arc<Mutex<Arc<S>>>,
    /// As the batch that runs has found it, if that has been learned already.
    before: Mutex<Option<Arc<S>>>,
    predicts: AtomicBool,
}

impl<S: Summary> Held<S> {
    pub(super) fn new(model: S) -> Arc<Self> {
        let now = Arc::new(Mutex::new(Arc::new(model)));
        Arc::new(Self { now, before: Mutex::default(), predicts: AtomicBool::new(false) })
    }

    /// The model as the state of an operator.
    pub(super) fn state(&self) -> Stateful {
        let measured = self.now.clone();
        Stateful::of(format!("model of {}", S::schema()), &self.now)
            .sized(move || StateSize { keys: 0, bytes: lock(&measured).memory_bytes() as u64 })
    }

    /// Takes note that somebody predicts by the model.
    pub(super) fn predicts(&self) {
        self.predicts.store(true, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Arc<S> {
        lock(&self.now).clone()
    }

    /// The model as the batch that runs has found it.
    pub(super) fn before_batch(&self) -> Arc<S> {
        let before = lock(&self.before).clone();
        before.unwrap_or_else(|| self.now())
    }
}

/// What is done with the records of a partition: a model is changed, and rows are added.
pub(super) trait Step<S, T, R>: Fn(&mut S, Vec<T>, &mut Vec<R>) + Send + Sync + 'static {}

impl<S, T, R, F: Fn(&mut S, Vec<T>, &mut Vec<R>) + Send + Sync + 'static> Step<S, T, R> for F {}

/// The operator that trains a model.
pub(super) struct Trainer<T, S, R, F> {
    name: String,
    id: OperatorId,
    parent: Arc<Shared<T>>,
    input: Input,
    held: Arc<Held<S>>,
    step: F,
    taken: Mutex<Taken<T>>,
    /// By partition.
    rows: Mutex<Vec<Vec<R>>>,
}

/// The records of a batch.
struct Taken<T> {
    at: Option<Time>,
    /// Whether the stream has a batch at this time.
    is_batch: bool,
    /// By partition; gone when they are learned.
    records: Option<Vec<Vec<T>>>,
}

/// A trainer, as those see it who have to do with its model.
pub(super) trait Trains: Send + Sync {
    fn name(&self) -> &str;
    fn operator(&self) -> OperatorId;
    fn input(&self) -> Input;

    /// Takes the records of a batch, to be learned at its end at the latest. Gives whether the stream has a batch at this
    /// time. Called by all who have to do with the model, once a batch or more often.
    fn take(self: Arc<Self>, run: &BatchRun) -> Result<bool, Error>;

    /// Learns what was taken, unless that was done.
    fn learn(&self, run: &BatchRun) -> Result<(), Error>;
}

impl<T, S, R, F> Trainer<T, S, R, F> {
    pub(super) fn new(
        (name, id): (String, OperatorId),
        parent: Arc<Shared<T>>,
        input: Input,
        held: Arc<Held<S>>,
        step: F,
    ) -> Self {
        let taken = Mutex::new(Taken { at: None, is_batch: false, records: None });
        Self { name, id, parent, input, held, step, taken, rows: Mutex::default() }
    }
}

impl<T, S, R, F> Trainer<T, S, R, F>
where
    T: Portable,
    S: Summary,
    R: Record,
    F: Step<S, T, R>,
{
    /// The records of a batch, by partition; none if the stream has no batch at this time.
    fn read(self: Arc<Self>, run: &BatchRun) -> Result<Option<Vec<Vec<T>>>, Error> {
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        // Read in parallel, and again if that fails; learned in order, and once.
        let read = each_partition(run, &self.name, partitions.len(), |partition| {
            let mut records = Vec::new();
            self.parent.run(run, partition, &mut |chunk| records.append(chunk))?;
            Ok(vec![records])
        })?;
        let records = run.gather(&self.name, 1, read)?.pop().unwrap_or_default();
        run.settle_at_end(self);
        Ok(Some(records))
    }

    /// Brings the model up to the batch. If `keeps`, the one before is kept for those who predict.
    fn advance(&self, run: &BatchRun, keeps: bool) -> Result<(), Error> {
        let Some(records) = lock(&self.taken).records.take() else {
            return Ok(());
        };
        let mut now = lock(&self.held.now);
        if keeps {
            *lock(&self.held.before) = Some(now.clone());
        }
        let rows = one_lane(run, &self.name, 0, || {
            let model = Arc::make_mut(&mut now);
            let learn = |records: Vec<T>| {
                let mut rows = Vec::new();
                (self.step)(model, records, &mut rows);
                rows
            };
            let rows = records.into_iter().map(learn).collect();
            model.end_batch();
            Ok(rows)
        })?;
        *lock(&self.rows) = rows;
        Ok(())
    }
}

impl<T, S, R, F> Trains for Trainer<T, S, R, F>
where
    T: Portable,
    S: Summary,
    R: Record,
    F: Step<S, T, R>,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn operator(&self) -> OperatorId {
        self.id
    }

    fn input(&self) -> Input {
        self.input
    }

    fn take(self: Arc<Self>, run: &BatchRun) -> Result<bool, Error> {
        let mut taken = lock(&self.taken);
        if taken.at == Some(run.time) {
            return Ok(taken.is_batch);
        }
        let records = run.work(Some(self.id), || self.clone().read(run))?;
        *taken = Taken { at: Some(run.time), is_batch: records.is_some(), records };
        Ok(taken.is_batch)
    }

    fn learn(&self, run: &BatchRun) -> Result<(), Error> {
        run.work(Some(self.id), || self.advance(run, self.held.predicts.load(Ordering::Relaxed)))
    }
}

impl<T, S, R, F> Settle for Trainer<T, S, R, F>
where
    T: Portable,
    S: Summary,
    R: Record,
    F: Step<S, T, R>,
{
    fn settle(&self, run: &BatchRun) -> Result<(), Error> {
        // The outputs are done: nobody predicts any more.
        *lock(&self.held.before) = None;
        self.advance(run, false)
    }
}

/// The rows of a trainer.
pub(super) struct Scores<C>(pub(super) Arc<C>);

impl<T, S, R, F> Node<R> for Scores<Trainer<T, S, R, F>>
where
    T: Portable,
    S: Summary,
    R: Record,
    F: Step<S, T, R>,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.0.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        if !self.0.clone().take(run)? {
            return Ok(None);
        }
        self.0.learn(run)?;
        let partitions = lock(&self.0.rows).len();
        Ok(Some(vec![self.0.input; partitions].into()))
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let mut rows = {
            let mut all = lock(&self.0.rows);
            let rows = all.get_mut(partition);
            rows.map(|rows| if run.keeps_rows() { rows.clone() } else { std::mem::take(rows) }).unwrap_or_default()
        };
        if !rows.is_empty() {
            out(&mut rows);
        }
        Ok(())
    }
}

/// An output that is there for the model alone.
pub(super) struct TrainsOnly(pub(super) Arc<dyn Trains>);

impl Output for TrainsOnly {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn place(&self) -> Place {
        Place::Is(self.0.operator())
    }

    fn description(&self) -> String {
        format!("{}: a model is trained", self.0.name())
    }

    fn prepare<'a>(&'a self, run: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        self.0.clone().take(run)?;
        Ok(None)
    }
}
