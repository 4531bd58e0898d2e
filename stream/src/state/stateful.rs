//! The state of an operator, as the engine stores and restores it.

use std::iter::Sum;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::lanes::Lanes;
use super::stored::{Bytes, ReadPiece, Saved, SavedState, Stored, decode_whole, encode};
use crate::error::Error;

/// How much an operator keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateSize {
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
}

impl Sum for StateSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |a, b| Self { keys: a.keys + b.keys, bytes: a.bytes + b.bytes })
    }
}

/// State that knows how much it is.
pub(crate) trait Kept {
    /// The keys, and the bytes without what keys hold on the heap.
    fn size(&self) -> StateSize;
}

/// What is kept by lane, and something beside it.
#[derive(Debug)]
pub(crate) struct WithLanes<W, L> {
    pub(crate) watermarks: W,
    pub(crate) lanes: Vec<L>,
}

/// Puts what was read in the place of what is there.
pub(crate) type Install = Box<dyn FnOnce() + Send>;

/// Whether all of a piece is wanted, by its number.
pub(crate) type IsWhole<'a> = dyn Fn(usize) -> bool + Sync + 'a;

type Save = dyn Fn(&IsWhole<'_>) -> Result<SavedState, String> + Send + Sync;
type Load = dyn Fn(usize, &ReadPiece<'_>) -> Result<Install, LoadError> + Send + Sync;

/// State of an operator: told to the graph under the name of the operator.
pub(crate) struct Stateful {
    /// What the state is, in words: it is not restored as something else.
    pub(crate) schema: String,
    save: Box<Save>,
    load: Box<Load>,
    size: Option<Box<dyn Fn() -> StateSize + Send + Sync>>,
}

/// What the schema of state begins with that is shown and nothing else.
const SHOWN: &str = "shown: ";

/// Whether state of this schema is shown and nothing else: a job goes on with or without it.
pub(crate) fn is_shown(schema: &str) -> bool {
    schema.starts_with(SHOWN)
}

/// Why state was not read.
enum LoadError {
    /// It could not be.
    Read(Error),
    /// It is none of this operator.
    Wrong(String),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl From<String> for LoadError {
    fn from(cause: String) -> Self {
        Self::Wrong(cause)
    }
}

/// Reads so many lanes, each by itself: what was read of one is dropped when it has become state.
fn load_lanes<L: Stored>(
    stored: usize,
    lanes: usize,
    read: &(dyn Fn(usize) -> Result<Vec<Bytes>, Error> + Sync),
) -> Result<Vec<L>, LoadError> {
    let load = |lane| Ok::<_, LoadError>(L::load(&read(lane)?)?);
    let loaded: Vec<L> = (0..stored).into_par_iter().map(load).collect::<Result<_, _>>()?;
    if stored == lanes { Ok(loaded) } else { Ok(L::redistribute(loaded, lanes)?) }
}

impl Stateful {
    fn new(
        schema: String,
        save: impl Fn(&IsWhole<'_>) -> Result<SavedState, String> + Send + Sync + 'static,
        load: impl Fn(usize, &ReadPiece<'_>) -> Result<Install, LoadError> + Send + Sync + 'static,
    ) -> Self {
        Self { schema, save: Box::new(save), load: Box::new(load), size: None }
    }

    /// State that is plain data: one piece, stored anew when it is not the same.
    pub(crate) fn of<S: Serialize + DeserializeOwned + Send + 'static>(schema: String, state: &Arc<Mutex<S>>) -> Self {
        let (saved, loaded) = (state.clone(), state.clone());
        Self::new(
            schema,
            move |_| {
                let state = saved.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(SavedState { pieces: vec![Saved::Whole(encode(&*state)?)], keys: None })
            },
            move |pieces, read| {
                if pieces != 1 {
                    return Err(LoadError::Wrong(format!("it has {pieces} pieces, not one")));
                }
                let (state, loaded): (S, _) = (decode_whole(&read(0)?)?, loaded.clone());
                Ok(Box::new(move || *loaded.lock().unwrap_or_else(PoisonError::into_inner) = state))
            },
        )
    }

    /// State that is shown and nothing else: no result depends on it, and a job goes on without it. Any number of pieces,
    /// but always as many; they are given back as they were saved.
    #[cfg(feature = "dashboard")]
    pub(crate) fn shown(
        schema: &str,
        save: impl Fn() -> Result<Vec<Vec<u8>>, String> + Send + Sync + 'static,
        load: impl Fn(Vec<Vec<u8>>) -> Result<Install, String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(
            format!("{SHOWN}{schema}"),
            move |_| Ok(SavedState { pieces: save()?.into_iter().map(Saved::Whole).collect(), keys: None }),
            move |pieces, read| {
                let piece = |piece| match &read(piece)?[..] {
                    [whole] => Ok(whole.to_vec()),
                    parts => Err(LoadError::Wrong(format!("piece {piece} has {} parts, not one", parts.len()))),
                };
                Ok(load((0..pieces).map(piece).collect::<Result<_, _>>()?)?)
            },
        )
    }

    /// State by lane: a piece for each.
    pub(crate) fn by_lane<L: Stored>(schema: String, lanes: &Arc<Lanes<L>>) -> Self {
        let (saved, loaded) = (lanes.clone(), lanes.clone());
        Self::new(
            schema,
            move |is_whole| {
                let save = |lane| saved.lane(lane).save(is_whole(lane));
                let pieces = (0..saved.len()).into_par_iter().map(save).collect::<Result<_, _>>()?;
                Ok(SavedState { pieces, keys: Some(saved.iter().map(|lane| lane.keys()).sum()) })
            },
            move |pieces, read| {
                let (lanes, loaded) = (load_lanes(pieces, loaded.len(), read)?, loaded.clone());
                Ok(Box::new(move || lanes.into_iter().enumerate().for_each(|(at, lane)| *loaded.lane(at) = lane)))
            },
        )
    }

    /// State by lane with something beside it, which is the first piece; and how much it keeps.
    pub(crate) fn with_lanes<W, L>(schema: String, state: &Arc<Mutex<WithLanes<W, L>>>) -> Self
    where
        W: Serialize + DeserializeOwned + Send + 'static,
        L: Stored + Kept,
    {
        let (saved, loaded, measured) = (state.clone(), state.clone(), state.clone());
        let save = move |is_whole: &IsWhole<'_>| {
            let mut state = saved.lock().unwrap_or_else(PoisonError::into_inner);
            let WithLanes { watermarks, lanes } = &mut *state;
            let saved = lanes.par_iter_mut().enumerate().map(|(lane, it)| it.save(is_whole(lane + 1)));
            let saved = saved.collect::<Result<Vec<_>, _>>()?;
            let pieces = [Saved::Whole(encode(watermarks)?)].into_iter().chain(saved).collect();
            Ok(SavedState { pieces, keys: Some(lanes.iter().map(Stored::keys).sum()) })
        };
        let load = move |pieces: usize, read: &ReadPiece<'_>| {
            let stored = pieces.checked_sub(1).ok_or("it has no pieces".to_owned())?;
            let watermarks = decode_whole(&read(0)?)?;
            let count = loaded.lock().unwrap_or_else(PoisonError::into_inner).lanes.len();
            let state = WithLanes { watermarks, lanes: load_lanes(stored, count, &|lane| read(lane + 1))? };
            let loaded = loaded.clone();
            Ok(Box::new(move || *loaded.lock().unwrap_or_else(PoisonError::into_inner) = state) as Install)
        };
        Self::new(schema, save, load).sized(move || {
            let state = measured.lock().unwrap_or_else(PoisonError::into_inner);
            state.lanes.iter().map(Kept::size).sum()
        })
    }

    /// The same, and how much it keeps. Asked between two batches, after the first and every tenth: it should add up
    /// what the state knows of itself, not walk over all keys.
    pub(crate) fn sized(mut self, size: impl Fn() -> StateSize + Send + Sync + 'static) -> Self {
        self.size = Some(Box::new(size));
        self
    }

    pub(crate) fn size(&self) -> Option<StateSize> {
        self.size.as_ref().map(|size| size())
    }

    /// The state in pieces, always as many; a piece that knows what has changed since it was saved last may be that
    /// alone, unless all of it is wanted.
    pub(crate) fn save(&self, operator: &str, is_whole: &IsWhole<'_>) -> Result<SavedState, Error> {
        (self.save)(is_whole).map_err(|cause| Error::State { operator: operator.to_owned(), cause })
    }

    /// Reads so many pieces. Nothing is changed before what comes back is called.
    pub(crate) fn load(&self, operator: &str, pieces: usize, read: &ReadPiece<'_>) -> Result<Install, Error> {
        (self.load)(pieces, read).map_err(|error| match error {
            LoadError::Read(error) => error,
            LoadError::Wrong(cause) => Error::State { operator: operator.to_owned(), cause },
        })
    }
}
