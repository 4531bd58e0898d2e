//! A sliding window that undoes the merge of its oldest pane.

use std::fmt::Debug;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::sliding::{Phase, Sliding, merge_into};
use super::{Merge, Summary};
use crate::error::Mismatch;

/// A summary whose last merge can be taken back, as long as what it overwrote is kept.
///
/// For registers and bits that only ever rise: merging a pane into a filled window overwrites few of them, so what it
/// overwrote is much smaller than the pane.
pub trait Undo: Merge {
    /// What a merge overwrote.
    type Overwritten: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Merges, and returns what that overwrote.
    ///
    /// # Errors
    /// [`Mismatch`] if the two cannot be merged; the receiver is left as it was.
    fn merge_logged(&mut self, other: &Self) -> Result<Self::Overwritten, Mismatch>;

    /// Takes back the last merge that was not taken back yet. Something that another state overwrote, as a damaged
    /// checkpoint may hold, gives a wrong state but no panic.
    fn undo(&mut self, overwritten: Self::Overwritten);

    /// The bytes that an entry of the log holds, itself and its heap.
    fn overwritten_bytes(overwritten: &Self::Overwritten) -> usize;
}

/// A window of two stacks whose front is one state and a log: the older panes cost what their merges overwrote.
///
/// Slides as [`TwoStacks`](super::TwoStacks) does, with its flips and its phase. But where that keeps a whole state for
/// every pane of the front, this one keeps their total and undoes the oldest pane when it leaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct UndoLog<S: Undo> {
    phase: Phase,
    /// All panes of the front.
    front: Option<S>,
    /// For the panes of the front, oldest last, what merging each into the newer ones overwrote; nothing for the
    /// newest, which was the first.
    log: Vec<Option<S::Overwritten>>,
    /// Oldest first, as they came.
    back: Vec<S>,
    back_total: Option<S>,
}

impl<S: Undo> UndoLog<S> {
    fn flip(&mut self) -> Result<(), Mismatch> {
        self.back_total = None;
        self.log.reserve_exact(self.back.len());
        while let Some(summary) = self.back.pop() {
            let overwritten = match &mut self.front {
                Some(front) => Some(front.merge_logged(&summary)?),
                None => {
                    self.front = Some(summary);
                    None
                }
            };
            self.log.push(overwritten);
        }
        Ok(())
    }
}

impl<S: Undo> Sliding<S> for UndoLog<S> {
    type Ticket = ();

    const SETTLES: bool = true;

    fn new(panes: u32, phase: u64) -> Self {
        Self { phase: Phase::new(panes, phase), front: None, log: Vec::new(), back: Vec::new(), back_total: None }
    }

    fn push(&mut self, summary: S) -> Result<(), Mismatch> {
        if let Some(front) = &self.front {
            front.compatible(&summary)?;
        }
        merge_into(&mut self.back_total, &summary)?;
        self.back.push(summary);
        Ok(())
    }

    fn expire(&mut self, (): ()) -> Result<(), Mismatch> {
        if self.log.is_empty() {
            self.flip()?;
        }
        match (&mut self.front, self.log.pop()) {
            (Some(front), Some(Some(overwritten))) => front.undo(overwritten),
            _ => self.front = None,
        }
        Ok(())
    }

    #[inline]
    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        if self.log.is_empty() && self.phase.comes(after, until) { self.flip() } else { Ok(()) }
    }

    fn total(&self) -> Result<Option<S>, Mismatch> {
        let mut total = self.front.clone();
        if let Some(back) = &self.back_total {
            merge_into(&mut total, back)?;
        }
        Ok(total)
    }

    fn reading(&self) -> Result<Option<S::Reading>, Mismatch> {
        match (&self.front, &self.back_total) {
            (Some(front), Some(back)) => front.read_merged(back).map(Some),
            (Some(one), None) | (None, Some(one)) => Ok(Some(one.read())),
            (None, None) => Ok(None),
        }
    }

    fn is_empty(&self) -> bool {
        self.log.is_empty() && self.back.is_empty()
    }

    fn window_bytes(&self) -> usize {
        let log: usize = self.log.iter().map(|o| 8 + o.as_ref().map_or(0, S::overwritten_bytes)).sum();
        let held = self.back.iter().chain(&self.front).chain(&self.back_total);
        size_of::<Self>() + log + held.map(Summary::memory_bytes).sum::<usize>()
    }
}
