//! Panels of every kind, over made-up requests. Try `--help`.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::panels::{Options, Requests, run};

/// Shows panels of every kind, over made-up requests.
#[derive(Debug, Parser)]
#[command(name = "panels", version)]
struct Flags {
    /// Where the dashboard listens
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Requests a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,

    /// Keys and records that try to break the page: markup, marks of direction, a text of a megabyte, NaN, infinities
    #[arg(long)]
    hostile: bool,

    /// All follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let Flags { listen, rate, hostile, seed } = Flags::parse();
    match run(&Options { requests: Requests { seed, rate, hostile }, listen }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
