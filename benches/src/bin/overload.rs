//! A job to which more comes than it can work off: its memory and its delay must stay bounded.
//!
//! `cargo run --release -p streamgauge-benches --bin overload`
//!
//! What the job can do is measured first. Then a source offers it so much more, with backpressure; and then a receiver
//! pushes as fast as it can, with a bound on what waits. Memory is what Linux has as `VmRSS`; on other systems it is not
//! told, and not held to a bound. The bound on the delay is for a machine that has nothing else to do: a rate is learnt
//! from the batch before, and what another process takes away meanwhile makes the next one late.

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use streamgauge::prelude::*;
use streamgauge::stream::ReceiverSource;

/// How much more memory the second half of a run may have than the first: a share, and MB.
const GROWTH: (f64, f64) = (1.1, 16.0);

/// The part of a run in which the rate is still being learnt.
const WARM_UP: f64 = 0.1;

/// Offers a job more than it can work off, and holds its memory and its delay to bounds.
#[derive(Debug, Parser)]
#[command(name = "overload")]
struct Flags {
    /// How long the job is overloaded; a fifth of it more, three seconds at least, with a receiver
    #[arg(long, default_value_t = 300)]
    seconds: u64,

    /// How many times as much is offered as the job can do
    #[arg(long, default_value_t = 2.0)]
    times: f64,

    /// The batch interval, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    interval: u64,

    /// The longest delay from when a batch is due until it is done, in batch intervals
    #[arg(long, default_value_t = 3.0)]
    delay: f64,

    /// The bound on what waits, in MB
    #[arg(long, default_value_t = 64)]
    pending: u64,

    /// Threads of the job
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// The work on a record: some microseconds.
fn work(record: u64) -> u64 {
    (0..2_000).fold(record, |mixed, _| (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9))
}

/// What is computed: the work, and a window by key.
fn describe(records: &DStream<u64>) -> Arc<AtomicU64> {
    let done = Arc::new(AtomicU64::new(0));
    let counter = done.clone();
    let worked = records.map(work);
    let keys = worked.map(|mixed| mixed % 1_000);
    keys.key_by(|key| key).window(secs(10), secs(1)).summarize(|on| on.count()).for_each_batch(|_, _| {});
    worked.for_each_batch(move |_, batch| batch.count().map(|n| counter.fetch_add(n, Ordering::Relaxed)).map(drop));
    done
}

/// How many records a second the job can do.
fn capacity(flags: &Flags) -> Result<f64, Box<dyn Error>> {
    let timed = |records: u64| -> Result<f64, Box<dyn Error>> {
        let ctx = StreamingContext::builder("calibration").trigger(Trigger::Available).threads(flags.threads).build();
        describe(&ctx.source(Rate::per_second(20_000).records(records)).map(|(n, _)| n));
        let begun = Instant::now();
        ctx.start()?;
        ctx.await_termination()?;
        Ok(records as f64 / begun.elapsed().as_secs_f64())
    };
    // Once to see how many records are a second. The best of some: another process may have been in the way.
    let second = timed(40_000)? as u64;
    (0..3).map(|_| timed(second)).try_fold(0.0, |best: f64, rate| Ok(best.max(rate?)))
}

/// What the process holds, in MB; none where there is no such file.
fn memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1e3)
}

/// What was seen after a batch.
#[derive(Clone, Copy)]
struct Seen {
    after: Duration,
    memory: Option<f64>,
    delay: Duration,
    records: u64,
    limit: Option<f64>,
    pending: u64,
}

/// Watches a job.
struct Watch {
    begun: Instant,
    seen: Mutex<Vec<Seen>>,
}

impl Listener for Watch {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let seen = Seen {
            after: self.begun.elapsed(),
            memory: memory(),
            delay: batch.total_delay(),
            records: batch.records,
            limit: batch.sources[0].rate_limit,
            pending: batch.sources[0].pending.map_or(0, |pending| pending.bytes),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

/// Lets a job run for some seconds, then stops it, and gives what was seen until then.
fn watched(ctx: &StreamingContext, seconds: u64) -> Result<(Vec<Seen>, Report), Box<dyn Error>> {
    let watch = Arc::new(Watch { begun: Instant::now(), seen: Mutex::default() });
    ctx.add_listener(watch.clone());
    ctx.start()?;
    let ended = ctx.await_termination_for(Duration::from_secs(seconds))?;
    let seen = watch.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ctx.stop();
    if ended.is_some() {
        return Err("the job has ended by itself".into());
    }
    Ok((seen, ctx.await_termination()?))
}

/// Prints what was seen, and what of it is out of bounds.
fn judge(seen: &[Seen], flags: &Flags) -> Vec<String> {
    println!("   seconds   records   limit/s   delay ms   pending MB   memory MB");
    let megabytes = |memory: Option<f64>| memory.map_or("-".to_owned(), |mb| format!("{mb:.1}"));
    for some in seen.chunks(seen.len().div_ceil(20).max(1)) {
        let Some(last) = some.last() else { continue };
        let worst = some.iter().map(|seen| seen.delay).max().unwrap_or_default();
        println!(
            "{:>10.1} {:>9} {:>9.0} {:>10} {:>12.1} {:>11}",
            last.after.as_secs_f64(),
            last.records,
            last.limit.unwrap_or(f64::INFINITY),
            worst.as_millis(),
            some.iter().map(|seen| seen.pending).max().unwrap_or_default() as f64 / 1e6,
            megabytes(some.iter().filter_map(|seen| seen.memory).reduce(f64::max)),
        );
    }
    let warm = &seen[(seen.len() as f64 * WARM_UP).ceil() as usize..];
    let delay = warm.iter().map(|seen| seen.delay).max().unwrap_or_default();
    let (first, second) = warm.split_at(warm.len() / 2);
    let most = |half: &[Seen]| half.iter().filter_map(|seen| seen.memory).reduce(f64::max);
    println!(
        "  longest delay {delay:?}, most memory {} MB, then {} MB",
        megabytes(most(first)),
        megabytes(most(second))
    );
    let mut broken = Vec::new();
    let bound = Duration::from_millis(flags.interval).mul_f64(flags.delay);
    if delay > bound {
        broken.push(format!("the delay was {delay:?}, and was to be {bound:?} at most"));
    }
    if let (Some(first), Some(second)) = (most(first), most(second))
        && second > first * GROWTH.0 + GROWTH.1
    {
        broken.push(format!("memory grew from {first:.1} to {second:.1} MB"));
    }
    if warm.len() < 4 {
        broken.push(format!("only {} batches ran", seen.len()));
    }
    broken
}

fn builder(flags: &Flags) -> streamgauge::stream::ContextBuilder {
    let interval = Duration::from_millis(flags.interval);
    StreamingContext::builder("overload").threads(flags.threads).batch_interval(interval)
}

/// A source that has a given number of records every second, and keeps what is not read, as a log of messages does.
fn backpressure(flags: &Flags, capacity: f64) -> Result<Vec<String>, Box<dyn Error>> {
    let offered = (flags.times * capacity) as u64;
    println!("Backpressure: {offered} records a second for {} s", flags.seconds);
    let ctx = builder(flags).backpressure(PidRateEstimator::new).build();
    let done = describe(&ctx.source(Rate::per_second(offered)).map(|(n, _)| n));
    let (seen, report) = watched(&ctx, flags.seconds)?;
    let mut broken = judge(&seen, flags);
    let share = done.load(Ordering::Relaxed) as f64 / report.elapsed.as_secs_f64() / capacity;
    println!("  {:.2} of what the job can do", share);
    if done.load(Ordering::Relaxed) != report.records {
        broken.push("records were lost".to_owned());
    }
    Ok(broken)
}

/// A thread that pushes as fast as it can, and is made to wait.
struct Flood(Arc<AtomicU64>);

impl Receiver for Flood {
    type Item = [u64; 16];

    fn name(&self) -> String {
        "flood".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<[u64; 16]>) -> Result<(), SourceError> {
        loop {
            handle.store([self.0.load(Ordering::Relaxed); 16])?;
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn bounded_bytes(flags: &Flags) -> Result<Vec<String>, Box<dyn Error>> {
    let (seconds, bound) = (flags.seconds.div_ceil(5).max(3), flags.pending * 1_000_000);
    println!("A receiver that pushes as fast as it can, {} MB, for {seconds} s", flags.pending);
    let ctx = builder(flags).backpressure(PidRateEstimator::new).max_pending_bytes(bound).build();
    let stored = Arc::new(AtomicU64::new(0));
    let done = describe(&ctx.source(ReceiverSource::new(Flood(stored.clone()))).map(|record| record[0]));
    let (seen, _) = watched(&ctx, seconds)?;
    let mut broken = judge(&seen, flags);
    let most = seen.iter().map(|seen| seen.pending).max().unwrap_or_default();
    if most > bound / 2 {
        broken.push(format!("{most} bytes waited, of {bound} that there may be with those of the batch"));
    }
    let (stored, done) = (stored.load(Ordering::Relaxed), done.load(Ordering::Relaxed));
    println!("  {stored} records stored, {done} worked off when the job had stopped");
    if stored != done {
        broken.push(format!("of {stored} records {done} were worked off"));
    }
    Ok(broken)
}

fn bench(flags: &Flags) -> Result<Vec<String>, Box<dyn Error>> {
    let capacity = capacity(flags)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!("The job can do {capacity:.0} records a second, with {} threads on {cores} cores", flags.threads);
    let mut broken = backpressure(flags, capacity)?;
    broken.extend(bounded_bytes(flags)?);
    Ok(broken)
}

fn main() -> ExitCode {
    match bench(&Flags::parse()) {
        Ok(broken) if broken.is_empty() => {
            println!("All bounds hold");
            ExitCode::SUCCESS
        }
        Ok(broken) => {
            broken.iter().for_each(|bound| eprintln!("BROKEN: {bound}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
