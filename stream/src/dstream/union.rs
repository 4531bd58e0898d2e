//! Several streams as one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, Input, Partitions};
use crate::error::Error;
use crate::source::Record;

pub(crate) struct Union<T> {
    parents: Vec<Arc<Shared<T>>>,
    /// By parent: its inputs, and what they are here. Two branches of one input are two inputs from here on: each has
    /// an order of its own, and what one has seen must not make the other's records late.
    inputs: Vec<BTreeMap<Input, Input>>,
    /// For each partition of the batch: its parent and its number there.
    partitions: Mutex<Arc<[(usize, usize)]>>,
}

impl<T: Record> Node<T> for Union<T> {
    fn inputs(&self) -> Vec<Input> {
        self.inputs.iter().flat_map(|inputs| inputs.values().copied()).collect()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        let (mut inputs, mut places, mut any) = (Vec::new(), Vec::new(), false);
        for (parent, node) in self.parents.iter().enumerate() {
            if let Some(partitions) = node.prepare(batch)? {
                any = true;
                inputs.extend(partitions.iter().map(|input| self.inputs[parent].get(input).copied().unwrap_or(*input)));
                places.extend((0..partitions.len()).map(|partition| (parent, partition)));
            }
        }
        *self.partitions.lock().unwrap_or_else(PoisonError::into_inner) = places.into();
        Ok(any.then(|| inputs.into()))
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let places = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (parent, partition) = places[partition];
        self.parents[parent].run(batch, partition, out)
    }
}

/// The union of parts of one batch, which has one input.
pub(crate) fn union<T>(parents: Vec<Arc<Shared<T>>>, input: Input) -> Union<T> {
    let inputs = parents.iter().map(|_| BTreeMap::from([(input, input)])).collect();
    Union { parents, inputs, partitions: Mutex::new(Arc::new([])) }
}

impl<T: Record> DStream<T> {
    /// The rows of this stream, then those of the other.
    pub fn union(&self, other: &DStream<T>) -> DStream<T> {
        Self::union_of([self.clone(), other.clone()]).unwrap_or_else(|| unreachable!("two streams are at least one"))
    }

    /// The rows of several streams, in their order; `None` for no streams.
    pub fn union_of(streams: impl IntoIterator<Item = DStream<T>>) -> Option<DStream<T>> {
        let streams: Vec<_> = streams.into_iter().collect();
        let first = streams.first()?;
        if streams.iter().any(|stream| !Arc::ptr_eq(&stream.graph, &first.graph)) {
            first.graph.problem("union: the streams belong to different contexts; build them from one");
        }
        let parents: Vec<_> = streams.iter().map(DStream::read_by_one_more).collect();
        let mut seen = BTreeSet::new();
        let mut here =
            |input: Input| (input, if seen.insert(input) { input } else { first.graph.derived_input(vec![input]) });
        let inputs = parents.iter().map(|parent| parent.inputs().into_iter().map(&mut here).collect()).collect();
        let node = Union { parents, inputs, partitions: Mutex::new(Arc::new([])) };
        let operator = first.graph.operator("union", streams.iter().map(DStream::operator));
        Some(DStream::new(first.graph.clone(), operator, node))
    }
}
