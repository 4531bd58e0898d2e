//! A tree that cuts space into cells, one attribute at a time.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::rows::known;

/// A tree of cells, each with a number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cells {
    nodes: Vec<Node>,
}

/// A cut, or a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    /// Where the attribute is cut; in a cell its number.
    value: f64,
    attribute: Side,
    /// The child below the cut; the other comes after it.
    child: u32,
}

impl Node {
    fn cell(at: usize) -> Self {
        Self { value: 0.0, attribute: Side::CELL, child: at as u32 }
    }

    /// The next node on the way of a row, or the same if it is a cell. Without a branch, if no value is missing.
    #[inline]
    fn next<const WHOLE: bool>(self, row: &[f64]) -> usize {
        let value = row[self.attribute.attribute()];
        let above = if WHOLE { value >= self.value } else { self.attribute.is_above(value, self.value) };
        self.child as usize + usize::from(above & !self.attribute.is_cell())
    }
}

/// Trees that are walked side by side, so that the steps in one need not wait for those in another.
const SIDE_BY_SIDE: usize = 8;

/// The sum of the numbers of the cells that a row falls into, in the order of the trees.
#[inline]
pub(super) fn sum(trees: &[Cells], row: &[f64]) -> f64 {
    // An infinite value counts as missing.
    if row.iter().all(|value| value.is_finite()) { sum_of::<true>(trees, row) } else { sum_of::<false>(trees, row) }
}

fn sum_of<const WHOLE: bool>(trees: &[Cells], row: &[f64]) -> f64 {
    let (blocks, rest) = trees.as_chunks::<SIDE_BY_SIDE>();
    let mut sum = 0.0;
    for block in blocks {
        let mut nodes = [Node::cell(0); SIDE_BY_SIDE];
        nodes.iter_mut().zip(block).for_each(|(node, tree)| *node = tree.nodes[Cells::ROOT]);
        while !nodes.iter().all(|node| node.attribute.is_cell()) {
            nodes.iter_mut().zip(block).for_each(|(node, tree)| *node = tree.nodes[node.next::<WHOLE>(row)]);
        }
        nodes.iter().for_each(|node| sum += node.value);
    }
    for tree in rest {
        let mut node = tree.nodes[Cells::ROOT];
        while !node.attribute.is_cell() {
            node = tree.nodes[node.next::<WHOLE>(row)];
        }
        sum += node.value;
    }
    sum
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
    pub(super) fn range(&self, members: &[u32], attribute: usize) -> Option<(f64, f64)> {
        let values = members.iter().filter_map(|&row| known(self.value(row, attribute)));
        let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        (low <= high).then_some((low, high))
    }
}

impl Cells {
    /// The first node.
    pub(super) const ROOT: usize = 0;

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
        self.nodes[cell] = Node { value: at, attribute: side, child: child as u32 };
        self.nodes.extend([Node::cell(child), Node::cell(child + 1)]);
        (child, middle)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// Every path leads on to a cell, and every cut is of an attribute.
    pub(super) fn check(&self, attributes: usize, most: usize) -> Result<(), DecodeError> {
        DecodeError::unless((1..=most).contains(&self.nodes.len()), "nodes of a tree", self.nodes.len())?;
        for (at, node) in self.nodes.iter().enumerate() {
            DecodeError::unless(node.value.is_finite(), "a node of value", node.value)?;
            let (attribute, child) = (node.attribute.attribute(), node.child as usize);
            DecodeError::unless(attribute < attributes, "a cut of attribute", attribute)?;
            let leads_on =
                if node.attribute.is_cell() { child == at } else { child > at && child + 1 < self.nodes.len() };
            DecodeError::unless(leads_on, "a node with the child", child)?;
        }
        Ok(())
    }
}
