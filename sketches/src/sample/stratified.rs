//! A sample of every stratum.

use serde::{Deserialize, Serialize};

use super::allocation::Share;
use super::{Allocation, Item, Reservoir, StratifiedSample, capacity, refused, unless};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::Family;
use crate::hash::DEFAULT_SEED;
use crate::key::{Key, OwnedKey};
use crate::random::Draws;
use crate::summary::{Absorb, Merge, Summary, TwoStacks};
use crate::table::Table;

/// A uniform sample of every stratum: of every country, kind of request, price class …
///
/// | | |
/// |---|---|
/// | answers | totals, means and counts over all strata or of one, with intervals ([`StratifiedSample`]) |
/// | memory | at most `capacity` items for each stratum; as many strata as there are keys |
/// | absorb, merge, read | O(1), O(strata · capacity), O(strata · capacity) |
/// | guarantee | within a stratum every item is held with the same probability; every stratum is there |
/// | merged | stratum by stratum, each a uniform sample of both; allocated anew |
///
/// How many items a stratum should have depends on sizes and spreads that are known only in the end. So a
/// [`Reservoir`] of `capacity` items is kept for every stratum, with the exact number of its items and the spread of a
/// measured value, and reading takes of each as many as the [`Allocation`] says, chosen at random. Where the allocation
/// would take more than are held it takes those, and shares the rest among the others; a stratum with fewer than two
/// gets two, by which the total may be exceeded. The capacity is the number of the allocation, so that it is never cut
/// short, unless [`holding`](Self::holding) lowers it.
///
/// The value is what Neyman's allocation measures; the sample may be asked for any other. Values that are not finite, or
/// beyond ±10¹⁰⁰, are sampled and not measured. **Not for** keys without bound, such as users: the memory grows with
/// every key; nor where the strata are alike, where a [`Reservoir`] is as good.
///
/// Source: Neyman, *On the Two Different Aspects of the Representative Method*, 1934; Cochran, *Sampling Techniques*,
/// 1977, chapter 5.
///
/// ```
/// use streamgauge_sketches::{Absorb, Stratified, Summary, sample::Allocation};
/// let mut sizes = Stratified::<u32, f64>::new(Allocation::Neyman(400))?;
/// for i in 0..50_000_u32 {
///     // Nine of ten are small and alike, one of ten is large and varies.
///     let size = if i % 10 == 0 { f64::from(i % 1_000) * 100.0 } else { f64::from(i % 7) };
///     sizes.absorb(&(u32::from(i % 10 == 0), size, size));
/// }
/// let sample = sizes.read();
/// let [(_, small), (_, large)] = sample.strata() else { panic!("two strata") };
/// assert_eq!((small.items().len(), large.items().len()), (2, 398));
/// let mean = sample.mean(|size| *size);
/// assert!(mean.contains(4_952.7), "{mean}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts<K, T>", bound = "")]
pub struct Stratified<K: OwnedKey, T: Item> {
    allocation: Allocation,
    capacity: u32,
    seed: u64,
    strata: Table<K, Stratum<T>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Stratum<T: Item> {
    measured: Spread,
    reservoir: Reservoir<T>,
}

/// The fields as they are stored, to be checked.
#[derive(Deserialize)]
#[serde(bound = "")]
struct Parts<K: OwnedKey, T: Item> {
    allocation: Allocation,
    capacity: u32,
    seed: u64,
    strata: Vec<(K, Stratum<T>)>,
}

impl<K: OwnedKey, T: Item> TryFrom<Parts<K, T>> for Stratified<K, T> {
    type Error = DecodeError;

    fn try_from(parts: Parts<K, T>) -> Result<Self, DecodeError> {
        let Parts { allocation, capacity, seed, strata } = parts;
        let mut sample =
            Self::new(allocation).map_err(refused("items"))?.holding(capacity as usize).map_err(refused("capacity"))?;
        sample.seed = seed;
        let keys = strata.len();
        for (key, stratum) in strata {
            let (measured, reservoir) = (stratum.measured, &stratum.reservoir);
            unless(reservoir.capacity() == capacity as usize, "capacity of a stratum", reservoir.capacity())?;
            unless(reservoir.population() > 0, "items of a stratum", 0)?;
            unless(measured.count <= reservoir.population(), "measured values", measured.count)?;
            unless(measured.mean.abs() <= 2.0 * Spread::LIMIT, "mean of a stratum", measured.mean)?;
            unless((0.0..=Spread::WIDEST).contains(&measured.squares), "spread of a stratum", measured.squares)?;
            sample.strata.entry(&key, || stratum);
        }
        unless(sample.strata.len() == keys, "repeated key among strata", keys)?;
        Ok(sample)
    }
}

impl<K: OwnedKey, T: Item> Stratified<K, T> {
    /// A sample of this allocation, which holds up to its number of items of every stratum.
    ///
    /// # Errors
    /// [`ParameterError`] unless that number lies in 2..=2²⁴.
    pub fn new(allocation: Allocation) -> Result<Self, ParameterError> {
        let capacity = capacity(Self::NAME, allocation.items() as usize, 2)?;
        Ok(Self { allocation, capacity, seed: DEFAULT_SEED, strata: Table::default() })
    }

    /// The same sample, empty, which holds at most so many items of every stratum.
    ///
    /// # Errors
    /// [`ParameterError`] unless the capacity lies in 2..=2²⁴.
    pub fn holding(self, items: usize) -> Result<Self, ParameterError> {
        Ok(Self { capacity: capacity(Self::NAME, items, 2)?, strata: Table::default(), ..self })
    }

    /// The same sample, empty, drawing from another seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, strata: Table::default(), ..self }
    }

    /// How its items are shared among the strata.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// The number of items of a stratum it holds at most.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// How many items were absorbed.
    pub fn population(&self) -> u64 {
        let sizes = self.strata.entries().iter().map(|(_, stratum)| stratum.reservoir.population());
        sizes.fold(0, u64::saturating_add)
    }

    /// Absorbs an item of a stratum, with the value that Neyman's allocation measures. The item is cloned only if it is
    /// accepted, the key only if it is new.
    #[inline]
    pub fn absorb_in<Q, R>(&mut self, stratum: &Q, value: f64, item: &R)
    where
        Q: Key<Owned = K> + ?Sized,
        R: ToOwned<Owned = T> + ?Sized,
    {
        let (seed, capacity) = (self.seed, self.capacity);
        let stratum = self.strata.entry(stratum, || {
            let mut draws = Draws::new(seed);
            draws.stir_item(&stratum.to_owned_key());
            Stratum { measured: Spread::default(), reservoir: Reservoir::empty(capacity, draws) }
        });
        stratum.measured.add(value);
        stratum.reservoir.absorb(item);
    }

    fn ascending(&self) -> Vec<&(K, Stratum<T>)> {
        let mut strata: Vec<_> = self.strata.entries().iter().collect();
        strata.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        strata
    }
}

impl<K: OwnedKey, T: Item> Summary for Stratified<K, T> {
    type Reading = StratifiedSample<K, T>;

    const NAME: &'static str = "Stratified";

    fn read(&self) -> StratifiedSample<K, T> {
        let strata = self.ascending();
        let shares: Vec<Share> = strata.iter().map(|(_, stratum)| stratum.share()).collect();
        let sizes = self.allocation.shared(&shares);
        let samples = strata.iter().zip(sizes);
        let samples = samples.map(|((key, stratum), size)| (key.clone(), stratum.reservoir.subsample(size)));
        StratifiedSample::new(samples.collect(), self.capacity)
    }

    fn memory_bytes(&self) -> usize {
        let strata = self.strata.entries().iter();
        let items: usize = strata.map(|(_, s)| s.reservoir.memory_bytes() - size_of::<Reservoir<T>>()).sum();
        size_of::<Self>() - size_of::<Table<K, Stratum<T>>>() + self.strata.memory_bytes() + items
    }
}

/// The stratum, the measured value and the item. What stands in a record is absorbed
/// [without being cloned](Stratified::absorb_in).
impl<K: OwnedKey, T: Item> Absorb<(K, f64, T)> for Stratified<K, T> {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, (stratum, value, item): &(K, f64, T)) {
        self.absorb_in(stratum, *value, item);
    }

    /// A sample is its own yardstick.
    fn exact(&self) -> Self {
        Self { strata: Table::default(), ..*self }
    }
}

impl<K: OwnedKey, T: Item> Merge for Stratified<K, T> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "allocation", &self.allocation, &other.allocation)?;
        Mismatch::check(Self::NAME, "capacity", &self.capacity, &other.capacity)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        for (key, theirs) in other.strata.entries() {
            let mut new = false;
            let ours = self.strata.entry(key, || {
                new = true;
                theirs.clone()
            });
            if !new {
                ours.measured.merge(theirs.measured);
                ours.reservoir.merge(&theirs.reservoir)?;
            }
        }
        Ok(())
    }
}

impl<T: Item> Stratum<T> {
    fn share(&self) -> Share {
        Share {
            held: self.reservoir.items().len(),
            population: self.reservoir.population() as f64,
            deviation: self.measured.deviation(),
        }
    }
}

/// How far values are spread: Welford's recurrence, merged after Chan.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Spread {
    count: u64,
    mean: f64,
    /// The squares of the distances from the mean.
    squares: f64,
}

impl Spread {
    /// What lies beyond is not measured: its squares would leave the floats.
    const LIMIT: f64 = 1e100;
    /// More than the squares of 2⁶⁴ values can sum up to.
    const WIDEST: f64 = 1e220;

    /// Rounding may take a sum of squares below nothing.
    fn widen(&mut self, squares: f64) {
        self.squares = (self.squares + squares).clamp(0.0, Self::WIDEST);
    }

    #[inline]
    fn add(&mut self, value: f64) {
        if value.abs() <= Self::LIMIT {
            self.count = self.count.saturating_add(1);
            let before = value - self.mean;
            self.mean += before / self.count as f64;
            self.widen(before * (value - self.mean));
        }
    }

    fn merge(&mut self, other: Self) {
        let (ours, theirs) = (self.count as f64, other.count as f64);
        if theirs > 0.0 {
            let (both, apart) = (ours + theirs, other.mean - self.mean);
            self.mean += apart * (theirs / both);
            self.widen(other.squares + apart * apart * (ours * theirs / both));
            self.count = self.count.saturating_add(other.count);
        }
    }

    fn deviation(self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }
}

impl<K: OwnedKey, T: Item> Codec for Stratified<K, T> {
    const FAMILY: Family = Family::Stratified;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        self.allocation.encode(out);
        out.u32(self.capacity);
        out.u64(self.seed);
        out.u32(self.strata.len() as u32);
        for (key, Stratum { measured, reservoir }) in self.ascending() {
            out.value(key);
            out.u64(measured.count);
            out.f64(measured.mean);
            out.f64(measured.squares);
            reservoir.encode_content(out);
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let allocation = Allocation::decode(content)?;
        let (capacity, seed) = (content.u32("capacity")?, content.u64("seed")?);
        let strata = content.length("strata", 68)?;
        let strata = (0..strata).map(|_| {
            let key = content.value("item")?;
            let count = content.u64("measured values")?;
            let (mean, squares) = (content.f64("mean")?, content.f64("spread")?);
            let reservoir = Reservoir::decode_content(content, capacity)?;
            Ok((key, Stratum { measured: Spread { count, mean, squares }, reservoir }))
        });
        let strata = strata.collect::<Result<_, DecodeError>>()?;
        Parts { allocation, capacity, seed, strata }.try_into()
    }
}
