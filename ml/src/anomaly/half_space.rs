//! Half-space trees.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError, PortableHash, Summary};

use super::cells::{self, Cells, Range, Rows};
use super::rows::{allow, allow_attributes, any_known, check_attributes, push};
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// How many rows of the last window fell into the cells of a row, which are made by halving space again and again.
///
/// | | |
/// |---|---|
/// | raw score | `−log₂` of the mean over the trees of mass · 2^depth, in relation to evenly spread rows: 0 where rows are as dense as if spread evenly, one more where half as dense |
/// | memory | 8 bytes · window · attributes, and up to 16 bytes · 20 · depth a tree: up to 150 kB with the defaults |
/// | learn, score | amortised O(trees · depth), at the end of a window; O(trees · depth) |
/// | warm-up | 32 rows |
/// | missing | a value that is NaN or infinite goes where most rows of the last window went |
/// | merged | no: the ranges are those of one window |
///
/// Each tree halves the range of a random attribute at each node, down to a depth. The mass of a node is how many rows
/// of the reference window fell into it. A row is scored by the first node on its way that has at most a tenth of the
/// window, or lies at the depth. At the end of a window the rows in it become the reference: so what is learned today
/// counts from the next window on, and what is older than two windows is forgotten.
///
/// Paper: Tan, Ting, Liu, *Fast Anomaly Detection for Streaming Data*, IJCAI 2011, with its defaults: 25 trees of depth
/// 15, windows of 250 rows. What the paper leaves open: it takes attributes of known range; here a window's ranges are the
/// lowest and highest values in it, and where an attribute did not change half its size (or 1, at 0) on both sides. The
/// first windows are shorter, 32, 64, and so on, so that scores begin soon. Nodes that no row can end in are not stored.
///
/// **When not to use it**: the [`IsolationForest`](super::IsolationForest) is more exact on nearly all data that both were
/// measured on; this one forgets sooner and takes less memory.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, HalfSpaceTrees};
/// let mut detector = Calibrated::new(HalfSpaceTrees::new(2)?);
/// for i in 0..1_000 {
///     detector.learn_one(&[f64::from(i % 10), f64::from(i % 7)])?;
/// }
/// let (usual, strange) = (detector.score_one(&[5.0, 3.0])?, detector.score_one(&[50.0, 30.0])?);
/// assert!(usual < Some(0.6) && strange > Some(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HalfSpaceTrees {
    attributes: u32,
    size: u32,
    depth: u32,
    window: u32,
    seed: u64,
    /// The rows that are learned until the next of the windows, which has this many.
    rows: Vec<f64>,
    until: u32,
    trees: Vec<Cells<()>>,
    #[serde(skip)]
    scratch: Scratch,
}

/// Indices of rows, and the work range of each attribute.
#[derive(Clone, Debug, Default)]
struct Scratch {
    members: Vec<u32>,
    ranges: Vec<(f64, f64)>,
    work: Vec<(f64, f64)>,
}

impl HalfSpaceTrees {
    /// The rows of the first window.
    const FIRST: u32 = 32;

    /// One that has seen nothing, of rows of so many numbers, with 25 trees of depth 15 and windows of 250 rows.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 65,536.
    pub fn new(attributes: usize) -> Result<Self, ParameterError> {
        allow_attributes(Self::NAME, attributes)?;
        Ok(Self {
            attributes: attributes as u32,
            size: 25,
            depth: 15,
            window: 250,
            seed: 0,
            rows: Vec::new(),
            until: Self::FIRST,
            trees: Vec::new(),
            scratch: Scratch::default(),
        })
    }

    /// How many trees; 25, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 1,000.
    pub fn trees(mut self, trees: usize) -> Result<Self, ParameterError> {
        allow(Self::NAME, "trees", "1 to 1,000", (1..=1_000).contains(&trees), trees)?;
        self.size = trees as u32;
        Ok(self)
    }

    /// How deep they are; 15, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is 1 to 30.
    pub fn depth(mut self, depth: u32) -> Result<Self, ParameterError> {
        allow(Self::NAME, "depth", "1 to 30", (1..=30).contains(&depth), depth)?;
        self.depth = depth;
        Ok(self)
    }

    /// How many rows a window has; 250, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is 32 to 2²⁴.
    pub fn window(mut self, rows: usize) -> Result<Self, ParameterError> {
        allow(Self::NAME, "window", "32 to 2^24", (32..=1 << 24).contains(&rows), rows)?;
        self.window = rows as u32;
        Ok(self)
    }

    /// The seed of the trees; 0, if not set.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn width(&self) -> usize {
        self.attributes as usize
    }

    /// The most nodes of a tree: at each depth at most ten have more than a tenth of the rows, and so are cut.
    fn most_nodes(&self) -> usize {
        1 + 20 * self.depth as usize
    }

    /// The rows of the window become the reference.
    fn pivot(&mut self) {
        let (width, most) = (self.width(), self.most_nodes());
        let rows = Rows { values: &self.rows, width };
        let Scratch { members, ranges, work } = &mut self.scratch;
        members.clear();
        members.extend(0..self.until);
        ranges.clear();
        ranges.extend((0..width).map(|attribute| {
            let Range { low, high } = rows.range(members, attribute).unwrap_or(Range { low: 0.0, high: 0.0 });
            if low < high {
                return (low, high);
            }
            let half = if low == 0.0 { 0.5 } else { low.abs() / 4.0 };
            (low - 2.0 * half, low + 2.0 * half)
        }));
        self.trees.resize(self.size as usize, Cells::default());
        for (tree, cells) in self.trees.iter_mut().enumerate() {
            // Always the same trees: the same draws at the same node.
            let seed = (tree as u64).portable_hash(self.seed);
            let mut draws = Draws::new(seed);
            work.clear();
            work.extend(ranges.iter().map(|&(low, high)| {
                let centre = draws.unit();
                let reach = 2.0 * centre.max(1.0 - centre);
                let place = |share: f64| low * (1.0 - share) + high * share;
                (place(centre - reach), place(centre + reach))
            }));
            cells.clear(most);
            let growth = Growth { rows, seed, depth: self.depth, few: 0.1 * f64::from(self.until), all: self.until };
            growth.grow(cells, cells::ROOT, 1, members, work);
        }
        self.rows.clear();
        self.until = (2 * self.until).min(self.window);
    }
}

/// What a tree is grown from.
struct Growth<'a> {
    rows: Rows<'a>,
    seed: u64,
    depth: u32,
    /// A node of so many rows is not looked into.
    few: f64,
    all: u32,
}

impl Growth<'_> {
    /// Cuts a node, which has a one and the turns to it as its name, as long as a row cannot end in it. No deeper than
    /// 30, so it may call itself.
    fn grow(&self, cells: &mut Cells<()>, cell: usize, name: u32, members: &mut [u32], work: &mut [(f64, f64)]) {
        let depth = name.ilog2();
        if depth == self.depth || members.len() as f64 <= self.few {
            let mass = members.len() as f64 / f64::from(self.all);
            cells.set(cell, mass * f64::from(depth).exp2());
            return;
        }
        let attribute = Draws::new(name.portable_hash(self.seed)).below(work.len() as u64) as usize;
        let (low, high) = work[attribute];
        let middle = low / 2.0 + high / 2.0;
        let (child, below) = cells.cut(cell, attribute, middle, (), self.rows, members);
        let (below, above) = members.split_at_mut(below);
        work[attribute] = (low, middle);
        self.grow(cells, child, 2 * name, below, work);
        work[attribute] = (middle, high);
        self.grow(cells, child + 1, 2 * name + 1, above, work);
        work[attribute] = (low, high);
    }
}

impl Scorer for HalfSpaceTrees {
    type Item = [f64];

    #[inline]
    fn raw_one(&self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.width(), row.len())?;
        if self.trees.is_empty() || !any_known(row) {
            return Ok(None);
        }
        let density: f64 = cells::sum(&self.trees, |_| 0.0, row);
        // Where no tree had any row it is that of a thousandth of one.
        let least = 0.001 / f64::from(self.window);
        Ok(Some(-(density / self.trees.len() as f64 + least).log2()))
    }

    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.width(), row.len())?;
        if !any_known(row) {
            return Ok(());
        }
        let most = self.until as usize * self.width();
        push(&mut self.rows, row, most);
        if self.rows.len() >= most {
            self.pivot();
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        check_attributes(self.width())?;
        DecodeError::unless((1..=1_000).contains(&self.size), "trees", self.size)?;
        DecodeError::unless((1..=30).contains(&self.depth), "a depth of", self.depth)?;
        DecodeError::unless((32..=1 << 24).contains(&self.window), "a window of", self.window)?;
        DecodeError::unless((32..=self.window).contains(&self.until), "a window that has", self.until)?;
        let whole =
            self.rows.len().is_multiple_of(self.width()) && self.rows.len() < self.until as usize * self.width();
        DecodeError::unless(whole, "numbers", self.rows.len())?;
        let expected = if self.trees.is_empty() { 0 } else { self.size as usize };
        DecodeError::unless(self.trees.len() == expected, "trees", self.trees.len())?;
        self.trees.iter().try_for_each(|tree| tree.check(self.width(), self.most_nodes()))
    }
}

impl Summary for HalfSpaceTrees {
    type Reading = Self;

    const NAME: &'static str = "HalfSpaceTrees";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let trees: usize = self.trees.iter().map(Cells::heap_bytes).sum();
        let Scratch { members, ranges, work } = &self.scratch;
        size_of::<Self>()
            + self.rows.capacity() * size_of::<f64>()
            + self.trees.capacity() * size_of::<Cells<()>>()
            + trees
            + members.capacity() * size_of::<u32>()
            + (ranges.capacity() + work.capacity()) * size_of::<(f64, f64)>()
    }
}

image!(HalfSpaceTrees, 1);

#[cfg(test)]
mod tests {
    use super::super::trials;
    use super::*;

    fn small() -> HalfSpaceTrees {
        HalfSpaceTrees::new(3).unwrap().trees(10).unwrap().depth(8).unwrap().window(64).unwrap()
    }

    #[test]
    fn holds_the_laws() {
        trials::holds_the_laws(&small());
    }

    #[test]
    fn evenly_spread_rows_have_a_score_about_nought() {
        let mut trees = HalfSpaceTrees::new(1).unwrap().trees(200).unwrap().window(1_024).unwrap();
        (0..2_016).for_each(|i| trees.learn_one(&[f64::from(i * 617 % 1_024)]).unwrap());
        let raw = |value: f64| trees.raw_one(&[value]).unwrap().unwrap();
        // The work range is three to four times as wide as the rows, so they are denser by as much.
        assert!((-2.5..-1.0).contains(&raw(512.0)), "{}", raw(512.0));
        assert!(raw(5_000.0) > 5.0, "{}", raw(5_000.0));
    }

    #[test]
    fn scores_are_of_the_window_before() {
        let mut trees = small();
        let rows = trials::rows(32 + 64 + 64, 2);
        rows.iter().for_each(|row| trees.learn_one(row).unwrap());
        let before = trees.raw_one(&rows[0]).unwrap();
        (0..63).for_each(|_| trees.learn_one(&[500.0, 1e6, -3.0]).unwrap());
        assert_eq!(trees.raw_one(&rows[0]).unwrap(), before);
        trees.learn_one(&[500.0, 1e6, -3.0]).unwrap();
        assert!(trees.raw_one(&rows[0]).unwrap() > before);
    }

    #[test]
    fn trees_are_the_same_over_every_window() {
        let mut trees = small();
        let rows = trials::rows(64, 3);
        (0..4).for_each(|_| rows.iter().for_each(|row| trees.learn_one(row).unwrap()));
        trees.rows.clear();
        rows.iter().for_each(|row| trees.learn_one(row).unwrap());
        let once = trees.trees.clone();
        rows.iter().for_each(|row| trees.learn_one(row).unwrap());
        assert!(trees.trees == once);
    }

    #[test]
    fn parameters_have_bounds() {
        assert!(HalfSpaceTrees::new(0).is_err());
        assert!(small().trees(0).is_err() && small().depth(31).is_err() && small().window(31).is_err());
    }
}
