//! The sinks: what all of them hold, through the conformance kit, and what each one adds.

#![allow(clippy::unwrap_used)]

mod channel;
mod conformance;
mod errors;
mod files;
#[cfg(feature = "csv")]
mod files_csv;
#[cfg(feature = "json")]
mod files_json;
#[cfg(feature = "parquet")]
mod files_parquet;
mod killed;
mod memory;
mod print;
mod recorded;
mod tcp;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use streamgauge_stream::source::Record;
use streamgauge_stream::{DStream, Error, Queue, Report, StreamingContext, Trigger};

/// A job whose batches, one a second from 1,000 ms on, have these partitions.
fn batches<T: Record>(batches: Vec<Vec<T>>, describe: impl FnOnce(&DStream<T>)) -> Result<Report, Error> {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    describe(&ctx.source(source.one_at_a_time()));
    batches.into_iter().for_each(|rows| assert!(queue.push(rows)));
    queue.close();
    ctx.start()?;
    ctx.await_termination()
}

/// A job of one batch at 1,000 ms, of these partitions.
fn partitions<T: Record>(partitions: Vec<Vec<T>>, describe: impl FnOnce(&DStream<T>)) -> Result<Report, Error> {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    describe(&ctx.source(source));
    partitions.into_iter().for_each(|rows| assert!(queue.push(rows)));
    queue.close();
    ctx.start()?;
    ctx.await_termination()
}

/// A folder that goes away with the test; it is not there at first.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("streamgauge-sinks-{}-{count}", std::process::id())))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}, but {:?}", self.names()))
    }

    /// The names of what is not hidden, in order.
    fn names(&self) -> Vec<String> {
        let Ok(folder) = fs::read_dir(&self.0) else {
            return Vec::new();
        };
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
