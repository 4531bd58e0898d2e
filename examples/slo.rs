//! Service levels: latency quantiles with their bands, the share within the objective, and how fast the error budget burns.
//!
//! Watches made-up services with incidents. Try `--help`.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use streamgauge_examples::slo::{Options, run};
use streamgauge_examples::{Setting, main_of};

/// Watches the latencies of services and writes, for every service and minute: time, service, requests, p50, p99 and p99.9
/// with their intervals, the share within the objective, the burn rates of five minutes and of an hour, and ALERT while
/// both are above the threshold, with tabs between them.
#[derive(Debug, Parser)]
#[command(name = "slo", version)]
struct Flags {
    /// The share of requests that should be within their objective
    #[arg(long, default_value_t = 0.99)]
    target: f64,

    /// The burn rate from which on there is an alert: 1 spends the budget just by the end of its period
    #[arg(long, default_value_t = 3.0)]
    burn: f64,

    #[command(flatten)]
    setting: Setting,
}

fn main() -> ExitCode {
    main_of(|Flags { target, burn, setting }| {
        let report = run(&Options { target, burn, setting }, io::stdout())?;
        eprintln!("{report}");
        Ok(())
    })
}
