//! The same as a job, whose dashboard shows how accuracy goes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use streamgauge::ml::evaluate::{Confusion, Delayed, Keepable};
use streamgauge::ml::{Dataset, RowError};
use streamgauge::prelude::*;
use streamgauge::stream::monitor::dashboard::Accuracy;

use super::Failure;
use crate::{Progress, ended};

/// Where accuracy is shown, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The address of the dashboard.
    pub address: SocketAddr,
    /// How many rows a second; as many as possible if none.
    pub rate: Option<u64>,
    /// Show how far the job has come, if the standard error is a terminal.
    pub progress: bool,
}

/// A job that has ended, whose dashboard still answers.
#[derive(Debug)]
pub struct Watched(StreamingContext);

impl Watched {
    /// Waits until the process is asked to stop, by Ctrl-C say.
    pub fn until_stopped(&self) {
        if !self.0.is_stopping() {
            eprintln!("the input has ended; the dashboard stays until Ctrl-C");
            self.0.await_stop();
        }
    }
}

/// How often a paced job runs a batch.
const BATCH_INTERVAL: Duration = Duration::from_millis(500);
/// The batches of a job that runs as fast as it can.
const BATCHES: usize = 200;

/// What the dashboard shows of all rows.
#[derive(Clone)]
struct SoFar {
    accuracy: Estimate,
    kappa: f64,
    confusion: Confusion,
}

/// Predicts and learns all rows in a job: the evaluation after them, how many seconds that took, and the job.
pub(super) fn measure<L>(
    rows: &Dataset,
    evaluation: Delayed<L>,
    watch: Watch,
) -> Result<(Delayed<L>, f64, Watched), Failure>
where
    L: Keepable<Row = [f64]>,
{
    let size = match watch.rate {
        Some(rate) => (rate as f64 * BATCH_INTERVAL.as_secs_f64()) as usize,
        None => rows.len() / BATCHES,
    };
    let (queue, source) = Queue::new();
    let labelled: Vec<(Vec<f64>, usize)> = rows.iter().map(|(row, class)| (row.to_vec(), class)).collect();
    for batch in labelled.chunks(size.max(1)) {
        queue.push(batch.to_vec());
    }
    queue.close();

    let trigger = if watch.rate.is_some() { Trigger::Every } else { Trigger::Available };
    let ctx = StreamingContext::builder("prequential").batch_interval(BATCH_INTERVAL).trigger(trigger).build();
    let steps = ctx
        .source(source.one_at_a_time())
        .train_with(evaluation, |evaluation, (row, class)| Ok::<_, RowError>((class, evaluation.step(&row, class)?)));
    let predicted = Arc::new(AtomicU64::new(0));
    let counter = predicted.clone();
    steps.for_each_batch(move |_, batch| {
        let steps = batch.collect().map_err(|error| error.to_string())?;
        counter.fetch_add(steps.len() as u64, Ordering::Relaxed);
        let refused = steps.into_iter().find_map(Result::err);
        refused.map_or(Ok(()), |error| Err(format!("a row was refused: {error}")))
    });
    let so_far = steps.model().each_batch(|evaluation| {
        let outcomes = evaluation.outcomes();
        SoFar { accuracy: outcomes.accuracy(), kappa: outcomes.kappa(), confusion: outcomes.confusion() }
    });
    let classes = rows.schema().classes();
    let empty = Confusion::new(classes)?;
    let lately = steps.flat_map(Result::ok).summarize(|on| on.of(empty));

    let page = ctx.dashboard();
    page.listen(watch.address);
    page.accuracy("All rows so far", &so_far, |it| Accuracy::of(it.accuracy).kappa(it.kappa));
    page.accuracy("The rows of a batch", &lately, |it| Accuracy::of(it.accuracy()).kappa(it.kappa()));
    let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    page.confusion("Actual and predicted classes", &so_far, &names, |it, actual, predicted| {
        it.confusion.count(actual, predicted)
    });

    if watch.progress {
        ctx.add_listener(Arc::new(Progress::new(predicted)));
    }
    let started = Instant::now();
    ctx.start()?;
    ctx.stop_on_ctrl_c();
    eprintln!("dashboard: http://{}", page.address());
    let report = ctx.await_termination()?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{}", ended(&report));
    let mut evaluation = Delayed::clone(&steps.model().get());
    evaluation.finish()?;
    Ok((evaluation, seconds, Watched(ctx)))
}
