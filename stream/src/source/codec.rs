//! Records as bytes.

use std::fmt;
use std::ops::Range;

use serde::{Serialize, de::DeserializeOwned};

use super::{Record, TextBlock};
use crate::batch::CHUNK;

type Write<T> = fn(&[T], &mut Vec<u8>) -> Result<u64, String>;
type Read<T> = fn(&[u8], Range<u64>, &mut dyn FnMut(&mut Vec<T>)) -> Result<(), String>;

/// How the records of a source become bytes in a [write-ahead log](super::Source::codec), and records again.
///
/// ```
/// use streamgauge_stream::source::Codec;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Reading {
///     sensor: u32,
///     celsius: f64,
/// }
///
/// let codec: Codec<Reading> = Codec::serde();
/// ```
pub struct Codec<T> {
    write: Write<T>,
    read: Read<T>,
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

impl<T> fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec")
    }
}

impl<T: Record + Serialize + DeserializeOwned> Codec<T> {
    /// As serde has them, in a compact binary form (postcard). A record must come back as what it was: types that
    /// are not described by their bytes, such as `serde_json::Value`, and fields that are skipped do not.
    pub fn serde() -> Self {
        Self { write: write::<T>, read: read::<T> }
    }
}

impl Codec<TextBlock> {
    /// Lines of text: each is a record.
    pub fn text() -> Self {
        Self { write: write_text, read: read_text }
    }
}

impl<T> Codec<T> {
    /// Adds records; tells how many there are.
    pub(super) fn write(&self, records: &[T], out: &mut Vec<u8>) -> Result<u64, String> {
        (self.write)(records, out)
    }

    /// Hands over some of the records, by their numbers, a chunk at a time. The bytes begin with the first there is.
    pub(super) fn read(
        &self,
        bytes: &[u8],
        records: Range<u64>,
        out: &mut dyn FnMut(&mut Vec<T>),
    ) -> Result<(), String> {
        (self.read)(bytes, records, out)
    }
}

fn write<T: Serialize>(records: &[T], out: &mut Vec<u8>) -> Result<u64, String> {
    for record in records {
        *out = postcard::to_extend(record, std::mem::take(out)).map_err(|e| e.to_string())?;
    }
    Ok(records.len() as u64)
}

fn read<T: DeserializeOwned>(
    mut bytes: &[u8],
    records: Range<u64>,
    out: &mut dyn FnMut(&mut Vec<T>),
) -> Result<(), String> {
    let mut chunk = Vec::with_capacity(CHUNK.min(records.end as usize));
    for number in 0..records.end {
        let (record, rest) = postcard::take_from_bytes(bytes).map_err(|e| e.to_string())?;
        bytes = rest;
        if number >= records.start {
            chunk.push(record);
        }
        if chunk.len() >= CHUNK {
            out(&mut chunk);
            chunk.clear();
        }
    }
    out(&mut chunk);
    Ok(())
}

fn write_text(blocks: &[TextBlock], out: &mut Vec<u8>) -> Result<u64, String> {
    write(blocks, out)?;
    Ok(blocks.iter().map(TextBlock::line_count).sum())
}

fn read_text(mut bytes: &[u8], lines: Range<u64>, out: &mut dyn FnMut(&mut Vec<TextBlock>)) -> Result<(), String> {
    let mut number = 0;
    while number < lines.end {
        let (block, rest) = postcard::take_from_bytes::<TextBlock>(bytes).map_err(|e| e.to_string())?;
        bytes = rest;
        let (from, count) = (number, block.line_count());
        number += count;
        let wanted = lines.start.max(from)..lines.end.min(number);
        if wanted == (from..number) {
            out(&mut vec![block]);
        } else if !wanted.is_empty() {
            out(&mut vec![block.cut(wanted.start - from..wanted.end - from)]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_also_those_of_no_size() {
        fn there_and_back<T: Record + Serialize + DeserializeOwned>(records: &[T]) -> Vec<T> {
            let (mut bytes, mut found) = (Vec::new(), Vec::new());
            assert_eq!(Codec::serde().write(records, &mut bytes), Ok(records.len() as u64));
            let all = 0..records.len() as u64;
            Codec::serde().read(&bytes, all, &mut |chunk| found.append(chunk)).unwrap();
            found
        }
        let records: Vec<_> =
            (0..3_000_u64).map(|n| (n, format!("{n}"), Some(n as f64).filter(|n| *n > 9.0))).collect();
        assert_eq!(there_and_back(&records), records);
        assert_eq!(there_and_back(&[(); 5]), [(); 5]);
        assert_eq!(there_and_back::<u8>(&[]), [0; 0]);
    }

    #[test]
    fn some_of_the_records_can_be_read_and_lines_keep_their_numbers() {
        let (mut bytes, mut found) = (Vec::new(), Vec::<u32>::new());
        Codec::serde().write(&(0..5_000_u32).collect::<Vec<_>>(), &mut bytes).unwrap();
        Codec::serde().read(&bytes, 1_000..4_000, &mut |chunk| found.append(chunk)).unwrap();
        assert_eq!(found, (1_000..4_000).collect::<Vec<_>>());

        let blocks = [TextBlock::of_lines("a", 10, "x\ny\n".into()), TextBlock::of_lines("b", 20, "1\n2\r\n3".into())];
        let mut bytes = Vec::new();
        assert_eq!(Codec::text().write(&blocks, &mut bytes), Ok(5));
        let all = ["x a:10", "y a:11", "1 b:20", "2 b:21", "3 b:22"];
        for from in 0..=5 {
            for to in from..=5 {
                let mut found = Vec::new();
                let mut lines = |block: &TextBlock| {
                    for (n, line) in (0..).zip(block.lines()) {
                        found.push(format!("{line} {}:{}", block.origin(), block.line_number(n).unwrap()));
                    }
                };
                Codec::text().read(&bytes, from..to, &mut |chunk| chunk.drain(..).for_each(|b| lines(&b))).unwrap();
                assert_eq!(found, all[from as usize..to as usize], "lines {from} to {to}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_records_are_an_error() {
        let read = |bytes: &[u8]| Codec::<String>::serde().read(bytes, 0..1, &mut |_| ());
        assert!(read(&[2, b'a', b'b']).is_ok());
        assert!(read(&[3, b'a', b'b']).is_err());
        assert!(read(&[1, 0xff]).is_err());
        assert!(Codec::text().read(&[3, b'a'], 0..1, &mut |_| ()).is_err());
    }
}
