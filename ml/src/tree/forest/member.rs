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

/// The δ of the detector that warns, and of the one that tells a change.
const WARNING: f64 = 0.01;
const DRIFT: f64 = 0.001;
/// What remains of a lead after another row.
const FADE: f64 = 0.995;
/// The most that both detectors hold on the heap, over 2³³ rows.
pub(super) const WATCHES: usize = 2 * 30 * 152;

/// A tree of a forest, with what watches it. It knows nothing of the other trees: each can learn a row by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) tree: HoeffdingAdaptiveTree,
    pub(super) background: Option<Background>,
    warning: Adwin,
    drift: Adwin,
    draws: Draws,
}

/// A tree that learns since a warning, to take the place of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Background {
    tree: HoeffdingAdaptiveTree,
    /// How many errors it made less than the other, lately.
    lead: f64,
    /// Whether a change was told since.
    drifted: bool,
}

/// How often a row is drawn when as many rows are drawn as there are, six times over: Poisson's distribution of mean 6.
#[inline]
fn poisson(draws: &mut Draws) -> u32 {
    // The probability of 0: e⁻⁶.
    let (unit, mut times, mut share) = (draws.unit(), 0, 0.002_478_752_176_666_358_5);
    let mut below = share;
    while unit > below && times < 40 {
        times += 1;
        share *= 6.0 / f64::from(times);
        below += share;
    }
    times
}

fn detector(delta: f64) -> Adwin {
    Adwin::new(delta).unwrap_or_default()
}

impl Member {
    pub(super) fn new(schema: &Schema, growth: &Growth, at: usize) -> Self {
        let mut draws = Draws::new(growth.seed);
        draws.stir(at as u64);
        let tree = HoeffdingAdaptiveTree::grown(schema.clone(), growth.clone().seed(draws.bits()));
        Self { tree, background: None, warning: detector(WARNING), drift: detector(DRIFT), draws }
    }

    /// How much its vote counts: the share of rows that it was right about since the last change, as if it had been right
    /// once more. So it is never 0.
    #[inline]
    pub(super) fn accuracy(&self) -> f64 {
        let rows = self.drift.width() as f64;
        (rows * (1.0 - self.drift.estimate().clamp(0.0, 1.0)) + 1.0) / (rows + 1.0)
    }

    /// Learns a row for which it had these votes.
    pub(super) fn learn(&mut self, row: &[f64], class: usize, weight: f64, votes: &[f64]) -> Result<(), RowError> {
        let wrong = f64::from(u8::from(most(votes) != Some(class)));
        if let Some(background) = &mut self.background {
            let of_background = f64::from(u8::from(background.tree.predict_one(row)? != Some(class)));
            background.lead = FADE * background.lead + wrong - of_background;
        }
        let times = poisson(&mut self.draws);
        if times > 0 {
            let weight = weight * f64::from(times);
            self.tree.learn_weighted(row, class, weight)?;
            if let Some(background) = &mut self.background {
                background.tree.learn_weighted(row, class, weight)?;
            }
        }
        let (warned, drifted) = (self.warning.risen(wrong), self.drift.risen(wrong));
        if let Some(background) = &mut self.background {
            background.drifted |= drifted;
            if background.drifted && background.lead > 0.0 {
                self.replace();
            }
        } else if warned || drifted {
            self.begin(drifted);
        }
        Ok(())
    }

    /// Lets a tree begin in the background.
    #[cold]
    fn begin(&mut self, drifted: bool) {
        let growth = self.tree.growth().clone().seed(self.draws.bits());
        let tree = HoeffdingAdaptiveTree::grown(self.tree.schema().clone(), growth);
        self.background = Some(Background { tree, lead: 0.0, drifted });
    }

    /// Puts the tree of the background in the place of the other.
    #[cold]
    fn replace(&mut self) {
        if let Some(background) = self.background.take() {
            self.tree = background.tree;
            (self.warning, self.drift) = (detector(WARNING), detector(DRIFT));
        }
    }

    fn trees(&self) -> impl Iterator<Item = &HoeffdingAdaptiveTree> {
        std::iter::once(&self.tree).chain(self.background.as_ref().map(|background| &background.tree))
    }

    /// The bytes that are held, itself included.
    pub(super) fn memory_bytes(&self) -> usize {
        let trees = self.trees().map(|tree| tree.memory_bytes() - size_of_val(tree)).sum::<usize>();
        size_of::<Self>() + trees + self.warning.heap_bytes() + self.drift.heap_bytes()
    }

    pub(super) fn check(&self, schema: &Schema, growth: &Growth) -> Result<(), DecodeError> {
        for tree in self.trees() {
            tree.check()?;
            let same = tree.schema() == schema && tree.growth().clone().seed(growth.seed) == *growth;
            DecodeError::unless(same, "a tree", "unlike the others of its forest")?;
        }
        let lead = self.background.as_ref().map_or(0.0, |background| background.lead);
        DecodeError::unless(lead.abs() <= 1.0 / (1.0 - FADE) + 1.0, "the lead of a tree", lead)?;
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

    #[test]
    fn detectors_hold_what_is_set_aside_for_them() {
        let mut adwin = detector(DRIFT);
        (0..100_000).for_each(|i| _ = adwin.risen(f64::from(i % 2)));
        // 14 doublings of eight.
        assert_eq!(adwin.heap_bytes(), 14 * WATCHES / 60);
    }
}
