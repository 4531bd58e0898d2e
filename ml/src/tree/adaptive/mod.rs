//! The Hoeffding adaptive tree.

mod watch;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError};

use super::common::tree;
use super::grow::{best_split, check_room, learn, room, split};
use super::growth::{Growth, Plan};
use super::leaf::Leaf;
use super::nodes::{Kept, Node, Nodes, ROOT};
use crate::image::image;
use crate::schema::Schema;
use watch::{Rival, Verdict, Watch};

/// How many tests lie between the root of a tree and its leaves, at most.
const DEEPEST: usize = 63;

/// The Hoeffding adaptive tree (HAT): a Hoeffding tree that watches the errors below each of its nodes, and replaces what
/// has become wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoeffdingAdaptiveTree {
    plan: Plan,
    nodes: Nodes<Watch>,
    draws: Draws,
}

impl HoeffdingAdaptiveTree {
    /// A tree that has seen nothing and grows as is usual.
    pub fn new(schema: Schema) -> Self {
        Self::grown(schema, Growth::default())
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

    /// How many trees grow beside a node.
    pub fn alternates(&self) -> usize {
        self.nodes.iter().filter(|node| node.kept.beside().is_some()).count()
    }

    /// The leaf that is believed about a row: where a rival leads, that of the rival.
    #[inline]
    fn believed(&self, row: &[f64]) -> &Leaf {
        let mut at = ROOT;
        loop {
            let node = self.nodes.get(at);
            at = match (&node.kept.rival, &node.split) {
                (Some(rival), _) if rival.leads() => rival.root,
                (_, Some(split)) => self.nodes.child(split, row),
                _ => return &node.leaf,
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
        let predicted = self.learn_below(ROOT, (row, class, weight), &mut verdict, true);
        if let Some((at, verdict)) = verdict {
            self.decide(at, verdict);
        }
        predicted
    }

    /// Learns a row below a node, and says what was predicted.
    fn learn_below(
        &mut self,
        root: u32,
        example: (&[f64], usize, f64),
        decided: &mut Option<(u32, Verdict)>,
        adapts: bool,
    ) -> Option<usize> {
        let (row, class, weight) = example;
        let (mut path, mut depth) = ([root; DEEPEST + 1], 0);
        let mut leaf = root;
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
        for &at in path[..=depth].iter().rev() {
            let wrong = predicted != Some(class);
            if let Some(rival) = self.nodes.get(at).kept.rival.clone() {
                let of_rival = if rival.former {
                    let leaf = &self.nodes.get(rival.root).leaf;
                    let votes = leaf.votes(&self.plan, row);
                    self.note(rival.root, votes.chosen != Some(class));
                    let Self { plan, nodes, draws, .. } = self;
                    nodes.get_mut(rival.root).weight += weight;
                    learn((plan, nodes, draws), room::<Self>(plan), rival.root, example, Some(votes));
                    votes.chosen
                } else {
                    self.learn_below(rival.root, example, decided, false)
                };
                if let Some(rival) = &mut self.nodes.get_mut(at).kept.rival {
                    if rival.leads() {
                        predicted = of_rival;
                    }
                    rival.note(wrong, of_rival != Some(class));
                }
                self.note(at, wrong);
                let verdict = self.nodes.get(at).kept.verdict(&self.nodes.get(rival.root).kept);
                *decided = decided.or(verdict.map(|verdict| (at, verdict)));
            } else if self.note(at, wrong) && adapts {
                self.begin_beside(at);
            }
        }
        let Self { plan, nodes, draws, .. } = self;
        learn((plan, nodes, draws), room::<Self>(plan), leaf, example, Some(votes));
        let node = &mut nodes.get_mut(leaf).leaf;
        if node.statistics.is_some() && node.due(plan.growth.grace) && depth < DEEPEST {
            self.attempt(leaf);
        }
        predicted
    }

    /// Takes in whether the prediction below a node was wrong. Whether errors have become more.
    #[inline]
    fn note(&mut self, at: u32, wrong: bool) -> bool {
        let kept = &mut self.nodes.get_mut(at).kept;
        let before = kept.heap_bytes();
        let worse = kept.note(wrong);
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

    /// Lets a new tree grow beside a node, if there is room. It takes the place of one that there was.
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
            Verdict::Rival => self.nodes.replace(at, rival.root),
            Verdict::Node => self.nodes.compact(at),
        };
    }

    /// Looks for a split of a leaf.
    #[cold]
    fn attempt(&mut self, at: u32) {
        let Self { plan, nodes, draws } = self;
        let leaf = &mut nodes.get_mut(at).leaf;
        if !leaf.mixed() {
            return;
        }
        let Some(best) = best_split(leaf, plan, plan.growth.prune) else {
            nodes.take_statistics(at);
            return;
        };
        let bound = plan.bound(leaf.weight());
        if !plan.growth.clear(best.candidate.merit, best.second, bound) {
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
        self.nodes.iter().try_for_each(|node| node.kept.check())
    }
}

tree!(HoeffdingAdaptiveTree);
image!(HoeffdingAdaptiveTree, 1);
