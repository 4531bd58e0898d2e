//! Streams made by the recipes of the papers.
//!
//! | generator | attributes | classes | what it tests | after |
//! |---|---|---|---|---|
//! | [`Sea`] | 3 numbers | 2 | a line to find among noise; abrupt drift | Street and Kim 2001 |
//! | [`Agrawal`] | 6 numbers, 3 categories | 2 | rules over mixed attributes, ten of them | Agrawal, Imieliński and Swami 1993 |
//! | [`RandomTree`] | numbers and categories, as you like | any | what a decision tree can say exactly | Domingos and Hulten 2000 |
//! | [`Led`] | 24 bits | 10 | independent bits: naive Bayes is the best there is (74 % at 10 % noise) | Breiman et al. 1984 |
//! | [`Hyperplane`] | numbers | 2 | a border that turns slowly | Hulten, Spencer and Domingos 2001 |
//! | [`Rbf`] | numbers | any | round clouds, at rest or moving | Bifet et al. 2009 |
//! | [`Waveform`] | 21 or 40 numbers | 3 | many weak numbers (86 % is the best) | Breiman et al. 1984 |
//! | [`Mixture`] | numbers | any | clusters that move, among noise | |
//! | [`Drift`] | those of its two concepts | | one concept after another, at once or over a while | Bifet et al. 2009 |
//!
//! A [`Generator`] is endless and plain data: the same seed gives the same rows, and one that was stored goes on where it
//! was. The rows are not those of another tool's generator of the same name.
//!
//! **When not to use them.** To choose a learner for your data: streams of recipes flatter the learner whose model the
//! recipe is.

mod agrawal;
mod drift;
mod hyperplane;
mod led;
mod mixture;
mod random_tree;
mod rbf;
mod sea;
mod waveform;

pub use agrawal::Agrawal;
pub use drift::Drift;
pub use hyperplane::Hyperplane;
pub use led::Led;
pub use mixture::{Component, Mixture};
pub use random_tree::{RandomTree, TreeShape};
pub use rbf::Rbf;
pub use sea::Sea;
pub use waveform::Waveform;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::dataset::Dataset;
use crate::schema::Schema;

/// The seed of rows, if none is given.
const DEFAULT_SEED: u64 = 1;

/// The most attributes of a generator.
const MOST_ATTRIBUTES: usize = 1 << 20;

/// An endless stream of labelled rows.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Sea};
/// // 50,000 rows of the first concept, then the third.
/// let mut stream = Sea::new(1)?.then(50_000, Sea::new(3)?.seed(2))?;
/// let rows = stream.dataset(100_000);
/// let is_one = |from: usize| rows.iter().skip(from).take(50_000).filter(|(_, class)| *class == 1).count();
/// assert!((17_000..18_600).contains(&is_one(0)) && (14_000..15_600).contains(&is_one(50_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Generator: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the rows are.
    fn schema(&self) -> &Schema;

    /// Puts the next row into `row`, which is emptied first, and gives its class. Allocates nothing once `row` has the room.
    fn next_into(&mut self, row: &mut Vec<f64>) -> usize;

    /// The rows as an iterator that never ends.
    fn rows(self) -> Rows<Self> {
        Rows(self)
    }

    /// The next rows, in memory.
    fn dataset(&mut self, rows: usize) -> Dataset {
        let mut dataset = Dataset::new(self.schema().clone());
        let mut row = Vec::new();
        for _ in 0..rows {
            let class = self.next_into(&mut row);
            dataset.push(&row, class);
        }
        dataset
    }

    /// From row `at` on, the rows of another concept: an abrupt drift. Give the two different seeds; the same seed draws
    /// the same attributes for both.
    ///
    /// # Errors
    /// [`ParameterError`] if the other has other attributes or classes.
    fn then<G: Generator>(self, at: u64, next: G) -> Result<Drift<Self, G>, ParameterError> {
        Drift::new(self, next, at, 0)
    }

    /// Rows of another concept take over in the course of `width` rows around row `at`: a gradual drift.
    ///
    /// # Errors
    /// [`ParameterError`] if the other has other attributes or classes.
    fn fade_into<G: Generator>(self, at: u64, width: u64, next: G) -> Result<Drift<Self, G>, ParameterError> {
        Drift::new(self, next, at, width)
    }
}

/// The rows of a [`Generator`], one after the other, without an end.
#[derive(Clone, Debug)]
pub struct Rows<G>(G);

impl<G: Generator> Iterator for Rows<G> {
    type Item = (Vec<f64>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = Vec::with_capacity(self.0.schema().attributes().len());
        let class = self.0.next_into(&mut row);
        Some((row, class))
    }
}

/// Draws for one of the purposes of a seed.
fn draws(seed: u64, purpose: u64) -> Draws {
    let mut draws = Draws::new(seed);
    draws.stir(purpose);
    draws
}

/// A normal number of mean 0 and variance 1: Marsaglia's polar method.
fn normal(draws: &mut Draws) -> f64 {
    loop {
        let (x, y) = (2.0 * draws.unit() - 1.0, 2.0 * draws.unit() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
}

/// A probability that was given as a parameter.
fn probability(summary: &'static str, parameter: &'static str, value: f64) -> Result<f64, ParameterError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(ParameterError { summary, parameter, allowed: "0 to 1", value: value.to_string() })
}

/// A number of attributes that was given as a parameter.
fn check_attributes(summary: &'static str, value: usize) -> Result<(), ParameterError> {
    if (1..=MOST_ATTRIBUTES).contains(&value) {
        return Ok(());
    }
    Err(ParameterError { summary, parameter: "attributes", allowed: "1 to 2^20", value: value.to_string() })
}
