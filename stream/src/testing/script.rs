//! A source whose batches are written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::source::{Limit, Next, Partition, Plan, Record, Source, SourceError};

/// What each batch of a source brings, in order: rows in partitions, or an error.
///
/// ```
/// use streamgauge_stream::testing::{Script, TestJob};
///
/// let mut job = TestJob::new();
/// let script = Script::new([vec![1, 2, 3, 4]]).in_partitions(2).then_fail("the line is dead");
/// let numbers = job.script(script);
/// let rows = job.capture(&numbers.map(|n: u32| n * 10));
/// job.tick()?;
/// assert_eq!(rows.last(), [10, 20, 30, 40]);
/// assert!(job.tick().unwrap_err().to_string().contains("the line is dead"));
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script<T> {
    batches: Vec<Result<Vec<T>, String>>,
    partitions: usize,
    name: String,
}

impl<T: Record> Script<T> {
    /// One element for each batch.
    pub fn new(batches: impl IntoIterator<Item = Vec<T>>) -> Self {
        Self { batches: batches.into_iter().map(Ok).collect(), partitions: 1, name: "script".to_owned() }
    }

    /// Cuts each batch into so many partitions of equal size, up to one row; one unless set.
    pub fn in_partitions(mut self, partitions: usize) -> Self {
        self.partitions = partitions.max(1);
        self
    }

    /// The name in errors and in what listeners hear; `script` unless set.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// One batch more, which brings these rows.
    pub fn then(mut self, rows: Vec<T>) -> Self {
        self.batches.push(Ok(rows));
        self
    }

    /// One batch more, at which the source fails for this reason.
    pub fn then_fail(mut self, reason: impl Into<String>) -> Self {
        self.batches.push(Err(reason.into()));
        self
    }

    /// How many batches are written down.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether no batch is written down.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The script as a source, for a job of any kind. It ends with its last batch.
    pub fn source(self) -> ScriptSource<T> {
        self.ending(Arc::new(AtomicBool::new(true)))
    }

    /// A source that ends with its last batch once it may; until then it brings nothing more.
    pub(super) fn ending(self, may_end: Arc<AtomicBool>) -> ScriptSource<T> {
        ScriptSource { script: self, may_end }
    }
}

/// A [`Script`] as a source. Its position is the number of batches that were read; it can replay.
#[derive(Clone, Debug)]
pub struct ScriptSource<T> {
    script: Script<T>,
    may_end: Arc<AtomicBool>,
}

impl<T: Record> Source for ScriptSource<T> {
    type Item = T;
    type Position = u64;

    fn name(&self) -> String {
        self.script.name.clone()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        let length = self.script.batches.len() as u64;
        let to = (from + 1).min(length);
        let next = match (to == length, self.may_end.load(Ordering::Acquire)) {
            (false, _) => Next::Ready,
            (true, false) => Next::Idle,
            (true, true) => Next::Finished,
        };
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<T>>>, SourceError> {
        let (from, to) = (*from as usize, *to as usize);
        let batches = self.script.batches.get(from..to);
        let batches = batches.ok_or_else(|| SourceError::new(&self.script.name, "no such batches"))?;
        let mut partitions: Vec<Box<dyn Partition<T>>> = Vec::new();
        for batch in batches {
            let rows = batch.as_ref().map_err(|reason| SourceError::new(&self.script.name, reason))?;
            let size = rows.len().div_ceil(self.script.partitions).max(1);
            partitions.extend(rows.chunks(size).map(|rows| Box::new(Rows(rows.to_vec())) as Box<dyn Partition<T>>));
        }
        Ok(partitions)
    }
}

struct Rows<T>(Vec<T>);

impl<T: Record> Partition<T> for Rows<T> {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError> {
        out(&mut self.0.clone());
        Ok(())
    }
}
