//! The sliding windows of the keys of a lane.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Key, Mismatch, OwnedKey};

use super::image::{ChangedWindows, Pane};
use super::slide::Slide;
use super::tickets::Tickets as _;
use crate::batch::exchange::key_hash;
use crate::batch::measure;
use crate::dstream::Grouping;
use crate::state::{Changed, Found, Slots};

/// A sliding window for each key that has any pane, and the tickets of the panes, all keys of a pane together: what
/// leaves is found without a look-up.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct SlidingWindows<K: OwnedKey, L: Slide> {
    windows: Slots<K, L::Window>,
    /// Oldest first: the pane, and the slots of the keys that are in it.
    panes: VecDeque<Pane<L>>,
    /// The pane up to which windows were settled.
    settled: i64,
    /// The tickets of what the windows have of the open pane. Has the room of a pane that has left.
    open: L::Tickets,
    /// The panes that are new since the last checkpoint, and how many of the others have left.
    #[serde(skip)]
    new: usize,
    #[serde(skip)]
    left: usize,
}

impl<K: OwnedKey, L: Slide> Default for SlidingWindows<K, L> {
    fn default() -> Self {
        Self::of(Slots::default(), VecDeque::new(), i64::MIN, L::Tickets::default())
    }
}

impl<K: OwnedKey, L: Slide> SlidingWindows<K, L> {
    pub(super) fn of(windows: Slots<K, L::Window>, panes: VecDeque<Pane<L>>, settled: i64, open: L::Tickets) -> Self {
        Self { windows, panes, settled, open, new: 0, left: 0 }
    }

    /// What has changed since the last checkpoint; none if it is not known, or most panes are new.
    pub(super) fn changes(&self) -> Option<ChangedWindows<'_, K, L>> {
        let Self { windows, panes, settled, open, new, left } = self;
        let is_little = windows.knows_changes() && 2 * new <= panes.len();
        is_little.then(|| ChangedWindows {
            windows: Changed(windows),
            left: *left as u32,
            new: panes.iter().skip(panes.len() - new).collect(),
            settled: *settled,
            open,
        })
    }

    /// From here on what changes is noted.
    pub(super) fn note_changes(&mut self) {
        self.windows.note_changes();
        (self.new, self.left) = (0, 0);
    }

    /// The slot of a key, with an empty window if it had none.
    #[inline]
    pub(super) fn slot<Q>(&mut self, slide: &L, key: &Q, panes: u32) -> u32
    where
        Q: Key<Owned = K> + ?Sized,
    {
        let phase = || if size_of::<K>() == 0 { 0 } else { key_hash(key) };
        self.windows.slot_or_insert(key, || slide.window(panes, phase()))
    }

    /// Gets ready to look so many records up.
    pub(super) fn warm(&self, records: usize) {
        self.windows.warm(records);
    }

    /// The slots of the keys of records that are looked up together.
    #[inline]
    pub(super) fn slots_of<T, G>(&mut self, slide: &L, grouping: &G, records: &[T], found: &mut Found, panes: u32)
    where
        G: Grouping<T, Key = K>,
    {
        self.windows.slots_of(grouping, records, found, |key| slide.window(panes, key_hash(key)));
    }

    /// Whether so many more records of the open pane may each be a piece of it.
    ///
    /// Where keys have few records in a pane, putting them together first costs more than it saves. There are never
    /// more than two pieces for each key that has a window.
    pub(super) fn take_pieces(&self, records: usize) -> bool {
        L::BY_PIECES && self.open.len() + records <= 2 * self.windows.len()
    }

    /// Adds pieces of the open pane, each to the window in its slot.
    #[inline]
    pub(super) fn push_pieces(
        &mut self,
        slide: &L,
        slots: &[u32],
        pieces: impl Iterator<Item = L::Partial>,
    ) -> Result<(), Mismatch> {
        self.open.reserve(slots.len());
        self.windows.change_each(slots.iter().copied().zip(pieces), |slot, window, piece| {
            if let Some(ticket) = slide.push(window, piece)? {
                self.open.add(slot, ticket);
            }
            Ok(())
        })
    }

    /// Adds the newest pane: its partial results, each by the slot of its key, and the pieces that are there.
    pub(super) fn push(
        &mut self,
        slide: &L,
        pane: i64,
        partials: impl Iterator<Item = (u32, L::Partial)>,
    ) -> Result<(), Mismatch> {
        let mut tickets = std::mem::take(&mut self.open);
        tickets.reserve(partials.size_hint().0);
        self.windows.change_each(partials, |slot, window, partial| {
            if let Some(ticket) = slide.push(window, partial)? {
                tickets.add(slot, ticket);
            }
            Ok(())
        })?;
        measure::count_merges(tickets.len() as u64);
        self.panes.push_back((pane, tickets));
        self.new += 1;
        Ok(())
    }

    /// Drops the panes before the first one, settles the windows up to the last one, and forgets keys whose window
    /// has become empty.
    pub(super) fn advance(&mut self, slide: &L, first_pane: i64, last_pane: i64) -> Result<(), Mismatch> {
        let mut emptied = Vec::new();
        while self.panes.front().is_some_and(|(pane, _)| *pane < first_pane)
            && let Some((_, mut tickets)) = self.panes.pop_front()
        {
            // Those that are new are the last to leave.
            if self.new > self.panes.len() {
                self.new = self.panes.len();
            } else {
                self.left += 1;
            }
            let (plain, others) = tickets.drain();
            expire::<K, L>(&mut self.windows, slide, plain, &mut emptied)?;
            expire::<K, L>(&mut self.windows, slide, others, &mut emptied)?;
            if self.open.len() == 0 {
                self.open = tickets;
            }
        }
        for slot in emptied {
            self.windows.remove(slot);
        }
        let settled = std::mem::replace(&mut self.settled, last_pane);
        if !L::SETTLES {
            return Ok(());
        }
        self.windows.values_mut().try_for_each(|window| slide.settle(window, settled, last_pane))
    }

    /// The keys and the readings of their windows.
    pub(super) fn readings(&self, slide: &L) -> impl Iterator<Item = Result<(&K, L::Reading), Mismatch>> {
        self.windows.iter().filter_map(move |(key, window)| {
            let reading = slide.read(window).transpose()?;
            Some(reading.map(|reading| (key, reading)))
        })
    }

    /// Deals the keys of lanes out to another number of lanes. Every key is told: the lane and the slot that it had, and
    /// those that it has got.
    pub(super) fn redistribute(
        lanes: Vec<Self>,
        to: usize,
        mut moved: impl FnMut((usize, u32), (usize, u32)),
    ) -> Vec<Self> {
        // Lanes that have windows were settled up to the same pane.
        let settled = lanes.iter().map(|lane| lane.settled).max().unwrap_or(i64::MIN);
        let mut places: Vec<Vec<(usize, u32)>> = lanes.iter().map(|lane| vec![(0, 0); lane.slots()]).collect();
        let (mut windows, mut tickets) = (Vec::new(), Vec::new());
        for lane in lanes {
            windows.push(lane.windows);
            tickets.push((lane.panes, lane.open));
        }
        let windows = Slots::redistribute(windows, to, |(from, slot), place| {
            places[from][slot as usize] = place;
            moved((from, slot), place);
        });
        let mut panes: Vec<BTreeMap<i64, L::Tickets>> = (0..to).map(|_| BTreeMap::new()).collect();
        let mut open: Vec<L::Tickets> = (0..to).map(|_| L::Tickets::default()).collect();
        for ((of_panes, mut of_open), places) in tickets.into_iter().zip(&places) {
            let place = |slot: u32| places.get(slot as usize).copied();
            for (pane, mut tickets) in of_panes {
                let (plain, others) = tickets.drain();
                for (slot, ticket) in plain.chain(others) {
                    if let Some((lane, slot)) = place(slot) {
                        panes[lane].entry(pane).or_default().add(slot, ticket);
                    }
                }
            }
            let (plain, others) = of_open.drain();
            for (slot, ticket) in plain.chain(others) {
                if let Some((lane, slot)) = place(slot) {
                    open[lane].add(slot, ticket);
                }
            }
        }
        let lanes = windows.into_iter().zip(panes).zip(open);
        lanes.map(|((windows, panes), open)| Self::of(windows, panes.into_iter().collect(), settled, open)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    pub(super) fn keys(&self) -> usize {
        self.windows.len()
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.windows.capacity()
    }

    /// The bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        let windows: usize =
            self.windows.iter().map(|(_, window)| L::window_bytes(window) - size_of::<L::Window>()).sum();
        let panes = self.panes.iter().map(|(_, tickets)| tickets).chain([&self.open]);
        let panes = panes.map(|tickets| tickets.bytes(L::ticket_bytes));
        self.windows.memory_bytes() + windows + panes.sum::<usize>()
    }
}

/// Takes the oldest pane out of windows; takes note of those that have become empty.
fn expire<K: OwnedKey, L: Slide>(
    windows: &mut Slots<K, L::Window>,
    slide: &L,
    tickets: impl Iterator<Item = (u32, L::Ticket)>,
    emptied: &mut Vec<u32>,
) -> Result<(), Mismatch> {
    windows.change_each(tickets, |slot, window, ticket| {
        slide.expire(window, ticket)?;
        if L::is_empty(window) {
            emptied.push(slot);
        }
        Ok(())
    })
}
