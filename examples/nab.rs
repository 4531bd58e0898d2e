//! Anomalies of the series of the Numenta Anomaly Benchmark, or of any folder of series.
//!
//! Try `--help`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::main_of;
use streamgauge_examples::nab::{Choice, Options, run};

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

fn main() -> ExitCode {
    main_of(|Flags { data, out, windows, detector }: Flags| {
        let report = run(&Options { data, out, windows, detector })?;
        if let Some(report) = report {
            writeln!(io::stdout(), "{report}")?;
        }
        Ok(())
    })
}
