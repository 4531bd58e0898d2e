//! The sliding windows of the keys of a lane.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Key, Merge, Mismatch, OwnedKey, Sliding};

use crate::batch::exchange::key_hash;
use crate::state::Slots;

type Ticket<S> = <<S as Merge>::Window as Sliding<S>>::Ticket;

/// A sliding window for each key that has any pane, and the tickets of the panes, all keys of a pane together: what
/// leaves is found without a look-up.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct SlidingWindows<K: OwnedKey, S: Merge> {
    windows: Slots<K, S::Window>,
    /// Oldest first: the pane, and the slots of the keys that are in it.
    panes: VecDeque<(i64, Vec<(u32, Ticket<S>)>)>,
    /// The pane up to which windows were settled.
    settled: i64,
}

impl<K: OwnedKey, S: Merge> Default for SlidingWindows<K, S> {
    fn default() -> Self {
        Self { windows: Slots::default(), panes: VecDeque::new(), settled: i64::MIN }
    }
}

impl<K: OwnedKey, S: Merge> SlidingWindows<K, S> {
    /// The slot of a key, with an empty window if it had none.
    #[inline]
    pub(super) fn slot<Q>(&mut self, key: &Q, panes: u32) -> u32
    where
        Q: Key<Owned = K> + ?Sized,
    {
        let phase = || if size_of::<K>() == 0 { 0 } else { key_hash(key) };
        self.windows.slot_or_insert(key, || S::Window::new(panes, phase()))
    }

    /// Adds the newest pane: its summaries, each by the slot of its key.
    pub(super) fn push(&mut self, pane: i64, summaries: impl Iterator<Item = (u32, S)>) -> Result<(), Mismatch> {
        let mut tickets = Vec::with_capacity(summaries.size_hint().0);
        for (slot, summary) in summaries {
            if let Some(window) = self.windows.value_mut(slot) {
                tickets.push((slot, window.push(summary)?));
            }
        }
        self.panes.push_back((pane, tickets));
        Ok(())
    }

    /// Drops the panes before the first one, settles the windows up to the last one, and forgets keys whose window
    /// has become empty.
    pub(super) fn advance(&mut self, first_pane: i64, last_pane: i64) -> Result<(), Mismatch> {
        let mut emptied = Vec::new();
        while self.panes.front().is_some_and(|(pane, _)| *pane < first_pane)
            && let Some((_, tickets)) = self.panes.pop_front()
        {
            for (slot, ticket) in tickets {
                if let Some(window) = self.windows.value_mut(slot) {
                    window.expire(ticket)?;
                    if window.is_empty() {
                        emptied.push(slot);
                    }
                }
            }
        }
        for slot in emptied {
            self.windows.remove(slot);
        }
        let settled = std::mem::replace(&mut self.settled, last_pane);
        self.windows.iter_mut().try_for_each(|(_, _, window)| window.settle(settled, last_pane))
    }

    /// The keys and the readings of their windows.
    pub(super) fn readings(&self) -> impl Iterator<Item = Result<(&K, S::Reading), Mismatch>> {
        self.windows.iter().filter_map(|(key, window)| {
            let reading = window.reading().transpose()?;
            Some(reading.map(|reading| (key, reading)))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.windows.capacity()
    }

    /// The bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        let windows: usize =
            self.windows.iter().map(|(_, window)| window.window_bytes() - size_of::<S::Window>()).sum();
        let ticket = |(_, ticket): &(u32, Ticket<S>)| size_of::<u32>() + S::Window::ticket_bytes(ticket);
        let panes = self.panes.iter().map(|(_, tickets)| tickets.iter().map(ticket).sum::<usize>());
        self.windows.memory_bytes() + windows + panes.sum::<usize>()
    }
}
