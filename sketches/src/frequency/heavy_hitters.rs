//! Misra–Gries counters: the most frequent items, with intervals that always hold.

use serde::{Deserialize, Serialize};

use super::grid::sampling_error_of_part;
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Estimate, Family, Method};
use crate::exact::{ExactTop, highest};
use crate::key::{Key, OwnedKey};
use crate::summary::{Absorb, Decay, Merge, Summary, TwoStacks, Weight, Weighted};
use crate::table::Table;

/// The `k` most frequent items, each with an interval that always holds its true count.
///
/// | | |
/// |---|---|
/// | answers | the most frequent items and how often each was seen |
/// | memory | at most `counters` keys and counts; 2,048 for the default |
/// | absorb, merge, read | O(1) amortised, O(counters), O(counters) |
/// | guarantee | count − error ≤ truth ≤ count, always, with error ≤ 2·N/counters for N items; every item seen more often than that is in the table |
/// | merged | the same guarantee for the sum of the N |
///
/// When the table is full the median count is taken from every counter and those that fall to nothing leave; what was
/// taken is the error. On skewed data it is far below its limit. The table depends on the order of the items, the
/// guarantee does not. Counts are printed from the top: an item that was never out of the table has its upper end.
///
/// Of sampled items the interval holds with 95 %: it is wider by what the sampling may have moved the count, at most as
/// if all copies of the item had had the heaviest weight.
///
/// Sources: Misra, Gries, *Finding Repeated Elements*, 1982; Agarwal et al., *Mergeable Summaries*, 2012; purging by the
/// median after Anderson et al., *A High-Performance Algorithm for Identifying Frequent Items in Data Streams*, 2017.
///
/// ```
/// use streamgauge_sketches::{Absorb, HeavyHitters, Summary};
/// let mut pages = HeavyHitters::top(2);
/// for i in 0..10_000_u32 {
///     pages.absorb(&(if i % 3 == 0 { 7 } else if i % 3 == 1 { 8 } else { i }));
/// }
/// let top = pages.read();
/// assert_eq!((top[0].0, top[1].0), (7, 8));
/// assert!(top[0].1.contains(3_334.0) && top[0].1.confidence == 1.0);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "", try_from = "Parts<K>")]
pub struct HeavyHitters<K: OwnedKey> {
    k: u32,
    counters: u32,
    /// What was taken from every counter that was there all the time: no count is too low by more. As all counts, in
    /// units of 2⁻¹⁶: weights and decay leave fractions.
    error: u64,
    total: u64,
    /// Σ w (w − 1) of the sampling.
    variance: u64,
    /// The most that any item's weight was above one.
    excess: u64,
    table: Table<K, u64>,
}

/// One item in the counters' units.
const UNIT: f64 = Weight::UNIT as f64;

impl<K: OwnedKey> HeavyHitters<K> {
    /// The default number of counters.
    pub const DEFAULT_COUNTERS: usize = 2_048;

    /// Reads as the `k` most frequent items, kept among 2,048 counters (more if `k` is above 128).
    pub fn top(k: usize) -> Self {
        let k = k.clamp(1, 1 << 24);
        Self::empty(k, Self::DEFAULT_COUNTERS.max(16 * k))
    }

    /// Reads as the `k` most frequent items, each known within 2·N/`counters`.
    ///
    /// # Errors
    /// [`ParameterError`] unless `k` ≥ 1 and `counters` lies in 2·k..=2²⁸.
    pub fn with_counters(k: usize, counters: usize) -> Result<Self, ParameterError> {
        if k == 0 || counters / 2 < k || counters > 1 << 28 {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "counters",
                allowed: "2 k to 2^28 for k of at least 1",
                value: format!("{counters} for k = {k}"),
            });
        }
        Ok(Self::empty(k, counters))
    }

    fn empty(k: usize, counters: usize) -> Self {
        Self {
            k: k as u32,
            counters: counters as u32,
            error: 0,
            total: 0,
            variance: 0,
            excess: 0,
            table: Table::default(),
        }
    }

    /// How many items were absorbed, rounded.
    pub fn total(&self) -> u64 {
        self.total.saturating_add(Weight::UNIT / 2) / Weight::UNIT
    }

    #[inline]
    fn insert_units<Q: Key<Owned = K> + ?Sized>(&mut self, item: &Q, units: u64) {
        self.total = self.total.saturating_add(units);
        let counter = self.table.entry(item, || 0);
        *counter = counter.saturating_add(units);
        if self.table.len() > self.counters as usize {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let mut counts: Vec<u64> = self.table.entries().iter().map(|(_, count)| *count).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        self.error = self.error.saturating_add(median);
        self.table.retain(|_, count| {
            *count = count.saturating_sub(median);
            *count > 0
        });
    }

    /// How often this item was seen.
    pub fn estimate<Q: Key<Owned = K> + ?Sized>(&self, item: &Q) -> Estimate {
        self.interval(self.table.get(item).copied().unwrap_or(0))
    }

    fn interval(&self, count: u64) -> Estimate {
        let (lower, upper) = (count as f64 / UNIT, count.saturating_add(self.error) as f64 / UNIT);
        let method = Method::new(Family::HeavyHitters, self.counters);
        if self.variance == 0 {
            return Estimate::within(upper, lower, upper, 1.0, method);
        }
        let [_, above] = sampling_error_of_part(upper, self.variance, self.excess);
        let [below, _] = sampling_error_of_part(lower, self.variance, self.excess);
        Estimate::within(upper, (lower - below).max(0.0), upper + above, 0.95, method)
    }
}

impl<K: OwnedKey> Summary for HeavyHitters<K> {
    type Reading = Vec<(K, Estimate)>;

    const NAME: &'static str = "HeavyHitters";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self::Reading {
        highest(self.table.entries(), self.k as usize)
            .into_iter()
            .map(|(key, count)| (key.clone(), self.interval(*count)))
            .collect()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Table<K, u64>>() + self.table.memory_bytes()
    }
}

impl<K: OwnedKey, Q: Key<Owned = K> + ?Sized> Absorb<Q> for HeavyHitters<K> {
    type Exact = ExactTop<K>;

    const WEIGHTED: Option<fn(&mut Self, &Q, Weight)> = Some(<Self as Weighted<Q>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &Q) {
        self.insert_units(item, Weight::UNIT);
    }

    fn exact(&self) -> ExactTop<K> {
        ExactTop::new(self.k as usize)
    }
}

impl<K: OwnedKey, Q: Key<Owned = K> + ?Sized> Weighted<Q> for HeavyHitters<K> {
    fn absorb_weighted(&mut self, item: &Q, weight: Weight) {
        self.variance = self.variance.saturating_add(weight.variance_units());
        self.excess = self.excess.max(weight.excess_units());
        self.insert_units(item, weight.units());
    }
}

impl<K: OwnedKey> Decay for HeavyHitters<K> {
    fn decay(&mut self, factor: f64) {
        if factor >= 1.0 {
            return;
        }
        let fade = |count: u64| (count as f64 * factor) as u64;
        self.table.retain(|_, count| {
            *count = fade(*count);
            *count > 0
        });
        // Counts are rounded down and the error up by as much: the interval still holds the faded truth.
        self.error = fade(self.error) + 2;
        self.total = fade(self.total);
        self.variance = fade(fade(self.variance));
    }
}

impl<K: OwnedKey> Merge for HeavyHitters<K> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "k", &self.k, &other.k)?;
        Mismatch::check(Self::NAME, "counters", &self.counters, &other.counters)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        for (item, count) in other.table.entries() {
            let counter = self.table.entry(item, || 0);
            *counter = counter.saturating_add(*count);
        }
        self.error = self.error.saturating_add(other.error);
        self.total = self.total.saturating_add(other.total);
        self.variance = self.variance.saturating_add(other.variance);
        self.excess = self.excess.max(other.excess);
        // One purge for the whole merge takes less from the counters than one at every overflow would.
        while self.table.len() > self.counters as usize {
            self.purge();
        }
        Ok(())
    }
}

impl<K: OwnedKey> Codec for HeavyHitters<K> {
    const FAMILY: Family = Family::HeavyHitters;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.u32(self.k);
        out.u32(self.counters);
        for number in [self.error, self.total, self.variance, self.excess] {
            out.u64(number);
        }
        out.u32(self.table.len() as u32);
        for (key, count) in self.table.entries() {
            out.u64(*count);
            out.value(key);
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let (k, counters) = (content.u32("k")?, content.u32("counters")?);
        let (error, total) = (content.u64("error")?, content.u64("total")?);
        let variance = content.u64("sampling variance")?;
        let excess = content.u64("heaviest weight")?;
        let entries = content.length("entries", 12)?;
        let mut table = Vec::new();
        for _ in 0..entries {
            let count = content.u64("count")?;
            table.push((content.value("key")?, count));
        }
        Parts { k, counters, error, total, variance, excess, table }.try_into()
    }
}

#[derive(Deserialize)]
#[serde(bound = "")]
struct Parts<K: OwnedKey> {
    k: u32,
    counters: u32,
    error: u64,
    total: u64,
    variance: u64,
    excess: u64,
    table: Vec<(K, u64)>,
}

impl<K: OwnedKey> TryFrom<Parts<K>> for HeavyHitters<K> {
    type Error = DecodeError;

    fn try_from(parts: Parts<K>) -> Result<Self, DecodeError> {
        let Parts { k, counters, error, total, variance, excess, table } = parts;
        let mut sketch = Self::with_counters(k as usize, counters as usize)
            .map_err(|e| DecodeError::Value { field: "counters", value: e.value })?;
        (sketch.error, sketch.total, sketch.variance, sketch.excess) = (error, total, variance, excess);
        let entries = table.len();
        DecodeError::unless(entries <= counters as usize, "entries", entries)?;
        for (key, count) in table {
            DecodeError::unless(count > 0, "count", count)?;
            *sketch.table.entry(&key, || 0) = count;
        }
        DecodeError::unless(sketch.table.len() == entries, "repeated key among entries", entries)?;
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A skewed stream whose tail is long.
    fn item(i: u64) -> u64 {
        let h = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        if h.is_multiple_of(3) { h % 20 } else { h % 50_000 }
    }

    #[test]
    fn intervals_always_hold_also_merged() {
        let mut exact = ExactTop::new(20);
        let mut merged = HeavyHitters::with_counters(20, 256).unwrap();
        for part in 0..16_u64 {
            let mut sketch = HeavyHitters::with_counters(20, 256).unwrap();
            for i in part * 10_000..(part + 1) * 10_000 {
                sketch.absorb(&item(i));
                exact.absorb(&item(i));
            }
            merged.merge(&sketch).unwrap();
        }
        assert!(merged.error <= 2 * merged.total / 256, "error {}", merged.error);
        for item in 0..50_000_u64 {
            let (truth, estimate) = (exact.count(&item) as f64, merged.estimate(&item));
            assert!(estimate.contains(truth), "{item}: {truth} outside {estimate}");
        }
        let image = merged.to_bytes();
        assert_eq!(HeavyHitters::<u64>::from_bytes(&image).unwrap().to_bytes(), image);
    }

    #[test]
    fn what_comes_now_and_then_survives_decay() {
        let mut sketch = HeavyHitters::top(1);
        for _ in 0..2_000 {
            sketch.decay(0.99);
            sketch.absorb("tick");
        }
        let (_, count) = &sketch.read()[0];
        assert!(count.contains(100.0) && count.upper - count.lower < 1.0, "{count}");
        let before = sketch.to_bytes();
        sketch.decay(1.0);
        assert_eq!(sketch.to_bytes(), before);
    }

    #[test]
    fn ties_ascend_by_key() {
        let mut sketch = HeavyHitters::top(3);
        ["d", "b", "c", "a", "d"].iter().for_each(|x| sketch.absorb(*x));
        let keys: Vec<_> = sketch.read().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["d", "a", "b"]);
    }
}
