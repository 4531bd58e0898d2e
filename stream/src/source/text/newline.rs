//! Line ends in bytes and in files, and where partitions are cut.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// How much is read at once to search a file.
const STEP: u64 = 64 << 10;

fn is_line_end(byte: &u8) -> bool {
    *byte == b'\n'
}

/// How many lines end in these bytes.
pub(super) fn count(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Where the line of an index begins in a text; the end of the text, if there are fewer.
pub(super) fn start_of_line(bytes: &[u8], index: u64) -> usize {
    let before = usize::try_from(index).unwrap_or(usize::MAX).checked_sub(1);
    before.map_or(0, |before| memchr::memchr_iter(b'\n', bytes).nth(before).map_or(bytes.len(), |end| end + 1))
}

/// How many lines end in the first bytes of a file.
pub(super) fn count_in_file(file: File, bytes: u64) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(STEP as usize, file.take(bytes));
    let (mut lines, mut seen) = (0, 0);
    loop {
        let piece = reader.fill_buf()?;
        let length = piece.len();
        if length == 0 {
            break;
        }
        lines += count(piece);
        seen += length as u64;
        reader.consume(length);
    }
    if seen < bytes {
        return Err(io::Error::other("became shorter"));
    }
    Ok(lines)
}

/// The length of the last whole line's end within a share of these bytes; of the first line if that is longer than the
/// share; nothing if no line ends here.
pub(super) fn whole_lines(bytes: &[u8], share: usize) -> Option<usize> {
    let share = share.min(bytes.len());
    let within = bytes[..share].iter().rposition(is_line_end);
    let end = within.or_else(|| {
        let beyond = bytes[share..].iter().position(is_line_end)?;
        Some(share + beyond)
    })?;
    Some(end + 1)
}

/// Where the first line begins that does not begin before `at`; the end of the bytes if there is none.
pub(super) fn line_start(bytes: &[u8], at: usize) -> usize {
    if at == 0 {
        return 0;
    }
    let end = bytes[at - 1..].iter().position(is_line_end);
    end.map_or(bytes.len(), |end| at + end)
}

/// The position after the last line end in this range of a file.
pub(super) fn last_in_file(file: &mut File, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    let mut to = to;
    while to > from {
        let start = to.saturating_sub(STEP).max(from);
        bytes.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(to - start).read_to_end(&mut bytes)?;
        if let Some(end) = bytes.iter().rposition(is_line_end) {
            return Ok(Some(start + end as u64 + 1));
        }
        to = start;
    }
    Ok(None)
}

/// The position after the first line end in this range of a file.
pub(super) fn first_in_file(file: &mut File, from: u64, to: u64) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(STEP as usize, file.take(to.saturating_sub(from)));
    let mut at = from;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok(None);
        }
        if let Some(end) = piece.iter().position(is_line_end) {
            return Ok(Some(at + end as u64 + 1));
        }
        let length = piece.len();
        at += length as u64;
        reader.consume(length);
    }
}

/// Cuts a range into equal parts of at most this size.
pub(super) fn cuts(from: u64, to: u64, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let length = u128::from(to.saturating_sub(from));
    let parts = length.div_ceil(u128::from(size.max(1)));
    let cut = move |part: u128| from + (length * part / parts) as u64;
    (0..parts).map(move |part| (cut(part), cut(part + 1)))
}
