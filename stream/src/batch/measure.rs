//! What operators do in a batch: their own time, rows, merges.
//!
//! Every thread has a stopwatch that runs for one operator at a time. Between every operator and its readers stands a
//! [`Shared`](crate::dstream::Shared) node, which hands the stopwatch over when a reader asks for rows and when a chunk
//! of them is handed on: two readings of the clock for a chunk, nothing for a record, and no word of it in any operator.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::BatchRun;
use crate::graph::OperatorId;
use crate::monitor::{OperatorInfo, OperatorNode};

/// What an operator did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measure {
    pub(crate) nanos: u64,
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) merges: u64,
}

/// What an operator did in a batch, by all threads.
#[derive(Debug, Default)]
pub(super) struct Measured {
    nanos: AtomicU64,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    merges: AtomicU64,
}

impl Measured {
    pub(super) fn add(&self, measure: Measure) {
        let Measure { nanos, rows_in, rows_out, merges } = measure;
        for (sum, more) in
            [(&self.nanos, nanos), (&self.rows_in, rows_in), (&self.rows_out, rows_out), (&self.merges, merges)]
        {
            if more > 0 {
                sum.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// The share of the rows that came in which went out; none if none came in.
    #[cfg(feature = "dashboard")]
    pub(super) fn share_kept(&self) -> Option<f64> {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed) as f64;
        Some(read(&self.rows_in)).filter(|rows| *rows > 0.0).map(|rows| read(&self.rows_out) / rows)
    }

    pub(super) fn info(&self, node: &OperatorNode) -> OperatorInfo {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        OperatorInfo {
            name: node.name.clone(),
            kind: node.kind,
            elapsed: Duration::from_nanos(read(&self.nanos)),
            rows_in: read(&self.rows_in),
            rows_out: read(&self.rows_out),
            merges: read(&self.merges),
            ..OperatorInfo::default()
        }
    }
}

/// The stopwatch of a thread.
struct Stopwatch {
    /// For whom it runs; nobody while the thread waits, or works for no batch.
    operator: Cell<Option<OperatorId>>,
    /// When it was read last.
    read: Cell<Option<Instant>>,
    measure: Cell<Measure>,
}

impl Stopwatch {
    /// Adds the time since it was read last to the one for whom it ran, and starts it for another.
    fn hand_over(&self, operator: Option<OperatorId>, measure: Measure) -> (Option<OperatorId>, Measure) {
        let now = Instant::now();
        let mut of_last = self.measure.replace(measure);
        if let Some(read) = self.read.replace(Some(now)) {
            of_last.nanos += now.duration_since(read).as_nanos() as u64;
        }
        (self.operator.replace(operator), of_last)
    }

    fn add(&self, more: impl FnOnce(&mut Measure)) {
        let mut measure = self.measure.get();
        more(&mut measure);
        self.measure.set(measure);
    }
}

thread_local! {
    static STOPWATCH: Stopwatch = const {
        Stopwatch {
            operator: Cell::new(None),
            read: Cell::new(None),
            measure: Cell::new(Measure { nanos: 0, rows_in: 0, rows_out: 0, merges: 0 }),
        }
    };
}

/// The operator for which this thread works.
pub(crate) fn current() -> Option<OperatorId> {
    STOPWATCH.with(|it| it.operator.get())
}

/// Takes note that the operator for which this thread works has merged so many summaries into others.
pub(crate) fn count_merges(merges: u64) {
    STOPWATCH.with(|it| it.add(|measure| measure.merges += merges));
}

/// Takes note that so many rows came in to the operator for which this thread works.
pub(crate) fn count_rows_in(rows: u64) {
    STOPWATCH.with(|it| it.add(|measure| measure.rows_in += rows));
}

/// Takes note that so many rows went out of the operator for which this thread works.
pub(crate) fn count_rows_out(rows: u64) {
    STOPWATCH.with(|it| it.add(|measure| measure.rows_out += rows));
}

/// A stretch of work for an operator, until [`end`](Self::end); then the thread works on for whom it did before.
#[must_use]
pub(crate) struct Work {
    operator: Option<OperatorId>,
    /// For whom the thread worked before, and what that has done on it.
    before: (Option<OperatorId>, Measure),
}

impl Work {
    /// The thread works for an operator; for nobody while it waits.
    pub(crate) fn begin(operator: Option<OperatorId>) -> Self {
        Self { operator, before: STOPWATCH.with(|it| it.hand_over(operator, Measure::default())) }
    }

    /// Lets whoever was at work before go on for a while, such as with a chunk of rows.
    #[inline]
    pub(crate) fn outside<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let own = STOPWATCH.with(|it| it.hand_over(self.before.0, self.before.1)).1;
        let result = work();
        self.before = STOPWATCH.with(|it| it.hand_over(self.operator, own));
        result
    }

    pub(crate) fn end(self) -> Measure {
        let (operator, measure) = self.before;
        STOPWATCH.with(|it| it.hand_over(operator, measure)).1
    }
}

impl BatchRun {
    /// Does a piece of work of an operator, or of none.
    pub(crate) fn work<R>(&self, operator: Option<OperatorId>, work: impl FnOnce() -> R) -> R {
        let begun = Work::begin(operator);
        let result = work();
        self.measured(operator, begun.end());
        result
    }

    /// Waits for what others do: nobody's work.
    pub(super) fn wait<R>(&self, others: impl FnOnce() -> R) -> R {
        self.work(None, others)
    }
}
