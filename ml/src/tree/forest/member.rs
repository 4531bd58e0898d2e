//! A tree of a forest.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, Summary};

use crate::baseline::most;
use crate::drift::Adwin;
use crate::error::RowError;
use crate::learner::Classifier;
use crate::schema::Schema;
use crate::tree::{Growth, HoeffdingAdaptiveTree};

/// The rate of false warnings, and of false alarms.
const WARNING: f64 = 0.01;
const DRIFT: f64 = 0.001;

/// A tree of a forest, with what watches it. It knows nothing of the other trees: each can learn a row by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    tree: HoeffdingAdaptiveTree,
    /// Learns since a warning, to take the place of the tree.
    background: Option<Background>,
    warning: Adwin,
    drift: Adwin,
    draws: Draws,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Background {
    tree: HoeffdingAdaptiveTree,
    lead: f64,
    drifted: bool,
}

/// How often a row is drawn when as many rows are drawn as there are, each six times: Poisson's distribution of mean 6.
#[inline]
fn poisson(draws: &mut Draws) -> u32 {
    let (unit, mut times, mut share) = (draws.unit(), 0, 0.002_478_752_176_666_358_5);
    let mut below = share;
    while unit > below && times < 40 {
        times += 1;
        share *= 6.0 / f64::from(times);
        below += share;
    }
    times
}

fn watch(delta: f64) -> Adwin {
    Adwin::new(delta).unwrap_or_default()
}

impl Member {
    pub(super) fn new(schema: &Schema, growth: &Growth, at: usize) -> Self {
        let mut draws = Draws::new(growth.seed);
        draws.stir(at as u64);
        let tree = HoeffdingAdaptiveTree::grown(schema.clone(), growth.clone().seed(draws.bits()));
        Self { tree, background: None, warning: watch(WARNING), drift: watch(DRIFT), draws }
    }

    /// How much its vote counts: how often it was right lately.
    #[inline]
    pub(super) fn weight(&self) -> f64 {
        (1.0 - self.drift.estimate()).powf(*POWER)
    }

    pub(super) fn tree(&self) -> &HoeffdingAdaptiveTree {
        &self.tree
    }

    pub(super) fn in_background(&self) -> bool {
        self.background.is_some()
    }

    /// Learns a row for which it had these votes.
    pub(super) fn learn(&mut self, row: &[f64], class: usize, weight: f64, votes: &[f64]) -> Result<(), RowError> {
        let wrong = most(votes) != Some(class);
        let times = poisson(&mut self.draws);
        if let Some(background) = &mut self.background {
            let of_background = background.tree.predict_one(row)? != Some(class);
            background.lead = 0.995 * background.lead + f64::from(u8::from(wrong)) - f64::from(u8::from(of_background));
        }
        if times > 0 {
            let weight = weight * f64::from(times) * *SCALE;
            self.tree.learn_weighted(row, class, weight)?;
            if let Some(background) = &mut self.background {
                background.tree.learn_weighted(row, class, weight)?;
            }
        }
        let error = f64::from(u8::from(wrong));
        let (warned, drifted) = (self.warning.risen(error), self.drift.risen(error));
        if warned && self.background.is_none() {
            self.background = Some(Background { tree: self.young(), lead: 0.0, drifted: false });
        }
        let Some(background) = &mut self.background else { return Ok(()) };
        background.drifted |= drifted;
        if background.drifted && background.lead > *LEAD {
            if let Some(background) = self.background.take() {
                self.tree = background.tree;
                (self.warning, self.drift) = (watch(WARNING), watch(DRIFT));
            }
        }
        Ok(())
    }

    #[cold]
    fn young(&mut self) -> HoeffdingAdaptiveTree {
        HoeffdingAdaptiveTree::grown(self.tree.schema().clone(), self.tree.growth().clone().seed(self.draws.bits()))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let background =
            self.background.as_ref().map_or(0, |b| b.tree.memory_bytes() - size_of::<HoeffdingAdaptiveTree>());
        let tree = self.tree.memory_bytes() - size_of::<HoeffdingAdaptiveTree>();
        size_of::<Self>() + tree + background + self.warning.heap_bytes() + self.drift.heap_bytes()
    }

    pub(super) fn check(&self, schema: &Schema, growth: &Growth) -> Result<(), DecodeError> {
        for tree in std::iter::once(&self.tree).chain(self.background.as_ref().map(|b| &b.tree)) {
            tree.check()?;
            DecodeError::unless(tree.schema() == schema, "a tree of other rows", "in a forest")?;
            let same = tree.growth().clone().seed(growth.seed) == *growth;
            DecodeError::unless(same, "a tree that grows otherwise", "in a forest")?;
        }
        self.warning.check()?;
        self.drift.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_six_times_on_average() {
        let mut draws = Draws::new(1);
        let times: Vec<f64> = (0..100_000).map(|_| f64::from(poisson(&mut draws))).collect();
        let mean = times.iter().sum::<f64>() / 1e5;
        let variance = times.iter().map(|times| (times - mean).powi(2)).sum::<f64>() / 1e5;
        // Standard errors: 0.0077 and 0.028; four of each are exceeded once in 10⁴ seeds.
        assert!((mean - 6.0).abs() < 0.031 && (variance - 6.0).abs() < 0.112, "{mean} {variance}");
    }
}

pub(super) static SCALE: std::sync::LazyLock<f64> =
    std::sync::LazyLock::new(|| std::env::var("SCALE").ok().map_or(1.0, |v| v.parse().unwrap_or(1.0)));
pub(super) static POWER: std::sync::LazyLock<f64> =
    std::sync::LazyLock::new(|| std::env::var("POWER").ok().map_or(1.0, |v| v.parse().unwrap_or(1.0)));

pub(super) static LEAD: std::sync::LazyLock<f64> =
    std::sync::LazyLock::new(|| std::env::var("LEAD").ok().map_or(0.0, |v| v.parse().unwrap_or(1.0)));
