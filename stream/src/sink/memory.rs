//! A table in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Cause, Sink};
use crate::time::Time;

/// A table in memory that is read while the job runs: all rows of a stream, or those of its last batches.
///
/// Cheap to clone: a clone is the same table. A batch that is written again replaces its rows.
///
/// Memory: the rows of the batches that are kept. [`all`](Self::all) grows for as long as the job runs.
///
/// ```
/// use streamgauge_stream::sink::MemorySink;
/// use streamgauge_stream::{Queue, StreamingContext, Trigger};
///
/// let ctx = StreamingContext::builder("latest").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// let latest = MemorySink::last(1);
/// ctx.source(source.one_at_a_time()).write_to(latest.clone());
/// queue.push(vec!["a", "b"]);
/// queue.push(vec!["c"]);
/// queue.close();
/// ctx.run()?;
/// assert_eq!(latest.rows(), ["c"]);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Debug)]
pub struct MemorySink<T> {
    /// By time, ascending.
    batches: Arc<Mutex<VecDeque<(Time, Vec<T>)>>>,
    keeps: usize,
}

impl<T> Clone for MemorySink<T> {
    fn clone(&self) -> Self {
        Self { batches: self.batches.clone(), keeps: self.keeps }
    }
}

impl<T> MemorySink<T> {
    /// A table of all rows, for tests and small results: as `collect_to_memory` makes it.
    pub fn all() -> Self {
        Self::last(usize::MAX)
    }

    /// A table of the rows of so many batches, the last ones: 1 for a stream whose every batch is a whole result.
    pub fn last(batches: usize) -> Self {
        Self { batches: Arc::default(), keeps: batches }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Time, Vec<T>)>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the last batch, also of an empty one; `None` before the first.
    pub fn time(&self) -> Option<Time> {
        self.kept().back().map(|(time, _)| *time)
    }
}

impl<T: Clone> MemorySink<T> {
    /// The rows that are kept, in order: copies.
    pub fn rows(&self) -> Vec<T> {
        self.kept().iter().flat_map(|(_, rows)| rows).cloned().collect()
    }

    /// The batches that are kept, each with its time: copies.
    pub fn batches(&self) -> Vec<(Time, Vec<T>)> {
        self.kept().iter().cloned().collect()
    }
}

impl<T: Send + 'static> Sink<T> for MemorySink<T> {
    type Part = Vec<T>;

    fn target(&self) -> String {
        "memory".to_owned()
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Vec<T>, Cause> {
        Ok(Vec::new())
    }

    fn commit(&mut self, batch: Time, parts: Vec<Vec<T>>) -> Result<(), Cause> {
        let rows = in_order(parts);
        let mut batches = self.kept();
        let at = batches.partition_point(|(time, _)| *time < batch);
        match batches.get_mut(at) {
            Some((time, before)) if *time == batch => *before = rows,
            _ => batches.insert(at, (batch, rows)),
        }
        while batches.len() > self.keeps {
            batches.pop_front();
        }
        Ok(())
    }
}

/// The rows of all partitions in their order; those of a single one are not copied.
pub(crate) fn in_order<T>(mut parts: Vec<Vec<T>>) -> Vec<T> {
    let rest = parts.split_off(parts.len().min(1));
    let mut rows = parts.pop().unwrap_or_default();
    rows.reserve(rest.iter().map(Vec::len).sum());
    rest.into_iter().for_each(|part| rows.extend(part));
    rows
}
