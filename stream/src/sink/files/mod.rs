//! A file per batch.

mod atomic;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "json")]
mod json;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(test)]
mod tests;

#[cfg(feature = "csv")]
pub use self::csv::Csv;
#[cfg(feature = "json")]
pub use self::json::JsonLines;
pub use self::lines::Text;
#[cfg(feature = "parquet")]
pub use self::parquet::Parquet;

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf, is_separator};

pub(crate) use self::atomic::make_folder;
use self::atomic::{Disk, System, write_atomically};
use super::{Cause, Part, Sink};
use crate::time::Time;

/// A file per batch, named `prefix-TIME_MS.suffix`: `out/counts-5000.txt` holds the batch of 5,000 ms after the epoch.
///
/// One file, also of a batch of many partitions, with their rows in order. It appears as a whole: the rows are encoded
/// in memory while the batch runs, written to a file of a hidden name (`.counts-5000.txt.tmp`) in the same folder,
/// synced to the disk and renamed; then the folder is synced. An empty batch has an empty file (so a missing one means that the batch is not done)
/// unless [told otherwise](Self::skip_empty).
///
/// **Exactly once.** The name is the record that the batch is committed: it is given to nothing but a whole, synced file
/// of that batch. A batch that is run again, as after a crash before the job had written down that it was complete, is
/// compared with the file of its name. If they are the same the file is left as it is, untouched to whoever watches it.
/// If not (the job was begun anew, or a function of it gives other rows each time) it is replaced. So there is one file
/// of each batch, of one run of it, at any time.
///
/// The folder is made when the job is started, if need be, and it is an error of `start()` if it cannot be written. A
/// hidden lock file (`.counts.txt.lock`, which stays) keeps two outputs, of one or of two processes, from using the
/// same prefix and suffix at a time. Hidden files that a killed run has left are removed at the next start.
///
/// Memory: the encoded rows of a batch. Files are never removed: it is for you to clear away those of old batches.
///
/// ```
/// use streamgauge_stream::sink::Files;
/// use streamgauge_stream::{Queue, StreamingContext, Trigger};
///
/// # let folder = std::env::temp_dir().join(format!("streamgauge-files-doc-{}", std::process::id()));
/// let ctx = StreamingContext::builder("words").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// ctx.source(source).write_to(Files::text(folder.join("words")));
/// queue.push(vec!["to", "be"]);
/// queue.close();
/// ctx.run()?;
/// assert_eq!(std::fs::read_to_string(folder.join("words-1000.txt"))?, "to\nbe\n");
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Files<F> {
    prefix: PathBuf,
    suffix: String,
    skip_empty: bool,
    format: F,
    disk: Box<dyn Disk>,
    /// Held as long as the sink.
    lock: Option<File>,
}

/// How rows become the bytes of a file.
///
/// Rows are encoded by partition, side by side; a file is what the partitions of a batch have encoded, in their order.
pub trait Format<T>: Send + 'static {
    /// The rows of a partition, encoded as far as they can be on their own.
    type Encoded: Part<T>;

    /// Called when the job is started, before anything else.
    ///
    /// # Errors
    /// If rows of this type cannot be written in this format.
    fn open(&mut self) -> Result<(), Cause> {
        Ok(())
    }

    /// A partition without rows.
    ///
    /// # Errors
    /// If it cannot be made.
    fn part(&self) -> Result<Self::Encoded, Cause>;

    /// Writes a file of these partitions. May be called several times for the same ones, and writes the same then.
    ///
    /// # Errors
    /// If the writer fails, or if the partitions do not fit together.
    fn write(&self, parts: &[Self::Encoded], file: &mut (dyn Write + Send)) -> Result<(), Cause>;
}

impl<F> fmt::Debug for Files<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Files({:?}, {:?})", self.prefix, self.suffix)
    }
}

impl Files<Text> {
    /// Files of lines: the text (`Display`) of each row; suffix `txt`. A row whose text has line breaks is several lines.
    pub fn text(prefix: impl AsRef<Path>) -> Self {
        Self::of(prefix, Text).suffix("txt")
    }
}

#[cfg(feature = "json")]
impl Files<JsonLines> {
    /// Files of JSON, a line per row; suffix `jsonl`. Rows are of any type with serde.
    pub fn json(prefix: impl AsRef<Path>) -> Self {
        Self::of(prefix, JsonLines).suffix("jsonl")
    }
}

#[cfg(feature = "csv")]
impl Files<Csv> {
    /// Files of comma-separated values, with the field names of the rows as the first line; suffix `csv`. Rows are
    /// structs or tuples with serde, of fields that are no structs; for other delimiters see [`Csv`].
    pub fn csv(prefix: impl AsRef<Path>) -> Self {
        Self::of(prefix, Csv::default()).suffix("csv")
    }
}

#[cfg(feature = "parquet")]
impl Files<Parquet> {
    /// Parquet files; suffix `parquet`. Rows are structs with serde; see [`Parquet`].
    pub fn parquet(prefix: impl AsRef<Path>) -> Self {
        Self::of(prefix, Parquet::default()).suffix("parquet")
    }
}

impl<F> Files<F> {
    /// Files of any format, without a suffix unless one is set. The prefix is the path of a file without the time and
    /// the suffix.
    pub fn of(prefix: impl AsRef<Path>, format: F) -> Self {
        Self {
            prefix: prefix.as_ref().to_owned(),
            suffix: String::new(),
            skip_empty: false,
            format,
            disk: Box::new(System),
            lock: None,
        }
    }

    /// What comes after the time and a dot; nothing and no dot if it is empty.
    pub fn suffix(mut self, suffix: impl AsRef<str>) -> Self {
        self.suffix = match suffix.as_ref().trim_start_matches('.') {
            "" => String::new(),
            suffix => format!(".{suffix}"),
        };
        self
    }

    /// Writes no file for a batch without rows, and removes one that an earlier run has written for it.
    pub fn skip_empty(mut self) -> Self {
        self.skip_empty = true;
        self
    }

    #[cfg(test)]
    fn on(mut self, disk: impl Disk + 'static) -> Self {
        self.disk = Box::new(disk);
        self
    }

    fn folder(&self) -> &Path {
        let folder = self.prefix.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    /// The prefix without its folder.
    fn stem(&self) -> &str {
        self.prefix.file_name().and_then(OsStr::to_str).unwrap_or_default()
    }

    fn file_name(&self, batch: Time) -> String {
        format!("{}-{}{}", self.stem(), batch.millis(), self.suffix)
    }

    /// The batch that a hidden file was to become.
    fn batch_of_leftover(&self, name: &OsStr) -> Option<Time> {
        let name = name.to_str()?.strip_prefix('.')?.strip_prefix(self.stem())?.strip_prefix('-')?;
        name.strip_suffix(".tmp")?.strip_suffix(&self.suffix)?.parse().ok().map(Time::from_millis)
    }

    fn check_names(&self) -> Result<(), Cause> {
        let ends_with_separator = self.prefix.to_str().is_none_or(|prefix| prefix.ends_with(is_separator));
        if ends_with_separator || self.stem().is_empty() {
            return Err("the prefix must end with a name in UTF-8, such as out/counts, not with a folder".into());
        }
        if self.suffix.contains(is_separator) {
            return Err(format!("the suffix \"{}\" is no part of a name", self.suffix).into());
        }
        Ok(())
    }

    /// Makes sure that nobody else writes the same files, for as long as the sink is there.
    fn take_lock(&mut self) -> Result<(), Cause> {
        let path = self.folder().join(format!(".{}{}.lock", self.stem(), self.suffix));
        let lock = File::options().create(true).append(true).open(&path).map_err(at("opening", &path))?;
        match lock.try_lock() {
            Ok(()) => self.lock = Some(lock),
            Err(TryLockError::WouldBlock) => {
                return Err("another output writes files of this prefix and suffix; give it another prefix".into());
            }
            // There are file systems without locks: then nothing watches over it.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(at("locking", &path)(e)),
        }
        Ok(())
    }

    fn remove_leftovers(&self) -> Result<(), Cause> {
        let folder = self.folder();
        for entry in fs::read_dir(folder).map_err(at("reading", folder))? {
            let entry = entry.map_err(at("reading", folder))?;
            if self.batch_of_leftover(&entry.file_name()).is_some() {
                fs::remove_file(entry.path()).map_err(at("removing", &entry.path()))?;
            }
        }
        Ok(())
    }
}

impl<T, F: Format<T>> Sink<T> for Files<F> {
    type Part = FilePart<F::Encoded>;

    fn target(&self) -> String {
        format!("{}-*{}", self.prefix.display(), self.suffix)
    }

    fn open(&mut self) -> Result<(), Cause> {
        self.check_names()?;
        self.format.open()?;
        let folder = self.folder();
        make_folder(folder).map_err(at("making the folder", folder))?;
        self.take_lock()?;
        self.remove_leftovers()?;
        // The lock may be an old one, in a folder that can no longer be written.
        let probe = self.folder().join(format!(".{}{}.probe", self.stem(), self.suffix));
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(at("writing", &probe))
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Self::Part, Cause> {
        Ok(FilePart { rows: 0, encoded: self.format.part()? })
    }

    fn commit(&mut self, batch: Time, parts: Vec<Self::Part>) -> Result<(), Cause> {
        let (folder, name) = (self.folder().to_owned(), self.file_name(batch));
        if self.skip_empty && parts.iter().all(|part| part.rows == 0) {
            let path = folder.join(name);
            return match self.disk.remove(&path) {
                Ok(()) => self.disk.sync_folder(&folder).map_err(at("syncing", &folder)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(e) => Err(at("removing", &path)(e)),
            };
        }
        let parts: Vec<_> = parts.into_iter().map(|part| part.encoded).collect();
        let format = &self.format;
        write_atomically(&mut *self.disk, &folder, &name, |file| format.write(&parts, file))
    }
}

/// The encoded rows of a partition, and how many there are.
#[derive(Debug)]
pub struct FilePart<E> {
    rows: usize,
    encoded: E,
}

impl<T, E: Part<T>> Part<T> for FilePart<E> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        self.rows += rows.len();
        self.encoded.write(rows)
    }

    fn finish(&mut self) -> Result<(), Cause> {
        self.encoded.finish()
    }
}

/// Says in an error of the system what was done, and to which file.
fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Cause {
    let path = path.display().to_string();
    move |e| format!("{doing} {path}: {e}").into()
}
