//! W4: running statistics of a million keys.

use super::slots::{spread, thread_of};
use super::{Lane, THREADS};
use crate::tally::Tally;

#[derive(Clone, Copy, Default)]
struct Statistics {
    key: u32,
    /// Zero where there is no key.
    count: u32,
    mean: f64,
    m2: f64,
}

/// Open addressing with the statistics in the table, at most half full: one look at distant memory per record.
pub(super) struct Running {
    places: Vec<Statistics>,
    used: usize,
}

impl Running {
    pub(super) fn new() -> Self {
        Self { places: vec![Statistics::default(); 1 << 10], used: 0 }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![Statistics::default(); 2 * self.places.len()];
        for held in std::mem::replace(&mut self.places, larger) {
            if held.count > 0 {
                let place = self.place(held.key);
                self.places[place] = held;
            }
        }
    }

    /// Where a key is, or would be.
    #[inline]
    fn place(&self, key: u32) -> usize {
        let (mask, shift) = (self.places.len() - 1, 64 - self.places.len().ilog2());
        let mut place = (spread(key) >> shift) as usize;
        while self.places[place].count > 0 && self.places[place].key != key {
            place = (place + 1) & mask;
        }
        place
    }
}

impl Lane for Running {
    type Record = (u32, f32);
    type Sent = (u32, f32);

    fn send(&mut self, records: &'static [(u32, f32)], boxes: [&mut Vec<(u32, f32)>; THREADS]) {
        for &(key, value) in records {
            boxes[thread_of(spread(key))].push((key, value));
        }
    }

    fn take(&mut self, boxes: [&mut Vec<(u32, f32)>; THREADS]) -> Tally {
        let mut tally = Tally::default();
        for &(key, value) in boxes.into_iter().flat_map(|records| &*records) {
            let place = self.place(key);
            let held = &mut self.places[place];
            held.key = key;
            let is_new = held.count == 0;
            held.add(value.into());
            tally.running(key, held.count, held.mean, held.m2);
            if is_new {
                self.used += 1;
                if 2 * self.used > self.places.len() {
                    self.grow();
                }
            }
        }
        tally
    }
}

impl Statistics {
    /// Welford's step.
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / f64::from(self.count);
        self.m2 += delta * (value - self.mean);
    }
}
