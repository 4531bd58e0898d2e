//! A stream that several operators may read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::Span;

use super::Node;
use super::remember::History;
use crate::batch::measure::{self, Work};
use crate::batch::{BatchRun, Input, Partitions, each_partition};
use crate::error::Error;
use crate::graph::OperatorId;
use crate::source::Record;
use crate::time::Time;

/// Hands the rows of a node to its readers: straight through to a single one; computed once and kept for the batch if
/// there are several. The last reader of a partition gets the rows themselves, the others copies; if rows may be asked
/// for again, all get copies.
///
/// It measures the operator that the node is: see [`measure`].
pub(crate) struct Shared<T> {
    node: Box<dyn Node<T>>,
    /// None for a part of another operator.
    operator: Option<OperatorId>,
    /// How many rows of the graph a chunk is.
    count: fn(&[T]) -> u64,
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

impl<T> Shared<T> {
    pub(crate) fn operator(&self) -> Option<OperatorId> {
        self.operator
    }
}

impl<T: Record> Shared<T> {
    /// A node, and the operator that it is; none for a part of the one that reads it.
    pub(crate) fn new(node: Box<dyn Node<T>>, operator: Option<OperatorId>) -> Self {
        let (readers, kept, history) = (AtomicUsize::new(0), Mutex::new(None), OnceLock::new());
        Self { node, operator, count: |rows| rows.len() as u64, readers, kept, history }
    }

    /// The same, whose chunks are counted otherwise.
    pub(super) fn counted(self, count: fn(&[T]) -> u64) -> Self {
        Self { count, ..self }
    }

    /// Has the node hand over the rows of a partition; gives how many there were.
    fn produce(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<u64, Error> {
        let (mut rows, mut work) = (0, Work::begin(self.operator));
        let result = self.node.run(batch, partition, &mut |chunk| {
            rows += (self.count)(chunk);
            work.outside(|| out(chunk));
        });
        if !self.node.keeps_rows() {
            measure::count_rows_out(rows);
        }
        batch.measured(self.operator, work.end());
        result.map(|()| rows)
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
            self.produce(batch, partition, &mut |chunk| rows.append(chunk))?;
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
        if self.operator.is_none() {
            return self.prepare_once(batch);
        }
        let prepare = || batch.work(self.operator, || self.prepare_once(batch));
        batch.span_of(self.operator, &Span::current()).in_scope(prepare)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        if self.is_shared() {
            return self.hand_out(batch, partition, out);
        }
        if self.operator.is_none() {
            return self.node.run(batch, partition, out);
        }
        let rows = self.produce(batch, partition, out)?;
        measure::count_rows_in(rows);
        Ok(())
    }
}

impl<T: Record> Shared<T> {
    fn prepare_once(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
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

    /// Hands over rows that were kept.
    fn hand_out(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let mut rows = batch.work(self.operator, || self.rows_of(batch, partition));
        if !rows.is_empty() {
            measure::count_rows_in((self.count)(&rows));
            out(&mut rows);
        }
        Ok(())
    }

    /// The kept rows of a partition: themselves for the last reader, copies for the others.
    fn rows_of(&self, batch: &BatchRun, partition: usize) -> Vec<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(rows) = kept.as_ref().and_then(|kept| kept.rows.get(partition)) else {
            return Vec::new();
        };
        let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.readers_left = rows.readers_left.saturating_sub(1);
        if rows.readers_left == 0 && !batch.keeps_rows() { std::mem::take(&mut rows.rows) } else { rows.rows.clone() }
    }
}
