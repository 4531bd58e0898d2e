//! Test, then train: a learner over a file of labelled rows.
//!
//! Prints one line of JSON. With `--listen 127.0.0.1:7878 --rate 2000` one can watch in a browser how accuracy goes. Try
//! `--help`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use streamgauge_examples::prequential::{Options, Watch, names, run};

/// Predicts each row of a file, then learns it, and prints as one line of JSON how good and how fast that was. All rows
/// are read before the clock starts
#[derive(Debug, Parser)]
#[command(name = "prequential", version)]
struct Flags {
    /// Labelled rows: .csv (the last column is the class) or .bin in the format OMLB, either with .gz behind it
    #[arg(long, value_name = "FILE")]
    data: PathBuf,

    /// The learner, with its defaults
    #[arg(long, value_parser = PossibleValuesParser::new(names()))]
    learner: String,

    /// How many rows after its row a label comes
    #[arg(long, default_value_t = 0, value_name = "ROWS")]
    late: u32,

    /// Show accuracy on a dashboard at this address. Whoever can reach it sees the data
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Rows a second; as fast as possible if not given
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "ROWS", requires = "listen")]
    rate: Option<u64>,
}

/// 0 when all went well, 2 for what is wrong with the flags or the data, 1 for a failure on the way.
fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) if error.use_stderr() => {
            eprint!("{error}");
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let watch = flags.listen.map(|address| Watch { address, rate: flags.rate });
    let (measured, watched) = match run(&flags.data, &flags.learner, &Options { late: flags.late, watch }) {
        Ok(outcome) => outcome,
        Err(failure) => {
            eprintln!("error: {failure}");
            return ExitCode::from(2);
        }
    };
    let line = serde_json::to_string(&measured).map_err(|error| error.to_string());
    match line.and_then(|line| writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())) {
        Ok(()) => {
            if let Some(watched) = watched {
                watched.until_stopped();
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: cannot write to the output: {error}");
            ExitCode::FAILURE
        }
    }
}
