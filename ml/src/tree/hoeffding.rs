//! The Hoeffding tree.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::grow::{best_split, check_room, make_room_to_learn, room, wake, weight_of};
use super::growth::{Growth, Plan};
use super::nodes::{Nodes, ROOT};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;
use crate::schema::Schema;

/// The Hoeffding tree, also called VFDT: a decision tree that splits a leaf as soon as Hoeffding's bound says that the best
/// split of the rows so far is the best of all rows.
///
/// Every `grace` rows a leaf compares its best split with its second best attribute, and with none. A row costs the way to
/// its leaf and a few operations for each attribute and class; rows that miss the value a node asks for follow most of the
/// others. Memory is a table for each leaf: 56 bytes for a numeric attribute and class, 8 for a category and class; with
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
    nodes: Nodes<()>,
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
        check_room::<Self, ()>(&tree.plan.growth, &tree.plan)?;
        Ok(tree)
    }

    fn of(schema: Schema, growth: Growth) -> Self {
        let nodes = Nodes::new(schema.classes());
        let draws = Draws::new(growth.seed);
        Self { plan: Plan::new(schema, growth), nodes, draws }
    }

    /// What a row looks like.
    pub fn schema(&self) -> &Schema {
        &self.plan.schema
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes.iter().count()
    }

    /// How many leaves there are.
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.split.is_none()).count()
    }

    /// How many leaves have statistics: all that have seen a row, unless memory is capped.
    pub fn active_leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.leaf.statistics.is_some()).count()
    }

    /// How many tests lie between the root and the deepest leaf.
    pub fn depth(&self) -> usize {
        self.nodes.depth(ROOT)
    }

    /// Learns a row that was checked, and says what was predicted.
    #[inline]
    fn step(&mut self, row: &[f64], class: usize, weight: f64) -> Option<usize> {
        let weight = weight_of(weight);
        let at = self.nodes.pass(ROOT, row, weight);
        let votes = self.nodes.get(at).leaf.votes(&self.plan, row);
        self.learn_in(at, row, class, weight, votes);
        votes.chosen
    }

    #[inline]
    fn learn_in(&mut self, at: u32, row: &[f64], class: usize, weight: f64, votes: super::leaf::Votes) {
        let Self { plan, nodes, draws } = self;
        match nodes.get(at).leaf.statistics.as_ref().map(|statistics| statistics.bytes_to_grow()) {
            Some(0) => nodes.get_mut(at).leaf.learn(plan, row, class, weight, votes),
            grows => {
                match grows {
                    Some(bytes) => make_room_to_learn(nodes, at, bytes, room::<Self>(plan)),
                    None => wake(nodes, at, plan, draws, room::<Self>(plan)),
                }
                nodes.change(at, |node| node.leaf.learn(plan, row, class, weight, votes));
            }
        }
        if nodes.get(at).leaf.statistics.is_some() && nodes.get_mut(at).leaf.due(plan) {
            self.attempt(at);
        }
    }

    /// Looks for a split of a leaf.
    #[cold]
    fn attempt(&mut self, at: u32) {
        let Self { plan, nodes, .. } = self;
        let leaf = &mut nodes.get_mut(at).leaf;
        if !leaf.mixed() {
            return;
        }
        let Some(best) = best_split(leaf, plan, plan.growth.prune) else {
            // No attribute says anything: the statistics begin anew, so that rows of today are not hidden by those of old.
            nodes.deactivate(at);
            return;
        };
        let bound = plan.growth.bound(plan.growth.criterion.range(plan.classes()), leaf.weight());
        if !plan.growth.clear(best.candidate.merit, best.second, bound) {
            return;
        }
        let Some(statistics) = &leaf.statistics else { return };
        let test = best.candidate.test;
        let branches = statistics.branches(plan, &test);
        let (needed, freed) = (Nodes::<()>::bytes_of(test.branches(), plan.classes()), leaf.heap_bytes());
        let promise = leaf.promise();
        if nodes.make_room(needed.saturating_sub(freed), room::<Self>(plan), promise) {
            nodes.split(at, test, branches, false);
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.plan.check()?;
        self.nodes.check(&self.plan, false)
    }
}

impl Classifier for HoeffdingTree {
    type Row = [f64];

    fn classes(&self) -> usize {
        self.plan.classes()
    }

    #[inline]
    fn learn_weighted(&mut self, row: &[f64], class: usize, weight: f64) -> Result<(), RowError> {
        self.plan.schema.check(row, class, weight)?;
        self.step(row, class, weight);
        Ok(())
    }

    fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        self.plan.schema.check_row(row)?;
        self.nodes.get(self.nodes.leaf_of(ROOT, row)).leaf.probabilities(&self.plan, row, into);
        Ok(())
    }

    #[inline]
    fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
        self.plan.schema.check_row(row)?;
        Ok(self.nodes.get(self.nodes.leaf_of(ROOT, row)).leaf.predict(&self.plan, row))
    }

    #[inline]
    fn predict_and_learn(&mut self, row: &[f64], class: usize) -> Result<Option<usize>, RowError> {
        self.plan.schema.check(row, class, 1.0)?;
        Ok(self.step(row, class, 1.0))
    }
}

impl Summary for HoeffdingTree {
    type Reading = Self;

    const NAME: &'static str = "HoeffdingTree";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.plan.schema.heap_bytes() + self.nodes.heap_bytes()
    }
}

image!(HoeffdingTree, 1);
