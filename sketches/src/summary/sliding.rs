//! How a summary slides over panes.
//!
//! A sliding window is cut into panes of equal length. Every closed pane is pushed once, with its number; panes that
//! are no longer in the window are evicted. Sketches cannot be un-merged, so each summary names the cheapest way that
//! is exact for it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Merge, Summary};
use crate::error::Mismatch;

/// The state of a sliding window of summaries: closed panes are pushed in their order, leave in their order, and the
/// window is read at any time.
///
/// The state is plain data: it is stored with everything else. What a pane needs when it leaves is its *ticket*, kept
/// by whoever slides the window: an engine keeps the tickets of all keys of a pane together, so that a pane costs no
/// look-up when it leaves. [`Panes`](super::Panes) is a window with its tickets.
pub trait Sliding<S: Summary>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What is kept for a pane until it leaves.
    type Ticket: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Whether [`settle`](Self::settle) does anything.
    const SETTLES: bool = false;

    /// An empty window over at most `panes` panes.
    ///
    /// `phase` spreads the expensive slides of many windows over time: give each key its own, such as a portable hash.
    fn new(panes: u32, phase: u64) -> Self;

    /// Adds the newest pane, and gives the ticket with which it leaves.
    ///
    /// # Errors
    /// [`Mismatch`] if the pane cannot be merged with those in the window.
    fn push(&mut self, summary: S) -> Result<Self::Ticket, Mismatch>;

    /// Drops the oldest pane, whose ticket this is.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    fn expire(&mut self, ticket: Self::Ticket) -> Result<(), Mismatch>;

    /// The moment for upkeep: the panes `after` (not included) to `until` have been closed and pushed where they had
    /// anything. A window that has a phase reorders itself here, once in its length.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    #[inline]
    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        let _ = (after, until);
        Ok(())
    }

    /// The merged panes; `None` if there are none.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    fn total(&self) -> Result<Option<S>, Mismatch>;

    /// The reading of the merged panes; `None` if there are none.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    fn reading(&self) -> Result<Option<S::Reading>, Mismatch> {
        Ok(self.total()?.map(|total| total.read()))
    }

    /// Whether the window has no panes.
    fn is_empty(&self) -> bool;

    /// The bytes this window holds, itself and its heap, without the tickets.
    fn window_bytes(&self) -> usize;

    /// The bytes a ticket holds, itself and its heap.
    fn ticket_bytes(ticket: &Self::Ticket) -> usize {
        size_of_val(ticket)
    }
}

/// A summary whose panes can be taken out again, exactly.
///
/// For counters over integers only: floating sums drift, and one NaN would poison them for ever.
pub trait Subtract: Merge {
    /// Takes out what was merged before.
    fn subtract(&mut self, other: &Self);
}

/// A window that adds the new pane and subtracts the old one: two operations a slide for any length.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Inverse<S: Subtract> {
    total: Option<S>,
    panes: u32,
}

impl<S: Subtract> Sliding<S> for Inverse<S> {
    /// The pane itself: it is subtracted when it leaves.
    type Ticket = S;

    fn new(_: u32, _: u64) -> Self {
        Self { total: None, panes: 0 }
    }

    #[inline]
    fn push(&mut self, summary: S) -> Result<S, Mismatch> {
        merge_into(&mut self.total, &summary)?;
        self.panes = self.panes.saturating_add(1);
        Ok(summary)
    }

    #[inline]
    fn expire(&mut self, ticket: S) -> Result<(), Mismatch> {
        self.panes = self.panes.saturating_sub(1);
        match &mut self.total {
            Some(total) if self.panes > 0 => total.subtract(&ticket),
            _ => self.total = None,
        }
        Ok(())
    }

    fn total(&self) -> Result<Option<S>, Mismatch> {
        Ok(self.total.clone())
    }

    #[inline]
    fn reading(&self) -> Result<Option<S::Reading>, Mismatch> {
        Ok(self.total.as_ref().map(Summary::read))
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.panes == 0
    }

    fn window_bytes(&self) -> usize {
        size_of::<Self>() + self.total.as_ref().map_or(0, |total| total.memory_bytes().saturating_sub(size_of::<S>()))
    }

    fn ticket_bytes(ticket: &S) -> usize {
        ticket.memory_bytes()
    }
}

/// When windows reorder themselves: at the panes whose number leaves this rest.
///
/// A window that does so at its phase, and holds no more panes than its length, never has to in between.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Phase {
    /// Never zero: a stored window says so, or is refused.
    panes: NonZeroU32,
    rest: u32,
}

impl Phase {
    pub(crate) fn new(panes: u32, phase: u64) -> Self {
        let panes = NonZeroU32::new(panes).unwrap_or(NonZeroU32::MIN);
        Self { panes, rest: (phase % u64::from(panes.get())) as u32 }
    }

    /// Whether a pane of the phase lies after the one and not after the other. `i64::MIN` is no pane: before the first
    /// one there was nothing to settle.
    #[inline]
    pub(crate) fn comes(self, after: i64, until: i64) -> bool {
        let panes = i64::from(self.panes.get());
        let period = |pane: i64| pane.saturating_sub(i64::from(self.rest)).div_euclid(panes);
        let after = if after == i64::MIN { until.saturating_sub(1) } else { after };
        period(after) < period(until)
    }
}

/// A window of two stacks: at most three merges a slide on average, for every mergeable summary.
///
/// New panes go to the back with a running total; old ones leave from the front, where each entry is the total of its
/// pane and all newer ones of the front. The back *flips* over into a new front, which costs as many merges as it has
/// panes, once in the length of the window: at its phase, so that the flips of many keys fall on different slides.
///
/// Source: Tangwongsan, Hirzel, Schneider, *In-Order Sliding-Window Aggregation in Worst-Case Constant Time*, 2021.
///
/// As the window of a [`Merge`] it is a [`Sliding`]; values that are merged in another way have the methods that end in
/// `_with`, which take the function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TwoStacks<S> {
    phase: Phase,
    /// Oldest last; each holds itself and all newer panes of the front.
    front: Vec<S>,
    /// Oldest first, as they came.
    back: Vec<S>,
    back_total: Option<S>,
}

impl<S: Clone> TwoStacks<S> {
    /// An empty window over at most `panes` panes, which flips at its phase.
    pub fn over(panes: u32, phase: u64) -> Self {
        Self { phase: Phase::new(panes, phase), front: Vec::new(), back: Vec::new(), back_total: None }
    }

    /// `join` makes the total of a pane and of all newer ones out of the pane and their total.
    fn flip<E>(&mut self, mut join: impl FnMut(S, &S) -> Result<S, E>) -> Result<(), E> {
        self.back_total = None;
        self.front.reserve_exact(self.back.len());
        while let Some(pane) = self.back.pop() {
            let total = match self.front.last() {
                Some(newer) => join(pane, newer)?,
                None => pane,
            };
            self.front.push(total);
        }
        Ok(())
    }

    /// [`Sliding::expire`] with the function of [`flip`](Self::flip).
    pub(crate) fn expire_by<E>(&mut self, join: impl FnMut(S, &S) -> Result<S, E>) -> Result<(), E> {
        if self.front.is_empty() {
            self.flip(join)?;
        }
        self.front.pop();
        Ok(())
    }

    /// [`Sliding::settle`] with the function of [`flip`](Self::flip).
    #[inline]
    pub(crate) fn settle_by<E>(
        &mut self,
        (after, until): (i64, i64),
        join: impl FnMut(S, &S) -> Result<S, E>,
    ) -> Result<(), E> {
        if self.front.is_empty() && self.phase.comes(after, until) { self.flip(join) } else { Ok(()) }
    }

    /// Adds the newest pane. `merge` puts the newer of two panes into the older.
    ///
    /// # Errors
    /// That of `merge`.
    pub fn push_with<E>(&mut self, summary: S, merge: impl FnOnce(&mut S, &S) -> Result<(), E>) -> Result<(), E> {
        match &mut self.back_total {
            Some(total) => merge(total, &summary)?,
            None => self.back_total = Some(summary.clone()),
        }
        self.back.push(summary);
        Ok(())
    }

    /// Drops the oldest pane.
    ///
    /// # Errors
    /// That of `merge`.
    pub fn expire_with<E>(&mut self, merge: impl FnMut(&mut S, &S) -> Result<(), E>) -> Result<(), E> {
        self.expire_by(into_pane(merge))
    }

    /// Flips, if its phase has come: see [`Sliding::settle`].
    ///
    /// # Errors
    /// That of `merge`.
    #[inline]
    pub fn settle_with<E>(
        &mut self,
        panes: (i64, i64),
        merge: impl FnMut(&mut S, &S) -> Result<(), E>,
    ) -> Result<(), E> {
        self.settle_by(panes, into_pane(merge))
    }

    /// The merged panes; `None` if there are none.
    ///
    /// # Errors
    /// That of `merge`.
    pub fn total_with<E>(&self, merge: impl FnOnce(&mut S, &S) -> Result<(), E>) -> Result<Option<S>, E> {
        let mut total = self.front.last().cloned();
        match (&mut total, &self.back_total) {
            (Some(total), Some(back)) => merge(total, back)?,
            (None, Some(back)) => total = Some(back.clone()),
            (_, None) => {}
        }
        Ok(total)
    }

    /// What the panes of the front are together, and those of the back.
    pub(crate) fn halves(&self) -> (Option<&S>, Option<&S>) {
        (self.front.last(), self.back_total.as_ref())
    }

    /// All that is held: neighbours were made of each other.
    pub(crate) fn held(&self) -> impl Iterator<Item = &S> {
        self.front.iter().chain(&self.back).chain(&self.back_total)
    }

    /// How many panes there are.
    pub fn panes(&self) -> usize {
        self.front.len() + self.back.len()
    }

    /// Whether there are no panes.
    pub fn has_no_panes(&self) -> bool {
        self.panes() == 0
    }
}

impl<S: Merge> Sliding<S> for TwoStacks<S> {
    type Ticket = ();

    const SETTLES: bool = true;

    fn new(panes: u32, phase: u64) -> Self {
        Self::over(panes, phase)
    }

    fn push(&mut self, summary: S) -> Result<(), Mismatch> {
        if let Some(front) = self.front.last() {
            front.compatible(&summary)?;
        }
        self.push_with(summary, S::merge)
    }

    fn expire(&mut self, (): ()) -> Result<(), Mismatch> {
        self.expire_by(into_total)
    }

    #[inline]
    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        self.settle_by((after, until), into_total)
    }

    fn total(&self) -> Result<Option<S>, Mismatch> {
        self.total_with(S::merge)
    }

    fn reading(&self) -> Result<Option<S::Reading>, Mismatch> {
        match self.halves() {
            (Some(front), Some(back)) => front.read_merged(back).map(Some),
            (Some(one), None) | (None, Some(one)) => Ok(Some(one.read())),
            (None, None) => Ok(None),
        }
    }

    fn is_empty(&self) -> bool {
        self.has_no_panes()
    }

    fn window_bytes(&self) -> usize {
        size_of::<Self>() + self.held().map(Summary::memory_bytes).sum::<usize>()
    }
}

/// The total of the newer ones merged into a pane.
fn into_pane<S, E>(mut merge: impl FnMut(&mut S, &S) -> Result<(), E>) -> impl FnMut(S, &S) -> Result<S, E> {
    move |mut pane, newer| {
        merge(&mut pane, newer)?;
        Ok(pane)
    }
}

/// A pane merged into a copy of the total of the newer ones: the smaller into the larger.
fn into_total<S: Merge>(pane: S, newer: &S) -> Result<S, Mismatch> {
    let mut total = newer.clone();
    total.merge(&pane)?;
    Ok(total)
}

#[inline]
pub(super) fn merge_into<S: Merge>(total: &mut Option<S>, summary: &S) -> Result<(), Mismatch> {
    match total {
        Some(total) => total.merge(summary),
        None => {
            *total = Some(summary.clone());
            Ok(())
        }
    }
}
