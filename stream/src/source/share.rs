//! What a batch may read.

use super::Limit;

/// What is left of what a batch may read: about so many bytes, no more than so many records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl Share {
    pub(super) fn new(bytes: u64, limit: Limit) -> Self {
        Self { bytes, records: limit.most() }
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.bytes == 0 || self.records == 0
    }

    /// Whether there is a limit to the records, so that they have to be counted.
    pub(super) fn counts_records(&self) -> bool {
        self.records < u64::MAX
    }

    pub(super) fn take(&mut self, bytes: u64, records: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.records = self.records.saturating_sub(records);
    }
}
