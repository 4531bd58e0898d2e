//! The Hoeffding adaptive tree.

mod watch;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError};

use super::common::tree;
use super::grow::{begin_anew, best_split, check_room, learn, room, split};
use super::growth::{Growth, Plan};
use super::leaf::Leaf;
use super::nodes::{Kept, Node, Nodes, ROOT, Split};
use crate::image::image;
use crate::schema::Schema;
use watch::{Rival, Verdict, Watch};

/// How many tests lie between the root of a tree and its leaves, at most.
const DEEPEST: usize = 63;

/// The Hoeffding adaptive tree (HAT): a Hoeffding tree that watches the errors below each of its nodes, and replaces what
/// has become wrong.
///
/// Every node feeds whether the prediction below it was wrong to an [`Adwin`](crate::drift::Adwin), 32 at a time. Where
/// errors have become more, a new tree begins to grow beside the node, from the same rows. When both have made predictions
/// for more than 300 rows, the one whose error rate is higher by √(2 e (1 − e) ln(2/0.05) (1/n₁ + 1/n₂)) is dropped.
///
/// This tree splits early, and takes back what was wrong: the leaf that a split comes from goes on learning beside it for
/// 1,000 rows, and remains if it was right more often; then it is split anew only when it has learned half as much again
/// ([`Growth::patience`]). Of two trees that grow beside each other the one that was right more often lately is believed,
/// so that no change has to wait for its replacement.
///
/// A row costs the way to its leaf with a count for each node, and as much again for each tree that grows beside one.
/// Memory is that of a [`HoeffdingTree`](super::HoeffdingTree) and 152 bytes for each node and doubling of its window; with
/// [`Growth::memory`] never more than asked for. Rows that miss the value a node asks for follow most of the others: none is
/// lost. A tree is at most 63 tests deep. Trees of different rows cannot be merged. **Not** for streams that never change:
/// a [`HoeffdingTree`](super::HoeffdingTree) is simpler, and smaller.
///
/// Bifet & Gavaldà, *Adaptive Learning from Evolving Data Streams*, IDA 2009; the trial of splits is our own.
///
/// ```
/// use streamgauge_ml::{Classifier, Schema, tree::HoeffdingAdaptiveTree};
/// let mut tree = HoeffdingAdaptiveTree::new(Schema::numeric(2, 2)?);
/// let mut right = 0;
/// for i in 0..40_000_u32 {
///     let row = [f64::from(i * 37 % 100), f64::from(i * 91 % 100)];
///     // After 20,000 rows it is the other way round.
///     let class = usize::from((row[0] > 30.0 && row[1] > 60.0) == (i < 20_000));
///     right += u32::from(tree.predict_and_learn(&row, class)? == Some(class));
/// }
/// assert!(right > 38_500, "{right}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HoeffdingAdaptiveTree {
    plan: Plan,
    nodes: Nodes<Watch>,
    draws: Draws,
}

impl HoeffdingAdaptiveTree {
    /// A tree that has seen nothing and grows as [`Growth::adaptive`] says.
    pub fn new(schema: Schema) -> Self {
        Self::grown(schema, Growth::adaptive())
    }

    /// A tree that has seen nothing.
    ///
    /// # Errors
    /// [`ParameterError`] if its memory cap has no room for the empty tree.
    pub fn with_growth(schema: Schema, growth: Growth) -> Result<Self, ParameterError> {
        let tree = Self::grown(schema, growth);
        check_room::<Self, Watch>(&tree.plan.growth, &tree.plan)?;
        Ok(tree)
    }

    pub(super) fn grown(schema: Schema, growth: Growth) -> Self {
        let nodes = Nodes::new(schema.classes());
        let draws = Draws::new(growth.seed);
        Self { plan: Plan::new(schema, growth), nodes, draws }
    }

    /// How many trees grow beside a node now: new ones, and leaves whose split is on trial.
    pub fn alternates(&self) -> usize {
        self.nodes.iter().filter(|node| node.kept.beside().is_some()).count()
    }

    /// The leaf that is believed about a row: where a rival leads, that of the rival.
    #[inline]
    fn believed(&self, row: &[f64]) -> &Leaf {
        let mut at = ROOT;
        loop {
            let node = self.nodes.get(at);
            at = match (node.kept.believed(), &node.split) {
                (Some(rival), _) => rival,
                (None, Some(split)) => self.nodes.child(split, row),
                (None, None) => return &node.leaf,
            }
        }
    }

    #[inline]
    fn predict(&self, row: &[f64]) -> Option<usize> {
        self.believed(row).predict(&self.plan, row)
    }

    fn probabilities(&self, row: &[f64], into: &mut Vec<f64>) {
        self.believed(row).probabilities(&self.plan, row, into);
    }

    /// Learns a row that was checked, and says what was predicted.
    #[inline]
    fn step(&mut self, row: &[f64], class: usize, weight: f64) -> Option<usize> {
        let mut verdict = None;
        let predicted = self.learn_below((ROOT, 0), (row, class, weight), &mut verdict, true);
        if let Some((at, verdict)) = verdict {
            self.decide(at, verdict);
        }
        predicted
    }

    /// Learns a row in the tree below a node, and says what was predicted there; beside its nodes too. Tells of the first
    /// trial that is over. New trees begin only in one that `adapts`: not in one that is new itself. With the node, how deep
    /// it lies.
    fn learn_below(
        &mut self,
        (root, above): (u32, usize),
        example: (&[f64], usize, f64),
        over: &mut Option<(u32, Verdict)>,
        adapts: bool,
    ) -> Option<usize> {
        let (row, class, weight) = example;
        let (mut path, mut depth, mut leaf) = ([root; DEEPEST + 1], 0, root);
        loop {
            let node = self.nodes.get_mut(leaf);
            node.weight += weight;
            path[depth] = leaf;
            let Some(split) = node.split else { break };
            leaf = self.nodes.child(&split, row);
            depth += 1;
        }
        let votes = self.nodes.get(leaf).leaf.votes(&self.plan, row);
        let mut predicted = votes.chosen;
        for (tests, &at) in path[..=depth].iter().enumerate().rev() {
            let wrong = predicted != Some(class);
            let worse = self.note(at, wrong);
            let Some(rival) = self.nodes.get(at).kept.rival else {
                if worse && adapts {
                    self.begin_beside(at);
                }
                continue;
            };
            let of_rival = match rival.former {
                true => self.learn_former(rival.root, example),
                false => self.learn_below((rival.root, above + tests), example, over, false),
            };
            if self.nodes.get(at).kept.believed().is_some() {
                predicted = of_rival;
            }
            self.nodes.get_mut(at).kept.hold_against(wrong, of_rival != Some(class));
            let verdict = self.nodes.get(at).kept.verdict(&self.nodes.get(rival.root).kept);
            *over = over.or(verdict.map(|verdict| (at, verdict)));
        }
        let Self { plan, nodes, draws } = self;
        learn((plan, nodes, draws), room::<Self>(plan), leaf, example, Some(votes));
        let node = &mut nodes.get_mut(leaf).leaf;
        if node.statistics.is_some() && node.due(plan.growth.grace) && above + depth < DEEPEST {
            self.attempt(leaf);
        }
        predicted
    }

    /// Learns a row in a leaf whose split is on trial, and says what it predicted.
    fn learn_former(&mut self, at: u32, example: (&[f64], usize, f64)) -> Option<usize> {
        let (row, class, weight) = example;
        let votes = self.nodes.get(at).leaf.votes(&self.plan, row);
        self.note(at, votes.chosen != Some(class));
        let Self { plan, nodes, draws } = self;
        nodes.get_mut(at).weight += weight;
        learn((plan, nodes, draws), room::<Self>(plan), at, example, Some(votes));
        votes.chosen
    }

    /// Takes in whether the prediction below a node was wrong. Whether errors have become more.
    #[inline]
    fn note(&mut self, at: u32, wrong: bool) -> bool {
        let kept = &mut self.nodes.get_mut(at).kept;
        let before = kept.heap_bytes();
        let Some(worse) = kept.note(wrong) else { return false };
        let after = kept.heap_bytes();
        if after != before {
            self.swollen(at, before, after);
        }
        worse
    }

    /// Counts the bytes by which a watch has grown; one that there is no room for begins anew.
    #[cold]
    fn swollen(&mut self, at: u32, before: usize, after: usize) {
        self.nodes.recount(before, after);
        let Self { plan, nodes, .. } = self;
        if !nodes.make_room(0, room::<Self>(plan), f64::INFINITY) {
            nodes.change(at, |node| node.kept.forget());
        }
    }

    /// Lets a new tree grow beside a node, if there is room.
    #[cold]
    fn begin_beside(&mut self, at: u32) {
        let Self { plan, nodes, .. } = self;
        let needed = Nodes::<Watch>::bytes_of(1, plan.classes());
        if nodes.make_room(needed, room::<Self>(plan), f64::INFINITY) {
            let empty = vec![0.0; plan.classes()];
            let beside = nodes.push([empty.as_slice()].into_iter());
            nodes.get_mut(at).kept.rival = Some(Rival::new(beside, false));
        }
    }

    /// Ends the growing of two trees beside each other.
    #[cold]
    fn decide(&mut self, at: u32, verdict: Verdict) {
        let Some(rival) = self.nodes.get_mut(at).kept.rival.take() else { return };
        match verdict {
            Verdict::Rival => {
                let at = self.nodes.replace(at, rival.root);
                let patience = self.plan.growth.patience;
                if rival.former && patience > 0 {
                    self.nodes.get_mut(at).leaf.wait(patience);
                }
                at
            }
            Verdict::Node => self.nodes.compact(at),
        };
    }

    /// Looks for a split of a leaf. One that is found is on trial.
    #[cold]
    fn attempt(&mut self, at: u32) {
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
        if !plan.clear(best.candidate.merit, best.second, bound) {
            return;
        }
        // A leaf that has a rival already goes on against that.
        let on_trial = nodes.get(at).kept.rival.is_none();
        let room = room::<Self>(plan).saturating_sub(if on_trial { Nodes::<Watch>::bytes_of(1, 0) } else { 0 });
        if split((plan, nodes, draws), room, at, best.candidate.test, on_trial) && on_trial {
            let former = nodes.change(at, |node| {
                let (leaf, kept) = (std::mem::take(&mut node.leaf), std::mem::take(&mut node.kept));
                Node { weight: node.weight, split: None, leaf, kept }
            });
            let root = nodes.push([[].as_slice()].into_iter());
            nodes.change(root, |node| *node = former);
            nodes.get_mut(at).kept.rival = Some(Rival::new(root, true));
        }
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        self.plan.check()?;
        self.nodes.check(&self.plan, false)?;
        // The nodes are one tree; now how deep they lie, and which of them are in trees that grow beside others.
        let mut open = vec![(ROOT, 0, false)];
        while let Some((at, depth, beside)) = open.pop() {
            DecodeError::unless(depth <= DEEPEST, "a node at depth", depth)?;
            let node = self.nodes.get(at);
            open.extend(node.split.iter().flat_map(Split::children).map(|child| (child, depth + 1, beside)));
            let Some(rival) = node.kept.rival else { continue };
            if rival.former {
                let former = self.nodes.get(rival.root);
                let leaf = former.split.is_none() && former.kept.rival.is_none();
                DecodeError::unless(leaf && node.split.is_some(), "a trial at node", at)?;
            } else {
                DecodeError::unless(!beside, "a tree beside one that is new, at node", at)?;
                open.push((rival.root, depth, true));
            }
        }
        Ok(())
    }
}

tree!(HoeffdingAdaptiveTree);
image!(HoeffdingAdaptiveTree, 1);

#[cfg(test)]
mod tests;
