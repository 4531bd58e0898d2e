//! A uniform sample of fixed size.

use serde::{Deserialize, Serialize};

use super::{Item, Sample, capacity, decode_items, refused, unless};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Family, Method};
use crate::exact::Z95;
use crate::hash::DEFAULT_SEED;
use crate::random::Draws;
use crate::summary::{Absorb, Items, Merge, Summary, TwoStacks};

/// A uniform sample of `k` items without replacement: every set of `k` items is as likely as any other.
///
/// | | |
/// |---|---|
/// | answers | totals, means and counts of anything that can be computed from an item, with intervals ([`Sample`]) |
/// | memory | at most k items |
/// | absorb, merge, read | O(1), but O(k (1 + log(n/k))) for a slice of n items, which is stepped over; O(k); O(k) |
/// | guarantee | every item is held with probability k/n; with n ≤ k it is all of them, and exact |
/// | merged | again a uniform sample of k, of all items of both; another one for another order of merges |
///
/// Items are absorbed as they stand in the record, such as `str`, and made owned when they are accepted. The number of
/// all items is exact. **Not for** what few items have (count those with a summary of their own), nor for the heaviest
/// items of a skewed stream, which a [`WeightedReservoir`](super::WeightedReservoir) holds.
///
/// Sources: Li, *Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))*, 1994, algorithm L. Merging draws
/// how many items come from each side (hypergeometric), takes those at random, and draws the threshold anew: the k-th
/// smallest of n uniform numbers, which is Beta(k, n − k + 1).
///
/// ```
/// use streamgauge_sketches::{Absorb, Reservoir, Summary};
/// let mut lengths = Reservoir::<String>::new(1_000)?;
/// for i in 0..50_000_u32 {
///     lengths.absorb(format!("/page/{i}").as_str());
/// }
/// let sample = lengths.read();
/// assert_eq!((sample.items().len(), sample.population()), (1_000, 50_000));
/// assert!(sample.mean(|page| page.len() as f64).contains(10.7778));
/// assert!(sample.count(|page| page.ends_with('7')).contains(5_000.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts<T>", bound = "")]
pub struct Reservoir<T: Item> {
    capacity: u32,
    draws: Draws,
    population: u64,
    /// The k-th smallest of as many uniform numbers as there are items: the probability that the next is accepted. 1
    /// until the reservoir is full.
    threshold: f64,
    /// The position, among all items, of the next that is accepted.
    next: u64,
    items: Vec<T>,
}

/// The fields of a reservoir as they are stored, to be checked.
#[derive(Deserialize)]
#[serde(bound = "")]
struct Parts<T: Item> {
    capacity: u32,
    draws: Draws,
    population: u64,
    threshold: f64,
    next: u64,
    items: Vec<T>,
}

impl<T: Item> TryFrom<Parts<T>> for Reservoir<T> {
    type Error = DecodeError;

    fn try_from(parts: Parts<T>) -> Result<Self, DecodeError> {
        let Parts { capacity, draws, population, threshold, next, items } = parts;
        super::capacity(Self::NAME, capacity as usize, 1).map_err(refused("capacity"))?;
        let held = population.min(u64::from(capacity));
        unless(items.len() as u64 == held, "items", items.len())?;
        if held < u64::from(capacity) {
            unless(threshold.to_bits() == 1_f64.to_bits(), "threshold", threshold)?;
            unless(next == population, "next position", next)?;
        } else {
            unless((0.0..=1.0).contains(&threshold) && threshold.is_sign_positive(), "threshold", threshold)?;
            unless(next >= population, "next position", next)?;
        }
        Ok(Self { capacity, draws, population, threshold, next, items })
    }
}

impl<T: Item> Reservoir<T> {
    /// A sample of `k` items.
    ///
    /// # Errors
    /// [`ParameterError`] unless `k` lies in 1..=2²⁴.
    pub fn new(k: usize) -> Result<Self, ParameterError> {
        Ok(Self::empty(capacity(Self::NAME, k, 1)?, Draws::new(DEFAULT_SEED)))
    }

    /// The smallest sample from which the share of items that have some property is known within ±`margin` with 95 %,
    /// whatever the share: 0.01 gives 9,704 items.
    ///
    /// # Errors
    /// [`ParameterError`] unless the margin lies in 0.00024..=0.5.
    pub fn with_error(margin: f64) -> Result<Self, ParameterError> {
        // The widest interval is that of one half, z/2√k and a half item on either side.
        let root = (Z95 / 2.0 + (Z95 * Z95 / 4.0 + 2.0 * margin).sqrt()) / (2.0 * margin);
        if !(0.000_24..=0.5).contains(&margin) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "margin of a share",
                allowed: "0.00024 to 0.5",
                value: margin.to_string(),
            });
        }
        Self::new((root * root).ceil() as usize)
    }

    /// The same sample, empty, drawing from another seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self::empty(self.capacity, Draws::new(seed))
    }

    pub(super) fn empty(capacity: u32, draws: Draws) -> Self {
        Self { capacity, draws, population: 0, threshold: 1.0, next: 0, items: Vec::new() }
    }

    /// The number of items it holds at most.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// How many items were absorbed.
    pub fn population(&self) -> u64 {
        self.population
    }

    /// The items it holds, in no order that means anything.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    fn method(&self) -> Method {
        Method::new(Family::Reservoir, self.capacity)
    }

    fn is_full(&self) -> bool {
        self.items.len() == self.capacity as usize
    }

    /// Takes in the item at position `next`, and returns how many are stepped over then.
    #[inline]
    fn accept(&mut self, item: T) -> u64 {
        let skip = if self.items.len() < self.capacity as usize {
            self.draws.stir_item(&item);
            self.items.push(item);
            if self.is_full() { self.step() } else { 0 }
        } else {
            let slot = self.draws.below(u64::from(self.capacity)) as usize;
            let skip = self.step();
            self.draws.stir_sometimes(&item);
            self.items[slot] = item;
            skip
        };
        self.next = self.next.saturating_add(skip).saturating_add(1);
        skip
    }

    /// Lowers the threshold as an accepted item does, and draws how many items are stepped over under it.
    #[inline]
    fn step(&mut self) -> u64 {
        self.threshold *= self.draws.highest_of(self.capacity);
        self.draws.skip(self.threshold)
    }

    /// Moves `keep` of the items, chosen at random, to the front.
    fn shuffle(items: &mut [T], keep: usize, draws: &mut Draws) {
        for i in 0..keep {
            let rest = (items.len() - i) as u64;
            items.swap(i, i + draws.below(rest) as usize);
        }
    }

    /// A sample of at most so many of the items it holds; the same at every call.
    pub(super) fn subsample(&self, keep: usize) -> Sample<T> {
        let mut items = self.items.clone();
        if keep < items.len() {
            Self::shuffle(&mut items, keep, &mut self.draws.clone());
            items.truncate(keep);
        }
        Sample::new(items, self.population, self.method())
    }

    pub(super) fn encode_content(&self, out: &mut Writer) {
        self.draws.encode(out);
        out.u64(self.population);
        out.f64(self.threshold);
        out.u64(self.next);
        out.u32(self.items.len() as u32);
        self.items.iter().for_each(|item| out.value(item));
    }

    pub(super) fn decode_content(content: &mut Reader<'_>, capacity: u32) -> Result<Self, DecodeError> {
        let draws = Draws::decode(content)?;
        let (population, threshold) = (content.u64("population")?, content.f64("threshold")?);
        let next = content.u64("next position")?;
        Parts { capacity, draws, population, threshold, next, items: decode_items(content)? }.try_into()
    }
}

impl<T: Item> Summary for Reservoir<T> {
    type Reading = Sample<T>;

    const NAME: &'static str = "Reservoir";

    fn read(&self) -> Sample<T> {
        Sample::new(self.items.clone(), self.population, self.method())
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.items.capacity() * size_of::<T>()
    }
}

impl<T: Item, Q: ToOwned<Owned = T> + ?Sized> Absorb<Q> for Reservoir<T> {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, item: &Q) {
        if self.population == self.next {
            self.accept(item.to_owned());
        }
        self.population = self.population.saturating_add(1);
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        let left = items.visit_some(self.next - self.population, |item| self.accept(item.to_owned()));
        // Positions end at 2⁶⁴: what comes after has the last one.
        self.population = self.population.max(self.next - left);
    }

    /// A sample is its own yardstick.
    fn exact(&self) -> Self {
        Self::empty(self.capacity, self.draws.clone())
    }
}

impl<T: Item> Merge for Reservoir<T> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "capacity", &self.capacity, &other.capacity)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        if other.population == 0 {
            return Ok(());
        }
        if self.population == 0 {
            *self = other.clone();
            return Ok(());
        }
        self.draws.join(&other.draws);
        let k = self.capacity as usize;
        if self.items.len() + other.items.len() <= k {
            self.items.extend_from_slice(&other.items);
        } else {
            // Draws k of all items one after another, but only from which side each comes.
            let (mut ours, mut theirs, mut from_us) = (self.population, other.population, 0);
            for _ in 0..k {
                let us = self.draws.below(ours.saturating_add(theirs)) < ours;
                from_us += usize::from(us);
                ours -= u64::from(us);
                theirs -= u64::from(!us);
            }
            Self::shuffle(&mut self.items, from_us, &mut self.draws);
            self.items.truncate(from_us);
            let mut places: Vec<u32> = (0..other.items.len() as u32).collect();
            for i in 0..k - from_us {
                let rest = (places.len() - i) as u64;
                places.swap(i, i + self.draws.below(rest) as usize);
                self.items.push(other.items[places[i] as usize].clone());
            }
        }
        self.population = self.population.saturating_add(other.population);
        self.next = self.population;
        if self.is_full() {
            self.threshold = self.draws.kth_smallest(self.capacity, self.population);
            self.next = self.next.saturating_add(self.draws.skip(self.threshold));
        }
        Ok(())
    }
}

impl<T: Item> Codec for Reservoir<T> {
    const FAMILY: Family = Family::Reservoir;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.u32(self.capacity);
        self.encode_content(out);
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let capacity = content.u32("capacity")?;
        Self::decode_content(content, capacity)
    }
}
