//! A file of a write-ahead log: groups of blocks.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::frame::{self, Damaged};
use super::LogPosition;

/// What a group begins with; the bytes of its blocks follow.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    /// In the first group of a segment.
    #[serde(borrow)]
    first: Option<First<&'a str>>,
    /// The position of the source behind the group.
    position: &'a [u8],
    has_ended: bool,
    /// How many records each block has, and how many bytes.
    blocks: Vec<(u64, u64)>,
}

/// What is told once a segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct First<S> {
    /// The name of the source.
    pub(super) source: S,
    /// How far the log was durable before.
    pub(super) before: LogPosition,
}

/// What is known behind a group.
#[derive(Clone)]
pub(super) struct Last {
    pub(super) position: Vec<u8>,
    pub(super) has_ended: bool,
}

/// A segment that was read.
pub(super) struct Segment {
    pub(super) first: Option<First<String>>,
    pub(super) blocks: Vec<Block>,
    /// None if there is no group in it.
    pub(super) last: Option<Last>,
    /// The bytes of its groups, without a torn one.
    pub(super) length: u64,
}

/// Records in a row, as bytes.
#[derive(Clone)]
pub(crate) struct Block {
    /// Of the group, or of the segment.
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    /// Those that are meant, of the records in the bytes.
    pub(crate) records: Range<u64>,
    /// The position of the block, and that behind the records that are meant.
    start: LogPosition,
    pub(crate) end: LogPosition,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "records {:?} of {:?}", self.records, self.start)
    }
}

impl Block {
    pub(crate) fn bytes(&self) -> &[u8] {
        // Whoever has made it has checked the range.
        &self.bytes[self.range.clone()]
    }

    /// How many records are meant.
    pub(crate) fn len(&self) -> u64 {
        self.records.end - self.records.start
    }

    /// Cuts off the first records, fewer than there are; none if there is no position behind them.
    pub(crate) fn cut_off(&mut self, records: u64) -> Option<Self> {
        // Of records without bytes all have the same position.
        if records == 0 || self.range.is_empty() {
            return None;
        }
        let cut = self.records.start + records;
        let end = LogPosition { records: cut, ..self.start };
        let first = Self { records: self.records.start..cut, end, ..self.clone() };
        self.records.start = cut;
        Some(first)
    }

    /// Those of its records that lie between two positions.
    pub(super) fn between(&self, from: LogPosition, to: LogPosition) -> Option<Self> {
        let mut block = self.clone();
        let is_at =
            |position: LogPosition| position.records > 0 && LogPosition { records: 0, ..position } == self.start;
        if is_at(from) {
            block.records.start = from.records.min(block.records.end);
        }
        if is_at(to) {
            (block.records.end, block.end) = (to.records.min(block.records.end), to);
        }
        (block.end > from && block.end <= to).then_some(block)
    }
}

/// The bytes of a group that begins at a position, and its blocks.
pub(super) fn group(
    at: LogPosition,
    first: Option<First<&str>>,
    (position, has_ended): (&[u8], bool),
    lengths: &[(u64, u64)],
    blocks: &[u8],
) -> Result<(Arc<Vec<u8>>, Vec<Block>), String> {
    let head = Head { first, position, has_ended, blocks: lengths.to_vec() };
    let mut content = postcard::to_allocvec(&head).map_err(|e| e.to_string())?;
    let from = frame::size(&content);
    content.extend_from_slice(blocks);
    if content.len() > frame::LONGEST {
        return Err(format!("cannot take a block of {} bytes; {} is the most", blocks.len(), frame::LONGEST));
    }
    let mut bytes = Vec::with_capacity(frame::size(&content));
    frame::push(&content, &mut bytes);
    let bytes = Arc::new(bytes);
    let blocks = place(&bytes, from, LogPosition::at(at.segment, at.byte + from as u64), lengths);
    Ok((bytes, blocks))
}

/// Blocks that follow each other in bytes, from an index on; `at` is the position of the first.
fn place(bytes: &Arc<Vec<u8>>, mut from: usize, mut at: LogPosition, lengths: &[(u64, u64)]) -> Vec<Block> {
    let block = |&(records, length): &(u64, u64)| {
        let (range, start) = (from..from + length as usize, at);
        from = range.end;
        at.byte += length;
        Block { bytes: bytes.clone(), range, records: 0..records, start, end: at }
    };
    lengths.iter().map(block).collect()
}

/// Reads the segment of a number. A torn group at its end is left out; anything else that is wrong is an error.
pub(super) fn read(number: u64, bytes: Vec<u8>) -> Result<Segment, String> {
    let bytes = Arc::new(bytes);
    let groups = frame::read(&bytes).map_err(|Damaged { at }| damaged(at))?;
    let mut segment = Segment { first: None, blocks: Vec::new(), last: None, length: 0 };
    let mut at = 0;
    for content in groups {
        let Ok((head, blocks)) = postcard::take_from_bytes::<Head<'_>>(content) else { return Err(damaged(at)) };
        let sum = head.blocks.iter().try_fold(0_u64, |sum, (_, length)| sum.checked_add(*length));
        if sum != Some(blocks.len() as u64) || head.first.is_some() != (at == 0) {
            return Err(damaged(at));
        }
        segment.first =
            segment.first.or(head.first.map(|it| First { source: it.source.to_owned(), before: it.before }));
        at += frame::size(content);
        let from = at - blocks.len();
        segment.blocks.extend(place(&bytes, from, LogPosition::at(number, from as u64), &head.blocks));
        segment.last = Some(Last { position: head.position.to_vec(), has_ended: head.has_ended });
    }
    segment.length = at as u64;
    Ok(segment)
}

fn damaged(at: usize) -> String {
    format!("is damaged at byte {at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> (Vec<u8>, Vec<Block>) {
        let (mut bytes, mut blocks) = (Vec::new(), Vec::new());
        for (n, lengths, text) in [(1, &[(3, 4), (2, 2)][..], &b"aaaabb"[..]), (2, &[], &[]), (3, &[(7, 5)], b"ccccc")]
        {
            let at = LogPosition::at(9, bytes.len() as u64);
            let first = bytes.is_empty().then_some(First { source: "here", before: LogPosition::at(8, 77) });
            let (group, more) = group(at, first, (&[n], n == 3), lengths, text).unwrap();
            bytes.extend_from_slice(&group);
            blocks.extend(more);
        }
        (bytes, blocks)
    }

    #[test]
    fn blocks_are_read_as_they_were_written_and_damage_is_found() {
        let (bytes, written) = segment();
        let length = bytes.len() as u64;
        let found = read(9, bytes.clone()).unwrap();
        let seen = |blocks: &[Block]| -> Vec<_> {
            blocks.iter().map(|block| (block.bytes().to_vec(), block.records.clone(), block.start, block.end)).collect()
        };
        assert_eq!(seen(&found.blocks), seen(&written));
        assert_eq!(found.blocks.iter().map(Block::bytes).collect::<Vec<_>>(), [&b"aaaa"[..], b"bb", b"ccccc"]);
        assert_eq!((found.length, found.first.map(|first| first.before)), (length, Some(LogPosition::at(8, 77))));
        let last = found.last.unwrap();
        assert_eq!((last.position, last.has_ended), (vec![3], true));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            match read(9, damaged) {
                Ok(segment) => {
                    assert_eq!(segment.last.unwrap().position, [2], "byte {at}: as if the last one were torn")
                }
                Err(error) => assert!(error.starts_with("is damaged at byte "), "byte {at}: {error}"),
            }
        }
    }

    #[test]
    fn a_block_can_be_cut_and_the_parts_are_found_by_their_positions() {
        let (_, blocks) = segment();
        let whole = &blocks[2];
        let mut rest = whole.clone();
        let first = rest.cut_off(3).unwrap();
        let second = rest.cut_off(2).unwrap();
        assert_eq!((first.records.clone(), second.records.clone(), rest.records.clone()), (0..3, 3..5, 5..7));
        assert!(blocks[1].end < first.end && first.end < second.end && second.end < rest.end);
        assert_eq!(rest.end, whole.end);
        let mut from = blocks[1].end;
        for part in [first, second, rest] {
            let found = whole.between(from, part.end).unwrap();
            assert_eq!((found.records.clone(), found.end), (part.records.clone(), part.end));
            assert!(blocks[..2].iter().all(|block| block.between(from, part.end).is_none()));
            from = part.end;
        }
        assert_eq!(whole.between(blocks[1].end, whole.end).unwrap().records, 0..7);
        assert!(whole.between(whole.end, LogPosition::at(10, 5)).is_none());
        assert!(whole.clone().cut_off(0).is_none());
    }
}
