//! An in-memory queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, de::DeserializeOwned};

use super::kept::Kept;
use super::{Codec, Limit, Next, Partition, Pending, Plan, Record, Source, SourceError};

/// The writing end of a queue: what is pushed is read in the next batch.
///
/// One push is one partition. Cannot replay: what was read is gone. In a job that is written down it must be
/// [logged](QueueSource::logged). Pushing never waits: the queue grows as long as more is pushed than read.
#[derive(Debug)]
pub struct Queue<T> {
    shared: Arc<Mutex<Shared<T>>>,
}

#[derive(Debug)]
struct Shared<T> {
    waiting: VecDeque<Vec<T>>,
    /// The writer has ended the input.
    closed: bool,
    /// The job takes nothing more in.
    stopped: bool,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T: Record> Queue<T> {
    /// A queue and the source that reads it.
    pub fn new() -> (Self, QueueSource<T>) {
        let shared = Arc::new(Mutex::new(Shared { waiting: VecDeque::new(), closed: false, stopped: false }));
        let source = QueueSource {
            shared: shared.clone(),
            planned: Vec::new(),
            one_at_a_time: false,
            when_empty: None,
            codec: None,
        };
        (Self { shared }, source)
    }

    /// Adds records; false if the queue was closed or its job has stopped.
    pub fn push(&self, records: Vec<T>) -> bool {
        let mut shared = lock(&self.shared);
        let open = !shared.closed && !shared.stopped;
        if open {
            shared.waiting.push_back(records);
        }
        open
    }

    /// Ends the input.
    pub fn close(&self) {
        lock(&self.shared).closed = true;
    }
}

impl<T> Shared<T> {
    /// Takes the first pushes, as many as there are to be, and no more than so many records of them.
    fn take(&mut self, pushes: usize, records: usize) -> Vec<Vec<T>> {
        let (mut taken, mut left) = (Vec::new(), records);
        while taken.len() < pushes
            && left > 0
            && let Some(mut push) = self.waiting.pop_front()
        {
            if push.len() > left {
                self.waiting.push_front(push.split_off(left));
            }
            left -= push.len();
            taken.push(push);
        }
        taken
    }
}

fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    // A push that panicked has left the queue as it was.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reading end of a [`Queue`]. Its position is the number of pushes that were read, and of batches that had the
/// [default](Self::when_empty) instead. A push that goes beyond a [limit](Limit::records) is cut into several.
#[derive(Debug)]
pub struct QueueSource<T> {
    shared: Arc<Mutex<Shared<T>>>,
    planned: Vec<Vec<T>>,
    one_at_a_time: bool,
    when_empty: Option<Vec<T>>,
    codec: Option<Codec<T>>,
}

impl<T> QueueSource<T> {
    /// Reads one push a batch, instead of all that are there.
    pub fn one_at_a_time(mut self) -> Self {
        self.one_at_a_time = true;
        self
    }

    /// Gives these records to a batch for which nothing was pushed; nothing unless set. Not after the queue was closed
    /// or its job stopped.
    pub fn when_empty(mut self, records: Vec<T>) -> Self {
        self.when_empty = Some(records);
        self
    }
}

impl<T: Record + Serialize + DeserializeOwned> QueueSource<T> {
    /// Writes records to a write-ahead log, when a batch takes them, in a job that is [written
    /// down](crate::ContextBuilder::checkpoint_dir). What was pushed and is in no batch yet is lost with the process:
    /// where the one who pushes must know what is safe, write a [`Receiver`](super::Receiver).
    pub fn logged(mut self) -> Self {
        self.codec = Some(Codec::serde());
        self
    }
}

impl<T: Record> Source for QueueSource<T> {
    type Item = T;
    type Position = u64;

    fn name(&self) -> String {
        "queue".to_owned()
    }

    fn replays(&self) -> bool {
        false
    }

    fn codec(&self) -> Option<Codec<T>> {
        self.codec
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        let mut shared = lock(&self.shared);
        let pushes = if self.one_at_a_time { 1 } else { usize::MAX };
        self.planned = shared.take(pushes, usize::try_from(limit.most()).unwrap_or(usize::MAX));
        let next = match (shared.waiting.is_empty(), shared.closed) {
            (false, _) => Next::Ready,
            (true, false) => Next::Idle,
            (true, true) => Next::Finished,
        };
        if self.planned.is_empty() && !shared.closed && !shared.stopped {
            self.planned.extend(self.when_empty.clone());
        }
        Ok(Plan { to: from + self.planned.len() as u64, next })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<T>>>, SourceError> {
        if to - from != self.planned.len() as u64 {
            let why = format!("pushes {from} to {to} cannot be read again");
            return Err(SourceError::new("queue", why));
        }
        Ok(self.planned.drain(..).map(Kept::partition).collect())
    }

    fn close(&mut self) {
        lock(&self.shared).stopped = true;
    }

    fn holds_records(&self) -> bool {
        !lock(&self.shared).waiting.is_empty()
    }

    fn pending(&self) -> Option<Pending> {
        let shared = lock(&self.shared);
        let records: usize = shared.waiting.iter().map(Vec::len).sum();
        let bytes = records.saturating_mul(size_of::<T>()) as u64;
        Some(Pending { records: Some(records as u64), bytes, is_full: false })
    }
}
