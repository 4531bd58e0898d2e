//! The output operations of one batch: in turn, or some at the same time, and what becomes of one that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tracing::Span;

use super::{JobThread, OnFailure};
use crate::batch::BatchRun;
use crate::clock::Clock;
use crate::error::{Error, panic_message};
use crate::graph::{OperatorId, Output, Rest};
use crate::monitor::{Bus, Event, OutputInfo};

/// The output operations of a batch that runs.
pub(super) struct Outputs<'a> {
    pub(super) outputs: &'a [Box<dyn Output>],
    /// The operators that they are.
    pub(super) operators: &'a [OperatorId],
    /// What is told of them in every batch.
    pub(super) infos: &'a [OutputInfo],
    pub(super) batch: &'a BatchRun,
    pub(super) clock: &'a dyn Clock,
    pub(super) bus: &'a Bus,
    pub(super) thread: JobThread,
    pub(super) on_failure: OnFailure,
    /// How many may run at the same time.
    pub(super) at_once: usize,
    /// Whether the job keeps any state that results depend on.
    pub(super) has_state: bool,
    /// Whether outputs are got ready only: their operators take the batch in, and no row goes anywhere but to state.
    pub(super) only_state: bool,
    /// What each did, in the order in which they ended.
    pub(super) done: Mutex<Vec<OutputInfo>>,
}

/// An output operation that has begun.
struct Begun {
    info: OutputInfo,
    at: Instant,
}

/// Where an output operation failed: while its operators computed, or after that.
enum Failure {
    Preparing(Error),
    Running(Error),
}

impl Outputs<'_> {
    /// Runs all of them, or all until one fails and ends the job.
    pub(super) fn run(&self) -> Result<(), Error> {
        if self.at_once > 1 && self.outputs.len() > 1 { self.run_some_at_once() } else { self.run_in_turn() }
    }

    /// What each did, in the order in which the job names them.
    pub(super) fn into_infos(self) -> Vec<OutputInfo> {
        let mut done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|info| info.id);
        done
    }

    fn run_in_turn(&self) -> Result<(), Error> {
        // A thread of the pool, as a rule, which goes straight on. Another enters the pool once a batch: to enter it costs
        // more than an empty operator.
        self.batch.running().pool.install(|| {
            (0..self.outputs.len()).try_for_each(|id| {
                self.span(id).in_scope(|| {
                    let begun = self.begin(id);
                    let result = self.prepare(id).and_then(|rest| rest.map_or(Ok(()), |rest| self.finish(id, rest)));
                    self.end(begun, result)
                })
            })
        })
    }

    /// Prepares all in turn; what is left of them runs on threads of their own, outside the pool, so that outputs that
    /// wait for something do not keep its threads. They enter the pool for their narrow work.
    fn run_some_at_once(&self) -> Result<(), Error> {
        let prepared: Result<Vec<_>, Error> = self.batch.running().pool.install(|| {
            let prepare = |id| {
                let span = self.span(id);
                span.in_scope(|| {
                    let begun = self.begin(id);
                    match self.prepare(id) {
                        Ok(Some(rest)) => Ok(Some((span.clone(), begun, rest))),
                        Ok(None) => self.end(begun, Ok(())).map(|()| None),
                        Err(failure) => self.end(begun, Err(failure)).map(|()| None),
                    }
                })
            };
            (0..self.outputs.len()).filter_map(|id| prepare(id).transpose()).collect()
        });
        let prepared = prepared?;
        let threads = self.at_once.min(prepared.len());
        let waiting = Mutex::new(prepared.into_iter());
        let errors = Mutex::new(Vec::new());
        let has_failed = AtomicBool::new(false);
        let work = || {
            while !has_failed.load(Ordering::Relaxed) {
                let Some((span, begun, rest)) = lock(&waiting).next() else {
                    return;
                };
                let id = begun.info.id;
                if let Err(error) = span.in_scope(|| self.end(begun, self.finish(id, rest))) {
                    has_failed.store(true, Ordering::Relaxed);
                    lock(&errors).push((id, error));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                let helper = || {
                    self.thread.enter();
                    work();
                };
                // A thread that the system refuses is one less; this one works too.
                let _ = thread::Builder::new().name("streamgauge output".to_owned()).spawn_scoped(scope, helper);
            }
            work();
        });
        let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
        errors.into_iter().min_by_key(|(id, _)| *id).map_or(Ok(()), |(_, error)| Err(error))
    }

    fn operator(&self, id: usize) -> Option<OperatorId> {
        self.operators.get(id).copied()
    }

    /// The span of an output. The batch has its own on another thread.
    fn span(&self, id: usize) -> Span {
        self.batch.span_of(self.operator(id), &self.batch.span)
    }

    fn prepare(&self, id: usize) -> Result<Option<Rest<'_>>, Failure> {
        let rest = self.guarded(id, || self.outputs[id].prepare(self.batch)).map_err(Failure::Preparing)?;
        Ok(rest.filter(|_| !self.only_state || self.outputs[id].is_state()))
    }

    fn finish(&self, id: usize, rest: Rest<'_>) -> Result<(), Failure> {
        self.guarded(id, rest).map_err(Failure::Running)
    }

    fn guarded<R>(&self, id: usize, run: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        let guarded = || catch_unwind(AssertUnwindSafe(run));
        self.batch.work(self.operator(id), guarded).unwrap_or_else(|panic| {
            let (output, cause) = (self.outputs[id].name().to_owned(), panic_message(&*panic));
            Err(Error::Output { output, time: self.batch.time, cause })
        })
    }

    fn begin(&self, id: usize) -> Begun {
        let info = OutputInfo { time: self.batch.time, started: self.clock.now(), ..self.infos[id].clone() };
        self.bus.tell(|| Event::OutputStarted(info.clone()));
        Begun { info, at: Instant::now() }
    }

    /// Takes note of how an output ended. Gives its error if that ends the job.
    fn end(&self, begun: Begun, result: Result<(), Failure>) -> Result<(), Error> {
        let mut info = begun.info;
        (info.ended, info.duration) = (Some(self.clock.now()), begun.at.elapsed());
        let result = match result {
            Ok(()) => Ok(()),
            Err(failure) => {
                let ends_the_job = self.ends_the_job(&failure);
                let (Failure::Preparing(error) | Failure::Running(error)) = failure;
                info.failure = Some(error.to_string());
                if ends_the_job { Err(error) } else { Ok(()) }
            }
        };
        self.bus.tell(|| Event::OutputCompleted(info.clone()));
        lock(&self.done).push(info);
        result
    }

    fn ends_the_job(&self, failure: &Failure) -> bool {
        match (self.on_failure, failure) {
            (OnFailure::Stop, _)
            | (_, Failure::Preparing(Error::Exchange { .. }) | Failure::Running(Error::Exchange { .. })) => true,
            // State may lack this batch, or have it in part.
            (OnFailure::SkipOutput, Failure::Preparing(_)) => self.has_state,
            (OnFailure::SkipOutput, Failure::Running(_)) => false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
