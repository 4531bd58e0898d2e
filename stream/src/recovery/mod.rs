//! What makes a job survive its process.
//!
//! Before a batch runs its input ranges are in the *batch log*. Every so many batches a *checkpoint* has positions and
//! state. A job that is started again takes the newest checkpoint, runs the logged batches behind it once more, at their
//! times and with their ranges, and goes on. What a source gives that cannot be read again is in a *write-ahead log*, and
//! is read from there.

mod batch_log;
mod checkpoint;
mod checkpointer;
mod frame;
mod inspect;
mod manifest;
mod numbered;
#[cfg(feature = "object-store")]
mod object_storage;
#[cfg(feature = "object-store")]
mod requests;
mod resume;
mod segments;
mod snapshot;
mod storage;
mod wal;

pub(crate) use batch_log::{BatchLog, Logged, NoLog};
pub(crate) use checkpointer::Checkpointer;
pub use inspect::{
    DamagedFile, InspectedCheckpoint, InspectedFile, InspectedLog, InspectedOperator, InspectedPiece, InspectedSource,
    Inspection, inspect,
};
#[cfg(feature = "object-store")]
pub use object_storage::ObjectStorage;
/// The crate of the stores, in the version that [`ObjectStorage`] takes them from.
#[cfg(feature = "object-store")]
pub use object_store;
#[cfg(feature = "object-store")]
pub(crate) use requests::Requests;
pub use resume::Resume;
pub(crate) use resume::{Durability, unique_name};
pub(crate) use snapshot::Snapshot;
pub use storage::{Append, LocalFolder, Storage};
pub(crate) use wal::{Block, LogPosition, WriteAheadLog, saved_position};

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
