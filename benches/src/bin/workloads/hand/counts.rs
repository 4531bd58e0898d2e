//! W2: a sliding count by key.

use std::collections::VecDeque;

use super::slots::{Slots, spread, thread_of};
use super::{Lane, THREADS};
use crate::PANES;
use crate::tally::Tally;

/// Keys have slots, slots have counts, and a pane is the slots of its records: what leaves is found without a search.
pub(super) struct Counts {
    slots: Slots,
    keys: Vec<u32>,
    counts: Vec<u32>,
    free: Vec<u32>,
    panes: VecDeque<Vec<u32>>,
}

impl Counts {
    pub(super) fn new() -> Self {
        let panes = VecDeque::with_capacity(PANES + 1);
        Self { slots: Slots::new(), keys: Vec::new(), counts: Vec::new(), free: Vec::new(), panes }
    }

    #[inline]
    fn slot(&mut self, key: u32) -> u32 {
        let new = self.free.last().copied().unwrap_or(self.keys.len() as u32);
        let slot = self.slots.find_or_insert(key, new);
        // Only a slot that was free or is the next has no count.
        if slot == new {
            self.open(slot, key);
        }
        slot
    }

    #[cold]
    fn open(&mut self, slot: u32, key: u32) {
        if self.free.pop().is_some() {
            self.keys[slot as usize] = key;
        } else {
            self.keys.push(key);
            self.counts.push(0);
        }
    }
}

impl Lane for Counts {
    type Record = u32;
    type Sent = u32;

    fn send(&mut self, keys: &'static [u32], boxes: [&mut Vec<u32>; THREADS]) {
        for &key in keys {
            boxes[thread_of(spread(key))].push(key);
        }
    }

    fn take(&mut self, boxes: [&mut Vec<u32>; THREADS]) -> Tally {
        let mut pane = Vec::new();
        if self.panes.len() == PANES {
            pane = self.panes.pop_front().unwrap_or_default();
        }
        for slot in pane.drain(..) {
            let count = &mut self.counts[slot as usize];
            *count -= 1;
            if *count == 0 {
                self.slots.remove(self.keys[slot as usize]);
                self.free.push(slot);
            }
        }
        for &key in boxes.into_iter().flat_map(|keys| &*keys) {
            let slot = self.slot(key);
            self.counts[slot as usize] += 1;
            pane.push(slot);
        }
        self.panes.push_back(pane);
        let mut tally = Tally::default();
        for (&key, &count) in self.keys.iter().zip(&self.counts) {
            if count > 0 {
                tally.count(key, count.into());
            }
        }
        tally
    }
}
