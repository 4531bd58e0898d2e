//! One batch: its time, what it counts, and how its partitions run.

mod action;
mod attempt;
pub(crate) mod exchange;
pub(crate) mod measure;
mod narrow;
mod pair;
mod plan;
mod wide;

pub use plan::Batch;
pub(crate) use plan::{Env, EnvOf, Plan};

use std::fmt::{self, Debug, Formatter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::{Serialize, de::DeserializeOwned};
use tracing::{Span, debug_span};

use self::attempt::Tally;
pub(crate) use self::attempt::{Running, each_lane, each_partition, one_lane};
use self::exchange::{Exchange, gather};
use self::measure::{Measure, Measured};
use crate::error::{Error, panic_message};
use crate::graph::OperatorId;
use crate::monitor::{AuditInfo, Load, OperatorInfo, OperatorNode};
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
    /// How the job kept up when the batch was planned.
    pub(crate) load: Load,
    /// Itself, for what is handed to users: gone when the batch is over.
    me: Weak<Self>,
    exchange: Arc<dyn Exchange>,
    running: Running,
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
    retries: AtomicU64,
    /// What the operators of the batch trace is in.
    pub(crate) span: Span,
    operators: Arc<[OperatorNode]>,
    /// By operator.
    measured: Vec<Measured>,
    settling: Mutex<Vec<(Option<OperatorId>, Arc<dyn Settle>)>>,
    audits: Mutex<Vec<AuditInfo>>,
}

/// An operator that may have work of a batch left when the outputs are done.
pub(crate) trait Settle: Send + Sync {
    /// Does what is left.
    fn settle(&self, run: &BatchRun) -> Result<(), Error>;
}

impl Debug for dyn Settle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Settle")
    }
}

/// A line that could not be parsed, before its number is known.
#[derive(Clone, Debug)]
pub(crate) struct BadLine {
    pub(crate) input: Input,
    pub(crate) partition: usize,
    /// The block without its text: enough to tell the line's number.
    pub(crate) block: TextBlock,
    pub(crate) line_in_block: u64,
    pub(crate) text: String,
    pub(crate) cause: String,
}

impl BatchRun {
    /// A batch of these operators, and of inputs that are derived from each other, of which these sources have ended.
    pub(crate) fn new(
        time: Time,
        load: Load,
        exchange: Arc<dyn Exchange>,
        operators: Arc<[OperatorNode]>,
        derived: Arc<[Vec<Input>]>,
        ended: impl Iterator<Item = Input>,
        running: Running,
    ) -> Arc<Self> {
        let mut finished = vec![false; derived.len()];
        ended.for_each(|source| finished[source.0 as usize] = true);
        Arc::new_cyclic(|me| Self {
            time,
            load,
            me: me.clone(),
            exchange,
            running,
            records: derived.iter().map(|_| AtomicU64::new(0)).collect(),
            holding: derived.iter().map(|_| AtomicBool::new(false)).collect(),
            derived,
            finished,
            late: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            first_malformed: Mutex::new(Vec::new()),
            watermark: Mutex::new(None),
            retries: AtomicU64::new(0),
            span: Span::current(),
            measured: operators.iter().map(|_| Measured::default()).collect(),
            operators,
            audits: Mutex::default(),
            settling: Mutex::new(Vec::new()),
        })
    }

    /// A handle that tells whether the batch is over.
    pub(crate) fn handle(&self) -> Weak<Self> {
        self.me.clone()
    }

    /// Whether a lane is this process's.
    pub(crate) fn owns(&self, lane: usize, lanes: usize) -> bool {
        lane * self.exchange.peers() / lanes == self.exchange.index()
    }

    /// What the partitions run on, and how often.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// Whether rows that were handed out may be asked for again in this batch. Then whoever keeps rows hands out copies,
    /// also to the last reader.
    pub(crate) fn keeps_rows(&self) -> bool {
        self.running.keeps_rows
    }

    /// The fraction of the records that operators which shed keep; none keeps less than its own floor.
    pub(crate) fn fraction(&self) -> f64 {
        self.running.fraction
    }

    /// The span of an operator within another span, or that one if nobody wants to know of operators.
    pub(crate) fn span_of(&self, operator: Option<OperatorId>, within: &Span) -> Span {
        let node = operator.and_then(|operator| self.operators.get(operator.index()));
        let span = node
            .map(|node| debug_span!(parent: within, "streamgauge.operator", operator = &*node.name, kind = node.kind));
        span.filter(|span| !span.is_disabled()).unwrap_or_else(|| within.clone())
    }

    pub(super) fn add_measure(&self, operator: OperatorId, measure: Measure) {
        if let Some(measured) = self.measured.get(operator.index()) {
            measured.add(measure);
        }
    }

    /// Takes note of what an audit has found in this batch.
    pub(crate) fn report_audit(&self, info: AuditInfo) {
        self.audits.lock().unwrap_or_else(PoisonError::into_inner).push(info);
    }

    /// What the audits have found.
    pub(crate) fn take_audits(&self) -> Vec<AuditInfo> {
        std::mem::take(&mut *self.audits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the lanes of an operator may take the batch in when their rows are asked for, one by one, and not before:
    /// a lane's rows then go on while all that they are made of is in the cache.
    ///
    /// Not if rows may be asked for twice, and not at the end, where it must be known beforehand whether rows are left
    /// for later.
    pub(crate) fn lanes_may_wait(&self, input: Input) -> bool {
        !self.keeps_rows() && !self.derived[input.0 as usize].iter().all(|from| self.is_finished(*from))
    }

    /// Takes note that the operator for which this thread works is to be settled.
    pub(crate) fn settle_at_end(&self, operator: Arc<dyn Settle>) {
        let settling = (measure::current(), operator);
        self.settling.lock().unwrap_or_else(PoisonError::into_inner).push(settling);
    }

    /// Lets operators do what they have left.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        let settling = std::mem::take(&mut *self.settling.lock().unwrap_or_else(PoisonError::into_inner));
        settling.iter().try_for_each(|(id, operator)| {
            let settle = || self.work(*id, || operator.settle(self));
            self.span_of(*id, &self.span).in_scope(settle)
        })
    }

    /// What the operators did, in the order in which the job describes them.
    pub(crate) fn operators(&self) -> Vec<OperatorInfo> {
        self.measured.iter().zip(&*self.operators).map(|(measured, node)| measured.info(node)).collect()
    }

    fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a partition was run again.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
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
        self.count(|tally| tally.count_records(input, records));
    }

    /// The fraction that operators which shed have kept of what they were offered in this batch, of some of them the
    /// least; 1 if there are none, or none was offered anything yet.
    #[cfg(feature = "dashboard")]
    pub(crate) fn kept_by(&self, shedding: &[OperatorId]) -> f64 {
        let measured = shedding.iter().filter_map(|operator| self.measured.get(operator.index()));
        measured.filter_map(Measured::share_kept).fold(1.0, f64::min)
    }

    pub(crate) fn count_late(&self, records: u64) {
        self.count(|tally| tally.late += records);
    }

    /// Counts malformed lines of one partition; keeps the first ones to be told.
    pub(crate) fn count_malformed(&self, lines: u64, first: Vec<BadLine>) {
        self.count(|tally| {
            tally.malformed += lines;
            tally.first_malformed.extend(first);
        });
    }

    fn add(&self, tally: Tally) {
        for (input, records) in tally.records {
            if let Some(counter) = self.records.get(input.0 as usize) {
                counter.fetch_add(records, Ordering::Relaxed);
            }
        }
        for (operator, measure) in tally.measured {
            self.add_measure(operator, measure);
        }
        self.late.fetch_add(tally.late, Ordering::Relaxed);
        self.malformed.fetch_add(tally.malformed, Ordering::Relaxed);
        if !tally.first_malformed.is_empty() {
            let mut all = self.first_malformed.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(tally.first_malformed);
        }
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

/// Runs a function of the user: a panic is an error that names the operator.
pub(crate) fn guarded<R>(
    operator: &str,
    partition: usize,
    time: Time,
    f: impl FnOnce() -> Result<R, Error>,
) -> Result<R, Error> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        Err(Error::Operator { operator: operator.to_owned(), partition, time, cause: panic_message(&*panic) })
    })
}
