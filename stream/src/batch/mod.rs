//! One batch: its time, what it counts, and how its partitions run.

pub(crate) mod exchange;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use self::exchange::{Exchange, gather};
use crate::error::{Error, panic_message};
use crate::source::TextBlock;
use crate::time::Time;

/// Rows that narrow operators hand on at once: enough that one dynamic call costs nothing per row, few enough to stay
/// in the cache.
pub(crate) const CHUNK: usize = 1_024;

/// How many malformed lines of a job are told to its listeners; all are counted.
pub(crate) const MALFORMED_TOLD: usize = 5;

/// An input that watermarks are kept for: a source, or a wide operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Input(pub(crate) u32);

/// The input that each partition of a batch belongs to.
pub(crate) type Partitions = Arc<[Input]>;

/// A batch while it runs.
#[derive(Debug)]
pub(crate) struct BatchRun {
    pub(crate) time: Time,
    exchange: Arc<dyn Exchange>,
    /// By input: whether it is a source that has ended.
    finished: Vec<bool>,
    /// By input: whether the operator holds rows back that will come later.
    holding: Vec<AtomicBool>,
    /// By input: what it is derived from; nothing for a source.
    derived: Arc<[Vec<Input>]>,
    /// By input: the records read.
    records: Vec<AtomicU64>,
    late: AtomicU64,
    malformed: AtomicU64,
    first_malformed: Mutex<Vec<BadLine>>,
    watermark: Mutex<Option<Time>>,
}

/// A line that could not be parsed, before its number is known.
#[derive(Clone, Debug)]
pub(crate) struct BadLine {
    pub(crate) input: Input,
    pub(crate) partition: usize,
    /// The block without its text: enough to tell the line's number.
    pub(crate) block: TextBlock,
    pub(crate) line_in_block: u64,
    pub(crate) cause: String,
}

impl BatchRun {
    /// A batch of inputs that are derived from each other, of which these sources have ended.
    pub(crate) fn new(
        time: Time,
        exchange: Arc<dyn Exchange>,
        derived: Arc<[Vec<Input>]>,
        ended: impl Iterator<Item = Input>,
    ) -> Self {
        let mut finished = vec![false; derived.len()];
        ended.for_each(|source| finished[source.0 as usize] = true);
        Self {
            time,
            exchange,
            records: derived.iter().map(|_| AtomicU64::new(0)).collect(),
            holding: derived.iter().map(|_| AtomicBool::new(false)).collect(),
            derived,
            finished,
            late: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            first_malformed: Mutex::new(Vec::new()),
            watermark: Mutex::new(None),
        }
    }

    /// Exchange by key: what every partition has for the lanes becomes what every lane has, by partition.
    pub(crate) fn gather<E: Serialize + DeserializeOwned>(
        &self,
        operator: &str,
        lanes: usize,
        partitions: Vec<Vec<E>>,
    ) -> Result<Vec<Vec<E>>, Error> {
        gather(&*self.exchange, self.time, lanes, partitions)
            .map_err(|cause| Error::Exchange { operator: operator.to_owned(), cause })
    }

    /// Whether there is but one process.
    pub(crate) fn is_alone(&self) -> bool {
        self.exchange.peers() == 1
    }

    /// Whether nothing will come of an input after this batch. What is derived has ended when all that it reads have,
    /// and when it holds nothing back.
    pub(crate) fn is_finished(&self, input: Input) -> bool {
        let i = input.0 as usize;
        let from = &self.derived[i];
        if from.is_empty() {
            return self.finished[i];
        }
        !self.holding[i].load(Ordering::Relaxed) && from.iter().all(|input| self.is_finished(*input))
    }

    /// Takes note that an operator holds rows back that will come in later batches.
    pub(crate) fn holds_back(&self, input: Input) {
        self.holding[input.0 as usize].store(true, Ordering::Relaxed);
    }

    pub(crate) fn count_records(&self, input: Input, records: u64) {
        if let Some(counter) = self.records.get(input.0 as usize) {
            counter.fetch_add(records, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_late(&self, records: u64) {
        self.late.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts malformed lines of one partition; keeps the first ones to be told.
    pub(crate) fn count_malformed(&self, lines: u64, first: Vec<BadLine>) {
        self.malformed.fetch_add(lines, Ordering::Relaxed);
        let mut all = self.first_malformed.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(first);
    }

    /// Tells how far event time has come; of several operators the one furthest behind counts.
    pub(crate) fn report_watermark(&self, time: Time) {
        let mut watermark = self.watermark.lock().unwrap_or_else(PoisonError::into_inner);
        *watermark = Some(watermark.map_or(time, |before| before.min(time)));
    }

    pub(crate) fn records(&self, input: Input) -> u64 {
        self.records.get(input.0 as usize).map_or(0, |n| n.load(Ordering::Relaxed))
    }

    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    pub(crate) fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    pub(crate) fn watermark(&self) -> Option<Time> {
        *self.watermark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first malformed lines, in the order of the input.
    pub(crate) fn take_bad_lines(&self) -> Vec<BadLine> {
        let mut all = self.first_malformed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut *all);
        lines.sort_by_key(|line| (line.input, line.partition, line.line_in_block));
        lines
    }
}

/// Runs a function over all partitions in parallel and gives the results in their order.
///
/// A panic in it is an error that names the operator and the partition; of several errors the first partition's is
/// given, so that it does not depend on timing.
pub(crate) fn each_partition<R: Send>(
    batch: &BatchRun,
    operator: &str,
    partitions: usize,
    run: impl Fn(usize) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let guarded = |partition| {
        catch_unwind(AssertUnwindSafe(|| run(partition))).unwrap_or_else(|panic| {
            Err(Error::Operator {
                operator: operator.to_owned(),
                partition,
                time: batch.time,
                cause: panic_message(&*panic),
            })
        })
    };
    let results: Vec<_> = (0..partitions).into_par_iter().with_max_len(1).map(guarded).collect();
    results.into_iter().collect()
}

/// Runs a function over the lanes of an operator, each with what it has got; in parallel if there is enough to do.
///
/// Unlike the work of partitions, that of lanes changes state: it is never run again.
pub(crate) fn each_lane<E: Send, R: Send>(
    run: &BatchRun,
    operator: &str,
    lanes: Vec<E>,
    in_parallel: bool,
    work: impl Fn(usize, E) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let guarded = |(lane, entries)| {
        catch_unwind(AssertUnwindSafe(|| work(lane, entries))).unwrap_or_else(|panic| {
            Err(Error::Operator {
                operator: operator.to_owned(),
                partition: lane,
                time: run.time,
                cause: panic_message(&*panic),
            })
        })
    };
    let results: Vec<_> = if in_parallel {
        lanes.into_par_iter().enumerate().with_max_len(1).map(guarded).collect()
    } else {
        lanes.into_iter().enumerate().map(guarded).collect()
    };
    results.into_iter().collect()
}
