//! Checkpoints: positions of sources and states of operators after a batch, in files of a storage.
//!
//! A checkpoint is *segments*, which hold the pieces of state that have changed, or what has changed in them; and a
//! *manifest*, written last, which says where every piece is: in these segments or in older ones.

use std::collections::{BTreeMap, BTreeSet};

use super::batch_log::LOG;
use super::manifest::{Chain, MANIFEST, Manifest, Piece, SEGMENT, SourceAt, StateFiles, checksum};
use super::numbered::{name_of, numbered};
use super::storage::Storage;
use crate::error::Error;
use crate::state::{Saved, SavedState};
use crate::time::Time;

/// A segment that is as long as this is followed by another one: what was read of a segment is kept until all of its
/// pieces have become state.
const SEGMENT_BYTES: u64 = 32 << 20;

/// The most changes that follow a piece before all of it is written anew. Not as many for all: that all pieces would be
/// written in the same checkpoint helps nobody.
const FEWEST_CHANGES: usize = 6;
const MOST_CHANGES: usize = 9;

/// A checkpoint to be written: its state as bytes, by operator.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) job: String,
    pub(crate) time: Time,
    pub(crate) log: u64,
    pub(crate) sources: Vec<SourceAt>,
    pub(crate) states: BTreeMap<String, TakenState>,
}

/// The state of an operator.
#[derive(Debug)]
pub(crate) struct TakenState {
    pub(crate) schema: String,
    pub(crate) saved: SavedState,
}

/// Which pieces the next checkpoint has to have as a whole.
#[derive(Debug)]
pub(crate) struct Due<'a> {
    before: Option<&'a Manifest>,
    /// Segments of which so little is needed that they are to go.
    given_up: BTreeSet<u64>,
}

impl<'a> Due<'a> {
    /// After a checkpoint, if there was one.
    pub(crate) fn after(before: Option<&'a Manifest>) -> Self {
        let mut due = Self { before, given_up: BTreeSet::new() };
        let Some(before) = before else { return due };
        let mut live: BTreeMap<u64, u64> = BTreeMap::new();
        before.pieces().for_each(|piece| *live.entry(piece.segment).or_default() += piece.length);
        // As long as most of what the segments hold is over, the oldest one goes.
        let (all, mut held): (u64, u64) = (live.values().sum(), before.segments.values().sum());
        for (segment, length) in &before.segments {
            if held <= 2 * all {
                break;
            }
            due.given_up.insert(*segment);
            held = held.saturating_sub(*length) + live.get(segment).copied().unwrap_or_default();
        }
        due
    }

    /// Whether a piece of an operator is to be written as a whole.
    pub(crate) fn is_whole(&self, operator: &str, piece: usize) -> bool {
        let state = self.before.and_then(|before| before.states.get(operator));
        let Some([first, changes @ ..]) = state.and_then(|state| state.pieces.get(piece)).map(Vec::as_slice) else {
            return true;
        };
        let most = FEWEST_CHANGES + piece % (MOST_CHANGES - FEWEST_CHANGES + 1);
        changes.len() >= most
            || 2 * changes.iter().map(|changes| changes.length).sum::<u64>() > first.length
            || [first].into_iter().chain(changes).any(|piece| self.given_up.contains(&piece.segment))
    }
}

/// Writes a checkpoint; `before` is the last one, whose pieces need not be written again. Durable when this returns.
pub(crate) fn write(storage: &dyn Storage, taken: Taken, before: Option<&Manifest>) -> Result<Manifest, Error> {
    let files = super::list(storage)?;
    let number = super::next_number(&files, MANIFEST).max(super::next_number(&files, SEGMENT));
    let put = |name: &str, pieces: &[&[u8]]| storage.write(name, pieces).map_err(|e| super::failed(storage, name, &e));
    let given_up = Due::after(before).given_up;
    let mut layout = Layout { before, given_up, segments: Vec::new(), first: number };
    let mut states = BTreeMap::new();
    for (operator, TakenState { schema, saved: SavedState { pieces, keys } }) in &taken.states {
        let place = |(at, saved)| layout.place(operator, at, saved);
        let pieces = pieces.iter().enumerate().map(place).collect::<Result<_, _>>();
        let pieces = pieces.map_err(|cause| Error::State { operator: operator.clone(), cause })?;
        states.insert(operator.clone(), StateFiles { schema: schema.clone(), keys: *keys, pieces });
    }
    let written = layout.segments;
    for (segment, number) in written.iter().zip(number..) {
        put(&name_of(SEGMENT, number), &segment.pieces)?;
    }
    let new: BTreeMap<u64, u64> = (number..).zip(written.iter().map(|segment| segment.length)).collect();
    let Taken { job, time, log, sources, .. } = &taken;
    let mut manifest =
        Manifest { job: job.clone(), time: *time, log: *log, sources: sources.clone(), states, segments: new };
    let used: BTreeSet<u64> = manifest.pieces().map(|piece| piece.segment).collect();
    let old = before.iter().flat_map(|before| &before.segments).filter(|(segment, _)| used.contains(segment));
    let old: Vec<_> = old.map(|(segment, length)| (*segment, *length)).collect();
    manifest.segments.extend(old);
    let name = name_of(MANIFEST, number);
    let content = manifest.encode().map_err(|e| super::failed(storage, &name, &e))?;
    put(&name, &[&content])?;
    Ok(manifest)
}

/// Where pieces are written.
struct Layout<'a> {
    before: Option<&'a Manifest>,
    /// Segments that are to go: nothing stays in them.
    given_up: BTreeSet<u64>,
    segments: Vec<Segment<'a>>,
    /// The number of the first segment.
    first: u64,
}

#[derive(Default)]
struct Segment<'a> {
    pieces: Vec<&'a [u8]>,
    length: u64,
}

impl<'a> Layout<'a> {
    /// Where a piece is then.
    fn place(&mut self, operator: &str, piece: usize, saved: &'a Saved) -> Result<Chain, String> {
        let known = self.before.and_then(|before| before.states.get(operator)?.pieces.get(piece));
        match (saved, known) {
            (Saved::Same, Some(chain)) => Ok(chain.clone()),
            (Saved::Changes(changes), Some(chain)) => Ok([&chain[..], &[self.add(changes)]].concat()),
            (Saved::Whole(all), Some(chain))
                if let [only] = chain[..]
                    && !self.given_up.contains(&only.segment)
                    && is_same(all, &only) =>
            {
                Ok(vec![only])
            }
            (Saved::Whole(all), _) => Ok(vec![self.add(all)]),
            (Saved::Same | Saved::Changes(_), None) => Err(format!("nothing is known of what piece {piece} was")),
        }
    }

    fn add(&mut self, bytes: &'a [u8]) -> Piece {
        if self.segments.last().is_none_or(|segment| segment.length >= SEGMENT_BYTES) {
            self.segments.push(Segment::default());
        }
        let number = self.first + self.segments.len() as u64 - 1;
        let (length, checksum) = (bytes.len() as u64, checksum(bytes));
        let mut at = 0;
        if let Some(segment) = self.segments.last_mut() {
            at = segment.length;
            segment.length += length;
            segment.pieces.push(bytes);
        }
        Piece { segment: number, at, length, checksum }
    }
}

fn is_same(bytes: &[u8], piece: &Piece) -> bool {
    piece.length == bytes.len() as u64 && piece.checksum == checksum(bytes)
}

/// How many checkpoints are kept: if the newest is damaged, there is one before it.
const KEPT: usize = 2;

/// Removes the checkpoints before the last ones, and what nobody needs any more.
pub(crate) fn tidy(storage: &dyn Storage) -> Result<(), Error> {
    let files = super::list(storage)?;
    let mut over: Vec<_> = numbered(&files, MANIFEST).collect();
    let kept = over.split_off(over.len().saturating_sub(KEPT));
    // One that cannot be read needs nothing.
    let kept: Vec<_> = kept.into_iter().filter_map(|file| Manifest::read(storage, file).ok()).collect();
    let Some(log) = kept.iter().map(|manifest| manifest.log).min() else { return Ok(()) };
    let is_needed = |segment: &u64| kept.iter().any(|manifest| manifest.segments.contains_key(segment));
    // Manifests first: one whose segments are gone must not be found.
    over.extend(numbered(&files, SEGMENT).filter(|file| !is_needed(&file.number)));
    over.extend(numbered(&files, LOG).filter(|file| file.number < log));
    over.extend(super::wal::over(&files, &kept));
    over.iter().try_for_each(|file| storage.remove(&file.name).map_err(|e| super::failed(storage, &file.name, &e)))
}
