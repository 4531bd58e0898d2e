//! Operators that look at one row at a time: they fuse into one pass over a partition.

use std::sync::Arc;

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, Input, Partitions};
use crate::error::Error;
use crate::source::Record;

/// An operator that turns chunks of rows into chunks of rows.
pub(crate) struct Narrow<T, F> {
    pub(crate) parent: Arc<Shared<T>>,
    pub(crate) chunk: F,
}

impl<T, U, F> Node<U> for Narrow<T, F>
where
    T: Record,
    U: Record,
    F: Fn(&mut Vec<T>, &mut Vec<U>) + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.parent.prepare(batch)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<U>)) -> Result<(), Error> {
        let mut rows = Vec::new();
        self.parent.run(batch, partition, &mut |chunk| {
            (self.chunk)(chunk, &mut rows);
            chunk.clear();
            if !rows.is_empty() {
                out(&mut rows);
                rows.clear();
            }
        })
    }
}

/// Each row made into another.
pub(crate) fn mapped<T, U>(f: impl Fn(T) -> U) -> impl Fn(&mut Vec<T>, &mut Vec<U>) {
    move |rows, out| out.extend(rows.drain(..).map(&f))
}

/// The rows for which a condition holds.
pub(crate) fn filtered<T>(condition: impl Fn(&T) -> bool) -> impl Fn(&mut Vec<T>, &mut Vec<T>) {
    move |rows, out| {
        rows.retain(&condition);
        out.append(rows);
    }
}

impl<T: Record> DStream<T> {
    /// An operator of this kind that turns chunks into chunks.
    pub(crate) fn narrow<U: Record>(
        &self,
        kind: &'static str,
        chunk: impl Fn(&mut Vec<T>, &mut Vec<U>) + Send + Sync + 'static,
    ) -> DStream<U> {
        let parent = self.read_by_one_more();
        let operator = self.graph.operator(kind, [parent.operator()]);
        DStream::new(self.graph.clone(), operator, Narrow { parent, chunk })
    }

    /// Each row made into another.
    pub fn map<U: Record>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> DStream<U> {
        self.narrow("map", mapped(f))
    }

    /// The rows for which a condition holds.
    pub fn filter(&self, condition: impl Fn(&T) -> bool + Send + Sync + 'static) -> DStream<T> {
        self.narrow("filter", filtered(condition))
    }

    /// Each row made into none, one or several.
    pub fn flat_map<U: Record, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> DStream<U> {
        self.narrow("flat_map", move |rows, out| out.extend(rows.drain(..).flat_map(&f)))
    }
}
