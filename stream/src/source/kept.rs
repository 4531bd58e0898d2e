//! Records that are in memory, as partitions.

use std::sync::Arc;

use super::{Partition, Record, SourceError};
use crate::batch::CHUNK;

/// A partition of records that are in memory. They are handed over as copies, because a partition may be read again.
pub(super) struct Kept<T>(pub(super) Arc<[T]>);

impl<T: Record> Kept<T> {
    /// A partition of these records.
    pub(super) fn partition(records: Vec<T>) -> Box<dyn Partition<T>> {
        Box::new(Self(records.into()))
    }
}

impl<T: Record> Partition<T> for Kept<T> {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError> {
        let mut chunk = Vec::with_capacity(self.0.len().min(CHUNK));
        for records in self.0.chunks(CHUNK) {
            chunk.extend_from_slice(records);
            out(&mut chunk);
            chunk.clear();
        }
        Ok(())
    }
}
