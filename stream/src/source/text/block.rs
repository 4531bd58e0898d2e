//! A piece of text between two line ends.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::SourceError;
use super::super::open;
use super::newline;

/// A piece of text of whole lines: what a text source hands over.
///
/// Lines stay where they are: a stream parses them as `&str` out of the block, so a line costs no allocation. Bytes that
/// are no UTF-8 have been replaced by U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextBlock {
    text: String,
    origin: Arc<str>,
    start: Start,
}

/// Where a block begins in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Start {
    /// At this line, counted from 1.
    Line(u64),
    /// At this byte of the file; lines are counted only if somebody asks.
    Byte(u64),
}

impl TextBlock {
    /// The block of these bytes. An incomplete character cannot reach beyond its line, so what is replaced in one line
    /// changes no other.
    pub(super) fn new(origin: Arc<str>, start: Start, bytes: Vec<u8>) -> Self {
        let text =
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Self { text, origin, start }
    }

    /// A block of a source of your own: whole lines, of which the first has this number, counted from 1.
    pub fn of_lines(origin: impl Into<Arc<str>>, first_line: u64, text: String) -> Self {
        Self { text, origin: origin.into(), start: Start::Line(first_line) }
    }

    /// The block without its text: enough to tell a line's number later.
    pub(crate) fn without_text(&self) -> Self {
        Self { text: String::new(), origin: self.origin.clone(), start: self.start }
    }

    /// How many lines there are.
    pub(crate) fn line_count(&self) -> u64 {
        let whole = newline::count(self.text.as_bytes());
        whole + u64::from(!self.text.is_empty() && !self.text.ends_with('\n'))
    }

    /// Some of the lines, by their index.
    pub(crate) fn cut(self, lines: Range<u64>) -> Self {
        let from = newline::start_of_line(self.text.as_bytes(), lines.start);
        let to = from + newline::start_of_line(&self.text.as_bytes()[from..], lines.end - lines.start);
        let start = match self.start {
            Start::Line(line) => Start::Line(line.saturating_add(lines.start)),
            Start::Byte(byte) => Start::Byte(byte.saturating_add(from as u64)),
        };
        Self { text: self.text[from..to].to_owned(), start, ..self }
    }

    /// The lines, without their line ends (`\n` or `\r\n`).
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_str();
        // A line end is one byte, so what lies before it is whole characters.
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = memchr::memchr(b'\n', rest.as_bytes());
            let line = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or("", |end| &rest[end + 1..]);
            Some(line.strip_suffix('\r').unwrap_or(line))
        })
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The file that the text is from, or `stdin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number in its input, counted from 1, of the line with this index in [`lines`](Self::lines).
    ///
    /// Slow: the file up to this block may be read again. Meant for the few lines that somebody is told about.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read any more.
    pub fn line_number(&self, index: u64) -> Result<u64, SourceError> {
        let first = match self.start {
            Start::Line(line) => line,
            Start::Byte(offset) => {
                1 + newline::count_in_file(open::plain(&self.origin)?, offset)
                    .map_err(|error| open::failed(&self.origin, &error))?
            }
        };
        Ok(first.saturating_add(index))
    }

    /// Whether it begins its input.
    #[cfg(feature = "csv")]
    pub(super) fn is_first(&self) -> bool {
        matches!(self.start, Start::Byte(0) | Start::Line(1))
    }

    pub(super) fn shared_origin(&self) -> &Arc<str> {
        &self.origin
    }

    pub(super) fn start(&self) -> Start {
        self.start
    }
}
