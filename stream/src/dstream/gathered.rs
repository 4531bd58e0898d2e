//! Operators that need all rows of a batch at once: to sort, to number, to divide them.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::partitions::part_start;
use super::wide::rows_in_partitions;
use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, Input, Partitions, each_partition, guarded};
use crate::error::Error;
use crate::source::Record;

/// The rows of all partitions, made into partitions of others when the batch is prepared.
pub(crate) struct Gathered<T, R, F> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    arrange: F,
    /// By partition; each is handed out once.
    rows: Mutex<Vec<Vec<R>>>,
}

type Parts<R> = Vec<Vec<R>>;

impl<T: Record, R: Record, F: Fn(Parts<T>) -> Parts<R> + Send + Sync> Gathered<T, R, F> {
    fn new(name: String, parent: Arc<Shared<T>>, input: Input, arrange: F) -> Self {
        Self { name, parent, input, arrange, rows: Mutex::default() }
    }
}

impl<T: Record> Gathered<T, T, ()> {
    /// The rows in order.
    pub(crate) fn sorted(
        name: String,
        parent: Arc<Shared<T>>,
        input: Input,
        order: impl Fn(&T, &T) -> Ordering + Send + Sync + 'static,
    ) -> impl Node<T> + 'static {
        Gathered::new(name, parent, input, move |partitions: Parts<T>| {
            let mut rows: Vec<_> = partitions.into_iter().flatten().collect();
            rows.par_sort_by(&order);
            rows_in_partitions(rows)
        })
    }

    /// The rows and their numbers.
    pub(crate) fn numbered(name: String, parent: Arc<Shared<T>>, input: Input) -> impl Node<(T, u64)> + 'static {
        Gathered::new(name, parent, input, |partitions: Parts<T>| {
            let mut numbers = 0..;
            let number = |rows: Vec<T>| rows.into_iter().zip(&mut numbers).collect();
            partitions.into_iter().map(number).collect()
        })
    }

    /// The rows in this many partitions.
    pub(crate) fn divided(
        name: String,
        parent: Arc<Shared<T>>,
        input: Input,
        partitions: usize,
    ) -> impl Node<T> + 'static {
        Gathered::new(name, parent, input, move |given: Parts<T>| {
            assert!(partitions > 0, "it was asked for 0 partitions; ask for 1 or more");
            let total = given.iter().map(Vec::len).sum();
            let mut rows = given.into_iter().flatten();
            let size = |i| part_start(total, i + 1, partitions) - part_start(total, i, partitions);
            (0..partitions).map(|i| rows.by_ref().take(size(i)).collect()).collect()
        })
    }
}

impl<T, R, F> Node<R> for Gathered<T, R, F>
where
    T: Record,
    R: Record,
    F: Fn(Parts<T>) -> Parts<R> + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(partitions) = self.parent.prepare(batch)? else {
            return Ok(None);
        };
        let given = each_partition(batch, &self.name, partitions.len(), |partition| {
            let mut rows = Vec::new();
            self.parent.run(batch, partition, &mut |chunk| rows.append(chunk))?;
            Ok(rows)
        })?;
        let rows = guarded(&self.name, 0, batch.time, || Ok((self.arrange)(given)))?;
        let partitions = vec![self.input; rows.len()].into();
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

impl<T: Record> DStream<T> {
    /// The same rows in this many partitions of the same size, in their order: more for costly work on few partitions,
    /// fewer for many that are nearly empty. All rows of a batch are gathered for it.
    pub fn repartition(&self, partitions: usize) -> DStream<T> {
        let graph = self.graph.clone();
        let name = graph.name(None, "repartition");
        if partitions == 0 {
            graph.problem(format!("{name}: it was asked for 0 partitions; ask for 1 or more"));
        }
        let parent = self.read_by_one_more();
        let input = graph.derived_input(parent.inputs());
        let operator = graph.named_operator(&name, "repartition", [parent.operator()]);
        DStream::new(graph, operator, Gathered::divided(name, parent, input, partitions))
    }
}
