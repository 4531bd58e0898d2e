//! The turning hyperplane.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, check_attributes, draws, probability};
use crate::schema::Schema;

/// Numbers even between 0 and 1; class 1 on one side of a plane that cuts the cube in two halves and may turn.
///
/// Hulten, Spencer and Domingos, *Mining time-changing data streams*, KDD 2001. Class 1 if Σ wᵢ xᵢ ≥ ½ Σ wᵢ. After each
/// row the weights that drift change by `change`, each in its direction, and each direction turns around with a
/// probability (10 %). By default nothing drifts, and 5 % of the classes are turned over.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Hyperplane};
/// let mut stream = Hyperplane::new(10, 1)?.drifting(2, 0.001)?;
/// let before = stream.weights().to_vec();
/// stream.dataset(1_000);
/// assert_ne!(stream.weights()[..2], before[..2]);
/// assert_eq!(stream.weights()[2..], before[2..]);
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyperplane {
    schema: Schema,
    weights: Vec<f64>,
    /// By how much each of the first weights changes with a row.
    changes: Vec<f64>,
    turning: f64,
    noise: f64,
    draws: Draws,
}

impl Hyperplane {
    /// A plane in so many dimensions with weights drawn by the seed `concept`.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no attributes, or more than 2²⁰.
    pub fn new(attributes: usize, concept: u64) -> Result<Self, ParameterError> {
        check_attributes("Hyperplane", attributes)?;
        let mut plane = draws(concept, 1);
        Ok(Self {
            schema: Schema::numeric(attributes, 2)?,
            weights: (0..attributes).map(|_| plane.unit()).collect(),
            changes: Vec::new(),
            turning: 0.1,
            noise: 0.05,
            draws: draws(DEFAULT_SEED, 0),
        })
    }

    /// So many of the weights change by so much with each row.
    ///
    /// # Errors
    /// [`ParameterError`] if there are not so many weights, or the change is not finite.
    pub fn drifting(self, weights: usize, change: f64) -> Result<Self, ParameterError> {
        let wrong = |parameter, allowed, value: String| {
            Err(ParameterError { summary: "Hyperplane", parameter, allowed, value })
        };
        if weights > self.weights.len() {
            return wrong("drifting weights", "at most the number of attributes", weights.to_string());
        }
        if !change.is_finite() {
            return wrong("change", "finite", change.to_string());
        }
        Ok(Self { changes: vec![change; weights], ..self })
    }

    /// The probability that the direction of a drifting weight turns around after a row.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 1.
    pub fn turning(self, turning: f64) -> Result<Self, ParameterError> {
        Ok(Self { turning: probability("Hyperplane", "turning", turning)?, ..self })
    }

    /// The probability that the class is turned over.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 1.
    pub fn noise(self, noise: f64) -> Result<Self, ParameterError> {
        Ok(Self { noise: probability("Hyperplane", "noise", noise)?, ..self })
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }

    /// The weights of the plane for the next row.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

impl Generator for Hyperplane {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        row.clear();
        row.extend(self.weights.iter().map(|_| self.draws.unit()));
        let height: f64 = row.iter().zip(&self.weights).map(|(x, weight)| (x - 0.5) * weight).sum();
        let is_noise = self.draws.unit() < self.noise;
        for (weight, change) in self.weights.iter_mut().zip(&mut self.changes) {
            *weight += *change;
            if self.draws.unit() < self.turning {
                *change = -*change;
            }
        }
        usize::from((height >= 0.0) != is_noise)
    }
}
