//! Outputs: what a job does with its rows.

use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, each_partition};
use crate::error::{Error, panic_message};
use crate::graph::{Output, Place, Rest};
use crate::sink::{Cause, MemorySink, Part, Print, Sink};
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

/// Calls code of others: a panic in it is its failure.
fn guarded<R>(call: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panic_message(&*panic)))
}

/// What an output is, in words.
pub(super) fn describe<T>(name: &str) -> String {
    format!("{name} of {}", std::any::type_name::<T>())
}

struct ForEachPartition<T, F> {
    name: String,
    parent: Arc<Shared<T>>,
    callback: F,
}

impl<T, F, O> Output for ForEachPartition<T, F>
where
    T: Record,
    F: Fn(Time, usize, Vec<T>) -> O + Send + Sync,
    O: Outcome,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Reads(self.parent.operator(), std::any::type_name::<T>())
    }

    fn description(&self) -> String {
        describe::<T>(&self.name)
    }

    fn prepare<'a>(&'a self, batch: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        let partitions = self.parent.prepare(batch)?;
        Ok(partitions.map(|partitions| -> Rest<'a> { Box::new(move || self.run(batch, partitions.len())) }))
    }
}

impl<T, F, O> ForEachPartition<T, F>
where
    T: Record,
    F: Fn(Time, usize, Vec<T>) -> O + Send + Sync,
    O: Outcome,
{
    fn run(&self, batch: &BatchRun, partitions: usize) -> Result<(), Error> {
        each_partition(batch, &self.name, partitions, |partition| {
            let mut rows = Vec::new();
            self.parent.run(batch, partition, &mut |chunk| rows.append(chunk))?;
            (self.callback)(batch.time, partition, rows).outcome().map_err(|cause| Error::Output {
                output: self.name.clone(),
                time: batch.time,
                cause: format!("partition {partition}: {cause}"),
            })
        })
        .map(drop)
    }
}

/// Writes batches to a sink: all of a batch or nothing.
struct WriteTo<T, S> {
    name: String,
    parent: Arc<Shared<T>>,
    target: String,
    sink: Mutex<S>,
    /// The last batch that the target had a record of when it was opened, if it keeps one.
    committed: OnceLock<Time>,
}

impl<T: Record, S: Sink<T>> WriteTo<T, S> {
    /// Asks something of the sink; one at a time.
    fn ask<R>(&self, ask: impl FnOnce(&mut S) -> Result<R, Cause>) -> Result<R, String> {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        guarded(|| ask(&mut sink).map_err(|cause| cause.to_string()))
    }

    /// Whether the target has the batch already: the run before was ended when it could not yet tell.
    fn is_committed(&self, batch: &BatchRun) -> Result<bool, String> {
        match self.committed.get() {
            Some(last) if batch.time <= *last && batch.running().again => Ok(true),
            Some(last) if batch.time <= *last => Err(format!(
                "it has a record of the batches up to {last}, and the job has begun anew before that; bring the \
                 checkpoints of the job back, or clear the target and its record"
            )),
            _ => Ok(false),
        }
    }

    fn write(&self, batch: &BatchRun, partitions: usize) -> Result<(), Error> {
        let time = batch.time;
        let failed = |cause: String| {
            let cause = format!("{}: {cause}", self.target);
            Error::Output { output: self.name.clone(), time, cause }
        };
        if self.is_committed(batch).map_err(failed)? {
            return Ok(());
        }
        self.ask(|sink| sink.begin(time)).map_err(failed)?;
        let parts = each_partition(batch, &self.name, partitions, |partition| {
            let failed = |cause: String| failed(format!("partition {partition}: {cause}"));
            let mut part = self.ask(|sink| sink.part(time, partition)).map_err(failed)?;
            let mut written = Ok(());
            self.parent.run(batch, partition, &mut |rows| {
                if written.is_ok() {
                    written = part.write(rows);
                }
                rows.clear();
            })?;
            written.and_then(|()| part.finish()).map_err(|cause| failed(cause.to_string()))?;
            Ok(part)
        })?;
        self.ask(|sink| sink.commit(time, parts)).map_err(failed)
    }
}

impl<T: Record, S: Sink<T>> Output for WriteTo<T, S> {
    fn open(&self) -> Result<(), String> {
        let opened = self.ask(|sink| {
            sink.open()?;
            sink.committed()
        });
        let committed = opened.map_err(|cause| format!("{}: {}: {cause}", self.name, self.target))?;
        if let Some(last) = committed {
            // A job is started once.
            let _ = self.committed.set(last);
        }
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Reads(self.parent.operator(), std::any::type_name::<T>())
    }

    fn description(&self) -> String {
        format!("{} to {}", describe::<T>(&self.name), self.target)
    }

    fn prepare<'a>(&'a self, batch: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        let partitions = self.parent.prepare(batch)?;
        Ok(partitions.map(|partitions| -> Rest<'a> { Box::new(move || self.run(batch, partitions.len())) }))
    }
}

impl<T: Record, S: Sink<T>> WriteTo<T, S> {
    fn run(&self, batch: &BatchRun, partitions: usize) -> Result<(), Error> {
        let written = self.write(batch, partitions);
        if written.is_err() {
            // The batch has failed already: that is the error to tell.
            let _ = self.ask(|sink| {
                sink.abort(batch.time);
                Ok(())
            });
        }
        written
    }
}

impl<T: Record> DStream<T> {
    /// Calls a function with the time, the number and the rows of every partition of a batch, several at a time, also
    /// of empty partitions. Partitions are counted from 0; how many there are is the stream's affair.
    ///
    /// It may return nothing, or a `Result` whose error ends the job. What the calls for other partitions have done by
    /// then is not undone: where that matters, write a [`Sink`] and use [`write_to`](Self::write_to).
    pub fn for_each_partition<O: Outcome>(&self, callback: impl Fn(Time, usize, Vec<T>) -> O + Send + Sync + 'static) {
        self.graph.add_output(Box::new(ForEachPartition {
            name: self.graph.name(None, "for_each_partition"),
            parent: self.read_by_one_more(),
            callback,
        }));
    }

    /// Writes every batch to a sink, as a whole or not at all: files, a channel, a server, a table in memory, or a sink
    /// of your own. Also empty batches; of a windowed stream, those of every slide.
    ///
    /// A target that cannot be written is an error of [`start`](crate::StreamingContext::start) if the sink can know
    /// that, and else of the batch; it names the output, the batch time, the target and the cause, and ends the job.
    ///
    /// ```no_run
    /// use streamgauge_stream::sink::Files;
    /// # use streamgauge_stream::DStream;
    /// # fn words(words: DStream<String>) {
    /// words.write_to(Files::text("out/words"));
    /// # }
    /// ```
    pub fn write_to(&self, sink: impl Sink<T>) {
        self.write_as("write_to", sink);
    }

    fn write_as(&self, kind: &str, sink: impl Sink<T>) {
        self.graph.add_output(Box::new(WriteTo {
            name: self.graph.name(None, kind),
            parent: self.read_by_one_more(),
            target: sink.target(),
            sink: Mutex::new(sink),
            committed: OnceLock::new(),
        }));
    }

    /// Prints the first ten rows of every batch on the standard output, below the batch's time.
    pub fn print(&self)
    where
        T: Debug,
    {
        self.print_first(10);
    }

    /// Prints the first rows of every batch on the standard output, below the batch's time; `...` if there are more.
    pub fn print_first(&self, rows: usize)
    where
        T: Debug,
    {
        self.write_as("print", Print::new(rows));
    }

    /// Keeps all rows in memory: for tests and small results. For the last result alone, give
    /// [`MemorySink::last`] to [`write_to`](Self::write_to).
    pub fn collect_to_memory(&self) -> MemorySink<T> {
        let sink = MemorySink::all();
        self.write_as("collect_to_memory", sink.clone());
        sink
    }
}
