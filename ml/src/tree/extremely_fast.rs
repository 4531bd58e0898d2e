//! The extremely fast decision tree.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError};

use super::common::tree;
use super::elder::{Answer, Elder};
use super::grow::{begin_anew, best_split, check_room, learn, room, split};
use super::growth::{Growth, Plan};
use super::nodes::{Nodes, ROOT};
use super::statistics::Candidate;
use crate::image::image;
use crate::schema::Schema;

/// The least merit that a leaf splits for.
const LEAST_MERIT: f64 = 1e-10;

/// The extremely fast decision tree (EFDT, Hoeffding anytime tree): splits a leaf as soon as a split is certainly better than
/// none, and looks at every split again to put a better one in its place.
///
/// It is right sooner than a [`HoeffdingTree`](super::HoeffdingTree) and follows slow changes. The name is about rows, not
/// time: every node on the way to a leaf learns every row, so it is slower and holds more memory. As there, the node on the
/// way is listened to that was right more often lately than those above it.
/// With [`Growth::memory`] the splits are the first to give up their statistics, and stay as they are.
///
/// Manapragada, Webb & Salehi, *Extremely Fast Decision Tree*, KDD 2018.
///
/// ```
/// use streamgauge_ml::{Classifier, Schema, tree::ExtremelyFastTree};
/// let mut tree = ExtremelyFastTree::new(Schema::numeric(2, 2)?);
/// let rows = (0..20_000_u32).map(|i| [f64::from(i * 37 % 100), f64::from(i * 91 % 100)]);
/// let mut right = 0;
/// for row in rows {
///     let class = usize::from(row[0] > 30.0 && row[1] > 60.0);
///     right += u32::from(tree.predict_and_learn(&row, class)? == Some(class));
/// }
/// assert!(right > 19_000 && tree.leaves() > 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtremelyFastTree {
    plan: Plan,
    again: u32,
    nodes: Nodes<Elder>,
    draws: Draws,
}

impl ExtremelyFastTree {
    /// A tree that has seen nothing, grows as is usual, and looks at a split again every 2,000 rows.
    pub fn new(schema: Schema) -> Self {
        Self::of(schema, Growth::default(), 2_000)
    }

    /// A tree that has seen nothing, and looks at a split `again` after so many rows (their weight).
    ///
    /// # Errors
    /// [`ParameterError`] if `again` is 0, or the memory cap has no room for the empty tree.
    pub fn with_growth(schema: Schema, growth: Growth, again: u32) -> Result<Self, ParameterError> {
        if again == 0 {
            let (parameter, allowed) = ("again", "at least 1");
            return Err(ParameterError { summary: "ExtremelyFastTree", parameter, allowed, value: "0".to_owned() });
        }
        let tree = Self::of(schema, growth, again);
        check_room::<Self, Elder>(&tree.plan.growth, &tree.plan)?;
        Ok(tree)
    }

    fn of(schema: Schema, growth: Growth, again: u32) -> Self {
        let nodes = Nodes::new(schema.classes());
        let draws = Draws::new(growth.seed);
        Self { plan: Plan::new(schema, growth), again, nodes, draws }
    }

    fn predict(&self, row: &[f64]) -> Option<usize> {
        self.nodes.voice(&self.plan, row).predict(&self.plan, row)
    }

    fn probabilities(&self, row: &[f64], into: &mut Vec<f64>) {
        self.nodes.voice(&self.plan, row).probabilities(&self.plan, row, into);
    }

    /// Learns a row that was checked, and says what was predicted.
    fn step(&mut self, row: &[f64], class: usize, weight: f64) -> Option<usize> {
        let Answer { predicted, votes, .. } = self.nodes.ask(&self.plan, (row, class, weight));
        let mut at = ROOT;
        loop {
            let Self { plan, nodes, draws, again } = self;
            let room = room::<Self>(plan);
            let is_leaf = nodes.get(at).split.is_none();
            learn((plan, nodes, draws), room, at, (row, class, weight), is_leaf.then_some(votes));
            let leaf = &mut nodes.get_mut(at).leaf;
            if leaf.statistics.is_some() && leaf.due(if is_leaf { plan.growth.grace } else { *again }) {
                if is_leaf {
                    self.attempt(at);
                } else {
                    at = self.look_again(at);
                }
            }
            match self.nodes.get(at).split {
                Some(split) if !is_leaf => at = self.nodes.child(&split, row),
                _ => return predicted,
            }
        }
    }

    /// Looks for a split of a leaf.
    #[cold]
    fn attempt(&mut self, at: u32) {
        let Self { plan, nodes, draws, .. } = self;
        let leaf = &mut nodes.get_mut(at).leaf;
        if !leaf.mixed() {
            return;
        }
        let Some(best) = best_split(leaf, plan, plan.growth.prune) else {
            begin_anew(nodes, at, plan);
            return;
        };
        let Candidate { test, merit } = best.candidate;
        if merit > LEAST_MERIT && plan.clear(merit, 0.0, plan.bound(leaf.weight())) {
            split((plan, nodes, draws), room::<Self>(plan), at, test, true);
        }
    }

    /// Looks at a split again. Tells the number that its node now has.
    #[cold]
    fn look_again(&mut self, at: u32) -> u32 {
        let Self { plan, nodes, draws, .. } = self;
        let node = nodes.get_mut(at);
        let Some(now) = node.split.map(|split| split.test) else { return at };
        let (mut best, mut current) = (None::<Candidate>, 0.0);
        node.leaf.candidates(plan, |candidate| {
            if candidate.test.attribute() == now.attribute() {
                current = candidate.merit;
            }
            if best.is_none_or(|best| candidate.merit >= best.merit) {
                best = Some(candidate);
            }
        });
        let Some(Candidate { test, merit }) = best else { return at };
        let bound = plan.bound(node.leaf.weight());
        if merit < 0.0 {
            return if -current > bound { nodes.prune(at) } else { at };
        }
        // Another test of the same attribute is no better by much, and would cost what is below.
        if test.attribute() == now.attribute() {
            return at;
        }
        let better = merit - current;
        if better > bound || (bound < plan.tie() && better > plan.growth.tie / 2.0) {
            let at = nodes.prune(at);
            split((plan, nodes, draws), room::<Self>(plan), at, test, true);
            return at;
        }
        at
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.plan.check()?;
        DecodeError::unless(self.again > 0, "rows until a split is looked at again", self.again)?;
        self.nodes.check(&self.plan, true)
    }
}

tree!(ExtremelyFastTree);
image!(ExtremelyFastTree, 1);
