//! What a batch costs in which nothing came: the engine's own work.
//!
//! `cargo run --release -p streamgauge-benches --bin empty_batch`

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use streamgauge::prelude::*;
use streamgauge::stream::source::{Limit, Next, Partition, Plan};
use streamgauge_benches::median;

/// What a batch of 50 operators may cost, in microseconds.
const GOAL: f64 = 100.0;

/// The batches before those that are timed.
const WARM_UP: usize = 1_000;

/// Times batches in which nothing came, of jobs of 50 operators.
#[derive(Debug, Parser)]
#[command(name = "empty_batch")]
struct Flags {
    /// The batches that are timed
    #[arg(long, default_value_t = 20_000)]
    batches: usize,

    /// Threads of the job
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// A source of which nothing comes; it takes note of the time when it is asked.
struct Silence {
    batches: usize,
    asked: Arc<Mutex<Vec<Instant>>>,
}

impl Source for Silence {
    type Item = u64;
    type Position = ();

    fn name(&self) -> String {
        "silence".to_owned()
    }

    fn start(&self) {}

    fn plan(&mut self, (): &(), _: Limit) -> Result<Plan<()>, SourceError> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(Instant::now());
        Ok(Plan { to: (), next: if asked.len() > self.batches { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, (): &(), (): &()) -> Result<Vec<Box<dyn Partition<u64>>>, SourceError> {
        Ok(Vec::new())
    }
}

/// One chain of 49 operators and an output.
fn chain(numbers: &DStream<u64>) {
    let end = (0..49).fold(numbers.clone(), |stream, i| stream.map(move |x| x ^ i));
    end.for_each_batch(|_, _| {});
}

/// Ten branches of five: filter, map, a window by key, map, an output.
fn branches(numbers: &DStream<u64>) {
    for i in 0..10 {
        numbers
            .filter(move |x| x % 10 == i)
            .map(|x| (x % 100, x))
            .key_by(|(key, _)| key)
            .window(secs(60), secs(1))
            .summarize(|on| on.count())
            .map(|(key, count)| (key, count.value))
            .for_each_batch(|_, _| {});
    }
}

/// The median time of an empty batch, in microseconds.
fn measure(flags: &Flags, describe: impl Fn(&DStream<u64>)) -> Result<f64, Box<dyn Error>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let ctx = StreamingContext::builder("empty").trigger(Trigger::Available).threads(flags.threads).build();
    describe(&ctx.source(Silence { batches: WARM_UP + flags.batches, asked: asked.clone() }));
    ctx.start()?;
    ctx.await_termination()?;
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let times: Vec<f64> = asked.windows(2).skip(WARM_UP).map(|at| (at[1] - at[0]).as_secs_f64() * 1e6).collect();
    Ok(median(&times))
}

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    println!("An empty batch of 50 operators, median of {}, goal {GOAL} µs", flags.batches);
    let graphs: [(&str, fn(&DStream<u64>)); 2] = [("a chain of 50", chain), ("ten branches with windows", branches)];
    for (name, describe) in graphs {
        let micros = measure(flags, describe)?;
        println!("  {name:<26} {micros:>7.1} µs: {}", if micros < GOAL { "reached" } else { "MISSED" });
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
