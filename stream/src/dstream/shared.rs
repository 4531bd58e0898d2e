//! A stream that several operators may read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Node;
use super::remember::History;
use crate::batch::{BatchRun, Input, Partitions, each_partition};
use crate::error::Error;
use crate::source::Record;
use crate::time::Time;

/// Hands the rows of a node to its readers: straight through to a single one; computed once and kept for the batch if
/// there are several. The last reader of a partition gets the rows themselves, the others copies; if rows may be asked
/// for again, all get copies.
pub(crate) struct Shared<T> {
    node: Box<dyn Node<T>>,
    readers: AtomicUsize,
    kept: Mutex<Option<Arc<Kept<T>>>>,
    /// The batches before this one, if they are remembered.
    pub(super) history: OnceLock<Arc<Mutex<History<T>>>>,
}

struct Kept<T> {
    time: Time,
    /// A failure is kept too: whoever else reads the stream has failed with it, and nothing is computed twice.
    partitions: Result<Option<Partitions>, Error>,
    /// By partition; each has a lock of its own, so that copies are made in parallel.
    rows: Vec<Mutex<Rows<T>>>,
}

struct Rows<T> {
    rows: Vec<T>,
    readers_left: usize,
}

impl<T: Record> Shared<T> {
    pub(crate) fn new(node: Box<dyn Node<T>>) -> Self {
        Self { node, readers: AtomicUsize::new(0), kept: Mutex::new(None), history: OnceLock::new() }
    }

    pub(crate) fn add_reader(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Relaxed) > 0
    }

    fn is_shared(&self) -> bool {
        self.readers.load(Ordering::Relaxed) > 1 && !self.node.keeps_rows()
    }

    /// A reader will not read this partition of the batch: the last of those that do gets its rows all the same.
    pub(crate) fn give_up(&self, time: Time, partition: usize) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = kept.as_ref().filter(|kept| kept.time == time);
        if let Some(rows) = kept.and_then(|kept| kept.rows.get(partition)) {
            let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.readers_left = rows.readers_left.saturating_sub(1);
            if rows.readers_left == 0 {
                rows.rows = Vec::new();
            }
        }
    }

    fn compute(&self, batch: &BatchRun) -> Kept<T> {
        let failed = |error| Kept { time: batch.time, partitions: Err(error), rows: Vec::new() };
        let computed = self.compute_rows(batch);
        computed.map_or_else(failed, |(partitions, rows)| Kept { time: batch.time, partitions: Ok(partitions), rows })
    }

    fn compute_rows(&self, batch: &BatchRun) -> Result<(Option<Partitions>, Vec<Mutex<Rows<T>>>), Error> {
        let partitions = self.node.prepare(batch)?;
        let count = partitions.as_ref().map_or(0, |p| p.len());
        let readers_left = self.readers.load(Ordering::Relaxed);
        let rows = each_partition(batch, "shared stream", count, |partition| {
            let mut rows = Vec::new();
            self.node.run(batch, partition, &mut |chunk| rows.append(chunk))?;
            Ok(Mutex::new(Rows { rows, readers_left }))
        })?;
        Ok((partitions, rows))
    }
}

impl<T: Record> Node<T> for Shared<T> {
    fn inputs(&self) -> Vec<Input> {
        self.node.inputs()
    }

    fn keeps_rows(&self) -> bool {
        self.node.keeps_rows()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        if !self.is_shared() {
            return self.node.prepare(batch);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(kept) if kept.time == batch.time => kept.partitions.clone(),
            _ => {
                *kept = None;
                kept.insert(Arc::new(self.compute(batch))).partitions.clone()
            }
        }
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        if !self.is_shared() {
            return self.node.run(batch, partition, out);
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(rows) = kept.as_ref().and_then(|kept| kept.rows.get(partition)) else {
            return Ok(());
        };
        let mut rows = {
            let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.readers_left = rows.readers_left.saturating_sub(1);
            if rows.readers_left == 0 && !batch.keeps_rows() {
                std::mem::take(&mut rows.rows)
            } else {
                rows.rows.clone()
            }
        };
        if !rows.is_empty() {
            out(&mut rows);
        }
        Ok(())
    }
}
