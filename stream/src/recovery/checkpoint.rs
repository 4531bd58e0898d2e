//! Checkpoints: positions of sources and states of operators after a batch, in files of a storage.
//!
//! A checkpoint is a *segment*, which holds the pieces of state that have changed, and a *manifest*, written last, which
//! says where every piece is: in this segment or in an older one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::PortableHash;

use super::batch_log::LOG;
use super::frame;
use super::numbered::{Numbered, name_of, numbered};
use super::storage::Storage;
use crate::error::Error;
use crate::time::Time;

pub(super) const MANIFEST: &str = "manifest";
pub(super) const SEGMENT: &str = "segment";

/// What a manifest begins with: the format and its version.
const MAGIC: [u8; 8] = *b"sgckpt\0\x01";

/// What a checkpoint consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The name of the job.
    pub(crate) job: String,
    /// The last batch that is in it.
    pub(crate) time: Time,
    /// The log file that goes on behind it.
    pub(crate) log: u64,
    /// The sources in the order in which the job names them: their names and positions.
    pub(crate) sources: Vec<(String, Vec<u8>)>,
    /// By operator.
    pub(crate) states: BTreeMap<String, StateFiles>,
    /// The lengths of the segments that hold pieces of it.
    pub(crate) segments: BTreeMap<u64, u64>,
}

/// Where the state of an operator is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateFiles {
    /// What the state is, in words.
    pub(crate) schema: String,
    pub(crate) pieces: Vec<Piece>,
}

/// Bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) segment: u64,
    pub(crate) at: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u64,
}

/// A checkpoint to be written: its state as bytes, by operator.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) job: String,
    pub(crate) time: Time,
    pub(crate) log: u64,
    pub(crate) sources: Vec<(String, Vec<u8>)>,
    /// By operator: the schema, and its pieces.
    pub(crate) states: BTreeMap<String, (String, Vec<Vec<u8>>)>,
}

/// Writes a checkpoint; `before` is the last one, whose pieces need not be written again. Durable when this returns.
pub(crate) fn write(storage: &dyn Storage, taken: &Taken, before: Option<&Manifest>) -> Result<Manifest, Error> {
    let files = super::list(storage)?;
    let number = super::next_number(&files, MANIFEST).max(super::next_number(&files, SEGMENT));
    let mut layout = Layout::of(taken, before, number);
    if layout.is_sparse() {
        layout = Layout::of(taken, None, number);
    }
    let put =
        |name: String, pieces: &[&[u8]]| storage.write(&name, pieces).map_err(|e| super::failed(storage, &name, &e));
    if !layout.new.is_empty() {
        put(name_of(SEGMENT, number), &layout.new)?;
    }
    let Taken { job, time, log, sources, .. } = taken;
    let (states, segments) = (layout.states, layout.segments);
    let manifest = Manifest { job: job.clone(), time: *time, log: *log, sources: sources.clone(), states, segments };
    let name = name_of(MANIFEST, number);
    let content = postcard::to_allocvec(&manifest).map_err(|e| super::failed(storage, &name, &e))?;
    let mut framed = MAGIC.to_vec();
    frame::push(&content, &mut framed);
    put(name, &[&framed])?;
    Ok(manifest)
}

/// Which pieces are written, and where all are then.
struct Layout<'a> {
    new: Vec<&'a [u8]>,
    states: BTreeMap<String, StateFiles>,
    segments: BTreeMap<u64, u64>,
}

impl<'a> Layout<'a> {
    fn of(taken: &'a Taken, before: Option<&Manifest>, number: u64) -> Self {
        let (mut new, mut length) = (Vec::new(), 0);
        let mut place = |piece: &'a [u8], known: Option<&Piece>| {
            let (size, checksum) = (piece.len() as u64, checksum(piece));
            match known.filter(|known| (known.length, known.checksum) == (size, checksum)) {
                Some(same) => *same,
                None => {
                    let at = length;
                    length += size;
                    new.push(piece);
                    Piece { segment: number, at, length: size, checksum }
                }
            }
        };
        let states: BTreeMap<_, _> = taken
            .states
            .iter()
            .map(|(operator, (schema, pieces))| {
                let known =
                    before.and_then(|before| before.states.get(operator)).map_or(&[][..], |state| &state.pieces);
                let pieces = pieces.iter().enumerate().map(|(i, piece)| place(piece, known.get(i))).collect();
                (operator.clone(), StateFiles { schema: schema.clone(), pieces })
            })
            .collect();
        let mut segments: BTreeMap<u64, u64> = BTreeMap::new();
        for piece in states.values().flat_map(|state| &state.pieces) {
            let of_old = before.and_then(|before| before.segments.get(&piece.segment).copied());
            segments.insert(piece.segment, of_old.unwrap_or(length));
        }
        Self { new, states, segments }
    }

    /// Whether most of what the segments hold is over: then all is written anew, and the old ones can go.
    fn is_sparse(&self) -> bool {
        let live: u64 = self.states.values().flat_map(|state| &state.pieces).map(|piece| piece.length).sum();
        self.segments.values().sum::<u64>() > 2 * live
    }
}

/// A checksum that is also a fingerprint: pieces of the same length and checksum are the same.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.portable_hash(0)
}

/// A manifest, and the bytes of its states.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) manifest: Manifest,
    pub(crate) states: BTreeMap<String, (String, Vec<Vec<u8>>)>,
}

/// The newest checkpoint of which every byte is right, not after a batch if one is given, and what is wrong with those
/// that are newer. An error if there are checkpoints and none is right.
pub(crate) fn read_newest(
    storage: &dyn Storage,
    files: &[Numbered],
    until: Option<Time>,
) -> Result<(Option<Restored>, Vec<Error>), Error> {
    let mut damaged = Vec::new();
    for file in numbered(files, MANIFEST).rev() {
        match read(storage, file) {
            Ok(restored) if until.is_some_and(|until| restored.manifest.time > until) => {}
            Ok(restored) => return Ok((Some(restored), damaged)),
            Err(error) => damaged.push(error),
        }
    }
    match (damaged.is_empty(), until) {
        (false, _) => Err(damaged.swap_remove(0)),
        (true, Some(until)) => {
            Err(super::failed(storage, "the checkpoints", &format!("none of them is as old as batch {until}")))
        }
        (true, None) => Ok((None, damaged)),
    }
}

/// A checkpoint, if every byte of it is right.
pub(crate) fn read(storage: &dyn Storage, file: &Numbered) -> Result<Restored, Error> {
    let manifest = read_manifest(storage, file)?;
    let mut segments = BTreeMap::new();
    let mut states = BTreeMap::new();
    for (operator, state) in &manifest.states {
        let mut pieces = Vec::with_capacity(state.pieces.len());
        for piece in &state.pieces {
            let name = name_of(SEGMENT, piece.segment);
            if !segments.contains_key(&piece.segment) && piece.length > 0 {
                let bytes = storage.read(&name).map_err(|e| super::failed(storage, &name, &e))?;
                segments.insert(piece.segment, bytes);
            }
            let bytes = segments.get(&piece.segment).map_or(&[][..], Vec::as_slice);
            let end = piece.at.saturating_add(piece.length);
            let range = usize::try_from(piece.at).ok().zip(usize::try_from(end).ok());
            let bytes =
                range.and_then(|(from, to)| bytes.get(from..to)).filter(|bytes| checksum(bytes) == piece.checksum);
            let bytes = bytes.ok_or_else(|| {
                let cause = format!("is damaged in the state of {operator}, bytes {} to {end}", piece.at);
                super::failed(storage, &name, &cause)
            })?;
            pieces.push(bytes.to_vec());
        }
        states.insert(operator.clone(), (state.schema.clone(), pieces));
    }
    Ok(Restored { manifest, states })
}

/// The manifest alone.
pub(crate) fn read_manifest(storage: &dyn Storage, file: &Numbered) -> Result<Manifest, Error> {
    let failed = |cause: &dyn std::fmt::Display| super::failed(storage, &file.name, cause);
    let bytes = storage.read(&file.name).map_err(|e| failed(&e))?;
    let content = bytes.strip_prefix(&MAGIC).ok_or_else(|| failed(&"is no manifest of this version"))?;
    let records = frame::read(content).map_err(|_| failed(&"is damaged"))?;
    let [record] = records[..] else { return Err(failed(&"is damaged")) };
    if frame::size(record) != content.len() {
        return Err(failed(&"is damaged"));
    }
    crate::graph::decode(record).map_err(|cause| failed(&cause))
}

/// How many checkpoints are kept: if the newest is damaged, there is one before it.
const KEPT: usize = 2;

/// Removes the checkpoints before the last ones, and what nobody needs any more.
pub(crate) fn tidy(storage: &dyn Storage) -> Result<(), Error> {
    let files = super::list(storage)?;
    let mut over: Vec<_> = numbered(&files, MANIFEST).collect();
    let kept = over.split_off(over.len().saturating_sub(KEPT));
    // One that cannot be read needs nothing.
    let kept: Vec<_> = kept.into_iter().filter_map(|file| read_manifest(storage, file).ok()).collect();
    let Some(log) = kept.iter().map(|manifest| manifest.log).min() else { return Ok(()) };
    let is_needed = |segment: &u64| kept.iter().any(|manifest| manifest.segments.contains_key(segment));
    // Manifests first: one whose segments are gone must not be found.
    over.extend(numbered(&files, SEGMENT).filter(|file| !is_needed(&file.number)));
    over.extend(numbered(&files, LOG).filter(|file| file.number < log));
    over.extend(super::wal::over(&files, &kept));
    over.iter().try_for_each(|file| storage.remove(&file.name).map_err(|e| super::failed(storage, &file.name, &e)))
}
