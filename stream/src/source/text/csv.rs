//! CSV files.

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ::csv::{ReaderBuilder, StringRecord};

use super::super::{Lag, Limit, Partition, Pending, Plan, Source, SourceError, open};
use super::block::TextBlock;
use super::ends::Ends;
use super::{FilesPosition, TextFiles};

/// The records of a CSV file, of a compressed one (`.csv.gz`), or of the CSV files in a directory.
///
/// Given to [`StreamingContext::csv`](crate::StreamingContext::csv), and there parsed into a type with serde. Everything
/// that is said of [`TextFiles`] holds: the order of files, hidden names, following, replaying.
///
/// The first record of each file is its header unless told otherwise: fields are found by their names. Fields may be
/// quoted, and a quoted field may contain the delimiter and line ends. A batch and a partition end where a record does;
/// to find that, each batch is looked through for quotes and line ends on the thread of the job, before
/// its partitions are parsed in parallel. So a quote must not stand in a field that is not quoted: where it may, turn
/// quotes [off](Self::without_quotes).
#[derive(Debug)]
pub struct CsvFiles {
    files: TextFiles,
    dialect: Dialect,
    headers: Arc<Headers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dialect {
    delimiter: u8,
    quote: Option<u8>,
    has_header: bool,
}

impl Dialect {
    fn reader<R: Read>(self, text: R) -> ::csv::Reader<R> {
        let quote = self.quote.unwrap_or(b'"');
        let mut builder = ReaderBuilder::new();
        builder.delimiter(self.delimiter).quote(quote).quoting(self.quote.is_some());
        // Records of another length are found where there is a name for them.
        builder.has_headers(false).flexible(true).from_reader(text)
    }
}

impl CsvFiles {
    /// The CSV of a file or directory that is there: comma, double quotes, a header.
    ///
    /// # Errors
    /// [`SourceError`] if it is not, or cannot be read.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let mut files = TextFiles::new(path)?;
        files.ends = Ends::Unquoted(b'"');
        let dialect = Dialect { delimiter: b',', quote: Some(b'"'), has_header: true };
        Ok(Self { files, dialect, headers: Arc::default() })
    }

    /// What separates fields; a comma unless set.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.dialect.delimiter = delimiter;
        self
    }

    /// What quotes fields; a double quote unless set. A quote within is written twice.
    pub fn quote(mut self, quote: u8) -> Self {
        self.dialect.quote = Some(quote);
        self.files.ends = Ends::Unquoted(quote);
        self
    }

    /// Quotes are characters like others, and a record is a line.
    pub fn without_quotes(mut self) -> Self {
        self.dialect.quote = None;
        self.files.ends = Ends::Lines;
        self
    }

    /// The first record is one like the others. Fields are then found by their order: parse into a tuple, or a struct
    /// whose fields are in that order.
    pub fn without_header(mut self) -> Self {
        self.dialect.has_header = false;
        self
    }

    /// See [`TextFiles::follow`].
    pub fn follow(mut self) -> Self {
        self.files = self.files.follow();
        self
    }

    /// See [`TextFiles::only_new`].
    pub fn only_new(mut self) -> Self {
        self.files = self.files.only_new();
        self
    }

    /// See [`TextFiles::max_bytes_per_batch`].
    pub fn max_bytes_per_batch(mut self, bytes: u64) -> Self {
        self.files = self.files.max_bytes_per_batch(bytes);
        self
    }
}

/// The headers of files, by path.
#[derive(Debug, Default)]
struct Headers(Mutex<HashMap<String, Arc<StringRecord>>>);

impl Headers {
    fn forget(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// The header of a file; read if it is not known.
    fn of(&self, path: &str, dialect: Dialect) -> Result<Arc<StringRecord>, SourceError> {
        let mut headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(header) = headers.get(path) {
            return Ok(header.clone());
        }
        let text: Box<dyn Read> = match open::is_gzip(path) {
            true => Box::new(open::gzip(path)?),
            false => Box::new(open::plain(path)?),
        };
        let mut header = StringRecord::new();
        let read = dialect.reader(text).read_record(&mut header);
        read.map_err(|error| SourceError::new(path, format!("the header cannot be read: {error}")))?;
        let header = Arc::new(header);
        headers.insert(path.to_owned(), header.clone());
        Ok(header)
    }
}

impl Source for CsvFiles {
    type Item = CsvBlock;
    type Position = FilesPosition;

    fn name(&self) -> String {
        self.files.name()
    }

    fn start(&self) -> FilesPosition {
        self.files.start()
    }

    fn plan(&mut self, from: &FilesPosition, limit: Limit) -> Result<Plan<FilesPosition>, SourceError> {
        self.files.plan(from, limit)
    }

    fn read(
        &mut self,
        from: &FilesPosition,
        to: &FilesPosition,
    ) -> Result<Vec<Box<dyn Partition<CsvBlock>>>, SourceError> {
        // A file that is begun, perhaps anew, has a header of its own.
        for name in to.begun_since(from) {
            self.headers.forget(&self.files.path_of(name));
        }
        let (dialect, headers) = (self.dialect, &self.headers);
        let section =
            |text| Box::new(Section { text, dialect, headers: headers.clone() }) as Box<dyn Partition<CsvBlock>>;
        Ok(self.files.read(from, to)?.into_iter().map(section).collect())
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.files.take_warnings()
    }

    fn pending(&self) -> Option<Pending> {
        self.files.pending()
    }

    fn lag(&self) -> Option<Lag> {
        self.files.lag()
    }

    fn in_words(&self, at: &FilesPosition) -> String {
        self.files.in_words(at)
    }

    fn reads_ahead(&self) -> bool {
        self.files.reads_ahead()
    }

    fn bound_pending(&mut self, bytes: u64) {
        self.files.bound_pending(bytes);
    }
}

struct Section {
    text: Box<dyn Partition<TextBlock>>,
    dialect: Dialect,
    headers: Arc<Headers>,
}

impl Partition<CsvBlock> for Section {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<CsvBlock>)) -> Result<(), SourceError> {
        let mut failed = None;
        self.text.read(&mut |blocks| {
            for text in blocks.drain(..) {
                let header = self.dialect.has_header.then(|| self.headers.of(text.origin(), self.dialect));
                match header.transpose() {
                    Ok(header) => out(&mut vec![CsvBlock { text, dialect: self.dialect, header }]),
                    Err(error) => failed = failed.take().or(Some(error)),
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }
}

/// A piece of a CSV file, of whole records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvBlock {
    text: TextBlock,
    dialect: Dialect,
    header: Option<Arc<StringRecord>>,
}

impl CsvBlock {
    /// The text, with the header if it begins the file.
    pub fn text(&self) -> &TextBlock {
        &self.text
    }

    pub(crate) fn header(&self) -> Option<&StringRecord> {
        self.header.as_deref()
    }

    /// Whether the first record is the header.
    pub(crate) fn begins_with_header(&self) -> bool {
        self.header.is_some() && self.text.is_first()
    }

    pub(crate) fn reader(&self) -> ::csv::Reader<&[u8]> {
        self.dialect.reader(self.text.as_str().as_bytes())
    }
}
