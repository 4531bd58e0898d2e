//! What is in a directory.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{Limit, SourceError, open};
use crate::time::Time;

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

/// Notices listings that take longer than there is between two batches.
#[derive(Debug, Default)]
pub(super) struct SlowListing {
    /// The time of the last batch.
    last: Option<Time>,
    is_slow: bool,
    warning: Option<SourceError>,
}

impl SlowListing {
    /// Takes note of a listing. Batches that wait for their input have no time to keep.
    pub(super) fn listed(&mut self, directory: &str, took: Duration, limit: Limit) {
        let last = self.last.replace(limit.time);
        let between = last.map(|last| limit.time.since(last)).filter(|between| !limit.wait && !between.is_zero());
        let is_slow = between.is_some_and(|between| took > between);
        if let Some(between) = between.filter(|_| is_slow && !self.is_slow) {
            let why =
                format!("to list it took {took:?}, and batches are {between:?} apart; move files away that were read");
            self.warning = Some(SourceError::new(directory, why));
        }
        self.is_slow = is_slow;
    }

    /// The warning; one for each time that it becomes slow.
    pub(super) fn take(&mut self) -> Vec<SourceError> {
        self.warning.take().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::secs;

    #[test]
    fn a_listing_slower_than_the_interval_is_told_once() {
        let mut slow = SlowListing::default();
        let mut after = |second, took| {
            slow.listed("logs", secs(took), Limit::new(Time::from_secs(second), false));
            slow.take().into_iter().map(|warning| warning.to_string()).collect::<Vec<_>>()
        };
        assert!(after(1, 9).is_empty(), "before the second batch no interval is known");
        assert!(after(2, 1).is_empty());
        let expected = "logs: to list it took 3s, and batches are 2s apart; move files away that were read";
        assert_eq!(after(4, 3), [expected]);
        assert!(after(5, 3).is_empty(), "it was told");
        assert!(after(6, 0).is_empty());
        assert_eq!(after(7, 2).len(), 1, "it is slow again");
        slow.listed("logs", secs(9), Limit::new(Time::from_secs(8), true));
        assert!(slow.take().is_empty(), "a batch that waits has no time to keep");
    }
}
