//! Where records come from.
//!
//! A source has *positions*. In every batch it plans how far to go, the range is written to the batch log, if the job has
//! one, and then the range is read.
//! Reading a range again gives the same records in the same order and in the same partitions, as far as the source can
//! replay at all; each says so on its page.

pub mod conformance;
mod constant;
mod context;
#[cfg(feature = "kafka")]
mod kafka;
mod kept;
mod listing;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod queue;
mod rate;
mod receiver;
mod restart;
mod text;

pub use constant::Constant;
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaPosition, KafkaRecord, KafkaStart, OnDataLoss};
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
}

impl Limit {
    /// A batch of this time, which waits for a full share or takes what is there.
    pub fn new(time: Time, wait: bool) -> Self {
        Self { time, wait }
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

    /// Decides how far the next batch goes from here.
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

    /// Whether a range can be read again by another run of the job. A job that is [written
    /// down](crate::ContextBuilder::checkpoint_dir) takes no source that cannot replay: after a crash it could not go on.
    fn replays(&self) -> bool {
        true
    }

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
}

/// A part of a batch that is read on one thread.
pub trait Partition<T>: Send + Sync {
    /// Hands the records over, in order, some at a time. `out` leaves the vector empty, to be filled again.
    ///
    /// # Errors
    /// [`SourceError`] naming the input.
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError>;
}
