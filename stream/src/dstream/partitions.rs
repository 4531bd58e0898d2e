//! Operators that look at one partition at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::vec::IntoIter;

use super::{DStream, Node, Shared, in_chunks};
use crate::batch::{BatchRun, Input, Partitions};
use crate::error::Error;
use crate::source::Record;

/// Each partition made into other rows.
pub(crate) struct MapPartitions<T, F> {
    pub(crate) parent: Arc<Shared<T>>,
    pub(crate) f: F,
}

impl<T, U, I, F> Node<U> for MapPartitions<T, F>
where
    T: Record,
    U: Record,
    I: IntoIterator<Item = U>,
    F: Fn(IntoIter<T>) -> I + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.parent.prepare(batch)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<U>)) -> Result<(), Error> {
        let mut rows = Vec::new();
        self.parent.run(batch, partition, &mut |chunk| rows.append(chunk))?;
        in_chunks((self.f)(rows.into_iter()).into_iter(), out);
        Ok(())
    }
}

/// Neighbouring partitions put together.
pub(crate) struct Coalesce<T> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    most: usize,
    /// How many the parent has in the batch that runs.
    from: Mutex<usize>,
}

impl<T> Coalesce<T> {
    pub(crate) fn new(name: String, parent: Arc<Shared<T>>, input: Input, most: usize) -> Self {
        Self { name, parent, input, most, from: Mutex::new(0) }
    }
}

/// The first of `n` things that the part `i` of `parts` has.
pub(crate) fn part_start(n: usize, i: usize, parts: usize) -> usize {
    (n as u128 * i as u128 / parts.max(1) as u128) as usize
}

impl<T: Record> Node<T> for Coalesce<T> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        if self.most == 0 {
            let cause = "it was asked for 0 partitions; ask for 1 or more".to_owned();
            return Err(Error::Operator { operator: self.name.clone(), partition: 0, time: batch.time, cause });
        }
        let Some(partitions) = self.parent.prepare(batch)? else {
            return Ok(None);
        };
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = partitions.len();
        Ok(Some(vec![self.input; partitions.len().min(self.most)].into()))
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let from = *self.from.lock().unwrap_or_else(PoisonError::into_inner);
        let to = from.min(self.most);
        let (begin, end) = (part_start(from, partition, to), part_start(from, partition + 1, to));
        (begin..end).try_for_each(|partition| self.parent.run(batch, partition, out))
    }
}

impl<T: Record> DStream<T> {
    /// Each partition made into other rows: for what is costly to set up. The rows of a partition are gathered in
    /// memory for it. How a batch falls into partitions depends on the data alone, never on the number of threads.
    ///
    /// ```
    /// # use streamgauge_stream::DStream;
    /// # fn stream(lines: DStream<String>) {
    /// let longest = lines.map_partitions(|lines| lines.max_by_key(String::len));
    /// # }
    /// ```
    pub fn map_partitions<U: Record, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(IntoIter<T>) -> I + Send + Sync + 'static,
    ) -> DStream<U> {
        self.mapped_partitions("map_partitions", f)
    }

    /// The rows of each partition as one row; an empty partition is an empty row.
    pub fn glom(&self) -> DStream<Vec<T>> {
        self.mapped_partitions("glom", |rows| [rows.collect::<Vec<_>>()])
    }

    fn mapped_partitions<U: Record, I: IntoIterator<Item = U>>(
        &self,
        kind: &'static str,
        f: impl Fn(IntoIter<T>) -> I + Send + Sync + 'static,
    ) -> DStream<U> {
        let operator = self.graph.operator(kind, [self.operator()]);
        DStream::new(self.graph.clone(), operator, MapPartitions { parent: self.read_by_one_more(), f })
    }
}
