//! A job that is offered twice what it can work off, and sheds: is it in time, and do its intervals hold?
//!
//! `cargo run --release -p streamgauge-benches --bin shed -- --seconds 300`
//!
//! First it is measured how many records a second the job's threads can work off; twice as many are then made by a
//! generator that knows every count, sum and mean. The job shows these by key and second, each with an interval of 95 %.
//! Ends with an error if fewer of the sampled intervals hold than should, if a whole one is not exact, if batches are
//! late, or if memory grows.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use streamgauge::prelude::*;
use streamgauge::stream::monitor::OperatorInfo;
use streamgauge::stream::testing::Recorder;

/// Overloads a job that sheds, and checks what it shows.
#[derive(Debug, Parser)]
#[command(name = "shed")]
struct Flags {
    /// Seconds of input
    #[arg(long, default_value_t = 300)]
    seconds: u64,

    /// How many times what the job can work off it is offered
    #[arg(long, default_value_t = 2.0)]
    times: f64,

    /// Threads of the job
    #[arg(long, default_value_t = 2)]
    threads: usize,

    /// The lowest fraction to keep
    #[arg(long, default_value_t = 0.02)]
    floor: f64,

    /// Fail if a batch was done later than this many seconds after it was due, the first five batches aside
    #[arg(long, default_value_t = 5.0)]
    latest: f64,

    /// Fail if the process has held more than this many MB
    #[arg(long, default_value_t = 150)]
    at_most: u64,
}

/// About the microseconds that a record takes.
const COST: f64 = 30.0;
/// Sources, so that there is work for several threads.
const SOURCES: u64 = 4;
/// The batches in which the job learns of the overload.
const LEARNING: usize = 5;

/// Eight frequent keys, the first of them half of all; and thirty rare ones.
fn record(source: u64, number: u64) -> (u32, f64) {
    let hash = |salt: u64| {
        let mut z = (number * SOURCES + source).wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let kind = hash(1);
    let key = match kind % 1_000 {
        0..6 => 100 + kind / 1_000 % 30,
        6..500 => 0,
        _ => 1 + kind / 1_000 % 7,
    };
    // Exponential, about a level that goes with the key.
    let uniform = ((hash(1 << 40) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    (key as u32, -uniform.ln() * 100.0 * (1 + key % 5) as f64)
}

/// What the job does with each record that it keeps.
fn work(rounds: u64) {
    let mut state = black_box(rounds);
    for _ in 0..rounds {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(23) ^ 0x1405_7b7e_f767_814f;
    }
    black_box(state);
}

/// The rounds of work that a record takes, and how many records a second all threads work off.
fn calibrate(threads: usize) -> (u64, f64) {
    const TRIAL: u64 = 50_000_000;
    let started = Instant::now();
    work(TRIAL);
    let rounds = (TRIAL as f64 * COST / 1e6 / started.elapsed().as_secs_f64()) as u64;
    let a_second = || {
        let (started, mut records) = (Instant::now(), 0_u64);
        while started.elapsed() < Duration::from_secs(1) {
            work(rounds);
            records += 1;
        }
        records
    };
    let records: u64 = thread::scope(|scope| {
        let helpers: Vec<_> = (0..threads).map(|_| scope.spawn(a_second)).collect();
        helpers.into_iter().map(|helper| helper.join().unwrap_or(0)).sum()
    });
    (rounds, records as f64)
}

/// The most memory that this process has held, in MB; none where there is no `/proc`.
fn peak_mb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024 / 1_000_000)
}

/// How many intervals of a kind hold.
#[derive(Debug, Default)]
struct Coverage {
    holding: u64,
    sampled: u64,
    exact: u64,
    wrong: u64,
}

impl Coverage {
    fn add(&mut self, estimate: &Estimate, truth: f64) {
        // Floats of another order of addition.
        let near = |a: f64| (a - truth).abs() <= 1e-9 * truth.abs();
        if estimate.is_exact() {
            self.exact += 1;
            self.wrong += u64::from(!near(estimate.value));
        } else {
            self.sampled += 1;
            self.holding += u64::from(estimate.contains(truth));
        }
    }

    /// What is wrong, if anything is: at 95 %, fewer hold once in ten thousand times.
    fn problem(&self, of: &str) -> Option<String> {
        let n = self.sampled as f64;
        let least = 0.95 * n - 3.7 * (0.95 * 0.05 * n).sqrt();
        match () {
            () if self.wrong > 0 => Some(format!("{} exact {of} are not", self.wrong)),
            () if (self.holding as f64) < least => Some(format!("{} of {n} {of} hold", self.holding)),
            () => None,
        }
    }
}

type Shown = ((u32, (Estimate, Estimate, Estimate)), Time);

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let (rounds, capacity) = calibrate(flags.threads);
    let rate = (capacity * flags.times / SOURCES as f64).max(1.0) as u64;
    println!(
        "{} threads work off {capacity:.0} records/s; {} records/s are offered for {} s",
        flags.threads,
        rate * SOURCES,
        flags.seconds
    );
    let ctx = StreamingContext::builder("overload").threads(flags.threads).build();
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    let sources = (0..SOURCES).map(|id| {
        let source = Rate::per_second(rate).records(rate * flags.seconds);
        ctx.source(source).map(move |(number, at)| (record(id, number), at))
    });
    let Some(records) = sources.reduce(|all, one| all.union(&one)) else {
        return Err("no sources".into());
    };
    let worked = records.shed(|((key, _), _)| key, flags.floor).map(move |record| {
        work(rounds);
        record
    });
    let shown = worked
        .event_time(|(_, at)| at.millis(), Duration::ZERO)
        .key_by(|((key, _), _)| key)
        .tumbling(secs(1))
        .summarize(|on| (on.count(), on.sum(|((_, x), _)| *x), on.mean(|((_, x), _)| *x)))
        .map(|window| (window.value, window.start))
        .collect_to_memory();
    ctx.run()?;
    judge(flags, rate, &shown.rows(), &recorder.batches())
}

/// Prints what was measured; an error if a bound is broken.
fn judge(flags: &Flags, rate: u64, shown: &[Shown], batches: &[BatchInfo]) -> Result<(), Box<dyn Error>> {
    let mut problems = Vec::new();
    let Some(begun) = shown.iter().map(|(_, start)| *start).min() else {
        return Err("the job has shown nothing".into());
    };
    let mut of: [Coverage; 3] = Default::default();
    let mut by_window: BTreeMap<Time, Vec<_>> = BTreeMap::new();
    shown.iter().for_each(|(row, start)| by_window.entry(*start).or_default().push(row));
    for (start, rows) in &by_window {
        let second = start.since(begun).as_secs();
        let mut truth: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for source in 0..SOURCES {
            for number in second * rate..(second + 1) * rate {
                let (key, x) = record(source, number);
                let (count, sum) = truth.entry(key).or_default();
                (*count, *sum) = (*count + 1.0, *sum + x);
            }
        }
        for (key, (count, sum, mean)) in rows {
            let (n, total) = truth.get(key).copied().unwrap_or_default();
            // Sums and means are asked for where some twenty-five records were kept; by what the count is said to err.
            let few = (count.upper - count.value) > 0.4 * count.value;
            of[0].add(count, n);
            if !few {
                of[1].add(sum, total);
                of[2].add(mean, total / n);
            }
        }
    }
    for (name, coverage) in ["counts", "sums", "means"].iter().zip(&of) {
        println!(
            "{name}: {} of {} sampled intervals hold ({:.2} %), {} are exact",
            coverage.holding,
            coverage.sampled,
            100.0 * coverage.holding as f64 / coverage.sampled.max(1) as f64,
            coverage.exact
        );
        problems.extend(coverage.problem(name));
    }
    let seconds = batches.len().div_ceil(20).max(1);
    let kept: Vec<String> =
        batches.iter().step_by(seconds).map(|b| format!("{:.2}", b.sampled.unwrap_or(1.0))).collect();
    println!("kept, every {seconds} s: {}", kept.join(" "));
    let shed = batches.iter().flat_map(|batch| &batch.operators).filter(|operator| operator.kind == "shed");
    let (offered, kept) =
        shed.fold((0, 0), |(a, b), OperatorInfo { rows_in, rows_out, .. }| (a + rows_in, b + rows_out));
    println!("{kept} of {offered} records kept, {:.1} %", 100.0 * kept as f64 / offered.max(1) as f64);
    if kept == offered {
        problems.push("nothing was shed".to_owned());
    }
    let learned = batches.iter().skip(LEARNING.min(batches.len() / 2));
    let latest = learned.map(BatchInfo::total_delay).max().unwrap_or_default();
    let middle = batches.iter().map(BatchInfo::total_delay).collect::<Vec<_>>();
    println!("batches are done {:.2} s after they are due at most, {:.2} s at first", latest.as_secs_f64(), {
        middle.iter().take(LEARNING).max().copied().unwrap_or_default().as_secs_f64()
    });
    if latest.as_secs_f64() > flags.latest {
        problems.push(format!("a batch is done {:.1} s after it was due", latest.as_secs_f64()));
    }
    match peak_mb() {
        Some(peak) => {
            println!("{peak} MB at most");
            if peak > flags.at_most {
                problems.push(format!("{peak} MB were held"));
            }
        }
        None => println!("memory not measured on this system"),
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ").into()) }
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
