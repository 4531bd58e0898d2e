//! Mixtures of normal distributions that move.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, check_attributes, draws, normal, probability};
use crate::schema::Schema;

/// A normal distribution of a [`Mixture`]. Its number is its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its mean at the first row.
    pub mean: Vec<f64>,
    /// By how much the mean moves with each row.
    pub velocity: Vec<f64>,
    /// The standard deviation in every coordinate.
    pub deviation: f64,
    /// Its share, as against the weights of the others.
    pub weight: f64,
}

/// Points of some normal distributions, each a class, whose means move along straight lines; and noise, the last class,
/// if that is wanted.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Mixture};
/// // Five components in eight dimensions, and a fiftieth of noise that is even between -5 and 15.
/// let mut stream = Mixture::random(5, 8, 1)?.noise(0.02, -5.0, 15.0)?;
/// let rows = stream.dataset(10_000);
/// let noise = rows.iter().filter(|(_, class)| *class == 5).count();
/// assert!((140..260).contains(&noise));
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    schema: Schema,
    components: Vec<Component>,
    /// The sum of the weights up to each component.
    shares: Vec<f64>,
    noise: f64,
    low: f64,
    high: f64,
    made: u64,
    draws: Draws,
}

impl Mixture {
    /// A mixture of these components.
    ///
    /// # Errors
    /// [`ParameterError`] if there are none, they are not of one dimension, or a number in them cannot be.
    pub fn new(components: impl IntoIterator<Item = Component>) -> Result<Self, ParameterError> {
        let components: Vec<Component> = components.into_iter().collect();
        let wrong =
            |parameter, allowed, value: String| Err(ParameterError { summary: "Mixture", parameter, allowed, value });
        let Some(dimension) = components.first().map(|component| component.mean.len()) else {
            return wrong("components", "at least 1", "0".to_owned());
        };
        check_attributes("Mixture", dimension)?;
        let mut shares = Vec::with_capacity(components.len());
        let mut share = 0.0;
        for Component { mean, velocity, deviation, weight } in &components {
            if let Some(other) = [mean, velocity].iter().find(|numbers| numbers.len() != dimension) {
                return wrong("coordinates of a component", "as many as the first has", other.len().to_string());
            }
            if let Some(x) = mean.iter().chain(velocity).find(|x| !x.is_finite()) {
                return wrong("coordinate of a component", "finite", x.to_string());
            }
            if !(*deviation >= 0.0 && deviation.is_finite()) {
                return wrong("deviation", "at least 0, and finite", deviation.to_string());
            }
            if !(*weight > 0.0 && *weight <= 1e100) {
                return wrong("weight", "above 0, at most 10^100", weight.to_string());
            }
            share += weight;
            shares.push(share);
        }
        let schema = Schema::numeric(dimension, components.len() + 1)?;
        let draws = draws(DEFAULT_SEED, 0);
        Ok(Self { schema, components, shares, noise: 0.0, low: 0.0, high: 1.0, made: 0, draws })
    }

    /// Components of weight 1 and deviation 0.5 with means even between 0 and 10, drawn by the seed `concept`. In the course
    /// of 200,000 rows each coordinate moves by up to 5.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no components or dimensions, or too many.
    pub fn random(components: usize, dimension: usize, concept: u64) -> Result<Self, ParameterError> {
        check_attributes("Mixture", dimension)?;
        let mut concept = draws(concept, 1);
        let mut even =
            |low: f64, high: f64| -> Vec<f64> { (0..dimension).map(|_| low + (high - low) * concept.unit()).collect() };
        let drawn = (0..components.min(1 << 20)).map(|_| Component {
            mean: even(0.0, 10.0),
            velocity: even(-5.0 / 200_000.0, 5.0 / 200_000.0),
            deviation: 0.5,
            weight: 1.0,
        });
        Self::new(drawn)
    }

    /// A share of the points is noise: even between `low` and `high` in every coordinate, of the class after those of the
    /// components.
    ///
    /// # Errors
    /// [`ParameterError`] unless the share lies in 0 to 1 and `low` below `high`, both finite.
    pub fn noise(self, share: f64, low: f64, high: f64) -> Result<Self, ParameterError> {
        if !(low < high && (high - low).is_finite()) {
            let (allowed, value) = ("from low to high, finite", format!("{low} to {high}"));
            return Err(ParameterError { summary: "Mixture", parameter: "noise", allowed, value });
        }
        Ok(Self { noise: probability("Mixture", "share of noise", share)?, low, high, ..self })
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }

    /// The mean of a component for the next row; none if there is no such component.
    pub fn mean(&self, component: usize) -> Option<Vec<f64>> {
        let Component { mean, velocity, .. } = self.components.get(component)?;
        Some(mean.iter().zip(velocity).map(|(mean, velocity)| mean + velocity * self.made as f64).collect())
    }
}

impl Generator for Mixture {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        let made = self.made as f64;
        self.made += 1;
        row.clear();
        if self.draws.unit() < self.noise {
            let dimension = self.schema.attributes().len();
            row.extend((0..dimension).map(|_| self.low + (self.high - self.low) * self.draws.unit()));
            return self.components.len();
        }
        let drawn = self.draws.unit() * self.shares.last().copied().unwrap_or_default();
        let class = self.shares.partition_point(|share| *share <= drawn).min(self.components.len() - 1);
        let Component { mean, velocity, deviation, .. } = &self.components[class];
        let coordinates = mean.iter().zip(velocity);
        row.extend(coordinates.map(|(mean, velocity)| mean + velocity * made + deviation * normal(&mut self.draws)));
        class
    }
}
