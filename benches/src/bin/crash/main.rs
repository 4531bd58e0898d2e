//! A job that is killed at random moments, and started again, must write what it writes undisturbed: to the byte.
//!
//! `cargo run --release -p streamgauge-benches --bin crash`; with `-- --wal` a job with a write-ahead log: every record that
//! it has acknowledged must be in its output once; with `--features kafka` also `-- --kafka`: then the job reads the same
//! events from a topic, which the process that kills it serves.

mod job;
#[cfg(feature = "kafka")]
mod kafka;
mod wal;

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Kills a job again and again, and holds its output against that of an undisturbed run.
#[derive(Debug, Parser)]
#[command(name = "crash")]
struct Flags {
    #[command(subcommand)]
    command: Option<Task>,

    /// How often the job is killed
    #[arg(long, default_value_t = 200)]
    kills: usize,

    /// The batches of the job; one that ends before all kills are done begins anew
    #[arg(long, default_value_t = 300)]
    batches: u64,

    /// The longest time from a start to a kill, in milliseconds; 150 unless set, and 600 with Kafka
    #[arg(long)]
    within: Option<u64>,

    /// The job reads from Kafka
    #[cfg(feature = "kafka")]
    #[arg(long)]
    kafka: bool,

    /// The seed of the moments
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Sends records to a job that acknowledges them, instead of one that can read them again
    #[arg(long)]
    wal: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// The job itself: what is killed
    Job {
        /// Where it writes, and where it is written down
        folder: PathBuf,
        batches: u64,
    },
    /// The job with a write-ahead log
    WalJob {
        folder: PathBuf,
        /// Who sends the records
        address: String,
    },
    /// The job that reads from Kafka
    #[cfg(feature = "kafka")]
    KafkaJob {
        /// Where it writes, and where it is written down
        folder: PathBuf,
        brokers: String,
    },
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let result = match &flags.command {
        Some(Task::Job { folder, batches }) => job::run(folder, *batches),
        Some(Task::WalJob { folder, address }) => wal::run(folder, address),
        None if flags.wal => wal::crash(flags.kills, flags.within.unwrap_or(150), flags.seed),
        #[cfg(feature = "kafka")]
        Some(Task::KafkaJob { folder, brokers }) => kafka::run(folder, brokers),
        #[cfg(feature = "kafka")]
        None if flags.kafka => kafka::serve(flags.batches).and_then(|broker| {
            let brokers = broker.bootstrap_servers();
            crash(&flags, 600, |folder| start(&["kafka-job".as_ref(), folder.as_os_str(), brokers.as_ref()]))
        }),
        None => crash(&flags, 150, |folder| {
            start(&["job".as_ref(), folder.as_os_str(), flags.batches.to_string().as_ref()])
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crash: {error}");
            ExitCode::FAILURE
        }
    }
}

fn crash(flags: &Flags, within: u64, start: impl Fn(&Path) -> io::Result<Child>) -> Result<(), Box<dyn Error>> {
    let within = flags.within.unwrap_or(within);
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let whole = folder.path().join("undisturbed");
    finish(&mut start(&whole)?)?;
    let expected = output(&whole)?;
    println!(
        "undisturbed: {} files, {} bytes, in {:.1?}",
        expected.len(),
        expected.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
        begun.elapsed()
    );
    // A row for each event: what all others are held against is whole itself.
    let totals = expected.iter().filter(|(name, _)| name.starts_with("total-"));
    let rows: usize = totals.map(|(_, bytes)| bytes.iter().filter(|byte| **byte == b'\n').count()).sum();
    if rows as u64 != flags.batches * job::BATCH {
        return Err(format!("the undisturbed job has {rows} of {} events", flags.batches * job::BATCH).into());
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(flags.seed);
    let (mut kills, mut jobs, mut in_the_middle) = (0, 0, 0);
    while kills < flags.kills {
        let killed = folder.path().join(format!("killed-{jobs}"));
        jobs += 1;
        loop {
            let mut child = start(&killed)?;
            if kills == flags.kills {
                finish(&mut child)?;
                break;
            }
            thread::sleep(Duration::from_micros(random.random_range(0..=1_000 * within)));
            if child.try_wait()?.is_some() {
                finish(&mut child)?;
                break;
            }
            // SIGKILL: the process has no chance to do anything more.
            child.kill()?;
            child.wait()?;
            kills += 1;
            let written = if killed.join("out").exists() { output(&killed)?.len() } else { 0 };
            in_the_middle += usize::from(written > 0);
        }
        let found = output(&killed)?;
        let same = found == expected;
        println!(
            "job {jobs}: {} files, {kills} kills so far, {}",
            found.len(),
            if same { "the same" } else { "DIFFERENT" }
        );
        if !same {
            let kept = folder.keep();
            return Err(format!(
                "{} differs from {}",
                kept.join(format!("killed-{}", jobs - 1)).display(),
                whole.display()
            )
            .into());
        }
        fs::remove_dir_all(&killed)?;
    }
    println!(
        "{kills} kills, {in_the_middle} of them after the first output, {jobs} jobs, {:.1?}: nothing lost, nothing twice",
        begun.elapsed()
    );
    Ok(())
}

/// This program again, to do this.
fn start(arguments: &[&OsStr]) -> io::Result<Child> {
    Command::new(std::env::current_exe()?).args(arguments).stdin(Stdio::null()).spawn()
}

fn finish(child: &mut Child) -> Result<(), Box<dyn Error>> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the job has ended with {status}").into()) }
}

/// The files that the job has written: their names and contents. Those of a commit that was cut off are hidden.
fn output(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.join("out"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            files.push((name, fs::read(entry.path())?));
        }
    }
    files.sort();
    Ok(files)
}
