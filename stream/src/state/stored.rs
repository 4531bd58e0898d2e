//! State as checkpoints keep it: in pieces, each whole or as what has changed since it was whole.

use std::ops::{Deref, Range};
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;

/// A piece of state as bytes.
#[derive(Debug)]
pub(crate) enum Saved {
    /// As it was when it was saved last.
    Same,
    /// What has changed since then.
    Changes(Vec<u8>),
    /// All of it.
    Whole(Vec<u8>),
}

/// The state of an operator as bytes.
#[derive(Debug)]
pub(crate) struct SavedState {
    pub(crate) pieces: Vec<Saved>,
    /// How many keys are in it, if it is kept by key.
    pub(crate) keys: Option<u64>,
}

/// The state of a lane.
pub(crate) trait Stored: Sized + Send + 'static {
    /// The lane as bytes. The changes alone, unless all of it is wanted; if it knows them, and they are less.
    fn save(&mut self, whole: bool) -> Result<Saved, String>;

    /// What was saved: first all, then what changed after it.
    fn load(pieces: &[Bytes]) -> Result<Self, String>;

    /// How many keys there are.
    fn keys(&self) -> u64;

    /// Deals the keys of lanes out to another number of lanes. Also of none: then they begin empty.
    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String>;
}

/// Part of the content of a file, shared with others.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    pub(crate) of: Arc<Vec<u8>>,
    pub(crate) range: Range<usize>,
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.of.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), of: Arc::new(bytes) }
    }
}

/// Reads a piece by its number: first all, then what changed after it.
pub(crate) type ReadPiece<'a> = dyn Fn(usize) -> Result<Vec<Bytes>, Error> + Sync + 'a;

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(value).map_err(|e| e.to_string())
}

/// Reads a stored value that is all of the bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes).map_err(|e| e.to_string())? {
        (value, []) => Ok(value),
        (_, rest) => Err(format!("{} surplus bytes", rest.len())),
    }
}

/// Reads a stored value that is never stored as changes.
pub(crate) fn decode_whole<T: DeserializeOwned>(pieces: &[Bytes]) -> Result<T, String> {
    match pieces {
        [all] => decode(all),
        _ => Err(format!("it has {} pieces, not one", pieces.len())),
    }
}
