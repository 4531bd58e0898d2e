//! The weblog job beside a loop written by hand for it: the same file, the same parser, the same summaries, the same
//! answers, in turn.
//!
//! `cargo run --release -p streamgauge-benches --bin weblog`
//!
//! Also timed are two floors: reading the file, and parsing it. The first malformed lines of the log are told on the
//! standard error in every run of the job, as it is its way.

mod check;
mod hand;
mod text;

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use std::{env, fs, process};

use clap::Parser;
use streamgauge_benches::median;
use streamgauge_examples::weblog::{Input, Options, Output, Site, parse, run};

use crate::hand::Tally;
use crate::text::Text;

/// What the threads that do no more than read or parse take at once.
const BLOCK: u64 = 2 << 20;

/// How often each floor is timed.
const FLOOR_ROUNDS: usize = 3;

/// Times the weblog job beside a loop written by hand: the same parser, the same summaries, the same answers.
#[derive(Debug, Parser)]
#[command(name = "weblog")]
struct Flags {
    /// Lines of the synthetic site's log
    #[arg(long, default_value_t = 5_000_000)]
    lines: u64,

    /// Its requests per second of event time
    #[arg(long, default_value_t = 2_000.0)]
    rate: f64,

    /// How often each side is timed
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Threads of each side
    #[arg(long, default_value_t = 2)]
    threads: usize,

    /// The seed of the log and of the hashes
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Write the log to this file and keep it; it is temporary if not given
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

/// Where the log is.
struct Log {
    path: PathBuf,
    is_temporary: bool,
}

impl Log {
    fn write(flags: &Flags) -> io::Result<Self> {
        let temporary = || env::temp_dir().join(format!("streamgauge-weblog-{}.log", process::id()));
        let log = Self { path: flags.keep.clone().unwrap_or_else(temporary), is_temporary: flags.keep.is_none() };
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&log.path)?);
        Site::new(flags.seed, flags.rate).write_log(flags.lines, &mut out)?;
        out.flush()?;
        Ok(log)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.is_temporary {
            // Nobody is left to be told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where a side writes: memory, because what it has written is compared.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs something and gives the seconds it took.
fn timed<R, E>(run: impl FnOnce() -> Result<R, E>) -> Result<(f64, R), E> {
    let begun = Instant::now();
    let result = run()?;
    Ok((begun.elapsed().as_secs_f64(), result))
}

/// One side's turn: the seconds it took and what it has written.
struct Turn<R> {
    seconds: f64,
    output: Vec<u8>,
    result: R,
}

fn by_job(options: &Options) -> Result<Turn<()>, Box<dyn Error>> {
    let sink = Sink::default();
    let (seconds, result) = timed(|| run(options, sink.clone()))?;
    Ok(Turn { seconds, output: sink.take(), result })
}

fn by_hand(path: &Path, options: &Options) -> Result<Turn<Tally>, Box<dyn Error>> {
    let sink = Sink::default();
    let (seconds, result) = timed(|| hand::run(path, options, sink.clone()))?;
    Ok(Turn { seconds, output: sink.take(), result })
}

/// Reads the file and counts its line ends.
fn read_only(path: &Path, threads: usize) -> io::Result<u64> {
    let lines = AtomicU64::new(0);
    Text::new(path)?.each_block(threads, BLOCK, |_, range, reader| {
        reader.pieces(range, |bytes| {
            let here = memchr::memchr_iter(b'\n', bytes).count();
            lines.fetch_add(here as u64, Ordering::Relaxed);
        })
    })?;
    Ok(lines.into_inner())
}

/// Reads the file and parses its lines.
fn parse_only(path: &Path, options: &Options) -> io::Result<()> {
    Text::new(path)?.each_block(options.threads, BLOCK, |_, range, reader| {
        reader.lines(range, |line| {
            black_box(parse(line, options.format).ok());
        })
    })
}

/// The median time of something that is as fast as it gets.
fn floor<R>(run: impl Fn() -> io::Result<R>) -> io::Result<f64> {
    let times: io::Result<Vec<f64>> = (0..FLOOR_ROUNDS).map(|_| timed(&run).map(|(seconds, _)| seconds)).collect();
    Ok(median(&times?))
}

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let log = Log::write(flags)?;
    let options = Options {
        inputs: vec![Input::Path(log.path.clone())],
        once: true,
        seed: flags.seed,
        output: Output::Jsonl,
        threads: flags.threads.max(1),
        ..Options::default()
    };
    let lines = read_only(&log.path, options.threads)?;
    println!(
        "{lines} lines, {:.0} MB, {} per event second, {} threads",
        fs::metadata(&log.path)?.len() as f64 / 1e6,
        flags.rate,
        options.threads
    );

    let (job, hand) = (by_job(&options)?, by_hand(&log.path, &options)?);
    check::same_answers(&job.output, &hand.output, hand.result)?;
    let Tally { malformed, late, windows, .. } = hand.result;
    println!("same answers: {windows} windows, {malformed} lines malformed, {late} late");

    let millions = |seconds: f64| lines as f64 / seconds / 1e6;
    println!("round        job    M lines/s       hand    M lines/s   job/hand");
    let (mut jobs, mut hands, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=flags.rounds.max(1) {
        let (job, hand) = (by_job(&options)?, by_hand(&log.path, &options)?);
        check::same_answers(&job.output, &hand.output, hand.result)?;
        let (a, b) = (job.seconds, hand.seconds);
        println!("{round:>5}  {a:>7.3} s  {:>11.2}  {b:>7.3} s  {:>11.2}  {:>9.3}", millions(a), millions(b), a / b);
        jobs.push(a);
        hands.push(b);
        ratios.push(a / b);
    }
    let (job, hand) = (median(&jobs), median(&hands));
    println!(
        "job/hand: median {:.3}, lowest {:.3}, highest {:.3}",
        median(&ratios),
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max)
    );

    let floors = [
        ("read", floor(|| read_only(&log.path, options.threads))?),
        ("read and parse", floor(|| parse_only(&log.path, &options))?),
        ("by hand", hand),
        ("job", job),
    ];
    println!("median                  M lines/s   of hand    of job");
    for (what, seconds) in floors {
        println!(
            "{what:<14}  {seconds:>6.3} s  {:>8.2}  {:>6.1} %  {:>6.1} %",
            millions(seconds),
            100.0 * seconds / hand,
            100.0 * seconds / job
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match bench(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
