//! The manifest of a checkpoint: what is in it, and where.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::PortableHash;

use super::frame;
use super::numbered::Numbered;
use super::storage::Storage;
use crate::error::Error;
use crate::graph::decode;
use crate::time::Time;

pub(super) const MANIFEST: &str = "manifest";
pub(super) const SEGMENT: &str = "segment";

/// What a manifest begins with: the format, and the version of it, which also says by which hash keys are in their lanes.
const MAGIC: [u8; 7] = *b"sgckpt\0";
const VERSION: u8 = 3;

/// What a checkpoint consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The name of the job.
    pub(crate) job: String,
    /// The last batch that is in it.
    pub(crate) time: Time,
    /// The log file that goes on behind it.
    pub(crate) log: u64,
    /// In the order in which the job names them.
    pub(crate) sources: Vec<SourceAt>,
    /// By operator.
    pub(crate) states: BTreeMap<String, StateFiles>,
    /// The lengths of the segments that hold pieces of it.
    pub(crate) segments: BTreeMap<u64, u64>,
}

/// How far a source was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceAt {
    pub(crate) name: String,
    pub(crate) position: Vec<u8>,
    /// The same for people.
    pub(crate) in_words: String,
}

/// Where the state of an operator is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateFiles {
    /// What the state is, in words.
    pub(crate) schema: String,
    /// How many keys it has, if the operator says so.
    pub(crate) keys: Option<u64>,
    pub(crate) pieces: Vec<Chain>,
}

/// A piece of state: all of it at some time, and then what had changed by later ones.
pub(crate) type Chain = Vec<Piece>;

/// Bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) segment: u64,
    pub(crate) at: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u64,
}

/// A checksum that is also a fingerprint: pieces of the same length and checksum are the same.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.portable_hash(0)
}

impl Manifest {
    /// All that it refers to.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.states.values().flat_map(|state| &state.pieces).flatten()
    }

    /// The content of the file.
    pub(super) fn encode(&self) -> Result<Vec<u8>, String> {
        let content = crate::state::encode(self)?;
        let mut framed = [&MAGIC[..], &[VERSION]].concat();
        frame::push(&content, &mut framed);
        Ok(framed)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "is damaged".to_owned();
        let (version, content) =
            bytes.strip_prefix(&MAGIC).and_then(<[u8]>::split_first).ok_or("is no manifest of a checkpoint")?;
        if *version != VERSION {
            return Err(format!("is of format {version}, and this version of streamgauge reads format {VERSION}"));
        }
        let records = frame::read(content).map_err(|_| damaged())?;
        let [record] = records[..] else { return Err(damaged()) };
        if frame::size(record) != content.len() {
            return Err(damaged());
        }
        decode(record)
    }

    pub(super) fn read(storage: &dyn Storage, file: &Numbered) -> Result<Self, Error> {
        let failed = |cause: &dyn Display| super::failed(storage, &file.name, cause);
        let bytes = storage.read(&file.name).map_err(|e| failed(&e))?;
        Self::decode(&bytes).map_err(|cause| failed(&cause))
    }
}
