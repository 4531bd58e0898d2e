//! Operators whose lanes may take a batch in when their rows are asked for.

use std::sync::Arc;

use super::Node;
use crate::batch::{BatchRun, Input, Partitions, Settle};
use crate::error::Error;

/// An operator that is settled when the outputs of a batch are done: lanes whose rows nobody asked for take the batch in
/// all the same.
pub(crate) struct Settled<N>(pub(crate) Arc<N>);

impl<T, N: Node<T> + Settle + 'static> Node<T> for Settled<N> {
    fn inputs(&self) -> Vec<Input> {
        self.0.inputs()
    }

    fn keeps_rows(&self) -> bool {
        self.0.keeps_rows()
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.0.prepare(run)?;
        run.settle_at_end(self.0.clone());
        Ok(partitions)
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        self.0.run(run, partition, out)
    }
}
