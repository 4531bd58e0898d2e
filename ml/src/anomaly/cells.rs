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

/// The attribute that is cut, and where rows go in which it is missing: the lowest bit is set for above the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Side(u32);

impl Side {
    const CELL: Self = Self(u32::MAX);

    fn new(attribute: usize, missing_above: bool) -> Self {
        Self((attribute as u32) << 1 | u32::from(missing_above))
    }

    #[inline]
    fn attribute(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether a value lies above the cut.
    #[inline]
    fn is_above(self, value: f64, cut: f64) -> bool {
        if value.is_finite() { value >= cut } else { self.0 & 1 == 1 }
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
        self.nodes.push(Node { value: 0.0, attribute: Side::CELL, child: 0 });
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
        self.nodes.extend([Node { value: 0.0, attribute: Side::CELL, child: 0 }; 2]);
        (child, middle)
    }

    /// The number of the cell that a row falls into.
    #[inline]
    pub(super) fn number(&self, row: &[f64]) -> f64 {
        let mut node = self.nodes[Self::ROOT];
        while node.attribute != Side::CELL {
            let above = node.attribute.is_above(row[node.attribute.attribute()], node.value);
            node = self.nodes[node.child as usize + usize::from(above)];
        }
        node.value
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// Every path leads on to a cell, and every cut is of an attribute.
    pub(super) fn check(&self, attributes: usize, most: usize) -> Result<(), DecodeError> {
        DecodeError::unless((1..=most).contains(&self.nodes.len()), "nodes of a tree", self.nodes.len())?;
        for (at, node) in self.nodes.iter().enumerate() {
            DecodeError::unless(node.value.is_finite(), "a node of value", node.value)?;
            if node.attribute != Side::CELL {
                let attribute = node.attribute.attribute();
                DecodeError::unless(attribute < attributes, "a cut of attribute", attribute)?;
                let child = node.child as usize;
                let leads_on = child > at && child + 1 < self.nodes.len();
                DecodeError::unless(leads_on, "a node with the child", child)?;
            }
        }
        Ok(())
    }
}
