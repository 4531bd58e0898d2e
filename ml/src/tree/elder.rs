//! Which node on the way to a leaf is listened to.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::growth::{Leaves, Plan};
use super::leaf::{Leaf, Votes, fade};
use super::nodes::{Kept, Nodes, ROOT};
use super::test::adds_up;

/// How often a node was right lately, and what was predicted above it. A young leaf lets its elders speak, who have seen
/// more rows, until it knows better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elder {
    own: f64,
    above: f64,
}

impl Elder {
    /// Whether to listen to the node itself.
    #[inline]
    fn own_voice(self) -> bool {
        self.own >= self.above
    }

    /// Counts who was right.
    #[inline]
    fn count(&mut self, own: bool, above: bool, weight: f64) {
        let (fade, right) = (fade(weight), |right: bool| if right { weight } else { 0.0 });
        self.own = fade * self.own + right(own);
        self.above = fade * self.above + right(above);
    }
}

impl Kept for Elder {
    fn check(&self) -> Result<(), DecodeError> {
        let wrong = [self.own, self.above].into_iter().find(|count| !adds_up(*count));
        DecodeError::unless(wrong.is_none(), "how often a node was right", wrong.unwrap_or_default())
    }
}

/// What a tree says of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// What is predicted.
    pub(crate) predicted: Option<usize>,
    /// The leaf of the row, and what it says.
    pub(crate) at: u32,
    pub(crate) votes: Votes,
}

impl Nodes<Elder> {
    /// The node on the way to the leaf of a row that says what is predicted: the leaf itself, unless leaves are adaptive.
    #[inline]
    pub(crate) fn voice(&self, plan: &Plan, row: &[f64]) -> &Leaf {
        let (mut at, mut voice) = (ROOT, ROOT);
        while let Some(split) = &self.get(at).split {
            at = self.child(split, row);
            let node = self.get(at);
            if plan.growth.leaves != Leaves::Adaptive || node.kept.own_voice() {
                voice = at;
            }
        }
        &self.get(voice).leaf
    }

    /// What is predicted for a row of this class. All nodes on its way are heavier by it, and count who was right.
    #[inline]
    pub(crate) fn ask(&mut self, plan: &Plan, (row, class, weight): (&[f64], usize, f64)) -> Answer {
        if plan.growth.leaves != Leaves::Adaptive {
            let at = self.pass(ROOT, row, weight);
            let votes = self.get(at).leaf.votes(plan, row);
            return Answer { predicted: votes.chosen, at, votes };
        }
        let mut at = ROOT;
        let root = self.get_mut(at);
        root.weight += weight;
        let mut votes = root.leaf.votes(plan, row);
        let mut predicted = votes.chosen;
        while let Some(split) = self.get(at).split {
            at = self.child(&split, row);
            let node = self.get_mut(at);
            node.weight += weight;
            votes = node.leaf.votes(plan, row);
            let (own, above) = (votes.chosen, predicted);
            if node.kept.own_voice() {
                predicted = own;
            }
            node.kept.count(own == Some(class), above == Some(class), weight);
        }
        Answer { predicted, at, votes }
    }
}
