//! The segments of a checkpoint while it is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::manifest::{Chain, Manifest, Piece, SEGMENT, checksum};
use super::numbered::name_of;
use super::storage::Storage;
use crate::error::Error;
use crate::state::Bytes;

/// Reads the pieces of a checkpoint, each once. A segment is read when its first piece is asked for, and let go of with
/// its last: state is never there as bytes and as state as a whole.
pub(super) struct Segments<'a> {
    storage: &'a dyn Storage,
    segments: BTreeMap<u64, Mutex<Segment>>,
}

#[derive(Default)]
struct Segment {
    /// The pieces that were not asked for yet.
    pieces: usize,
    content: Option<Arc<Vec<u8>>>,
}

impl<'a> Segments<'a> {
    pub(super) fn of(storage: &'a dyn Storage, manifest: &Manifest) -> Self {
        let mut segments: BTreeMap<u64, Segment> = BTreeMap::new();
        manifest.pieces().for_each(|piece| segments.entry(piece.segment).or_default().pieces += 1);
        Self { storage, segments: segments.into_iter().map(|(number, it)| (number, Mutex::new(it))).collect() }
    }

    /// The bytes of a piece of the state of an operator, every one of them right.
    pub(super) fn read(&self, operator: &str, chain: &Chain) -> Result<Vec<Bytes>, Error> {
        chain.iter().map(|piece| self.read_piece(operator, piece)).collect()
    }

    fn read_piece(&self, operator: &str, piece: &Piece) -> Result<Bytes, Error> {
        let name = name_of(SEGMENT, piece.segment);
        let failed = |cause: &dyn std::fmt::Display| super::failed(self.storage, &name, cause);
        let content = match self.segments.get(&piece.segment) {
            Some(segment) => {
                let mut segment = segment.lock().unwrap_or_else(PoisonError::into_inner);
                let content = match &segment.content {
                    Some(content) => content.clone(),
                    None => Arc::new(self.storage.read(&name).map_err(|e| failed(&e))?),
                };
                segment.pieces = segment.pieces.saturating_sub(1);
                segment.content = (segment.pieces > 0).then(|| content.clone());
                content
            }
            None => Arc::default(),
        };
        let end = piece.at.saturating_add(piece.length);
        let range = usize::try_from(piece.at).ok().zip(usize::try_from(end).ok()).map(|(from, to)| from..to);
        let bytes = range.map(|range| Bytes { of: content, range });
        let is_right = |bytes: &Bytes| bytes.len() as u64 == piece.length && checksum(bytes) == piece.checksum;
        let damaged = || failed(&format!("is damaged in the state of {operator}, bytes {} to {end}", piece.at));
        bytes.filter(is_right).ok_or_else(damaged)
    }
}
