//! Batches of the last while, to be looked at again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{DStream, Node as _, Shared};
use crate::batch::{BatchRun, each_partition};
use crate::error::Error;
use crate::graph::{Output, Place, Rest};
use crate::source::Record;
use crate::time::Time;

/// The batches of a stream that are remembered.
pub(crate) struct History<T> {
    length: Duration,
    batches: VecDeque<(Time, Arc<Vec<T>>)>,
}

impl<T> History<T> {
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, batches: VecDeque::new() }
    }

    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    pub(crate) fn raise(&mut self, length: Duration) {
        self.length = self.length.max(length);
    }
}

/// Takes in every batch of a stream.
struct Remember<T> {
    name: String,
    parent: Arc<Shared<T>>,
    history: Arc<Mutex<History<T>>>,
}

impl<T: Record> Output for Remember<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Reads(self.parent.operator(), std::any::type_name::<T>())
    }

    fn prepare<'a>(&'a self, run: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        let partitions = self.parent.prepare(run)?.map(|partitions| partitions.len());
        Ok(Some(Box::new(move || self.take_in(run, partitions))))
    }
}

impl<T: Record> Remember<T> {
    /// Takes in a batch of so many partitions; of none if the stream has no batch at this time.
    fn take_in(&self, run: &BatchRun, partitions: Option<usize>) -> Result<(), Error> {
        let rows = partitions.map(|partitions| {
            each_partition(run, &self.name, partitions, |partition| {
                let mut rows = Vec::new();
                self.parent.run(run, partition, &mut |chunk| rows.append(chunk))?;
                Ok(rows)
            })
        });
        let rows = rows.transpose()?;
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = run.time.before(history.length);
        while history.batches.front().is_some_and(|(time, _)| *time <= forgotten) {
            history.batches.pop_front();
        }
        if let Some(rows) = rows {
            history.batches.push_back((run.time, Arc::new(rows.into_iter().flatten().collect())));
        }
        Ok(())
    }
}

impl<T: Record> DStream<T> {
    /// Keeps the batches of the last `length` in memory, for [`slice`](Self::slice): at time t those in
    /// (t − length, t]. Asked again it can only be raised. What is remembered is computed at every batch.
    pub fn remember(&self, length: Duration) -> DStream<T> {
        let graph = &self.graph;
        if graph.interval().is_some_and(|interval| length < interval) || length.is_zero() {
            graph.problem(format!("remember: {length:?} are less than a batch; remember one or more"));
        }
        if let (history, true) = self.node.remember(length) {
            let (name, parent) = (graph.name(None, "remember"), self.read_by_one_more());
            graph.add_output(Box::new(Remember { name, parent, history }));
        }
        self.clone()
    }

    /// The batches from one time to another, both included, that are [remembered](Self::remember), each with its rows.
    /// Times between two batches are those of the batch before.
    ///
    /// May be called from any thread at any time. Batches that were forgotten, had not run yet, or were before the job
    /// began are not there; nothing is there if the stream is not remembered.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Time, Trigger, secs};
    ///
    /// let ctx = StreamingContext::builder("past").trigger(Trigger::Available).build();
    /// let (queue, source) = Queue::new();
    /// let numbers = ctx.source(source.one_at_a_time()).remember(secs(2));
    /// (1..=4).for_each(|n| assert!(queue.push(vec![n])));
    /// ctx.run()?;
    /// let at = Time::from_secs;
    /// assert_eq!(numbers.slice(at(0), at(4)), [(at(3), vec![3]), (at(4), vec![4])]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn slice(&self, from: Time, to: Time) -> Vec<(Time, Vec<T>)> {
        let floor = |time: Time| self.graph.interval().map_or(time, |interval| time.floor(interval));
        let (from, to) = (floor(from), floor(to));
        // Copied after the lock is given back: a job does not wait for those who look.
        let batches = self.node.remembered_batches(|time| (from..=to).contains(&time));
        batches.into_iter().map(|(time, rows)| (time, rows.to_vec())).collect()
    }
}

impl<T> Shared<T> {
    /// Remembers the rows for so long; tells whether it did not before.
    fn remember(&self, length: Duration) -> (Arc<Mutex<History<T>>>, bool) {
        let mut first = false;
        let history = self.history.get_or_init(|| {
            first = true;
            Arc::new(Mutex::new(History::new(length)))
        });
        history.lock().unwrap_or_else(PoisonError::into_inner).raise(length);
        (history.clone(), first)
    }

    /// How long rows are remembered.
    pub(crate) fn remembered(&self) -> Option<Duration> {
        self.history.get().map(|history| history.lock().unwrap_or_else(PoisonError::into_inner).length())
    }

    fn remembered_batches(&self, wanted: impl Fn(Time) -> bool) -> Vec<(Time, Arc<Vec<T>>)> {
        let Some(history) = self.history.get() else {
            return Vec::new();
        };
        let history = history.lock().unwrap_or_else(PoisonError::into_inner);
        history.batches.iter().filter(|(time, _)| wanted(*time)).cloned().collect()
    }
}
