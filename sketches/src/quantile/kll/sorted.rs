//! A KLL sketch whose items lie in their order: what is read, and what slides.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Kll;
use super::coins::Coins;
use super::levels::Levels;
use crate::error::Mismatch;
use crate::estimate::{Family, Method};
use crate::exact::Z95;
use crate::quantile::Quantiles;
use crate::quantile::ascending::{Leveled, merged, value};
use crate::quantile::steps::{Part, RankError, Steps};
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
    /// Level 0, ascending.
    lowest: Arc<[i64]>,
    /// Levels 1 and up, if there are any.
    upper: Option<Arc<Leveled>>,
    /// The lowest and the highest item; the other way round if there is none.
    min: i64,
    max: i64,
    coins: Coins,
}

impl Sorted {
    pub(super) fn of(kll: &Kll) -> Self {
        Self::with_buffer(kll, kll.levels.buffer.clone())
    }

    fn with_buffer(Kll { levels, ignored }: &Kll, mut buffer: Vec<i64>) -> Self {
        buffer.sort_unstable();
        // The shortest first: the longest is moved once.
        let mut upper: Option<Leveled> = None;
        for (run, level) in levels.runs().zip(1..).filter(|(run, _)| !run.is_empty()) {
            upper = Some(upper.map_or_else(|| Leveled::alike(run, level), |upper| upper.with(run, level)));
        }
        Self {
            k: levels.k,
            ignored: *ignored,
            min: buffer.first().map_or(levels.min, |&lowest| lowest.min(levels.min)),
            max: buffer.last().map_or(levels.max, |&highest| highest.max(levels.max)),
            lowest: buffer.into(),
            upper: upper.map(|upper| Arc::new(upper.summed())),
            coins: levels.coins.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        self.lowest.is_empty() && self.upper.is_none()
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
        self.lowest = merged(&self.lowest, &other.lowest);
        let mut risen = Vec::new();
        if self.lowest.len() >= Levels::buffer_size(self.k) {
            self.coins.stir(&self.lowest);
            let coin = self.coins.toss(0);
            risen = self.lowest.chunks_exact(2).map(|two| two[coin]).collect();
            // An odd one stays, the highest: the total weight is kept.
            self.lowest = self.lowest[2 * risen.len()..].into();
        }
        let upper = match (&self.upper, &other.upper) {
            (Some(ours), Some(theirs)) if risen.is_empty() => ours.merged(theirs),
            (Some(ours), Some(theirs)) => ours.merged(theirs).with(&risen, 1),
            (Some(one), None) | (None, Some(one)) if risen.is_empty() => {
                self.upper = Some(one.clone());
                return Ok(());
            }
            (Some(one), None) | (None, Some(one)) => one.with(&risen, 1),
            (None, None) if risen.is_empty() => return Ok(()),
            (None, None) => Leveled::alike(&risen, 1),
        };
        self.upper = Some(Arc::new(self.compressed(upper).summed()));
        Ok(())
    }

    /// Compacts levels, lowest first, until those above the lowest are within their budget.
    fn compressed(&mut self, mut items: Leveled) -> Leveled {
        let mut lengths = [0; Levels::HIGHEST + 1];
        items.levels().iter().for_each(|&level| lengths[usize::from(level).min(Levels::HIGHEST)] += 1);
        loop {
            let highest = lengths.iter().rposition(|&length| length > 0).unwrap_or(0);
            let budget = Levels::budget(self.k, highest);
            if items.levels().len() <= budget {
                return items;
            }
            for level in 1..=highest {
                // Some level is full, or there would be no more than the budget.
                if lengths[level] >= Levels::capacity(self.k, highest - level) {
                    let (to, pairs) = (level.min(Levels::HIGHEST - 1) + 1, lengths[level] / 2);
                    items.halve(level as u8, to as u8, pairs, self.coins.toss(level));
                    lengths[level] %= 2;
                    lengths[to] += pairs;
                    if items.levels().len() <= budget {
                        return items;
                    }
                }
            }
        }
    }

    /// The reading of sketches of the same size as one.
    pub(super) fn read(sketches: &[&Self]) -> Quantiles {
        let parts = sketches.iter().flat_map(|sketch| {
            let lowest = (!sketch.lowest.is_empty()).then(|| Part::Ones(sketch.lowest.clone()));
            lowest.into_iter().chain(sketch.upper.clone().map(Part::Leveled))
        });
        let min = sketches.iter().map(|sketch| sketch.min).min().unwrap_or(i64::MAX);
        let max = sketches.iter().map(|sketch| sketch.max).max().unwrap_or(i64::MIN);
        let k = sketches.first().map_or(0, |sketch| sketch.k);
        let sampling: f64 = sketches.iter().map(|sketch| sketch.coins.sampling).sum();
        let count: f64 = sketches.iter().map(|sketch| sketch.count()).sum();
        let error = RankError {
            compaction: Self::error(sketches),
            sampling: if sampling > 0.0 { Z95 * sampling.sqrt() / count } else { 0.0 },
        };
        let steps = Steps::of(parts.collect(), (value(min), value(max)), error);
        Quantiles::steps(steps, Method::new(Family::Kll, k.into()))
    }

    /// The half-width of the 95 % interval of a rank as compactions made it, as a share of all values.
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
        self.lowest.len() as f64 + self.upper.as_ref().map_or(0.0, |upper| upper.total())
    }

    /// What the lightest item above level 0 stands for.
    fn lightest(&self) -> f64 {
        self.upper.as_ref().map_or(1.0, |upper| upper.lightest())
    }

    /// The bytes held; levels that it shares with another are left out.
    pub(super) fn bytes_beside(&self, other: Option<&Self>) -> usize {
        // Shared values lie behind two counters.
        const COUNTERS: usize = 2 * size_of::<usize>();
        let others = other.and_then(|other| other.upper.as_ref());
        let upper = self.upper.as_ref().filter(|upper| !others.is_some_and(|others| Arc::ptr_eq(upper, others)));
        let lowest = COUNTERS + size_of_val(&*self.lowest);
        let upper = upper.map_or(0, |upper| COUNTERS + size_of::<Leveled>() + upper.heap_bytes());
        size_of::<Self>() + lowest + upper
    }
}

impl From<Kll> for Sorted {
    fn from(mut kll: Kll) -> Self {
        let buffer = std::mem::take(&mut kll.levels.buffer);
        Self::with_buffer(&kll, buffer)
    }
}

impl From<Sorted> for Kll {
    fn from(sorted: Sorted) -> Self {
        let Sorted { k, ignored, lowest, upper, min, max, coins } = sorted;
        let mut runs: Vec<Vec<i64>> = Vec::new();
        if let Some(upper) = upper {
            for (step, &level) in upper.steps().iter().zip(upper.levels()) {
                let level = usize::from(level).clamp(1, Levels::HIGHEST);
                if runs.len() < level {
                    runs.resize(level, Vec::new());
                }
                runs[level - 1].push(step.key);
            }
        }
        let levels = Levels {
            k,
            buffer: lowest.to_vec(),
            items: runs.iter().rev().flatten().copied().collect(),
            lengths: runs.iter().map(Vec::len).collect(),
            min,
            max,
            coins,
        };
        Self { levels, ignored }
    }
}
