//! From a description to a running job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use super::StreamingContext;
use crate::batch::exchange::Local;
use crate::error::{Error, panic_message};
use crate::graph::Parts;
use crate::monitor::{Bus, Load};
use crate::recovery::{BatchLog, Checkpointer, NoLog, Resume, Snapshot};
use crate::schedule::{Driver, Shedding, Trigger};
use crate::time::Time;

/// A clock that is further behind the last batch than what a stopped job works off ahead of its time was set back.
const FAR_BEHIND: Duration = Duration::from_secs(60);
/// And for so long nobody expects a job to wait.
const FURTHEST_BEHIND: Duration = Duration::from_secs(3_600);

impl StreamingContext {
    /// Starts the job, from a state that was reached if one is given.
    pub(crate) fn launch(&self, snapshot: Option<Snapshot>) -> Result<(), Error> {
        self.job.progress.begin()?;
        self.try_launch(snapshot).inspect_err(|_| self.job.progress.give_up())
    }

    fn try_launch(&self, snapshot: Option<Snapshot>) -> Result<(), Error> {
        let mut parts = self.checked_parts()?;
        self.limit_sources(&mut parts);
        if snapshot.is_some() && self.job.settings.storage.is_some() {
            let problem = "start_from gives the job its state, and so do its checkpoints; leave one of them out";
            return Err(Error::Graph(vec![problem.to_owned()]));
        }
        let reached = snapshot.as_ref().map(|snapshot| snapshot.time);
        if let Some(snapshot) = snapshot {
            snapshot.restore(&mut parts)?;
        }
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &*self.job.dashboard.lock().unwrap_or_else(PoisonError::into_inner) {
            let job = self.clone();
            dashboard.serve(move || job.stop())?;
        }
        let job = self.job.clone();
        let (settings, thread) = (job.settings.clone(), job.thread);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(settings.threads)
            .thread_name(|i| format!("streamgauge-{i}"))
            .start_handler(move |_| thread.enter())
            .build()
            .map_err(|e| Error::Thread(e.to_string()))?;
        let pool = Arc::new(pool);
        let durability = settings.durability(&parts);
        let resumed = durability.as_ref().map(|it| it.resume(&settings.name, &pool, &mut parts)).transpose()?;
        let mut log: Box<dyn BatchLog> = Box::new(NoLog);
        let (mut checkpointer, mut replay, mut warnings, mut reached) = (None, Default::default(), Vec::new(), reached);
        if let (Some(durability), Some(resumed)) = (&durability, resumed) {
            log = Box::new(resumed.log);
            let mut taking = Checkpointer::new(durability, &settings.name, pool.clone(), resumed.manifest);
            (replay, warnings, reached) = (resumed.replay, resumed.warnings, resumed.last);
            // What was ignored once is not to come back with the next start.
            if let (Resume::IgnoreState, Some(last)) = (settings.resume, reached) {
                taking.write_now(last, &parts, &mut *log)?;
            }
            checkpointer = Some(taking);
        }
        let listeners = job.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let bus = Arc::new(Bus::start(&settings.name, thread, listeners)?);
        *job.bus.lock().unwrap_or_else(PoisonError::into_inner) = Some(bus.clone());
        if let Some(last) = reached.filter(|_| settings.trigger != Trigger::Available) {
            let behind = last.since(settings.clock.now());
            if behind > FURTHEST_BEHIND {
                return Err(Error::Clock { last, behind });
            }
            if behind > FAR_BEHIND {
                warnings.push(format!("the clock is {behind:?} behind the last batch, that of {last}: the job waits"));
            }
        }
        if let Some(reached) = reached {
            // Nobody need wait for what another run has done.
            job.progress.complete(reached);
        }
        let (outputs_at_once, on) = (settings.concurrent_outputs > 1, pool.clone());
        let driver = Driver {
            inputs: parts.inputs.as_slice().into(),
            shedding: Shedding::new(&parts, settings.trigger),
            operators: parts.operators(),
            outputs: parts.output_infos(),
            parts,
            last: match (reached, settings.trigger) {
                (Some(time), _) => time,
                // Recorded data: the same batch times whenever it is read.
                (None, Trigger::Available) => Time::default(),
                (None, _) => settings.clock.now(),
            },
            settings,
            graph: job.graph.clone(),
            thread,
            pool,
            log,
            checkpointer,
            replay,
            warnings,
            exchange: Arc::new(Local),
            bus: bus.clone(),
            progress: job.progress.clone(),
            sources: Vec::new(),
            malformed_told: 0,
            sizes: Vec::new(),
            sized_until: Time::MIN,
            load: Load::default(),
        };
        // The batches are driven by a thread of the pool: to enter it with each would take two changes of threads. Not if
        // outputs have threads of their own, which enter it while this one waits for them.
        let drive = move || if outputs_at_once { driver.run() } else { on.install(|| driver.run()) };
        let run = move || {
            thread.enter();
            // Whoever waits must hear of every end, also of a mistake of the engine's own.
            let result = match catch_unwind(AssertUnwindSafe(drive)) {
                Ok((reached, result)) => {
                    // A failed batch was read in part: what it has left behind is no state to go on from.
                    if matches!(result, Ok(_) | Err(Error::StopTimeout { .. })) {
                        *job.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(reached);
                    }
                    result
                }
                Err(panic) => Err(Error::Panicked(panic_message(&*panic))),
            };
            job.progress.end(bus.end(result));
        };
        let spawned = thread::Builder::new().name(format!("{} batches", self.job.settings.name)).spawn(run);
        spawned.map(drop).map_err(|e| Error::Thread(e.to_string()))
    }

    /// Gives the sources what limits them: estimators of their rates, and their parts of the bound on what waits.
    fn limit_sources(&self, parts: &mut Parts) {
        let settings = &self.job.settings;
        if let Some(estimator) = &settings.backpressure {
            parts.sources.iter_mut().for_each(|source| source.rate_mut().estimate(estimator()));
        }
        if let Some(bytes) = settings.max_pending_bytes {
            let mut reading: Vec<_> = parts.sources.iter_mut().filter(|source| source.reads_ahead()).collect();
            let each = bytes / (reading.len() as u64).max(1);
            reading.iter_mut().for_each(|source| source.bound_pending(each));
        }
    }

    /// The parts of the job, if nothing is wrong with its settings and its description.
    fn checked_parts(&self) -> Result<Parts, Error> {
        let mut parts = self.job.graph.start();
        let mut problems = self.job.settings.problems();
        problems.append(&mut parts.problems);
        problems.extend(parts.outputs.iter().filter_map(|output| output.open().err()));
        if parts.outputs.is_empty() {
            problems.push(
                "the job has no output, so there is nothing to do; add for_each_batch, print, collect_to_memory or \
                 a dashboard panel"
                    .to_owned(),
            );
        }
        if parts.sources.is_empty() {
            problems.push("the job has no source; add text_files, stdin, or source".to_owned());
        }
        match &self.job.settings.storage {
            Some(_) => {
                let once = parts.sources.iter().filter(|source| !source.replays()).map(|source| source.name());
                problems.extend(once.map(|name| {
                    format!("{name} cannot be read again after a crash, which a job with checkpoints has to do; say how its records are written ahead (logged() of a ReceiverSource or a QueueSource, codec() of a source of your own), or leave the checkpoints out")
                }));
            }
            None => problems.extend(parts.checkpoints.iter().map(|(name, _)| {
                format!("{name}: the job has no place for checkpoints; give it a checkpoint_dir, or leave the call out")
            })),
        }
        problems.extend(self.limit_problems(&parts));
        if problems.is_empty() { Ok(parts) } else { Err(Error::Graph(problems)) }
    }

    /// What is wrong with the limits of the sources.
    fn limit_problems(&self, parts: &Parts) -> Vec<String> {
        /// The least that a source may be given to read ahead.
        const LEAST: u64 = 1_024;
        let settings = &self.job.settings;
        let mut problems = Vec::new();
        if let Some(estimator) = &settings.backpressure {
            problems.extend(estimator().problem().map(|problem| format!("backpressure: {problem}")));
            if settings.trigger == Trigger::Available {
                problems.push(
                    "backpressure: batches of Trigger::Available depend on the input alone, not on how fast the job is; \
                     leave it out, or give sources a max_rate"
                        .to_owned(),
                );
            }
        }
        let reading = parts.sources.iter().filter(|source| source.reads_ahead()).count() as u64;
        if let Some(bytes) = settings.max_pending_bytes
            && bytes / reading.max(1) < LEAST
        {
            problems.push(format!(
                "max_pending_bytes is {bytes}, for {reading} sources that read ahead; write {} at least",
                reading.max(1) * LEAST
            ));
        }
        for source in &parts.sources {
            let max = source.rate().max();
            if max.per_second == Some(0) || max.per_second_and_partition == Some(0) {
                problems.push(format!(
                    "{}: a maximum rate of 0 records a second would read nothing; write 1 at least",
                    source.name()
                ));
            }
        }
        problems
    }
}
