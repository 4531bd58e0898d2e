//! Anomalies of the series of the Numenta Anomaly Benchmark, or of any folder of series.
//!
//! Try `--help`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::nab::{Choice, Failure, Options, run};

/// Gives each record of series in CSV an anomaly score, in order and without looking ahead, and scores the scores as the
/// Numenta Anomaly Benchmark does.
#[derive(Debug, Parser)]
#[command(name = "nab", version)]
struct Flags {
    /// A folder of series: every .csv file below it, with the header timestamp,value
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Where the scores are written: DIR/<folder>/streamgauge_<file>, with the header timestamp,value,anomaly_score
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// The labelled windows as JSON, {"folder/file.csv": [["first timestamp", "last"], …], …}: prints the scores of the
    /// three profiles at the best single threshold
    #[arg(long, value_name = "FILE")]
    windows: Option<PathBuf>,

    /// What detects: all series are given to one of the same configuration
    #[arg(long, value_enum, default_value_t)]
    detector: Choice,
}

/// 0 when all went well, 2 for what is wrong with the flags or the data, 1 for a failure on the way.
fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) if error.use_stderr() => {
            // The first line says what is wrong; the rest is how to ask for help.
            let text = error.to_string();
            eprintln!("{}", text.lines().next().unwrap_or("bad flags"));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let options = Options { data: flags.data, out: flags.out, windows: flags.windows, detector: flags.detector };
    let report = match run(&options) {
        Ok(report) => report,
        Err(failure) => {
            eprintln!("error: {failure}");
            return ExitCode::from(if matches!(failure, Failure::Write { .. }) { 1 } else { 2 });
        }
    };
    let Some(report) = report else { return ExitCode::SUCCESS };
    match writeln!(io::stdout(), "{report}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to the output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
