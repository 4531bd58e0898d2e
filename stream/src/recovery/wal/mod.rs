//! The write-ahead log of a source that cannot replay: what it gives is durable here before a batch reads it.
//!
//! A log is a row of files, its *segments*. What is made durable at once is a *group* of blocks, and a record of the
//! segment: behind a torn one there is none. No segment is appended to by a second run, and no name is used twice.

mod segment;

use std::fmt::Display;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::PortableHash;

pub(crate) use self::segment::Block;
use self::segment::{First, Segment};
use super::manifest::{Manifest, SourceAt};
use super::numbered::{Numbered, name_of, numbered};
use super::storage::{Append, Storage};
use crate::error::Error;
use crate::source::SourceError;

/// The longest segment, but for the group that makes it so long.
const SEGMENT: usize = 16 << 20;

/// What the names of all segments begin with.
const PREFIX: &str = "wal-";

/// A place in a log: behind so many records of the block that begins at this byte of this segment, or behind all that
/// is before the byte. The first segment is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LogPosition {
    pub(crate) segment: u64,
    pub(crate) byte: u64,
    pub(crate) records: u64,
}

impl LogPosition {
    fn at(segment: u64, byte: u64) -> Self {
        Self { segment, byte, records: 0 }
    }
}

/// The log of one source.
pub(crate) struct WriteAheadLog {
    storage: Arc<dyn Storage>,
    source: String,
    kind: String,
    /// A segment that is so long is the last but one.
    segment_bytes: u64,
    /// Behind the last group.
    end: LogPosition,
    /// The segment that was begun last, also if there is no group in it.
    newest: u64,
    file: Option<Box<dyn Append>>,
    position: Option<Vec<u8>>,
    has_ended: bool,
    /// The segment that was read last: the next range begins where one has ended.
    read: Option<(u64, Segment)>,
}

impl WriteAheadLog {
    /// The log of the source of this name, however it was left. `room` is what a source may be ahead of the batches, in
    /// bytes.
    pub(crate) fn open(storage: Arc<dyn Storage>, source: &str, room: usize) -> Result<Self, SourceError> {
        let kind = kind_of(source);
        let segment_bytes = (room / 4).min(SEGMENT) as u64;
        let mut log = Self {
            storage,
            source: source.to_owned(),
            kind: kind.clone(),
            segment_bytes,
            end: LogPosition::default(),
            newest: 0,
            file: None,
            position: None,
            has_ended: false,
            read: None,
        };
        let files = super::list(&*log.storage).map_err(|e| SourceError::new(&log.source, e))?;
        for file in numbered(&files, &kind).rev() {
            log.newest = log.newest.max(file.number);
            let Segment { last, length, .. } = log.segment(file.number)?;
            // One that was cut off with its first group holds nothing.
            let (Some(last), byte) = (last.clone(), *length) else { continue };
            // A process that was killed may have left a group that can be read and is not durable. Now it counts.
            log.storage.sync(&file.name).map_err(|e| log.failed(file.number, &e))?;
            log.end = LogPosition::at(file.number, byte);
            (log.position, log.has_ended) = (Some(last.position), last.has_ended);
            break;
        }
        Ok(log)
    }

    /// The position of the source behind the last group, if there is one.
    pub(crate) fn position(&self) -> Option<&[u8]> {
        self.position.as_deref()
    }

    /// Whether the input of the source has ended, and all of it is in the log.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Adds a group: blocks as one piece, and how many records and bytes each has. Durable when this returns.
    pub(crate) fn append(
        &mut self,
        position: Vec<u8>,
        has_ended: bool,
        lengths: &[(u64, u64)],
        blocks: &[u8],
    ) -> Result<Vec<Block>, SourceError> {
        let is_full = self.end.byte >= self.segment_bytes;
        let (file, first) = match self.file.take() {
            Some(file) if !is_full => (Some(file), None),
            _ => (None, Some(First { source: self.source.as_str(), before: self.end })),
        };
        let at = if first.is_some() { LogPosition::at(self.newest + 1, 0) } else { self.end };
        let (bytes, group) = segment::group(at, first, (&position, has_ended), lengths, blocks)
            .map_err(|cause| self.failed(at.segment, &cause))?;
        let name = name_of(&self.kind, at.segment);
        let write = || {
            let mut file = file.map_or_else(|| self.storage.create(&name), Ok)?;
            file.append(&bytes)?;
            file.sync()?;
            Ok::<_, std::io::Error>(file)
        };
        self.file = Some(write().map_err(|e| self.failed(at.segment, &e))?);
        self.end = LogPosition::at(at.segment, at.byte + bytes.len() as u64);
        self.newest = at.segment;
        (self.position, self.has_ended) = (Some(position), has_ended);
        Ok(group)
    }

    /// The blocks behind a position, to the end: those that no batch has read.
    pub(crate) fn after(&mut self, from: LogPosition) -> Result<Vec<Block>, SourceError> {
        let blocks = self.range(from, self.end)?;
        self.read = None;
        Ok(blocks)
    }

    /// The blocks of a range that a batch was to read.
    pub(crate) fn read(&mut self, from: LogPosition, to: LogPosition) -> Result<Vec<Block>, SourceError> {
        let blocks = self.range(from, to)?;
        if blocks.last().is_none_or(|last| last.end != to) {
            let cause = format!("is damaged: no block ends at byte {}, where a batch did", to.byte);
            return Err(self.failed(to.segment, &cause));
        }
        Ok(blocks)
    }

    fn range(&mut self, from: LogPosition, to: LogPosition) -> Result<Vec<Block>, SourceError> {
        if from > to {
            return Err(self.cut_short(from, to));
        }
        let mut blocks = Vec::new();
        // Behind the last group that was read; known from the first segment on that has one.
        let mut end = LogPosition::default();
        for number in from.segment.max(1)..=to.segment {
            let segment = self.segment(number)?;
            let found = LogPosition::at(number, segment.length);
            blocks.extend(segment.blocks.iter().filter_map(|block| block.between(from, to)));
            if let Some(First { source, before }) = segment.first.clone() {
                // All that was ever durable is there: what comes next knows how much it was.
                if before != end && number != from.segment {
                    return Err(self.cut_short(before, end));
                }
                if source != self.source {
                    return Err(self.failed(number, &format!("is of the source {source:?}, not of {:?}", self.source)));
                }
                end = found;
            }
            // And so do the batches.
            if let Some(known) = [from, to].into_iter().find(|it| it.segment == number && it.byte > found.byte) {
                return Err(self.cut_short(known, found));
            }
        }
        Ok(blocks)
    }

    /// A segment, read and checked.
    fn segment(&mut self, number: u64) -> Result<&Segment, SourceError> {
        let segment = match self.read.take().filter(|(cached, _)| *cached == number) {
            Some((_, segment)) => segment,
            None => {
                let name = name_of(&self.kind, number);
                let bytes = self.storage.read(&name).map_err(|e| self.failed(number, &e))?;
                segment::read(number, bytes).map_err(|cause| self.failed(number, &cause))?
            }
        };
        Ok(&self.read.insert((number, segment)).1)
    }

    /// The error of a log that is durable up to a position, and ends at another.
    fn cut_short(&self, known: LogPosition, end: LogPosition) -> SourceError {
        let found = if end.segment == known.segment { end.byte } else { 0 };
        self.failed(known.segment, &format!("is damaged at byte {found}: byte {} is known to be durable", known.byte))
    }

    fn failed(&self, segment: u64, cause: &dyn Display) -> SourceError {
        SourceError::new(format!("{}: {}", self.storage.place(), name_of(&self.kind, segment)), cause)
    }
}

/// What a logged source has saved: whether its input has ended, and its position. More may follow.
pub(crate) fn saved_position(saved: &[u8]) -> Result<(bool, LogPosition), String> {
    postcard::take_from_bytes(saved).map(|(position, _)| position).map_err(|e| e.to_string())
}

/// What the segments of a source are called: its name, as far as it can stand in the name of a file, and a hash of all
/// of it.
fn kind_of(source: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    let short: String = source.chars().take(40).map(plain).collect();
    format!("{PREFIX}{short}-{:08x}", source.as_bytes().portable_hash(0) as u32)
}

/// The segments that none of these checkpoints needs, and so nobody.
pub(super) fn over<'a>(files: &'a [Numbered], kept: &[Manifest]) -> Vec<&'a Numbered> {
    let mut over = Vec::new();
    for SourceAt { name, .. } in kept.first().map_or(&[][..], |manifest| &manifest.sources) {
        let needed = |manifest: &Manifest| {
            let saved = manifest.sources.iter().find(|source| source.name == *name)?;
            saved_position(&saved.position).ok().map(|(_, position)| position.segment)
        };
        let needed = kept.iter().map(needed).try_fold(u64::MAX, |least, needed| Some(least.min(needed?)));
        over.extend(numbered(files, &kind_of(name)).filter(|file| needed.is_some_and(|needed| file.number < needed)));
    }
    over
}

/// An error if there is a log of a source that is none of these: records would be lost that it has told were safe.
pub(super) fn all_known(storage: &dyn Storage, files: &[Numbered], sources: &[String]) -> Result<(), Error> {
    let kinds: Vec<_> = sources.iter().map(|source| kind_of(source)).collect();
    let of_ours = |file: &Numbered| kinds.iter().any(|kind| file.name == name_of(kind, file.number));
    match files.iter().find(|file| file.name.starts_with(PREFIX) && !of_ours(file)) {
        Some(file) => {
            let cause = "holds what a source has received that the job does not have any more; bring the source back, \
                         or begin with an empty place";
            Err(super::failed(storage, &file.name, &cause))
        }
        None => Ok(()),
    }
}
