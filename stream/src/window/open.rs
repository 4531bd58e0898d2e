//! The pane that takes records in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::audit::WindowsOfPane;
use streamgauge_sketches::{Mismatch, OwnedKey};

use super::runs::{for_each_run, is_worthwhile};
use super::slide::Slide;
use super::store::SlidingWindows;
use crate::dstream::{Aggregate, Grouping, count_merged};
use crate::source::Record;
use crate::state::{Found, TOGETHER};

/// A partial result for each slot that has any. A record is looked up once, in the table of the windows: from its slot
/// follows the place of its key here.
#[derive(Serialize, Deserialize)]
pub(super) struct Open<P> {
    pub(super) pane: i64,
    pub(super) partials: Vec<(u32, P)>,
    /// By slot, [`NOWHERE`] if it has none. Follows from the partial results.
    #[serde(skip)]
    places: Vec<u32>,
    /// The places of the records that are being taken in. Kept for its room, like the next.
    #[serde(skip)]
    taken: Vec<u32>,
    /// The numbers of those records whose key had a place before.
    #[serde(skip)]
    repeated: Vec<u32>,
}

/// The place of a key that has nothing in the pane.
const NOWHERE: u32 = u32::MAX;

impl<P> Open<P> {
    pub(super) fn new(pane: i64) -> Self {
        Self { pane, partials: Vec::new(), places: Vec::new(), taken: Vec::new(), repeated: Vec::new() }
    }

    /// Empties the pane; the next one has its room.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u32, P)> {
        self.places.fill(NOWHERE);
        self.partials.drain(..)
    }

    /// The partial results by slot.
    pub(super) fn into_partials(self) -> BTreeMap<u32, P> {
        self.partials.into_iter().collect()
    }

    /// Makes room for the places of all slots.
    fn reach(&mut self, slots: usize) {
        if self.places.len() < slots {
            let is_restored = self.places.is_empty();
            self.places.resize(slots, NOWHERE);
            if is_restored {
                for ((slot, _), place) in self.partials.iter().zip(0..) {
                    if let Some(held) = self.places.get_mut(*slot as usize) {
                        *held = place;
                    }
                }
            }
        }
    }

    /// Takes in partial results of keys.
    pub(super) fn merge<T, A, K, L>(
        &mut self,
        (windows, slide, panes): (&mut SlidingWindows<K, L>, &L, u32),
        aggregate: &A,
        states: Vec<(K, P)>,
    ) -> Result<(), Mismatch>
    where
        A: Aggregate<T, Partial = P>,
        K: OwnedKey,
        L: Slide,
    {
        let (known, all) = (self.partials.len(), states.len());
        for (key, partial) in states {
            let slot = windows.slot(slide, &key, panes);
            self.reach(windows.slots());
            let place = &mut self.places[slot as usize];
            match self.partials.get_mut(*place as usize) {
                Some((_, held)) => aggregate.merge(held, partial)?,
                None => {
                    *place = self.partials.len() as u32;
                    self.partials.push((slot, partial));
                }
            }
        }
        count_merged(all, self.partials.len() - known);
        Ok(())
    }

    /// Takes in records, each in one group.
    pub(super) fn absorb<T, G, A, L>(
        &mut self,
        (windows, slide, panes): (&mut SlidingWindows<G::Key, L>, &L, u32),
        (grouping, aggregate): (&G, &A),
        of_pane: WindowsOfPane,
        records: &mut [T],
    ) -> Result<(), Mismatch>
    where
        T: Record,
        G: Grouping<T>,
        A: Aggregate<T, Partial = P>,
        L: Slide<Partial = P>,
    {
        let begin = |record: &T| {
            let mut partial = None;
            if A::BY_GROUP {
                grouping.visit(record, |key| partial = Some(aggregate.begin(key, Some(of_pane))));
            }
            partial.unwrap_or_else(|| aggregate.start())
        };
        let mut slots: Found = [NOWHERE; TOGETHER];
        windows.warm(records.len());
        if windows.take_pieces(records.len()) {
            for records in records.chunks(TOGETHER) {
                windows.slots_of(slide, grouping, records, &mut slots, panes);
                let pieces = records.iter().map(|record| {
                    let mut piece = begin(record);
                    aggregate.absorb(&mut piece, record);
                    piece
                });
                windows.push_pieces(slide, &slots[..records.len()], pieces)?;
            }
            return Ok(());
        }
        self.taken.clear();
        self.repeated.clear();
        let known = self.partials.len();
        for (block, records) in records.chunks(TOGETHER).enumerate() {
            windows.slots_of(slide, grouping, records, &mut slots, panes);
            self.reach(windows.slots());
            // Which records are the first of their key cannot be foreseen: they are told from the others without a
            // branch, and then each kind has a loop of its own.
            let (mut first, mut firsts, mut repeated, mut repeats) = ([0; TOGETHER], 0, [0; TOGETHER], 0);
            let mut places = [0; TOGETHER];
            let mut next = self.partials.len() as u32;
            for (i, slot) in slots[..records.len()].iter().enumerate() {
                let held = &mut self.places[*slot as usize];
                let is_first = *held == NOWHERE;
                let place = if is_first { next } else { *held };
                *held = place;
                places[i] = place;
                first[firsts % TOGETHER] = i;
                repeated[repeats % TOGETHER] = (block * TOGETHER + i) as u32;
                firsts += usize::from(is_first);
                repeats += usize::from(!is_first);
                next += u32::from(is_first);
            }
            self.partials.extend(first[..firsts].iter().map(|i| {
                let mut partial = begin(&records[*i]);
                aggregate.absorb(&mut partial, &records[*i]);
                (slots[*i], partial)
            }));
            self.taken.extend_from_slice(&places[..records.len()]);
            self.repeated.extend_from_slice(&repeated[..repeats]);
        }
        let Self { partials, taken, repeated, .. } = self;
        if is_worthwhile(repeated.len(), partials.len()) {
            for_each_run(records, taken, partials.len(), |place, run| {
                // The first record of a new place is in it already.
                let run = if place < known { run } else { &run[1..] };
                aggregate.absorb_all(&mut partials[place].1, run);
            });
        } else {
            for i in repeated {
                let place = taken[*i as usize];
                aggregate.absorb(&mut partials[place as usize].1, &records[*i as usize]);
            }
        }
        Ok(())
    }
}
