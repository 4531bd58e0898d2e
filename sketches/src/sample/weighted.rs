//! A weighted sample of fixed size.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::{Item, WeightedSample, capacity, refused, unless};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Family, Method};
use crate::hash::DEFAULT_SEED;
use crate::random::Draws;
use crate::summary::{Absorb, Items, Merge, Summary, TwoStacks};

/// A sample of `k` items without replacement, the heavy ones more likely: the first is each item with a probability
/// proportional to its weight, the second each of the others so, and on.
///
/// | | |
/// |---|---|
/// | answers | totals of what grows with the weight, with intervals; which items make up the weight ([`WeightedSample`]) |
/// | memory | at most k items with their weights and ranks |
/// | absorb, merge, read | O(1), of which k (1 + log(n/k)) times O(log k); O(k log k); O(k log k) |
/// | guarantee | sums are unbiased; with n ≤ k all items are held, and sums are exact |
/// | merged | the same sample, to the item, in any order |
///
/// Every item has a rank, an exponential number divided by its weight, and those of the lowest ranks are held; so is
/// the next rank, the threshold. Given that, each item is held with probability 1 − e^(−weight · threshold), of which
/// the estimates come. An item that is not accepted costs a comparison and a subtraction: how much weight is stepped
/// over is drawn once.
///
/// Weights that are zero, negative, no number, below 10⁻²⁹⁰ or above 10²⁹⁰ are left out and counted. **Not for** counting what has
/// little weight (a [`Reservoir`](super::Reservoir) does), nor to scale up a sample taken elsewhere.
///
/// Sources: Efraimidis, Spirakis, *Weighted Random Sampling with a Reservoir*, 2006, algorithm A-ExpJ; estimates after
/// Cohen, Kaplan, *Summarizing Data Using Bottom-k Sketches*, 2007.
///
/// ```
/// use streamgauge_sketches::{Absorb, Summary, WeightedReservoir};
/// let mut bytes = WeightedReservoir::<String>::new(500)?;
/// for i in 1..=20_000_u32 {
///     bytes.absorb_with_weight(if i % 4 == 0 { "video" } else { "text" }, f64::from(i % 1_000 + 1));
/// }
/// let sample = bytes.read();
/// let video = sample.sum(|kind, bytes| if kind == "video" { bytes } else { 0.0 });
/// assert!(video.contains(2_495_000.0), "{video}");
/// assert_eq!((sample.population(), sample.weight()), (20_000, 10_010_000.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts<T>", into = "Parts<T>", bound = "")]
pub struct WeightedReservoir<T: Item> {
    capacity: u32,
    draws: Draws,
    population: u64,
    ignored: u64,
    weight: f64,
    /// The lowest rank of the items that are not held; ∞ if all are.
    threshold: f64,
    /// How much weight is stepped over until the next rank below the threshold; 0 if that is ∞.
    step: f64,
    held: BinaryHeap<Held<T>>,
}

/// An item that is held; the greatest is the first to leave.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Held<T: Item> {
    rank: f64,
    weight: f64,
    item: T,
}

impl<T: Item> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.total_cmp(&other.rank).then(self.weight.total_cmp(&other.weight))
    }
}

impl<T: Item> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Item> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Item> Eq for Held<T> {}

/// The fields as they are stored, to be checked: items by ascending rank.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Parts<T: Item> {
    capacity: u32,
    draws: Draws,
    population: u64,
    ignored: u64,
    #[serde(deserialize_with = "crate::infinite::or_highest")]
    weight: f64,
    #[serde(deserialize_with = "crate::infinite::or_highest")]
    threshold: f64,
    #[serde(deserialize_with = "crate::infinite::or_highest")]
    step: f64,
    held: Vec<Held<T>>,
}

impl<T: Item> From<WeightedReservoir<T>> for Parts<T> {
    fn from(sample: WeightedReservoir<T>) -> Self {
        let WeightedReservoir { capacity, draws, population, ignored, weight, threshold, step, held } = sample;
        Self { capacity, draws, population, ignored, weight, threshold, step, held: held.into_sorted_vec() }
    }
}

impl<T: Item> TryFrom<Parts<T>> for WeightedReservoir<T> {
    type Error = DecodeError;

    fn try_from(parts: Parts<T>) -> Result<Self, DecodeError> {
        let Parts { capacity, draws, population, ignored, weight, threshold, step, held } = parts;
        super::capacity(Self::NAME, capacity as usize, 1).map_err(refused("capacity"))?;
        let expected = population.min(u64::from(capacity));
        unless(held.len() as u64 == expected, "items", held.len())?;
        unless(weight >= 0.0 && weight.is_sign_positive(), "total weight", weight)?;
        let all = population <= u64::from(capacity);
        unless((threshold == f64::INFINITY) == all && threshold >= f64::MIN_POSITIVE, "threshold", threshold)?;
        unless(step >= 0.0 && step.is_sign_positive() && (step == 0.0 || !all), "step", step)?;
        let mut last = f64::MIN_POSITIVE;
        for Held { rank, weight, .. } in &held {
            unless(is_weight(*weight), "weight", weight)?;
            unless((last..=threshold).contains(rank) && rank.is_finite(), "rank", rank)?;
            last = *rank;
        }
        Ok(Self { capacity, draws, population, ignored, weight, threshold, step, held: held.into() })
    }
}

/// Ranks are random numbers over weights: beyond these they would leave the floats, and tie.
fn is_weight(weight: f64) -> bool {
    (1e-290..=1e290).contains(&weight)
}

impl<T: Item> WeightedReservoir<T> {
    /// A sample of `k` items.
    ///
    /// # Errors
    /// [`ParameterError`] unless `k` lies in 1..=2²⁴.
    pub fn new(k: usize) -> Result<Self, ParameterError> {
        Ok(Self::empty(capacity(Self::NAME, k, 1)?, Draws::new(DEFAULT_SEED)))
    }

    /// The same sample, empty, drawing from another seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self::empty(self.capacity, Draws::new(seed))
    }

    fn empty(capacity: u32, draws: Draws) -> Self {
        Self {
            capacity,
            draws,
            population: 0,
            ignored: 0,
            weight: 0.0,
            threshold: f64::INFINITY,
            step: 0.0,
            held: BinaryHeap::new(),
        }
    }

    /// The number of items it holds at most.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// How many items were absorbed.
    pub fn population(&self) -> u64 {
        self.population
    }

    /// How many items were left out since their weight is zero, negative, no number, below
    /// 10⁻²⁹⁰ or above 10²⁹⁰.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Absorbs an item that is cloned only if it is accepted.
    #[inline]
    pub fn absorb_with_weight<Q: ToOwned<Owned = T> + ?Sized>(&mut self, item: &Q, weight: f64) {
        if !is_weight(weight) {
            self.ignored = self.ignored.saturating_add(1);
            return;
        }
        self.population = self.population.saturating_add(1);
        self.weight += weight;
        if self.step > weight {
            self.step -= weight;
        } else {
            self.accept(item, weight);
        }
    }

    /// Takes in an item whose rank is below the threshold.
    #[inline(never)]
    fn accept<Q: ToOwned<Owned = T> + ?Sized>(&mut self, item: &Q, weight: f64) {
        let item = item.to_owned();
        let rank = if self.threshold.is_finite() {
            // How far the item's own exponential number reached: evenly distributed below the threshold, almost.
            let share = self.step / weight;
            // Among weights that are very far apart the share may be too small for a float, and the rank not.
            let rank =
                if share >= f64::MIN_POSITIVE { share * self.threshold } else { self.step * self.threshold / weight };
            self.draws.stir_sometimes(&(&item, weight));
            rank
        } else {
            // Stirred first: copies of one empty sample must not give their first items the same rank.
            self.draws.stir_item(&(&item, weight));
            self.draws.exponential() / weight
        };
        // Weights at the ends of the floats have ranks at the ends.
        let rank = rank.clamp(f64::MIN_POSITIVE, f64::MAX).min(self.threshold);
        self.hold(Held { rank, weight, item });
        self.draw_step();
    }

    /// Holds an item, and lets go the one of the highest rank if there are too many.
    fn hold(&mut self, held: Held<T>) {
        if self.held.len() < self.capacity as usize {
            self.held.push(held);
            return;
        }
        let Some(mut last) = self.held.peek_mut() else {
            return;
        };
        let out = if held < *last { std::mem::replace(&mut *last, held) } else { held };
        self.threshold = self.threshold.min(out.rank);
    }

    /// The weight up to the next rank below a threshold is exponential, and forgets what was before.
    fn draw_step(&mut self) {
        self.step = if self.threshold.is_finite() { self.draws.exponential() / self.threshold } else { 0.0 };
    }
}

impl<T: Item> Summary for WeightedReservoir<T> {
    type Reading = WeightedSample<T>;

    const NAME: &'static str = "WeightedReservoir";

    fn read(&self) -> WeightedSample<T> {
        let held = self.held.clone().into_sorted_vec();
        let items = held.into_iter().map(|held| (held.item, held.weight)).collect();
        let method = Method::new(Family::WeightedReservoir, self.capacity);
        WeightedSample::new(items, self.threshold, self.population, self.weight, method)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.held.capacity() * size_of::<Held<T>>()
    }
}

/// Items with their weights. Items that stand in a record are absorbed
/// [without being cloned](WeightedReservoir::absorb_with_weight).
impl<T: Item> Absorb<(T, f64)> for WeightedReservoir<T> {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, (item, weight): &(T, f64)) {
        self.absorb_with_weight(item, *weight);
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<(T, f64)>) {
        // What changes with every item is held in registers.
        let (mut population, mut weight, mut step) = (self.population, self.weight, self.step);
        items.visit_all(|(item, w)| {
            if !is_weight(*w) {
                self.ignored = self.ignored.saturating_add(1);
                return;
            }
            population = population.saturating_add(1);
            weight += *w;
            if step > *w {
                step -= *w;
            } else {
                self.step = step;
                self.accept(item, *w);
                step = self.step;
            }
        });
        (self.population, self.weight, self.step) = (population, weight, step);
    }

    /// A sample is its own yardstick.
    fn exact(&self) -> Self {
        Self::empty(self.capacity, self.draws.clone())
    }
}

impl<T: Item> Merge for WeightedReservoir<T> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "capacity", &self.capacity, &other.capacity)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.ignored = self.ignored.saturating_add(other.ignored);
        if other.population == 0 {
            return Ok(());
        }
        if self.population == 0 {
            *self = Self { ignored: self.ignored, ..other.clone() };
            return Ok(());
        }
        self.draws.join(&other.draws);
        self.population = self.population.saturating_add(other.population);
        self.weight += other.weight;
        self.threshold = self.threshold.min(other.threshold);
        for held in &other.held {
            // Of the other's items only those are cloned that stay.
            if self.held.len() < self.capacity as usize || self.held.peek().is_some_and(|last| held < last) {
                self.hold(held.clone());
            } else {
                self.threshold = self.threshold.min(held.rank);
            }
        }
        self.draw_step();
        Ok(())
    }
}

impl<T: Item> Codec for WeightedReservoir<T> {
    const FAMILY: Family = Family::WeightedReservoir;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.u32(self.capacity);
        self.draws.encode(out);
        out.u64(self.population);
        out.u64(self.ignored);
        out.f64(self.weight);
        out.f64(self.threshold);
        out.f64(self.step);
        // Where ranks tie, the order of the heap is an accident: the items' own bytes decide.
        let mut held: Vec<&Held<T>> = self.held.iter().collect();
        held.sort_by_cached_key(|held| {
            let mut item = Writer::default();
            item.value(&held.item);
            (held.rank.to_bits(), held.weight.to_bits(), item.into_bytes())
        });
        out.u32(held.len() as u32);
        for Held { rank, weight, item } in held {
            out.f64(*rank);
            out.f64(*weight);
            out.value(item);
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let capacity = content.u32("capacity")?;
        let draws = Draws::decode(content)?;
        let (population, ignored) = (content.u64("population")?, content.u64("ignored items")?);
        let (weight, threshold) = (content.f64("total weight")?, content.f64("threshold")?);
        let step = content.f64("step")?;
        let items = content.length("items", 20)?;
        let held = (0..items).map(|_| {
            let (rank, weight) = (content.f64("rank")?, content.f64("weight")?);
            Ok(Held { rank, weight, item: content.value("item")? })
        });
        let held = held.collect::<Result<_, DecodeError>>()?;
        Parts { capacity, draws, population, ignored, weight, threshold, step, held }.try_into()
    }
}
