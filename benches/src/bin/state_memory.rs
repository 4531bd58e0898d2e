//! The most memory of a job that keeps a state for each of ten million keys.
//!
//! `cargo run --release -p streamgauge-benches --bin state_memory`
//!
//! Keys are 64-bit numbers, the state is 32 bytes, and nothing else is in the process. The most memory is what Linux
//! has as `VmHWM`; on other systems it is not measured.

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use streamgauge::prelude::*;
use streamgauge::stream::State;
use streamgauge::stream::source::{Limit, Next, Partition, Plan};

/// The keys that are new in a batch, in partitions of this size.
const BATCH: u64 = 100_000;
const PARTITIONS: u64 = 2;

/// The most memory that ten million keys may take, in GB.
const GOAL: f64 = 1.2;
const GOAL_KEYS: u64 = 10_000_000;

/// Measures the most memory of a job that keeps a state for each of many keys.
#[derive(Debug, Parser)]
#[command(name = "state_memory")]
struct Flags {
    /// The keys
    #[arg(long, default_value_t = GOAL_KEYS)]
    keys: u64,
}

/// A source of every key once, then of every key again, in no order of their own.
struct Keys {
    keys: u64,
}

impl Source for Keys {
    type Item = u64;
    type Position = u64;

    fn name(&self) -> String {
        "keys".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        let to = (from + BATCH).min(2 * self.keys);
        Ok(Plan { to, next: if to == 2 * self.keys { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<u64>>>, SourceError> {
        let (from, records, keys) = (*from, to - from, self.keys);
        let bound = |partitions| from + records * partitions / PARTITIONS;
        let numbers = |partition| Numbers { from: bound(partition), to: bound(partition + 1), keys };
        Ok((0..PARTITIONS).map(|partition| Box::new(numbers(partition)) as Box<dyn Partition<u64>>).collect())
    }
}

struct Numbers {
    from: u64,
    to: u64,
    keys: u64,
}

impl Partition<u64> for Numbers {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<u64>)) -> Result<(), SourceError> {
        let mut rows = Vec::with_capacity(1_024);
        for from in (self.from..self.to).step_by(1_024) {
            let to = self.to.min(from + 1_024);
            // An odd factor: different numbers stay so.
            rows.extend((from..to).map(|i| (i % self.keys).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            out(&mut rows);
            rows.clear();
        }
        Ok(())
    }
}

/// The most memory that this process has held, in GB.
fn peak_gb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024.0 / 1e9)
}

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let ctx = StreamingContext::builder("keys").trigger(Trigger::Available).threads(2).build();
    let counts = ctx.source(Keys { keys: flags.keys }).key_by(|key| key).map_with_state(
        |_, state: &mut State<'_, u64, [u64; 4]>| {
            let state = state.or_default();
            state[0] += 1;
            state[0]
        },
    );
    counts.for_each_batch(|_, counts| match counts.iter().find(|count| **count > 2) {
        Some(count) => Err(format!("a key came {count} times")),
        None => Ok(()),
    });
    let begun = Instant::now();
    ctx.start()?;
    ctx.await_termination()?;
    let seconds = begun.elapsed().as_secs_f64();
    let held = counts.keys();
    if held as u64 != flags.keys {
        return Err(format!("{held} keys are held, not {}", flags.keys).into());
    }
    let state = counts.state_bytes() as f64;
    println!("{held} keys in {seconds:.1} s; state {:.3} GB, {:.1} bytes a key", state / 1e9, state / held as f64);
    match peak_gb() {
        Some(peak) => {
            let goal = GOAL * flags.keys as f64 / GOAL_KEYS as f64;
            let verdict = if peak <= goal { "reached" } else { "MISSED" };
            println!("the process: {peak:.3} GB at most, goal {goal} GB: {verdict}");
        }
        None => println!("the memory of the process is not measured on this system"),
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
