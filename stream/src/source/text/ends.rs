//! Where records end: at every line end, or at those outside of quotes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use super::newline;

/// How much of a file is looked at at once.
const STEP: usize = 64 << 10;

/// What ends a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ends {
    /// Every line end.
    #[default]
    Lines,
    #[cfg_attr(not(any(feature = "csv", test)), expect(dead_code, reason = "only CSV has quotes"))]
    /// Line ends that stand outside of quotes, of which a record has an even number.
    Unquoted(u8),
}

impl Ends {
    /// The length of the last whole record's end within a share of these bytes, which begin with a record; of the first
    /// record if that is longer than the share; nothing if no record ends here.
    pub(super) fn whole(self, bytes: &[u8], share: usize) -> Option<usize> {
        let Self::Unquoted(quote) = self else {
            return newline::whole_lines(bytes, share);
        };
        let mut found = None;
        let _ = Walk::new(Some(quote)).over(bytes, |end| {
            if end <= share || found.is_none() {
                found = Some(end);
            }
            if end >= share { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }

    /// Cuts bytes, which begin with a record, into parts of about this size that each begin with one.
    pub(super) fn cuts(self, bytes: &[u8], size: usize) -> Vec<(usize, usize)> {
        let Self::Unquoted(quote) = self else {
            let cuts = newline::cuts(0, bytes.len() as u64, size as u64);
            let start = |at: u64| newline::line_start(bytes, at as usize);
            return cuts.map(|(from, to)| (start(from), start(to))).filter(|(from, to)| from < to).collect();
        };
        let mut cuts = Cuts::new(0, size as u64);
        let _ = Walk::new(Some(quote)).over(bytes, |end| {
            cuts.record_ends(end as u64);
            ControlFlow::Continue(())
        });
        cuts.until(bytes.len() as u64).into_iter().map(|(from, to)| (from as usize, to as usize)).collect()
    }

    /// The length of the first records in these bytes, which begin with one, no more than so many; and how many they
    /// are. What follows the last record's end is one more.
    pub(super) fn first(self, bytes: &[u8], most: u64) -> (usize, u64) {
        let mut first = First::new(0, most);
        let _ = self.walk().over(bytes, |end| first.record_ends(end as u64));
        let (end, records) = first.until(bytes.len() as u64);
        (end as usize, records)
    }

    /// The position after the first records in a range of a file, which begins with one; else as [`first`](Self::first).
    pub(super) fn first_in_file(self, file: &mut File, from: u64, to: u64, most: u64) -> io::Result<(u64, u64)> {
        let mut first = First::new(from, most);
        self.walk().over_file(file, from, to, |end| first.record_ends(end))?;
        Ok(first.until(to))
    }

    fn walk(self) -> Walk {
        Walk::new(if let Self::Unquoted(quote) = self { Some(quote) } else { None })
    }
}

/// Where the first records end.
struct First {
    end: u64,
    records: u64,
    most: u64,
}

impl First {
    fn new(from: u64, most: u64) -> Self {
        Self { end: from, records: 0, most }
    }

    fn record_ends(&mut self, end: u64) -> ControlFlow<()> {
        (self.end, self.records) = (end, self.records + 1);
        if self.records >= self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn until(self, end: u64) -> (u64, u64) {
        if self.records < self.most && self.end < end { (end, self.records + 1) } else { (self.end, self.records) }
    }
}

/// A walk from a record's beginning over the ends of records.
struct Walk {
    quote: Option<u8>,
    in_quotes: bool,
}

impl Walk {
    fn new(quote: Option<u8>) -> Self {
        Self { quote, in_quotes: false }
    }

    /// Tells the position after each record in the next bytes.
    fn over(&mut self, bytes: &[u8], mut ends: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(quote) = self.quote else {
            return memchr::memchr_iter(b'\n', bytes).try_for_each(|at| ends(at + 1));
        };
        for at in memchr::memchr2_iter(quote, b'\n', bytes) {
            if bytes[at] == quote {
                self.in_quotes = !self.in_quotes;
            } else if !self.in_quotes {
                ends(at + 1)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells the position after each record in a range of a file.
    fn over_file(
        mut self,
        file: &mut File,
        from: u64,
        to: u64,
        mut ends: impl FnMut(u64) -> ControlFlow<()>,
    ) -> io::Result<()> {
        file.seek(SeekFrom::Start(from))?;
        let mut reader = BufReader::with_capacity(STEP, file.take(to.saturating_sub(from)));
        let mut at = from;
        loop {
            let piece = reader.fill_buf()?;
            let length = piece.len();
            if length == 0 || self.over(piece, |end| ends(at + end as u64)).is_break() {
                return Ok(());
            }
            at += length as u64;
            reader.consume(length);
        }
    }
}

/// Parts of about the same size that end where records do.
struct Cuts {
    size: u64,
    start: u64,
    parts: Vec<(u64, u64)>,
}

impl Cuts {
    fn new(start: u64, size: u64) -> Self {
        Self { size, start, parts: Vec::new() }
    }

    fn record_ends(&mut self, end: u64) {
        if end - self.start >= self.size {
            self.parts.push((self.start, end));
            self.start = end;
        }
    }

    fn until(mut self, end: u64) -> Vec<(u64, u64)> {
        if self.start < end {
            self.parts.push((self.start, end));
        }
        self.parts
    }
}

/// The position after the last record that ends in a range of a file, or else after the first that ends beyond it. The
/// range begins with a record; nothing beyond `farthest` is looked at.
pub(super) fn unquoted_in_file(
    file: &mut File,
    quote: u8,
    (from, to): (u64, u64),
    farthest: u64,
) -> io::Result<Option<u64>> {
    let mut found = None;
    Walk::new(Some(quote)).over_file(file, from, farthest, |end| {
        if end <= to || found.is_none() {
            found = Some(end);
        }
        if end >= to { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

/// Cuts a range of a file, which begins with a record, into parts of about this size that each begin with one.
pub(super) fn unquoted_cuts(file: &mut File, quote: u8, from: u64, to: u64, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut cuts = Cuts::new(from, size.max(1));
    if to.saturating_sub(from) > size {
        Walk::new(Some(quote)).over_file(file, from, to, |end| {
            cuts.record_ends(end);
            ControlFlow::Continue(())
        })?;
    }
    Ok(cuts.until(to))
}
