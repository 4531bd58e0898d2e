//! The loop of a job.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use tracing::{debug, field, info_span};

use super::outputs::Outputs;
use super::{JobThread, OnFailure, Progress, Shedding, Trigger};
use crate::batch::exchange::Exchange;
use crate::batch::measure::Measure;
use crate::batch::{BadLine, BatchRun, Input, MALFORMED_TOLD, Running};
use crate::context::Settings;
use crate::error::{Error, Malformed};
use crate::graph::{Graph, Parts, Planned, StateSize, is_shown};
use crate::monitor::{
    BatchInfo, Bus, Event, JobInfo, Load, OperatorInfo, OperatorNode, OutputInfo, Report, SourceInfo, SourceStatus,
};
use crate::recovery::{BatchLog, Checkpointer, Logged};
use crate::source::Next;
use crate::time::{Time, millis_of};

/// How long a job that runs as soon as possible waits when there was nothing to read.
const IDLE: Duration = Duration::from_millis(10);

/// Every how many batches operators are asked how much they keep; less often, if to answer takes them more than this
/// part of the job's time: an operator may have to look at all that it keeps.
const SIZED_EVERY: u64 = 10;
const SIZING_SHARE: u32 = 200;

/// The characters of a position in words that are told: that of many partitions has no end.
const LONGEST_POSITION: usize = 200;

/// Runs the batches of a job on a thread of its own.
pub(crate) struct Driver {
    pub(crate) parts: Parts,
    /// By input: what it is derived from.
    pub(crate) inputs: Arc<[Vec<Input>]>,
    pub(crate) operators: Arc<[OperatorNode]>,
    /// By output: what is told of it in every batch.
    pub(crate) outputs: Vec<OutputInfo>,
    pub(crate) settings: Settings,
    /// Where changes after the start are found.
    pub(crate) graph: Arc<Graph>,
    /// The time of the last batch; before the first, the time at which the job was started (not that at which its
    /// thread got to run).
    pub(crate) last: Time,
    pub(crate) thread: JobThread,
    pub(crate) pool: Arc<ThreadPool>,
    pub(crate) log: Box<dyn BatchLog>,
    pub(crate) shedding: Shedding,
    pub(crate) checkpointer: Option<Checkpointer>,
    /// The batches to run again before any other.
    pub(crate) replay: VecDeque<Logged>,
    /// What was found when the job was taken up again.
    pub(crate) warnings: Vec<String>,
    pub(crate) exchange: Arc<dyn Exchange>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) sources: Vec<SourceStatus>,
    pub(crate) malformed_told: usize,
    /// By state: what its operator keeps, as it said last.
    pub(crate) sizes: Vec<Option<StateSize>>,
    /// From when on they may be asked again.
    pub(crate) sized_until: Time,
    /// How the job keeps up: as of the batch that runs.
    pub(crate) load: Load,
}

/// Why a batch is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// For the first time.
    New,
    /// It was not complete when the job ended.
    Again,
    /// It was complete, but is in no checkpoint: its outputs are done, only state is brought up to it.
    ForState,
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
        self.bus.tell(|| Event::Started(self.info()));
        self.start_sources();
        let mut report = Report::default();
        let result = self.run_batches(&mut report).and_then(|()| self.write_down());
        // Before anybody hears that the job has ended: another one may begin.
        self.parts.end_logs();
        drop(self.checkpointer.take());
        report.elapsed = started.elapsed();
        (0..self.sources.len()).for_each(|id| self.stop_source(id));
        // An ended job lets go of its outputs: files are unlocked, receivers of channels hear the end.
        self.parts.outputs.clear();
        (Reached { time: self.last, parts: self.parts }, result.map(|()| report))
    }

    fn info(&self) -> JobInfo {
        JobInfo {
            name: self.settings.name.clone(),
            time: self.settings.clock.now(),
            trigger: self.settings.trigger,
            interval: self.settings.regular_interval(),
            threads: self.pool.current_num_threads(),
            operators: self.operators.to_vec(),
        }
    }

    fn run_batches(&mut self, report: &mut Report) -> Result<(), Error> {
        self.last = self.last.floor(self.settings.interval);
        let (mut idle, mut stopping_since) = (false, None);
        self.open_sources()?;
        for warning in std::mem::take(&mut self.warnings) {
            self.bus.tell(|| Event::Warning(warning));
        }
        self.run_logged(report)?;
        self.parts.begin_logs()?;
        if self.parts.sources.iter().all(|source| source.is_finished()) {
            return self.unchanged();
        }
        loop {
            let time = self.next_time(idle);
            if self.progress.is_stopping() && self.is_worked_off(&mut stopping_since)? {
                return self.unchanged();
            }
            self.unchanged()?;
            self.load = self.load_at(time);
            let plans = self.plan(time);
            // Also if a source has failed: what went before it.
            self.tell_warnings();
            let plans = plans?;
            let all = |wanted: &[Next]| plans.iter().all(|plan| wanted.contains(&plan.next));
            let ended = all(&[Next::Finished]);
            idle = all(&[Next::Idle, Next::Finished]);
            let nothing = plans.iter().all(|plan| plan.is_empty);
            if self.settings.trigger == Trigger::AsSoonAsPossible && nothing && !ended {
                // Also if a source says that it is ready: asking again at once would spin.
                idle = true;
                continue;
            }
            self.run_batch(time, &plans, Run::New, report)?;
            if ended || (idle && self.settings.trigger == Trigger::Available) {
                return self.unchanged();
            }
        }
    }

    /// Runs the batches again that the log has behind the checkpoint.
    fn run_logged(&mut self, report: &mut Report) -> Result<(), Error> {
        while let Some(logged) = self.replay.pop_front() {
            let plans = self.plan_again(&logged)?;
            self.shedding.repeat(logged.fraction);
            let run = if logged.is_complete { Run::ForState } else { Run::Again };
            self.run_batch(logged.time, &plans, run, report)?;
        }
        Ok(())
    }

    /// The last checkpoint of a job that ends well.
    fn write_down(&mut self) -> Result<(), Error> {
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.finish(self.last, &self.parts, &mut *self.log)?;
        }
        self.tell_checkpoints();
        self.log.close()
    }

    fn tell_checkpoints(&mut self) {
        let written = self.checkpointer.as_mut().map(Checkpointer::written).unwrap_or_default();
        written.into_iter().for_each(|checkpoint| self.bus.tell(|| Event::CheckpointCompleted(checkpoint)));
    }

    /// An error if the job was added to since it was started.
    fn unchanged(&self) -> Result<(), Error> {
        let changes = self.graph.changes_after_start();
        if changes.is_empty() { Ok(()) } else { Err(Error::Changed(changes)) }
    }

    /// Whether a job that is to stop has nothing left to do: what was taken in is worked off, nothing more is taken in.
    fn is_worked_off(&mut self, stopping_since: &mut Option<Time>) -> Result<bool, Error> {
        if stopping_since.is_none() {
            self.close_sources()?;
        }
        let now = self.settings.clock.now();
        let since = *stopping_since.get_or_insert(now);
        let sources = self.sources_holding_records()?;
        match self.settings.stop_timeout {
            _ if sources.is_empty() => Ok(true),
            Some(waited) if now.since(since) >= waited => Err(Error::StopTimeout { waited, sources }),
            _ => Ok(false),
        }
    }

    /// Waits for the time of the next batch.
    fn next_time(&self, idle: bool) -> Time {
        let cancelled = || self.progress.is_stopping();
        let (clock, interval) = (&self.settings.clock, self.settings.interval);
        match self.settings.trigger {
            Trigger::Available => self.last.after(interval),
            Trigger::Every => {
                let due = self.last.after(interval);
                clock.wait_until(due, &cancelled);
                due
            }
            Trigger::AsSoonAsPossible => {
                if idle {
                    clock.wait_until(clock.now().after(IDLE), &cancelled);
                }
                clock.now().max(self.last.after(Duration::from_millis(1)))
            }
        }
    }

    fn run_batch(&mut self, time: Time, plans: &[Planned], run: Run, report: &mut Report) -> Result<(), Error> {
        let (job, time_of_batch) = (&*self.settings.name, time.millis());
        let span = info_span!("streamgauge.batch", job, time = time_of_batch, records = field::Empty).entered();
        let mut info = self.submit(time);
        self.bus.tell(|| Event::BatchSubmitted(info.clone()));
        let (begun, started) = (Instant::now(), self.settings.clock.now());
        (info.started, info.scheduling_delay) = (Some(started), started.since(info.submitted));
        self.bus.tell(|| Event::BatchStarted(info.clone()));
        let result = self.compute(plans, run, &mut info);
        (info.ended, info.processing) = (Some(self.settings.clock.now()), begun.elapsed());
        span.record("records", info.records);
        for it in &info.operators {
            let (operator, micros) = (&*it.name, it.elapsed.as_micros() as u64);
            debug!(operator, micros, rows_in = it.rows_in, rows_out = it.rows_out, merges = it.merges, "measured");
        }
        match result {
            Ok(malformed) => {
                self.learn(run == Run::New, &info)?;
                self.shedding.learn(&info);
                info.operators = self.measured(std::mem::take(&mut info.operators), report.batches);
                report.add(&info);
                malformed.into_iter().for_each(|line| self.bus.tell(|| Event::Malformed(line)));
                let breached = info.audits.iter().filter(|audit| audit.breached);
                breached.for_each(|audit| self.bus.tell(|| Event::AuditBreached(audit.clone())));
                self.bus.tell(|| Event::BatchCompleted(info));
                let finished = plans.iter().enumerate().filter(|(_, plan)| plan.next == Next::Finished);
                finished.for_each(|(id, _)| self.stop_source(id));
                self.last = time;
                self.progress.complete(time);
                match &mut self.checkpointer {
                    // What is still to be run again is in the old log files only: they are not over yet.
                    Some(checkpointer) if self.replay.is_empty() => {
                        checkpointer.after_batch(time, &self.parts, &mut *self.log)?;
                    }
                    _ => {}
                }
                self.tell_checkpoints();
                Ok(())
            }
            Err(error) => {
                info.failure = Some(error.to_string());
                self.bus.tell(|| Event::BatchFailed(info));
                Err(error)
            }
        }
    }

    /// A batch of which only is known that it is due.
    fn submit(&self, time: Time) -> BatchInfo {
        let now = self.settings.clock.now();
        let every = self.settings.trigger == Trigger::Every;
        let lag = millis_of(now.since(time)) / millis_of(self.settings.interval).max(1);
        BatchInfo {
            time,
            interval: every.then_some(self.settings.interval),
            // What a stopped job works off runs before its time.
            submitted: if every { time.min(now) } else { now },
            queued: if every { lag.unsigned_abs() } else { 0 },
            ..BatchInfo::default()
        }
    }

    /// Logs, reads and computes a batch. Gives the malformed lines to tell.
    fn compute(&mut self, plans: &[Planned], run: Run, info: &mut BatchInfo) -> Result<Vec<Malformed>, Error> {
        if run == Run::New {
            let mut ranges = plans.iter().map(|plan| plan.range.as_slice());
            self.log.planned(info.time, &mut ranges, self.shedding.fraction())?;
        }
        let reading = self.read_sources()?;
        let ended = self.parts.sources.iter().zip(plans).filter(|(_, plan)| plan.next == Next::Finished);
        let ended = ended.map(|(source, _)| source.input());
        let Settings { attempts, on_failure, concurrent_outputs, .. } = self.settings;
        let running = Running {
            pool: self.pool.clone(),
            attempts,
            keeps_rows: attempts > 1 || on_failure == OnFailure::SkipOutput,
            again: run == Run::Again,
            fraction: self.shedding.fraction(),
        };
        let (operators, inputs) = (self.operators.clone(), self.inputs.clone());
        let batch = BatchRun::new(info.time, self.load, self.exchange.clone(), operators, inputs, ended, running);
        for (source, nanos) in self.parts.source_operators.iter().zip(reading) {
            batch.measured(Some(*source), Measure { nanos, ..Measure::default() });
        }
        let outputs = Outputs {
            outputs: &self.parts.outputs,
            operators: &self.parts.output_operators,
            infos: &self.outputs,
            batch: &batch,
            clock: &*self.settings.clock,
            bus: &self.bus,
            thread: self.thread,
            on_failure,
            at_once: concurrent_outputs,
            has_state: self.parts.states.iter().any(|(_, state)| !is_shown(&state.schema)),
            only_state: run == Run::ForState,
            done: Mutex::default(),
        };
        let result = outputs.run().and_then(|()| batch.settle());
        info.outputs = outputs.into_infos();
        self.describe(&batch, plans, info);
        result?;
        self.log.completed(info.time)?;
        Ok(self.first_malformed(&batch))
    }

    /// What the batch has counted.
    fn describe(&self, batch: &BatchRun, plans: &[Planned], info: &mut BatchInfo) {
        let is_heard = self.bus.is_heard();
        let sources = self.parts.sources.iter().zip(plans).zip(&self.sources);
        let sources = sources.map(|((source, plan), status)| SourceInfo {
            id: status.id,
            name: status.name.clone(),
            records: batch.records(source.input()),
            finished: plan.next == Next::Finished,
            rate_limit: source.rate().per_second(),
            pending: source.pending(),
            position: if is_heard { start_of(source.position()) } else { String::new() },
            lag: source.lag().filter(|_| is_heard),
        });
        info.load = batch.load;
        info.sources = sources.collect();
        info.records = info.sources.iter().map(|source| source.records).sum();
        info.late = batch.late();
        info.malformed = batch.malformed();
        info.retries = batch.retries();
        info.watermark = batch.watermark();
        info.operators = batch.operators();
        for (source, operator) in info.sources.iter().zip(&self.parts.source_operators) {
            if let Some(operator) = info.operators.get_mut(operator.index()) {
                operator.rows_out = source.records;
            }
        }
        info.audits = batch.take_audits();
        info.sampled = (!self.parts.floors.is_empty()).then(|| info.kept());
    }

    /// What operators did, and how much they keep.
    fn measured(&mut self, mut operators: Vec<OperatorInfo>, batches_before: u64) -> Vec<OperatorInfo> {
        let clock = &self.settings.clock;
        if batches_before.is_multiple_of(SIZED_EVERY) && clock.now() >= self.sized_until {
            let begun = Instant::now();
            self.sizes = self.parts.states.iter().map(|(_, state)| state.size()).collect();
            self.sized_until = clock.now().after(begun.elapsed() * SIZING_SHARE);
        }
        for ((name, _), size) in self.parts.states.iter().zip(&self.sizes) {
            let Some(StateSize { keys, bytes }) = *size else {
                continue;
            };
            let mut keeping = operators.iter_mut().filter(|operator| *operator.name == **name);
            if let Some(operator) = keeping.next() {
                (operator.keys, operator.state_bytes) = (Some(keys), Some(bytes));
            }
        }
        operators
    }

    /// The malformed lines to tell: to find the number of a line, its file is read again up to there.
    fn first_malformed(&mut self, batch: &BatchRun) -> Vec<Malformed> {
        let lines = batch.take_bad_lines();
        let untold: Vec<_> = lines.iter().take(MALFORMED_TOLD - self.malformed_told).map(BadLine::resolve).collect();
        self.malformed_told += untold.len();
        untold
    }
}

/// A position in words, as far as it is told.
fn start_of(mut position: String) -> String {
    if let Some((end, _)) = position.char_indices().nth(LONGEST_POSITION) {
        position.truncate(end);
    }
    position
}
