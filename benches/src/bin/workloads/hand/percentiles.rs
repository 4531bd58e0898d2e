//! W5: the 99th percentile by key over a window.

use streamgauge::sketches::{Absorb, Kll, Merge, Summary};

use super::slots::{Slots, spread, thread_of};
use super::stacks::{TwoStacks, merge};
use super::{Lane, THREADS};
use crate::PANES;
use crate::tally::Tally;

pub(super) struct Percentiles {
    slots: Slots,
    keys: Vec<u32>,
    /// By slot: the window, and the pane that is filled.
    windows: Vec<(TwoStacks<Kll>, Option<Kll>)>,
    batches: usize,
}

impl Percentiles {
    pub(super) fn new() -> Self {
        Self { slots: Slots::new(), keys: Vec::new(), windows: Vec::new(), batches: 0 }
    }
}

impl Lane for Percentiles {
    type Record = (u32, f32);
    type Sent = (u32, f32);

    fn send(&mut self, records: &'static [(u32, f32)], boxes: [&mut Vec<(u32, f32)>; THREADS]) {
        for &(key, value) in records {
            boxes[thread_of(spread(key))].push((key, value));
        }
    }

    fn take(&mut self, boxes: [&mut Vec<(u32, f32)>; THREADS]) -> Tally {
        for &(key, value) in boxes.into_iter().flat_map(|records| &*records) {
            let slot = self.slots.find_or_insert(key, self.keys.len() as u32) as usize;
            if slot == self.keys.len() {
                self.keys.push(key);
                self.windows.push((TwoStacks::default(), None));
            }
            self.windows[slot].1.get_or_insert_default().absorb(&f64::from(value));
        }
        self.batches += 1;
        let mut tally = Tally::default();
        for (&key, (window, pane)) in self.keys.iter().zip(&mut self.windows) {
            if let Some(pane) = pane.take() {
                window.push(self.batches, pane, merge);
            }
            window.evict((self.batches + 1).saturating_sub(PANES));
            let values = match window.halves() {
                (Some(front), Some(back)) => front.read_merged(back).expect("all sketches have the same parameters"),
                (Some(half), None) | (None, Some(half)) => half.read(),
                (None, None) => continue,
            };
            tally.p99(key, values.at(0.99).value);
        }
        tally
    }
}
