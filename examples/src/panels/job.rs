//! The job: windows over the requests, and a panel of every kind.

use std::net::SocketAddr;
use std::time::Duration;

use streamgauge::prelude::*;
use streamgauge::sketches::{Kll, ParameterError, Reservoir};

use super::requests::{Live, Request, Requests};

/// What can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What is shown.
    pub requests: Requests,
    /// Where the dashboard listens.
    pub listen: SocketAddr,
}

const BATCH_INTERVAL: Duration = Duration::from_millis(500);
/// How long the past is that the numbers are of.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a column of the heat map is.
const SHORT: Duration = Duration::from_secs(5);
/// Records that are looked at.
const SAMPLE: usize = 20;

/// Runs the job until it is told to stop.
///
/// # Errors
/// What the job fails with: an address that cannot be listened at, for one.
pub fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let ctx = StreamingContext::builder("panels").batch_interval(BATCH_INTERVAL).seed(options.requests.seed).build();
    ctx.dashboard().listen(options.listen);
    let requests = ctx.source(Live::new(options.requests));
    panels(&ctx.dashboard(), &requests)?;
    ctx.start()?;
    ctx.stop_on_ctrl_c();
    eprintln!("dashboard: http://{}", ctx.dashboard().address());
    ctx.await_termination()?;
    Ok(())
}

/// A panel of every kind.
fn panels(page: &Dashboard, requests: &DStream<Request>) -> Result<(), ParameterError> {
    let (sample, sizes) = (Reservoir::new(SAMPLE)?, Kll::with_k(200)?);
    let last = requests.window(WINDOW, BATCH_INTERVAL).summarize(move |on| {
        (
            on.count(),
            on.distinct(|r| r.path.as_str()),
            on.quantiles(|r| r.millis),
            on.top(10, |r| r.path.as_str()),
            on.map(|r| r.bytes).of(sizes),
            on.of(sample),
        )
    });
    let hosts = requests
        .key_by(|r| r.host.as_str())
        .window(WINDOW, BATCH_INTERVAL)
        .summarize(|on| (on.count(), on.when(|r| r.failed).count(), on.quantiles(|r| r.millis)));

    let errors = requests
        .filter(|r| r.failed)
        .key_by(|r| r.host.as_str())
        .window(SHORT, BATCH_INTERVAL * 2)
        .summarize(|on| on.count());

    page.number("Requests", &last, |w| w.0).unit("in 60 s");
    page.line("Paths", &last, |w| w.1);
    page.quantiles("Latency", &last, &[0.5, 0.9, 0.99], |w| w.2.clone()).unit("ms");
    page.ranking("Top paths", &last, |w| w.3.clone());
    page.top("Busiest hosts", &hosts, |(_, h)| h.0);
    page.table("Hosts", &hosts, ["host", "requests", "failed", "median ms", "p99 ms"], |(host, h)| {
        [host.into(), h.0.into(), h.1.into(), h.2.at(0.5).into(), h.2.at(0.99).into()]
    });
    page.heat_map("Errors by host", &errors, |(_, errors)| *errors).unit("in 5 s");
    page.distribution("Response size", &last, |w| w.4.clone()).unit("bytes");
    page.distribution("Latency, as it is distributed", &last, |w| w.2.clone()).unit("ms");
    page.samples("Some requests", &last, |w| w.5.clone());
    Ok(())
}
