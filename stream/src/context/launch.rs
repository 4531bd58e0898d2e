//! From a description to a running job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use super::StreamingContext;
use crate::batch::exchange::Local;
use crate::error::{Error, panic_message};
use crate::graph::Parts;
use crate::monitor::Bus;
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
            dashboard.serve()?;
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
        let driver = Driver {
            inputs: parts.inputs.as_slice().into(),
            shedding: Shedding::new(&parts, settings.trigger),
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
        };
        let run = move || {
            thread.enter();
            // Whoever waits must hear of every end, also of a mistake of the engine's own.
            let result = match catch_unwind(AssertUnwindSafe(|| driver.run())) {
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
                    format!("{name} cannot be read again after a crash, which a job with checkpoints has to do; leave the checkpoints out, or read from a source that can replay")
                }));
            }
            None => problems.extend(parts.checkpoints.iter().map(|(name, _)| {
                format!("{name}: the job has no place for checkpoints; give it a checkpoint_dir, or leave the call out")
            })),
        }
        if problems.is_empty() { Ok(parts) } else { Err(Error::Graph(problems)) }
    }
}
