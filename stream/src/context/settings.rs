//! The settings of a job.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::StreamingContext;
use crate::batch::exchange::{LANES, SHARDS};
use crate::clock::{Clock, SystemClock};
use crate::graph::Parts;
use crate::rate::RateEstimator;
use crate::recovery::{Durability, LocalFolder, Resume, Storage};
use crate::schedule::{OnFailure, Trigger};

/// The longest length of time that is accepted: 100,000 days.
const LONGEST: Duration = Duration::from_secs(100_000 * 86_400);
/// The most threads, attempts, and outputs at once: more is a slip of the keyboard.
const MOST: usize = 1_024;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) interval: Duration,
    pub(crate) trigger: Trigger,
    /// 0 for as many as the machine has.
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    pub(crate) lanes: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) attempts: u32,
    pub(crate) on_failure: OnFailure,
    pub(crate) concurrent_outputs: usize,
    pub(crate) stop_timeout: Option<Duration>,
    /// Where the job is written down.
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) checkpoint_every: u32,
    pub(crate) resume: Resume,
    /// Makes an estimator for a source.
    pub(crate) backpressure: Option<MakeEstimator>,
    pub(crate) max_pending_bytes: Option<u64>,
}

pub(crate) type MakeEstimator = Arc<dyn Fn() -> Box<dyn RateEstimator> + Send + Sync>;

impl Settings {
    fn new(name: String) -> Self {
        Self {
            name,
            interval: Duration::from_secs(1),
            trigger: Trigger::default(),
            threads: 0,
            seed: streamgauge_sketches::hash::DEFAULT_SEED,
            lanes: LANES,
            clock: Arc::new(SystemClock::default()),
            attempts: 1,
            on_failure: OnFailure::default(),
            concurrent_outputs: 1,
            stop_timeout: None,
            storage: None,
            checkpoint_every: 10,
            resume: Resume::Latest,
            backpressure: None,
            max_pending_bytes: None,
        }
    }

    /// How the job is written down, if it is.
    pub(crate) fn durability(&self, parts: &Parts) -> Option<Durability> {
        let storage = self.storage.clone()?;
        let every = parts.checkpoints.iter().map(|(_, every)| *every).fold(self.checkpoint_every, u32::min);
        Some(Durability { storage, every, resume: self.resume })
    }

    /// The batch interval; none if batches follow each other as fast as they can.
    pub(crate) fn regular_interval(&self) -> Option<Duration> {
        (self.trigger != Trigger::AsSoonAsPossible).then_some(self.interval)
    }

    /// Everything that is wrong with them, with what to write instead.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.name.is_empty() || self.name.contains(char::is_control) {
            problems.push(format!(
                "the job's name is {:?}; it must have a letter at least, and no control characters",
                self.name
            ));
        }
        problems.extend(length_problem("the batch interval", self.interval));
        let counts = [
            ("threads", self.threads.max(1), MOST),
            ("lanes", self.lanes, SHARDS),
            ("attempts", self.attempts as usize, MOST),
            ("concurrent_outputs", self.concurrent_outputs, MOST),
            ("checkpoint_every", self.checkpoint_every as usize, usize::MAX),
        ];
        for (setting, count, most) in counts {
            if !(1..=most).contains(&count) {
                problems.push(format!("{setting} is {count}; write a number from 1 to {most}, or leave it out"));
            }
        }
        problems
    }
}

/// What is wrong with a length of time, if anything is.
fn length_problem(what: &str, length: Duration) -> Option<String> {
    let is_wrong = length.is_zero() || !length.subsec_nanos().is_multiple_of(1_000_000) || length > LONGEST;
    is_wrong.then(|| format!("{what} is {length:?}; it must be whole milliseconds, not zero, and at most 100,000 days"))
}

/// Settings of a [`StreamingContext`]. Of a setting that is made twice the last one holds; all are checked by
/// [`start`](StreamingContext::start).
#[derive(Clone)]
pub struct ContextBuilder {
    settings: Settings,
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextBuilder({:?}, {:?})", self.settings.name, self.settings.interval)
    }
}

impl ContextBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { settings: Settings::new(name) }
    }

    /// The time between two batches, in whole milliseconds; one second unless set.
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.settings.interval = interval;
        self
    }

    /// When batches begin; at every batch interval unless set.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.settings.trigger = trigger;
        self
    }

    /// The threads that batches run on; as many as the machine has unless set, or if 0. Results do not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.settings.threads = threads;
        self
    }

    /// The lanes that keyed operators divide their keys into, by a hash; 16 unless set, 256 at most. A thread works on a
    /// lane at a time, so a job has use for two or more a thread; more lanes cost a little in every batch.
    ///
    /// Rows come by lane: another number gives the same rows in another order, but for the answers of filters and samples
    /// that hold many keys, which stay within their bounds.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.settings.lanes = lanes;
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

    /// How often a partition of a batch is run before the batch fails; once unless set.
    ///
    /// A partition fails by a panic in a function of yours, or because its input cannot be read. Only what computes is
    /// run again, never a callback or a sink. It costs memory: with more than one attempt all readers of a shared
    /// stream get copies of its rows, and the rows are kept until the next batch.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts;
        self
    }

    /// What becomes of the job when an output operation fails after all attempts; it stops unless set.
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.settings.on_failure = policy;
        self
    }

    /// How many output operations of a batch may run at the same time; one unless set.
    ///
    /// With one, outputs run in the order in which the job names them. With more, all are prepared in that order
    /// (grouping operators compute then), and what is left runs at the same time, on as many threads, in no order. That
    /// is for outputs that wait for something, such as a database: those that compute share the job's threads anyhow.
    /// Batches never overlap: a batch begins when all outputs of the one before are done.
    pub fn concurrent_outputs(mut self, outputs: usize) -> Self {
        self.settings.concurrent_outputs = outputs;
        self
    }

    /// How long, by the job's clock, a stopped job may work off what its sources have taken in; as long as it takes
    /// unless set. Looked at between two batches; when the time is over, the job ends with
    /// [`Error::StopTimeout`](crate::Error::StopTimeout).
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.settings.stop_timeout = Some(timeout);
        self
    }

    /// The folder in which the job is written down, made if it is not there: its batch log and its checkpoints. A job
    /// that is started again on the same folder, after whatever end, goes on as if nothing had happened. Nobody else may
    /// use the folder at the same time.
    pub fn checkpoint_dir(self, folder: impl AsRef<Path>) -> Self {
        self.checkpoint_storage(LocalFolder::new(folder))
    }

    /// [`checkpoint_dir`](Self::checkpoint_dir) anywhere else than in a folder.
    pub fn checkpoint_storage(mut self, storage: impl Storage) -> Self {
        self.settings.storage = Some(Arc::new(storage));
        self
    }

    /// How many batches there are from one checkpoint to the next; ten unless set. At a restart so many may have to be
    /// run again, without their outputs.
    pub fn checkpoint_every(mut self, batches: u32) -> Self {
        self.settings.checkpoint_every = batches;
        self
    }

    /// Where a job begins that has run before: [`Resume::Latest`] unless set.
    pub fn resume(mut self, resume: Resume) -> Self {
        self.settings.resume = resume;
        self
    }

    /// Backpressure: how many records a second a batch takes of each source follows what the job has worked off in the
    /// batches before. None unless set.
    ///
    /// Each source has an estimator of its own, made by this. A source that has a [maximum
    /// rate](crate::Source::max_rate) too holds to the lower one. Refused with
    /// [`Trigger::Available`], whose batches depend on the input alone.
    ///
    /// ```
    /// use streamgauge_stream::{PidRateEstimator, StreamingContext};
    ///
    /// let ctx = StreamingContext::builder("steady").backpressure(PidRateEstimator::new).build();
    /// ```
    pub fn backpressure<E: RateEstimator>(mut self, estimator: impl Fn() -> E + Send + Sync + 'static) -> Self {
        self.settings.backpressure = Some(Arc::new(move || Box::new(estimator())));
        self
    }

    /// How many bytes the sources may have taken in that no batch has worked off, at most: what waits for a batch, and
    /// what the batch has that runs. It is divided equally between the sources that take records in beside the batches
    /// (`Stdin`, `TcpLines`, receivers, compressed files and directories, which may hold some, and all that have a
    /// write-ahead log, where half of the part is for what is durable), at least 1,024 bytes
    /// each. Unless set, each of them has a bound of its own, which its page names.
    ///
    /// A source that has its part filled stops reading, until a batch takes what waits: the pipe fills, the other side
    /// of the connection waits, the receiver's `store` waits. Nothing is lost. One thing is taken in whole that is longer:
    /// a line (64 MiB at most), or what is given to `store_many` at once. Of a receiver's records the size of their type
    /// is known, unless it [says](crate::ReceiverSource::heap_bytes) what they hold on the heap.
    pub fn max_pending_bytes(mut self, bytes: u64) -> Self {
        self.settings.max_pending_bytes = Some(bytes);
        self
    }

    /// A context to describe the job on.
    pub fn build(self) -> StreamingContext {
        StreamingContext::new(self.settings)
    }
}
