//! Files that can be read anywhere.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::super::open;
use super::super::{Partition, SourceError};
use super::block::{Start, TextBlock};
use super::ends::{self, Ends};
use super::newline;

/// What is asked of a file for a batch.
pub(super) struct Wanted {
    pub(super) from: u64,
    /// How long the file is.
    pub(super) length: u64,
    /// How many bytes, more or less.
    pub(super) share: u64,
    /// Whether a last line without a line end is to be left: it may still grow.
    pub(super) unfinished: bool,
    pub(super) longest_line: u64,
    pub(super) ends: Ends,
}

/// Where the lines of a batch end, found without reading them all.
pub(super) fn end_of_lines(path: &str, file: &mut File, wanted: &Wanted) -> Result<u64, SourceError> {
    let Wanted { from, length, .. } = *wanted;
    let failed = |error| open::failed(path, &error);
    let nominal = from.saturating_add(wanted.share).min(length);
    if nominal == length && !wanted.unfinished {
        return Ok(length);
    }
    let farthest = from.saturating_add(wanted.longest_line).max(nominal).min(length);
    let found = match wanted.ends {
        Ends::Unquoted(quote) => ends::unquoted_in_file(file, quote, (from, nominal), farthest),
        Ends::Lines => match newline::last_in_file(file, from, nominal).map_err(failed)? {
            Some(end) => Ok(Some(end)),
            None => newline::first_in_file(file, nominal, farthest),
        },
    };
    if let Some(end) = found.map_err(failed)? {
        return Ok(end);
    }
    if farthest < length {
        let why = format!("the line at byte {from} is longer than {} bytes", wanted.longest_line);
        return Err(SourceError::new(path, why));
    }
    Ok(if wanted.unfinished { from } else { length })
}

/// The partitions of a range of a file.
pub(super) fn partitions(
    path: Arc<str>,
    from: u64,
    to: u64,
    size: u64,
    ends: Ends,
) -> Result<Vec<Box<dyn Partition<TextBlock>>>, SourceError> {
    let section = |range, (start, end)| {
        Box::new(Section { path: path.clone(), range, start, end }) as Box<dyn Partition<TextBlock>>
    };
    let Ends::Unquoted(quote) = ends else {
        return Ok(newline::cuts(from, to, size).map(|cut| section((from, to), cut)).collect());
    };
    let mut file = open::plain(&path)?;
    let cuts = ends::unquoted_cuts(&mut file, quote, from, to, size);
    // Each of these is a range of its own: it begins with a record.
    Ok(cuts.map_err(|error| open::failed(&path, &error))?.into_iter().map(|cut| section(cut, cut)).collect())
}

/// The lines that begin in a part of a range.
struct Section {
    path: Arc<str>,
    range: (u64, u64),
    start: u64,
    end: u64,
}

impl Partition<TextBlock> for Section {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<TextBlock>)) -> Result<(), SourceError> {
        let failed = |error| open::failed(&self.path, &error);
        let (from, to) = self.range;
        // From the byte before: if that is a line end, then a line begins here.
        let look = self.start.saturating_sub(1).max(from);
        let mut file = open::plain(&self.path)?;
        file.seek(SeekFrom::Start(look)).map_err(failed)?;
        let mut reader = BufReader::new(file.take(to - look));

        let mut start = self.start;
        if start > from {
            let skipped = (&mut reader).take(self.end - look).skip_until(b'\n').map_err(failed)?;
            start = look + skipped as u64;
        }
        if start < self.end {
            let mut bytes = Vec::with_capacity((self.end - start) as usize + 4_096);
            let mut part = (&mut reader).take(self.end - start);
            part.read_to_end(&mut bytes).map_err(failed)?;
            if bytes.last() != Some(&b'\n') {
                reader.read_until(b'\n', &mut bytes).map_err(failed)?;
            }
            let end = start + bytes.len() as u64;
            if end < self.end || (end < to && bytes.last() != Some(&b'\n')) {
                let why = format!("became shorter while it was read: {end} bytes instead of {to}");
                return Err(SourceError::new(&self.path, why));
            }
            out(&mut vec![TextBlock::new(self.path.clone(), Start::Byte(start), bytes)]);
        }
        Ok(())
    }
}
