//! How the partitions of a batch run: in parallel, guarded, and again if they fail.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;
use tracing::{Span, trace_span, warn};

use super::measure::{self, Measure, Work};
use super::{BadLine, BatchRun, Input};
use crate::error::{Error, panic_message};
use crate::graph::OperatorId;

/// What the partitions of a batch run on, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) pool: Arc<ThreadPool>,
    /// How often a partition is run before it has failed; at least once.
    pub(crate) attempts: u32,
    /// Whether rows may be asked for again: a partition that is run again, or an output after one that has failed.
    pub(crate) keeps_rows: bool,
    /// Whether the batch is run again because the run before was ended before the batch was known to be complete.
    pub(crate) again: bool,
    /// The fraction of the records that operators which shed keep.
    pub(crate) fraction: f64,
}

/// What is counted while a partition runs. It counts for the batch once the attempt has succeeded.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) records: Vec<(Input, u64)>,
    pub(super) late: u64,
    pub(super) measured: Vec<(OperatorId, Measure)>,
    pub(super) malformed: u64,
    pub(super) first_malformed: Vec<BadLine>,
}

impl Tally {
    pub(super) fn count_records(&mut self, input: Input, records: u64) {
        match self.records.iter_mut().find(|(counted, _)| *counted == input) {
            Some((_, count)) => *count += records,
            None => self.records.push((input, records)),
        }
    }
}

thread_local! {
    /// The tally of the attempt that runs on this thread, if one does.
    static TALLY: RefCell<Option<Tally>> = const { RefCell::new(None) };
}

impl BatchRun {
    /// Counts for the attempt that runs on this thread, or for the batch if there is none.
    pub(super) fn count(&self, count: impl FnOnce(&mut Tally)) {
        TALLY.with_borrow_mut(|tally| match tally {
            Some(tally) => count(tally),
            None => {
                let mut tally = Tally::default();
                count(&mut tally);
                self.add(tally);
            }
        });
    }

    /// Takes note of what an operator did; of the attempt that runs on this thread, once it has succeeded.
    pub(crate) fn measured(&self, operator: Option<OperatorId>, measure: Measure) {
        let Some(operator) = operator else { return };
        TALLY.with_borrow_mut(|tally| match tally {
            Some(tally) => tally.measured.push((operator, measure)),
            None => self.add_measure(operator, measure),
        });
    }

    /// Runs one attempt, as work of the operator for which the batch was working when it asked for it; a panic is an
    /// error that names operator and partition.
    fn attempt<R>(
        &self,
        (id, operator, within): (Option<OperatorId>, &str, &Span),
        partition: usize,
        run: &impl Fn(usize) -> Result<R, Error>,
    ) -> Result<R, Error> {
        // An attempt may come to run within another one: rayon runs what it finds while it waits.
        let outer = TALLY.replace(Some(Tally::default()));
        let work = Work::begin(id);
        let run = || span_of(within, operator, partition).in_scope(|| run(partition));
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let cause = panic_message(&*panic);
            Err(Error::Operator { operator: operator.to_owned(), partition, time: self.time, cause })
        });
        let measure = work.end();
        let tally = TALLY.replace(outer);
        if let (Ok(_), Some(tally)) = (&result, tally) {
            self.add(tally);
            if let Some(id) = id {
                self.add_measure(id, measure);
            }
        }
        result
    }
}

/// Runs a function over all partitions in parallel and gives the results in their order.
///
/// A partition that fails is run again, as often as the job allows: the function must do nothing but compute. A panic
/// in it is an error that names the operator and the partition; of several errors the first partition's is given, so
/// that it does not depend on timing.
pub(crate) fn each_partition<R: Send>(
    batch: &BatchRun,
    operator: &str,
    partitions: usize,
    run: impl Fn(usize) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    run_each(batch, operator, partitions, batch.running().attempts, run)
}

/// Runs a function over the lanes of an operator, each with what it has got; in parallel if there is enough to do.
///
/// Unlike the work of partitions, that of lanes changes state: it is never run again.
pub(crate) fn each_lane<E: Send, R: Send>(
    batch: &BatchRun,
    operator: &str,
    lanes: Vec<E>,
    in_parallel: bool,
    work: impl Fn(usize, E) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let (id, within) = (measure::current(), Span::current());
    let guarded = |(lane, entries)| {
        span_of(&within, operator, lane).in_scope(|| one_lane(batch, operator, lane, || work(lane, entries)))
    };
    let results: Vec<_> = if in_parallel {
        let measured = |entries| batch.work(id, || guarded(entries));
        let run_all = || lanes.into_par_iter().enumerate().with_max_len(1).map(measured).collect();
        batch.wait(|| batch.running().pool.install(run_all))
    } else {
        lanes.into_iter().enumerate().map(guarded).collect()
    };
    results.into_iter().collect()
}

/// Does the work of one lane of an operator: a panic in it is an error that names both.
pub(crate) fn one_lane<R>(
    batch: &BatchRun,
    operator: &str,
    lane: usize,
    work: impl FnOnce() -> Result<R, Error>,
) -> Result<R, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let cause = panic_message(&*panic);
        Err(Error::Operator { operator: operator.to_owned(), partition: lane, time: batch.time, cause })
    })
}

fn run_each<R: Send>(
    batch: &BatchRun,
    operator: &str,
    partitions: usize,
    attempts: u32,
    run: impl Fn(usize) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let (id, within) = (measure::current(), Span::current());
    let attempt = |partition| batch.attempt((id, operator, &within), partition, &run);
    let run_one = |partition| {
        let mut result = attempt(partition);
        for _ in 1..attempts {
            let Err(error) = &result else {
                return result;
            };
            warn!(parent: &within, operator, partition, %error, "the partition is run again");
            batch.count_retry();
            result = attempt(partition);
        }
        result.map_err(|error| after(error, attempts))
    };
    // A thread that is of the pool already goes straight on; an output on a thread of its own enters it here.
    let run_all = || (0..partitions).into_par_iter().with_max_len(1).map(run_one).collect::<Vec<_>>();
    batch.wait(|| batch.running().pool.install(run_all)).into_iter().collect()
}

/// The span of a partition or a lane of an operator, or that of the operator if nobody wants to know of partitions.
fn span_of(within: &Span, operator: &str, partition: usize) -> Span {
    let span = trace_span!(parent: within, "streamgauge.partition", operator, partition);
    if span.is_disabled() { within.clone() } else { span }
}

/// An error with the number of attempts in its cause, if there were several.
fn after(error: Error, attempts: u32) -> Error {
    match error {
        Error::Operator { operator, partition, time, cause } if attempts > 1 => Error::Operator {
            operator,
            partition,
            time,
            cause: format!("{cause} (in the last of {attempts} attempts)"),
        },
        other => other,
    }
}
