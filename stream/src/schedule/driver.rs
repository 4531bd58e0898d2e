//! The loop of a job.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::ThreadPool;

use super::{Progress, Trigger};
use crate::batch::exchange::Exchange;
use crate::batch::{BadLine, BatchRun, Input, MALFORMED_TOLD};
use crate::clock::Clock;
use crate::error::{Error, Malformed};
use crate::graph::{Parts, Planned};
use crate::monitor::{BatchInfo, Listener, Report, SourceInfo};
use crate::recovery::BatchLog;
use crate::source::{Limit, Next};
use crate::time::Time;

/// How long a job that runs as soon as possible waits when there was nothing to read.
const IDLE: Duration = Duration::from_millis(10);

/// Runs the batches of a job on a thread of its own.
pub(crate) struct Driver {
    pub(crate) parts: Parts,
    /// By input: what it is derived from.
    pub(crate) inputs: Arc<[Vec<Input>]>,
    pub(crate) trigger: Trigger,
    pub(crate) interval: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// The time of the last batch; before the first, the time at which the job was started (not that at which its
    /// thread got to run).
    pub(crate) last: Time,
    pub(crate) pool: ThreadPool,
    pub(crate) log: Box<dyn BatchLog>,
    pub(crate) exchange: Arc<dyn Exchange>,
    pub(crate) listeners: Vec<Arc<dyn Listener>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) malformed_told: usize,
}

/// What a job is when it has ended.
pub(crate) struct Reached {
    /// The time of the last batch.
    pub(crate) time: Time,
    pub(crate) parts: Parts,
}

impl Driver {
    /// Runs until the input ends, the job is stopped, or a batch fails. Gives the state that was reached, and the report.
    pub(crate) fn run(mut self) -> (Reached, Result<Report, Error>) {
        let started = Instant::now();
        let mut report = Report::default();
        let result = self.run_batches(&mut report).map(|()| {
            report.elapsed = started.elapsed();
            report
        });
        // An ended job lets go of its outputs: files are unlocked, receivers of channels hear the end.
        self.parts.outputs.clear();
        for listener in &self.listeners {
            listener.on_stopped(result.as_ref());
        }
        let reached = Reached { time: self.last, parts: self.parts };
        (reached, result)
    }

    fn run_batches(&mut self, report: &mut Report) -> Result<(), Error> {
        self.last = self.last.floor(self.interval);
        let (mut idle, mut closed) = (false, false);
        loop {
            let time = self.next_time(self.last, idle);
            if self.progress.is_stopping() {
                if !closed {
                    self.parts.sources.iter_mut().for_each(|source| source.close());
                    closed = true;
                }
                // What was taken in is worked off; nothing more is taken in.
                if !self.parts.sources.iter().any(|source| source.holds_records()) {
                    return Ok(());
                }
            }
            let plans = self.plan(time)?;
            let all = |wanted: &[Next]| plans.iter().all(|plan| wanted.contains(&plan.next));
            let ended = all(&[Next::Finished]);
            idle = all(&[Next::Idle, Next::Finished]);
            let nothing = plans.iter().all(|plan| plan.is_empty);
            if self.trigger == Trigger::AsSoonAsPossible && nothing && !ended {
                // Also if a source says that it is ready: asking again at once would spin.
                idle = true;
                continue;
            }
            self.run_batch(time, &plans, report)?;
            self.last = time;
            self.progress.complete(time);
            if ended || (idle && self.trigger == Trigger::Available) {
                return Ok(());
            }
        }
    }

    /// Waits for the time of the next batch.
    fn next_time(&self, last: Time, idle: bool) -> Time {
        let cancelled = || self.progress.is_stopping();
        match self.trigger {
            Trigger::Available => last.after(self.interval),
            Trigger::Every => {
                let due = last.after(self.interval);
                self.clock.wait_until(due, &cancelled);
                due
            }
            Trigger::AsSoonAsPossible => {
                if idle {
                    self.clock.wait_until(self.clock.now().after(IDLE), &cancelled);
                }
                self.clock.now().max(last.after(Duration::from_millis(1)))
            }
        }
    }

    fn plan(&mut self, time: Time) -> Result<Vec<Planned>, Error> {
        let limit = Limit { time, wait: self.trigger == Trigger::Available };
        self.parts.sources.iter_mut().map(|source| source.plan(limit)).collect()
    }

    fn run_batch(&mut self, time: Time, plans: &[Planned], report: &mut Report) -> Result<(), Error> {
        let scheduling_delay = match self.trigger {
            Trigger::Every => self.clock.now().since(time),
            Trigger::AsSoonAsPossible | Trigger::Available => Duration::ZERO,
        };
        let begun = Instant::now();
        self.log.planned(time, &mut plans.iter().map(|plan| plan.range.as_slice()))?;
        for source in &mut self.parts.sources {
            source.read()?;
        }
        let ended = self.parts.sources.iter().zip(plans).filter(|(_, plan)| plan.next == Next::Finished);
        let ended = ended.map(|(source, _)| source.input());
        let batch = BatchRun::new(time, self.exchange.clone(), self.inputs.clone(), ended);
        let outputs = &self.parts.outputs;
        // The pool is entered once a batch: entering it costs more than an empty operator.
        self.pool.install(|| outputs.iter().try_for_each(|output| output.run(&batch)))?;
        self.log.completed(time)?;
        let info = self.info(&batch, plans, scheduling_delay, begun.elapsed());
        report.add(&info);
        let malformed = self.first_malformed(&batch);
        self.tell(&info, &malformed);
        Ok(())
    }

    fn info(&self, batch: &BatchRun, plans: &[Planned], scheduling_delay: Duration, processing: Duration) -> BatchInfo {
        let sources = self.parts.sources.iter().zip(plans).map(|(source, plan)| SourceInfo {
            name: source.name(),
            records: batch.records(source.input()),
            finished: plan.next == Next::Finished,
        });
        let sources: Vec<_> = sources.collect();
        BatchInfo {
            time: batch.time,
            interval: (self.trigger == Trigger::Every).then_some(self.interval),
            records: sources.iter().map(|source| source.records).sum(),
            late: batch.late(),
            malformed: batch.malformed(),
            watermark: batch.watermark(),
            scheduling_delay,
            processing,
            sources,
        }
    }

    /// The malformed lines to tell: to find the number of a line, its file is read again up to there.
    fn first_malformed(&mut self, batch: &BatchRun) -> Vec<Malformed> {
        let lines = batch.take_bad_lines();
        let untold: Vec<_> = lines.iter().take(MALFORMED_TOLD - self.malformed_told).map(BadLine::resolve).collect();
        self.malformed_told += untold.len();
        untold
    }

    fn tell(&self, info: &BatchInfo, malformed: &[Malformed]) {
        for listener in &self.listeners {
            malformed.iter().for_each(|line| listener.on_malformed(line));
            listener.on_batch_completed(info);
        }
    }
}
