//! A tree that cuts space into cells, one attribute at a time.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::rows::known;

/// A tree of cells, each with a number. What is kept of a cut may be its [`Range`], or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cells<K> {
    nodes: Vec<Node<K>>,
}

impl<K> Default for Cells<K> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

/// What is kept of a cut.
pub(super) trait Kept: Copy {
    /// What a cell has in its place.
    const OF_CELL: Self;

    /// Whether a value lies outside of what was cut; never in a cell, nor for a NaN.
    fn is_outside(&self, value: f64) -> bool;

    /// In how many of all cases a value outside would have been cut off alone.
    fn alone(&self, value: f64) -> f64;

    /// Checks what was stored.
    fn check(&self) -> Result<(), DecodeError>;
}

impl Kept for () {
    const OF_CELL: Self = ();

    #[inline]
    fn is_outside(&self, _: f64) -> bool {
        false
    }

    #[inline]
    fn alone(&self, _: f64) -> f64 {
        0.0
    }

    fn check(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// The lowest and the highest value of an attribute in the rows that are cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Kept for Range {
    /// Nothing lies outside of it.
    const OF_CELL: Self = Self { low: f64::MIN, high: f64::MAX };

    #[inline]
    fn is_outside(&self, value: f64) -> bool {
        value < self.low || value > self.high
    }

    /// The cut would have been drawn evenly from the range up to the value.
    #[inline]
    fn alone(&self, value: f64) -> f64 {
        let beyond = (self.low - value).max(value - self.high);
        beyond / (self.high - self.low + beyond)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let Self { low, high } = *self;
        let is_range = low <= high && low.is_finite() && high.is_finite();
        DecodeError::unless(is_range, "a range of a cut", format!("{low} to {high}"))
    }
}

/// A cut, or a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node<K> {
    /// Where the attribute is cut; in a cell its number.
    value: f64,
    attribute: Side,
    /// The child below the cut; the other comes after it.
    child: u32,
    kept: K,
}

impl<K: Kept> Node<K> {
    fn cell(at: usize) -> Self {
        Self { value: 0.0, attribute: Side::CELL, child: at as u32, kept: K::OF_CELL }
    }

    /// The next node on the way of a row, or the same if it is a cell. Without a branch, if no value is missing.
    #[inline]
    fn next<const WHOLE: bool>(self, row: &[f64]) -> usize {
        let value = row[self.attribute.attribute()];
        let above = if WHOLE { value >= self.value } else { self.attribute.is_above(value, self.value) };
        self.child as usize + usize::from(above & !self.attribute.is_cell())
    }
}

/// The first node.
pub(super) const ROOT: usize = 0;

/// Trees that are walked side by side, so that the steps in one need not wait for those in another.
const SIDE_BY_SIDE: usize = 8;

/// The sum over the trees of the number of the cell that a row falls into. Where its value lies outside of the range of a cut
/// the row is alone in some cases: it then ends there, with as many times `per_step` as it took steps.
#[inline]
pub(super) fn sum<K: Kept>(trees: &[Cells<K>], per_step: impl Fn(usize) -> f64, row: &[f64]) -> f64 {
    let whole = row.iter().all(|value| value.is_finite());
    let (blocks, rest) = trees.as_chunks::<SIDE_BY_SIDE>();
    let mut sum = 0.0;
    for (i, block) in blocks.iter().enumerate() {
        let per_step = |lane: usize| per_step(i * SIDE_BY_SIDE + lane);
        sum += match whole {
            true => walk::<K, true, SIDE_BY_SIDE>(block, per_step, row),
            false => walk::<K, false, SIDE_BY_SIDE>(block, per_step, row),
        };
    }
    let done = trees.len() - rest.len();
    for (i, tree) in rest.iter().enumerate() {
        sum += walk::<K, false, 1>(std::array::from_ref(tree), |_| per_step(done + i), row);
    }
    sum
}

#[inline]
fn walk<K: Kept, const WHOLE: bool, const N: usize>(
    trees: &[Cells<K>; N],
    per_step: impl Fn(usize) -> f64,
    row: &[f64],
) -> f64 {
    let (mut at, mut ended, mut going) = ([ROOT; N], [0.0; N], [1.0; N]);
    for steps in 1_u32.. {
        let mut all_cells = true;
        for lane in 0..N {
            let node = trees[lane].nodes[at[lane]];
            let value = row[node.attribute.attribute()];
            // An infinite value is missing.
            if node.kept.is_outside(value) && (WHOLE || value.is_finite()) {
                let alone = node.kept.alone(value);
                ended[lane] += going[lane] * alone * f64::from(steps) * per_step(lane);
                going[lane] *= 1.0 - alone;
            }
            all_cells &= node.attribute.is_cell();
            at[lane] = node.next::<WHOLE>(row);
        }
        if all_cells {
            break;
        }
    }
    (0..N).map(|lane| ended[lane] + going[lane] * trees[lane].nodes[at[lane]].value).sum()
}

/// The attribute that is cut, above two bits: whether rows in which it is missing go above the cut, and whether the node is
/// a cell. A cell has attribute 0 and is its own child, so that one step more from it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Side(u32);

impl Side {
    const MISSING_ABOVE: u32 = 1;
    const IS_CELL: u32 = 2;
    const CELL: Self = Self(Self::IS_CELL);

    fn new(attribute: usize, missing_above: bool) -> Self {
        Self((attribute as u32) << 2 | u32::from(missing_above))
    }

    #[inline]
    fn attribute(self) -> usize {
        (self.0 >> 2) as usize
    }

    #[inline]
    fn is_cell(self) -> bool {
        self.0 & Self::IS_CELL != 0
    }

    /// Whether a value lies above the cut.
    #[inline]
    fn is_above(self, value: f64, cut: f64) -> bool {
        if value.is_finite() { value >= cut } else { self.0 & Self::MISSING_ABOVE != 0 }
    }
}

/// A block of rows, and which of them are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f64],
    pub(super) width: usize,
}

impl Rows<'_> {
    #[inline]
    fn value(&self, row: u32, attribute: usize) -> f64 {
        self.values[row as usize * self.width + attribute]
    }

    /// The lowest and the highest value of an attribute; none if all are missing.
    pub(super) fn range(&self, members: &[u32], attribute: usize) -> Option<Range> {
        let values = members.iter().filter_map(|&row| known(self.value(row, attribute)));
        let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        (low <= high).then_some(Range { low, high })
    }
}

impl<K: Kept> Cells<K> {
    /// Empties the tree but for one cell.
    pub(super) fn clear(&mut self, most: usize) {
        self.nodes.clear();
        self.nodes.reserve_exact(most);
        self.nodes.push(Node::cell(0));
    }

    /// Gives a cell its number.
    pub(super) fn set(&mut self, cell: usize, number: f64) {
        self.nodes[cell].value = number;
    }

    /// Cuts a cell in two, and its rows with it: those below come first. Rows in which the attribute is missing go to
    /// where most are. Returns the cell below, after which the one above comes, and how many rows are in it.
    pub(super) fn cut(
        &mut self,
        cell: usize,
        attribute: usize,
        at: f64,
        kept: K,
        rows: Rows<'_>,
        members: &mut [u32],
    ) -> (usize, usize) {
        let (mut below, mut above) = (0, 0);
        for &row in &*members {
            let value = rows.value(row, attribute);
            below += usize::from(value < at && value.is_finite());
            above += usize::from(value >= at && value.is_finite());
        }
        let side = Side::new(attribute, above > below);
        let mut middle = 0;
        for i in 0..members.len() {
            if !side.is_above(rows.value(members[i], attribute), at) {
                members.swap(i, middle);
                middle += 1;
            }
        }
        let child = self.nodes.len();
        self.nodes[cell] = Node { value: at, attribute: side, child: child as u32, kept };
        self.nodes.extend([Node::cell(child), Node::cell(child + 1)]);
        (child, middle)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<K>>()
    }

    /// Every path leads on to a cell, and every cut is of an attribute.
    pub(super) fn check(&self, attributes: usize, most: usize) -> Result<(), DecodeError> {
        DecodeError::unless((1..=most).contains(&self.nodes.len()), "nodes of a tree", self.nodes.len())?;
        for (at, node) in self.nodes.iter().enumerate() {
            DecodeError::unless(node.value.is_finite(), "a node of value", node.value)?;
            node.kept.check()?;
            let (attribute, child) = (node.attribute.attribute(), node.child as usize);
            DecodeError::unless(attribute < attributes, "a cut of attribute", attribute)?;
            let leads_on =
                if node.attribute.is_cell() { child == at } else { child > at && child + 1 < self.nodes.len() };
            DecodeError::unless(leads_on, "a node with the child", child)?;
        }
        Ok(())
    }
}
