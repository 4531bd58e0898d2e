//! What a node knows of the classes of its rows, and how it predicts by that.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::growth::{Leaves, Plan};
use super::statistics::{Candidate, Statistics};
use super::test::adds_up;
use crate::baseline::{most, normalize};

/// What remains of the count of right predictions after one more row: half of it after 138 rows, so that a leaf changes
/// its way of prediction soon after its rows have changed.
const FADE: f64 = 0.995;

/// What remains of a count of right predictions after a row of this weight.
#[inline]
pub(crate) fn fade(weight: f64) -> f64 {
    if weight == 1.0 { FADE } else { FADE.powf(weight) }
}

/// What a node knows of the classes of its rows, and how it predicts by that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Leaf {
    /// By class: what the leaf began with, and what it has learned.
    weights: Box<[f64]>,
    /// The weight at the last look for a split; more than there is, if the leaf is to wait.
    attempted: f64,
    majority_right: f64,
    bayes_right: f64,
    /// None before the first row, and where there is no room for them.
    pub(crate) statistics: Option<Box<Statistics>>,
}

/// What the two ways of prediction say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Votes {
    majority: Option<usize>,
    /// None where it was not asked.
    bayes: Option<usize>,
    pub(crate) chosen: Option<usize>,
}

impl Leaf {
    /// One that begins with these weights of classes.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let attempted = weights.iter().sum();
        Self { weights: weights.into(), attempted, ..Self::default() }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.weights) + self.statistics.as_ref().map_or(0, |statistics| statistics.bytes())
    }

    /// The weights of the classes.
    #[inline]
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The weight of all rows, with what the leaf began with.
    #[inline]
    pub(crate) fn weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The weight of the rows that the majority class is wrong about: what a split could gain.
    pub(crate) fn promise(&self) -> f64 {
        self.weight() - self.weights.iter().copied().fold(0.0, f64::max)
    }

    /// Whether the rows have several classes.
    pub(crate) fn mixed(&self) -> bool {
        self.weights.iter().filter(|weight| **weight > 0.0).count() > 1
    }

    /// Whether the leaf has learned nothing since it was made, or looked at last.
    pub(crate) fn fresh(&self) -> bool {
        self.attempted == self.weight()
    }

    /// Whether the leaf has learned so many rows since the last look for a split; if so, this is one.
    #[inline]
    pub(crate) fn due(&mut self, grace: u32) -> bool {
        let weight = self.weight();
        let due = weight - self.attempted >= f64::from(grace);
        if due {
            self.attempted = weight;
        }
        due
    }

    /// Lets the leaf learn half as much again, and no more than so many rows, before the next look for a split: one that was
    /// taken back would be found again.
    pub(crate) fn wait(&mut self, most: u32) {
        let weight = self.weight();
        self.attempted = weight + (0.5 * weight).min(f64::from(most));
    }

    /// What both ways of prediction say of a row.
    #[inline]
    pub(crate) fn votes(&self, plan: &Plan, row: &[f64]) -> Votes {
        let majority = most(&self.weights);
        let bayes = match &self.statistics {
            Some(statistics) if plan.growth.leaves != Leaves::Majority => self.bayes(statistics, plan, row),
            _ => None,
        };
        let chosen = if self.trusts_bayes(plan) { bayes.or(majority) } else { majority };
        Votes { majority, bayes, chosen }
    }

    /// The class that is predicted for a row.
    #[inline]
    pub(crate) fn predict(&self, plan: &Plan, row: &[f64]) -> Option<usize> {
        match &self.statistics {
            Some(statistics) if self.trusts_bayes(plan) => self.bayes(statistics, plan, row),
            _ => most(&self.weights),
        }
    }

    #[inline]
    fn trusts_bayes(&self, plan: &Plan) -> bool {
        match plan.growth.leaves {
            Leaves::Majority => false,
            Leaves::NaiveBayes => true,
            Leaves::Adaptive => self.majority_right <= self.bayes_right,
        }
    }

    #[inline]
    fn bayes(&self, statistics: &Statistics, plan: &Plan, row: &[f64]) -> Option<usize> {
        let mut best = (None, f64::MIN);
        statistics.score(plan, row, &self.weights, |from, scores| {
            for (at, score) in scores.iter().enumerate() {
                if *score > best.1 {
                    best = (Some(from + at), *score);
                }
            }
        });
        best.0
    }

    /// The shares of the classes.
    pub(crate) fn probabilities(&self, plan: &Plan, row: &[f64], into: &mut Vec<f64>) {
        into.clear();
        into.extend_from_slice(&self.weights);
        if let Some(statistics) = self.statistics.as_ref().filter(|_| self.trusts_bayes(plan)) {
            into.clear();
            statistics.score(plan, row, &self.weights, |_, scores| into.extend_from_slice(scores));
            let best = into.iter().copied().fold(f64::MIN, f64::max);
            let share = |score: f64| if best > f64::MIN { (score - best).exp() } else { 0.0 };
            into.iter_mut().for_each(|score| *score = share(*score));
        }
        normalize(into);
    }

    /// Learns a row, of which the leaf predicted this, if it was asked.
    #[inline]
    pub(crate) fn learn(&mut self, plan: &Plan, row: &[f64], class: usize, weight: f64, votes: Option<Votes>) {
        if let Some(Votes { majority, bayes: Some(bayes), .. }) = votes
            && plan.growth.leaves == Leaves::Adaptive
        {
            let fade = fade(weight);
            let right = |right: bool| if right { weight } else { 0.0 };
            self.majority_right = fade * self.majority_right + right(majority == Some(class));
            self.bayes_right = fade * self.bayes_right + right(bayes == class);
        }
        self.weights[class] += weight;
        if let Some(statistics) = &mut self.statistics {
            statistics.learn(plan, row, class, weight);
        }
    }

    /// The best split of each attribute that has one, in the order of the attributes.
    pub(crate) fn candidates(&mut self, plan: &Plan, each: impl FnMut(Candidate)) {
        if let Some(statistics) = &mut self.statistics {
            statistics.candidates(plan, &self.weights, each);
        }
    }

    /// Forgets the single values: a split that is not looked at again needs none.
    pub(crate) fn forget_values(&mut self) {
        if let Some(statistics) = &mut self.statistics {
            statistics.forget_values();
        }
    }

    pub(crate) fn check(&self, plan: &Plan) -> Result<(), DecodeError> {
        DecodeError::unless(self.weights.len() == plan.classes(), "classes of a leaf", self.weights.len())?;
        let counts = [self.attempted, self.majority_right, self.bayes_right];
        let wrong = self.weights.iter().chain(&counts).find(|count| !adds_up(**count));
        DecodeError::unless(wrong.is_none(), "a weight in a leaf", wrong.copied().unwrap_or_default())?;
        self.statistics.as_ref().map_or(Ok(()), |statistics| statistics.check(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_that_waits_learns_half_as_much_again_but_never_more_than_so_many_rows() {
        let mut leaf = Leaf::new(&[60.0, 40.0]);
        leaf.wait(3_000);
        assert!(!leaf.due(10) && !leaf.fresh());
        leaf.weights[0] += 59.0;
        assert!(!leaf.due(10), "150 and a grace of 10 are not reached");
        leaf.weights[1] += 1.0;
        assert!(leaf.due(10) && leaf.fresh());
        assert!(!leaf.due(10), "the next look is a grace away");
        leaf.weights[0] = 1e6;
        leaf.wait(3_000);
        leaf.weights[1] += 3_010.0;
        assert!(leaf.due(10), "no leaf waits for ever");
    }
}
