//! The job: from points to clusters that follow them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use streamgauge::ml::cluster::{Cluster, Forgetting, StreamingKMeans};
use streamgauge::ml::{Clusterer, Learn, Learning};
use streamgauge::prelude::*;
use streamgauge::stream::Model;

use super::panels::panels;
use super::report::tell;
use super::{Input, Point, Score, Summary as Told, Tally};
pub use crate::Failure;
use crate::setting::lock;
use crate::{Check, ended};

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where points come from.
    pub input: Input,
    /// How many clusters there are.
    pub clusters: usize,
    /// How fast the past fades; as the crate has it if none.
    pub forgetting: Option<Forgetting>,
    /// The points of a batch.
    pub batch: usize,
    /// After how many batches progress is told.
    pub every: u64,
    /// The address of the dashboard; none for no dashboard.
    pub dashboard: Option<SocketAddr>,
    /// How many points a second; as many as possible if none.
    pub rate: Option<u64>,
    /// The dimensions that the dashboard maps.
    pub plane: [usize; 2],
    /// The seed of the start.
    pub seed: u64,
    /// The threads of the job; 0 for as many as there are.
    pub threads: usize,
    /// Hold the clusters against the components of a synthetic stream.
    pub check: bool,
    /// Show how far the job has come, if the standard error is a terminal.
    pub progress: bool,
}

/// What the two outputs of the job share: the scores of a batch come first, then the clusters that have learned it.
struct Progress<W> {
    every: u64,
    is_labelled: bool,
    batches: u64,
    /// Since it was told.
    recent: Tally,
    total: Tally,
    out: W,
    failure: Option<io::Error>,
}

impl<W: Write> Progress<W> {
    fn end_batch(&mut self, clusters: &[Cluster]) -> Result<(), String> {
        self.batches += 1;
        if !self.batches.is_multiple_of(self.every) {
            return Ok(());
        }
        let recent = self.end_period();
        tell(&mut self.out, self.batches, &recent, self.is_labelled, clusters).map_err(|error| {
            let told = error.to_string();
            self.failure = Some(error);
            told
        })
    }

    fn end_period(&mut self) -> Tally {
        let recent = std::mem::take(&mut self.recent);
        self.total.add_all(&recent);
        recent
    }
}

/// What the clusters say of a point; nothing before there are any, and of noise.
fn score(model: &Learning<StreamingKMeans>, point: &Point, noise: Option<usize>) -> Option<Score> {
    if noise == Some(point.class) {
        return None;
    }
    let cluster = model.predict_one(&point.at).ok()??;
    let distance = model.distance_one(&point.at).ok()??;
    Some(Score { class: point.class, cluster, square: distance * distance })
}

/// Runs the job until its input ends. Each batch is scored by the clusters that it finds, then learned.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run(options: &Options, out: impl Write + Send + 'static) -> Result<(), Failure> {
    let usage = |e: &dyn std::fmt::Display| Failure::Usage(e.to_string());
    let (rows, noise) = options.input.read()?;
    let dimension = rows.schema().attributes().len();
    if let Some(wrong) = options.plane.iter().find(|at| options.dashboard.is_some() && **at >= dimension) {
        return Err(Failure::Usage(format!("there is no dimension {wrong} to map: there are {dimension}, from 0 on")));
    }
    let clusters = StreamingKMeans::new(options.clusters, dimension).map_err(|e| usage(&e))?.seed(options.seed);
    let clusters = match options.forgetting {
        Some(forgetting) => clusters.forgetting(forgetting).map_err(|e| usage(&e))?,
        None => clusters,
    };
    let (queue, source) = Queue::new();
    let points: Vec<Point> = rows.iter().map(|(at, class)| Point { at: at.to_vec(), class }).collect();
    for batch in points.chunks(options.batch.max(1)) {
        queue.push(batch.to_vec());
    }
    drop(points);
    queue.close();

    let settings = StreamingContext::builder("cluster drift").threads(options.threads);
    let ctx = match options.rate {
        // One batch a tick.
        Some(rate) => settings.batch_interval(interval(options.batch, rate)).trigger(Trigger::Every).build(),
        None => settings.trigger(Trigger::Available).build(),
    };
    let points = ctx.source(source.one_at_a_time());
    let model = points.train_on(|on| on.cluster(clusters, |point: &Point| &point.at[..]));
    let progress = Arc::new(Mutex::new(Progress {
        every: options.every.max(1),
        is_labelled: rows.schema().classes() > 1,
        batches: 0,
        recent: Tally::default(),
        total: Tally::default(),
        out,
        failure: None,
    }));
    let scored = progress.clone();
    let scores = model.predict_on(&points, move |model, point| score(model, &point, noise));
    if let Some(address) = options.dashboard {
        ctx.dashboard().listen(address);
        panels(&ctx.dashboard(), &points, &model, &scores, options.plane).map_err(|e| usage(&e))?;
    }
    let counted = Arc::new(AtomicU64::new(0));
    let counter = counted.clone();
    scores.for_each_batch(move |_, batch| {
        let scores = batch.collect()?;
        counter.fetch_add(scores.len() as u64, Ordering::Relaxed);
        let mut progress = lock(&scored);
        scores.into_iter().flatten().for_each(|score| progress.recent.add(score));
        Ok::<_, Error>(())
    });
    let learned = progress.clone();
    model.each_batch(|model| model.clusters()).for_each_batch(move |_, batch| {
        let clusters = batch.collect().map_err(|e| e.to_string())?;
        lock(&learned).end_batch(clusters.first().map_or(&[], Vec::as_slice))
    });

    if options.progress {
        ctx.add_listener(Arc::new(crate::Progress::new(counted)));
    }
    let started = Instant::now();
    ctx.start().map_err(|e| usage(&e))?;
    ctx.stop_on_ctrl_c();
    if options.dashboard.is_some() {
        eprintln!("dashboard: http://{}", ctx.dashboard().address());
    }
    let report = ctx.await_termination();
    let seconds = started.elapsed().as_secs_f64();
    finish(&model, &progress, report, seconds)?;
    if options.check {
        eprintln!("{}", hold(&lock(&progress).total, dimension).verdict().map_err(Failure::Broken)?);
    } else if options.dashboard.is_some() && !ctx.is_stopping() {
        eprintln!("the input has ended; the dashboard stays until Ctrl-C");
        ctx.await_stop();
    }
    Ok(())
}

/// The length of a batch of so many points at so many a second: at least a millisecond, at most an hour.
fn interval(batch: usize, rate: u64) -> Duration {
    Duration::from_secs_f64((batch as f64 / rate as f64).clamp(1e-3, 3_600.0))
}

/// Tells the end.
fn finish<W: Write>(
    model: &Model<Learning<StreamingKMeans>>,
    progress: &Mutex<Progress<W>>,
    report: Result<Report, Error>,
    seconds: f64,
) -> Result<(), Failure> {
    let mut progress = lock(progress);
    if let Some(error) = progress.failure.take() {
        return Err(error.into());
    }
    let report = report?;
    eprintln!("{}", ended(&report));
    progress.end_period();
    let model = model.get();
    let told = Told {
        rows: report.records,
        batches: progress.batches,
        scored: progress.total.points(),
        squares_per_point: progress.total.squares_per_point(),
        purity: progress.total.purity().filter(|_| progress.is_labelled),
        refused: model.refused(),
        memory_bytes: model.memory_bytes(),
        seconds,
        rows_per_second: report.records as f64 / seconds,
        clusters: model.clusters(),
    };
    let line = serde_json::to_string(&told).map_err(|e| Failure::Write(e.into()))?;
    writeln!(progress.out, "{line}")?;
    Ok(progress.out.flush()?)
}

/// What is asked of clusters where the components are known, with a deviation of ½ in each coordinate. Of few points it
/// says nothing.
fn hold(total: &Tally, dimension: usize) -> Check {
    const FEW: u64 = 10_000;
    let check = Check::new(false);
    if let (Some(purity), Some(squares)) = (total.purity(), total.squares_per_point())
        && total.points() >= FEW
    {
        check.holds("clusters are components", purity >= 0.99, || format!("the purity is {purity:.4}"));
        let made = dimension as f64 * 0.25;
        check.holds("centres are in the middle", squares <= 1.1 * made, || {
            format!("points are {squares:.3} from them, squared, and were made {made:.3} from the middle")
        });
    }
    check
}
