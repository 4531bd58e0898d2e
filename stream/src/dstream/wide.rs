//! Wide operators whose rows are few: computed when a batch is prepared, kept, and handed out by partition.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use super::Node;
use crate::batch::{BatchRun, CHUNK, Input, Partitions};
use crate::error::Error;
use crate::source::Record;

/// Rows of a partition of a wide operator's result: a number that depends on the rows alone.
const ROWS_A_PARTITION: usize = 8_192;

/// Cuts rows into partitions.
pub(crate) fn rows_in_partitions<R>(rows: Vec<R>) -> Vec<Vec<R>> {
    if rows.len() <= ROWS_A_PARTITION {
        return vec![rows];
    }
    let mut rest = rows.into_iter();
    let mut partitions = Vec::new();
    while rest.len() > 0 {
        partitions.push(rest.by_ref().take(ROWS_A_PARTITION).collect());
    }
    partitions
}

/// A wide operator.
pub(crate) struct Wide<C, R> {
    compute: C,
    rows: Mutex<Vec<Vec<R>>>,
}

/// What a wide operator computes.
pub(crate) trait Compute<R>: Send + Sync {
    fn input(&self) -> Input;
    /// The rows of a batch in their order; `None` if there is no batch at this time.
    fn compute(&self, run: &BatchRun) -> Result<Option<Vec<R>>, Error>;
}

impl<C: Compute<R>, R: Record> Wide<C, R> {
    pub(crate) fn new(compute: C) -> Self {
        Self { compute, rows: Mutex::new(Vec::new()) }
    }
}

impl<C: Compute<R>, R: Record> Node<R> for Wide<C, R> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.compute.input()]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(rows) = self.compute.compute(run)? else {
            return Ok(None);
        };
        let rows = rows_in_partitions(rows);
        let partitions = vec![self.compute.input(); rows.len()].into();
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
        Ok(Some(partitions))
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let mut rows = {
            let mut all = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = all.get_mut(partition);
            rows.map(|rows| if run.keeps_rows() { rows.clone() } else { std::mem::take(rows) }).unwrap_or_default()
        };
        if !rows.is_empty() {
            out(&mut rows);
        }
        Ok(())
    }
}

/// Hands rows on, a chunk at a time.
pub(crate) fn in_chunks<R>(rows: impl Iterator<Item = R>, out: &mut dyn FnMut(&mut Vec<R>)) {
    let Ok(()) = try_in_chunks(rows.map(Ok::<R, Infallible>), out);
}

/// Hands rows on, a chunk at a time, up to the first that failed.
pub(crate) fn try_in_chunks<R, E>(
    mut rows: impl Iterator<Item = Result<R, E>>,
    out: &mut dyn FnMut(&mut Vec<R>),
) -> Result<(), E> {
    let (at_least, at_most) = rows.size_hint();
    let mut chunk = Vec::with_capacity(at_most.unwrap_or(at_least).min(CHUNK));
    rows.try_for_each(|row| {
        if chunk.len() == CHUNK {
            out(&mut chunk);
            chunk.clear();
        }
        chunk.push(row?);
        Ok(())
    })?;
    if !chunk.is_empty() {
        out(&mut chunk);
    }
    Ok(())
}
