//! The standard input.

use std::io::{self, Read};
use std::sync::Arc;
use std::task::Waker;

use super::super::{Codec, Limit, Next, Partition, Pending, Plan, Source, SourceError};
use super::ahead::ReadAhead;
use super::block::TextBlock;
use super::taken::Taken;
use super::{READ_AHEAD, STREAM_PARTITION, ahead_of};
use crate::clock::Clock;

/// The standard input, line by line.
///
/// A batch is what came since the last one, up to the last line end; when batches wait for a full share
/// ([`Limit::wait`]), they depend on the text alone. Its position is the number of bytes that were read. Cannot replay:
/// what was read is gone.
#[derive(Debug)]
pub struct Stdin {
    name: String,
    reader: ReadAhead,
    planned: Option<Taken>,
    closed: bool,
    share: usize,
    partition: usize,
}

impl Default for Stdin {
    fn default() -> Self {
        Self::new()
    }
}

impl Stdin {
    /// The standard input, read from the start of the job on.
    pub fn new() -> Self {
        Self::reading("stdin", io::stdin())
    }

    /// Reads another pipe the same way: a connection, the output of a child process.
    ///
    /// The name is for errors. From the start of the job on the reader is read on a thread of its own, which ends with
    /// the input or, after this is dropped, as soon as the reader returns.
    pub fn reading(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self::ahead(name, reader, READ_AHEAD, STREAM_PARTITION)
    }

    /// A pipe of which so much is read ahead, and no more is in one batch.
    pub(super) fn ahead(name: &str, reader: impl Read + Send + 'static, share: usize, partition: usize) -> Self {
        Self {
            name: name.to_owned(),
            reader: ReadAhead::new(name.into(), reader, 0, share),
            planned: None,
            closed: false,
            share,
            partition,
        }
    }

    pub(super) fn longest_line(mut self, bytes: usize) -> Self {
        self.reader.longest_line = bytes;
        self
    }
}

impl Source for Stdin {
    type Item = TextBlock;
    type Position = u64;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn replays(&self) -> bool {
        false
    }

    fn codec(&self) -> Option<Codec<TextBlock>> {
        Some(Codec::text())
    }

    fn log_ahead(&mut self, waker: Waker) {
        self.reader.wake(waker);
    }

    fn start(&self) -> u64 {
        0
    }

    fn open(&mut self, _: &Arc<dyn Clock>) -> Result<(), SourceError> {
        self.reader.begin();
        Ok(())
    }

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        self.reader.begin();
        let mut lines = self.reader.whole_lines(self.share, limit.wait)?;
        if limit.most() < u64::MAX {
            lines = self.reader.first_records(lines, limit.most()).0;
        }
        let mut planned = self.reader.take(lines);
        // A job that goes on after a restart counts on; the new input begins there.
        planned.offset = *from;
        let to = planned.end();
        self.planned = Some(planned);
        let next = if self.reader.is_finished() {
            Next::Finished
        } else if limit.wait && !self.closed || self.reader.has_lines() {
            Next::Ready
        } else {
            Next::Idle
        };
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<TextBlock>>>, SourceError> {
        match self.planned.take() {
            Some(planned) if planned.offset == *from && planned.end() == *to => Ok(planned.partitions(self.partition)),
            _ if from == to => Ok(Vec::new()),
            _ => Err(SourceError::new(&self.name, format!("bytes {from} to {to} cannot be read again"))),
        }
    }

    fn close(&mut self) {
        self.reader.close();
        self.closed = true;
    }

    fn holds_records(&self) -> bool {
        self.reader.has_lines()
    }

    fn pending(&self) -> Option<Pending> {
        Some(self.reader.pending())
    }

    fn reads_ahead(&self) -> bool {
        true
    }

    fn bound_pending(&mut self, bytes: u64) {
        self.share = ahead_of(bytes);
        self.reader.bound(self.share);
    }
}
