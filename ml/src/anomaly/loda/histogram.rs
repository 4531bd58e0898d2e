//! A histogram that needs no range.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

/// The weight in bins of one width, a power of two, of which only those that hold something are stored. When there are
/// too many, neighbours are put together in pairs and the width doubles.
///
/// Which width that ends in depends on the values alone and not on their order: merged histograms are the histogram of
/// all values, to the bit as long as weights are whole numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Histogram {
    /// Bins are 2^level wide.
    level: i32,
    /// Ascending: the bin from `key · width` up.
    keys: Vec<i64>,
    weights: Vec<f64>,
    total: f64,
}

impl Histogram {
    /// The most bins.
    const BINS: usize = 64;
    /// The level that a histogram begins with: far finer than any distribution of interest, in deviations.
    const FINEST: i32 = -12;
    /// Values are held within this: with the finest bins the keys are exact.
    const LARGEST: f64 = (1_u64 << 40) as f64;
    /// Beyond it there is one bin on either side of nought.
    const COARSEST: i32 = 42;

    pub(super) fn new() -> Self {
        Self { level: Self::FINEST, keys: Vec::new(), weights: Vec::new(), total: 0.0 }
    }

    #[inline]
    fn key(&self, value: f64) -> i64 {
        // 2^−level by its exponent: levels lie between −12 and 42.
        let per_width = f64::from_bits(((1_023 - i64::from(self.level)) as u64) << 52);
        (value.clamp(-Self::LARGEST, Self::LARGEST) * per_width).floor() as i64
    }

    /// The place of a key: where it is, or where it would be.
    #[inline]
    fn place(&self, key: i64) -> Result<usize, usize> {
        self.keys.binary_search(&key)
    }

    #[inline]
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        let key = self.key(value);
        self.add_at(self.place(key), key, weight);
    }

    #[inline]
    fn add_at(&mut self, place: Result<usize, usize>, key: i64, weight: f64) {
        self.total += weight;
        match place {
            Ok(at) => self.weights[at] += weight,
            Err(at) => self.insert(at, key, weight),
        }
    }

    fn insert(&mut self, at: usize, key: i64, weight: f64) {
        if self.keys.capacity() <= Self::BINS {
            self.keys.reserve_exact(Self::BINS + 1 - self.keys.len());
            self.weights.reserve_exact(Self::BINS + 1 - self.weights.len());
        }
        self.keys.insert(at, key);
        self.weights.insert(at, weight);
        while self.keys.len() > Self::BINS {
            self.widen();
        }
    }

    /// Puts neighbours together in pairs.
    fn widen(&mut self) {
        self.level += 1;
        let mut kept = 0;
        for i in 0..self.keys.len() {
            let (key, weight) = (self.keys[i] >> 1, self.weights[i]);
            if kept > 0 && self.keys[kept - 1] == key {
                self.weights[kept - 1] = (self.weights[kept - 1] + weight).min(f64::MAX);
            } else {
                self.keys[kept] = key;
                self.weights[kept] = weight;
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.weights.truncate(kept);
    }

    /// The negative logarithm of the density at a value, where nothing counts as half of `unit`.
    #[inline]
    pub(super) fn surprise(&self, value: f64, unit: f64) -> f64 {
        self.surprise_at(self.place(self.key(value)), unit)
    }

    /// [`surprise`](Self::surprise) at a value, then [`add`](Self::add) it with the weight of `unit`.
    #[inline]
    pub(super) fn surprise_and_add(&mut self, value: f64, unit: f64) -> f64 {
        let key = self.key(value);
        let place = self.place(key);
        let surprise = self.surprise_at(place, unit);
        self.add_at(place, key, unit);
        surprise
    }

    #[inline]
    fn surprise_at(&self, place: Result<usize, usize>, unit: f64) -> f64 {
        let weight = place.map_or(0.0, |at| self.weights[at]);
        f64::from(self.level) * std::f64::consts::LN_2 - ((weight + unit / 2.0) / (self.total + unit / 2.0)).ln()
    }

    /// Multiplies all weights; bins with less than `least` are dropped then.
    pub(super) fn scale(&mut self, factor: f64, least: f64) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        let mut weights = self.weights.iter();
        self.keys.retain(|_| weights.next().is_some_and(|weight| *weight >= least));
        self.weights.retain(|weight| *weight >= least);
        self.total = self.weights.iter().sum::<f64>().min(f64::MAX);
    }

    /// Takes in the bins of another, with their weights multiplied.
    pub(super) fn merge(&mut self, other: &Self, factor: f64) {
        let mut other = other.clone();
        while self.level < other.level {
            self.widen();
        }
        while other.level < self.level {
            other.widen();
        }
        let most = self.keys.len() + other.keys.len();
        let (mut keys, mut weights) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let (mut ours, mut theirs) = (0, 0);
        while ours < self.keys.len() || theirs < other.keys.len() {
            let (a, b) = (self.keys.get(ours), other.keys.get(theirs));
            let key = a.into_iter().chain(b).copied().min().unwrap_or_default();
            let mut weight = 0.0;
            if a == Some(&key) {
                weight += self.weights[ours];
                ours += 1;
            }
            if b == Some(&key) {
                weight += other.weights[theirs] * factor;
                theirs += 1;
            }
            keys.push(key);
            weights.push(weight);
        }
        (self.keys, self.weights) = (keys, weights);
        self.total += other.total * factor;
        while self.keys.len() > Self::BINS {
            self.widen();
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<i64>() + self.weights.capacity() * size_of::<f64>()
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let levels = Self::FINEST..=Self::COARSEST;
        DecodeError::unless(levels.contains(&self.level), "bins of level", self.level)?;
        let fits = self.keys.len() <= Self::BINS && self.keys.len() == self.weights.len();
        DecodeError::unless(fits, "bins", self.keys.len())?;
        DecodeError::unless(self.keys.is_sorted_by(|a, b| a < b), "bins", "that do not ascend")?;
        // Wider bins could be put together no further than to the two about nought.
        let largest = (Self::LARGEST * f64::from(-self.level).exp2()).ceil() as i64;
        let wrong = self.keys.iter().find(|key| !(-largest..=largest).contains(*key));
        DecodeError::unless(wrong.is_none(), "a bin at", wrong.copied().unwrap_or_default())?;
        for weight in self.weights.iter().chain([&self.total]) {
            DecodeError::unless(*weight >= 0.0 && weight.is_finite(), "a bin of weight", weight)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;

    use super::*;

    fn values(n: usize, seed: u64) -> Vec<f64> {
        let mut draws = Draws::new(seed);
        // From narrow to very wide: the width has to double often.
        (0..n).map(|_| (draws.unit() - 0.5) * (draws.unit() * 30.0).exp()).collect()
    }

    #[test]
    fn merged_is_the_histogram_of_all_values_in_any_order() {
        for seed in 0..20 {
            let values = values(3_000, seed);
            let mut whole = Histogram::new();
            values.iter().for_each(|value| whole.add(*value, 1.0));
            let mut merged = Histogram::new();
            for part in values.rchunks(700) {
                let mut one = Histogram::new();
                part.iter().for_each(|value| one.add(*value, 1.0));
                merged.merge(&one, 1.0);
            }
            assert_eq!(merged, whole);
            assert_eq!((whole.total, whole.weights.iter().sum()), (3_000.0, 3_000.0));
            assert!(whole.keys.len() <= Histogram::BINS && whole.keys.len() > Histogram::BINS / 4);
            whole.check().unwrap();
        }
    }

    #[test]
    fn density_is_that_of_the_distribution() {
        let mut histogram = Histogram::new();
        (0..100_000).for_each(|i| histogram.add(f64::from(i) / 100_000.0 * 8.0, 1.0));
        for value in [0.5, 3.0, 7.5] {
            assert!((histogram.surprise(value, 1.0) - 8.0_f64.ln()).abs() < 0.05, "at {value}");
        }
        assert!(histogram.surprise(9.0, 1.0) > 8.0);
    }

    #[test]
    fn extreme_values_have_a_bin() {
        let mut histogram = Histogram::new();
        for i in 0..200 {
            histogram.add(f64::from(i) * 1e300, 1.0);
            histogram.add(-f64::from(i) * 1e3, 1.0);
            histogram.check().unwrap();
        }
        assert_eq!(histogram.total, 400.0);
    }
}
