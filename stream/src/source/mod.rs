//! Where records come from.
//!
//! A source has *positions*. In every batch it plans how far to go, the range is written to the batch log, if the job has
//! one, and then the range is read.
//! Reading a range again gives the same records in the same order and in the same partitions, as far as the source can
//! replay at all; each says so on its page.

mod codec;
pub mod conformance;
mod constant;
mod context;
#[cfg(feature = "kafka")]
mod kafka;
mod kept;
mod limited;
mod listing;
mod logged;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod queue;
mod rate;
mod receiver;
mod restart;
mod share;
mod text;

pub use codec::Codec;
pub use constant::Constant;
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaPosition, KafkaRecord, KafkaStart, OnDataLoss};
pub use limited::{Limited, MaxRate};
#[cfg(feature = "parquet")]
pub use parquet::{ParquetFiles, ParquetPosition};
pub use queue::{Queue, QueueSource};
pub use rate::{Rate, RatePosition};
pub use receiver::{Receiver, ReceiverHandle, ReceiverSource, Stopped};
pub use restart::Restart;
pub(crate) use text::LineNumbers;
#[cfg(feature = "csv")]
pub use text::{CsvBlock, CsvFiles};
pub use text::{FilesPosition, Stdin, TcpLines, TextBlock, TextFiles};

use std::fmt::Debug;
use std::sync::Arc;
use std::task::Waker;

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::clock::Clock;
use crate::time::Time;

/// What a record of a stream must be: shared streams hand out copies.
pub trait Record: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Record for T {}

/// A failure of a source, naming what failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}: {why}")]
pub struct SourceError {
    /// The file, address or queue.
    pub what: String,
    /// What went wrong with it.
    pub why: String,
}

impl SourceError {
    /// A failure of `what`, because of `why`.
    pub fn new(what: impl ToString, why: impl ToString) -> Self {
        Self { what: what.to_string(), why: why.to_string() }
    }
}

/// How much a source may plan for one batch.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limit {
    /// The time of the batch.
    pub time: Time,
    /// Wait until a full share is there or the input ends, instead of taking what is there now. Set when a job takes
    /// all that is available and then stops: its batches then depend on the input alone.
    pub wait: bool,
    /// The most records, 1 at least; none if there is no limit but that of the source. Of text, a record is a line (of
    /// CSV, a record and the header).
    pub records: Option<u64>,
    /// The most records of each partition of the input, for a source that reads something with partitions of its own.
    pub records_per_partition: Option<u64>,
}

impl Limit {
    /// A batch of this time, which waits for a full share or takes what is there, of any number of records.
    pub const fn new(time: Time, wait: bool) -> Self {
        Self { time, wait, records: None, records_per_partition: None }
    }

    /// The same, of so many records at most.
    pub const fn records(mut self, records: u64) -> Self {
        self.records = Some(records);
        self
    }

    /// The most records of a source whose input has no partitions: it counts as one.
    pub fn most(&self) -> u64 {
        let both = [self.records, self.records_per_partition];
        both.into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

/// What a source has taken in that no batch has planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The records; none if they are not counted before they are read, as lines of text are not.
    pub records: Option<u64>,
    /// Their bytes in memory; what records hold on the heap is among them only if the source was told how to tell.
    pub bytes: u64,
    /// Whether there is no room for more: what the records come from has to wait.
    pub is_full: bool,
}

/// How far a source is behind its input, in what it can count: what is there, and in no batch yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records: those that a receiver has stored, or offsets of partitions. None if they are not counted before they are
    /// read, as lines of text are not.
    pub records: Option<u64>,
    /// Bytes: those of files that are not read yet, or what a receiver holds in memory.
    pub bytes: Option<u64>,
}

impl Lag {
    /// So many records behind.
    pub const fn records(records: u64) -> Self {
        Self { records: Some(records), bytes: None }
    }

    /// So many bytes behind.
    pub const fn bytes(bytes: u64) -> Self {
        Self { records: None, bytes: Some(bytes) }
    }
}

/// What a source is about to read.
#[derive(Clone, Debug)]
pub struct Plan<P> {
    /// The position after this batch.
    pub to: P,
    /// What comes after it.
    pub next: Next,
}

/// What is to be expected of a source after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is more already.
    Ready,
    /// More may come.
    Idle,
    /// The input has ended: nothing will come after this batch, and the source is not asked again.
    Finished,
}

/// A source of records.
///
/// Plain data, called by the engine from one thread; only [`Partition::read`] runs in parallel.
pub trait Source: Send + 'static {
    /// The records.
    type Item: Record;
    /// A position: where a batch begins and ends. Stored in snapshots.
    type Position: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The name in errors and on the dashboard.
    fn name(&self) -> String;

    /// The position at which a new job begins.
    fn start(&self) -> Self::Position;

    /// Begins to take records in, if the source does that beside the batches. Called once, when the job starts, with the
    /// clock of the job; a source that is planned without is to begin then.
    ///
    /// # Errors
    /// [`SourceError`] naming the input. The job ends with it.
    fn open(&mut self, _: &Arc<dyn Clock>) -> Result<(), SourceError> {
        Ok(())
    }

    /// Decides how far the next batch goes from here: no further than the limit says.
    ///
    /// A source that cannot be cut as finely as the limit wants goes on by the least it can, so that it never stands
    /// still.
    ///
    /// # Errors
    /// [`SourceError`] naming the input and what is wrong with it. The batch is not run.
    fn plan(&mut self, from: &Self::Position, limit: Limit) -> Result<Plan<Self::Position>, SourceError>;

    /// The partitions of a range. How many there are depends on the data alone, never on the number of threads.
    ///
    /// # Errors
    /// [`SourceError`] naming the input, if the range cannot be read (any more).
    fn read(
        &mut self,
        from: &Self::Position,
        to: &Self::Position,
    ) -> Result<Vec<Box<dyn Partition<Self::Item>>>, SourceError>;

    /// Whether a range can be read again by another run of the job. In a job that is [written
    /// down](crate::ContextBuilder::checkpoint_dir), what a source gives that cannot replay goes to a write-ahead log
    /// first, if the source has a [`codec`](Self::codec), and is read from there; without one the job is refused.
    fn replays(&self) -> bool {
        true
    }

    /// How records are written down in the write-ahead log of a source that cannot replay. None unless a source says so.
    ///
    /// With a log, [`plan`](Self::plan) and [`read`](Self::read) are called in turn, on any thread, once for a batch at
    /// least; positions go on from those that the log has.
    fn codec(&self) -> Option<Codec<Self::Item>> {
        None
    }

    /// What the source gives is written ahead. Called before [`open`](Self::open). A source that takes records in beside
    /// the batches should keep the waker, and wake it whenever it has something new: it is planned at once then, not at
    /// the next batch, so that less is lost in a crash. With [`Trigger::Available`](crate::Trigger::Available) it is
    /// planned for a batch alone.
    fn log_ahead(&mut self, _: Waker) {}

    /// All that was planned so far is durable: whoever has sent it may be told so. Called with a log only, after every
    /// plan.
    fn durable(&mut self) {}

    /// Takes nothing more in. What was taken in but not planned yet is still planned; then the source says
    /// [`Next::Idle`] for ever. Sources that can replay have nothing to do here.
    fn close(&mut self) {}

    /// Whether records were taken in that no batch has planned yet, and that would be lost at a stop.
    fn holds_records(&self) -> bool {
        false
    }

    /// What has gone wrong since this was asked last, although the source goes on: a connection that is made again, a
    /// listing that took too long. Asked once a batch, and told to the listeners.
    fn take_warnings(&mut self) -> Vec<SourceError> {
        Vec::new()
    }

    /// What was taken in that no batch has planned yet; none for a source that takes nothing in beside the batches.
    /// Asked twice a batch.
    fn pending(&self) -> Option<Pending> {
        None
    }

    /// How far the source is behind its input once the batch is read that was planned last; none if it does not know.
    /// Asked once a batch, if anybody listens, so it must not look anything up: it tells what planning has found. Unless
    /// a source says otherwise, what it has [pending](Self::pending).
    fn lag(&self) -> Option<Lag> {
        self.pending().map(|pending| Lag { records: pending.records, bytes: Some(pending.bytes) })
    }

    /// A position in words, for people. As it is written for programmers, unless a source says otherwise. Asked once a
    /// batch, if anybody listens, and at every checkpoint.
    fn in_words(&self, at: &Self::Position) -> String {
        format!("{at:?}")
    }

    /// Whether records are taken in beside the batches, by a thread that can be made to wait: then the source has its
    /// part of the job's [bound](crate::ContextBuilder::max_pending_bytes).
    fn reads_ahead(&self) -> bool {
        false
    }

    /// What was taken in and what a batch has of it may together be so many bytes. Called before
    /// [`open`](Self::open), if the job has a bound and the source [reads ahead](Self::reads_ahead).
    fn bound_pending(&mut self, _bytes: u64) {}

    /// The most that is to be read of it in a second.
    fn rates(&self) -> MaxRate {
        MaxRate::default()
    }

    /// The same source, of which no more than so many records (lines, of text) a second are read, of all partitions
    /// together. Of several such limits the lowest holds.
    ///
    /// A batch has no more than what its interval allows; with
    /// [`Trigger::AsSoonAsPossible`](crate::Trigger::AsSoonAsPossible), the time since the batch before. What a batch
    /// did not take is not made up for by the next ones.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, Source, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("slowly").trigger(Trigger::Available).build();
    /// let (queue, numbers) = Queue::new();
    /// let rows = ctx.source(numbers.max_rate(2)).collect_to_memory();
    /// queue.push(vec![1, 2, 3, 4, 5]);
    /// ctx.run()?;
    /// let batches: Vec<_> = rows.batches().into_iter().map(|(_, rows)| rows).collect();
    /// assert_eq!(batches, [vec![1, 2], vec![3, 4], vec![5]]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    fn max_rate(self, per_second: u64) -> Limited<Self>
    where
        Self: Sized,
    {
        Limited::new(self, MaxRate::per_second(per_second))
    }

    /// The same source, of which no more than so many records a second are read of each partition of its input, such as
    /// those of a topic. Input without partitions counts as one.
    fn max_rate_per_partition(self, per_second: u64) -> Limited<Self>
    where
        Self: Sized,
    {
        Limited::new(self, MaxRate::per_second_and_partition(per_second))
    }
}

/// A part of a batch that is read on one thread.
pub trait Partition<T>: Send + Sync {
    /// Hands the records over, in order, some at a time. `out` leaves the vector empty, to be filled again.
    ///
    /// # Errors
    /// [`SourceError`] naming the input.
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError>;
}
