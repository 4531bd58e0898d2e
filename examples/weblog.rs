//! A live approximate dashboard over a web log.
//!
//! Without an input it shows a synthetic site. Try `--help`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use streamgauge_examples::main_of;
use streamgauge_examples::weblog::{Format, Input, Options, Output, Site, run};

/// Live approximate analytics over a web server's log: requests, errors, distinct hosts, response sizes and top pages
/// over sliding windows of event time.
#[derive(Debug, Parser)]
#[command(name = "weblog", version)]
struct Flags {
    /// A log to read: a file, a .gz file, a directory, or - for the standard input. May be given several times.
    /// Without it, a synthetic site is shown
    #[arg(long, value_name = "PATH|-")]
    input: Vec<String>,

    /// The format of all lines: common, combined, json or nasa. Recognised line by line if not given
    #[arg(long)]
    format: Option<Format>,

    /// The length of a window of event time
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "DURATION")]
    window: Duration,

    /// The time from one window to the next
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "DURATION")]
    slide: Duration,

    /// How much later than newer lines a line may come and still count
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    watermark: Duration,

    /// How fast a log is replayed: event seconds per second, or max
    #[arg(long, default_value = "60", value_parser = speed, value_name = "FACTOR|max")]
    speed: Speed,

    /// Take all that is there, as fast as possible, then exit
    #[arg(long)]
    once: bool,

    /// Where the dashboard listens. Whoever can reach the address sees the data
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// No dashboard
    #[arg(long)]
    no_dashboard: bool,

    /// What to write on the standard output; text without a dashboard, else nothing
    #[arg(long, value_enum)]
    output: Option<OutputFlag>,

    /// Compute the exact answers beside the approximate ones; takes memory that grows with the data
    #[arg(long)]
    exact: bool,

    /// Compute the exact answers of one window in so many, and show on the dashboard how far the others are off
    #[arg(long, value_name = "WINDOWS", value_parser = clap::value_parser!(u32).range(1..))]
    audit: Option<u32>,
    /// Compute the exact answers too and hold the approximate ones against them; exit with 3 if one did not keep its
    /// contract
    #[arg(long)]
    check: bool,

    /// Show rate, delay and windows while the job runs, if the standard error is a terminal
    #[arg(long)]
    progress: bool,

    /// Stop at the first malformed line, naming it
    #[arg(long)]
    strict: bool,

    /// The seed of the hashes, and of the synthetic site
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Threads to compute on; as many as the machine has if not given
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,

    /// Write this many lines of the synthetic site to the standard output, and exit
    #[arg(long, value_name = "LINES")]
    generate: Option<u64>,

    /// Requests a second of the synthetic site
    #[arg(long, default_value = "40", value_parser = positive)]
    rate: f64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OutputFlag {
    /// One JSON object a window, and a summary at the end
    Jsonl,
    /// One line of text a window
    Text,
    /// Nothing
    None,
}

#[derive(Clone, Copy, Debug)]
struct Speed(Option<f64>);

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "give a positive number".to_owned())
}

fn speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed(None)),
        _ => positive(text).map(|factor| Speed(Some(factor))).map_err(|e| format!("{e} or max")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("give a whole number and ms, s, m or h, such as 30s".to_owned()),
    };
    let number = number.parse::<u64>().ok().and_then(|n| n.checked_mul(millis));
    number.map(Duration::from_millis).ok_or_else(|| "out of range".to_owned())
}

impl From<Flags> for Options {
    fn from(flags: Flags) -> Self {
        let dashboard = (!flags.no_dashboard).then_some(flags.listen);
        let output = match (flags.output, dashboard) {
            (Some(OutputFlag::Jsonl), _) => Output::Jsonl,
            (Some(OutputFlag::Text), _) | (None, None) => Output::Text,
            (Some(OutputFlag::None), _) | (None, Some(_)) => Output::Nothing,
        };
        let input = |name: String| {
            if name == "-" { Input::Stdin } else { Input::Path(PathBuf::from(name)) }
        };
        Self {
            inputs: flags.input.into_iter().map(input).collect(),
            format: flags.format,
            window: flags.window,
            slide: flags.slide,
            watermark: flags.watermark,
            speed: flags.speed.0,
            once: flags.once,
            dashboard,
            seed: flags.seed,
            rate: flags.rate,
            exact: flags.exact,
            audit: flags.audit,
            output,
            strict: flags.strict,
            threads: flags.threads,
            check: flags.check,
            spoiled: false,
            progress: flags.progress,
        }
    }
}

/// Writes lines of the synthetic site.
fn generate(lines: u64, flags: &Flags) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
    Site::new(flags.seed, flags.rate).write_log(lines, &mut out)?;
    out.flush()
}

fn main() -> ExitCode {
    main_of(|flags: Flags| match flags.generate {
        Some(lines) => Ok(generate(lines, &flags)?),
        None => run(&flags.into(), io::stdout()),
    })
}
