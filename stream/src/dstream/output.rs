//! Outputs: what a job does with its rows.

use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, each_partition};
use crate::error::{Error, panic_message};
use crate::graph::{Output, Rest};
use crate::monitor::OperatorInfo;
use crate::source::Record;
use crate::time::Time;

/// What a callback gives back: nothing, or whether it worked. An error fails the output:
/// see [`OnFailure`](crate::OnFailure).
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

/// All rows of the partitions of a batch, in order.
fn collect_rows<T: Record>(
    parent: &Shared<T>,
    batch: &BatchRun,
    name: &str,
    partitions: usize,
) -> Result<Vec<T>, Error> {
    let partitions = each_partition(batch, name, partitions, |partition| {
        let mut rows = Vec::new();
        parent.run(batch, partition, &mut |chunk| rows.append(chunk))?;
        Ok(rows)
    })?;
    Ok(partitions.into_iter().flatten().collect())
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
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        format!("{} of {}", self.name, std::any::type_name::<T>())
    }

    fn prepare<'a>(&'a self, batch: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        let partitions = self.parent.prepare(batch)?;
        Ok(partitions.map(|partitions| -> Rest<'a> { Box::new(move || self.run(batch, partitions.len())) }))
    }
}

impl<T, F, O> ForEachBatch<T, F>
where
    T: Record,
    F: FnMut(Time, Vec<T>) -> O + Send,
    O: Outcome,
{
    fn run(&self, batch: &BatchRun, partitions: usize) -> Result<(), Error> {
        let rows = collect_rows(&self.parent, batch, &self.name, partitions)?;
        let (count, begun) = (rows.len() as u64, Instant::now());
        let mut callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| callback(batch.time, rows).outcome()))
            .unwrap_or_else(|panic| Err(panic_message(&*panic)))
            .map_err(|cause| Error::Output { output: self.name.clone(), time: batch.time, cause })?;
        let info = OperatorInfo { kind: "output", rows_in: count, elapsed: begun.elapsed(), ..OperatorInfo::default() };
        batch.report(&self.name, info);
        Ok(())
    }
}

impl<T: Record> DStream<T> {
    /// Calls a function with the rows of every batch, also of empty ones; of a windowed stream, at every slide.
    ///
    /// It may return nothing, or a `Result` whose error ends the job.
    pub fn for_each_batch<O: Outcome>(&self, callback: impl FnMut(Time, Vec<T>) -> O + Send + 'static) {
        self.output("for_each_batch", callback);
    }

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
