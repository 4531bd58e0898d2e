//! The job: windows over the requests, and panels on four pages.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use streamgauge::prelude::*;

use super::learning;
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
/// How often what is short is told.
const STEP: Duration = Duration::from_secs(1);
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
pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let ctx = StreamingContext::builder("panels").batch_interval(BATCH_INTERVAL).seed(options.requests.seed).build();
    let page = ctx.dashboard();
    page.listen(options.listen);
    let requests = ctx.source(Live::new(options.requests));
    traffic(&page, &requests)?;
    hosts(&page, &requests);
    details(&page, &requests)?;
    learning::panels(&ctx, &requests, options.requests)?;
    ctx.start()?;
    ctx.stop_on_ctrl_c();
    eprintln!("dashboard: http://{}", page.address());
    ctx.await_termination()?;
    Ok(())
}

/// The first page: what the site does.
fn traffic(page: &Dashboard, requests: &DStream<Request>) -> Result<(), Box<dyn Error>> {
    let sample = Reservoir::new(SAMPLE)?;
    let last = requests.window(WINDOW, BATCH_INTERVAL).summarize(move |on| {
        (
            on.count(),
            on.distinct(|r| &r.client),
            on.quantiles(|r| r.millis),
            on.top(10, |r| r.path.as_str()),
            on.of(sample),
        )
    });
    let short = requests.window(SHORT, STEP).summarize(|on| (on.count(), on.when(|r| r.failed).count()));
    let paths = requests.key_by(|r| r.path.as_str()).window(SHORT, STEP).summarize(|on| on.count());

    page.number("Requests", &last, |w| w.0).unit("in 60 s");
    page.number("Clients", &last, |w| w.1).unit("in 60 s");
    page.chart("Answers").line("all", &short, |w| w.0).line("failed", &short, |w| w.1).unit("in 5 s");
    page.quantiles("Latency", &last, &[0.5, 0.9, 0.99], |w| w.2.clone()).unit("ms").threshold(2_000.0, "limit");
    page.ranking("Top paths", &last, |w| w.3.clone()).group("Paths");
    page.lines("Requests by path", &paths, |(_, requests)| *requests).unit("in 5 s").group("Paths");
    page.samples("Some requests", &last, |w| w.4.clone()).group("Paths");
    Ok(())
}

/// The page of the hosts.
fn hosts(page: &Dashboard, requests: &DStream<Request>) {
    let hosts = requests
        .key_by(|r| r.host.as_str())
        .window(WINDOW, BATCH_INTERVAL)
        .summarize(|on| (on.count(), on.when(|r| r.failed).count(), on.quantiles(|r| r.millis)));
    let errors =
        requests.filter(|r| r.failed).key_by(|r| r.host.as_str()).window(SHORT, STEP).summarize(|on| on.count());

    page.heat_map("Errors by host", &errors, |(_, errors)| *errors).unit("in 5 s").page("Hosts");
    page.top("Busiest hosts", &hosts, |(_, h)| h.0).page("Hosts");
    page.table("Hosts", &hosts, ["host", "requests", "failed", "median ms", "p99 ms"], |(host, h)| {
        [host.into(), h.0.into(), h.1.into(), h.2.at(0.5).into(), h.2.at(0.99).into()]
    })
    .page("Hosts");
}

/// The page of the details: how values are distributed, and whether what is promised of them is kept.
fn details(page: &Dashboard, requests: &DStream<Request>) -> Result<(), Box<dyn Error>> {
    let sizes = Kll::with_k(200)?;
    let last = requests.window(WINDOW, BATCH_INTERVAL).summarize(move |on| {
        (on.map(|r| r.bytes).of(sizes), on.quantiles(|r| r.millis), on.distinct(|r| r.path.as_str()))
    });
    let millis = Kll::with_k(64)?;
    let audited = requests
        .window(SHORT, SHORT)
        .summarize(move |on| (on.distinct(|r| &r.client), on.map(|r| r.millis).of(millis)).audited(Audit::windows(1)));

    let distributions = |panel: Panel| panel.page("Details").group("Distributions");
    distributions(page.distribution("Response size", &last, |w| w.0.clone()).unit("bytes"));
    distributions(page.distribution("Latency, as it is distributed", &last, |w| w.1.clone()).unit("ms"));
    distributions(page.line("Paths", &last, |w| w.2));
    let audits = |panel: Panel| panel.page("Details").group("Are promises kept?");
    audits(page.audit("Clients, audited", &audited, |a, exact| [(a.0, exact.0.value)]));
    audits(
        page.audit("Latency, audited", &audited, |a, exact| [0.5, 0.9, 0.99].map(|q| (a.1.at(q), exact.1.at(q).value))),
    );
    Ok(())
}
