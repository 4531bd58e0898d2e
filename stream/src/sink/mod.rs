//! Where rows go.
//!
//! [`DStream::write_to`](crate::DStream::write_to) hands every batch of a stream to a [`Sink`]. Partitions are written
//! side by side, each into a [`Part`] that nobody sees; when all are whole the batch is committed at once. If anything
//! fails before that, nothing of the batch is visible, and the job ends with an error that names the output, the batch
//! time, the target and the cause.
//!
//! The batch time is the batch's identity: a sink that *replaces* what it has of that time, or *records* the time with
//! the rows, has a batch once however often it is run.
//!
//! | sink | target | a batch that is run again after a crash | so every batch is there |
//! |---|---|---|---|
//! | [`Files`] | a file per batch: text, JSON lines, CSV, Parquet | finds its file, or replaces it | exactly once |
//! | `Objects` (feature) | an object per batch on an object store, of these formats | replaces its object | exactly once |
//! | `Postgres` (feature) | a table of PostgreSQL | is found in the record, and left out | exactly once |
//! | [`MemorySink`] | a table that is read while the job runs | replaces its rows | exactly once, gone with the process |
//! | [`channel`] | a bounded channel to another thread | is sent again | at least once |
//! | [`Tcp`] | a line per row to a server | is sent again | perhaps twice, perhaps in part |
//! | `KafkaSink` (feature) | a record per row to a topic | is sent again, with what tells it | at least once |
//! | [`Print`] | the standard output, or any writer | is printed again | at least once |
//!
//! A sink of your own runs through the [`conformance`] kit.

mod channel;
pub mod conformance;
mod files;
#[cfg(feature = "kafka")]
mod kafka;
mod memory;
#[cfg(feature = "object-store")]
mod objects;
#[cfg(feature = "postgres")]
mod postgres;
mod print;
mod tcp;

#[cfg(feature = "postgres")]
pub use self::postgres::{Columns, Postgres};
pub use channel::{ChannelSink, channel};
#[cfg(feature = "csv")]
pub use files::Csv;
#[cfg(feature = "json")]
pub use files::JsonLines;
#[cfg(feature = "parquet")]
pub use files::Parquet;
pub(crate) use files::make_folder;
pub use files::{Files, Format, Text};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaPart, KafkaSink};
pub use memory::MemorySink;
#[cfg(feature = "object-store")]
pub use objects::Objects;
pub use print::Print;
pub use tcp::Tcp;

use crate::time::Time;

/// What went wrong in a sink: any error, or a text (`"the table is full".into()`). The engine adds the name of the
/// output, the batch time and the target.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A target that batches of rows are written to, each as a whole or not at all.
///
/// For every batch the engine calls [`begin`](Self::begin), then [`part`](Self::part) for each partition, writes the
/// parts from several threads, and then calls [`commit`](Self::commit) with all of them in the order of the partitions.
/// If any of this fails it drops the parts and calls [`abort`](Self::abort). The methods of the sink itself are never
/// called at the same time. A panic in any of them is such a failure.
///
/// **Exactly once.** A batch that is run again, after a crash as well, has the same time and the same rows in the same
/// partitions. So a sink has every batch exactly once in one of two ways:
///
/// - it **replaces**: its commit replaces what it has of the same time, as a file of that name;
/// - it **records**: its commit stores the time beside the rows, in the same transaction, and
///   [`committed`](Self::committed) gives it back after a restart. Then the engine leaves out a batch that the target
///   has already.
///
/// `(batch time, partition)`, which [`part`](Self::part) is given, is a key that rows can be stored under for either.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use streamgauge_stream::sink::{Cause, Sink};
/// use streamgauge_stream::{Queue, StreamingContext, Time, Trigger};
///
/// /// The sum of every batch.
/// struct Sums(Arc<Mutex<BTreeMap<Time, i64>>>);
///
/// impl Sink<i64> for Sums {
///     // Rows are kept until the batch is whole; a database would stage them in a transaction.
///     type Part = Vec<i64>;
///
///     fn target(&self) -> String {
///         "the table of sums".to_owned()
///     }
///
///     fn part(&mut self, _batch: Time, _partition: usize) -> Result<Vec<i64>, Cause> {
///         Ok(Vec::new())
///     }
///
///     fn commit(&mut self, batch: Time, parts: Vec<Vec<i64>>) -> Result<(), Cause> {
///         let sum = parts.iter().flatten().try_fold(0_i64, |sum, x| sum.checked_add(*x));
///         let sum = sum.ok_or("the sum does not fit into 64 bits")?;
///         self.0.lock().map_err(|e| e.to_string())?.insert(batch, sum);
///         Ok(())
///     }
/// }
///
/// let ctx = StreamingContext::builder("sums").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// let sums = Arc::default();
/// ctx.source(source).write_to(Sums(Arc::clone(&sums)));
/// queue.push(vec![1, 2, 3]);
/// queue.close();
/// ctx.run()?;
/// assert_eq!(sums.lock().unwrap()[&Time::from_secs(1)], 6);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub trait Sink<T>: Send + 'static {
    /// What a partition of a batch is written into. `Vec<T>` keeps the rows until the batch is committed.
    type Part: Part<T>;

    /// What the rows go to, as errors name it: a path, an address, a table. Asked for once.
    fn target(&self) -> String;

    /// Called once when the job is started, before anything else: makes sure that the target can be written, and clears
    /// away what a killed run has left behind.
    ///
    /// # Errors
    /// If the target cannot be written: the job does not start.
    fn open(&mut self) -> Result<(), Cause> {
        Ok(())
    }

    /// The last batch that the target has a record of, for a target that stores the time of a batch in the same
    /// transaction as its rows. Asked for once, after [`open`](Self::open). `None` if there is no batch yet, and for
    /// targets that keep no record (the default): these get the last batch again after a crash.
    ///
    /// A batch that the log has as begun but not as complete, and that is not after this one, is not written again: it
    /// was committed, and the process was ended before it could write that down. If a *new* batch is not after it, the
    /// job was begun anew without its checkpoints: an error, for its rows would be there twice.
    ///
    /// # Errors
    /// If the target cannot tell: the job does not start.
    fn committed(&mut self) -> Result<Option<Time>, Cause> {
        Ok(None)
    }

    /// A batch begins, be it for the first time or again.
    ///
    /// # Errors
    /// If the batch cannot be written: it fails, and ends the job. So for the other methods.
    fn begin(&mut self, batch: Time) -> Result<(), Cause> {
        let _ = batch;
        Ok(())
    }

    /// A new, empty part for a partition, counted from 0. A part that is dropped instead of committed leaves nothing
    /// visible; the same partition may then be asked for again.
    ///
    /// # Errors
    /// If there can be no such part.
    fn part(&mut self, batch: Time, partition: usize) -> Result<Self::Part, Cause>;

    /// Makes the batch visible as a whole: the rows of the parts, in their order. There may be no parts, or none with
    /// rows. What the target holds of a batch of the same time should be replaced.
    ///
    /// # Errors
    /// If it cannot: then nothing of it may be visible, and what was there before is as it was.
    fn commit(&mut self, batch: Time, parts: Vec<Self::Part>) -> Result<(), Cause>;

    /// The batch has failed; its parts have been dropped. Takes back what [`begin`](Self::begin) did.
    fn abort(&mut self, batch: Time) {
        let _ = batch;
    }
}

/// A partition of a batch, while it is written: seen by nobody until its sink commits it.
pub trait Part<T>: Send {
    /// Takes rows, about a thousand at a time, in order. What is left in the vector is dropped by the caller.
    ///
    /// # Errors
    /// If they cannot be written: the batch fails.
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause>;

    /// All rows have been written. Still on the partition's thread: the place for work that need not wait for the
    /// commit, such as flushing.
    ///
    /// # Errors
    /// If it cannot be completed: the batch fails.
    fn finish(&mut self) -> Result<(), Cause> {
        Ok(())
    }
}

impl<T: Send> Part<T> for Vec<T> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        self.append(rows);
        Ok(())
    }
}
