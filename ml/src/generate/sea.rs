//! The SEA concepts.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, draws, probability};
use crate::schema::Schema;

/// The thresholds of the four concepts.
const THRESHOLDS: [f64; 4] = [8.0, 9.0, 7.0, 9.5];

/// Three numbers, even between 0 and 10; class 1 if the sum of the first two is at most a threshold. The third says
/// nothing, and a tenth of the classes is turned over.
///
/// Street and Kim, *A streaming ensemble algorithm (SEA) for large-scale classification*, KDD 2001. A learner cannot be
/// better than 1 − noise.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Sea};
/// let (row, class) = Sea::new(2)?.noise(0.0)?.seed(7).rows().next().expect("it has no end");
/// assert_eq!(class, usize::from(row[0] + row[1] <= 9.0));
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sea {
    schema: Schema,
    threshold: f64,
    noise: f64,
    draws: Draws,
}

impl Sea {
    /// One of the concepts of the paper, 1 to 4: the thresholds 8, 9, 7 and 9.5.
    ///
    /// # Errors
    /// [`ParameterError`] if there is no such concept.
    pub fn new(concept: usize) -> Result<Self, ParameterError> {
        match concept.checked_sub(1).and_then(|at| THRESHOLDS.get(at)) {
            Some(threshold) => Ok(Self {
                schema: Schema::numeric(3, 2)?,
                threshold: *threshold,
                noise: 0.1,
                draws: draws(DEFAULT_SEED, 0),
            }),
            None => {
                let value = concept.to_string();
                Err(ParameterError { summary: "Sea", parameter: "concept", allowed: "1 to 4", value })
            }
        }
    }

    /// The probability that the class is turned over.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 1.
    pub fn noise(self, noise: f64) -> Result<Self, ParameterError> {
        Ok(Self { noise: probability("Sea", "noise", noise)?, ..self })
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }
}

impl Generator for Sea {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        row.clear();
        row.extend((0..3).map(|_| 10.0 * self.draws.unit()));
        let is_below = row[0] + row[1] <= self.threshold;
        let is_noise = self.draws.unit() < self.noise;
        usize::from(is_below != is_noise)
    }
}
