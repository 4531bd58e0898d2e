//! What is in a directory.

use std::fs;
use std::time::SystemTime;

use super::SourceError;
use super::open;

/// A file that is there.
#[derive(Debug)]
pub(super) struct Listed {
    /// The name, without the directory.
    pub(super) name: String,
    /// How long it is, compressed or not.
    pub(super) length: u64,
}

/// The files in a directory, the oldest first. Hidden files and what is no file are passed over.
pub(super) fn list(directory: &str) -> Result<Vec<Listed>, SourceError> {
    let failed = |error| open::failed(directory, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A file may vanish while the directory is read; then it is not there.
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if !metadata.is_file() {
            continue;
        }
        let name = name
            .into_string()
            .map_err(|name| SourceError::new(directory, format!("file name {name:?} is no UTF-8")))?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let length = metadata.len();
        files.push((modified, Listed { name, length }));
    }
    files.sort_by(|(a, file_a), (b, file_b)| (a, &file_a.name).cmp(&(b, &file_b.name)));
    Ok(files.into_iter().map(|(_, file)| file).collect())
}
