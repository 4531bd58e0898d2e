//! A sliding window that stands alone.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Merge, Sliding};
use crate::error::Mismatch;

/// A sliding window over numbered panes: the window of a summary, and the tickets of its panes.
///
/// Pane numbers increase from push to push; panes without items may be left out.
///
/// ```
/// use streamgauge_sketches::{Absorb, Count, Panes};
///
/// let mut last_three = Panes::<Count>::new(3, 0);
/// for pane in 0..10 {
///     let mut count = Count::default();
///     (0..pane).for_each(|item| count.absorb(&item));
///     last_three.push(pane, count)?;
///     last_three.evict(pane - 2)?;
/// }
/// assert_eq!(last_three.reading()?.map(|count| count.value), Some(7.0 + 8.0 + 9.0));
/// # Ok::<(), streamgauge_sketches::Mismatch>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Panes<S: Merge> {
    window: S::Window,
    tickets: VecDeque<(i64, <S::Window as Sliding<S>>::Ticket)>,
    /// The last pane that was pushed, and the last one that the window was settled at.
    newest: i64,
    settled: i64,
}

impl<S: Merge> std::fmt::Debug for Panes<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Panes<{}>({} up to {})", S::NAME, self.tickets.len(), self.newest)
    }
}

impl<S: Merge> Panes<S> {
    /// An empty window over at most `panes` panes, that reorders itself at its phase.
    pub fn new(panes: u32, phase: u64) -> Self {
        Self { window: S::Window::new(panes, phase), tickets: VecDeque::new(), newest: i64::MIN, settled: i64::MIN }
    }

    /// Adds the newest pane.
    ///
    /// # Errors
    /// [`Mismatch`] if the pane cannot be merged with those in the window.
    pub fn push(&mut self, pane: i64, summary: S) -> Result<(), Mismatch> {
        let ticket = self.window.push(summary)?;
        self.tickets.push_back((pane, ticket));
        self.newest = pane;
        Ok(())
    }

    /// Drops all panes before this one.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    pub fn evict(&mut self, before: i64) -> Result<(), Mismatch> {
        while self.tickets.front().is_some_and(|(pane, _)| *pane < before)
            && let Some((_, ticket)) = self.tickets.pop_front()
        {
            self.window.expire(ticket)?;
        }
        let settled = std::mem::replace(&mut self.settled, self.newest);
        self.window.settle(settled, self.newest)
    }

    /// The merged panes; `None` if there are none.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    pub fn total(&self) -> Result<Option<S>, Mismatch> {
        self.window.total()
    }

    /// The reading of the merged panes; `None` if there are none.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    pub fn reading(&self) -> Result<Option<S::Reading>, Mismatch> {
        self.window.reading()
    }

    /// Whether the window has no panes.
    pub fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// The bytes this window holds, itself and its heap.
    pub fn memory_bytes(&self) -> usize {
        let tickets = self.tickets.iter().map(|(_, ticket)| size_of::<i64>() + S::Window::ticket_bytes(ticket));
        self.window.window_bytes() + tickets.sum::<usize>()
    }
}
