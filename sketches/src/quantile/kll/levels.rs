//! The items of a KLL sketch: a buffer of those that came last, and ascending runs whose items stand for several.

use std::ops::Range;

use super::coins::Coins;
use crate::summary::Weight;

/// Compacting the items of a level takes every second one to the level above, where each stands for twice as many.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    pub(super) k: u16,
    /// Level 0: items that stand for one, as they came.
    pub(super) buffer: Vec<i64>,
    /// Levels 1 and up, the highest first, each ascending: an item of level h stands for 2ʰ.
    pub(super) items: Vec<i64>,
    /// The number of items at levels 1, 2, …; the last is not 0.
    pub(super) lengths: Vec<usize>,
    /// The lowest and the highest item, those in the buffer aside.
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) coins: Coins,
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
            items: Vec::new(),
            lengths: Vec::new(),
            min: i64::MAX,
            max: i64::MIN,
            coins: Coins::new(seed),
        }
    }

    /// The items at which the buffer is compacted: an even number.
    #[inline]
    pub(super) fn buffer_size(k: u16) -> usize {
        2 * usize::from(k)
    }

    /// The items at which the level so far below the highest may be compacted: k · (2/3)^depth.
    pub(super) fn capacity(k: u16, depth: usize) -> usize {
        const SHARES: [f64; Levels::HIGHEST + 1] = {
            let mut shares = [1.0; Levels::HIGHEST + 1];
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
    pub(super) fn budget(k: u16, levels: usize) -> usize {
        (0..levels).map(|depth| Self::capacity(k, depth)).sum()
    }

    /// How many items all of these stand for.
    pub(super) fn count(&self) -> u128 {
        let above = self.lengths.iter().zip(1..).map(|(&length, level)| (length as u128) << level);
        self.buffer.len() as u128 + above.sum::<u128>()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.items.is_empty()
    }

    /// Where the items of a level begin and end.
    fn range(&self, level: usize) -> Range<usize> {
        let below: usize = self.lengths.iter().take(level - 1).sum();
        let end = self.items.len() - below;
        end - self.lengths.get(level - 1).unwrap_or(&0)..end
    }

    /// The items of each level from 1 on.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[i64]> {
        (1..=self.lengths.len()).map(|level| &self.items[self.range(level)])
    }

    /// The lowest and the highest item; the other way round if there is none.
    pub(super) fn ends(&self) -> (i64, i64) {
        self.buffer.iter().fold((self.min, self.max), |(min, max), &key| (min.min(key), max.max(key)))
    }

    #[inline]
    pub(super) fn push(&mut self, key: i64) {
        if self.buffer.len() == self.buffer.capacity() {
            self.grow_buffer(1);
        }
        self.buffer.push(key);
        if self.buffer.len() >= Self::buffer_size(self.k) {
            self.compact_buffer();
        }
    }

    /// Adds items one after the other.
    pub(super) fn push_all(&mut self, mut keys: &[i64]) {
        while !keys.is_empty() {
            let free = Self::buffer_size(self.k) - self.buffer.len();
            let (first, rest) = keys.split_at(keys.len().min(free));
            if self.buffer.capacity() - self.buffer.len() < first.len() {
                self.grow_buffer(first.len());
            }
            self.buffer.extend_from_slice(first);
            if first.len() == free {
                self.compact_buffer();
            }
            keys = rest;
        }
    }

    /// Twice the room, or what more is needed, never more than all that will be.
    #[cold]
    fn grow_buffer(&mut self, more: usize) {
        let (length, most) = (self.buffer.len(), Self::buffer_size(self.k));
        self.buffer.reserve_exact(length.max(4).max(more).min(most - length));
    }

    /// Adds an item that stands for several: one item to each level whose bit is set in the weight, whose fraction is
    /// rounded at random.
    pub(super) fn push_weighted(&mut self, key: i64, weight: Weight) {
        let (whole, fraction) = (weight.get().floor(), weight.get().fract());
        self.coins.draws.stir(key as u64);
        let weight = whole as u32 + u32::from(self.coins.draws.unit() < fraction);
        // Sampling adds w (w − 1), rounding f (1 − f).
        self.coins.add_sampling(weight_variance(whole + fraction) + fraction * (1.0 - fraction));
        (self.min, self.max) = (self.min.min(key), self.max.max(key));
        let levels = weight.ilog2() as usize;
        if self.lengths.len() < levels {
            self.lengths.resize(levels, 0);
        }
        for level in (1..=levels).filter(|level| weight >> level & 1 == 1) {
            let range = self.range(level);
            let at = self.items[range.clone()].partition_point(|&other| other <= key);
            self.items.insert(range.start + at, key);
            self.lengths[level - 1] += 1;
        }
        if weight & 1 == 1 {
            self.push(key);
        }
        self.compress();
    }

    /// Takes in the items of another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.coins.join(&other.coins);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        if !other.items.is_empty() {
            let levels = self.lengths.len().max(other.lengths.len());
            self.lengths.resize(levels, 0);
            let mut items = Vec::with_capacity(self.items.len() + other.items.len());
            for level in (1..=levels).rev() {
                let theirs = if level <= other.lengths.len() { &other.items[other.range(level)] } else { &[] };
                merge_onto(&mut items, &self.items[self.range(level)], theirs);
            }
            self.items = items;
            self.lengths.iter_mut().zip(&other.lengths).for_each(|(ours, theirs)| *ours += theirs);
        }
        self.push_all(&other.buffer);
        self.compress();
    }

    fn compact_buffer(&mut self) {
        self.coins.stir(&self.buffer);
        self.buffer.sort_unstable();
        (self.min, self.max) = (self.min.min(self.buffer[0]), self.max.max(self.buffer[self.buffer.len() - 1]));
        let coin = self.coins.toss(0);
        let (above, end, half) = (self.range(1), self.items.len(), self.buffer.len() / 2);
        self.reserve(half);
        self.items.resize(end + half, 0);
        let buffer = &self.buffer;
        merge_back(&mut self.items, above, half, |_, i| buffer[2 * i + coin]);
        self.buffer.clear();
        self.rise(1, half);
        self.compress();
    }

    /// Compacts levels, lowest first, until those above the buffer are within their budget.
    fn compress(&mut self) {
        let mut budget = Self::budget(self.k, self.lengths.len());
        while self.items.len() > budget {
            for level in 1..=self.lengths.len() {
                // Some level is full, or there would be no more than the budget.
                if self.lengths[level - 1] >= Self::capacity(self.k, self.lengths.len() - level) {
                    self.compact(level);
                    if self.items.len() <= budget {
                        return;
                    }
                }
            }
            budget = Self::budget(self.k, self.lengths.len());
        }
    }

    /// Takes every second item of a level above the buffer to the next.
    fn compact(&mut self, level: usize) {
        let coin = self.coins.toss(level);
        let (range, end) = (self.range(level), self.items.len());
        let half = range.len() / 2;
        self.reserve(half);
        for i in 0..half {
            self.items.push(self.items[range.start + 2 * i + coin]);
        }
        let above = if level < Self::HIGHEST { self.range_above(&range, level) } else { range.start..range.start };
        merge_back(&mut self.items, above, half, |items, i| items[end + i]);
        // An odd one stays, the highest: the total weight is kept.
        let left = range.len() % 2;
        self.items.copy_within(range.end - left..end, range.start + half);
        self.items.truncate(end - half);
        self.lengths[level - 1] = left;
        self.rise(level.min(Self::HIGHEST - 1) + 1, half);
    }

    /// The level above the one that lies there.
    fn range_above(&self, range: &Range<usize>, level: usize) -> Range<usize> {
        range.start - self.lengths.get(level).unwrap_or(&0)..range.start
    }

    /// Counts items that came to a level.
    fn rise(&mut self, level: usize, more: usize) {
        if self.lengths.len() < level {
            self.lengths.push(0);
        }
        self.lengths[level - 1] += more;
    }

    /// Room for so many items, and for what other compactions need.
    fn reserve(&mut self, more: usize) {
        if self.items.capacity() - self.items.len() < more {
            let most = Self::budget(self.k, self.lengths.len() + 1) + usize::from(self.k);
            self.items.reserve_exact(more.max(most - most.min(self.items.len())));
        }
    }
}

/// Merges so many ascending items that lie elsewhere into the range of `items`, from the back, over what comes next.
fn merge_back(items: &mut [i64], range: Range<usize>, mut more: usize, item: impl Fn(&[i64], usize) -> i64) {
    let mut left = range.end;
    while more > 0 {
        let next = item(items, more - 1);
        let at = left + more - 1;
        if left > range.start && items[left - 1] > next {
            left -= 1;
            items[at] = items[left];
        } else {
            more -= 1;
            items[at] = next;
        }
    }
}

/// Appends two ascending runs, merged.
fn merge_onto(items: &mut Vec<i64>, ours: &[i64], theirs: &[i64]) {
    let mut ours = ours.iter().copied().peekable();
    for &next in theirs {
        while let Some(lower) = ours.next_if(|&key| key <= next) {
            items.push(lower);
        }
        items.push(next);
    }
    items.extend(ours);
}

/// What an item kept for `weight` items adds to the variance of a count.
fn weight_variance(weight: f64) -> f64 {
    weight * (weight - 1.0)
}
