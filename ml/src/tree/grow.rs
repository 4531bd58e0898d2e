//! What all trees do when they learn.

use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{ParameterError, Summary};

use super::growth::{Growth, Plan};
use super::leaf::{Leaf, Votes};
use super::nodes::{Kept, Nodes};
use super::statistics::{Candidate, MOST_BYTES, Statistics};
use super::test::Test;

/// By how much more a leaf must promise than another whose statistics it takes. Without a distance two leaves would take
/// them from each other for ever.
const WORTH_IT: f64 = 0.5;

/// How many rows of each class a new leaf inherits, at most, of what its parent knows: enough to predict by at once, few
/// enough to be outvoted soon.
const INHERITED: f64 = 10.0;

/// A weight that sums and squares can be taken of: within 10⁻¹⁰⁰ and 10¹⁰⁰.
#[inline]
pub(crate) fn weight_of(weight: f64) -> f64 {
    weight.clamp(1e-100, 1e100)
}

/// The best candidate, and the merit of the second best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    pub(crate) candidate: Candidate,
    /// Minus infinity where there is no second.
    pub(crate) second: f64,
}

/// The best split of a leaf. Not to split has the merit 0 and takes part, if `prune`; then there is no best where nothing
/// is better. Of several that are as good the one with the highest attribute is best.
pub(crate) fn best_split(leaf: &mut Leaf, plan: &Plan, prune: bool) -> Option<Best> {
    let mut best: (Option<Candidate>, f64) = (None, if prune { 0.0 } else { f64::NEG_INFINITY });
    let mut second = f64::NEG_INFINITY;
    leaf.candidates(plan, |candidate| {
        if candidate.merit >= best.1 {
            second = best.1;
            best = (Some(candidate), candidate.merit);
        } else {
            second = second.max(candidate.merit);
        }
    });
    best.0.map(|candidate| Best { candidate, second })
}

/// The bytes that nodes may hold: what remains of the cap for a tree of this type.
pub(crate) fn room<T>(plan: &Plan) -> usize {
    plan.growth.cap().saturating_sub(size_of::<T>() + size_of_val(plan.schema.attributes()))
}

/// Whether a cap leaves room for the first node.
pub(crate) fn check_room<T: Summary, K: Kept>(growth: &Growth, plan: &Plan) -> Result<(), ParameterError> {
    if room::<T>(plan) >= Nodes::<K>::bytes_of(1, plan.classes()) {
        return Ok(());
    }
    let value = growth.memory.to_string();
    Err(ParameterError { summary: T::NAME, parameter: "memory", allowed: "enough for an empty tree", value })
}

/// Has a node learn a row, of which it predicted this. Statistics that it does not have it gets, where that is its first
/// row or a grace period is over, and there is room for them; those that have no room to grow it loses.
#[inline]
pub(crate) fn learn<K: Kept>(
    (plan, nodes, draws): (&Plan, &mut Nodes<K>, &mut Draws),
    room: usize,
    at: u32,
    (row, class, weight): (&[f64], usize, f64),
    votes: Option<Votes>,
) {
    let grows = |nodes: &Nodes<K>| nodes.get(at).leaf.statistics.as_ref().map(|statistics| statistics.bytes_to_grow());
    if grows(nodes) == Some(0) {
        nodes.get_mut(at).leaf.learn(plan, row, class, weight, votes);
        return;
    }
    wake(nodes, at, plan, draws, room);
    if let Some(bytes) = grows(nodes) {
        make_room_to_learn(nodes, at, bytes, room);
    }
    nodes.change(at, |node| node.leaf.learn(plan, row, class, weight, votes));
}

#[cold]
fn wake<K: Kept>(nodes: &mut Nodes<K>, at: u32, plan: &Plan, draws: &mut Draws, room: usize) {
    let leaf = &mut nodes.get_mut(at).leaf;
    if leaf.statistics.is_none() && (leaf.fresh() || leaf.due(plan.growth.grace)) {
        let promise = WORTH_IT * nodes.promise(at);
        let bytes = Statistics::bytes_of_new(plan);
        if bytes <= MOST_BYTES && nodes.make_room(bytes, room, promise) {
            nodes.give_statistics(at, Box::new(Statistics::new(plan, draws)));
        }
    }
}

#[cold]
fn make_room_to_learn<K: Kept>(nodes: &mut Nodes<K>, at: u32, bytes: usize, room: usize) {
    let promise = WORTH_IT * nodes.promise(at);
    if !nodes.make_room(bytes, room, promise) {
        nodes.take_statistics(at);
    }
}

/// Takes the statistics of a leaf where no split is better than none, if it has seen enough rows to say so: it begins anew,
/// so that rows of today are not hidden by those of old.
pub(crate) fn begin_anew<K: Kept>(nodes: &mut Nodes<K>, at: u32, plan: &Plan) {
    if plan.bound(nodes.get(at).leaf.weight()) < 2.0 * plan.tie() {
        nodes.take_statistics(at);
    }
}

/// Splits a node, if there is room for the new leaves, which inherit some of what it knows. If the node is to `keep` what it
/// knew as a leaf, and there is room for that too, it does. Whether it was split.
pub(crate) fn split<K: Kept>(
    (plan, nodes, draws): (&Plan, &mut Nodes<K>, &mut Draws),
    room: usize,
    at: u32,
    test: Test,
    keep: bool,
) -> bool {
    let promise = nodes.promise(at);
    let Some(statistics) = nodes.take_statistics(at) else { return false };
    if !nodes.make_room(Nodes::<K>::bytes_of(test.branches(), plan.classes()), room, promise) {
        nodes.give_statistics(at, statistics);
        return false;
    }
    let branches = statistics.branches(plan, &test);
    let filled = branches.chunks_exact(plan.classes()).map(|branch| branch.iter().any(|weight| *weight > 0.0));
    let filled: Vec<bool> = filled.collect();
    let first = nodes.split(at, test, branches, keep);
    for child in (first..).zip(filled).filter_map(|(child, filled)| filled.then_some(child)) {
        // Of the other nodes only splits promise less than nothing.
        if nodes.make_room(Statistics::bytes_of_new(plan), room, 0.0) {
            let mut inherited = Statistics::new(plan, draws);
            let weights = nodes.get(child).leaf.weights();
            inherited.inherit(&statistics, plan, test.attribute(), |class| weights[class].min(INHERITED));
            nodes.give_statistics(child, Box::new(inherited));
        }
    }
    if keep && nodes.heap_bytes() + statistics.bytes() <= room {
        nodes.give_statistics(at, statistics);
    }
    true
}
