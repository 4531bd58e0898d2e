//! Trees drawn at random.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, check_attributes, draws, probability};
use crate::schema::{Attribute, Schema};

/// The most nodes of a tree.
const MOST_NODES: u64 = 1 << 22;

/// Rows of even attributes; the class is what a decision tree that was drawn at random says.
///
/// Domingos and Hulten, *Mining high-speed data streams*, KDD 2000. A split takes an attribute at random: a number at an
/// even place of what is left of its range, a category with a branch for each, once on a path. From a level on nodes become
/// leaves with a probability. Nothing is noise, so a tree that has grown enough is always right.
///
/// ```
/// use streamgauge_ml::generate::{Generator, RandomTree, TreeShape};
/// let rows = RandomTree::new(TreeShape::default(), 1)?.dataset(1_000);
/// assert_eq!((rows.schema().attributes().len(), rows.schema().classes()), (10, 2));
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomTree {
    schema: Schema,
    /// The root is the last one, children come before their parents.
    nodes: Vec<Node>,
    draws: Draws,
}

/// What the tree of a [`RandomTree`] is drawn by. The defaults are those of most papers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeShape {
    /// How many attributes are categories; 5. They come first.
    pub nominal: usize,
    /// How many categories each of them has; 5.
    pub categories: u32,
    /// How many attributes are numbers, between 0 and 1; 5.
    pub numeric: usize,
    /// How many classes there are; 2.
    pub classes: usize,
    /// The level at which every node is a leaf, the root being at level 0; 5.
    pub depth: u32,
    /// The first level at which a node may be a leaf; 3.
    pub first_leaf: u32,
    /// The probability that it then is one; 0.15.
    pub leaf_share: f64,
}

impl Default for TreeShape {
    fn default() -> Self {
        Self { nominal: 5, categories: 5, numeric: 5, classes: 2, depth: 5, first_leaf: 3, leaf_share: 0.15 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Node {
    Leaf(usize),
    /// A number: the child for those below the threshold, and that for the others.
    Below(usize, f64, [usize; 2]),
    /// A category: a child for each.
    Category(usize, Vec<usize>),
}

/// What is known on the way from the root to a node.
#[derive(Clone)]
struct Path {
    /// What is left of each attribute's range.
    ranges: Vec<(f64, f64)>,
    /// The attributes that can still be split.
    open: Vec<usize>,
}

impl RandomTree {
    /// A tree of this shape drawn by the seed `concept`.
    ///
    /// # Errors
    /// [`ParameterError`] if a number in the shape cannot be, or the tree might have more than 2²² nodes.
    pub fn new(shape: TreeShape, concept: u64) -> Result<Self, ParameterError> {
        let TreeShape { nominal, categories, numeric, classes, depth, .. } = shape;
        check_attributes("RandomTree", nominal.saturating_add(numeric))?;
        probability("RandomTree", "share of leaves", shape.leaf_share)?;
        let category = std::iter::repeat_n(Attribute::Nominal { categories }, nominal);
        let number = std::iter::repeat_n(Attribute::Numeric, numeric);
        let schema = Schema::new(category.chain(number), classes)?;
        let widest = if nominal == 0 { 2 } else { u64::from(categories).max(2) };
        if widest.checked_pow(depth).is_none_or(|leaves| leaves > MOST_NODES) {
            let (allowed, value) = ("one with at most 2^22 leaves", depth.to_string());
            return Err(ParameterError { summary: "RandomTree", parameter: "depth", allowed, value });
        }
        let attributes = schema.attributes().len();
        let mut tree = Self { schema, nodes: Vec::new(), draws: draws(DEFAULT_SEED, 0) };
        let root = Path { ranges: vec![(0.0, 1.0); attributes], open: (0..attributes).collect() };
        tree.grow(&shape, 0, root, &mut draws(concept, 1));
        Ok(tree)
    }

    /// Draws a node and all below it; gives its number.
    fn grow(&mut self, shape: &TreeShape, level: u32, path: Path, concept: &mut Draws) -> usize {
        let is_leaf = level >= shape.first_leaf && concept.unit() < shape.leaf_share;
        let node = if level >= shape.depth || path.open.is_empty() || is_leaf {
            Node::Leaf(concept.below(shape.classes as u64) as usize)
        } else {
            let drawn = concept.below(path.open.len() as u64) as usize;
            let attribute = path.open[drawn];
            if attribute < shape.nominal {
                let mut below = path;
                below.open.swap_remove(drawn);
                let children = (0..shape.categories).map(|_| self.grow(shape, level + 1, below.clone(), concept));
                Node::Category(attribute, children.collect())
            } else {
                let (low, high) = path.ranges[attribute];
                let threshold = low + (high - low) * concept.unit();
                let children = [(low, threshold), (threshold, high)].map(|range| {
                    let mut below = path.clone();
                    below.ranges[attribute] = range;
                    self.grow(shape, level + 1, below, concept)
                });
                Node::Below(attribute, threshold, children)
            }
        };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }

    /// How many leaves the tree has.
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| matches!(node, Node::Leaf(_))).count()
    }

    /// The class of a row of this schema.
    fn class(&self, row: &[f64]) -> usize {
        let mut at = self.nodes.len() - 1;
        loop {
            at = match &self.nodes[at] {
                Node::Leaf(class) => return *class,
                Node::Below(attribute, threshold, children) => children[usize::from(row[*attribute] >= *threshold)],
                Node::Category(attribute, children) => children[row[*attribute] as usize],
            };
        }
    }
}

impl Generator for RandomTree {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        row.clear();
        for attribute in self.schema.attributes() {
            row.push(match attribute {
                Attribute::Numeric => self.draws.unit(),
                Attribute::Nominal { categories } => self.draws.below(u64::from(*categories)) as f64,
            });
        }
        self.class(row)
    }
}
