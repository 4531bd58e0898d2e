//! The Hoeffding tree.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError};

use super::common::tree;
use super::elder::{Answer, Elder};
use super::grow::{begin_anew, best_split, check_room, learn, room, split};
use super::growth::{Growth, Leaves, Plan};
use super::nodes::Nodes;
use crate::image::image;
use crate::schema::Schema;

/// The Hoeffding tree, also called VFDT: a decision tree that splits a leaf as soon as Hoeffding's bound says that the best
/// split of the rows so far is the best of all rows.
///
/// Every `grace` rows a leaf compares its best split with its second best attribute, and with none. A split keeps what it
/// knew as a leaf: of the nodes on the way to a leaf the one is listened to that was right more often lately than those
/// above it, so that a new leaf costs no accuracy while it is young (with [`Leaves::Adaptive`] only). Rows that miss the value
/// a node asks for follow most of the others.
///
/// A row costs a few operations for each attribute and class in every node on its way; with other leaves only in the last.
/// Memory is a table for each node: 80 bytes for a numeric attribute and class, 8 for a category and class; with
/// [`Growth::memory`] never more than asked for. Trees of different rows cannot be merged.
///
/// Domingos & Hulten, *Mining High-Speed Data Streams*, KDD 2000.
///
/// ```
/// use streamgauge_ml::{Classifier, Schema, tree::HoeffdingTree};
/// let mut tree = HoeffdingTree::new(Schema::numeric(2, 2)?);
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
pub struct HoeffdingTree {
    plan: Plan,
    nodes: Nodes<Elder>,
    draws: Draws,
}

impl HoeffdingTree {
    /// A tree that has seen nothing and grows as is usual.
    pub fn new(schema: Schema) -> Self {
        Self::of(schema, Growth::default())
    }

    /// A tree that has seen nothing.
    ///
    /// # Errors
    /// [`ParameterError`] if its memory cap has no room for the empty tree.
    pub fn with_growth(schema: Schema, growth: Growth) -> Result<Self, ParameterError> {
        let tree = Self::of(schema, growth);
        check_room::<Self, Elder>(&tree.plan.growth, &tree.plan)?;
        Ok(tree)
    }

    fn of(schema: Schema, growth: Growth) -> Self {
        let nodes = Nodes::new(schema.classes());
        let draws = Draws::new(growth.seed);
        Self { plan: Plan::new(schema, growth), nodes, draws }
    }

    /// Whether splits go on with what they knew as leaves, to be listened to.
    fn keeps(&self) -> bool {
        self.plan.growth.leaves == Leaves::Adaptive
    }

    #[inline]
    fn predict(&self, row: &[f64]) -> Option<usize> {
        self.nodes.voice(&self.plan, row).predict(&self.plan, row)
    }

    fn probabilities(&self, row: &[f64], into: &mut Vec<f64>) {
        self.nodes.voice(&self.plan, row).probabilities(&self.plan, row, into);
    }

    /// Learns a row that was checked, and says what was predicted.
    #[inline]
    fn step(&mut self, row: &[f64], class: usize, weight: f64) -> Option<usize> {
        let Self { plan, nodes, draws } = self;
        let Answer { predicted, at, votes } = nodes.ask(plan, (row, class, weight));
        learn((plan, nodes, draws), room::<Self>(plan), at, (row, class, weight), Some(votes));
        let leaf = &mut nodes.get_mut(at).leaf;
        if leaf.statistics.is_some() && leaf.due(plan.growth.grace) {
            self.attempt(at);
        }
        predicted
    }

    /// Looks for a split of a leaf.
    #[cold]
    fn attempt(&mut self, at: u32) {
        let keeps = self.keeps();
        let Self { plan, nodes, draws } = self;
        let leaf = &mut nodes.get_mut(at).leaf;
        if !leaf.mixed() {
            return;
        }
        let Some(best) = best_split(leaf, plan, plan.growth.prune) else {
            begin_anew(nodes, at, plan);
            return;
        };
        let bound = plan.bound(leaf.weight());
        let (test, room) = (best.candidate.test, room::<Self>(plan));
        let clear = plan.clear(best.candidate.merit, best.second, bound);
        if clear && split((plan, nodes, draws), room, at, test, keeps) {
            nodes.change(at, |node| node.leaf.forget_values());
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.plan.check()?;
        self.nodes.check(&self.plan, self.keeps())
    }
}

tree!(HoeffdingTree);
image!(HoeffdingTree, 1);
