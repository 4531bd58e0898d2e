//! A KLL sketch whose items lie in their order: what is read, and what slides.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Kll;
use super::coins::Coins;
use super::levels::{Levels, key, value};
use crate::error::Mismatch;
use crate::estimate::{Family, Method};
use crate::exact::Z95;
use crate::quantile::Quantiles;
use crate::quantile::ascending::{Ascending, halve, merge, merge_leveled, weight};
use crate::quantile::steps::Steps;
use crate::summary::Summary;

/// A sketch that merges in linear time and is read without any work.
///
/// Its items change all at once or not at all, so readings and other sketches share them: of sketches of which each
/// is the one before and a few more items, most have all but the lowest level in common.
///
/// It is stored as the sketch that it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Kll", into = "Kll")]
pub(super) struct Sorted {
    k: u16,
    ignored: u64,
    /// Level 0.
    lowest: Arc<Ascending>,
    /// Levels 1 and up, if there are any.
    upper: Option<Arc<Ascending>>,
    /// The lowest and the highest item; the other way round if there is none.
    min: i64,
    max: i64,
    coins: Coins,
}

impl Sorted {
    pub(super) fn of(Kll { levels, ignored }: &Kll) -> Self {
        let (min, max) = levels.ends();
        let mut buffer = levels.buffer.clone();
        buffer.sort_unstable();
        // The shortest first: the longest is moved once.
        let runs = levels.runs().zip(1..).filter(|(run, _)| !run.is_empty());
        let runs = runs.map(|(run, level)| (run.iter().map(|&key| value(key)).collect(), vec![level; run.len()]));
        let upper = runs.reduce(|(ours, our_levels): (Vec<_>, Vec<_>), (theirs, their_levels)| {
            merge_leveled((&ours, &our_levels), (&theirs, &their_levels))
        });
        Self {
            k: levels.k,
            ignored: *ignored,
            lowest: Arc::new(Ascending::ones(buffer.into_iter().map(value).collect())),
            upper: upper.map(|upper| Arc::new(Ascending::leveled(upper))),
            min,
            max,
            coins: levels.coins.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        self.lowest.values().is_empty() && self.upper.is_none()
    }

    pub(super) fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Kll::NAME, "k", &self.k, &other.k)
    }

    /// Takes in the items of another.
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.ignored = self.ignored.saturating_add(other.ignored);
        if other.is_empty() {
            return Ok(());
        }
        if self.is_empty() {
            *self = Self { ignored: self.ignored, ..other.clone() };
            return Ok(());
        }
        self.coins.join(&other.coins);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        let mut lowest = merge(self.lowest.values(), other.lowest.values());
        let mut risen = Vec::new();
        if lowest.len() >= Levels::buffer_size(self.k) {
            self.coins.stir(&lowest, |value| value.to_bits());
            let coin = self.coins.toss(0);
            risen = lowest.chunks_exact(2).map(|two| two[coin]).collect();
            // An odd one stays, the highest: the total weight is kept.
            lowest.drain(..2 * risen.len());
        }
        self.lowest = Arc::new(Ascending::ones(lowest));
        let both = match (&self.upper, &other.upper) {
            (Some(ours), Some(theirs)) => Some(ours.merged(theirs)),
            (None, Some(theirs)) if risen.is_empty() => {
                self.upper = Some(theirs.clone());
                None
            }
            _ if risen.is_empty() => None,
            (Some(one), None) | (None, Some(one)) => Some((one.values().to_vec(), one.levels().into_owned())),
            (None, None) => Some(Default::default()),
        };
        if let Some((values, levels)) = both {
            let mut items = match risen.is_empty() {
                true => (values, levels),
                false => merge_leveled((&values, &levels), (&risen, &vec![1; risen.len()])),
            };
            self.compress(&mut items);
            self.upper = Some(Arc::new(Ascending::leveled(items)));
        }
        Ok(())
    }

    /// Compacts levels, lowest first, until those above the lowest are within their budget.
    fn compress(&mut self, items: &mut (Vec<f64>, Vec<u8>)) {
        let mut lengths = [0; Levels::HIGHEST + 1];
        items.1.iter().for_each(|&level| lengths[usize::from(level).min(Levels::HIGHEST)] += 1);
        loop {
            let highest = lengths.iter().rposition(|&length| length > 0).unwrap_or(0);
            if items.0.len() <= Levels::budget(self.k, highest) {
                return;
            }
            for level in 1..=highest {
                // Some level is full, or there would be no more than the budget.
                if lengths[level] >= Levels::capacity(self.k, highest - level) {
                    let (to, pairs) = (level.min(Levels::HIGHEST - 1) + 1, lengths[level] / 2);
                    halve(items, level as u8, to as u8, pairs, self.coins.toss(level));
                    lengths[level] %= 2;
                    lengths[to] += pairs;
                    if items.0.len() <= Levels::budget(self.k, highest) {
                        return;
                    }
                }
            }
        }
    }

    /// The reading of sketches of the same size as one.
    pub(super) fn read(sketches: &[&Self]) -> Quantiles {
        let parts = sketches.iter().flat_map(|sketch| std::iter::once(&sketch.lowest).chain(&sketch.upper));
        let filled = parts.filter(|part| !part.values().is_empty()).cloned().collect();
        let min = sketches.iter().map(|sketch| sketch.min).min().unwrap_or(i64::MAX);
        let max = sketches.iter().map(|sketch| sketch.max).max().unwrap_or(i64::MIN);
        let k = sketches.first().map_or(0, |sketch| sketch.k);
        let steps = Steps::of(filled, (value(min), value(max)), Self::error(sketches));
        Quantiles::steps(steps, Method::new(Family::Kll, k.into()))
    }

    /// The half-width of the 95 % interval of a rank as it is now, as a share of all values.
    fn error(sketches: &[&Self]) -> f64 {
        /// How many standard deviations it reaches: a little more than the normal 1.96, because the errors are sums of
        /// few powers of two.
        const REACH: f64 = 2.1;
        let deviation = sketches.iter().map(|sketch| sketch.coins.variance).sum::<f64>().sqrt();
        if deviation == 0.0 {
            return 0.0;
        }
        // Errors come in steps of the lightest weight. An interval that ends within half a step before the next one
        // would miss too much of what the normal distribution puts there.
        let step = sketches.iter().map(|sketch| sketch.lightest()).fold(f64::INFINITY, f64::min);
        let steps = (Z95 * deviation / step).round() * step;
        let count: f64 = sketches.iter().map(|sketch| sketch.count()).sum();
        ((REACH * deviation).max(steps) / count).min(1.0)
    }

    /// How many items all of these stand for.
    fn count(&self) -> f64 {
        self.lowest.total() + self.upper.as_ref().map_or(0.0, |upper| upper.total())
    }

    /// What the lightest item above level 0 stands for.
    fn lightest(&self) -> f64 {
        let lightest = self.upper.as_ref().and_then(|upper| upper.levels().iter().min().copied());
        weight(lightest.unwrap_or(0))
    }

    /// The bytes held; what it shares with another is left out.
    pub(super) fn bytes_beside(&self, other: Option<&Self>) -> usize {
        let others = |part: &Arc<Ascending>| {
            other.is_some_and(|other| {
                Arc::ptr_eq(part, &other.lowest) || other.upper.as_ref().is_some_and(|upper| Arc::ptr_eq(part, upper))
            })
        };
        let parts = std::iter::once(&self.lowest).chain(&self.upper).filter(|part| !others(part));
        // Shared values lie behind two counters.
        let bytes = |part: &Arc<Ascending>| 2 * size_of::<usize>() + size_of::<Ascending>() + part.heap_bytes();
        size_of::<Self>() + parts.map(bytes).sum::<usize>()
    }
}

impl From<Sorted> for Kll {
    fn from(sorted: Sorted) -> Self {
        let Sorted { k, ignored, lowest, upper, min, max, coins } = sorted;
        let mut runs: Vec<Vec<i64>> = Vec::new();
        if let Some(upper) = upper {
            for (&item, &level) in upper.values().iter().zip(&*upper.levels()) {
                let level = usize::from(level).clamp(1, Levels::HIGHEST);
                if runs.len() < level {
                    runs.resize(level, Vec::new());
                }
                runs[level - 1].push(key(item));
            }
        }
        // The two zeros, which are alike here, have an order there.
        runs.iter_mut().for_each(|run| run.sort_unstable());
        let levels = Levels {
            k,
            buffer: lowest.values().iter().map(|&value| key(value)).collect(),
            items: runs.iter().rev().flatten().copied().collect(),
            lengths: runs.iter().map(Vec::len).collect(),
            min,
            max,
            coins,
        };
        Self { levels, ignored }
    }
}

impl From<Kll> for Sorted {
    fn from(kll: Kll) -> Self {
        Self::of(&kll)
    }
}
