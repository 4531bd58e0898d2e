//! What a dashboard costs the job that it shows.
//!
//! `cargo run --release -p streamgauge-benches --bin dashboard`
//!
//! The job is W3 of the five workloads with eight panels, at twice the time that a batch takes, so that the machine is half
//! busy. Three of it are started, each a process of its own: without a dashboard (the same streams are computed, and
//! their rows dropped), with one, and with one at which clients are connected, of which one never reads; the clients are
//! in this process. They work in turn, some batches each, while the others stand still: what else the machine does hits
//! all three alike. Then all are started anew, for processes that do the same differ by where their memory lies.
//!
//! The processor time of a batch is that of all threads of the job's process less the one that serves; that of the
//! threads which run batches is told beside it: what is between them is the thread that tells listeners what happened.
//! Which thread took how much only Linux tells.

mod clients;
mod job;
mod processor;

use std::error::Error;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::{env, fs};

use clap::{Parser, Subcommand};
use streamgauge_benches::input::Workload;
use streamgauge_benches::median;

use crate::clients::Clients;
use crate::job::Measured;

/// How much more processor time a batch may take with a dashboard.
const GOAL: f64 = 0.03;
/// The first batches are not timed: tables grow, windows and histories fill.
const WARM_UP: u32 = 700;

/// Runs W3 without a dashboard, with one, and with one that is looked at, in turn.
#[derive(Debug, Parser)]
#[command(name = "dashboard")]
struct Flags {
    /// Where the input is kept; a folder in that for temporary files if not given
    #[arg(long, value_name = "FOLDER", global = true)]
    dir: Option<PathBuf>,

    /// How often the three jobs are started
    #[arg(long, default_value_t = 10)]
    rounds: usize,

    /// Turns of each job in a round
    #[arg(long, default_value_t = 20)]
    turns: usize,

    /// Batches of a turn
    #[arg(long, default_value_t = 50)]
    batches: u32,

    /// Clients that are connected, one of them stuck
    #[arg(long, default_value_t = 20)]
    clients: usize,

    /// Few batches, two rounds and no judgement: shows that the command works
    #[arg(long)]
    short: bool,

    #[command(subcommand)]
    command: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// One of the three: runs as many batches as it reads, and writes what they took
    Job {
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

/// A job in a process of its own.
struct Job {
    process: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    clients: Option<Clients>,
}

impl Job {
    fn start(side: Side, folder: &Path, clients: usize) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--dir").arg(folder).arg("job");
        if side != Side::Off {
            command.arg("--dashboard");
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let input = process.stdin.take().ok_or("no input of the job")?;
        let lines = BufReader::new(process.stdout.take().ok_or("no output of the job")?).lines();
        let mut job = Self { process, input, lines, clients: None };
        let address = job.line()?;
        if side == Side::LookedAt {
            job.clients = Some(Clients::connect(address.parse()?, clients)?);
        }
        Ok(job)
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        Ok(self.lines.next().ok_or("the job ended too early")??)
    }

    /// Runs so many batches, one in `pace` milliseconds; 0 for batches that follow each other.
    fn turn(&mut self, batches: u32, pace: f64) -> Result<Measured, Box<dyn Error>> {
        writeln!(self.input, "{batches} {pace}")?;
        Ok(self.line()?.parse()?)
    }

    fn end(mut self) -> Result<(), Box<dyn Error>> {
        drop(self.input);
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("a job: {status}").into());
        }
        self.clients.map_or(Ok(()), Clients::must_have_heard)
    }
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

/// Prints how much more a side takes than the job without a dashboard; whether it is surely more than it may be. Turns
/// are held against those beside them, and rounds are what the interval is made of.
fn compare(what: &str, rounds: &[Round], side: Side, of: fn(&Measured) -> f64) -> bool {
    let ratio = |round: &Round| {
        let turns = round[side as usize].iter().zip(&round[Side::Off as usize]);
        let logs: Vec<f64> = turns.map(|(with, without)| (of(with) / of(without)).ln()).collect();
        (logs.iter().sum::<f64>() / logs.len() as f64).exp()
    };
    let (mean, low, high) = interval(&rounds.iter().map(ratio).collect::<Vec<_>>());
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

/// The turns of each side.
type Round = [Vec<Measured>; 3];

fn round(folder: &Path, flags: &Flags, turns: usize, batches: u32) -> Result<Round, Box<dyn Error>> {
    let mut jobs = Vec::new();
    for side in Side::ALL {
        jobs.push(Job::start(side, folder, flags.clients)?);
    }
    let warm_up = if flags.short { 70 } else { WARM_UP };
    let mut alone = [0.0; 3];
    for (job, alone) in jobs.iter_mut().zip(&mut alone) {
        *alone = job.turn(warm_up, 0.0)?.elapsed;
    }
    let pace = 2.0 * median(&alone);
    let mut round = Round::default();
    for _ in 0..turns {
        // Each comes after the same other one.
        for (job, measured) in jobs.iter_mut().zip(&mut round) {
            measured.push(job.turn(batches, pace)?);
        }
    }
    jobs.into_iter().try_for_each(Job::end)?;
    Ok(round)
}

/// Gives whether the goal is surely missed.
fn bench(flags: &Flags, folder: &Path) -> Result<bool, Box<dyn Error>> {
    Workload::W3.make(folder)?;
    let (rounds, turns, batches) =
        if flags.short { (2, 2, 10) } else { (flags.rounds.max(2), flags.turns.max(1), flags.batches.max(1)) };
    println!("{rounds} rounds of {turns} turns of {batches} batches each");
    let rounds: Vec<Round> = (0..rounds).map(|_| round(folder, flags, turns, batches)).collect::<Result<_, _>>()?;
    println!("                     ms of processor a batch, median     longest a batch was late, ms");
    println!("                     job      its batch threads  serving");
    for side in Side::ALL {
        let turns = || rounds.iter().flat_map(|round| &round[side as usize]);
        let middle = |of: fn(&Measured) -> f64| median(&turns().map(of).collect::<Vec<_>>());
        println!(
            "  {:<17} {:>7.3}  {:>17.3}  {:>7.3}  {:>17.1}",
            side.title(flags.clients),
            middle(|it| it.job),
            middle(|it| it.batches),
            middle(|it| it.serving),
            turns().map(|it| it.late).fold(0.0, f64::max),
        );
    }
    let mut missed = false;
    for side in [Side::On, Side::LookedAt] {
        let title = side.title(flags.clients);
        missed |= compare(&format!("{title}, the job"), &rounds, side, |it| it.job);
        compare(&format!("{title}, its batch threads"), &rounds, side, |it| it.batches);
    }
    Ok(missed && !flags.short)
}

fn run(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let folder = flags.dir.clone().unwrap_or_else(|| env::temp_dir().join("streamgauge-workloads"));
    match flags.command {
        Some(Part::Job { dashboard }) => job::run(&folder, dashboard).map(|()| false),
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
