//! What checkpoints cost while a job runs, and how soon it runs again.
//!
//! `cargo run --release -p streamgauge-benches --bin checkpoints`
//!
//! W4 (a state for each of a million keys, 200,000 records a batch, of which 86 % of the keys change between two
//! checkpoints) with a checkpoint every ten batches and the batch log, against the same job with neither, in turn: as
//! fast as it can, and paced at half of that. Then restarts, held against writing and reading as many bytes plainly.
//! Every turn is a process of its own, so that its most memory can be told. Files that are read were just written: they
//! come from memory, in both cases.

mod job;

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use clap::{Parser, Subcommand};
use streamgauge_benches::median;

use crate::job::{BATCH, Course, Done, Input};

/// Checkpoints come every so many batches.
const EVERY: u32 = 10;

/// The first batches are not timed: the table of the keys grows.
const WARM_UP: usize = 30;

/// Measures what checkpoints cost while a job runs, and how soon it runs again.
#[derive(Debug, Parser)]
#[command(name = "checkpoints")]
struct Flags {
    /// Where checkpoints are written; a folder for temporary files if not given
    #[arg(long, value_name = "FOLDER", global = true)]
    dir: Option<PathBuf>,

    /// How often each side is timed
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Timed batches that run back to back, and paced ones
    #[arg(long, num_args = 2, default_values_t = [100, 500])]
    batches: Vec<usize>,

    /// Restarts with so many keys
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 10_000_000])]
    keys: Vec<u32>,

    /// Few batches and one round: shows that the command works
    #[arg(long)]
    short: bool,

    #[command(subcommand)]
    command: Option<Turn>,
}

/// What the others are made of, each in a process of its own.
#[derive(Debug, Subcommand)]
enum Turn {
    /// Runs W4 and writes the time of every batch
    Run {
        batches: usize,
        /// Milliseconds from batch to batch; 0 for back to back
        interval: u64,
        /// With checkpoints
        #[arg(long)]
        checkpoints: bool,
    },
    /// Gives every key a state, and leaves a checkpoint
    Build { keys: u32 },
    /// Starts again with all the keys, and runs a batch
    Restart { keys: u32 },
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

/// The most memory that this process has held, in MB, as Linux has it.
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() * 1_024 / 1_000_000
}

/// The folder in which a turn has its checkpoints.
fn checkpoints(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

fn take_turn(turn: &Turn, dir: &Path) -> Result<(), Box<dyn Error>> {
    let folder = checkpoints(dir);
    let of_keys = |keys: u32| (keys as usize).div_ceil(BATCH);
    match *turn {
        Turn::Run { batches, interval, checkpoints } => {
            let course = Course {
                input: Input::random(batches),
                batches: batches + 1,
                interval: (interval > 0).then(|| Duration::from_millis(interval)),
                checkpoints: checkpoints.then_some(&*folder),
                every: EVERY,
            };
            let Done { planned, batches, .. } = job::run(&course)?;
            // From plan to plan: what is between two batches is in the first of them.
            for (planned, (late, sum)) in planned.windows(2).zip(&batches) {
                println!("{} {} {sum}", (planned[1] - planned[0]).as_nanos(), late.as_nanos());
            }
        }
        Turn::Build { keys } => {
            let (input, batches) = (Input::Each(keys), of_keys(keys));
            job::run(&Course { input, batches, interval: None, checkpoints: Some(&folder), every: u32::MAX })?;
        }
        Turn::Restart { keys } => {
            let (input, batches) = (Input::Each(keys), of_keys(keys) + 1);
            let begun = Instant::now();
            let course = Course { input, batches, interval: None, checkpoints: Some(&folder), every: u32::MAX };
            let done = job::run(&course)?;
            if done.batches.len() != 1 {
                return Err(
                    format!("{} batches were run, not one: the checkpoint was not taken", done.batches.len()).into()
                );
            }
            println!("{}", done.first.map_or(0, |first| (first - begun).as_nanos()));
        }
    }
    println!("{}", peak_mb());
    Ok(())
}

/// Runs a turn in a process of its own; gives the numbers that it has written.
fn spawn(arguments: &[String], dir: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let output =
        Process::new(env::current_exe()?).arg("--dir").arg(dir).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", arguments.join(" "), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(checkpoints(dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A run of W4: by batch the milliseconds that it took, those after its time, and the sum over its rows.
struct Ran {
    took: Vec<f64>,
    late: Vec<f64>,
    sums: Vec<u64>,
    peak: u64,
}

fn run(dir: &Path, batches: usize, interval: u64, with: bool) -> Result<Ran, Box<dyn Error>> {
    clear(dir)?;
    let mut arguments = vec!["run".to_owned(), (WARM_UP + batches).to_string(), interval.to_string()];
    arguments.extend(with.then(|| "--checkpoints".to_owned()));
    let numbers = spawn(&arguments, dir)?;
    let (peak, numbers) = numbers.split_last().ok_or("the turn wrote nothing")?;
    let column = |at: usize| numbers.iter().skip(at).step_by(3).copied();
    let millis = |at: usize| column(at).skip(WARM_UP).map(|nanos| nanos as f64 / 1e6).collect::<Vec<_>>();
    Ok(Ran { took: millis(0), late: millis(1), sums: column(2).collect(), peak: *peak })
}

/// What this share of the numbers does not exceed.
fn quantile(numbers: &[f64], share: f64) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[((share * numbers.len() as f64).ceil() as usize).clamp(1, numbers.len()) - 1]
}

/// Runs both sides in turn; gives what each round has seen, without checkpoints and with them.
fn rounds(dir: &Path, rounds: usize, batches: usize, interval: u64) -> Result<[Vec<Ran>; 2], Box<dyn Error>> {
    let mut sides = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let (without, with) = (run(dir, batches, interval, false)?, run(dir, batches, interval, true)?);
        if without.sums != with.sums {
            return Err("the rows with checkpoints are not those without".into());
        }
        sides[0].push(without);
        sides[1].push(with);
    }
    Ok(sides)
}

fn of_rounds(side: &[Ran], figure: impl Fn(&Ran) -> f64) -> f64 {
    median(&side.iter().map(figure).collect::<Vec<_>>())
}

/// Throughput back to back; gives the milliseconds of a batch without checkpoints.
fn back_to_back(flags: &Flags, dir: &Path, times: usize, batches: usize) -> Result<f64, Box<dyn Error>> {
    let sides = rounds(dir, times, batches, 0)?;
    println!("back to back, {batches} batches of {BATCH} records, medians of {times} rounds");
    println!("                          M rec/s   p50 ms   p99 ms   max ms       MB");
    let speed = |ran: &Ran| (BATCH * ran.took.len()) as f64 / ran.took.iter().sum::<f64>() / 1e3;
    for (name, side) in ["without", "every 10 batches"].iter().zip(&sides) {
        let of = |share| of_rounds(side, |ran| quantile(&ran.took, share));
        let peak = side.iter().map(|ran| ran.peak).max().unwrap_or_default();
        println!(
            "  {name:<22} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {peak:>8}",
            of_rounds(side, speed),
            of(0.5),
            of(0.99),
            of(1.0)
        );
    }
    let ratios: Vec<f64> = sides[1].iter().zip(&sides[0]).map(|(with, without)| speed(with) / speed(without)).collect();
    let ratio = median(&ratios);
    println!("  throughput {ratio:.3} of that without, goal 0.5: {}", verdict(ratio >= 0.5 || flags.short));
    Ok(of_rounds(&sides[0], |ran| quantile(&ran.took, 0.5)))
}

/// Delay behind the time of the batch, at half load.
fn paced(dir: &Path, times: usize, batches: usize, batch: f64) -> Result<(), Box<dyn Error>> {
    let interval = (2.0 * batch).ceil() as u64;
    let sides = rounds(dir, times, batches, interval)?;
    println!("a batch every {interval} ms: from its time to its rows, {batches} batches");
    println!("                           p50 ms   p90 ms   p99 ms   max ms");
    for (name, side) in ["without", "every 10 batches"].iter().zip(&sides) {
        let of = |share| of_rounds(side, |ran| quantile(&ran.late, share));
        println!("  {name:<22} {:>8.2} {:>8.2} {:>8.2} {:>8.2}", of(0.5), of(0.9), of(0.99), of(1.0));
    }
    let ratio = of_rounds(&sides[1], |ran| quantile(&ran.late, 0.99) / quantile(&ran.late, 0.5));
    // A job that falls behind has no tail: all of its batches are late.
    let keeps_up = of_rounds(&sides[1], |ran| quantile(&ran.late, 0.5)) < interval as f64;
    println!("  p99/p50 {ratio:.2}, goal 3 of a job that keeps up: {}", verdict(ratio <= 3.0 && keeps_up));
    Ok(())
}

/// The seconds that it takes to write and sync so many bytes, and those to read them.
fn plainly(dir: &Path, bytes: u64) -> io::Result<(f64, f64)> {
    let path = dir.join("plain");
    let content = vec![0x5a_u8; 1 << 20];
    let begun = Instant::now();
    let mut file = File::create(&path)?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(content.len() as u64);
        file.write_all(&content[..now as usize])?;
        left -= now;
    }
    file.sync_all()?;
    let written = begun.elapsed();
    let begun = Instant::now();
    let mut read = Vec::new();
    File::open(&path)?.read_to_end(&mut read)?;
    let elapsed = begun.elapsed();
    fs::remove_file(&path)?;
    Ok((written.as_secs_f64(), elapsed.as_secs_f64()))
}

fn restart(dir: &Path, times: usize, keys: u32) -> Result<(), Box<dyn Error>> {
    clear(dir)?;
    let begun = Instant::now();
    let built = spawn(&["build".to_owned(), keys.to_string()], dir)?;
    let built_in = begun.elapsed().as_secs_f64();
    let mut bytes = 0;
    for file in fs::read_dir(checkpoints(dir))? {
        bytes += file?.metadata()?.len();
    }
    let saved = dir.join("saved");
    let _ = fs::remove_dir_all(&saved);
    fs::rename(checkpoints(dir), &saved)?;
    let (mut seconds, mut reading, mut writing, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..times {
        clear(dir)?;
        fs::create_dir_all(checkpoints(dir))?;
        for file in fs::read_dir(&saved)? {
            let file = file?;
            fs::copy(file.path(), checkpoints(dir).join(file.file_name()))?;
        }
        let numbers = spawn(&["restart".to_owned(), keys.to_string()], dir)?;
        let [nanos, most] = numbers[..] else { return Err("the turn wrote something else".into()) };
        let (written, read) = plainly(dir, bytes)?;
        seconds.push(nanos as f64 / 1e9);
        reading.push(nanos as f64 / 1e9 / read);
        writing.push(nanos as f64 / 1e9 / written);
        peak = peak.max(most);
    }
    fs::remove_dir_all(&saved)?;
    let goal = if keys <= 1_000_000 { 1.0 } else { 8.0 };
    let taken = median(&seconds);
    println!(
        "{keys} keys, {:.1} MB: from start to the rows of the first batch {taken:.3} s, goal {goal} s: {}",
        bytes as f64 / 1e6,
        verdict(taken < goal)
    );
    println!(
        "  {:.1} × reading and {:.2} × writing as many bytes plainly; {peak} MB at most; built in {built_in:.1} s with {} MB at most",
        median(&reading),
        median(&writing),
        built.last().copied().unwrap_or_default()
    );
    Ok(())
}

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let temporary;
    let dir = match &flags.dir {
        Some(dir) => dir.as_path(),
        None => {
            temporary = tempfile::tempdir()?;
            temporary.path()
        }
    };
    if let Some(turn) = &flags.command {
        return take_turn(turn, dir);
    }
    fs::create_dir_all(dir)?;
    let (times, loops, paces) = match flags.short {
        true => (1, 20, 50),
        false => (flags.rounds.max(1), flags.batches[0].max(EVERY as usize), flags.batches[1].max(EVERY as usize)),
    };
    let keys = if flags.short { &[200_000][..] } else { &flags.keys };
    let batch = back_to_back(flags, dir, times, loops)?;
    paced(dir, times, paces, batch)?;
    keys.iter().try_for_each(|keys| restart(dir, times, *keys))?;
    Ok(clear(dir)?)
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
