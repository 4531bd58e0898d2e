//! The context of a job: describes it, starts it, stops it.

mod launch;
mod settings;

pub use settings::ContextBuilder;
pub(crate) use settings::Settings;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::graph::{Graph, decode};
use crate::monitor::{Bus, Listener, Report};
use crate::recovery::Snapshot;
use crate::schedule::{JobState, JobThread, Progress, Reached};
use crate::time::Time;

/// A job: sources, streams and outputs are described on it, then it is started.
///
/// Cheap to clone: a clone is the same job. Mistakes in the description are collected and told by
/// [`start`](Self::start), all at once.
///
/// ```
/// use streamgauge_stream::{Queue, StreamingContext, Trigger};
///
/// let ctx = StreamingContext::builder("words").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// let counts = ctx
///     .source(source)
///     .key_by(|word: &&'static str| *word)
///     .summarize(|on| on.count())
///     .collect_to_memory();
/// queue.push(vec!["to", "be", "or", "not", "to", "be"]);
/// ctx.run()?;
/// let be = counts.rows().into_iter().find(|(word, _)| word == "be");
/// assert_eq!(be.map(|(_, n)| n.value), Some(2.0));
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Clone)]
pub struct StreamingContext {
    job: Arc<Job>,
}

struct Job {
    settings: Settings,
    graph: Arc<Graph>,
    progress: Arc<Progress>,
    /// What tells the job's threads from others.
    thread: JobThread,
    listeners: Mutex<Vec<Arc<dyn Listener>>>,
    /// The way to the listeners, once the job has started.
    bus: Mutex<Option<Arc<Bus>>>,
    /// What the job is after it has ended.
    reached: Mutex<Option<Reached>>,
    #[cfg(feature = "dashboard")]
    dashboard: Mutex<Option<crate::monitor::dashboard::Dashboard>>,
}

impl StreamingContext {
    /// Settings for a job of this name.
    pub fn builder(name: impl Into<String>) -> ContextBuilder {
        ContextBuilder::new(name.into())
    }

    fn new(settings: Settings) -> Self {
        let graph = Arc::new(Graph::new(settings.seed, settings.regular_interval(), settings.lanes));
        Self {
            job: Arc::new(Job {
                settings,
                graph,
                progress: Arc::default(),
                thread: JobThread::new(),
                listeners: Mutex::default(),
                bus: Mutex::default(),
                reached: Mutex::default(),
                #[cfg(feature = "dashboard")]
                dashboard: Mutex::default(),
            }),
        }
    }

    /// The name of the job.
    pub fn name(&self) -> &str {
        &self.job.settings.name
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.job.graph
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.job.settings
    }

    pub(crate) fn interval(&self) -> Duration {
        self.job.settings.interval
    }

    /// Adds one who hears what happens to the job.
    pub fn add_listener(&self, listener: Arc<dyn Listener>) {
        if self.job.graph.is_started() {
            self.job.graph.problem("a listener was added after the start, and would hear nothing; add it before");
        }
        self.job.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// The dashboard of the job: served on loopback from the start of the job on.
    #[cfg(feature = "dashboard")]
    pub fn dashboard(&self) -> crate::monitor::dashboard::Dashboard {
        let mut dashboard = self.job.dashboard.lock().unwrap_or_else(PoisonError::into_inner);
        dashboard
            .get_or_insert_with(|| {
                let dashboard = crate::monitor::dashboard::Dashboard::new(&self.job.settings.name, &self.job.graph);
                dashboard.listeners().into_iter().for_each(|listener| self.add_listener(listener));
                dashboard
            })
            .clone()
    }

    /// Starts the job on threads of its own. A context runs once. What is added to its description after that is a
    /// mistake too: the job ends with [`Error::Changed`] before its next batch.
    ///
    /// # Errors
    /// [`Error::Graph`] with everything that is wrong with the description; [`Error::Listen`] if the dashboard's
    /// address is taken.
    pub fn start(&self) -> Result<(), Error> {
        self.launch(None)
    }

    /// Stops the job after the batch that runs: sources take nothing more in, what they have taken in is worked off, at
    /// once, without waiting for the times of its batches. Returns at once, and may be called from anywhere, also from
    /// an output or a listener; [`await_termination`](Self::await_termination) waits.
    ///
    /// A job that is stopped before its start never starts.
    pub fn stop(&self) {
        self.job.progress.request_stop();
        self.job.settings.clock.wake();
    }

    /// Waits until the job has ended, and tells what it did. All who ask get the same answer.
    ///
    /// # Errors
    /// The error that ended the job. [`Error::NotStarted`] if there is nothing to wait for; [`Error::WaitsForItself`]
    /// if a thread of the job asks.
    pub fn await_termination(&self) -> Result<Report, Error> {
        self.outside("await_termination")?;
        // Without a limit there is always a report, or an error.
        self.job.progress.wait_for_end(None).and_then(|report| report.ok_or(Error::NotStarted))
    }

    /// Waits until the job has ended, but not longer than this; `None` if it runs on.
    ///
    /// # Errors
    /// Those of [`await_termination`](Self::await_termination).
    pub fn await_termination_for(&self, timeout: Duration) -> Result<Option<Report>, Error> {
        self.outside("await_termination_for")?;
        self.job.progress.wait_for_end(Some(timeout))
    }

    /// Waits until the batch of this time is complete; false if the job has ended before it, or if a thread of the job
    /// itself asks.
    pub fn await_batch(&self, time: Time) -> bool {
        self.outside("await_batch").is_ok() && self.job.progress.wait_for_batch(time)
    }

    /// Waits until the listeners have heard all that has happened.
    pub(crate) fn await_listeners(&self) {
        let bus = self.job.bus.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(bus) = bus {
            bus.flush();
        }
    }

    /// An error on the threads of the job: they would wait for themselves.
    fn outside(&self, caller: &'static str) -> Result<(), Error> {
        if self.job.thread.is_current() { Err(Error::WaitsForItself(caller)) } else { Ok(()) }
    }

    /// What the context is doing.
    pub fn state(&self) -> JobState {
        self.job.progress.job_state()
    }

    /// Whether the job was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.job.progress.is_stopping()
    }

    /// Waits until the job is told to stop, also after its input has ended: so long a dashboard can be looked at.
    pub fn await_stop(&self) {
        self.job.progress.wait_for_stop();
    }

    /// Lets Ctrl-C, or a request to terminate, stop the job after the batch that runs. A second one ends the process
    /// at once: a batch may wait for a silent pipe.
    ///
    /// For the first job of a process that asks; others are stopped by [`stop`](Self::stop).
    pub fn stop_on_ctrl_c(&self) {
        /// What a shell reports of a process that Ctrl-C has ended.
        const INTERRUPTED: i32 = 130;
        let ctx = self.clone();
        // The only failure is that there is a handler already.
        let _ = ctrlc::set_handler(move || {
            if ctx.is_stopping() {
                std::process::exit(INTERRUPTED);
            }
            ctx.stop();
        });
    }

    /// Starts the job and waits for its end. Ctrl-C stops it after the batch that runs.
    ///
    /// # Errors
    /// Those of [`start`](Self::start) and [`await_termination`](Self::await_termination).
    pub fn run(&self) -> Result<Report, Error> {
        self.start()?;
        self.stop_on_ctrl_c();
        self.await_termination()
    }

    /// The state that an ended job has reached: positions of its sources, windows, watermarks. A context on which the
    /// same job is described can [start from](Self::start_from) it, and goes on as if nothing had happened.
    ///
    /// # Errors
    /// [`Error::State`] if the job has not ended or has failed, or if state of it cannot be serialized.
    pub fn snapshot(&self) -> Result<Vec<u8>, Error> {
        let failed = |cause: String| Error::State { operator: self.job.settings.name.clone(), cause };
        let reached = self.job.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = reached.as_ref().ok_or_else(|| failed("the job has not ended, or it has failed".to_owned()))?;
        postcard::to_allocvec(&Snapshot::take(reached.time, &reached.parts)?).map_err(|e| failed(e.to_string()))
    }

    /// Starts the job from the state that another run of it has reached.
    ///
    /// # Errors
    /// Those of [`start`](Self::start); [`Error::State`] if the bytes are no snapshot, or not one of this job.
    pub fn start_from(&self, snapshot: &[u8]) -> Result<(), Error> {
        let failed = |cause| Error::State { operator: self.job.settings.name.clone(), cause };
        let snapshot = decode(snapshot).map_err(failed)?;
        self.launch(Some(snapshot))
    }
}

impl fmt::Debug for StreamingContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamingContext({:?})", self.job.settings.name)
    }
}
