//! The nodes of a tree, in one block of memory.

use serde::{Deserialize, Serialize, Serializer};
use streamgauge_sketches::DecodeError;

use super::growth::Plan;
use super::leaf::Leaf;
use super::statistics::Statistics;
use super::test::{Test, adds_up};

/// Where the tree begins.
pub(crate) const ROOT: u32 = 0;

/// What a kind of tree keeps in each node besides what all do.
pub(crate) trait Kept: Clone + Default {
    /// Its bytes on the heap.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// The root of another tree that grows beside this node.
    fn beside(&self) -> Option<u32> {
        None
    }

    /// That root, if what grows there is believed instead of what is below this node.
    #[inline]
    fn believed(&self) -> Option<u32> {
        None
    }

    /// That root has moved.
    fn moved(&mut self, _beside: u32) {}

    /// Checks what was stored.
    fn check(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

impl Kept for () {}

/// A split: a test, and the children for its answers, which lie beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Split {
    pub(crate) test: Test,
    pub(crate) first: u32,
}

impl Split {
    /// The nodes of all branches.
    pub(crate) fn children(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.test.branches() as u32
    }
}

/// A node: a leaf, or a split. A split may go on with what it knew as a leaf.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node<K> {
    /// The weight of the rows that came by, with what the node began with.
    pub(crate) weight: f64,
    pub(crate) split: Option<Split>,
    pub(crate) leaf: Leaf,
    pub(crate) kept: K,
}

impl<K: Kept> Node<K> {
    fn of(weights: &[f64]) -> Self {
        Self { weight: weights.iter().sum(), split: None, leaf: Leaf::new(weights), kept: K::default() }
    }

    fn heap_bytes(&self) -> usize {
        self.leaf.heap_bytes() + self.kept.heap_bytes()
    }
}

/// The nodes of a tree, and how many bytes they hold. Boxed slices all: nothing is held but what is counted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Box<[Node<K>]>", bound(deserialize = "K: Kept + Deserialize<'de>"))]
pub(crate) struct Nodes<K> {
    nodes: Box<[Node<K>]>,
    /// The bytes on the heap, kept up to date.
    bytes: usize,
}

impl<K: Serialize> Serialize for Nodes<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.nodes.serialize(serializer)
    }
}

impl<K: Kept> From<Box<[Node<K>]>> for Nodes<K> {
    fn from(nodes: Box<[Node<K>]>) -> Self {
        let bytes = counted(&nodes);
        Self { nodes, bytes }
    }
}

fn counted<K: Kept>(nodes: &[Node<K>]) -> usize {
    nodes.iter().map(|node| size_of::<Node<K>>() + node.heap_bytes()).sum()
}

fn promise<K>(node: &Node<K>) -> f64 {
    match node.split {
        None => node.leaf.promise(),
        Some(_) => -1.0 / (1.0 + node.weight),
    }
}

impl<K: Kept> Nodes<K> {
    /// One leaf that knows nothing.
    pub(crate) fn new(classes: usize) -> Self {
        let mut nodes = Self { nodes: Box::default(), bytes: 0 };
        nodes.push([vec![0.0; classes].as_slice()].into_iter());
        nodes
    }

    /// The bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> &Node<K> {
        &self.nodes[at as usize]
    }

    /// A node to be changed. What changes its bytes goes through the methods of `Nodes`.
    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> &mut Node<K> {
        &mut self.nodes[at as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node<K>> {
        self.nodes.iter()
    }

    /// The child of a split that a row goes to: one that misses the value, to the child with the most rows.
    #[inline]
    pub(crate) fn child(&self, split: &Split, row: &[f64]) -> u32 {
        match split.test.branch(row[split.test.attribute()]) {
            Some(branch) => split.first + branch as u32,
            None => self.heaviest(split),
        }
    }

    #[cold]
    fn heaviest(&self, split: &Split) -> u32 {
        let heavier = |a: u32, b: u32| if self.get(b).weight > self.get(a).weight { b } else { a };
        split.children().reduce(heavier).unwrap_or(split.first)
    }

    /// The leaf of a row below a node.
    #[cfg(test)]
    #[inline]
    pub(crate) fn leaf_of(&self, from: u32, row: &[f64]) -> u32 {
        let mut at = from;
        while let Some(split) = &self.get(at).split {
            at = self.child(split, row);
        }
        at
    }

    /// The leaf of a row below a node; all nodes on the way are heavier by the row.
    #[inline]
    pub(crate) fn pass(&mut self, from: u32, row: &[f64], weight: f64) -> u32 {
        let mut at = from;
        loop {
            let node = self.get_mut(at);
            node.weight += weight;
            match node.split {
                Some(split) => at = self.child(&split, row),
                None => return at,
            }
        }
    }

    /// The tests that a row meets below a node, and the branches that it takes.
    pub(crate) fn path(&self, from: u32, row: &[f64]) -> Vec<(Test, usize)> {
        let (mut at, mut path) = (from, Vec::new());
        loop {
            let node = self.get(at);
            match (node.kept.believed(), &node.split) {
                (Some(beside), _) => at = beside,
                (None, Some(split)) => {
                    at = self.child(split, row);
                    path.push((split.test, (at - split.first) as usize));
                }
                (None, None) => return path,
            }
        }
    }

    /// How many nodes lie between a node and the deepest leaf below it.
    pub(crate) fn depth(&self, from: u32) -> usize {
        let (mut deepest, mut open) = (0, vec![(from, 0)]);
        while let Some((at, depth)) = open.pop() {
            deepest = deepest.max(depth);
            open.extend(self.get(at).split.iter().flat_map(Split::children).map(|child| (child, depth + 1)));
        }
        deepest
    }

    /// The bytes of so many more nodes, without their statistics.
    pub(crate) fn bytes_of(count: usize, classes: usize) -> usize {
        count * (size_of::<Node<K>>() + classes * size_of::<f64>())
    }

    /// Adds leaves that begin with these weights; tells where the first of them is.
    pub(crate) fn push<'a>(&mut self, weights: impl ExactSizeIterator<Item = &'a [f64]>) -> u32 {
        let first = self.nodes.len() as u32;
        let mut nodes = std::mem::take(&mut self.nodes).into_vec();
        nodes.reserve_exact(weights.len());
        for weights in weights {
            let node = Node::of(weights);
            self.bytes += size_of::<Node<K>>() + node.heap_bytes();
            nodes.push(node);
        }
        self.nodes = nodes.into_boxed_slice();
        first
    }

    /// Makes a node a split, with new leaves that begin with the weights of its branches; a branch without any begins with
    /// the weight of one row of the node. Unless the split is to `keep` what it knew as a leaf, it forgets that. Tells
    /// where the first of the new leaves is.
    pub(crate) fn split(&mut self, at: u32, test: Test, mut branches: Vec<f64>, keep: bool) -> u32 {
        let leaf = &self.get(at).leaf;
        let (classes, total) = (leaf.weights().len(), leaf.weight().max(f64::MIN_POSITIVE));
        for branch in branches.chunks_exact_mut(classes) {
            if branch.iter().all(|weight| *weight <= 0.0) {
                branch.iter_mut().zip(leaf.weights()).for_each(|(branch, weight)| *branch = weight / total);
            }
        }
        if !keep {
            self.bytes -= std::mem::take(&mut self.nodes[at as usize].leaf).heap_bytes();
        }
        let first = self.push(branches.chunks_exact(classes));
        self.get_mut(at).split = Some(Split { test, first });
        first
    }

    /// Gives a node statistics; it has none.
    pub(crate) fn give_statistics(&mut self, at: u32, statistics: Box<Statistics>) {
        self.bytes += statistics.bytes();
        self.nodes[at as usize].leaf.statistics = Some(statistics);
    }

    /// Takes the statistics of a node away.
    pub(crate) fn take_statistics(&mut self, at: u32) -> Option<Box<Statistics>> {
        let statistics = self.nodes[at as usize].leaf.statistics.take();
        self.bytes -= statistics.as_ref().map_or(0, |statistics| statistics.bytes());
        statistics
    }

    /// Counts the bytes again that a node holds, after `change`.
    pub(crate) fn change<T>(&mut self, at: u32, change: impl FnOnce(&mut Node<K>) -> T) -> T {
        let node = &mut self.nodes[at as usize];
        self.bytes -= node.heap_bytes();
        let result = change(node);
        self.bytes += node.heap_bytes();
        result
    }

    /// What a node keeps has grown, or shrunk.
    pub(crate) fn recount(&mut self, before: usize, after: usize) {
        self.bytes = self.bytes - before + after;
    }

    /// What a node promises: a leaf the weight of its errors; a split, which has found what it looked for, less than any
    /// leaf, and the less the fewer rows it sees.
    pub(crate) fn promise(&self, at: u32) -> f64 {
        promise(&self.nodes[at as usize])
    }

    /// The node that has statistics and promises least, with its promise.
    fn least_promising(&self) -> Option<(u32, f64)> {
        let nodes = self.nodes.iter().enumerate();
        let active = nodes.filter(|(_, node)| node.leaf.statistics.is_some());
        active.map(|(at, node)| (at as u32, promise(node))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Makes room for so many bytes below `most`, by taking the statistics from nodes that promise less than `promise`.
    /// Whether there is room.
    pub(crate) fn make_room(&mut self, bytes: usize, most: usize, promise: f64) -> bool {
        while self.bytes.saturating_add(bytes) > most {
            match self.least_promising() {
                Some((at, least)) if least < promise => drop(self.take_statistics(at)),
                _ => return false,
            }
        }
        true
    }

    /// Puts the tree that begins at `with` in the place of a node: what was below the node is gone, and nodes are numbered
    /// anew. Tells the new number of the node.
    pub(crate) fn replace(&mut self, at: u32, with: u32) -> u32 {
        self.nodes.swap(at as usize, with as usize);
        self.compact(at)
    }

    /// Makes a split a leaf: what was below it is gone, and nodes are numbered anew. Tells the new number of the node.
    pub(crate) fn prune(&mut self, at: u32) -> u32 {
        self.get_mut(at).split = None;
        self.compact(at)
    }

    /// Drops the nodes that cannot be reached, and numbers the others level by level. Tells the new number of a node.
    pub(crate) fn compact(&mut self, of: u32) -> u32 {
        let mut old: Vec<Option<Node<K>>> = std::mem::take(&mut self.nodes).into_vec().into_iter().map(Some).collect();
        let mut new: Vec<Node<K>> = Vec::with_capacity(old.len());
        new.extend(old[ROOT as usize].take());
        let (mut at, mut found) = (0, ROOT);
        while at < new.len() {
            let end = new.len() as u32;
            if let Some(split) = &mut new[at].split {
                let children = split.children();
                if children.contains(&of) {
                    found = end + (of - children.start);
                }
                split.first = end;
                new.extend(children.filter_map(|child| old[child as usize].take()));
            }
            if let Some(beside) = new[at].kept.beside() {
                let end = new.len() as u32;
                if beside == of {
                    found = end;
                }
                new[at].kept.moved(end);
                new.extend(old[beside as usize].take());
            }
            at += 1;
        }
        self.nodes = new.into_boxed_slice();
        self.bytes = counted(&self.nodes);
        found
    }

    /// Checks nodes that were stored: they are one tree, each is reached once, and every number is one that can be.
    /// `splits_keep` says whether splits go on with what they knew as leaves.
    pub(crate) fn check(&self, plan: &Plan, splits_keep: bool) -> Result<(), DecodeError> {
        DecodeError::unless(!self.nodes.is_empty(), "nodes", 0)?;
        let (mut reached, mut named) = (vec![false; self.nodes.len()], 0);
        let mut open = vec![ROOT];
        while let Some(at) = open.pop() {
            let seen = reached.get_mut(at as usize);
            let fresh = seen.is_some_and(|seen| !std::mem::replace(seen, true));
            DecodeError::unless(fresh, "a child at", at)?;
            let node = self.get(at);
            let weight = node.weight;
            DecodeError::unless(adds_up(weight), "the weight of a node", weight)?;
            match &node.split {
                Some(split) => {
                    DecodeError::unless(split.test.fits(&plan.schema), "a test of attribute", split.test.attribute())?;
                    let last = u64::from(split.first) + split.test.branches() as u64;
                    // Children that are named twice are found below; many of them must not fill the memory before.
                    named += split.test.branches();
                    let few = last <= self.nodes.len() as u64 && named < self.nodes.len();
                    DecodeError::unless(few, "a child at", last)?;
                    open.extend(split.children());
                    if splits_keep {
                        node.leaf.check(plan)?;
                    } else {
                        DecodeError::unless(node.leaf == Leaf::default(), "a leaf with a split at", at)?;
                    }
                }
                None => node.leaf.check(plan)?,
            }
            node.kept.check()?;
            open.extend(node.kept.beside());
        }
        let lost = reached.iter().position(|reached| !reached);
        DecodeError::unless(lost.is_none(), "a node without a parent at", lost.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use crate::tree::Growth;

    const TEST: Test = Test::AtMost { attribute: 0, value: 0.0 };

    fn plan() -> Plan {
        Plan::new(Schema::numeric(1, 2).unwrap(), Growth::new())
    }

    /// A root with two children, of which the first has two too.
    fn five() -> Nodes<()> {
        let mut nodes = Nodes::new(2);
        assert_eq!(nodes.split(ROOT, TEST, vec![3.0, 1.0, 1.0, 5.0], false), 1);
        assert_eq!(nodes.split(1, TEST, vec![2.0, 0.0, 0.0, 0.0], false), 3);
        nodes
    }

    #[test]
    fn nodes_that_are_dropped_leave_no_gap() {
        let mut nodes = five();
        assert_eq!((nodes.nodes.len(), nodes.depth(ROOT)), (5, 2));
        assert_eq!(nodes.get(4).leaf.weights(), [0.75, 0.25], "a branch without rows begins as its parent");
        nodes.check(&plan(), false).unwrap();
        nodes.get_mut(1).leaf = Leaf::new(&[1.0, 2.0]);
        assert_eq!(nodes.prune(1), 1);
        assert_eq!((nodes.nodes.len(), nodes.depth(ROOT)), (3, 1));
        assert_eq!(nodes.bytes, counted(&nodes.nodes));
        nodes.check(&plan(), false).unwrap();

        let mut nodes = five();
        // The second child takes the place of the first: the tree of the first is gone.
        nodes.get_mut(ROOT).split = Some(Split { test: TEST, first: 3 });
        nodes.compact(ROOT);
        assert_eq!((nodes.nodes.len(), nodes.depth(ROOT)), (3, 1));
        assert_eq!(nodes.get(1).leaf.weights(), [2.0, 0.0]);
        nodes.check(&plan(), false).unwrap();
    }

    #[test]
    fn a_row_without_the_value_goes_where_most_went() {
        let mut nodes = five();
        assert_eq!((nodes.leaf_of(ROOT, &[f64::NAN]), nodes.leaf_of(ROOT, &[-1.0])), (2, 3));
        nodes.get_mut(1).weight = 100.0;
        assert_eq!(nodes.leaf_of(ROOT, &[f64::INFINITY]), 3);
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let broken = |at: usize, split: Split| {
            let mut nodes = five();
            nodes.nodes[at].split = Some(split);
            nodes.nodes[at].leaf = Leaf::default();
            nodes.check(&plan(), false).unwrap_err().to_string()
        };
        for (at, first) in [(3, 0), (3, 3), (3, 1), (0, 3), (2, 3), (0, 5), (0, u32::MAX), (1, 1)] {
            let told = broken(at, Split { test: TEST, first });
            assert!(told.contains("a child at") || told.contains("without a parent"), "{told}");
        }
        let told = broken(0, Split { test: Test::AtMost { attribute: 1, value: 0.0 }, first: 1 });
        assert!(told.contains("a test of attribute"), "{told}");
        let mut nodes = five();
        nodes.get_mut(4).weight = f64::NAN;
        nodes.check(&plan(), false).unwrap_err();
        let mut nodes = five();
        nodes.get_mut(4).leaf = Leaf::new(&[1.0]);
        nodes.check(&plan(), false).unwrap_err();
    }
}
