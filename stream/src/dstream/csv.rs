//! Streams of CSV records.

use std::fmt;
use std::marker::PhantomData;

use ::csv::{ErrorKind, Reader, StringRecord};
use serde::de::DeserializeOwned;

use super::DStream;
use super::parse::{self, Block, Format, OnMalformed, Rows};
use crate::error::Malformed;
use crate::source::{CsvBlock, Record, TextBlock};

/// A stream of CSV records, to be parsed into a type with serde.
///
/// ```no_run
/// use streamgauge_stream::{StreamingContext, source::CsvFiles};
///
/// #[derive(Clone, serde::Deserialize)]
/// struct Reading {
///     station: String,
///     celsius: f64,
/// }
///
/// let ctx = StreamingContext::builder("stations").build();
/// let csv = ctx.csv(CsvFiles::new("readings")?.delimiter(b';').follow());
/// let (readings, malformed) = csv.parse_or_divert::<Reading>();
/// # Ok::<(), streamgauge_stream::SourceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsvStream {
    blocks: DStream<CsvBlock>,
    on_malformed: OnMalformed,
}

impl CsvStream {
    pub(crate) fn new(blocks: DStream<CsvBlock>) -> Self {
        Self { blocks, on_malformed: OnMalformed::default() }
    }

    /// What to do with records that [`parse`](Self::parse) cannot make into a row. They are skipped unless told
    /// otherwise.
    pub fn on_malformed(mut self, policy: OnMalformed) -> Self {
        self.on_malformed = policy;
        self
    }

    /// Each record made into a row, its fields found by the names in the header, or by their order if there is none. A
    /// record is malformed if it has another number of fields than the header, or does not fit the type.
    pub fn parse<T: Record + DeserializeOwned>(&self) -> DStream<T> {
        parse::parse(&self.blocks, Records(PhantomData), self.on_malformed)
    }

    /// Like [`parse`](Self::parse), and the malformed records as a stream of their own; see
    /// [`TextStream::parse_or_divert`](crate::TextStream::parse_or_divert).
    pub fn parse_or_divert<T: Record + DeserializeOwned>(&self) -> (DStream<T>, DStream<Malformed>) {
        parse::divert(&self.blocks, Records(PhantomData))
    }
}

impl Block for CsvBlock {
    fn text(&self) -> &TextBlock {
        self.text()
    }
}

/// Rows by serde.
struct Records<T>(PhantomData<fn() -> T>);

impl<T: DeserializeOwned + 'static> Format<CsvBlock, T> for Records<T> {
    fn parse(&self, block: &CsvBlock, rows: &mut Rows<'_, T>) {
        let header = block.header();
        let mut reader = block.reader();
        let mut record = StringRecord::new();
        if block.begins_with_header() && !matches!(reader.read_record(&mut record), Ok(true)) {
            return;
        }
        loop {
            let start = reader.position().byte();
            match reader.read_record(&mut record) {
                Ok(false) => return,
                Ok(true) => match row(&record, header) {
                    Ok(row) => rows.parsed(Some(row)),
                    Err(cause) => malformed(block, &reader, start, cause, rows),
                },
                Err(error) => {
                    malformed(block, &reader, start, error.to_string(), rows);
                    // No progress: the rest cannot be read either.
                    if reader.position().byte() == start {
                        return;
                    }
                }
            }
        }
    }
}

fn row<T: DeserializeOwned>(record: &StringRecord, header: Option<&StringRecord>) -> Result<T, String> {
    if let Some(header) = header.filter(|header| header.len() != record.len()) {
        return Err(format!("{} fields, but {} in the header", record.len(), header.len()));
    }
    record.deserialize(header).map_err(|error| match error.kind() {
        ErrorKind::Deserialize { err, .. } => {
            let name = err.field().and_then(|field| header?.get(field as usize));
            name.map_or_else(|| err.to_string(), |name| format!("column \"{name}\": {}", err.kind()))
        }
        _ => error.to_string(),
    })
}

/// The record between these places is malformed.
fn malformed<T>(
    block: &CsvBlock,
    reader: &Reader<&[u8]>,
    start: u64,
    cause: impl fmt::Display,
    rows: &mut Rows<'_, T>,
) {
    let text = block.text().as_str();
    let end = (reader.position().byte() as usize).min(text.len());
    let read = text.get(start as usize..end).unwrap_or_default();
    // Empty lines before a record are read along with it.
    let record = read.trim_start_matches(['\r', '\n']);
    let skipped = &text[..start as usize + (read.len() - record.len())];
    let line = memchr::memchr_iter(b'\n', skipped.as_bytes()).count();
    rows.malformed(line as u64, record.trim_end_matches(['\r', '\n']), cause.to_string());
}
