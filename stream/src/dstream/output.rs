//! Outputs: what a job does with its rows.

use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, each_partition};
use crate::error::{Error, panic_message};
use crate::graph::Output;
use crate::source::Record;
use crate::time::Time;

/// What a callback gives back: nothing, or whether it worked. An error ends the job.
pub trait Outcome {
    /// The outcome as a result.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|e| e.to_string())
    }
}

/// All rows of a batch in order; `None` if the stream has no batch at this time.
fn collect_rows<T: Record>(parent: &Shared<T>, batch: &BatchRun, name: &str) -> Result<Option<Vec<T>>, Error> {
    let Some(partitions) = parent.prepare(batch)? else {
        return Ok(None);
    };
    let partitions = each_partition(batch, name, partitions.len(), |partition| {
        let mut rows = Vec::new();
        parent.run(batch, partition, &mut |chunk| rows.append(chunk))?;
        Ok(rows)
    })?;
    Ok(Some(partitions.into_iter().flatten().collect()))
}

struct ForEachBatch<T, F> {
    name: String,
    parent: Arc<Shared<T>>,
    callback: Mutex<F>,
}

impl<T, F, O> Output for ForEachBatch<T, F>
where
    T: Record,
    F: FnMut(Time, Vec<T>) -> O + Send,
    O: Outcome,
{
    fn run(&self, batch: &BatchRun) -> Result<(), Error> {
        let Some(rows) = collect_rows(&self.parent, batch, &self.name)? else {
            return Ok(());
        };
        let mut callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| callback(batch.time, rows).outcome()))
            .unwrap_or_else(|panic| Err(panic_message(&*panic)))
            .map_err(|cause| Error::Output { output: self.name.clone(), time: batch.time, cause })
    }
}

impl<T: Record> DStream<T> {
    pub(crate) fn output<O: Outcome>(&self, kind: &str, callback: impl FnMut(Time, Vec<T>) -> O + Send + 'static) {
        self.graph.add_output(Box::new(ForEachBatch {
            name: self.graph.name(None, kind),
            parent: self.read_by_one_more(),
            callback: Mutex::new(callback),
        }));
    }

    /// Prints the first ten rows of every batch on the standard output, and the batch's time above them.
    pub fn print(&self)
    where
        T: Debug,
    {
        const SHOWN: usize = 10;
        self.output("print", |time, rows: Vec<T>| {
            use std::io::Write;
            let mut out = std::io::stdout().lock();
            writeln!(out, "-- {time}")?;
            for row in rows.iter().take(SHOWN) {
                writeln!(out, "{row:?}")?;
            }
            if rows.len() > SHOWN {
                writeln!(out, "...")?;
            }
            Ok::<_, std::io::Error>(())
        });
    }

    /// Keeps all rows in memory: for tests and small results.
    pub fn collect_to_memory(&self) -> MemorySink<T> {
        let sink = MemorySink { batches: Arc::default() };
        let batches = sink.batches.clone();
        self.output("collect_to_memory", move |time, rows| {
            batches.lock().unwrap_or_else(PoisonError::into_inner).push((time, rows));
        });
        sink
    }
}

/// The rows of a stream, kept in memory.
#[derive(Clone, Debug)]
pub struct MemorySink<T> {
    batches: Arc<Mutex<Vec<(Time, Vec<T>)>>>,
}

impl<T: Clone> MemorySink<T> {
    /// All rows so far, in order.
    pub fn rows(&self) -> Vec<T> {
        self.batches().into_iter().flat_map(|(_, rows)| rows).collect()
    }

    /// All batches so far, each with its time.
    pub fn batches(&self) -> Vec<(Time, Vec<T>)> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
