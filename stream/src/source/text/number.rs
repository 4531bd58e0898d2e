//! The numbers of lines in files that are read from anywhere.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::{SourceError, open};
use super::block::{Start, TextBlock};
use super::newline;

/// How many places are remembered of a file: as many as are read at the same time, and more.
const PLACES: usize = 64;

/// Numbers lines, and remembers what it counted: a file is read about once more, however many of its lines are asked
/// for.
#[derive(Debug, Default)]
pub(crate) struct LineNumbers {
    /// By file: how many lines end before a byte.
    counted: Mutex<HashMap<Arc<str>, BTreeMap<u64, u64>>>,
}

impl LineNumbers {
    /// The number in its input, counted from 1, of the line with this index in its block.
    pub(crate) fn of(&self, block: &TextBlock, index: u64) -> Result<u64, SourceError> {
        let before = match block.start() {
            Start::Line(line) => return Ok(line.saturating_add(index)),
            Start::Byte(byte) => self.before(block.shared_origin(), byte)?,
        };
        Ok(before.saturating_add(1).saturating_add(index))
    }

    /// How many lines end before a byte of a file.
    fn before(&self, path: &Arc<str>, byte: u64) -> Result<u64, SourceError> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if byte == 0 {
            // The file is begun, perhaps anew.
            counted.remove(path);
            return Ok(0);
        }
        let places = counted.entry(path.clone()).or_default();
        let (from, lines) = places.range(..=byte).next_back().map_or((0, 0), |(from, lines)| (*from, *lines));
        let failed = |error| open::failed(path, &error);
        let mut file: File = open::plain(path)?;
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        let lines = lines + newline::count_in_file(file, byte - from).map_err(failed)?;
        places.insert(byte, lines);
        if places.len() > PLACES {
            places.pop_first();
        }
        Ok(lines)
    }
}
