//! The job: from requests to service levels.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;

use super::burn::{Past, Tally};
use super::{Request, SERVICES, Service, Simulated};
use crate::newest::newest;
use crate::simulation::Written;
use crate::{Check, Failure, Setting, check_rows, write_rows};

/// Requests a second, if no pace is said: two hundred simulated seconds in one.
const PACE: u64 = 20_000;

/// The size of the sketches: a rank is off by 0.0005 at most, at 99 %, so that p99.9 has a band and not only a lower end.
const K: u16 = 2_600;

/// The quantiles that are told.
const TOLD: [f64; 3] = [0.5, 0.99, 0.999];

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The share of requests that should be within their objective.
    pub target: f64,
    /// The burn rate, of five minutes and of an hour, from which on there is an alert.
    pub burn: f64,
    /// What every job is told.
    pub setting: Setting,
}

impl Default for Options {
    fn default() -> Self {
        Self { target: 0.99, burn: 3.0, setting: Setting::default() }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Windows, of all services.
    pub windows: u64,
    /// Alerts that began.
    pub alerts: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} windows of {} services, {} alerts", self.windows, SERVICES.len(), self.alerts)
    }
}

/// Five minutes of a service, as they are summarized.
#[derive(Clone, Debug)]
struct Summed {
    end: Time,
    service: CompactString,
    requests: Tally,
    latency: Quantiles,
    exact: Option<Quantiles>,
}

/// Five minutes of a service, and what they mean for its budget.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Level {
    end: Time,
    service: CompactString,
    requests: Tally,
    /// At the quantiles that are told.
    latency: [Estimate; TOLD.len()],
    /// How fast the budget burns, by these five minutes and by the last hour.
    burn: [f64; 2],
    /// The share of a day's budget that is left, below 0 if more than all was spent.
    left: f64,
    is_alert: bool,
    /// Whether it was none before.
    begins: bool,
}

impl Level {
    fn within(&self) -> f64 {
        1.0 - self.requests.slow as f64 / self.requests.all.max(1) as f64
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}\t{}\t{}", Written(self.end.millis()), self.service, self.requests.all)?;
        for Estimate { value, lower, upper, .. } in self.latency {
            write!(out, "\t{value:.1} [{lower:.1}, {upper:.1}]")?;
        }
        let [short, long] = self.burn;
        let alert = if self.is_alert { "\tALERT" } else { "" };
        writeln!(out, "\t{:.3} %\t{short:.2}\t{long:.2}{alert}", 100.0 * self.within())
    }
}

/// Runs the job until its input ends, or until it is told to stop. Service levels are written as lines.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run(options: &Options, out: impl Write + Send + 'static) -> Result<Report, Failure> {
    let Options { target, burn, ref setting } = *options;
    if !(0.0..1.0).contains(&target) {
        return Err(Failure::Usage(format!("the target is {target}; it must be a share from 0 to below 1")));
    }
    if !(burn > 0.0 && burn.is_finite()) {
        return Err(Failure::Usage(format!("the burn rate for an alert is {burn}; it must be a number above 0")));
    }
    let ctx = setting.context("slo")?;
    let sketch = Kll::with_k(K).map_err(|error| Failure::Usage(error.to_string()))?.seeded(setting.seed);
    let requests = Simulated::new(setting.seed);
    let requests = setting.numbers(&ctx, PACE).map(move |number| requests.request(number));
    let summed = summed(&requests, sketch, setting.check);
    let levels = levels(&summed, options);
    if !setting.no_dashboard {
        panels(&ctx.dashboard(), &summed, &levels, options);
    }
    let check = setting.checked();
    check_rows(&summed, check.as_ref(), hold);
    let alerts = Arc::new(AtomicU64::new(0));
    let counter = alerts.clone();
    let written = write_rows(&levels, out, move |level, out| {
        counter.fetch_add(u64::from(level.begins), Ordering::Relaxed);
        level.write(out)
    });
    setting.run(&ctx, &written, check.as_ref())?;
    Ok(Report { windows: written.load(Ordering::Relaxed), alerts: alerts.load(Ordering::Relaxed) })
}

/// The last five minutes of each service, every minute.
fn summed(requests: &DStream<Request>, sketch: Kll, is_checked: bool) -> DStream<Summed> {
    requests
        .event_time(|request: &Request| request.time, secs(1))
        .window(mins(5), mins(1))
        .key_by(|request: &Request| request.service)
        .named("latencies")
        .summarize(|on| {
            let latency = on.map(|request: &Request| request.latency).of(sketch);
            let exact = is_checked.then(|| latency.exact());
            (on.count(), on.when(|request| !request.is_within).count(), latency, exact)
        })
        .map(|Window { end, value: (service, (all, slow, latency, exact)), .. }| {
            let requests = Tally { all: all.count(), slow: slow.count() };
            Summed { end, service, requests, latency, exact }
        })
}

/// What that means for the budgets, in the order of time.
fn levels(summed: &DStream<Summed>, options: &Options) -> DStream<Level> {
    let Options { target, burn, .. } = *options;
    let levels = summed.map(|Summed { end, service, requests, latency, .. }| {
        let latency = TOLD.map(|q| latency.at(q));
        Level { end, service, requests, latency, burn: [0.0; 2], left: 1.0, is_alert: false, begins: false }
    });
    let levels = levels.key_by(|level| level.service.as_str()).named("budgets").map_with_state(
        move |mut level, past: &mut State<'_, CompactString, (Past, bool)>| {
            let (past, was_alert) = past.or_default();
            past.add(level.requests);
            level.burn = [level.requests.burn(target), past.hour().burn(target)];
            level.left = 1.0 - past.day().burn(target);
            level.is_alert = level.burn.iter().all(|rate| *rate >= burn);
            level.begins = level.is_alert && !*was_alert;
            *was_alert = level.is_alert;
            level
        },
    );
    levels.transform(|levels| levels.sort_by_key(|level| (level.end, level.service.clone())))
}

fn hold(level: &Summed, check: &Check) {
    if let Some(exact) = &level.exact {
        let at = format!("{} {}", Written(level.end.millis()), level.service);
        check.quantiles("latency", &at, &level.latency, exact, &TOLD);
    }
}

fn panels(dashboard: &Dashboard, summed: &DStream<Summed>, levels: &DStream<Level>, options: &Options) {
    const LEVELS: &str = "Service levels";
    let Options { target, burn, .. } = *options;
    let columns = ["service", "p99, ms", "p99.9, ms", "left, %", ""];
    // A window has a row for each service.
    let now = newest(levels, "now", SERVICES.len());
    dashboard
        .table("The last five minutes", &now, columns, |level| {
            let Level { service, latency: [_, p99, p999], left, is_alert, .. } = level;
            let alert = is_alert.then_some("ALERT");
            [service.into(), p99.into(), p999.into(), (100.0 * left).into(), alert.into()]
        })
        .group(LEVELS);

    let by_service = levels.map(|level| (level.service.clone(), level));
    type Figure = fn(&Level) -> f64;
    let chart = |title: &str, figure: Figure| {
        dashboard.lines(title, &by_service, move |(_, level)| Point::at(level.end, figure(level).into())).group(LEVELS)
    };
    let allowed = format!("× {:.2} %", 100.0 * (1.0 - target));
    chart("Outside the objective", |it| 100.0 * (1.0 - it.within()))
        .unit("%")
        .threshold(100.0 * (1.0 - target), "allowed");
    chart("Budget of a day, spent", |it| 100.0 * (1.0 - it.left)).unit("%").threshold(100.0, "all of it");
    chart("Burn rate of five minutes", |it| it.burn[0])
        .unit(&allowed)
        .threshold(burn, "alert")
        .threshold(1.0, "as planned");
    chart("Burn rate of an hour", |it| it.burn[1]).unit(&allowed).threshold(burn, "alert").threshold(1.0, "as planned");

    for Service { name, objective, .. } in SERVICES {
        let summed = summed.filter(move |it| it.service == name);
        dashboard
            .quantiles(name, &summed, &TOLD, |it| Point::at(it.end, it.latency.clone()))
            .unit("ms")
            .threshold(objective, "objective")
            .group("Latency");
    }
}
