//! How far files were read.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How far the files of a [`TextFiles`](super::TextFiles) were read, in the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesPosition {
    pub(super) files: Vec<FilePosition>,
    /// Whether what was there at first was passed over.
    pub(super) passed_over: bool,
}

/// How far one file was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePosition {
    /// The name, without the directory.
    pub(super) name: String,
    /// How many bytes of its text.
    pub(super) bytes: u64,
    /// How many of these bytes were passed over, and not read.
    pub(super) passed_over: u64,
    /// Of a compressed file: that this is all of it. To find that out again it would have to be decompressed.
    pub(super) finished: bool,
}

impl FilesPosition {
    /// The files and how many bytes of the text of each were read.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|file| (file.name.as_str(), file.bytes))
    }

    /// The files that are read from their beginning on between an earlier position and this one.
    #[cfg(feature = "csv")]
    pub(super) fn begun_since<'a>(&'a self, from: &'a Self) -> impl Iterator<Item = &'a str> {
        let before = from.by_name();
        let is_begun = move |file: &&FilePosition| {
            file.bytes > 0 && before.get(file.name.as_str()).is_none_or(|at| at.bytes == 0 || at.bytes > file.bytes)
        };
        self.files.iter().filter(is_begun).map(|file| file.name.as_str())
    }

    pub(super) fn by_name(&self) -> HashMap<&str, &FilePosition> {
        self.files.iter().map(|file| (file.name.as_str(), file)).collect()
    }
}

/// The last file that was begun, how many bytes of it were read, and how many files were begun before it.
impl fmt::Display for FilesPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.files.iter().rposition(|file| file.bytes > 0) else {
            return f.write_str("at the beginning");
        };
        let FilePosition { name, bytes, .. } = &self.files[last];
        write!(f, "{bytes} bytes of {name}")?;
        match last {
            0 => Ok(()),
            1 => f.write_str(", after another file"),
            before => write!(f, ", after {before} files"),
        }
    }
}

impl FilePosition {
    pub(super) fn start(name: String) -> Self {
        Self { name, bytes: 0, passed_over: 0, finished: false }
    }
}
