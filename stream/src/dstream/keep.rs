//! Rows kept for the batch, in memory or on disk, and the settings of checkpoints.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{DStream, Node, Shared};
use crate::batch::exchange::Portable;
use crate::batch::{BatchRun, Input, Partitions, each_partition, measure};
use crate::error::Error;
use crate::source::Record;
use crate::time::Time;

/// Where the rows of a batch are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory, as they are.
    Memory,
    /// Serialized: in memory up to a number of bytes for the batch, beyond that in a temporary file. Every reader
    /// decodes them anew.
    MemoryAndDisk {
        /// The bytes of memory, not counting the chunks that are just being written or read.
        bytes: usize,
    },
}

/// Keeps the rows of a batch, to be handed out any number of times.
pub(crate) struct Persist<T> {
    name: String,
    parent: Arc<Shared<T>>,
    storage: Storage,
    kept: Mutex<Option<Arc<Kept<T>>>>,
}

struct Kept<T> {
    time: Time,
    partitions: Option<Partitions>,
    /// By partition, in their order.
    chunks: Vec<Vec<Chunk<T>>>,
    spill: Spill,
}

enum Chunk<T> {
    Rows(Vec<T>),
    Bytes(Vec<u8>),
    OnDisk { at: u64, length: usize },
}

/// The bytes of a batch: how many are in memory, and those on disk.
#[derive(Default)]
struct Spill {
    in_memory: AtomicUsize,
    /// The file, which has no name and is gone with its handle, and its length.
    file: Mutex<Option<(File, u64)>>,
}

impl Spill {
    fn keep<T>(&self, bytes: Vec<u8>, most: usize) -> std::io::Result<Chunk<T>> {
        let length = bytes.len();
        if self.in_memory.fetch_add(length, Ordering::Relaxed) + length <= most {
            return Ok(Chunk::Bytes(bytes));
        }
        self.in_memory.fetch_sub(length, Ordering::Relaxed);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, end) = match &mut *file {
            Some(file) => file,
            none => none.insert((tempfile::tempfile()?, 0)),
        };
        file.seek(SeekFrom::Start(*end))?;
        file.write_all(&bytes)?;
        let at = *end;
        *end += length as u64;
        Ok(Chunk::OnDisk { at, length })
    }

    fn read(&self, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((file, _)) = &mut *file else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<T: Portable> Persist<T> {
    pub(crate) fn new(name: String, parent: Arc<Shared<T>>, storage: Storage) -> Self {
        Self { name, parent, storage, kept: Mutex::new(None) }
    }

    fn failed(&self, run: &BatchRun, partition: usize, what: &str, cause: impl std::fmt::Display) -> Error {
        let cause = format!("{what} rows in {}: {cause}", std::env::temp_dir().display());
        Error::Operator { operator: self.name.clone(), partition, time: run.time, cause }
    }

    fn compute(&self, run: &BatchRun) -> Result<Kept<T>, Error> {
        let partitions = self.parent.prepare(run)?;
        let count = partitions.as_ref().map_or(0, |partitions| partitions.len());
        let spill = Spill::default();
        let chunks = each_partition(run, &self.name, count, |partition| {
            let mut chunks = Vec::new();
            let (mut count, mut failure) = (0, None);
            self.parent.run(run, partition, &mut |rows| {
                count += rows.len() as u64;
                if failure.is_some() || rows.is_empty() {
                    return rows.clear();
                }
                match self.storage {
                    Storage::Memory => chunks.push(Chunk::Rows(std::mem::take(rows))),
                    Storage::MemoryAndDisk { bytes: most } => {
                        // Not more at once than a chunk, whatever comes.
                        for rows in rows.chunks(crate::batch::CHUNK) {
                            let bytes = postcard::to_allocvec(rows).map_err(std::io::Error::other);
                            match bytes.and_then(|bytes| spill.keep(bytes, most)) {
                                Ok(chunk) => chunks.push(chunk),
                                Err(error) => failure = Some(error),
                            }
                        }
                        rows.clear();
                    }
                }
            })?;
            // Each once, however often they are read.
            measure::count_rows_out(count);
            match failure {
                Some(error) => Err(self.failed(run, partition, "cannot keep", error)),
                None => Ok(chunks),
            }
        })?;
        Ok(Kept { time: run.time, partitions, chunks, spill })
    }
}

impl<T: Portable> Node<T> for Persist<T> {
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn keeps_rows(&self) -> bool {
        true
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.time == run.time) {
            return Ok(kept.partitions.clone());
        }
        *kept = None;
        let computed = Arc::new(self.compute(run)?);
        Ok(kept.insert(computed).partitions.clone())
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(kept) = kept else {
            return Ok(());
        };
        for chunk in kept.chunks.get(partition).into_iter().flatten() {
            let failed = |error: &dyn std::fmt::Display| self.failed(run, partition, "cannot read", error);
            let decoded = |bytes: &[u8]| postcard::from_bytes(bytes).map_err(|error| failed(&error));
            let mut rows: Vec<T> = match chunk {
                Chunk::Rows(rows) => rows.clone(),
                Chunk::Bytes(bytes) => decoded(bytes)?,
                Chunk::OnDisk { at, length } => {
                    decoded(&kept.spill.read(*at, *length).map_err(|error| failed(&error))?)?
                }
            };
            out(&mut rows);
        }
        Ok(())
    }
}

impl<T: Record> DStream<T> {
    /// The stream itself: a stream that several operators read is computed once a batch and kept in memory for them
    /// anyhow. To keep large batches on disk, see [`persist`](Self::persist).
    pub fn cache(&self) -> DStream<T> {
        self.clone()
    }

    /// Keeps the rows of each batch where it is said, until the next batch, for all who read the stream.
    pub fn persist(&self, storage: Storage) -> DStream<T>
    where
        T: Portable,
    {
        let name = self.graph.name(None, "persist");
        let operator = self.graph.named_operator(&name, "persist", [self.operator()]);
        DStream::new(self.graph.clone(), operator, Persist::new(name, self.read_by_one_more(), storage))
    }

    /// Asks for a checkpoint of the job at least this often: a multiple of the batch interval. The job must have a
    /// [place](crate::ContextBuilder::checkpoint_dir) for its checkpoints.
    pub fn checkpoint(&self, interval: Duration) -> DStream<T> {
        let graph = &self.graph;
        let name = graph.name(None, "checkpoint");
        let (whole, batch) = (interval.as_nanos(), graph.interval().map_or(1, |interval| interval.as_nanos().max(1)));
        if whole == 0 || whole % batch != 0 {
            let batch = graph.interval().unwrap_or_default();
            graph.problem(format!(
                "{name}: the interval is {interval:?}; it must be a multiple of the batch interval ({batch:?}) and not zero"
            ));
        }
        if let Some(kept) = self.node.remembered().filter(|kept| *kept <= interval) {
            graph.problem(format!(
                "{name}: the stream is remembered for {kept:?}; remember it for longer than {interval:?}"
            ));
        }
        graph.ask_for_checkpoints(name, u32::try_from(whole / batch).unwrap_or(u32::MAX).max(1));
        self.clone()
    }
}
