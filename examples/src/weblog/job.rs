//! The job: from lines to windows.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamgauge::prelude::*;
use streamgauge::stream::source::TextFiles;

use super::report::{Exact, WindowRow, print_summary};
use super::synthetic::SyntheticSite;
use super::{Format, Site, Visit, event_time, parse};
pub use crate::Failure;
use crate::failure::told;
use crate::{Check, Progress, check_rows, ended};

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, a `.gz` file, or a directory.
    Path(PathBuf),
    /// The standard input.
    Stdin,
}

/// What is written on the standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A line of JSON for every window, and one at the end.
    Jsonl,
    /// A line of text for every window.
    Text,
    /// Nothing.
    Nothing,
}

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The inputs; none for the synthetic site.
    pub inputs: Vec<Input>,
    /// The format of all lines; recognised line by line if none.
    pub format: Option<Format>,
    /// The length of the windows.
    pub window: Duration,
    /// The time between the starts of two windows.
    pub slide: Duration,
    /// How much later than newer ones a line may come.
    pub watermark: Duration,
    /// Event seconds per second; none for as fast as possible.
    pub speed: Option<f64>,
    /// Take all that is there, then stop.
    pub once: bool,
    /// The address of the dashboard; none for no dashboard.
    pub dashboard: Option<SocketAddr>,
    /// The seed of the hashes and of the synthetic site.
    pub seed: u64,
    /// Requests a second of the synthetic site.
    pub rate: f64,
    /// Compute the exact answers beside the approximate ones.
    pub exact: bool,
    /// Audit one window in so many: compare the approximate answers with exact ones, on the dashboard.
    pub audit: Option<u32>,
    /// What is written on the standard output.
    pub output: Output,
    /// Stop at the first malformed line.
    pub strict: bool,
    /// The threads of the job; 0 for as many as there are.
    pub threads: usize,
    /// Hold the approximate answers against the exact ones; they are computed as by [`exact`](Self::exact).
    pub check: bool,
    /// Spoil the approximate answers before they are checked: so that a test sees a check fail.
    pub spoiled: bool,
    /// Show how far the job has come, if the standard error is a terminal.
    pub progress: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            inputs: Vec::new(),
            format: None,
            window: mins(5),
            slide: mins(1),
            watermark: secs(30),
            speed: Some(60.0),
            once: false,
            dashboard: None,
            seed: 1,
            rate: 40.0,
            exact: false,
            audit: None,
            output: Output::Nothing,
            strict: false,
            threads: 0,
            check: false,
            spoiled: false,
            progress: false,
        }
    }
}

/// How often a live job runs a batch.
const BATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the job until its input ends, or until it is told to stop.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run(options: &Options, out: impl Write + Send + 'static) -> Result<(), Failure> {
    let trigger = match options {
        Options { once: true, .. } => Trigger::Available,
        Options { speed: None, .. } => Trigger::AsSoonAsPossible,
        _ => Trigger::Every,
    };
    let ctx = StreamingContext::builder("weblog")
        .batch_interval(BATCH_INTERVAL)
        .trigger(trigger)
        .seed(options.seed)
        .threads(options.threads)
        .build();
    let usage = |e: &dyn std::fmt::Display| Failure::Usage(e.to_string());
    if options.inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        return Err(Failure::Usage("the standard input can be read once only".to_owned()));
    }
    let lines = sources(&ctx, options).map_err(|e| usage(&e))?;
    let skipped = Arc::new(AtomicU64::new(0));
    let audited = summarize(visits(&lines, options, &skipped), options);
    let windows = rows(&audited);
    if let Some(address) = options.dashboard {
        ctx.dashboard().listen(address);
        panels(&ctx.dashboard(), &windows);
        if options.audit.is_some() {
            audits(&ctx.dashboard(), &audited);
        }
    }
    let printed = Arc::new(AtomicU64::new(0));
    let out = Arc::new(std::sync::Mutex::new(io::BufWriter::new(out)));
    print_windows(&windows, options.output, &printed, &out);
    let check = options.check.then(|| Check::new(options.spoiled));
    check_rows(&windows, check.as_ref(), hold);
    if options.progress {
        ctx.add_listener(Arc::new(Progress::new(printed.clone())));
    }
    ctx.add_listener(Arc::new(MalformedOnStderr));

    ctx.start().map_err(|e| usage(&e))?;
    ctx.stop_on_ctrl_c();
    if options.dashboard.is_some() {
        eprintln!("dashboard: http://{}", ctx.dashboard().address());
    }
    let report = ctx.await_termination()?;
    eprintln!("{}", ended(&report));
    if options.output == Output::Jsonl {
        let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let parsed = report.records - report.malformed - skipped.load(Ordering::Relaxed);
        print_summary(&mut *out, &report, parsed, printed.load(Ordering::Relaxed))?;
    }
    if let Some(check) = check {
        eprintln!("{}", check.verdict().map_err(Failure::Broken)?);
        return Ok(());
    }
    if options.dashboard.is_some() && !options.once && !ctx.is_stopping() {
        eprintln!("the input has ended; the dashboard stays until Ctrl-C");
        ctx.await_stop();
    }
    Ok(())
}

/// The lines of all inputs.
fn sources(ctx: &StreamingContext, options: &Options) -> Result<Vec<TextStream>, SourceError> {
    if options.inputs.is_empty() {
        let site = SyntheticSite::new(Site::new(options.seed, options.rate), options.speed, options.once);
        return Ok(vec![ctx.text(site)]);
    }
    let mut lines = Vec::new();
    for input in &options.inputs {
        lines.push(match input {
            Input::Stdin => ctx.stdin(),
            Input::Path(path) => {
                let mut files = TextFiles::new(path)?;
                if !options.once {
                    files = files.follow();
                }
                if let (false, Some(speed)) = (options.once, options.speed) {
                    let format = options.format;
                    files = files.paced(move |line| event_time(line, format), speed);
                }
                ctx.text(files)
            }
        });
    }
    Ok(lines)
}

/// The visits of all inputs; lines that hold none, such as a header, are counted.
fn visits(lines: &[TextStream], options: &Options, skipped: &Arc<AtomicU64>) -> DStream<Visit> {
    let policy = if options.strict { OnMalformed::Fail } else { OnMalformed::Skip };
    let parsed = lines.iter().map(|lines| {
        let (format, skipped) = (options.format, skipped.clone());
        lines.clone().on_malformed(policy).parse(move |line| {
            let visit = parse(line, format);
            if let Ok(None) = visit {
                skipped.fetch_add(1, Ordering::Relaxed);
            }
            visit
        })
    });
    DStream::union_of(parsed).expect("there is at least one input")
}

/// The answers for a window: requests, errors; distinct hosts, sizes, the most frequent paths.
type Answers = (Estimate, Estimate, (Estimate, Quantiles, Vec<(CompactString, Estimate)>));

/// What is asked of every window.
fn summarize(visits: DStream<Visit>, options: &Options) -> DStream<Window<Audited<Answers, Answers>>> {
    let audit = match (options.exact || options.check, options.audit) {
        (true, _) => Audit::windows(1),
        (false, Some(every)) => Audit::windows(every),
        (false, None) => Audit::keys(0.0),
    };
    visits
        .event_time(|visit: &Visit| visit.time_ms, options.watermark)
        .window(options.window, options.slide)
        .named("visits")
        .summarize(|on| {
            let questions = (
                on.distinct(|visit| visit.host.as_str()),
                on.quantiles(|visit| visit.bytes as f64),
                on.top(10, |visit| visit.path.as_str()),
            );
            (on.count(), on.when(|visit| visit.status >= 400).count(), questions).audited(audit)
        })
}

/// What is told of each window.
fn rows(windows: &DStream<Window<Audited<Answers, Answers>>>) -> DStream<WindowRow> {
    windows.map(|Window { start, end, value }| {
        let (requests, errors, (hosts, bytes, top_paths)) = value.approximate;
        let exact = value.exact.map(|(.., (hosts, bytes, top_paths))| Exact { hosts, bytes, top_paths });
        WindowRow { start, end, requests, errors, hosts, bytes, top_paths, exact }
    })
}

/// The width of a centroid of the digest of sizes at a quantile `q`, in shares of `q (1 − q)`: `(4 ln(n/δ) + 24) / δ`, for
/// windows of about as many lines as the synthetic site has.
const CENTROID: f64 = 0.2;

fn hold(window: &WindowRow, check: &Check) {
    if let Some(exact) = &window.exact {
        check.estimate("distinct hosts", &window.end, &window.hosts, exact.hosts.value);
        check.ranks("response size", &window.end, &window.bytes, &exact.bytes, &[0.5, 0.95, 0.99], CENTROID);
        check.top("top pages", &window.end, &window.top_paths, &exact.top_paths);
    }
}

fn panels(dashboard: &Dashboard, windows: &DStream<WindowRow>) {
    dashboard.number("Requests", windows, |w| w.at(w.requests)).unit("per window");
    dashboard.number("Distinct hosts", windows, |w| w.at(w.hosts)).unit("per window");
    dashboard.number("Errors", windows, |w| w.at(w.errors)).unit("status ≥ 400");
    dashboard.line("Requests over time", windows, |w| w.at(w.requests));
    dashboard.line("Distinct hosts over time", windows, |w| w.at(w.hosts));
    dashboard.line("Errors over time", windows, |w| w.at(w.errors));
    dashboard.quantiles("Response size", windows, &[0.5, 0.95, 0.99], |w| w.at(w.bytes.clone())).unit("bytes");
    dashboard.ranking("Top pages", windows, |w| w.at(w.top_paths.clone())).unit("requests");
}

/// The errors of what is approximate, against the bounds that are promised.
fn audits(dashboard: &Dashboard, windows: &DStream<Window<Audited<Answers, Answers>>>) {
    dashboard.audit("Distinct hosts, audited", windows, |(.., answers), (.., exact)| [(answers.0, exact.0.value)]);
    dashboard.audit("Response size p95, audited", windows, |(.., answers), (.., exact)| {
        [(answers.1.at(0.95), exact.1.at(0.95).value)]
    });
    dashboard.audit("Top pages, audited", windows, |(.., answers), (.., exact)| {
        let exact: HashMap<_, _> = exact.2.iter().map(|(page, count)| (page, count.value)).collect();
        answers.2.iter().filter_map(|(page, count)| Some((*count, *exact.get(page)?))).collect::<Vec<_>>()
    });
}

type Out<W> = Arc<std::sync::Mutex<io::BufWriter<W>>>;

fn print_windows<W: Write + Send + 'static>(
    windows: &DStream<WindowRow>,
    output: Output,
    printed: &Arc<AtomicU64>,
    out: &Out<W>,
) {
    let (printed, out) = (printed.clone(), out.clone());
    windows.for_each_batch(move |_, batch| {
        let rows = batch.collect().map_err(|e| e.to_string())?;
        let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        printed.fetch_add(rows.len() as u64, Ordering::Relaxed);
        let write = rows.iter().try_for_each(|row| match output {
            Output::Jsonl => row.write_json(&mut *out),
            Output::Text => row.write_text(&mut *out),
            Output::Nothing => Ok(()),
        });
        write.and_then(|()| out.flush()).map_err(told)
    });
}

/// Tells the first malformed lines on the standard error; all are counted in the summary.
#[derive(Debug)]
struct MalformedOnStderr;

impl Listener for MalformedOnStderr {
    fn on_malformed(&self, line: &streamgauge::stream::Malformed) {
        eprintln!("malformed: {line}");
    }
}
