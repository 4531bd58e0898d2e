//! What the tests of the sources share.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use streamgauge_stream::source::{Limit, Next, Partition};
use streamgauge_stream::{Listener, ManualClock, Source, SourceError, StreamingContext, Time, Trigger, secs};

/// A directory that goes away with the test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("streamgauge-sources-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file, the older the smaller its age in seconds since the epoch.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>, age: u64) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A job of all that is available.
pub(crate) fn available(threads: usize) -> StreamingContext {
    StreamingContext::builder("test").trigger(Trigger::Available).threads(threads).build()
}

/// A job that begins at second 1,000 with a batch a second.
pub(crate) fn every_second() -> (StreamingContext, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Time::from_secs(1_000)));
    let ctx = StreamingContext::builder("test").clock(clock.clone()).batch_interval(secs(1)).threads(2).build();
    (ctx, clock)
}

/// Lets a second pass, and waits for its batch.
pub(crate) fn tick(ctx: &StreamingContext, clock: &ManualClock) {
    use streamgauge_stream::Clock;
    clock.advance(secs(1));
    assert!(ctx.await_batch(clock.now()), "the job has ended: {:?}", ctx.await_termination());
}

/// A source read by hand, batch by batch.
pub(crate) struct ByHand<S: Source> {
    pub(crate) source: S,
    at: S::Position,
}

impl<S: Source> ByHand<S> {
    pub(crate) fn new(source: S) -> Self {
        let at = source.start();
        Self { source, at }
    }

    /// The partitions of the next batch, and what comes after it.
    pub(crate) fn batch(&mut self, wait: bool) -> Result<(Vec<Vec<S::Item>>, Next), SourceError> {
        let plan = self.source.plan(&self.at, Limit::new(Time::from_secs(1), wait))?;
        let partitions = self.source.read(&self.at, &plan.to)?;
        self.at = plan.to;
        let read = |partition: &dyn Partition<S::Item>| {
            let mut records = Vec::new();
            partition.read(&mut |chunk| records.append(chunk)).map(|()| records)
        };
        Ok((partitions.iter().map(|partition| read(&**partition)).collect::<Result<_, _>>()?, plan.next))
    }

    /// The next warnings, as soon as there are any. What comes meanwhile is kept in `records`.
    pub(crate) fn warnings(&mut self, records: &mut Vec<S::Item>) -> Vec<String> {
        loop {
            let (partitions, _) = self.batch(false).unwrap();
            records.extend(partitions.into_iter().flatten());
            let warnings = self.source.take_warnings();
            if !warnings.is_empty() {
                // What came before the warning, but after the batch.
                let (partitions, _) = self.batch(false).unwrap();
                records.extend(partitions.into_iter().flatten());
                return warnings.iter().map(ToString::to_string).collect();
            }
            std::thread::yield_now();
        }
    }
}

/// Keeps the warnings of a job.
#[derive(Default)]
pub(crate) struct Warned(pub(crate) Mutex<Vec<String>>);

impl Listener for Warned {
    fn on_source_warning(&self, source: &str, warning: &SourceError) {
        self.0.lock().unwrap().push(format!("{source}|{warning}"));
    }
}
