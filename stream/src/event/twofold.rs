//! Operators that give two streams: their rows, and the records that came too late for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::{BatchRun, Input};
use crate::dstream::{Compute, DStream, Wide};
use crate::error::Error;
use crate::graph::{Graph, OperatorId};
use crate::source::Record;
use crate::time::Time;

/// An operator of event time.
pub(crate) trait Events<R, T>: Send + Sync {
    /// The rows of a batch, and the records that were too late. Called once a batch.
    fn compute(&self, run: &BatchRun) -> Result<(Vec<R>, Vec<T>), Error>;
}

/// What an operator has computed, until both streams have taken it.
struct Twofold<E, R, T> {
    events: E,
    operator: OperatorId,
    keeps_late: bool,
    computed: Mutex<Computed<R, T>>,
}

struct Computed<R, T> {
    at: Option<Time>,
    rows: Vec<R>,
    late: Vec<T>,
}

impl<E: Events<R, T>, R, T> Twofold<E, R, T> {
    fn computed(&self, run: &BatchRun) -> Result<MutexGuard<'_, Computed<R, T>>, Error> {
        let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        if computed.at != Some(run.time) {
            // Whichever stream asks first.
            let (rows, late) = run.work(Some(self.operator), || self.events.compute(run))?;
            run.count_late(late.len() as u64);
            let late = if self.keeps_late { late } else { Vec::new() };
            *computed = Computed { at: Some(run.time), rows, late };
        }
        Ok(computed)
    }
}

struct Rows<E, R, T>(Arc<Twofold<E, R, T>>, Input);
struct Late<E, R, T>(Arc<Twofold<E, R, T>>, Input);

impl<E: Events<R, T>, R: Record, T: Record> Compute<R> for Rows<E, R, T> {
    fn input(&self) -> Input {
        self.1
    }

    fn compute(&self, run: &BatchRun) -> Result<Option<Vec<R>>, Error> {
        Ok(Some(std::mem::take(&mut self.0.computed(run)?.rows)))
    }
}

impl<E: Events<R, T>, R: Record, T: Record> Compute<T> for Late<E, R, T> {
    fn input(&self) -> Input {
        self.1
    }

    fn compute(&self, run: &BatchRun) -> Result<Option<Vec<T>>, Error> {
        Ok(Some(std::mem::take(&mut self.0.computed(run)?.late)))
    }
}

/// The two streams of an operator. Late records are kept only if they are asked for.
pub(crate) fn streams<E, R, T>(
    graph: &Arc<Graph>,
    operator: OperatorId,
    inputs: Vec<Input>,
    keeps_late: bool,
    events: E,
) -> (DStream<R>, DStream<T>)
where
    E: Events<R, T> + 'static,
    R: Record,
    T: Record,
{
    let computed = Mutex::new(Computed { at: None, rows: Vec::new(), late: Vec::new() });
    let twofold = Arc::new(Twofold { events, operator, keeps_late, computed });
    let rows = Rows(twofold.clone(), graph.derived_input(inputs.clone()));
    let late = Late(twofold, graph.derived_input(inputs));
    let rows = DStream::new(graph.clone(), operator, Wide::new(rows));
    let late_operator = if keeps_late { graph.operator("late", [rows.operator()]) } else { operator };
    (rows, DStream::new(graph.clone(), late_operator, Wide::new(late)))
}
