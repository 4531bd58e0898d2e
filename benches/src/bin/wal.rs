//! What a write-ahead log costs: records a second through a job, without one, with one, and acknowledged.
//!
//! `cargo run --release -p streamgauge-benches --bin wal`

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use streamgauge::prelude::*;
use streamgauge::stream::recovery::{Append, LocalFolder, Storage};
use streamgauge::stream::{Receiver, ReceiverHandle, ReceiverSource};

/// Measures what a write-ahead log costs.
#[derive(Debug, Parser)]
#[command(name = "wal")]
struct Flags {
    /// How many records go through the job
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,

    /// How often each is measured; the best counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Where the log is written; the system's folder for what is temporary unless set
    #[arg(long)]
    folder: Option<PathBuf>,
}

type Reading = (u64, u32, f64);

/// Stores readings, and waits after every so many until they are durable.
struct Readings {
    records: u64,
    acknowledged_every: Option<u64>,
}

impl Receiver for Readings {
    type Item = Reading;

    fn name(&self) -> String {
        "readings".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<Reading>) -> Result<(), SourceError> {
        for n in 0..self.records {
            handle.store((n, (n % 1_000) as u32, n as f64 * 0.5))?;
            if self.acknowledged_every.is_some_and(|every| n % every == every - 1) {
                handle.sync()?;
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    println!("{} records of 14 bytes in the log, a batch as soon as there is something", flags.records);
    for (name, logged, acknowledged_every) in [
        ("no checkpoints, no log", false, None),
        ("write-ahead log", true, None),
        ("  acknowledged by 10,000", true, Some(10_000)),
        ("  acknowledged by 1,000", true, Some(1_000)),
        ("  acknowledged one by one", true, Some(1)),
    ] {
        let records = if acknowledged_every == Some(1) { flags.records / 1_000 } else { flags.records };
        let mut best: Option<(f64, u64, u64)> = None;
        for _ in 0..flags.rounds {
            let found = run(&flags, Readings { records, acknowledged_every }, logged)?;
            best = best.filter(|best| best.0 >= found.0).or(Some(found));
        }
        if let Some((rate, batches, syncs)) = best {
            println!("{name:28} {rate:12.0} records/s {batches:6} batches {syncs:6} syncs of the log");
        }
    }
    Ok(())
}

/// Records a second, batches, syncs of the log.
fn run(flags: &Flags, readings: Readings, logged: bool) -> Result<(f64, u64, u64), Box<dyn Error>> {
    let folder = match &flags.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let records = readings.records;
    let counting = Counting { folder: Arc::new(LocalFolder::new(folder.path())), syncs: Arc::default() };
    let syncs = counting.syncs.clone();
    let mut settings = StreamingContext::builder("readings").trigger(Trigger::AsSoonAsPossible);
    if logged {
        settings = settings.checkpoint_storage(counting);
    }
    let ctx = settings.build();
    let counts = ctx.source(ReceiverSource::new(readings).logged()).summarize(|on| on.count()).collect_to_memory();
    let begun = Instant::now();
    let report = ctx.run()?;
    let elapsed = begun.elapsed().as_secs_f64();
    let counted: u64 = counts.rows().iter().map(|count| count.count()).sum();
    if counted != records {
        return Err(format!("{counted} of {records} records were counted").into());
    }
    Ok((records as f64 / elapsed, report.batches, syncs.load(Ordering::Acquire)))
}

/// A folder that counts the syncs of write-ahead logs.
#[derive(Debug)]
struct Counting {
    folder: Arc<LocalFolder>,
    syncs: Arc<AtomicU64>,
}

impl Storage for Counting {
    fn place(&self) -> String {
        self.folder.place()
    }

    fn open(&self) -> io::Result<()> {
        self.folder.open()
    }

    fn close(&self) {
        self.folder.close();
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.folder.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.folder.read(name)
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        self.folder.write(name, pieces)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = self.folder.create(name)?;
        Ok(if name.starts_with("wal-") { Box::new(Counted(file, self.syncs.clone())) } else { file })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }
}

struct Counted(Box<dyn Append>, Arc<AtomicU64>);

impl Append for Counted {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.fetch_add(1, Ordering::AcqRel);
        self.0.sync()
    }
}
