//! Is someone in? A tree for each room learns from temperature, light and CO₂, while labels come late.
//!
//! Watches made-up rooms. Try `--help`.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::sensors::{Options, run};
use streamgauge_examples::{Setting, main_of};

/// Predicts whether someone is in a room, by a Hoeffding tree that learns when it hears the truth, and writes for every
/// room and hour, over the last six hours: time, room, how much of the time someone was in, was predicted to be, how often
/// that was right, and the median and p95 of CO₂ with their intervals, with tabs between them.
#[derive(Debug, Parser)]
#[command(name = "sensors", version)]
struct Flags {
    /// How many rooms there are, with a reading a minute each
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rooms: u64,

    /// How many readings of its room later it is told whether someone was in
    #[arg(long, default_value_t = 60, value_name = "READINGS")]
    late: u32,

    /// One tree for all rooms, instead of one for each
    #[arg(long)]
    one_tree: bool,

    #[command(flatten)]
    setting: Setting,
}

fn main() -> ExitCode {
    main_of(|Flags { rooms, late, one_tree, setting }| {
        let report = run(&Options { rooms, late, one_tree, setting }, io::stdout())?;
        eprintln!("{report}");
        Ok(())
    })
}
