//! The counters of the Count-Min sketches: rows of equal width, one counter of each row for an item.

use std::f64::consts::E;

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{Z95, sampling_error};
use crate::hash::DEFAULT_SEED;
use crate::summary::Weight;

/// One item in the counters' units.
const UNIT: f64 = Weight::UNIT as f64;

/// Multipliers that spread one hash over the rows.
const ROWS: [u64; 16] = {
    // SplitMix64 from seed 1, made odd.
    let mut rows = [0; 16];
    let (mut i, mut state) = (0, 1_u64);
    while i < rows.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        rows[i] = (z ^ (z >> 31)) | 1;
        i += 1;
    }
    rows
};

/// 1 − e^−depth by depth: that at least one of the rows is not too high by more than e times what is to be expected.
const CONFIDENCE: [f64; ROWS.len() + 1] = {
    let mut confidence = [0.0; ROWS.len() + 1];
    let (mut depth, mut all_too_high) = (1, 1.0);
    while depth < confidence.len() {
        all_too_high /= E;
        confidence[depth] = 1.0 - all_too_high;
        depth += 1;
    }
    confidence
};

/// How many rows are counted in at a time: their counters are fetched and stored at once.
const ABREAST: usize = 4;

/// All counters in units of 2⁻¹⁶: weights and decay leave fractions.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub(super) struct Grid {
    depth: u8,
    log_width: u8,
    pub(super) seed: u64,
    /// The items absorbed.
    total: u64,
    /// Σ w (w − 1) of the sampling.
    variance: u64,
    /// The most that any item's weight was above one: no count varies by more for each item in it.
    excess: u64,
    /// Row by row.
    counters: Vec<u64>,
}

impl Grid {
    pub(super) fn new(summary: &'static str, depth: usize, width: usize) -> Result<Self, ParameterError> {
        let wrong =
            |parameter, allowed, value: usize| ParameterError { summary, parameter, allowed, value: value.to_string() };
        if !(1..=ROWS.len()).contains(&depth) {
            return Err(wrong("depth", "1 to 16", depth));
        }
        if !(2..=1 << 28).contains(&width) {
            return Err(wrong("width", "2 to 2^28", width));
        }
        let width = width.next_power_of_two();
        Ok(Self {
            depth: depth as u8,
            log_width: width.ilog2() as u8,
            seed: DEFAULT_SEED,
            total: 0,
            variance: 0,
            excess: 0,
            counters: vec![0; depth * width],
        })
    }

    pub(super) fn with_error(summary: &'static str, error: f64, confidence: f64) -> Result<Self, ParameterError> {
        let wrong =
            |parameter, allowed, value: f64| ParameterError { summary, parameter, allowed, value: value.to_string() };
        // The width that this takes lies in 2..=2²⁸.
        if !(1.02e-8..=1.0).contains(&error) {
            return Err(wrong("error", "1.02e-8 to 1", error));
        }
        let Some(depth) = (1..CONFIDENCE.len()).find(|&depth| CONFIDENCE[depth] >= confidence && confidence > 0.0)
        else {
            return Err(wrong("confidence", "above 0, at most 1 - e^-16", confidence));
        };
        Self::new(summary, depth, (E / error).ceil() as usize)
    }

    pub(super) fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        (self.total, self.variance, self.excess) = (0, 0, 0);
        self.counters.fill(0);
        self
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.into()
    }

    pub(super) fn width(&self) -> usize {
        1 << self.log_width
    }

    pub(super) fn total(&self) -> u64 {
        self.total.saturating_add(Weight::UNIT / 2) / Weight::UNIT
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.counters.capacity() * size_of::<u64>()
    }

    /// The lowest counter of an item.
    #[inline]
    fn lowest(&self, hash: u64) -> u64 {
        let counters = self.counters.as_slice();
        cells(self.depth, self.log_width, hash, |cells| cells.iter().map(|cell| counters[*cell]).min().unwrap_or(0))
    }

    /// Adds to every counter of an item.
    #[inline]
    pub(super) fn add(&mut self, hash: u64, units: u64) {
        self.total = self.total.wrapping_add(units);
        let counters = self.counters.as_mut_slice();
        cells(self.depth, self.log_width, hash, |cells| {
            for cell in cells {
                counters[*cell] = counters[*cell].wrapping_add(units);
            }
        });
    }

    /// Raises the counters of an item as little as they must be for it to be counted.
    #[inline]
    pub(super) fn raise(&mut self, hash: u64, units: u64) {
        self.total = self.total.saturating_add(units);
        let counters = self.counters.as_mut_slice();
        cells(self.depth, self.log_width, hash, |cells| raise(counters, cells, units));
    }

    /// Raises the counters of each item by one.
    pub(super) fn raise_all(&mut self, hashes: &[u64]) {
        self.total = self.total.saturating_add((hashes.len() as u64).saturating_mul(Weight::UNIT));
        let (depth, log_width, counters) = (self.depth, self.log_width, self.counters.as_mut_slice());
        for hash in hashes {
            cells(depth, log_width, *hash, |cells| raise(counters, cells, Weight::UNIT));
        }
    }

    /// Adds one to every counter of each item.
    pub(super) fn add_all(&mut self, hashes: &[u64]) {
        self.total = self.total.wrapping_add((hashes.len() as u64).wrapping_mul(Weight::UNIT));
        let (width, shift) = (self.width(), 64 - u32::from(self.log_width));
        for (rows, by) in self.counters.chunks_mut(ABREAST * width).zip(ROWS.chunks(ABREAST)) {
            let mut rows = rows.chunks_exact_mut(width);
            match (rows.next(), rows.next(), rows.next(), rows.next()) {
                (Some(a), Some(b), Some(c), Some(d)) => add_to_rows([a, b, c, d], by, shift, hashes),
                (a, b, c, _) => {
                    for (row, by) in [a, b, c].into_iter().flatten().zip(by) {
                        add_to_rows([row], &[*by], shift, hashes);
                    }
                }
            }
        }
    }

    /// Notes that an item was sampled with this weight.
    pub(super) fn note_variance(&mut self, weight: Weight) {
        self.variance = self.variance.wrapping_add(weight.variance_units());
        self.excess = self.excess.max(weight.excess_units());
    }

    /// Combines all numbers with those of another grid.
    pub(super) fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        self.total = with(self.total, other.total);
        self.variance = with(self.variance, other.variance);
        // What leaves a window may have been the heaviest: the bound then stays as long as anything sampled is in it.
        self.excess = if self.variance == 0 { 0 } else { self.excess.max(other.excess) };
        for (ours, theirs) in self.counters.iter_mut().zip(&other.counters) {
            *ours = with(*ours, *theirs);
        }
    }

    pub(super) fn decay(&mut self, factor: f64) {
        // Rounded up: a faded count is still not too low.
        let fade = |count: u64| (count as f64 * factor).ceil() as u64;
        self.counters.iter_mut().for_each(|c| *c = fade(*c));
        self.total = fade(self.total);
        self.variance = fade(fade(self.variance));
    }

    pub(super) fn compatible(&self, summary: &'static str, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(summary, "depth", &self.depth, &other.depth)?;
        Mismatch::check(summary, "width", &self.width(), &other.width())?;
        Mismatch::check(summary, "seed", &self.seed, &other.seed)
    }

    /// How sure an interval is that holds if one row is not too high, and if the sampling behaved.
    fn confidence(&self, sampled: bool) -> f64 {
        CONFIDENCE[self.depth().min(ROWS.len())] * if sampled { 0.95 } else { 1.0 }
    }

    /// How far the sampling may have moved a count.
    fn sampling_error(&self, count: f64) -> [f64; 2] {
        sampling_error_of_part(count, self.variance, self.excess)
    }

    /// How often an item was seen.
    #[inline]
    pub(super) fn estimate(&self, hash: u64, family: Family) -> Estimate {
        let count = self.lowest(hash) as f64 / UNIT;
        let total = self.total as f64 / UNIT;
        let excess = E / self.width() as f64 * total;
        let [below, above] = self.sampling_error(count);
        Estimate::within(
            count,
            (count - excess - below).max(0.0),
            count + above,
            self.confidence(self.variance > 0),
            Method::new(family, self.width() as u32),
        )
    }

    /// The sum over all items of the product of their two counts.
    pub(super) fn inner_product(&self, other: &Self, family: Family) -> Estimate {
        let width = self.width();
        let rows = || self.counters.chunks_exact(width).zip(other.counters.chunks_exact(width));
        let product = |(ours, theirs): (&[u64], &[u64])| {
            let products = ours.iter().zip(theirs).map(|(a, b)| u128::from(*a) * u128::from(*b));
            products.fold(0, u128::wrapping_add)
        };
        let value = rows().map(product).min().unwrap_or(0) as f64 / (UNIT * UNIT);
        let totals = [self.total, other.total].map(|total| total as f64 / UNIT);
        let excess = E / width as f64 * (totals[0] * totals[1]);
        let variances = [self.variance, other.variance].map(|variance| variance as f64 / UNIT);
        let sampled = variances != [0.0; 2];
        let mut spread = 0.0;
        if sampled {
            // A count of f varies by at most f times the greatest excess; what it is multiplied with makes it f·g². The
            // deviations are added, as if the two samples went together: they may be of the same items.
            let cubic = |(ours, theirs): (&[u64], &[u64])| {
                ours.iter().zip(theirs).fold([0.0; 2], |[first, second], (a, b)| {
                    let (a, b) = (*a as f64 / UNIT, *b as f64 / UNIT);
                    [first + a * b * b, second + a * a * b]
                })
            };
            let cubics = rows().map(cubic).min_by(|a, b| (a[0] + a[1]).total_cmp(&(b[0] + b[1]))).unwrap_or_default();
            let excesses = [self.excess, other.excess].map(|excess| excess as f64 / UNIT);
            let deviation = |i: usize| (excesses[i] * cubics[i]).sqrt();
            spread = Z95 * (deviation(0) + deviation(1) + (variances[0] * variances[1]).sqrt());
        }
        Estimate::within(
            value,
            (value - excess - spread).max(0.0),
            value + spread,
            self.confidence(sampled),
            Method::new(family, width as u32),
        )
    }

    pub(super) fn encode(&self, out: &mut Writer) {
        out.u8(self.depth);
        out.u8(self.log_width);
        out.u64(self.total);
        out.u64(self.variance);
        out.u64(self.excess);
        self.counters.iter().for_each(|&c| out.u64(c));
    }

    pub(super) fn decode(content: &mut Reader<'_>, seed: u64) -> Result<Self, DecodeError> {
        let (depth, log_width) = (content.u8("depth")?, content.u8("log width")?);
        let cells = size(depth, log_width)?;
        let total = content.u64("total")?;
        let variance = content.u64("sampling variance")?;
        let excess = content.u64("heaviest weight")?;
        let counters = content.bytes("counters", cells * size_of::<u64>())?;
        let mut counters = Reader::new(counters);
        let counters = (0..cells).map(|_| counters.u64("counter")).collect::<Result<_, _>>()?;
        Ok(Self { depth, log_width, seed, total, variance, excess, counters })
    }
}

/// How far the sampling may have moved the count of one item of many, down and up, with 95 %.
///
/// Strata are sampled unevenly, and who knows of which the item was: its variance is at most that of all, and at most
/// that of items which all had the greatest weight. Numbers in units of 2⁻¹⁶ but for the count.
pub(super) fn sampling_error_of_part(count: f64, variance: u64, excess: u64) -> [f64; 2] {
    if variance == 0 {
        return [0.0; 2];
    }
    let (variance, excess) = (variance as f64 / UNIT, excess as f64 / UNIT);
    sampling_error(variance.min(count * excess), excess)
}

/// Does something with the counters of an item, one of each row.
#[inline(always)]
fn cells<T>(depth: u8, log_width: u8, hash: u64, work: impl FnOnce(&[usize]) -> T) -> T {
    let depth = usize::from(depth).min(ROWS.len());
    if depth == ABREAST {
        // Of the usual depth the compiler knows the number, and keeps all in registers.
        return work(&std::array::from_fn::<_, ABREAST, _>(|row| cell(row, log_width, hash)));
    }
    work(&all_cells(log_width, hash)[..depth])
}

/// The counter of an item in a row.
#[inline]
fn cell(row: usize, log_width: u8, hash: u64) -> usize {
    (row << log_width) + (hash.wrapping_mul(ROWS[row]) >> (64 - u32::from(log_width))) as usize
}

/// Out of the way of the usual depth.
#[inline(never)]
fn all_cells(log_width: u8, hash: u64) -> [usize; ROWS.len()] {
    std::array::from_fn(|row| cell(row, log_width, hash))
}

/// Adds one to a counter of each row for every hash.
#[inline]
fn add_to_rows<const R: usize>(mut rows: [&mut [u64]; R], by: &[u64], shift: u32, hashes: &[u64]) {
    let by: [u64; R] = std::array::from_fn(|row| by[row]);
    for hash in hashes {
        for (row, by) in rows.iter_mut().zip(by) {
            let counter = &mut row[(hash.wrapping_mul(by) >> shift) as usize];
            *counter = counter.wrapping_add(Weight::UNIT);
        }
    }
}

/// Raises some counters to one more than the lowest of them, or `units` more.
#[inline]
fn raise(counters: &mut [u64], cells: &[usize], units: u64) {
    if let Ok(cells) = <[usize; ABREAST]>::try_from(cells) {
        // All read before any is written, the lowest found in pairs: in one chain, each step would be compiled to a
        // branch that is as good as random.
        let counts @ [a, b, c, d] = cells.map(|cell| counters[cell]);
        let raised = a.min(b).min(c.min(d)).saturating_add(units);
        cells.into_iter().zip(counts).for_each(|(cell, count)| counters[cell] = count.max(raised));
        return;
    }
    let lowest = cells.iter().map(|cell| counters[*cell]).min().unwrap_or(0);
    let raised = lowest.saturating_add(units);
    cells.iter().for_each(|cell| counters[*cell] = counters[*cell].max(raised));
}

/// The number of counters, if there may be so many.
fn size(depth: u8, log_width: u8) -> Result<usize, DecodeError> {
    DecodeError::unless((1..=ROWS.len()).contains(&depth.into()), "depth", depth)?;
    DecodeError::unless((1..=28).contains(&log_width), "log width", log_width)?;
    Ok(usize::from(depth) << log_width)
}

#[derive(Deserialize)]
struct Parts {
    depth: u8,
    log_width: u8,
    seed: u64,
    total: u64,
    variance: u64,
    excess: u64,
    counters: Vec<u64>,
}

impl TryFrom<Parts> for Grid {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { depth, log_width, seed, total, variance, excess, counters } = parts;
        DecodeError::unless(counters.len() == size(depth, log_width)?, "counters", counters.len())?;
        Ok(Self { depth, log_width, seed, total, variance, excess, counters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::PortableHash;

    /// Items that share a counter in one row share one in another row as seldom as any: one in `width` of them.
    #[test]
    fn rows_are_independent_whatever_the_items() {
        const LOG_WIDTH: u8 = 6;
        const ITEMS: u64 = 20_000;
        let spread: [(&str, fn(u64) -> u64); 4] = [
            ("consecutive", |i| i),
            ("shifted up", |i| i << 32),
            ("in large steps", |i| i * 4_096),
            ("random", |i| i.portable_hash(1)),
        ];
        for (items, item) in spread {
            let cells: Vec<Vec<usize>> = (0..ITEMS)
                .map(|i| super::cells(16, LOG_WIDTH, item(i).portable_hash(DEFAULT_SEED), <[usize]>::to_vec))
                .collect();
            let width = 1 << LOG_WIDTH;
            let pairs = (ITEMS * (ITEMS - 1) / 2) as f64;
            let expected = pairs / (width * width) as f64;
            for first in 0..16 {
                for second in 0..first {
                    let mut both = vec![0_u64; width * width];
                    for cells in &cells {
                        both[cells[first] % width * width + cells[second] % width] += 1;
                    }
                    let collide = both.iter().map(|n| n * n.saturating_sub(1) / 2).sum::<u64>() as f64;
                    // Beyond five deviations once in 3,000 times, over all 480.
                    let deviations = (collide - expected) / expected.sqrt();
                    assert!(deviations.abs() < 5.0, "{items}: rows {first} and {second}: {collide} of {expected}");
                }
            }
        }
    }
}
