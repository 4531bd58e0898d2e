//! Alerts for what is strange in metrics: a detector for each series, and a live dashboard.
//!
//! Without data it watches made-up hosts. Try `--help`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use streamgauge::ml::anomaly::SeriesDetector;
use streamgauge_examples::anomaly::{Input, Options, run};
use streamgauge_examples::main_of;

/// Watches metrics, one detector for each series, and writes what is strange: time, series, value and score, with tabs
/// between them.
#[derive(Debug, Parser)]
#[command(name = "anomaly", version)]
struct Flags {
    /// A file of timestamp,value, or a directory with such files in it: a series for each. Without it, made-up hosts are
    /// watched
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "simulate")]
    data: Option<PathBuf>,

    /// Watch made-up hosts, with anomalies put in; so it is anyhow if there is no data
    #[arg(long)]
    simulate: bool,

    /// How many hosts there are in a simulation, with three series each
    #[arg(long, default_value_t = 4, value_name = "HOSTS")]
    hosts: u64,

    /// The readings of a simulation; it has no end if not given
    #[arg(long, value_name = "READINGS")]
    readings: Option<u64>,

    /// Readings a second: of each file, or of the simulation; or max, for all that is there, then exit. Files are read as
    /// fast as possible if it is not given, a simulation goes at 200
    #[arg(long, value_parser = rate, value_name = "RATE|max")]
    rate: Option<Pace>,

    /// The score from which on a reading is an alert: it lies in 0 to 1
    #[arg(long, default_value_t = 0.8)]
    threshold: f64,

    /// Strange readings of a series that are no further apart than so many minutes are one alert
    #[arg(long, default_value_t = 60, value_name = "MINUTES")]
    quiet: u64,

    /// Where the dashboard listens. Whoever can reach the address sees the data
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// How many series the dashboard draws
    #[arg(long, default_value_t = 6, value_name = "SERIES")]
    shown: usize,

    /// No dashboard
    #[arg(long)]
    no_dashboard: bool,

    /// Hold the alerts of a simulation against the anomalies in it; exit with 3 if less than a third of them was found, or
    /// there were more false alarms than anomalies
    #[arg(long, conflicts_with = "data")]
    check: bool,

    /// Show rate, delay and alerts while the job runs, if the standard error is a terminal
    #[arg(long)]
    progress: bool,

    /// The seed of a simulation
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Threads to compute on; as many as the machine has if not given
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

#[derive(Clone, Copy, Debug)]
struct Pace(Option<u64>);

fn rate(text: &str) -> Result<Pace, String> {
    match text {
        "max" => Ok(Pace(None)),
        _ => match text.parse() {
            Ok(rate) if rate > 0 => Ok(Pace(Some(rate))),
            _ => Err("give a whole number above 0, or max".to_owned()),
        },
    }
}

impl From<Flags> for Options {
    fn from(flags: Flags) -> Self {
        let simulated = Input::Simulated { hosts: flags.hosts, readings: flags.readings };
        let unsaid = if flags.data.is_none() { Some(200) } else { None };
        Self {
            input: flags.data.map_or(simulated, Input::Files),
            rate: flags.rate.map_or(unsaid, |Pace(rate)| rate),
            threshold: flags.threshold,
            quiet: Duration::from_secs(flags.quiet.saturating_mul(60)),
            dashboard: (!flags.no_dashboard).then_some(flags.listen),
            shown: flags.shown,
            seed: flags.seed,
            threads: flags.threads,
            check: flags.check,
            progress: flags.progress,
        }
    }
}

fn main() -> ExitCode {
    main_of(|flags: Flags| {
        let report = run(&flags.into(), SeriesDetector::new(), io::stdout())?;
        eprintln!("{report}");
        Ok(())
    })
}
