//! KLL: quantiles whose ranks are off by no more than a stated error.

mod coins;
mod image;
mod levels;
mod sorted;
mod window;

use serde::{Deserialize, Serialize};

use self::image::Parts;
use self::levels::Levels;
use self::sorted::Sorted;
pub use self::window::KllWindow;
use super::Quantiles;
use super::ascending::key;
use crate::error::{Mismatch, ParameterError};
use crate::exact::ExactQuantiles;
use crate::hash::DEFAULT_SEED;
use crate::random::Draws;
use crate::summary::{Absorb, Items, Merge, Summary, Weight, Weighted};

/// Quantiles of numbers, with a stated error of their ranks for any input.
///
/// | | |
/// |---|---|
/// | answers | the value at any quantile and the rank of any value, with intervals; lowest and highest exactly |
/// | memory | at most about 58 bytes · k: 16 · k of buffer, 24 · k above it and room to compact; 11 KiB at k = 200 |
/// | absorb, merge, read | O(log k) amortised, O(k), O(k log k) |
/// | guarantee | a rank is off by more than 1.0/k of all values once in twenty times, by more than 1.3/k once in a hundred; of all ranks at once the farthest is off by more than 2.1/k once in a hundred times |
/// | merged | as good as one sketch of everything, in any order; the numbers differ |
///
/// The error is one of ranks: near the median of a million values a sketch of k = 200 gives a value that lies at most
/// 6,500 ranks away, with 99 %. That it holds does not depend on the order or the distribution of the values, but on
/// the coins of the sketch: they are stirred with the items, so partitions that began as clones of one empty sketch
/// toss different ones. Only partitions with the very same items in the same order toss the same; the errors then add up
/// instead of cancelling, to √2 times the bounds at worst, and the intervals do not know.
///
/// The intervals of a reading follow from what this sketch did: each compaction adds to a variance that is stored, so
/// they are exact while nothing was compacted (2 · k values), and narrower than the bounds above most of the time.
///
/// **Not for** the far tails: at q = 0.9999 an error of 0.5 % is everything; a [`TDigest`](crate::TDigest) knows more
/// there, but promises nothing. Whoever knows the seed and chooses the items can make the error larger.
///
/// NaN and infinite values are left out and counted in [`ignored`](Self::ignored). An item that stands for several
/// enters as the binary digits of its weight, a fraction rounded at random. The variance of the sampling is added to
/// that of a rank q, as it is at most for strata sampled unevenly: max(q, 1 − q)² Σ w (w − 1) / (Σ w)²; so the intervals hold
/// for all that the items stand for, and are open at the ends, which the sample may have missed.
///
/// Sources: Karnin, Lang, Liberty, *Optimal Quantile Approximation in Streams*, arXiv:1603.05346; coins in pairs of
/// opposites after Ivkin et al., *Streaming Quantiles Algorithms with Small Space and Update Time*, arXiv:1907.00236.
/// The constants are worst cases over lengths of the stream, of the variance that the schedule of compactions has.
///
/// ```
/// use streamgauge_sketches::{Absorb, Kll, Summary};
/// let mut latency = Kll::with_error(0.005)?;
/// assert_eq!(latency.k(), 260);
/// for i in 0..1_000_000_u32 {
///     latency.absorb(&f64::from(i % 1_000));
/// }
/// let latency = latency.read();
/// let p90 = latency.at(0.9);
/// assert!(p90.contains(899.0) && p90.upper - p90.lower <= 8.0, "{p90}");
/// assert!(latency.rank(249.0).contains(0.25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Kll {
    levels: Levels,
    ignored: u64,
}

impl Kll {
    /// The default size.
    pub const DEFAULT_K: u16 = 200;
    /// [`rank_error`](Self::rank_error) times k: 2.6 standard deviations, each at most 0.49.
    const ERROR: f64 = 1.3;
    /// [`largest_rank_error`](Self::largest_rank_error) times k: 4.25 standard deviations.
    const LARGEST_ERROR: f64 = 2.1;
    /// The smallest size.
    const LEAST_K: u16 = 8;

    /// A sketch whose largest levels hold `k` values.
    ///
    /// # Errors
    /// [`ParameterError`] unless `k` is at least 8.
    pub fn with_k(k: u16) -> Result<Self, ParameterError> {
        if k < Self::LEAST_K {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "k",
                allowed: "8 to 65,535",
                value: k.to_string(),
            });
        }
        Ok(Self::empty(k))
    }

    /// The smallest sketch whose [`rank_error`](Self::rank_error) is at most this: 0.01 for one of k = 130.
    ///
    /// # Errors
    /// [`ParameterError`] unless the error lies in 0.00002..1.
    pub fn with_error(rank_error: f64) -> Result<Self, ParameterError> {
        if !(2e-5..1.0).contains(&rank_error) {
            return Err(ParameterError {
                summary: Self::NAME,
                parameter: "rank error",
                allowed: "at least 0.00002 and below 1",
                value: rank_error.to_string(),
            });
        }
        Ok(Self::empty((Self::ERROR / rank_error).ceil().max(f64::from(Self::LEAST_K)) as u16))
    }

    fn empty(k: u16) -> Self {
        Self { levels: Levels::new(k, DEFAULT_SEED), ignored: 0 }
    }

    /// Tosses other coins from here on.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.levels.coins.draws = Draws::new(seed);
        self
    }

    /// The size.
    pub fn k(&self) -> u16 {
        self.levels.k
    }

    /// How far off a rank may be, as a share of all values: 1.3/k. Of a hundred ranks about one is farther off, at the
    /// worst length of the stream.
    pub fn rank_error(&self) -> f64 {
        Self::ERROR / f64::from(self.k())
    }

    /// How far off the farthest of all ranks may be: 2.1/k. Of a hundred sketches about one is farther off somewhere.
    pub fn largest_rank_error(&self) -> f64 {
        Self::LARGEST_ERROR / f64::from(self.k())
    }

    /// How many values were absorbed, those left out aside; sampled values count as those they stand for.
    pub fn count(&self) -> u64 {
        u64::try_from(self.levels.count()).unwrap_or(u64::MAX)
    }

    /// How many values were NaN or infinite.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }
}

impl Default for Kll {
    fn default() -> Self {
        Self::empty(Self::DEFAULT_K)
    }
}

impl Summary for Kll {
    type Reading = Quantiles;

    const NAME: &'static str = "Kll";

    fn read(&self) -> Quantiles {
        Sorted::read(&[&Sorted::of(self)])
    }

    fn memory_bytes(&self) -> usize {
        let Levels { buffer, items, lengths, .. } = &self.levels;
        size_of::<Self>()
            + (buffer.capacity() + items.capacity()) * size_of::<i64>()
            + lengths.capacity() * size_of::<usize>()
    }
}

impl Absorb<f64> for Kll {
    type Exact = ExactQuantiles;

    const WEIGHTED: Option<fn(&mut Self, &f64, Weight)> = Some(<Self as Weighted<f64>>::absorb_weighted);

    #[inline]
    fn absorb(&mut self, item: &f64) {
        if item.is_finite() {
            self.levels.push(key(*item));
        } else {
            self.ignored = self.ignored.saturating_add(1);
        }
    }

    fn absorb_all(&mut self, items: impl Items<f64>) {
        let (mut keys, mut filled) = ([0; 64], 0);
        items.visit_all(|item| {
            if !item.is_finite() {
                self.ignored = self.ignored.saturating_add(1);
                return;
            }
            keys[filled] = key(*item);
            filled += 1;
            if filled == keys.len() {
                self.levels.push_all(&keys);
                filled = 0;
            }
        });
        self.levels.push_all(&keys[..filled]);
    }

    fn exact(&self) -> ExactQuantiles {
        ExactQuantiles::default()
    }
}

impl Weighted<f64> for Kll {
    fn absorb_weighted(&mut self, item: &f64, weight: Weight) {
        if weight == Weight::ONE || !item.is_finite() {
            return self.absorb(item);
        }
        self.levels.push_weighted(key(*item), weight);
    }
}

impl Merge for Kll {
    type Window = KllWindow;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "k", &self.k(), &other.k())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.ignored = self.ignored.saturating_add(other.ignored);
        if self.levels.is_empty() {
            self.levels.clone_from(&other.levels);
        } else if !other.levels.is_empty() {
            self.levels.merge(&other.levels);
        }
        Ok(())
    }

    /// Compacts nothing, so it is at least as accurate as merging.
    fn read_merged(&self, other: &Self) -> Result<Quantiles, Mismatch> {
        self.compatible(other)?;
        Ok(Sorted::read(&[&Sorted::of(self), &Sorted::of(other)]))
    }
}
