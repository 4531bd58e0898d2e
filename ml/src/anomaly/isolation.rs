//! Isolation forest over a sliding window.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::cells::{self, Cells, Range, Rows};
use super::rows::{allow, allow_attributes, any_known, check_attributes, push};
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// How easily a row is isolated from others by random cuts.
///
/// | | |
/// |---|---|
/// | raw score | `2^−(mean path length / that of a random search tree)`: near 1 for what is isolated by few cuts, about 0.5 for what is usual |
/// | memory | 8 bytes · window · attributes, and 64 bytes · trees · sample: 1.8 MB with the defaults |
/// | learn, score | amortised O(trees · sample · log sample / window), O(trees · log sample) |
/// | warm-up | 32 rows |
/// | missing | a value that is NaN or infinite goes where most rows went when the tree was drawn |
/// | merged | no: a tree is drawn from rows of one window |
///
/// Each tree is drawn from a random sample of the rows in a sliding window: a random attribute is cut at a random value
/// within its range, until each row is alone or the depth is log₂ of the sample. One tree after the other is drawn anew, each
/// of them once in a window: so the forest forgets what has left the window, and after a jump of the level it is at home
/// there one window later. While the window fills, trees are drawn anew more often.
///
/// Cuts need no scale and no range beforehand, know clusters of any number, and a sample far smaller than the window
/// keeps anomalies that are alike from hiding each other: fewer rows a tree where anomalies are many. Paper: Liu, Ting,
/// Zhou, *Isolation Forest*, ICDM 2008; the window: Ding, Fei, *An Anomaly Detection Approach Based on Isolation Forest
/// Algorithm for Streaming Data*, 2013, here with trees that are renewed in turn, and not only when too much is strange.
///
/// In the paper what lies outside of the sample is as strange as the outermost row in it. Here the path of a row is that
/// which it would have had, in the mean, as one more of the sample: where its value lies outside of the range that was
/// cut, the wider range would in some cases have been cut between it and all others.
///
/// **When not to use it**: where only a combination of strongly correlated attributes is strange
/// ([`Mahalanobis`](super::Mahalanobis)); as the state of very many keys; where partial results have to be merged.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, IsolationForest};
/// let mut detector = Calibrated::new(IsolationForest::new(2)?);
/// for i in 0..1_000 {
///     detector.learn_one(&[f64::from(i % 10), f64::from(i % 7)])?;
/// }
/// let (usual, strange) = (detector.score_one(&[5.0, 3.0])?, detector.score_one(&[5.0, 30.0])?);
/// assert!(usual < Some(0.6) && strange > Some(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A window or a reduce, which would have to merge it, is refused by the compiler:
///
/// ```compile_fail
/// fn merged(forest: streamgauge_ml::anomaly::IsolationForest) -> impl streamgauge_sketches::Merge {
///     forest
/// }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct IsolationForest {
    attributes: u32,
    size: u32,
    sample: u32,
    window: u32,
    draws: Draws,
    /// The rows in the window, one after the other; when it is full, the oldest is replaced.
    rows: Vec<f64>,
    oldest: u32,
    trees: Vec<Cells<Range>>,
    /// Of each tree, one over the mean path length in a random tree of its sample.
    per_path: Vec<f64>,
    /// The tree that is drawn anew next, and how many rows came since the last.
    next: u32,
    since: u32,
    #[serde(skip)]
    scratch: Scratch,
}

/// Indices of rows and of attributes.
#[derive(Clone, Debug, Default)]
struct Scratch {
    members: Vec<u32>,
    attributes: Vec<u32>,
}

impl IsolationForest {
    /// Rows before the first tree.
    const WARM_UP: usize = 32;

    /// One that has seen nothing, of rows of so many numbers, with 100 trees of 256 rows of a window of 2,048.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 65,536.
    pub fn new(attributes: usize) -> Result<Self, ParameterError> {
        allow_attributes(Self::NAME, attributes)?;
        Ok(Self {
            attributes: attributes as u32,
            size: 100,
            sample: 256,
            window: 2_048,
            draws: Draws::new(0),
            rows: Vec::new(),
            oldest: 0,
            trees: Vec::new(),
            per_path: Vec::new(),
            next: 0,
            since: 0,
            scratch: Scratch::default(),
        })
    }

    /// How many trees; 100, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 1,000.
    pub fn trees(mut self, trees: usize) -> Result<Self, ParameterError> {
        allow(Self::NAME, "trees", "1 to 1,000", (1..=1_000).contains(&trees), trees)?;
        self.size = trees as u32;
        Ok(self)
    }

    /// From how many rows a tree is drawn; 256, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is 8 to 65,536.
    pub fn sample(mut self, rows: usize) -> Result<Self, ParameterError> {
        allow(Self::NAME, "sample", "8 to 65,536", (8..=1 << 16).contains(&rows), rows)?;
        self.sample = rows as u32;
        Ok(self)
    }

    /// How many rows the window has; 2,048, if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is 32 to 2²⁴.
    pub fn window(mut self, rows: usize) -> Result<Self, ParameterError> {
        allow(Self::NAME, "window", "32 to 2^24", (Self::WARM_UP..=1 << 24).contains(&rows), rows)?;
        self.window = rows as u32;
        Ok(self)
    }

    /// The seed of the cuts; 0, if not set.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.draws = Draws::new(seed);
        self
    }

    fn width(&self) -> usize {
        self.attributes as usize
    }

    /// How many rows are in the window.
    fn filled(&self) -> usize {
        self.rows.len() / self.width()
    }

    /// The most nodes of a tree.
    fn most_nodes(&self) -> usize {
        2 * self.sample as usize - 1
    }

    /// Puts a row into the window.
    #[inline]
    fn keep(&mut self, row: &[f64]) {
        let (width, window) = (self.width(), self.window as usize);
        if self.filled() < window {
            push(&mut self.rows, row, window * width);
        } else {
            let start = self.oldest as usize * width;
            self.rows[start..start + width].copy_from_slice(row);
            self.oldest = (self.oldest + 1) % self.window;
        }
    }

    /// Draws a tree anew, from rows of the window.
    fn draw(&mut self, tree: usize) {
        let (width, filled) = (self.width(), self.filled());
        let sampled = filled.min(self.sample as usize);
        let Scratch { members, attributes } = &mut self.scratch;
        members.clear();
        attributes.clear();
        attributes.extend(0..self.attributes);
        sample(&mut self.draws, filled, sampled, members);
        let cells = &mut self.trees[tree];
        self.per_path[tree] = 1.0 / path_length(sampled);
        cells.clear(2 * sampled - 1);
        let growth = Growth {
            rows: Rows { values: &self.rows, width },
            deepest: usize::BITS - (sampled - 1).leading_zeros(),
            per_path: self.per_path[tree],
        };
        growth.grow(cells, cells::ROOT, 0, members, attributes, &mut self.draws);
    }
}

/// Draws `sampled` different numbers below `filled`.
fn sample(draws: &mut Draws, filled: usize, sampled: usize, into: &mut Vec<u32>) {
    into.extend(0..filled as u32);
    for i in 0..sampled {
        let other = i + draws.below((filled - i) as u64) as usize;
        into.swap(i, other);
    }
    into.truncate(sampled);
}

/// The mean path length to a row in a random search tree of so many: `c(n)` of the paper, which is that of an
/// unsuccessful search.
fn path_length(rows: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

/// What a tree is grown from.
struct Growth<'a> {
    rows: Rows<'a>,
    deepest: u32,
    per_path: f64,
}

impl Growth<'_> {
    /// Cuts a cell for as long as there is something to cut. No deeper than log₂ of the sample, so it may call itself.
    fn grow(
        &self,
        cells: &mut Cells<Range>,
        cell: usize,
        depth: u32,
        members: &mut [u32],
        attributes: &mut [u32],
        draws: &mut Draws,
    ) {
        let cut = if depth < self.deepest && members.len() > 1 { self.cut(members, attributes, draws) } else { None };
        let Some((attribute, at, range)) = cut else {
            cells.set(cell, (f64::from(depth) + path_length(members.len())) * self.per_path);
            return;
        };
        let (child, below) = cells.cut(cell, attribute, at, range, self.rows, members);
        let (below, above) = members.split_at_mut(below);
        self.grow(cells, child, depth + 1, below, attributes, draws);
        self.grow(cells, child + 1, depth + 1, above, attributes, draws);
    }

    /// A random attribute of those in which the rows differ, and a random value within its range.
    fn cut(&self, members: &[u32], attributes: &mut [u32], draws: &mut Draws) -> Option<(usize, f64, Range)> {
        for i in 0..attributes.len() {
            let other = i + draws.below((attributes.len() - i) as u64) as usize;
            attributes.swap(i, other);
            let attribute = attributes[i] as usize;
            if let Some(range @ Range { low, high }) = self.rows.range(members, attribute)
                && low < high
            {
                let share = draws.unit();
                let at = low * (1.0 - share) + high * share;
                // Above the lowest and not above the highest: there are rows on both sides.
                return Some((attribute, if at > low && at <= high { at } else { high }, range));
            }
        }
        None
    }
}

impl Scorer for IsolationForest {
    type Item = [f64];

    #[inline]
    fn raw_one(&self, row: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.width(), row.len())?;
        if self.trees.is_empty() || !any_known(row) {
            return Ok(None);
        }
        let paths = cells::sum(&self.trees, |tree| self.per_path[tree], row);
        Ok(Some((-paths / self.trees.len() as f64).exp2()))
    }

    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.width(), row.len())?;
        if !any_known(row) {
            return Ok(());
        }
        self.keep(row);
        let filled = self.filled();
        if self.trees.is_empty() {
            if filled >= Self::WARM_UP {
                self.trees = vec![Cells::default(); self.size as usize];
                self.per_path = vec![0.0; self.size as usize];
                (0..self.trees.len()).for_each(|tree| self.draw(tree));
            }
            return Ok(());
        }
        self.since += 1;
        // All once in as many rows as there are in the window.
        if self.since as usize >= filled / self.trees.len() {
            self.since = 0;
            self.draw(self.next as usize);
            self.next = (self.next + 1) % self.size;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        check_attributes(self.width())?;
        DecodeError::unless((1..=1_000).contains(&self.size), "trees", self.size)?;
        DecodeError::unless((8..=1 << 16).contains(&self.sample), "a sample of", self.sample)?;
        let window = self.window as usize;
        DecodeError::unless((Self::WARM_UP..=1 << 24).contains(&window), "a window of", window)?;
        let filled = self.filled();
        DecodeError::unless(self.rows.len() == filled * self.width() && filled <= window, "numbers", self.rows.len())?;
        let place = self.oldest == 0 || (filled == window && (self.oldest as usize) < window);
        DecodeError::unless(place, "an oldest row at", self.oldest)?;
        let expected = if filled < Self::WARM_UP { 0 } else { self.size as usize };
        DecodeError::unless(self.trees.len() == expected, "trees", self.trees.len())?;
        let each =
            self.per_path.len() == expected && self.per_path.iter().all(|per_path| (0.0..=1.0).contains(per_path));
        DecodeError::unless(each, "path lengths of trees", self.per_path.len())?;
        DecodeError::unless(self.next < self.size, "a next tree", self.next)?;
        DecodeError::unless(self.since <= self.window, "rows since a tree was drawn", self.since)?;
        self.trees.iter().try_for_each(|tree| tree.check(self.width(), self.most_nodes()))
    }
}

impl Summary for IsolationForest {
    type Reading = Self;

    const NAME: &'static str = "IsolationForest";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let trees: usize = self.trees.iter().map(Cells::heap_bytes).sum();
        let scratch = self.scratch.members.capacity() + self.scratch.attributes.capacity();
        size_of::<Self>()
            + self.rows.capacity() * size_of::<f64>()
            + self.trees.capacity() * size_of::<Cells<Range>>()
            + self.per_path.capacity() * size_of::<f64>()
            + trees
            + scratch * size_of::<u32>()
    }
}

image!(IsolationForest, 1);

#[cfg(test)]
mod tests {
    use super::super::trials;
    use super::*;

    fn small() -> IsolationForest {
        IsolationForest::new(3).unwrap().trees(10).unwrap().sample(16).unwrap().window(64).unwrap()
    }

    #[test]
    fn holds_the_laws() {
        trials::holds_the_laws(&small());
    }

    #[test]
    fn seeds_draw_different_trees() {
        let learned = |seed: u64| {
            let mut forest = small().seeded(seed);
            trials::rows(200, 1).iter().for_each(|row| forest.learn_one(row).unwrap());
            postcard::to_allocvec(&forest).unwrap()
        };
        assert!(learned(1) == learned(1) && learned(1) != learned(2));
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut forest = IsolationForest::new(3).unwrap().sample(64).unwrap().window(256).unwrap();
        let rows = trials::rows(1_000, 2);
        let shifted = |row: &[f64]| [row[0] + 100.0, row[1] + 1e5, row[2] + 10.0];
        rows.iter().for_each(|row| forest.learn_one(row).unwrap());
        let before = forest.raw_one(&shifted(&rows[0])).unwrap().unwrap();
        // A window for the rows, and one for the trees.
        rows.iter().take(512).for_each(|row| forest.learn_one(&shifted(row)).unwrap());
        let (there, here) = (forest.raw_one(&shifted(&rows[0])), forest.raw_one(&rows[0]));
        let (there, here) = (there.unwrap().unwrap(), here.unwrap().unwrap());
        assert!(before > there + 0.1 && here > there + 0.1, "{before} {there} {here}");
    }

    #[test]
    fn what_lies_outside_of_all_rows_is_stranger_the_farther_it_is() {
        let mut forest = IsolationForest::new(3).unwrap();
        trials::rows(1_000, 6).iter().for_each(|row| forest.learn_one(row).unwrap());
        let raw = |value: f64| forest.raw_one(&[value, -1_000.0, 1.0]).unwrap().unwrap();
        let raws: Vec<f64> = [1.0, 2.0, 2.5, 4.0, 10.0, 1e3, 1e9, f64::MAX].into_iter().map(raw).collect();
        assert!(raws.is_sorted() && raws[5] > raws[1] + 0.1 && raws[7] < 1.0, "{raws:?}");
        // It has a limit: cut off by the first cut of this attribute.
        assert!((raws[7] - raws[6]).abs() < 1e-6, "{raws:?}");
    }

    #[test]
    fn a_tree_of_rows_that_do_not_differ_is_one_cell() {
        let mut forest = small();
        (0..200).for_each(|_| forest.learn_one(&[1.0, f64::NAN, -1.0]).unwrap());
        assert_eq!(forest.raw_one(&[1.0, 2.0, -1.0]), forest.raw_one(&[9.0, 9.0, 9.0]));
        assert!((path_length(256) - 10.244_770_920_1).abs() < 1e-9);
    }

    #[test]
    fn memory_stays_what_it_is_when_the_window_is_full() {
        let mut forest = small();
        let rows = trials::rows(5_000, 3);
        rows[..100].iter().for_each(|row| forest.learn_one(row).unwrap());
        let before = forest.memory_bytes();
        rows.iter().for_each(|row| forest.learn_one(row).unwrap());
        assert_eq!(forest.memory_bytes(), before);
        assert!(before < 64 * 3 * 8 + 10 * 32 * 32 + 1_500, "{before}");
    }

    #[test]
    fn parameters_have_bounds() {
        assert!(IsolationForest::new(0).is_err() && IsolationForest::new(70_000).is_err());
        assert!(small().trees(0).is_err() && small().sample(7).is_err() && small().window(31).is_err());
        let told = small().window(1 << 25).unwrap_err().to_string();
        assert_eq!(told, "IsolationForest: window must be 32 to 2^24, not 33554432");
    }
}
