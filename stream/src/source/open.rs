//! Opening files, with errors that name them.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek};

use flate2::read::{GzDecoder, MultiGzDecoder};

use super::SourceError;

/// What an error of the operating system says about a file.
pub(super) fn failed(path: &str, error: &io::Error) -> SourceError {
    match error.kind() {
        ErrorKind::NotFound => SourceError::new(path, "no such file"),
        _ => SourceError::new(path, error),
    }
}

/// The metadata of a file or directory.
pub(super) fn metadata(path: &str) -> Result<Metadata, SourceError> {
    fs::metadata(path).map_err(|error| failed(path, &error))
}

/// A file.
pub(super) fn plain(path: &str) -> Result<File, SourceError> {
    File::open(path).map_err(|error| failed(path, &error))
}

/// Whether a file is compressed, by its name.
pub(super) fn is_gzip(path: &str) -> bool {
    path.ends_with(".gz")
}

/// The text of a compressed file, however many members it was put together from.
pub(super) fn gzip(path: &str) -> Result<impl Read + Send + use<>, SourceError> {
    let mut file = plain(path)?;
    if GzDecoder::new(&file).header().is_none() {
        return Err(SourceError::new(path, "not a gzip file"));
    }
    file.rewind().map_err(|error| failed(path, &error))?;
    Ok(MultiGzDecoder::new(file))
}
