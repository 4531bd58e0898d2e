//! Five workloads on the engine and on loops of two threads written by hand for them, in turn.
//!
//! `cargo run --release -p streamgauge-benches --bin workloads`
//!
//! Every turn is a process of its own, so that its most memory can be told. Both sides read the same records from
//! memory, two partitions a batch; the rows of every batch are folded, and the folds compared. How it is measured stands
//! in the book, under "Benchmarks".

mod engine;
mod hand;
mod mark;
mod race;
mod tally;
mod text;
mod windows;

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use clap::{Parser, Subcommand, ValueEnum};

use crate::mark::Batch;
use crate::tally::Tally;
use streamgauge_benches::input::Workload;

/// The batches of a window; it slides by one.
const PANES: usize = 60;

/// Runs five workloads on the engine and on loops written by hand, in turn.
#[derive(Debug, Parser)]
#[command(name = "workloads")]
struct Flags {
    /// Where the inputs are kept, some 500 MB; a folder in that for temporary files if not given
    #[arg(long, value_name = "FOLDER", global = true)]
    dir: Option<PathBuf>,

    /// How often each side is timed
    #[arg(long, default_value_t = 5, global = true)]
    rounds: usize,

    /// Few batches and two rounds: shows that the command works
    #[arg(long, global = true)]
    short: bool,

    /// Only these workloads; all if not given
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Workload>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Windows of ten panes and of ten thousand: merges and time per slide
    Windows,
    /// A turn of one side: what the others are made of
    Turn { side: Side, workload: Workload, batches: usize },
}

/// A side of the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Engine,
    Hand,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Hand => "hand",
        }
    }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

/// Runs one side and writes a line for each batch, then the most memory that the process has held, in KiB.
fn turn(folder: &Path, side: Side, workload: Workload, batches: usize) -> Result<(), Box<dyn Error>> {
    let done = match side {
        Side::Engine => engine::run(workload, folder, batches)?,
        Side::Hand => hand::run(workload, folder, batches)?,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for Batch { time, processor, tally: Tally { rows, sum, check } } in done {
        writeln!(out, "{} {} {rows} {sum} {check}", time.as_nanos(), processor.as_nanos())?;
    }
    writeln!(out, "{}", peak_kib().unwrap_or_default())?;
    Ok(out.flush()?)
}

/// The most memory that this process has held, as Linux has it in `VmHWM`.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn run(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let folder = flags.dir.clone().unwrap_or_else(|| env::temp_dir().join("streamgauge-workloads"));
    match flags.command {
        Some(Command::Turn { side, workload, batches }) => return turn(&folder, side, workload, batches),
        Some(Command::Windows) => return Ok(windows::measure(flags.rounds, flags.short)?),
        None => {}
    }
    fs::create_dir_all(&folder)?;
    let workloads = if flags.only.is_empty() { &Workload::ALL[..] } else { &flags.only };
    let rounds = if flags.short { 2 } else { flags.rounds.max(1) };
    for &workload in workloads {
        workload.make(&folder)?;
        race::race(workload, &folder, rounds, flags.short)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
