//! Test, then train: a learner over a file of labelled rows.
//!
//! Prints one line of JSON. With `--listen 127.0.0.1:7878 --rate 2000` one can watch in a browser how accuracy goes. Try
//! `--help`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use streamgauge_examples::prequential::{Options, Watch, names, run};
use streamgauge_examples::{main_of, print_json};

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

    /// Show rate, delay and rows while the job of the dashboard runs, if the standard error is a terminal
    #[arg(long, requires = "listen")]
    progress: bool,
}

fn main() -> ExitCode {
    main_of(|flags: Flags| {
        let Flags { data, learner, late, listen, rate, progress } = flags;
        let watch = listen.map(|address| Watch { address, rate, progress });
        let (measured, watched) = run(&data, &learner, &Options { late, watch })?;
        print_json(&measured)?;
        if let Some(watched) = watched {
            watched.until_stopped();
        }
        Ok(())
    })
}
