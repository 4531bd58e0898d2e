//! Windows of ten panes and of ten thousand: a slide should cost the same.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;
use streamgauge::sketches::Mismatch;
use streamgauge::sketches::summary::TwoStacks;
use streamgauge_benches::median;

use crate::engine::Job;
use streamgauge_benches::input::Input;

const SHORT: u64 = 10;
const LONG: u64 = 10_000;

/// How many more merges a slide of the long window may take: where a window of two stacks flips, a slide spares one of
/// its three, so n panes take 3 − 3/n, which is 2.7 for ten.
const MERGES: f64 = 1.0 / (1.0 - 1.0 / SHORT as f64) + 0.001;
/// How much more time a slide of the long window may take with one key.
const TIME: f64 = 1.3;

/// All merges in this process.
static MERGED: AtomicU64 = AtomicU64::new(0);

/// A count that counts its merges too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counting(u64);

impl Summary for Counting {
    type Reading = u64;

    const NAME: &'static str = "Counting";

    fn read(&self) -> u64 {
        self.0
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl<Q: ?Sized> Absorb<Q> for Counting {
    type Exact = Self;

    fn absorb(&mut self, _: &Q) {
        self.0 += 1;
    }

    fn exact(&self) -> Self {
        Self(0)
    }
}

impl Merge for Counting {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        MERGED.fetch_add(1, Ordering::Relaxed);
        self.0 += other.0;
        Ok(())
    }
}

/// Slides a window over a record of every key a batch. Gives the microseconds of each slide, and all merges.
fn slide(keys: u32, panes: u64, batches: usize) -> io::Result<(Vec<f64>, u64)> {
    let before = MERGED.load(Ordering::Relaxed);
    let job = Job::new("windows", batches);
    let counts = job
        .stream(Input::new((0..keys).collect(), keys as usize))
        .key_by(|key| key)
        .window(secs(panes), secs(1))
        .summarize(|on| on.of(Counting::default()));
    job.fold(&counts, |tally, (key, count)| tally.count(*key, *count));
    let done = job.run()?;
    let merges = MERGED.load(Ordering::Relaxed) - before;
    let (last, full) = (done.last().map_or(0, |batch| batch.tally.sum), u64::from(keys) * panes);
    if last != full {
        return Err(io::Error::other(format!("a full window of {panes} panes and {keys} keys has {last}, not {full}")));
    }
    Ok((done.iter().map(|batch| batch.time.as_secs_f64() * 1e6).collect(), merges))
}

/// Merges per slide and key, and by round the microseconds per slide, of full windows.
fn measure_window(keys: u32, panes: u64, slides: usize, rounds: usize) -> io::Result<(f64, Vec<f64>)> {
    let filled = panes as usize + 10;
    // Merges depend on nothing but the input: those of the full window are what a longer run has more.
    let (_, filling) = slide(keys, panes, filled)?;
    let (mut times, mut merges) = (Vec::new(), 0.0);
    for _ in 0..rounds {
        let (micros, all) = slide(keys, panes, filled + slides)?;
        times.push(micros[filled..].iter().sum::<f64>() / slides as f64);
        merges = (all - filling) as f64 / (slides as f64 * f64::from(keys));
    }
    Ok((merges, times))
}

/// Measures both windows with one key and with a thousand.
pub(crate) fn measure(rounds: usize, short: bool) -> io::Result<()> {
    let (rounds, long) = if short { (1, LONG / 10) } else { (rounds.max(1), LONG) };
    println!("\nWindows of {SHORT} and of {long} panes: merges per slide and key, microseconds per slide");
    for keys in [1, 1_000] {
        // Whole lengths of the longer window: as many flips as on average.
        let slides = 2 * long as usize;
        let (few, of_short) = measure_window(keys, SHORT, slides, rounds)?;
        let (many, of_long) = measure_window(keys, long, slides, rounds)?;
        let ratio = median(&of_long) / median(&of_short);
        println!(
            "  {keys} keys: {few:.3} and {many:.3} merges, {:.1} and {:.1} µs",
            median(&of_short),
            median(&of_long)
        );
        println!("    merges × {:.3}, goal {MERGES:.3}: {}", many / few, crate::verdict(many / few <= MERGES));
        match keys {
            1 => println!("    time × {ratio:.3}, goal {TIME}: {}", crate::verdict(ratio <= TIME)),
            _ => println!("    time × {ratio:.3}"),
        }
    }
    Ok(())
}
