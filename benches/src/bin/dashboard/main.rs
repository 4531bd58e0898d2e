//! What a dashboard costs the job that it shows.
//!
//! `cargo run --release -p streamgauge-benches --bin dashboard`
//!
//! The job is W3 of the five workloads with eight panels, at an interval of twice what a batch takes, so that the machine
//! is half busy. It runs in turn without a dashboard (the same streams are computed, and their rows dropped), with one,
//! and with one at which clients are connected, of which one never reads. Every turn is a process of its own, and the
//! clients are in this one. The processor time of a batch is that of all threads of the job's process less the one that
//! serves; that of the threads which run batches is told beside it: what is between them is the thread that tells
//! listeners what happened. Which thread took how much only Linux tells.

mod clients;
mod processor;
mod turn;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use clap::{Parser, Subcommand};
use streamgauge_benches::input::Workload;
use streamgauge_benches::median;

use crate::clients::Clients;
use crate::turn::Measured;

/// How much more processor time a batch may take with a dashboard.
const GOAL: f64 = 0.03;

/// Runs W3 without a dashboard, with one, and with one that is looked at, in turn.
#[derive(Debug, Parser)]
#[command(name = "dashboard")]
struct Flags {
    /// Where the input is kept; a folder in that for temporary files if not given
    #[arg(long, value_name = "FOLDER", global = true)]
    dir: Option<PathBuf>,

    /// How often each side is timed
    #[arg(long, default_value_t = 12)]
    rounds: usize,

    /// Batches of a turn that are timed
    #[arg(long, default_value_t = 1_000)]
    batches: u64,

    /// Clients that are connected, one of them stuck
    #[arg(long, default_value_t = 20)]
    clients: usize,

    /// Few batches and two rounds, and no judgement: shows that the command works
    #[arg(long)]
    short: bool,

    #[command(subcommand)]
    command: Option<Turn>,
}

#[derive(Debug, Subcommand)]
enum Turn {
    /// A turn: what the others are made of
    Turn {
        /// The batch interval; 0 for batches that follow each other
        interval: u64,
        batches: u64,
        /// With a dashboard
        #[arg(long)]
        dashboard: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Off,
    On,
    LookedAt,
}

impl Side {
    const ALL: [Self; 3] = [Self::Off, Self::On, Self::LookedAt];

    fn title(self, clients: usize) -> String {
        match self {
            Self::Off => "without".to_owned(),
            Self::On => "with".to_owned(),
            Self::LookedAt => format!("with {clients} clients"),
        }
    }
}

/// Runs a turn in a process of its own, with so many clients.
fn turn(side: Side, folder: &Path, interval: u64, batches: u64, clients: usize) -> Result<Measured, Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("--dir").arg(folder).arg("turn").arg(interval.to_string()).arg(batches.to_string());
    if side != Side::Off {
        command.arg("--dashboard");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output of the turn")?).lines();
    let mut line = || lines.next().ok_or("the turn ended too early")?.map_err(Box::<dyn Error>::from);
    let address = line()?;
    let connected = match side {
        Side::LookedAt => Some(Clients::connect(address.parse()?, clients)?),
        Side::Off | Side::On => None,
    };
    let measured = line().and_then(|line| line.parse().map_err(Into::into));
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{side:?}: {status}").into());
    }
    if let Some(clients) = connected {
        clients.must_have_heard()?;
    }
    measured
}

/// The mean of ratios and its interval of 95 %, by their logarithms and Student's distribution.
fn interval(ratios: &[f64]) -> (f64, f64, f64) {
    /// Of 1 to 30 degrees of freedom.
    const STUDENT: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let Some(degrees) = logs.len().checked_sub(2) else {
        return (mean.exp(), 0.0, f64::INFINITY);
    };
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = STUDENT[degrees.min(STUDENT.len() - 1)] * (variance / n).sqrt();
    (mean.exp(), (mean - half).exp(), (mean + half).exp())
}

fn percent(ratio: f64) -> f64 {
    (ratio - 1.0) * 100.0
}

/// Prints how much more a side takes than the job without a dashboard; whether it is surely more than it may be.
fn compare(what: &str, with: &[f64], without: &[f64]) -> bool {
    let ratios: Vec<f64> = with.iter().zip(without).map(|(with, without)| with / without).collect();
    let (mean, low, high) = interval(&ratios);
    let goal = 1.0 + GOAL;
    let verdict = if high < goal {
        "reached"
    } else if low > goal {
        "MISSED"
    } else {
        "open"
    };
    println!(
        "  {what}: {:+.2} % [{:+.2} to {:+.2}], goal < {:.0} %: {verdict}",
        percent(mean),
        percent(low),
        percent(high),
        GOAL * 100.0
    );
    low > goal
}

/// Gives whether the goal is surely missed.
fn bench(flags: &Flags, folder: &Path) -> Result<bool, Box<dyn Error>> {
    Workload::W3.make(folder)?;
    let (rounds, batches) = if flags.short { (2, 40) } else { (flags.rounds.max(2), flags.batches.max(1)) };
    let alone = turn(Side::Off, folder, 0, batches.min(200), 0)?;
    let interval = ((2.0 * alone.milliseconds).ceil() as u64).max(1);
    println!(
        "A batch takes {:.2} ms: one every {interval} ms, {batches} a turn, {rounds} turns each",
        alone.milliseconds
    );
    let mut measured: [Vec<Measured>; 3] = Default::default();
    for round in 0..rounds {
        // Every other round the other way round: what the machine does in the meantime is shared out.
        let mut order = Side::ALL;
        if round % 2 == 1 {
            order.reverse();
        }
        for side in order {
            measured[side as usize].push(turn(side, folder, interval, batches, flags.clients)?);
        }
    }
    println!("                     ms of processor a batch, median     longest a batch waited, ms");
    println!("                     job      its batch threads  serving");
    let column = |side: Side, of: fn(&Measured) -> f64| measured[side as usize].iter().map(of).collect::<Vec<_>>();
    for side in Side::ALL {
        println!(
            "  {:<17} {:>7.3}  {:>17.3}  {:>7.3}  {:>17}",
            side.title(flags.clients),
            median(&column(side, |it| it.job)),
            median(&column(side, |it| it.batches)),
            median(&column(side, |it| it.serving)),
            measured[side as usize].iter().map(|it| it.waited).max().unwrap_or_default(),
        );
    }
    let mut missed = false;
    for side in [Side::On, Side::LookedAt] {
        let (job, threads): (fn(&Measured) -> f64, fn(&Measured) -> f64) = (|it| it.job, |it| it.batches);
        let title = side.title(flags.clients);
        missed |= compare(&format!("{title}, the job"), &column(side, job), &column(Side::Off, job));
        compare(&format!("{title}, its batch threads"), &column(side, threads), &column(Side::Off, threads));
    }
    Ok(missed && !flags.short)
}

fn run(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let folder = flags.dir.clone().unwrap_or_else(|| env::temp_dir().join("streamgauge-workloads"));
    match flags.command {
        Some(Turn::Turn { interval, batches, dashboard }) => {
            turn::run(&folder, interval, batches, dashboard).map(|()| false)
        }
        None => {
            fs::create_dir_all(&folder)?;
            bench(flags, &folder)
        }
    }
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => {
            eprintln!("MISSED: a batch takes more processor time with a dashboard than it may");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
