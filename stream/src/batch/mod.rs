//! One batch: its time, what it counts, and how its partitions run.

pub(crate) mod exchange;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use self::exchange::{Exchange, Sharded, gather};
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
pub(crate) struct Batch {
    pub(crate) time: Time,
    exchange: Arc<dyn Exchange>,
    /// By input: whether nothing will come after this batch.
    finished: Vec<bool>,
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
    pub(crate) partition: usize,
    /// The block without its text: enough to tell the line's number.
    pub(crate) block: TextBlock,
    pub(crate) line_in_block: u64,
    pub(crate) cause: String,
}

impl Batch {
    pub(crate) fn new(time: Time, exchange: Arc<dyn Exchange>, finished: Vec<bool>) -> Self {
        Self {
            time,
            exchange,
            records: finished.iter().map(|_| AtomicU64::new(0)).collect(),
            finished,
            late: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            first_malformed: Mutex::new(Vec::new()),
            watermark: Mutex::new(None),
        }
    }

    /// Exchange by key: what every partition has for the shards becomes what every shard has.
    pub(crate) fn gather<E: Serialize + DeserializeOwned>(
        &self,
        operator: &str,
        shards: usize,
        partitions: Vec<Sharded<E>>,
    ) -> Result<Vec<Vec<E>>, Error> {
        gather(&*self.exchange, self.time, shards, partitions)
            .map_err(|cause| Error::Exchange { operator: operator.to_owned(), cause })
    }

    pub(crate) fn is_finished(&self, input: Input) -> bool {
        self.finished.get(input.0 as usize).copied().unwrap_or(false)
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
        lines.sort_by_key(|line| (line.partition, line.line_in_block));
        lines
    }
}

/// Runs a function over all partitions in parallel and gives the results in their order.
///
/// A panic in it is an error that names the operator and the partition; of several errors the first partition's is
/// given, so that it does not depend on timing.
pub(crate) fn each_partition<R: Send>(
    batch: &Batch,
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
