//! Text that is in memory, because what it was read from is read only once.

use std::fmt;
use std::sync::Arc;

use super::super::{Partition, SourceError};
use super::block::{Start, TextBlock};
use super::ends::Ends;
use super::newline;

/// A range of the text of a stream.
pub(super) struct Taken {
    pub(super) origin: Arc<str>,
    /// The position of its first byte.
    pub(super) offset: u64,
    /// The number of its first line.
    pub(super) line: u64,
    pub(super) ends: Ends,
    pub(super) bytes: Vec<u8>,
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the text, which may be megabytes.
        write!(f, "{} bytes {}..{}", self.origin, self.offset, self.end())
    }
}

impl Taken {
    /// The position after it.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Cuts it into partitions of about this size.
    pub(super) fn partitions(self, size: usize) -> Vec<Box<dyn Partition<TextBlock>>> {
        let taken = Arc::new(self);
        let bytes = &taken.bytes;
        let mut line = taken.line;
        let mut partitions: Vec<Box<dyn Partition<TextBlock>>> = Vec::new();
        for (from, to) in taken.ends.cuts(bytes, size) {
            let taken = taken.clone();
            partitions.push(Box::new(Piece { taken, from, to, line }));
            line += newline::count(&bytes[from..to]);
        }
        partitions
    }
}

struct Piece {
    taken: Arc<Taken>,
    from: usize,
    to: usize,
    line: u64,
}

impl Partition<TextBlock> for Piece {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<TextBlock>)) -> Result<(), SourceError> {
        // A copy, because a partition may be read again; and made here, on the thread that then reads the lines.
        let bytes = self.taken.bytes[self.from..self.to].to_vec();
        let origin = self.taken.origin.clone();
        out(&mut vec![TextBlock::new(origin, Start::Line(self.line), bytes)]);
        Ok(())
    }
}
