//! How wrong the summaries are, beside the exact answers and their peers.
//!
//! `cargo run --release -p streamgauge-benches --bin accuracy` writes tables (Markdown and CSV) and plots (SVG); with
//! `--short 20` it takes a twentieth of the trials, which shows that it works but is too few to judge the goals by.

mod distinct;
mod exaloglog;
mod frequency;
mod kll;
mod membership;
mod sample;
mod tdigest;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_benches::report::{Report, Scale};

/// Holds the summaries against the exact answers and their peers.
#[derive(Parser)]
struct Flags {
    /// Where tables and plots are written.
    #[arg(long, default_value = "target/accuracy")]
    out: PathBuf,
    /// Takes one of so many trials only.
    #[arg(long, default_value_t = 1)]
    short: usize,
    /// The families to report: all unless named.
    families: Vec<String>,
}

type Family = (&'static str, fn(Scale) -> Report);

const FAMILIES: [Family; 7] = [
    ("distinct", distinct::report),
    ("exaloglog", exaloglog::report),
    ("frequency", frequency::report),
    ("membership", membership::report),
    ("kll", kll::report),
    ("sample", sample::report),
    ("tdigest", tdigest::report),
];

fn main() -> ExitCode {
    let flags = Flags::parse();
    if let Some(unknown) = flags.families.iter().find(|f| FAMILIES.iter().all(|(name, _)| name != f)) {
        let known = FAMILIES.map(|(name, _)| name).join(", ");
        eprintln!("there is no family {unknown}: {known}");
        return ExitCode::FAILURE;
    }
    let asked = |name: &str| flags.families.is_empty() || flags.families.iter().any(|f| f == name);
    let mut missed = 0;
    for (name, report) in FAMILIES.into_iter().filter(|(name, _)| asked(name)) {
        let report = report(Scale(flags.short));
        if let Err(error) = write::write(&flags.out, name, &report) {
            eprintln!("{}: {error}", flags.out.display());
            return ExitCode::FAILURE;
        }
        missed += report.verdicts.iter().filter(|(_, reached)| !reached).count();
    }
    println!("\nwritten to {}; {missed} goals missed", flags.out.display());
    // A share of the trials is too few to judge by.
    ExitCode::from(u8::from(missed > 0 && flags.short == 1))
}
