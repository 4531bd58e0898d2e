//! One concept after another.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, draws};
use crate::schema::Schema;

/// One concept, then another: made by [`Generator::then`] and [`Generator::fade_into`]. One of these can drift further.
///
/// A gradual drift takes row `t` from the second with the probability 1 / (1 + e^(−4 (t − at) / width)) (Bifet et al.,
/// KDD 2009): half of the rows at `at`, 12 % half a width before it, 88 % half a width after it. Each of the two makes only
/// the rows that are taken from it.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Led};
/// let mut stream = Led::new().fade_into(5_000, 1_000, Led::new().moved(3)?)?.then(9_000, Led::new())?;
/// assert_eq!(stream.dataset(10_000).len(), 10_000);
/// assert!(stream.first().share_of_second() > 0.999);
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift<A, B> {
    first: A,
    second: B,
    at: u64,
    width: u64,
    made: u64,
    draws: Draws,
}

impl<A: Generator, B: Generator> Drift<A, B> {
    pub(super) fn new(first: A, second: B, at: u64, width: u64) -> Result<Self, ParameterError> {
        if first.schema() != second.schema() {
            let (parameter, allowed) = ("attributes and classes of the second concept", "those of the first");
            let value = format!("{:?}", second.schema());
            return Err(ParameterError { summary: "Drift", parameter, allowed, value });
        }
        Ok(Self { first, second, at, width, made: 0, draws: draws(DEFAULT_SEED, 2) })
    }

    /// The seed of which rows are taken from which concept, while one takes over from the other.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 2), ..self }
    }

    /// The probability that the next row is one of the second concept.
    pub fn share_of_second(&self) -> f64 {
        if self.width == 0 {
            return f64::from(self.made >= self.at);
        }
        let after = self.made as f64 - self.at as f64;
        1.0 / (1.0 + (-4.0 * after / self.width as f64).exp())
    }

    /// The first concept.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The second concept.
    pub fn second(&self) -> &B {
        &self.second
    }
}

impl<A: Generator, B: Generator> Generator for Drift<A, B> {
    fn schema(&self) -> &Schema {
        self.first.schema()
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        let share = self.share_of_second();
        self.made += 1;
        // Where there is nothing to choose, nothing is drawn.
        let is_second = share >= 1.0 || (share > 0.0 && self.draws.unit() < share);
        if is_second { self.second.next_into(row) } else { self.first.next_into(row) }
    }
}
