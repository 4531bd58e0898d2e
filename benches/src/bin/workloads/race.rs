//! Both sides in turn, round by round, and what comes out of it.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, io};

use streamgauge_benches::median;

use crate::mark::Batch;
use crate::tally::Tally;
use crate::{PANES, Side, verdict};
use streamgauge_benches::input::Workload;

/// How long a workload runs, and what is asked of it.
struct Course {
    batches: usize,
    /// The first batches are not timed: tables grow, windows fill.
    warm_up: usize,
    /// The throughput that is aimed for, as a multiple of the other side's.
    goal: f64,
    /// How many medians the longest batch may take.
    longest: Option<f64>,
}

impl Course {
    fn of(workload: Workload, short: bool) -> Self {
        const FILLED: usize = PANES + 5;
        let (batches, warm_up, goal, longest) = match workload {
            Workload::W1 => (60, 5, 0.95, None),
            Workload::W2 => (180, FILLED, 1.0, None),
            Workload::W3 => (180 + FILLED, FILLED, 1.2, Some(3.0)),
            Workload::W4 => (90, 30, 0.9, None),
            Workload::W5 => (180 + FILLED, FILLED, 1.0, Some(3.0)),
        };
        Self { batches: if short { warm_up + 10 } else { batches }, warm_up, goal, longest }
    }
}

/// A turn of one side.
struct Turn {
    batches: Vec<Batch>,
    peak_kib: u64,
}

/// Runs one side in a process of its own.
fn turn(side: Side, workload: Workload, folder: &Path, course: &Course) -> Result<Turn, Box<dyn Error>> {
    let output = Command::new(env::current_exe()?)
        .args(["turn", side.name(), workload.name(), &course.batches.to_string(), "--dir"])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()?;
    let written = String::from_utf8(output.stdout)?;
    let mut numbers = written.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next().ok_or("the turn ended too early")?.map_err(Box::<dyn Error>::from);
    if !output.status.success() {
        return Err(format!("{} of {}: {}", side.name(), workload.name(), output.status).into());
    }
    let mut batches = Vec::with_capacity(course.batches);
    for _ in 0..course.batches {
        let (time, processor) = (Duration::from_nanos(next()?), Duration::from_nanos(next()?));
        let tally = Tally { rows: next()?, sum: next()?, check: next()? };
        batches.push(Batch { time, processor, tally });
    }
    Ok(Turn { batches, peak_kib: next()? })
}

/// What all turns of one side show.
#[derive(Default)]
struct Record {
    /// By round: records a second.
    speeds: Vec<f64>,
    /// By round: milliseconds of processor time a batch, of all threads.
    processor: Vec<f64>,
    /// By batch: the least milliseconds over the rounds. The machine's moods make a batch longer, never shorter.
    least: Vec<f64>,
    peak_kib: u64,
}

impl Record {
    fn add(&mut self, turn: &Turn, workload: Workload, course: &Course) {
        let timed = &turn.batches[course.warm_up..];
        let total: Duration = timed.iter().map(|batch| batch.time).sum();
        self.speeds.push((timed.len() * workload.batch()) as f64 / total.as_secs_f64());
        let processor: Duration = timed.iter().map(|batch| batch.processor).sum();
        self.processor.push(processor.as_secs_f64() * 1e3 / timed.len() as f64);
        self.least.resize(timed.len(), f64::INFINITY);
        for (least, batch) in self.least.iter_mut().zip(timed) {
            *least = least.min(batch.time.as_secs_f64() * 1e3);
        }
        self.peak_kib = self.peak_kib.max(turn.peak_kib);
    }

    /// The time of a batch that this share of the batches does not exceed.
    fn quantile(&self, share: f64) -> f64 {
        let mut times = self.least.clone();
        times.sort_unstable_by(f64::total_cmp);
        times[((share * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1]
    }

    fn print(&self, side: Side) {
        println!(
            "  {:<6}  {:>9.2}  {:>7.2}  {:>7.2}  {:>7.2}  {:>8.2}  {:>7.0}",
            side.name(),
            median(&self.speeds) / 1e6,
            self.quantile(0.5),
            self.quantile(0.99),
            self.quantile(1.0),
            median(&self.processor),
            self.peak_kib as f64 / 1_024.0,
        );
    }
}

/// Races the two sides and prints how it went.
pub(crate) fn race(workload: Workload, folder: &Path, rounds: usize, short: bool) -> Result<(), Box<dyn Error>> {
    let course = Course::of(workload, short);
    println!("\n{} {}", workload.name().to_uppercase(), workload.title());
    let (mut engine, mut hand) = (Record::default(), Record::default());
    for _ in 0..rounds {
        let turns = [Side::Engine, Side::Hand].map(|side| turn(side, workload, folder, &course));
        let [ours, theirs] = turns;
        let (ours, theirs) = (ours?, theirs?);
        check(workload, &ours.batches, &theirs.batches)?;
        if !short {
            check_totals(workload, &theirs.batches)?;
        }
        engine.add(&ours, workload, &course);
        hand.add(&theirs, workload, &course);
    }
    println!("          M rec/s   p50 ms   p99 ms   max ms    CPU ms      MiB");
    engine.print(Side::Engine);
    hand.print(Side::Hand);
    let ratios: Vec<f64> = engine.speeds.iter().zip(&hand.speeds).map(|(ours, theirs)| ours / theirs).collect();
    let ratio = median(&ratios);
    println!(
        "  engine/hand {ratio:.3} [{:.3}, {:.3}], goal {}: {}",
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max),
        course.goal,
        verdict(ratio >= course.goal)
    );
    if let Some(goal) = course.longest {
        let longest = engine.quantile(1.0) / engine.quantile(0.5);
        println!("  longest batch {longest:.2} × p50, goal {goal}: {}", verdict(longest <= goal));
    }
    Ok(())
}

/// Compares the rows of the two sides, batch by batch.
fn check(workload: Workload, ours: &[Batch], theirs: &[Batch]) -> io::Result<()> {
    /// How far apart two sums of a thousand estimates of p99 may be. All keys have about as many values, so much of the
    /// error of a sketch is the same for all; before the window is full, there are but some thirty values beyond.
    const NEAR: [f64; 2] = [0.03, 0.02];
    for (batch, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let (ours, theirs) = (ours.tally, theirs.tally);
        let same = match workload {
            Workload::W5 => {
                let apart = ours.sum.abs_diff(theirs.sum) as f64 / theirs.sum.max(1) as f64;
                (ours.rows, ours.check) == (theirs.rows, theirs.check) && apart <= NEAR[usize::from(batch >= PANES)]
            }
            _ => ours == theirs,
        };
        if !same {
            let name = workload.name();
            return Err(io::Error::other(format!("{name}, batch {batch}: {ours:?} of the engine, {theirs:?} by hand")));
        }
    }
    Ok(())
}

/// Checks what every engine must find in the whole run.
fn check_totals(workload: Workload, batches: &[Batch]) -> io::Result<()> {
    let mut total = Tally::default();
    batches.iter().for_each(|batch| total.add(batch.tally));
    let right = match workload {
        // Words, and different words of each batch.
        Workload::W1 => (total.sum, total.rows) == (60_003_234, 3_880_962),
        Workload::W2 => (total.sum, total.rows) == (903_000_000, 17_942_210),
        // Different keys.
        Workload::W4 => total.sum == 999_996,
        // What the distributions have: 1,000 pages; ln 100 times 5,500, in thousandths.
        Workload::W3 => batches.last().is_some_and(|batch| batch.tally.rows == 1_000),
        Workload::W5 => batches.last().is_some_and(|batch| {
            let p99 = batch.tally.sum as f64 / (1e3 * 5_500.0);
            batch.tally.rows == 1_000 && (p99 / 100_f64.ln() - 1.0).abs() < 0.03
        }),
    };
    if right { Ok(()) } else { Err(io::Error::other(format!("{}: wrong totals {total:?}", workload.name()))) }
}
