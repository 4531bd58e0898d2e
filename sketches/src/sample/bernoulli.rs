//! A sample of every item with one probability.

use serde::{Deserialize, Serialize};

use super::{Item, Sample, decode_items, unless};
use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch, ParameterError};
use crate::estimate::{Family, Method};
use crate::hash::DEFAULT_SEED;
use crate::random::Draws;
use crate::summary::{Absorb, Items, Merge, Summary, TwoStacks};

/// Every item with probability `p`, independently of the others.
///
/// | | |
/// |---|---|
/// | answers | as a [`Reservoir`](super::Reservoir): totals, means and counts, with intervals ([`Sample`]) |
/// | memory | **grows with the stream**: p·n items |
/// | absorb, merge, read | O(1), but O(p·n) for a slice of n items, which is stepped over; O(p·n); O(p·n) |
/// | guarantee | every item is held with probability p, independently of every other |
/// | merged | the items of both: the same as of one stream, in distribution |
///
/// All items are counted exactly, and of those that are held every set of one size is as likely as any other: totals
/// are estimated as n times the mean of the sample, which does not err by the luck of its size as Σ x/p would.
///
/// **Not for** unbounded streams: a reservoir has a bounded size and the same intervals. This one is for a share of a
/// stream that is passed on, and for batches and windows of known size.
///
/// Source: Vitter, *Faster Methods for Random Sampling*, 1984: the gaps between accepted items are geometric.
///
/// ```
/// use streamgauge_sketches::{Absorb, Bernoulli, Summary};
/// let mut tenth = Bernoulli::new(0.1)?;
/// (0..20_000_u32).for_each(|x| tenth.absorb(&x));
/// let sample = tenth.read();
/// assert!((1_850..2_150).contains(&sample.items().len()));
/// assert!(sample.mean(|&x| f64::from(x)).contains(9_999.5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts<T>", bound = "")]
pub struct Bernoulli<T: Item> {
    probability: f64,
    draws: Draws,
    population: u64,
    /// The position, among all items, of the next that is looked at.
    next: u64,
    items: Vec<T>,
}

/// The fields as they are stored, to be checked.
#[derive(Deserialize)]
#[serde(bound = "")]
struct Parts<T: Item> {
    probability: f64,
    draws: Draws,
    population: u64,
    next: u64,
    items: Vec<T>,
}

impl<T: Item> TryFrom<Parts<T>> for Bernoulli<T> {
    type Error = DecodeError;

    fn try_from(parts: Parts<T>) -> Result<Self, DecodeError> {
        let Parts { probability, draws, population, next, items } = parts;
        Self::new(probability).map_err(super::refused("probability"))?;
        unless(items.len() as u64 <= population, "items", items.len())?;
        unless(next >= population && (population > 0 || next == 0), "next position", next)?;
        Ok(Self { probability, draws, population, next, items })
    }
}

impl<T: Item> Bernoulli<T> {
    /// A sample of every item with this probability.
    ///
    /// # Errors
    /// [`ParameterError`] unless the probability lies in 10⁻⁹..=1.
    pub fn new(probability: f64) -> Result<Self, ParameterError> {
        if !(1e-9..=1.0).contains(&probability) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "probability",
                allowed: "1e-9 to 1",
                value: probability.to_string(),
            });
        }
        Ok(Self::empty(probability, Draws::new(DEFAULT_SEED)))
    }

    /// The same sample, empty, drawing from another seed.
    pub fn seeded(self, seed: u64) -> Self {
        Self::empty(self.probability, Draws::new(seed))
    }

    fn empty(probability: f64, draws: Draws) -> Self {
        Self { probability, draws, population: 0, next: 0, items: Vec::new() }
    }

    /// The probability with which an item is held.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// How many items were absorbed.
    pub fn population(&self) -> u64 {
        self.population
    }

    /// The items it holds.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// Looks at the item at position `next`, and returns how many are stepped over then.
    #[inline]
    fn look<Q: ToOwned<Owned = T> + ?Sized>(&mut self, item: &Q) -> u64 {
        let item = item.to_owned();
        let mut skip = 0;
        // The first item is always looked at: copies of one empty sample must not all take the same positions.
        let first = self.next == 0;
        if first {
            self.draws.stir_item(&item);
            skip = self.draws.skip(self.probability);
        }
        if !first || skip == 0 {
            skip = self.draws.skip(self.probability);
            self.draws.stir_sometimes(&item);
            self.items.push(item);
        } else {
            // The first of those that are stepped over is this one.
            skip -= 1;
        }
        self.next = self.next.saturating_add(skip).saturating_add(1);
        skip
    }
}

impl<T: Item> Summary for Bernoulli<T> {
    type Reading = Sample<T>;

    const NAME: &'static str = "Bernoulli";

    fn read(&self) -> Sample<T> {
        Sample::new(self.items.clone(), self.population, Method::new(Family::Bernoulli, 0))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.items.capacity() * size_of::<T>()
    }
}

impl<T: Item, Q: ToOwned<Owned = T> + ?Sized> Absorb<Q> for Bernoulli<T> {
    type Exact = Self;

    #[inline]
    fn absorb(&mut self, item: &Q) {
        if self.population == self.next {
            self.look(item);
        }
        self.population = self.population.saturating_add(1);
    }

    #[inline]
    fn absorb_all(&mut self, items: impl Items<Q>) {
        let left = items.visit_some(self.next - self.population, |item| self.look(item));
        // Positions end at 2⁶⁴: what comes after has the last one.
        self.population = self.population.max(self.next - left);
    }

    /// A sample is its own yardstick.
    fn exact(&self) -> Self {
        Self::empty(self.probability, self.draws.clone())
    }
}

impl<T: Item> Merge for Bernoulli<T> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "probability", &self.probability, &other.probability)
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
        self.items.extend_from_slice(&other.items);
        self.population = self.population.saturating_add(other.population);
        // A geometric gap forgets what was before.
        self.next = self.population.saturating_add(self.draws.skip(self.probability));
        Ok(())
    }
}

impl<T: Item> Codec for Bernoulli<T> {
    const FAMILY: Family = Family::Bernoulli;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.f64(self.probability);
        self.draws.encode(out);
        out.u64(self.population);
        out.u64(self.next);
        out.u32(self.items.len() as u32);
        self.items.iter().for_each(|item| out.value(item));
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let probability = content.f64("probability")?;
        let draws = Draws::decode(content)?;
        let (population, next) = (content.u64("population")?, content.u64("next position")?);
        Parts { probability, draws, population, next, items: decode_items(content)? }.try_into()
    }
}
