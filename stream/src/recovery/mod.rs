//! What makes a job survive its process.
//!
//! Before a batch runs its input ranges are in the *batch log*. Every so many batches a *checkpoint* has positions and
//! state. A job that is started again takes the newest checkpoint, runs the logged batches behind it once more, at their
//! times and with their ranges, and goes on.

mod batch_log;
mod checkpoint;
mod checkpointer;
mod frame;
mod inspect;
mod manifest;
mod numbered;
mod resume;
mod segments;
mod snapshot;
mod storage;

pub(crate) use batch_log::{BatchLog, Logged, NoLog};
pub(crate) use checkpointer::Checkpointer;
pub use inspect::{
    DamagedFile, InspectedCheckpoint, InspectedFile, InspectedLog, InspectedOperator, InspectedPiece, InspectedSource,
    Inspection, inspect,
};
pub(crate) use resume::Durability;
pub use resume::Resume;
pub(crate) use snapshot::Snapshot;
pub use storage::{Append, LocalFolder, Storage};

use std::fmt::Display;

use self::numbered::{Numbered, numbered};
use crate::error::Error;

fn failed(storage: &dyn Storage, file: &str, cause: &dyn Display) -> Error {
    Error::Storage { place: storage.place(), file: file.to_owned(), cause: cause.to_string() }
}

/// The files of a storage that are named by a number, in their order.
fn list(storage: &dyn Storage) -> Result<Vec<Numbered>, Error> {
    let names = storage.list().map_err(|e| failed(storage, "its files", &e))?;
    let number = |name: &str| name.rsplit_once('-')?.1.parse().ok();
    let mut files: Vec<_> =
        names.into_iter().filter_map(|name| Some(Numbered { number: number(&name)?, name })).collect();
    files.sort();
    Ok(files)
}

/// A number above those of all files of a kind.
fn next_number(files: &[Numbered], kind: &str) -> u64 {
    numbered(files, kind).next_back().map_or(1, |last| last.number.saturating_add(1))
}
