//! W3: different users of a page over a window.

use streamgauge::prelude::Merge;
use streamgauge::sketches::{Hashed, HyperLogLog, PortableHash, Summary};

use super::slots::{Slots, spread, thread_of};
use super::stacks::{TwoStacks, merge};
use super::{Lane, THREADS};
use crate::PANES;
use crate::tally::Tally;

/// Fewer items than make a sketch of this precision one of registers.
const FEW: usize = 896;

pub(super) struct Distinct {
    slots: Slots,
    pages: Vec<u32>,
    windows: Vec<TwoStacks<HyperLogLog>>,
    batches: usize,
    /// By slot: where its hashes end, while they are sorted by slot.
    ends: Vec<usize>,
    /// The slots of the records in their order.
    of_records: Vec<u32>,
    sorted: Vec<u64>,
}

impl Distinct {
    pub(super) fn new() -> Self {
        Self {
            slots: Slots::new(),
            pages: Vec::new(),
            windows: Vec::new(),
            batches: 0,
            ends: Vec::new(),
            of_records: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// Sorts the hashes by the slot of their page: a sketch takes many at a time in less time.
    fn sort(&mut self, boxes: [&[(u32, u64)]; THREADS]) {
        self.of_records.clear();
        self.ends.fill(0);
        for &(page, _) in boxes.into_iter().flatten() {
            let slot = self.slots.find_or_insert(page, self.pages.len() as u32);
            if slot as usize == self.pages.len() {
                self.pages.push(page);
                self.windows.push(TwoStacks::default());
                self.ends.push(0);
            }
            self.ends[slot as usize] += 1;
            self.of_records.push(slot);
        }
        let mut begin = 0;
        for end in &mut self.ends {
            (begin, *end) = (begin + *end, begin);
        }
        self.sorted.resize(begin, 0);
        for (&slot, &(_, hash)) in self.of_records.iter().zip(boxes.into_iter().flatten()) {
            let at = &mut self.ends[slot as usize];
            self.sorted[*at] = hash;
            *at += 1;
        }
    }
}

impl Lane for Distinct {
    type Record = (u32, u32);
    /// The page, and the hash of the user.
    type Sent = (u32, u64);

    fn send(&mut self, visits: &'static [(u32, u32)], boxes: [&mut Vec<(u32, u64)>; THREADS]) {
        let seed = HyperLogLog::default().seed();
        for &(page, user) in visits {
            boxes[thread_of(spread(page))].push((page, user.portable_hash(seed)));
        }
    }

    fn take(&mut self, [first, second]: [&mut Vec<(u32, u64)>; THREADS]) -> Tally {
        self.sort([first, second]);
        self.batches += 1;
        let (mut begin, mut tally) = (0, Tally::default());
        for ((&end, window), &page) in self.ends.iter().zip(&mut self.windows).zip(&self.pages) {
            if begin < end {
                let (mut pane, hashes) = (HyperLogLog::default(), &self.sorted[begin..end]);
                pane.absorb_hashes(hashes);
                // Few hashes are absorbed faster than a sketch of them is merged.
                window.push(self.batches, pane, |total, pane| match hashes.len() < FEW {
                    true => total.absorb_hashes(hashes),
                    false => merge(total, pane),
                });
                begin = end;
            }
            window.evict((self.batches + 1).saturating_sub(PANES));
            let users = match window.halves() {
                (Some(front), Some(back)) => front.read_merged(back).expect("all sketches have the same parameters"),
                (Some(half), None) | (None, Some(half)) => half.read(),
                (None, None) => continue,
            };
            tally.users(page, users.value);
        }
        tally
    }
}
