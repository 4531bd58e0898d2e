//! Fraud-like payments: what is usual for each card, where it was last, and how it pays in a session.
//!
//! Watches made-up cards with fraud put in. Try `--help`.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::fraud::{Options, run};
use streamgauge_examples::{Setting, main_of};

/// Watches card payments and writes what is suspicious: time, card, which of amount, travel and testing, and why, with
/// tabs between them. At the end it tells how much of the fraud in the simulation that was.
#[derive(Debug, Parser)]
#[command(name = "fraud", version)]
struct Flags {
    /// How many cards there are
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    cards: u64,

    /// How many standard deviations beyond a card's usual amount, in the logarithm, is suspicious
    #[arg(long, default_value_t = 4.5)]
    deviations: f64,

    #[command(flatten)]
    setting: Setting,
}

fn main() -> ExitCode {
    main_of(|Flags { cards, deviations, setting }| {
        let report = run(&Options { cards, deviations, setting }, io::stdout())?;
        eprintln!("{report}");
        Ok(())
    })
}
