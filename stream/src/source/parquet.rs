//! Parquet files.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::listing::{self, Listed, SlowListing};
use super::share::Share;
use super::{Lag, Limit, Next, Partition, Plan, Record, Source, SourceError, open};
use crate::batch::CHUNK;

/// The rows of a Parquet file, or of the Parquet files in a directory, as a type with serde.
///
/// Columns are found by the names of the fields; what the type does not name is read and passed over, unless
/// [`columns`](Self::columns) says which are needed. A row group is a partition, and a batch has whole ones, but where a
/// [limit](Limit::records) cuts one: its rest is in the next batch, which passes over what comes before it. Files in a
/// directory are read one after the other, the oldest first; hidden ones (`.name`) and sub-directories are passed over.
/// Files must be complete when they appear: move them in. Can replay as long as the files are there and unchanged.
///
/// A file that is not Parquet, is cut off, or has rows that do not fit the type ends the job with an error that names
/// it: it is one file that is wrong, not one row. Columns compressed by Snappy are read, and those that are not
/// compressed; others are an error that says so.
pub struct ParquetFiles<T> {
    path: String,
    /// The name of the file in positions; none for a directory.
    file: Option<String>,
    follow: bool,
    max_bytes: u64,
    columns: Option<Vec<String>>,
    /// What is in the files that are being read, by name.
    open: HashMap<String, Arc<Opened>>,
    slow: SlowListing,
    /// The bytes of the files that were not read to their end when a batch was planned last.
    behind: Option<u64>,
    rows: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for ParquetFiles<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParquetFiles({:?})", self.path)
    }
}

/// How far the files of a [`ParquetFiles`] were read, in the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetPosition {
    files: Vec<FilePosition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FilePosition {
    /// The name, without the directory.
    name: String,
    /// How long the file was when it was begun: it must not change.
    length: u64,
    /// How many row groups were read.
    groups: usize,
    /// How many rows of the next row group were read: where a limit has cut it.
    rows: u64,
    /// Whether these are all.
    finished: bool,
}

impl ParquetPosition {
    fn by_name(&self) -> HashMap<&str, &FilePosition> {
        self.files.iter().map(|file| (file.name.as_str(), file)).collect()
    }
}

/// A file, and what its footer says.
struct Opened {
    path: String,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
}

impl Opened {
    fn new(path: String, columns: Option<&[String]>) -> Result<Self, SourceError> {
        let file = open::plain(&path)?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())
            .map_err(|error| SourceError::new(&path, format!("cannot be read as Parquet: {error}")))?;
        let schema = metadata.metadata().file_metadata().schema_descr();
        let mut mask = ProjectionMask::all();
        if let Some(columns) = columns {
            let there: Vec<&str> = schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
            if let Some(missing) = columns.iter().find(|column| !there.contains(&column.as_str())) {
                let why = format!("no column \"{missing}\"; there are {}", there.join(", "));
                return Err(SourceError::new(&path, why));
            }
            let wanted = there.iter().enumerate().filter(|(_, name)| columns.iter().any(|column| column == *name));
            mask = ProjectionMask::roots(schema, wanted.map(|(index, _)| index));
        }
        Ok(Self { path, metadata, mask })
    }

    fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn rows(&self, group: usize) -> u64 {
        u64::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// About how many bytes a row group is in memory; of a damaged file anything.
    fn bytes(&self, group: usize) -> u64 {
        u64::try_from(self.metadata.metadata().row_group(group).total_byte_size()).unwrap_or(u64::MAX).max(1)
    }
}

impl<T: Record + DeserializeOwned> ParquetFiles<T> {
    /// The Parquet of a file or directory that is there.
    ///
    /// # Errors
    /// [`SourceError`] if it is not, or cannot be read, or the file is not Parquet.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let path: PathBuf = path.into();
        let path = path
            .into_os_string()
            .into_string()
            .map_err(|path| SourceError::new(path.display(), "the path is no UTF-8"))?;
        let mut file = None;
        if open::metadata(&path)?.is_dir() {
            listing::list(&path)?;
        } else {
            Opened::new(path.clone(), None)?;
            let name = Path::new(&path).file_name().and_then(|name| name.to_str());
            file = Some(name.unwrap_or(&path).to_owned());
        }
        Ok(Self {
            path,
            file,
            follow: false,
            max_bytes: 128 << 20,
            columns: None,
            open: HashMap::new(),
            slow: SlowListing::default(),
            behind: None,
            rows: PhantomData,
        })
    }

    /// Goes on when files are added to a directory: the input never ends. A file under a new name is a new file; one that
    /// changes after it was begun is an error.
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    /// About how much one batch reads at most, uncompressed; 128 MiB by default. A row group is not divided for that.
    pub fn max_bytes_per_batch(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes.max(1);
        self
    }

    /// Reads these columns only: those that the type needs.
    pub fn columns<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    fn list(&self) -> Result<Vec<Listed>, SourceError> {
        match &self.file {
            Some(name) => Ok(vec![Listed { name: name.clone(), length: open::metadata(&self.path)?.len() }]),
            None => listing::list(&self.path),
        }
    }

    /// Those that were there before, in their order; then the others.
    fn there(&self, from: &ParquetPosition) -> Result<Vec<FilePosition>, SourceError> {
        let mut listed = self.list()?;
        let mut there = Vec::with_capacity(listed.len());
        let lengths: HashMap<&str, u64> = listed.iter().map(|file| (file.name.as_str(), file.length)).collect();
        for known in &from.files {
            match lengths.get(known.name.as_str()) {
                Some(length) if *length == known.length => there.push(known.clone()),
                Some(length) => return Err(self.changed(known, *length)),
                // One that was cleared away after it was read is forgotten.
                None if known.finished => {}
                None => return Err(SourceError::new(self.path_of(&known.name), "no such file")),
            }
        }
        let known = from.by_name();
        listed.retain(|file| !known.contains_key(file.name.as_str()));
        let begin = |Listed { name, length }| FilePosition { name, length, groups: 0, rows: 0, finished: false };
        there.extend(listed.into_iter().map(begin));
        Ok(there)
    }

    fn changed(&self, known: &FilePosition, length: u64) -> SourceError {
        let why = format!("was changed after it was begun: {length} bytes instead of {}", known.length);
        SourceError::new(self.path_of(&known.name), why)
    }

    fn path_of(&self, name: &str) -> String {
        match self.file {
            Some(_) => self.path.clone(),
            None => Path::new(&self.path).join(name).to_string_lossy().into_owned(),
        }
    }

    fn opened(&mut self, at: &FilePosition) -> Result<Arc<Opened>, SourceError> {
        if let Some(opened) = self.open.get(&at.name) {
            return Ok(opened.clone());
        }
        let path = self.path_of(&at.name);
        let length = open::metadata(&path)?.len();
        if length != at.length {
            return Err(self.changed(at, length));
        }
        let opened = Arc::new(Opened::new(path, self.columns.as_deref())?);
        self.open.insert(at.name.clone(), opened.clone());
        Ok(opened)
    }

    /// Moves on in a file by about a share, and takes from it what the file has of it.
    fn advance(&mut self, at: &mut FilePosition, share: &mut Share) -> Result<(), SourceError> {
        let opened = self.opened(at)?;
        while at.groups < opened.groups() && !share.is_used_up() {
            let left = opened.rows(at.groups).saturating_sub(at.rows);
            let records = left.min(share.records);
            share.take(opened.bytes(at.groups), records);
            (at.groups, at.rows) = if records < left { (at.groups, at.rows + records) } else { (at.groups + 1, 0) };
        }
        at.finished = at.groups >= opened.groups();
        Ok(())
    }
}

impl<T: Record + DeserializeOwned> Source for ParquetFiles<T> {
    type Item = T;
    type Position = ParquetPosition;

    fn name(&self) -> String {
        self.path.clone()
    }

    fn start(&self) -> ParquetPosition {
        ParquetPosition::default()
    }

    fn plan(&mut self, from: &ParquetPosition, limit: Limit) -> Result<Plan<ParquetPosition>, SourceError> {
        let begun = Instant::now();
        let mut files = self.there(from)?;
        self.slow.listed(&self.path, begun.elapsed(), limit);
        let mut share = Share::new(self.max_bytes, limit);
        for at in files.iter_mut().filter(|at| !at.finished) {
            if share.is_used_up() {
                break;
            }
            match self.advance(at, &mut share) {
                Ok(()) => {}
                // What was found before is read first.
                Err(_) if share.bytes < self.max_bytes => break,
                Err(error) => return Err(error),
            }
        }
        self.behind = Some(files.iter().filter(|at| !at.finished).map(|at| at.length).sum());
        let next = match files.iter().all(|at| at.finished) {
            false => Next::Ready,
            true if self.follow => Next::Idle,
            true => Next::Finished,
        };
        Ok(Plan { to: ParquetPosition { files }, next })
    }

    fn read(
        &mut self,
        from: &ParquetPosition,
        to: &ParquetPosition,
    ) -> Result<Vec<Box<dyn Partition<T>>>, SourceError> {
        let before = from.by_name();
        let mut partitions: Vec<Box<dyn Partition<T>>> = Vec::new();
        for at in &to.files {
            let start = before.get(at.name.as_str()).map_or((0, 0), |before| (before.groups, before.rows));
            let end = (at.groups, at.rows);
            if start == end {
                continue;
            }
            let file = self.opened(at)?;
            let groups = at.groups + usize::from(at.rows > 0);
            if file.groups() < groups {
                let why = format!("has {} row groups, but {groups} were read", file.groups());
                return Err(SourceError::new(&file.path, why));
            }
            for group in start.0..groups {
                let from = if group == start.0 { start.1 } else { 0 };
                let to = if group == end.0 { end.1 } else { file.rows(group) };
                let rows = Group { file: file.clone(), group, from, to, rows: PhantomData };
                partitions.push(Box::new(rows));
            }
            if at.finished {
                self.open.remove(&at.name);
            }
        }
        Ok(partitions)
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.slow.take()
    }

    /// A file counts with all of its bytes until all of its rows are read.
    fn lag(&self) -> Option<Lag> {
        self.behind.map(Lag::bytes)
    }

    fn in_words(&self, at: &ParquetPosition) -> String {
        let read = at.files.iter().filter(|file| file.finished).count();
        let begun = at.files.iter().rfind(|file| !file.finished && (file.groups > 0 || file.rows > 0));
        let within = begun.map(|FilePosition { name, groups, rows, .. }| {
            format!(", and {groups} row groups and {rows} rows of {name}")
        });
        format!("{read} of {} files read{}", at.files.len(), within.unwrap_or_default())
    }
}

/// A row group, or some rows of it.
struct Group<T> {
    file: Arc<Opened>,
    group: usize,
    /// Its first row, and the one after its last.
    from: u64,
    to: u64,
    rows: PhantomData<fn() -> T>,
}

impl<T: Record + DeserializeOwned> Partition<T> for Group<T> {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError> {
        let Opened { path, metadata, mask } = &*self.file;
        let (from, to) = (self.from as usize, self.to as usize);
        let mut done = from;
        let failed = |done: usize, error: &dyn fmt::Display| {
            let (group, from, to) = (self.group, done, done + CHUNK);
            SourceError::new(path, format!("row group {group}, among rows {from} to {to} of it: {error}"))
        };
        let file: File = open::plain(path)?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_row_groups(vec![self.group])
            .with_projection(mask.clone())
            .with_batch_size(CHUNK)
            .with_offset(from)
            .with_limit(to.saturating_sub(from))
            .build()
            .map_err(|error| failed(done, &error))?;
        for batch in reader {
            let batch = batch.map_err(|error| failed(done, &error))?;
            let mut rows: Vec<T> = serde_arrow::from_record_batch(&batch).map_err(|error| failed(done, &error))?;
            done += rows.len();
            if !rows.is_empty() {
                out(&mut rows);
            }
        }
        Ok(())
    }
}
