//! One row for a whole batch.

use std::sync::{Arc, Mutex, PoisonError};

use streamgauge_sketches::OwnedKey;

use super::{DStream, Node, Shared};
use crate::batch::exchange::Portable;
use crate::batch::{BatchRun, Input, Partitions, each_partition, guarded, measure};
use crate::error::Error;
use crate::source::Record;

/// A value that each partition absorbs its rows into, merged in the order of the partitions.
struct Whole<T, A, S, M> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    absorb: S,
    merge: M,
    value: Mutex<Option<A>>,
}

impl<T, A, S, M> Node<A> for Whole<T, A, S, M>
where
    T: Record,
    A: Portable,
    S: Fn(Option<A>, &mut Vec<T>) -> Option<A> + Send + Sync,
    M: Fn(Vec<A>) -> Option<A> + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            let mut value = None;
            self.parent.run(run, partition, &mut |rows| {
                value = (self.absorb)(value.take(), rows);
                rows.clear();
            })?;
            Ok(vec![value])
        })?;
        let gathered = run.gather(&self.name, 1, local)?;
        let values: Vec<A> = gathered.into_iter().flatten().flatten().collect();
        measure::count_merges(values.len().saturating_sub(1) as u64);
        // The one lane belongs to one process: the others have no row.
        let value = match run.owns(0, 1) {
            true => guarded(&self.name, 0, run.time, || Ok((self.merge)(values)))?,
            false => None,
        };
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(Some(vec![self.input].into()))
    }

    fn run(&self, _: &BatchRun, _: usize, out: &mut dyn FnMut(&mut Vec<A>)) -> Result<(), Error> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(value) = value {
            out(&mut vec![value]);
        }
        Ok(())
    }
}

impl<T: Record> DStream<T> {
    fn whole<A: Portable>(
        &self,
        kind: &'static str,
        absorb: impl Fn(Option<A>, &mut Vec<T>) -> Option<A> + Send + Sync + 'static,
        merge: impl Fn(Vec<A>) -> Option<A> + Send + Sync + 'static,
    ) -> DStream<A> {
        let graph = self.graph.clone();
        let parent = self.read_by_one_more();
        let input = graph.derived_input(parent.inputs());
        let name = graph.name(None, kind);
        let operator = graph.named_operator(&name, kind, [parent.operator()]);
        DStream::new(graph, operator, Whole { name, parent, input, absorb, merge, value: Mutex::new(None) })
    }

    /// The number of rows: exactly one row a batch, 0 for an empty one.
    pub fn count(&self) -> DStream<u64> {
        let absorb = |n: Option<u64>, rows: &mut Vec<T>| Some(n.unwrap_or(0) + rows.len() as u64);
        self.whole("count", absorb, |counts| Some(counts.into_iter().sum()))
    }

    /// All rows of a batch combined two by two; no row for an empty batch. The function must be associative: partitions
    /// are reduced apart, then put together in their order.
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> DStream<T>
    where
        T: Portable,
    {
        let f = Arc::new(f);
        let merge = f.clone();
        self.whole(
            "reduce",
            move |held, rows| held.into_iter().chain(rows.drain(..)).reduce(|a, b| f(a, b)),
            move |values| values.into_iter().reduce(|a, b| merge(a, b)),
        )
    }

    /// How often each row is there in a batch.
    ///
    /// Memory grows with the number of different rows. For the most frequent ones of many, summarize by
    /// [heavy hitters](streamgauge_sketches::HeavyHitters).
    pub fn count_by_value(&self) -> DStream<(T, u64)>
    where
        T: OwnedKey,
    {
        self.map(|row| (row, 1)).combined("count_by_value", super::by_reduction(|a: u64, b| a + b))
    }
}
