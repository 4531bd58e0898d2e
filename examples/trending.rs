//! Trending words of a text stream over TCP: what is said far more often than usual.
//!
//! Without an address it makes a stream of its own on loopback. Try `--help`.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::trending::{Options, run};
use streamgauge_examples::{Setting, main_of};

/// Reads lines of text from a TCP server and writes which words begin to trend: time, word, how often it was said in the
/// last five minutes, how often that would usually be, and how many times as often it surely is, with tabs between them. A line may
/// begin with its time in milliseconds since the epoch and a tab.
#[derive(Debug, Parser)]
#[command(name = "trending", version)]
struct Flags {
    /// The server to read from, as localhost:9999. Without it there is a made-up stream
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["generate", "readings", "rate"])]
    connect: Option<String>,

    /// Make a stream on loopback and read that; so it is anyhow if there is no server
    #[arg(long)]
    generate: bool,

    /// How many times as often as usual a word must be said, for certain
    #[arg(long, default_value_t = 3.0)]
    times: f64,

    /// How often a word must be said at least
    #[arg(long, default_value_t = 20)]
    least: u64,

    #[command(flatten)]
    setting: Setting,
}

fn main() -> ExitCode {
    main_of(|Flags { connect, times, least, setting, .. }| {
        let report = run(&Options { connect, times, least, setting }, io::stdout())?;
        eprintln!("{report}");
        Ok(())
    })
}
