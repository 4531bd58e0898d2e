//! The job: from readings to alerts.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use streamgauge::ml::anomaly::Sample;
use streamgauge::prelude::*;
use streamgauge::stream::Malformed;
use streamgauge::stream::monitor::dashboard as monitor;

use super::{Reading, Simulated};
pub use crate::Failure;
use crate::failure::told;
use crate::newest::newest;
use crate::setting::lock;
use crate::{Check, Progress, ended};

/// Where readings come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file of `timestamp,value`, or a directory of them and of directories: a series for each file.
    Files(PathBuf),
    /// The metrics of so many made-up hosts.
    Simulated {
        /// The number of hosts.
        hosts: u64,
        /// How many readings there are; none for no end.
        readings: Option<u64>,
    },
}

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where readings come from.
    pub input: Input,
    /// How many readings a second: of each file, or of all simulated hosts together; none for as fast as possible, and
    /// then to stop.
    pub rate: Option<u64>,
    /// The score from which on a reading is an alert.
    pub threshold: f64,
    /// Strange readings of a series belong to one alert if they are no further apart than this.
    pub quiet: Duration,
    /// The address of the dashboard; none for no dashboard.
    pub dashboard: Option<SocketAddr>,
    /// How many series the dashboard draws.
    pub shown: usize,
    /// The seed of the simulation.
    pub seed: u64,
    /// The threads of the job; 0 for as many as there are.
    pub threads: usize,
    /// Hold the alerts against the anomalies that are known.
    pub check: bool,
    /// Show how far the job has come, if the standard error is a terminal.
    pub progress: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The readings that were scored, and those of them from the warm-up of a detector, which have no score.
    pub readings: u64,
    /// See [`readings`](Self::readings).
    pub warm_up: u64,
    /// The alerts.
    pub alerts: u64,
    /// The alerts that are part of no known anomaly, if any are known.
    pub false_alarms: u64,
    /// The anomalies that are known, by series and number, and those of them that an alert was told in.
    pub anomalies: BTreeSet<(CompactString, u64)>,
    /// See [`anomalies`](Self::anomalies).
    pub found: BTreeSet<(CompactString, u64)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} readings, {} alerts", self.readings, self.alerts)?;
        if !self.anomalies.is_empty() {
            let (found, all) = (self.found.len(), self.anomalies.len());
            write!(f, "; {found} of {all} anomalies found, {} false alarms", self.false_alarms)?;
        }
        Ok(())
    }
}

/// A reading and how strange it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Scored {
    reading: Reading,
    /// In 0 to 1; none while the detector warms up.
    score: Option<f64>,
    /// It is the first of the strange readings that follow each other.
    alert: bool,
}

/// Alerts that the dashboard lists.
const TOLD: usize = 10;

/// How often a paced job runs a batch.
const BATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the job until its input ends, or until it is told to stop. Alerts are written as lines of time, series, value and
/// score, with tabs between them.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run<D>(options: &Options, detector: D, out: impl Write + Send + 'static) -> Result<Report, Failure>
where
    D: Detector<Item = Sample>,
{
    if !(0.0..=1.0).contains(&options.threshold) {
        return Err(Failure::Usage(format!("the threshold is {}; scores lie in 0 to 1", options.threshold)));
    }
    let ctx = StreamingContext::builder("anomaly")
        .batch_interval(BATCH_INTERVAL)
        .trigger(if options.rate.is_some() { Trigger::Every } else { Trigger::Available })
        .seed(options.seed)
        .threads(options.threads)
        .build();
    let (readings, series) = readings(&ctx, options)?;
    // One detector for each series: what it says of a reading before it learns it.
    let readings = readings.key_by(|reading| reading.series.as_str()).named("detectors");
    let scored = readings.train_with(detector, |detector, reading: Reading| {
        let score = detector.score_and_learn(&reading.sample).ok().flatten();
        Scored { reading, score, alert: false }
    });
    let scored = with_alerts(&scored, options);
    let alerts = scored.filter(|scored| scored.alert);
    if let Some(address) = options.dashboard {
        ctx.dashboard().listen(address);
        let shown = series.iter().take(options.shown);
        panels(&ctx.dashboard(), &scored, &alerts, options.threshold, shown);
    }
    let report = Arc::new(Mutex::new(Report::default()));
    count(&scored, &report);
    let written = write(&alerts, &report, out);
    if options.progress {
        ctx.add_listener(Arc::new(Progress::new(written)));
    }
    ctx.add_listener(Arc::new(MalformedOnStderr));

    ctx.start().map_err(|error| Failure::Usage(error.to_string()))?;
    ctx.stop_on_ctrl_c();
    if options.dashboard.is_some() {
        eprintln!("dashboard: http://{}", ctx.dashboard().address());
    }
    let ended_with = ctx.await_termination()?;
    eprintln!("{}", ended(&ended_with));
    if options.check {
        let report = std::mem::take(&mut *lock(&report));
        eprintln!("{}", hold(&report).verdict().map_err(Failure::Broken)?);
        return Ok(report);
    }
    if options.dashboard.is_some() && !ctx.is_stopping() {
        eprintln!("the input has ended; the dashboard stays until Ctrl-C");
        ctx.await_stop();
    }
    Ok(std::mem::take(&mut *lock(&report)))
}

/// The readings of all series, and the names of these.
fn readings(ctx: &StreamingContext, options: &Options) -> Result<(DStream<Reading>, Vec<String>), Failure> {
    match &options.input {
        Input::Simulated { hosts, readings } => {
            if options.rate.is_none() && readings.is_none() {
                let what =
                    "a simulation without an end needs a rate; say how many readings there are, or how many a second";
                return Err(Failure::Usage(what.to_owned()));
            }
            let hosts = Simulated::new(options.seed, *hosts);
            // Without a rate all of them are there at once.
            let mut numbers = Rate::per_second(options.rate.unwrap_or(1_000_000));
            if let Some(readings) = readings {
                numbers = numbers.records(*readings);
            }
            let readings = ctx.source(numbers).map(move |(number, _)| hosts.reading(number));
            Ok((readings, hosts.series().collect()))
        }
        Input::Files(path) => {
            let files = files(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            let mut streams = Vec::new();
            for (series, file) in &files {
                let file = TextFiles::new(file).map_err(|error| Failure::Usage(error.to_string()))?;
                let lines = match options.rate {
                    Some(rate) => ctx.text(file.max_rate(rate)),
                    None => ctx.text(file),
                };
                let series = series.clone();
                streams.push(lines.parse(move |line| Reading::parse(&series, line)));
            }
            let none = || Failure::Usage(format!("{}: there is no .csv file", path.display()));
            let readings = DStream::union_of(streams).ok_or_else(none)?;
            Ok((readings, files.into_iter().map(|(series, _)| series).collect()))
        }
    }
}

/// The `.csv` files at a path with the names of their series, in the order of these.
fn files(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    fn walk(path: &Path, name: &str, found: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let (path, file) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                walk(&path, &format!("{name}{file}/"), found)?;
            } else if let Some(series) = file.strip_suffix(".csv") {
                found.push((format!("{name}{series}"), path));
            }
        }
        Ok(())
    }
    if !std::fs::metadata(path)?.is_dir() {
        let series = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(series, path.to_owned())]);
    }
    let mut found = Vec::new();
    walk(path, "", &mut found)?;
    found.sort();
    Ok(found)
}

/// The readings, with an alert at the first of the strange ones that follow each other.
fn with_alerts(scored: &DStream<Scored>, options: &Options) -> DStream<Scored> {
    let (threshold, quiet) = (options.threshold, options.quiet.as_millis() as i64);
    let scored = scored.key_by(|scored| scored.reading.series.as_str()).named("alerts").flat_map_with_state(
        move |mut scored, last: &mut State<'_, CompactString, i64>| {
            if scored.score.is_some_and(|score| score >= threshold) {
                let at = scored.reading.sample.time;
                scored.alert = last.get().is_none_or(|before| at - before > quiet);
                last.update(at);
            }
            Some(scored)
        },
    );
    DStream::clone(&scored)
}

fn panels<'a>(
    dashboard: &Dashboard,
    scored: &DStream<Scored>,
    alerts: &DStream<Scored>,
    threshold: f64,
    series: impl Iterator<Item = &'a String>,
) {
    let in_time =
        alerts.transform(|alerts| alerts.sort_by_key(|it| (it.reading.sample.time, it.reading.series.clone())));
    let columns = ["series", "time", "value", "score"];
    dashboard.table(
        "Newest alerts",
        &newest(&in_time, "newest alerts", TOLD),
        columns,
        |Scored { reading, score, .. }| {
            [(&reading.series).into(), reading.time().into(), reading.sample.value.into(), (*score).into()]
        },
    );
    let counts = alerts.key_by(|alert| alert.reading.series.as_str()).named("alert counts").running().complete();
    dashboard.top("Alerts by series", &counts.summarize(|on| on.count()), |(_, alerts)| *alerts).unit("alerts");
    for name in series {
        let of_series = {
            let name = name.clone();
            scored.filter(move |scored| scored.reading.series == name)
        };
        dashboard.anomalies(name, &of_series, move |Scored { reading, score, alert }| {
            let seen = monitor::Scored::new(reading.sample.value, *score, threshold).alert(*alert);
            Point::at(Time::from_millis(reading.sample.time), seen)
        });
    }
}

/// Counts readings and known anomalies.
fn count(scored: &DStream<Scored>, report: &Arc<Mutex<Report>>) {
    let report = report.clone();
    scored.for_each_batch(move |_, batch| {
        let rows = batch.collect()?;
        let mut report = lock(&report);
        report.readings += rows.len() as u64;
        report.warm_up += rows.iter().filter(|row| row.score.is_none()).count() as u64;
        report.anomalies.extend(rows.into_iter().filter_map(|row| Some((row.reading.series, row.reading.anomaly?))));
        Ok::<(), Error>(())
    });
}

fn write(alerts: &DStream<Scored>, report: &Arc<Mutex<Report>>, out: impl Write + Send + 'static) -> Arc<AtomicU64> {
    let written = Arc::new(AtomicU64::new(0));
    let counter = written.clone();
    let (report, mut out) = (report.clone(), io::BufWriter::new(out));
    alerts.for_each_batch(move |_, batch| {
        let mut alerts = batch.collect().map_err(|error| error.to_string())?;
        alerts.sort_by(|a, b| {
            (a.reading.sample.time, &a.reading.series).cmp(&(b.reading.sample.time, &b.reading.series))
        });
        let mut report = lock(&report);
        for Scored { reading, score, .. } in alerts {
            let (time, score) = (reading.time(), score.unwrap_or_default());
            writeln!(out, "{time}\t{}\t{}\t{score:.4}", reading.series, reading.sample.value).map_err(told)?;
            report.alerts += 1;
            counter.fetch_add(1, Ordering::Relaxed);
            match reading.anomaly {
                Some(anomaly) => drop(report.found.insert((reading.series, anomaly))),
                None => report.false_alarms += 1,
            }
        }
        out.flush().map_err(told)
    });
    written
}

/// What is asked of a detector where the anomalies are known: to find a third of them, with no more false alarms than
/// anomalies. Of few it says nothing.
fn hold(report: &Report) -> Check {
    const FEW: usize = 10;
    let check = Check::new(false);
    let (all, found) = (report.anomalies.len(), report.found.len());
    if all >= FEW {
        check.holds("a third of the anomalies is found", 3 * found >= all, || format!("{found} of {all}"));
        let alarms = report.false_alarms;
        check.holds("fewer false alarms than anomalies", alarms < all as u64, || {
            format!("{alarms}, with {all} anomalies")
        });
    }
    check
}

/// Tells the first malformed lines on the standard error.
#[derive(Debug)]
struct MalformedOnStderr;

impl Listener for MalformedOnStderr {
    fn on_malformed(&self, line: &Malformed) {
        eprintln!("malformed: {line}");
    }
}
