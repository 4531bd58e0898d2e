//! The same records in every batch.

use std::sync::Arc;

use super::kept::Kept;
use super::{Limit, Next, Partition, Plan, Record, Source, SourceError};

/// The same records in every batch: for tests, and to join with what does not change. Its position is the number of
/// batches that were read. Can replay. What is limited is never a part of the records: a batch has them all, whatever the
/// [limit](Limit::records) says.
///
/// ```
/// use streamgauge_stream::{Constant, StreamingContext, Trigger};
///
/// let ctx = StreamingContext::builder("constant").trigger(Trigger::Available).build();
/// let rows = ctx.source(Constant::new(vec!["a", "b"]).batches(2)).collect_to_memory();
/// ctx.run()?;
/// assert_eq!(rows.rows(), ["a", "b", "a", "b"]);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Constant<T> {
    records: Arc<[T]>,
    end: u64,
}

impl<T: Record> Constant<T> {
    /// These records in every batch, for ever.
    pub fn new(records: Vec<T>) -> Self {
        Self { records: records.into(), end: u64::MAX }
    }

    /// Ends after so many batches.
    pub fn batches(mut self, batches: u64) -> Self {
        self.end = batches;
        self
    }
}

impl<T: Record> Source for Constant<T> {
    type Item = T;
    type Position = u64;

    fn name(&self) -> String {
        "constant".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        let to = from.saturating_add(1).min(self.end).max(*from);
        let next = match self.end {
            end if to >= end => Next::Finished,
            u64::MAX => Next::Idle,
            _ => Next::Ready,
        };
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<T>>>, SourceError> {
        Ok((*from..*to).map(|_| Box::new(Kept(self.records.clone())) as Box<dyn Partition<T>>).collect())
    }
}
