//! The context of a job: describes it, starts it, stops it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::batch::exchange::Local;
use crate::clock::{Clock, SystemClock};
use crate::dstream::{DStream, SourceNode, TextStream};
use crate::error::{Error, panic_message};
use crate::graph::{Graph, decode};
use crate::monitor::{Listener, Report};
use crate::recovery::{NoLog, Snapshot};
use crate::schedule::{Driver, Progress, Reached, Trigger};
use crate::source::{Source, SourceError, Stdin, TextBlock, TextFiles};
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
    name: String,
    settings: Settings,
    graph: Arc<Graph>,
    progress: Arc<Progress>,
    started: AtomicBool,
    listeners: Mutex<Vec<Arc<dyn Listener>>>,
    /// What the job is after it has ended.
    reached: Mutex<Option<Reached>>,
    #[cfg(feature = "dashboard")]
    dashboard: Mutex<Option<crate::monitor::dashboard::Dashboard>>,
}

#[derive(Clone)]
struct Settings {
    interval: Duration,
    trigger: Trigger,
    threads: usize,
    seed: u64,
    clock: Arc<dyn Clock>,
}

/// Settings of a [`StreamingContext`].
#[derive(Clone)]
pub struct ContextBuilder {
    name: String,
    settings: Settings,
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextBuilder({:?}, {:?})", self.name, self.settings.interval)
    }
}

impl ContextBuilder {
    /// The time between two batches; one second unless set.
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.settings.interval = interval;
        self
    }

    /// When batches begin; at every batch interval unless set.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.settings.trigger = trigger;
        self
    }

    /// The threads that batches run on; as many as the machine has unless set. Results do not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.settings.threads = threads;
        self
    }

    /// The seed of the hashes in the summaries that the job's builders make, such as `on.distinct(..)`.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// The clock that batches are timed by; the system's unless set.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// A context to describe the job on.
    pub fn build(self) -> StreamingContext {
        let Self { name, settings } = self;
        let regular = settings.trigger != Trigger::AsSoonAsPossible;
        let graph = Graph::new(settings.seed, regular.then_some(settings.interval));
        if settings.interval.is_zero() || settings.interval.subsec_nanos() % 1_000_000 != 0 {
            graph.problem(format!(
                "the batch interval is {:?}; it must be whole milliseconds and not zero",
                settings.interval
            ));
        }
        StreamingContext {
            job: Arc::new(Job {
                name,
                settings,
                graph: Arc::new(graph),
                progress: Arc::default(),
                started: AtomicBool::new(false),
                listeners: Mutex::default(),
                reached: Mutex::default(),
                #[cfg(feature = "dashboard")]
                dashboard: Mutex::default(),
            }),
        }
    }
}

impl StreamingContext {
    /// Settings for a job of this name.
    pub fn builder(name: impl Into<String>) -> ContextBuilder {
        ContextBuilder {
            name: name.into(),
            settings: Settings {
                interval: Duration::from_secs(1),
                trigger: Trigger::default(),
                threads: 0,
                seed: streamgauge_sketches::hash::DEFAULT_SEED,
                clock: Arc::new(SystemClock::default()),
            },
        }
    }

    /// The name of the job.
    pub fn name(&self) -> &str {
        &self.job.name
    }

    /// A stream of the records of a source.
    pub fn source<S: Source>(&self, source: S) -> DStream<S::Item> {
        self.add_source(source, true)
    }

    /// A stream of the lines of a source of text.
    pub fn text(&self, source: impl Source<Item = TextBlock>) -> TextStream {
        TextStream::new(self.add_source(source, false))
    }

    /// The lines of a file, of a `.gz` file, or of the files in a directory. For a file that grows or a directory to
    /// which files are added, give [`TextFiles`] to [`text`](Self::text).
    ///
    /// # Errors
    /// [`SourceError`] if there is no such file or it cannot be read.
    pub fn text_files(&self, path: impl Into<std::path::PathBuf>) -> Result<TextStream, SourceError> {
        TextFiles::new(path).map(|files| self.text(files))
    }

    /// The lines of the standard input.
    pub fn stdin(&self) -> TextStream {
        self.text(Stdin::new())
    }

    fn add_source<S: Source>(&self, source: S, counts_rows: bool) -> DStream<S::Item> {
        let graph = &self.job.graph;
        let (node, driven) = SourceNode::new(source, graph.source_input(), counts_rows);
        graph.add_source(driven);
        DStream::new(graph.clone(), node)
    }

    /// Adds one who hears what happens to the job.
    pub fn add_listener(&self, listener: Arc<dyn Listener>) {
        self.job.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// The dashboard of the job: served on loopback from the start of the job on.
    #[cfg(feature = "dashboard")]
    pub fn dashboard(&self) -> crate::monitor::dashboard::Dashboard {
        let mut dashboard = self.job.dashboard.lock().unwrap_or_else(PoisonError::into_inner);
        dashboard
            .get_or_insert_with(|| {
                let dashboard = crate::monitor::dashboard::Dashboard::new(&self.job.name);
                self.add_listener(dashboard.listener());
                dashboard
            })
            .clone()
    }

    /// Starts the job on threads of its own. What is added to its description after that is ignored.
    ///
    /// # Errors
    /// [`Error::Graph`] with everything that is wrong with the description; [`Error::Listen`] if the dashboard's
    /// address is taken.
    pub fn start(&self) -> Result<(), Error> {
        self.launch(None)
    }

    fn launch(&self, snapshot: Option<Snapshot>) -> Result<(), Error> {
        if self.job.started.swap(true, Ordering::AcqRel) {
            return Err(Error::Graph(vec!["the job was started before; build another context".to_owned()]));
        }
        let Settings { interval, trigger, threads, clock, .. } = self.job.settings.clone();
        let mut parts = self.job.graph.start();
        if parts.outputs.is_empty() {
            parts.problems.push(
                "the job has no output, so there is nothing to do; add for_each_batch, print, collect_to_memory or \
                 a dashboard panel"
                    .to_owned(),
            );
        }
        if parts.sources.is_empty() {
            parts.problems.push("the job has no source; add text_files, stdin, or source".to_owned());
        }
        parts.problems.extend(parts.outputs.iter().filter_map(|output| output.open().err()));
        if !parts.problems.is_empty() {
            return Err(Error::Graph(parts.problems));
        }
        let reached = snapshot.as_ref().map(|snapshot| snapshot.time);
        if let Some(snapshot) = snapshot {
            snapshot.restore(&mut parts)?;
        }
        #[cfg(feature = "dashboard")]
        if let Some(dashboard) = &*self.job.dashboard.lock().unwrap_or_else(PoisonError::into_inner) {
            dashboard.serve()?;
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("streamgauge-{i}"))
            .build()
            .map_err(|e| Error::Thread(e.to_string()))?;
        let driver = Driver {
            inputs: parts.inputs.as_slice().into(),
            parts,
            trigger,
            interval,
            last: match (reached, trigger) {
                (Some(time), _) => time,
                // Recorded data: the same batch times whenever it is read.
                (None, Trigger::Available) => Time::default(),
                (None, _) => clock.now(),
            },
            clock,
            pool,
            log: Box::new(NoLog),
            exchange: Arc::new(Local),
            listeners: self.job.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            progress: self.job.progress.clone(),
            malformed_told: 0,
        };
        let job = self.job.clone();
        self.job.progress.begin();
        thread::Builder::new()
            .name(format!("{} batches", self.job.name))
            .spawn(move || {
                // Sources and listeners are other people's code too: whoever waits must hear of their panics.
                let result = match catch_unwind(AssertUnwindSafe(|| driver.run())) {
                    Ok((reached, result)) => {
                        // A failed batch was read in part: what it has left behind is no state to go on from.
                        if result.is_ok() {
                            *job.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(reached);
                        }
                        result
                    }
                    Err(panic) => Err(Error::Panicked(panic_message(&*panic))),
                };
                job.progress.end(result);
            })
            .map_err(|e| Error::Thread(e.to_string()))?;
        Ok(())
    }

    /// Stops the job after the batch that runs: sources take nothing more in, what they have taken in is worked off.
    /// Returns at once; [`await_termination`](Self::await_termination) waits.
    pub fn stop(&self) {
        self.job.progress.request_stop();
        self.job.settings.clock.wake();
    }

    /// Waits until the job has ended, and tells what it did.
    ///
    /// # Errors
    /// The error that ended the job; [`Error::Ended`] with its text for all but the first to ask. [`Error::NotStarted`]
    /// if there is nothing to wait for.
    pub fn await_termination(&self) -> Result<Report, Error> {
        self.job.progress.wait_for_end()
    }

    /// Waits until the batch of this time is complete; false if the job has ended before it.
    pub fn await_batch(&self, time: crate::time::Time) -> bool {
        self.job.progress.wait_for_batch(time)
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
        let failed = |cause: String| Error::State { operator: self.job.name.clone(), cause };
        let reached = self.job.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = reached.as_ref().ok_or_else(|| failed("the job has not ended, or it has failed".to_owned()))?;
        postcard::to_allocvec(&Snapshot::take(reached.time, &reached.parts)?).map_err(|e| failed(e.to_string()))
    }

    /// Starts the job from the state that another run of it has reached.
    ///
    /// # Errors
    /// Those of [`start`](Self::start); [`Error::State`] if the bytes are no snapshot, or not one of this job.
    pub fn start_from(&self, snapshot: &[u8]) -> Result<(), Error> {
        let failed = |cause| Error::State { operator: self.job.name.clone(), cause };
        let snapshot = decode(snapshot).map_err(failed)?;
        self.launch(Some(snapshot))
    }
}

impl fmt::Debug for StreamingContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamingContext({:?})", self.job.name)
    }
}
