//! The most memory that a job holds with a state for each of very many keys.
//!
//! `cargo run --release -p streamgauge-benches --bin state_memory`
//!
//! Every key is seen twice: once to get its state of 32 bytes, once to change it. The most memory is what Linux has as
//! `VmHWM`: records and rows of the batches are in it. On other systems only the state's own figure is told.

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use streamgauge::prelude::*;
use streamgauge::stream::State;
use streamgauge::stream::source::{Limit, Next, Partition, Plan};

/// Measures the most memory that a job holds with a state for each of very many keys.
#[derive(Debug, Parser)]
#[command(name = "state_memory")]
struct Flags {
    /// Keys, of 8 bytes each
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,

    /// Records of a batch
    #[arg(long, default_value_t = 200_000)]
    batch: u64,

    /// Threads of the job
    #[arg(long, default_value_t = 2)]
    threads: usize,

    /// Give keys an idle timeout, with what it costs
    #[arg(long)]
    timeout: bool,

    /// Fail if the job has held more than this many MB; 0 asks for nothing
    #[arg(long, default_value_t = 0)]
    at_most: u64,
}

/// Every key twice, in an order that jumps about, made as it is read.
struct Keys {
    keys: u64,
    batch: u64,
}

struct Range {
    keys: u64,
    from: u64,
    to: u64,
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
        let end = 2 * self.keys;
        let to = (from + self.batch.max(1)).min(end);
        Ok(Plan { to, next: if to == end { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<u64>>>, SourceError> {
        let middle = from + (to - from) / 2;
        let part = |from, to| Box::new(Range { keys: self.keys, from, to }) as Box<dyn Partition<u64>>;
        Ok(vec![part(*from, middle), part(middle, *to)])
    }
}

impl Partition<u64> for Range {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<u64>)) -> Result<(), SourceError> {
        const CHUNK: usize = 1_024;
        let mut chunk = Vec::with_capacity(CHUNK);
        // Spread over all 64 bits by a product with an odd number, which takes no two keys to one.
        let mut keys = (self.from..self.to).map(|i| (i % self.keys).wrapping_mul(0x9e37_79b9_7f4a_7c15)).peekable();
        while keys.peek().is_some() {
            chunk.extend(keys.by_ref().take(CHUNK));
            out(&mut chunk);
            chunk.clear();
        }
        Ok(())
    }
}

/// The most memory that this process has held, in MB; none where there is no `/proc`.
fn peak_mb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024 / 1_000_000)
}

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let ctx = StreamingContext::builder("state memory").trigger(Trigger::Available).threads(flags.threads).build();
    let count = |state: &mut State<'_, u64, [u64; 4]>| {
        let counts = state.or_default();
        counts[0] += 1;
        counts[0]
    };
    let keyed = ctx.source(Keys { keys: flags.keys, batch: flags.batch }).key_by(|key| key).state();
    let counts = if flags.timeout {
        keyed.idle_timeout(hours(1_000_000)).map_with_state(move |_, state| count(state))
    } else {
        keyed.map_with_state(move |_, state| count(state))
    };
    let totals = counts.filter(|n| *n == 2).summarize(|on| on.count()).collect_to_memory();
    let started = Instant::now();
    ctx.run()?;
    let elapsed = started.elapsed().as_secs_f64();
    let twice: u64 = totals.rows().iter().map(Estimate::count).sum();
    if twice != flags.keys || counts.keys() as u64 != flags.keys {
        return Err(format!("{twice} of {} keys were seen twice, {} have a state", flags.keys, counts.keys()).into());
    }
    let rate = 2.0 * flags.keys as f64 / elapsed / 1e6;
    println!(
        "{} keys of 8 bytes with 32 bytes of state{}: {} MB of state, {rate:.1} million records/s",
        flags.keys,
        if flags.timeout { " and a timeout" } else { "" },
        counts.state_bytes() / 1_000_000,
    );
    match peak_mb() {
        Some(peak) => {
            println!("{peak} MB at most");
            if flags.at_most > 0 && peak > flags.at_most {
                return Err(format!("more than {} MB", flags.at_most).into());
            }
        }
        None => println!("memory not measured on this system"),
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
