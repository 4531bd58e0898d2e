//! What all trees do when they learn.

use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{ParameterError, Summary};

use super::growth::{Growth, Plan};
use super::leaf::Leaf;
use super::nodes::{Kept, Nodes};
use super::statistics::{Candidate, Statistics};

/// By how much more a leaf must promise than another whose statistics it takes. Without a distance two leaves would take
/// them from each other for ever.
const WORTH_IT: f64 = 0.5;

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
    let value = growth.memory.unwrap_or_default().to_string();
    Err(ParameterError { summary: T::NAME, parameter: "memory", allowed: "enough for an empty tree", value })
}

/// Gives a leaf that has none statistics, where that is its first row or a grace period is over, and there is room.
#[cold]
pub(crate) fn wake<K: Kept>(nodes: &mut Nodes<K>, at: u32, plan: &Plan, draws: &mut Draws, room: usize) {
    let leaf = &mut nodes.get_mut(at).leaf;
    let promise = WORTH_IT * leaf.promise();
    if (leaf.fresh() || leaf.due(plan)) && nodes.make_room(Statistics::bytes_of_new(plan), room, promise) {
        nodes.activate(at, plan, draws);
    }
}

/// Makes room for what a row adds to the statistics of a node, or takes them from it.
#[cold]
pub(crate) fn make_room_to_learn<K: Kept>(nodes: &mut Nodes<K>, at: u32, bytes: usize, room: usize) {
    let promise = WORTH_IT * nodes.get(at).leaf.promise();
    if !nodes.make_room(bytes, room, promise) {
        nodes.deactivate(at);
    }
}
