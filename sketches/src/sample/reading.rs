//! What samples read as: they are asked about anything that can be computed from an item.

use super::Item;
use super::interval::{Total, limits, rare_events};
use crate::estimate::{Estimate, Family, Method};

/// A uniform sample and the size of the population it is of.
///
/// A sample that holds all items answers exactly. Otherwise the intervals are at 95 %:
///
/// | | interval | holds |
/// |---|---|---|
/// | [`mean`](Self::mean), [`sum`](Self::sum) | Student's t, with the skewness taken out (Hall), less for a sample that is a good part of the population | with 95 % for moderately skewed values, from about thirty items on |
/// | [`count`](Self::count) | Clopper and Pearson's, of the hypergeometric distribution | with at least 95 %, always |
///
/// **Heavy tails**: a sample that missed the few huge values on which a sum hangs does not know of them, and its interval
/// is too low. Of 64 and of 1,000 items the intervals held with 95 and 95 % for exponential values, 93 and 95 % for
/// log-normal ones (σ = 1), and 84 and 86 % for Pareto ones (index 1.5), as sizes of files are; there, sample by weight.
/// So it is with a sum over what few items have: count those. Where the values in the sample are all alike, or there is but one, they
/// tell nothing of the others: no guarantee.
///
/// ```
/// use streamgauge_sketches::{Absorb, Reservoir, Summary};
/// let mut all = Reservoir::new(500)?;
/// (1..=100_000_u64).for_each(|x| all.absorb(&x));
/// let sample = all.read();
/// assert_eq!(sample.inclusion_probability(), 0.005);
/// assert!(sample.sum(|&x| x as f64).contains(5_000_050_000.0));
/// let none = sample.count(|&x| x > 100_000);
/// assert_eq!((none.value, none.lower), (0.0, 0.0)); // not seen, and yet it cannot be said that there are none:
/// assert!(none.upper > 500.0 && none.upper < 1_000.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sample<T> {
    items: Vec<T>,
    population: u64,
    method: Method,
}

impl<T> Sample<T> {
    pub(super) fn new(items: Vec<T>, population: u64, method: Method) -> Self {
        Self { items, population, method }
    }

    /// The items of the sample, in no order that means anything.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many items the sample stands for, exactly.
    pub fn population(&self) -> u64 {
        self.population
    }

    /// The probability that an item of the population is in a sample of this size; 1 of an empty population.
    pub fn inclusion_probability(&self) -> f64 {
        if self.population == 0 { 1.0 } else { self.items.len() as f64 / self.population as f64 }
    }

    fn total(&self, value: impl Fn(&T) -> f64) -> Total {
        let mut total = Total::zero(true);
        total.add_uniform(self.items.iter().map(&value), self.population);
        total
    }

    /// The mean of a value over the population; NaN of nothing.
    pub fn mean(&self, value: impl Fn(&T) -> f64) -> Estimate {
        self.total(value).over(self.population as f64, self.method)
    }

    /// The sum of a value over the population.
    pub fn sum(&self, value: impl Fn(&T) -> f64) -> Estimate {
        self.total(value).over(1.0, self.method)
    }

    /// How many items of the population have a property.
    pub fn count(&self, holds: impl Fn(&T) -> bool) -> Estimate {
        let (hits, size) = (self.hits(&holds), self.items.len() as u64);
        if size >= self.population {
            return Estimate::within(hits as f64, hits as f64, hits as f64, 1.0, self.method);
        }
        let (lower, upper) = limits(hits, size, self.population);
        let value = self.population as f64 * hits as f64 / size as f64;
        match size {
            0 => Estimate::unbounded(value, self.method),
            // The limits are whole numbers, the value need not be: with few items left out, both may be on one side.
            _ => Estimate::within(value, lower.min(value), upper.max(value), 0.95, self.method),
        }
    }

    fn hits(&self, holds: impl Fn(&T) -> bool) -> u64 {
        self.items.iter().filter(|item| holds(item)).count() as u64
    }
}

/// A weighted sample, with the probability that an item of a given weight is in it.
///
/// Sums are estimated by dividing every value by the probability that its item is held, which is known given the
/// threshold (Horvitz and Thompson's estimator of a bottom-k sample: unbiased). They are the more certain the more the
/// value grows with the weight. Closures see the item and its weight.
///
/// [`sum`](Self::sum) has Student's interval as a [`Sample`] has, [`count`](Self::count) one of a sum of rare events
/// (Fay and Feuer). Where nothing was left out both are exact. What hangs on items of little weight is uncertain, and
/// where none of them is in the sample a sum does not know it.
#[derive(Clone, Debug)]
pub struct WeightedSample<T> {
    items: Vec<(T, f64)>,
    /// The rank below which items are held; ∞ if nothing was left out.
    threshold: f64,
    population: u64,
    weight: f64,
    method: Method,
}

impl<T> WeightedSample<T> {
    pub(super) fn new(items: Vec<(T, f64)>, threshold: f64, population: u64, weight: f64, method: Method) -> Self {
        Self { items, threshold, population, weight, method }
    }

    /// The items of the sample with their weights, those that would stay in the smallest sample first.
    pub fn items(&self) -> &[(T, f64)] {
        &self.items
    }

    /// How many items the sample stands for, exactly.
    pub fn population(&self) -> u64 {
        self.population
    }

    /// The weight of all items together, but for rounding.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The probability that an item of this weight is in the sample: 1 − e^(−weight · threshold).
    pub fn inclusion_probability(&self, weight: f64) -> f64 {
        // Weights at the ends of the floats meet thresholds there.
        let expected = (weight * self.threshold).max(f64::MIN_POSITIVE);
        -(-expected).exp_m1()
    }

    fn total(&self, value: impl Fn(&T, f64) -> f64) -> Total {
        let mut total = Total::zero(self.items.len() as u64 >= self.population);
        for (item, weight) in &self.items {
            total.add_held(value(item, *weight), self.inclusion_probability(*weight), self.items.len());
        }
        total
    }

    /// The sum over the population of a value of the item and its weight: `sum(|_, weight| weight)` estimates
    /// [`weight`](Self::weight).
    pub fn sum(&self, value: impl Fn(&T, f64) -> f64) -> Estimate {
        self.total(value).over(1.0, self.method)
    }

    /// The mean of a value over the population, every item alike; NaN of nothing.
    pub fn mean(&self, value: impl Fn(&T, f64) -> f64) -> Estimate {
        self.total(value).over(self.population as f64, self.method)
    }

    /// How many items of the population have a property.
    pub fn count(&self, holds: impl Fn(&T, f64) -> bool) -> Estimate {
        let (mut hits, mut misses, mut largest) = (Seen::default(), Seen::default(), 0.0_f64);
        for (item, weight) in &self.items {
            let probability = self.inclusion_probability(*weight);
            largest = largest.max(1.0 / probability);
            if holds(item, *weight) { &mut hits } else { &mut misses }.add(probability);
        }
        let n = self.population as f64;
        if self.items.len() as u64 >= self.population {
            return Estimate::within(hits.items, hits.items, hits.items, 1.0, self.method);
        }
        // Those that were seen are there, and those that were seen without it have it not.
        let (least, most) = (hits.items, n - misses.items);
        // The rarer ones are estimated: of the others all but those.
        let (value, lower, upper) = if hits.expected <= misses.expected {
            let (lower, upper) = rare_events(hits.expected, hits.variance, largest);
            (hits.expected, lower, upper)
        } else {
            let (lower, upper) = rare_events(misses.expected, misses.variance, largest);
            (n - misses.expected, n - upper, n - lower)
        };
        let value = value.clamp(least, most);
        Estimate::within(value, lower.clamp(least, value), upper.clamp(value, most), 0.95, self.method)
    }
}

/// What is seen of the items that have a property, or have it not.
#[derive(Default)]
struct Seen {
    items: f64,
    /// How many they stand for.
    expected: f64,
    variance: f64,
}

impl Seen {
    fn add(&mut self, probability: f64) {
        self.items += 1.0;
        self.expected += 1.0 / probability;
        self.variance += (1.0 - probability) / (probability * probability);
    }
}

/// A sample of every stratum.
///
/// Totals are put together from those of the strata, each with its own variance: what differs between the strata adds
/// nothing to the error. Student's t with the degrees of freedom of Satterthwaite; [`count`](Self::count) puts
/// together the intervals of the strata (Zou and Donner), which are Clopper and Pearson's.
#[derive(Clone, Debug)]
pub struct StratifiedSample<K, T> {
    strata: Vec<(K, Sample<T>)>,
    method: Method,
}

impl<K, T: Item> StratifiedSample<K, T> {
    pub(super) fn new(strata: Vec<(K, Sample<T>)>, capacity: u32) -> Self {
        Self { strata, method: Method::new(Family::Stratified, capacity) }
    }

    /// The strata, ascending, with the sample of each, which is a uniform one and can be asked by itself.
    pub fn strata(&self) -> &[(K, Sample<T>)] {
        &self.strata
    }

    /// The items of all strata.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.strata.iter().flat_map(|(_, sample)| sample.items())
    }

    /// How many items the sample stands for, exactly.
    pub fn population(&self) -> u64 {
        self.strata.iter().fold(0, |sum, (_, sample)| sum.saturating_add(sample.population()))
    }

    fn total(&self, value: impl Fn(&T) -> f64) -> Total {
        let mut total = Total::zero(true);
        for (_, sample) in &self.strata {
            total.add_uniform(sample.items.iter().map(&value), sample.population);
        }
        total
    }

    /// The mean of a value over the population; NaN of nothing.
    pub fn mean(&self, value: impl Fn(&T) -> f64) -> Estimate {
        self.total(value).over(self.population() as f64, self.method)
    }

    /// The sum of a value over the population.
    pub fn sum(&self, value: impl Fn(&T) -> f64) -> Estimate {
        self.total(value).over(1.0, self.method)
    }

    /// How many items of the population have a property.
    pub fn count(&self, holds: impl Fn(&T) -> bool) -> Estimate {
        let counts = self.strata.iter().map(|(_, sample)| sample.count(&holds));
        let (value, below, above, exact) = counts.fold((0.0, 0.0, 0.0, true), |(value, below, above, exact), count| {
            let (down, up) = (count.value - count.lower, count.upper - count.value);
            (value + count.value, below + down * down, above + up * up, exact && count.is_exact())
        });
        let confidence = if exact { 1.0 } else { 0.95 };
        Estimate::within(value, value - f64::sqrt(below), value + f64::sqrt(above), confidence, self.method)
    }
}
