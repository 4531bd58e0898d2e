//! The items of a KLL sketch: a buffer of those that came last, and ascending runs whose items stand for several.

use std::mem;

use crate::random::Draws;
use crate::summary::Weight;

/// Bits of a finite float that ascend as the floats do.
#[inline]
pub(super) fn key(value: f64) -> i64 {
    flip(value.to_bits() as i64)
}

/// The float of a [`key`].
pub(super) fn value(key: i64) -> f64 {
    f64::from_bits(flip(key) as u64)
}

/// Turns the bits of negative floats round, whose order is the wrong way; undoes it too.
#[inline]
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Compacting the items of a level takes every second one to the level above, where each stands for twice as many.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    pub(super) k: u16,
    /// Level 0: items that stand for one, as they came.
    pub(super) buffer: Vec<i64>,
    /// Levels 1 and up, ascending: an item of level h stands for 2ʰ. The last one is not empty.
    pub(super) runs: Vec<Vec<i64>>,
    /// Bit h: the last coin of level h was drawn, so the next one is its opposite …
    pub(super) owed: u64,
    /// … which is this bit; 0 where none is owed.
    pub(super) opposite: u64,
    /// The lowest and the highest item, those in the buffer aside.
    pub(super) min: i64,
    pub(super) max: i64,
    /// The variance of the weight below any value.
    pub(super) variance: f64,
    pub(super) draws: Draws,
}

impl Levels {
    /// The highest level. Weights end here: 2⁶¹ items are never seen, but images may claim them.
    pub(super) const HIGHEST: usize = 61;
    /// No level is compacted with fewer items.
    const LEAST: f64 = 8.0;

    pub(super) fn new(k: u16, seed: u64) -> Self {
        Self {
            k,
            buffer: Vec::new(),
            runs: Vec::new(),
            owed: 0,
            opposite: 0,
            min: i64::MAX,
            max: i64::MIN,
            variance: 0.0,
            draws: Draws::new(seed),
        }
    }

    /// The items at which the buffer is compacted.
    #[inline]
    pub(super) fn buffer_size(k: u16) -> usize {
        2 * usize::from(k)
    }

    /// The items at which the level so far below the highest may be compacted: k · (2/3)^depth.
    fn capacity(k: u16, depth: usize) -> usize {
        const SHARES: [f64; Levels::HIGHEST] = {
            let mut shares = [1.0; Levels::HIGHEST];
            let mut depth = 1;
            while depth < shares.len() {
                shares[depth] = shares[depth - 1] * 2.0 / 3.0;
                depth += 1;
            }
            shares
        };
        (f64::from(k) * SHARES[depth]).ceil().max(Self::LEAST) as usize
    }

    /// The items that so many levels above the buffer may hold together.
    pub(super) fn budget(k: u16, runs: usize) -> usize {
        (0..runs).map(|depth| Self::capacity(k, depth)).sum()
    }

    /// The items above the buffer.
    pub(super) fn held(&self) -> usize {
        self.runs.iter().map(Vec::len).sum()
    }

    /// How many items all of these stand for.
    pub(super) fn count(&self) -> u128 {
        let above = self.runs.iter().zip(1..).map(|(run, level)| (run.len() as u128) << level);
        self.buffer.len() as u128 + above.sum::<u128>()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.runs.is_empty()
    }

    /// The items as they are, those of one level together in ascending order, and for how many each stands.
    pub(super) fn weighted(&self) -> Vec<(i64, f64)> {
        let mut buffer = self.buffer.clone();
        buffer.sort_unstable();
        let above = self.runs.iter().zip(1..).flat_map(|(run, level)| run.iter().map(move |&key| (key, 2_f64.powi(level))));
        buffer.into_iter().map(|key| (key, 1.0)).chain(above).collect()
    }

    /// The lowest and the highest item; the other way round if there is none.
    pub(super) fn ends(&self) -> (i64, i64) {
        self.buffer.iter().fold((self.min, self.max), |(min, max), &key| (min.min(key), max.max(key)))
    }

    #[inline]
    pub(super) fn push(&mut self, key: i64) {
        self.buffer.push(key);
        if self.buffer.len() >= Self::buffer_size(self.k) {
            self.compact_buffer();
        }
    }

    /// Adds an item that stands for several: one item to each level whose bit is set in the weight, whose fraction is
    /// rounded at random.
    pub(super) fn push_weighted(&mut self, key: i64, weight: Weight) {
        let (whole, fraction) = (weight.get().floor(), weight.get().fract());
        self.draws.stir(key as u64);
        let weight = whole as u32 + u32::from(self.draws.unit() < fraction);
        // Sampling adds w (w − 1), rounding f (1 − f), times q (1 − q), which is at most a quarter.
        self.variance += 0.25 * (whole + fraction) * (whole + fraction - 1.0) + 0.25 * fraction * (1.0 - fraction);
        (self.min, self.max) = (self.min.min(key), self.max.max(key));
        let levels = (u32::BITS - weight.leading_zeros()) as usize;
        if self.runs.len() + 1 < levels {
            self.runs.resize_with(levels - 1, Vec::new);
        }
        for (run, level) in self.runs.iter_mut().zip(1..levels) {
            if weight >> level & 1 == 1 {
                run.insert(run.partition_point(|&other| other <= key), key);
            }
        }
        if weight & 1 == 1 {
            self.push(key);
        }
        self.compress();
    }

    /// Takes in the items of another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.draws.join(&other.draws);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        self.variance = (self.variance + other.variance).min(f64::MAX);
        if self.runs.len() < other.runs.len() {
            self.runs.resize_with(other.runs.len(), Vec::new);
        }
        for (ours, theirs) in self.runs.iter_mut().zip(&other.runs) {
            merge_into(ours, theirs);
        }
        let room = Self::buffer_size(self.k) - self.buffer.len();
        let (now, later) = other.buffer.split_at(room.min(other.buffer.len()));
        self.buffer.extend_from_slice(now);
        if now.len() == room {
            self.compact_buffer();
        }
        self.buffer.extend_from_slice(later);
        self.compress();
    }

    fn compact_buffer(&mut self) {
        // Partitions begin with the same seed: their items, in their order, make their coins different.
        self.draws.stir(mixed(&self.buffer));
        self.buffer.sort_unstable();
        (self.min, self.max) = self.ends();
        self.compact(0);
        self.compress();
    }

    /// Compacts levels, lowest first, until those above the buffer are within their budget.
    fn compress(&mut self) {
        let (mut held, mut budget) = (self.held(), Self::budget(self.k, self.runs.len()));
        while held > budget {
            for level in 1..=self.runs.len() {
                let length = self.runs[level - 1].len();
                // Some level is full, or there would be no more than the budget.
                if length >= Self::capacity(self.k, self.runs.len() - level) {
                    self.compact(level);
                    held -= length / 2;
                    if held <= budget {
                        return;
                    }
                }
            }
            budget = Self::budget(self.k, self.runs.len());
        }
    }

    /// Takes every second item of an ascending level to the level above.
    fn compact(&mut self, level: usize) {
        let mut items = mem::take(self.level(level));
        // An odd one stays: the total weight is kept.
        let left = if items.len() % 2 == 1 { items.pop() } else { None };
        let coin = usize::from(self.coin(level));
        let half = items.len() / 2;
        for i in 0..half {
            items[i] = items[2 * i + coin];
        }
        items.truncate(half);
        if level < Self::HIGHEST {
            if level == self.runs.len() {
                self.runs.push(Vec::new());
            }
            merge_into(&mut self.runs[level], &items);
            items.clear();
        }
        items.extend(left);
        *self.level(level) = items;
    }

    fn level(&mut self, level: usize) -> &mut Vec<i64> {
        match level {
            0 => &mut self.buffer,
            _ => &mut self.runs[level - 1],
        }
    }

    /// Whether to keep the second item of each two. Coins come in pairs of opposites: of two compactions of a level
    /// that both split the items below a value unevenly, the second undoes the error of the first.
    fn coin(&mut self, level: usize) -> bool {
        let bit = 1 << level;
        if self.owed & bit != 0 {
            let coin = self.opposite & bit != 0;
            self.owed &= !bit;
            self.opposite &= !bit;
            return coin;
        }
        let coin = self.draws.bits() >> 63 == 1;
        self.owed |= bit;
        if !coin {
            self.opposite |= bit;
        }
        // The weight below a value is off by 2ʰ if their number is odd, in one compaction of a pair but not in both:
        // each happens half the time.
        let error = (level as f64).exp2();
        self.variance = (self.variance + 0.5 * error * error).min(f64::MAX);
        coin
    }
}

/// Merges an ascending run into another, from the back.
fn merge_into(into: &mut Vec<i64>, run: &[i64]) {
    let mut left = into.len();
    let mut run = run.iter();
    let Some(mut next) = run.next_back() else { return };
    into.resize(left + run.len() + 1, 0);
    for at in (0..into.len()).rev() {
        if left > 0 && into[left - 1] > *next {
            left -= 1;
            into[at] = into[left];
        } else {
            into[at] = *next;
            match run.next_back() {
                Some(before) => next = before,
                None => return,
            }
        }
    }
}

/// A hash of items in their order.
fn mixed(items: &[i64]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    // Four at a time, or each would wait for the one before.
    let mut lanes = [1, 2, 3, 4];
    for four in items.chunks(4) {
        for (lane, &item) in lanes.iter_mut().zip(four) {
            *lane = (*lane ^ item as u64).wrapping_mul(ODD).rotate_left(29);
        }
    }
    lanes.into_iter().fold(0, |hash: u64, lane| (hash ^ lane).wrapping_mul(ODD).rotate_left(29))
}
