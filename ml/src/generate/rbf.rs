//! Random radial basis functions.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, check_attributes, draws, normal};
use crate::schema::Schema;

/// Round clouds of points at random places of the unit cube, each with a class, a weight and a width drawn at random; they
/// may move.
///
/// Bifet, Holmes, Pfahringer, Kirkby and Gavaldà, *New ensemble methods for evolving data streams*, KDD 2009. A row takes
/// a cloud by weight, a direction at random, and goes so far that way as a normal number times the width of the cloud
/// (0 to 1) says: points lie densest in the middle, and outside the cube too.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Rbf};
/// let rows = Rbf::new(10, 5, 50, 1)?.moving(50, 0.0001)?.dataset(1_000);
/// assert_eq!((rows.schema().attributes().len(), rows.schema().classes()), (10, 5));
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rbf {
    schema: Schema,
    clouds: Vec<Cloud>,
    /// The sum of the weights up to each cloud.
    shares: Vec<f64>,
    moving: usize,
    speed: f64,
    draws: Draws,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cloud {
    middle: Vec<f64>,
    /// A direction of length one.
    heading: Vec<f64>,
    width: f64,
    class: usize,
}

/// A direction at random, of length one.
fn direction(dimensions: usize, draws: &mut Draws, into: &mut Vec<f64>) {
    into.clear();
    into.extend((0..dimensions).map(|_| normal(draws)));
    let length = into.iter().map(|x| x * x).sum::<f64>().sqrt();
    into.iter_mut().for_each(|x| *x /= length);
}

impl Rbf {
    /// Clouds drawn by the seed `concept`.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no attributes, classes or clouds, or more than 2²⁰.
    pub fn new(attributes: usize, classes: usize, clouds: usize, concept: u64) -> Result<Self, ParameterError> {
        check_attributes("Rbf", attributes)?;
        if !(1..=1 << 20).contains(&clouds) {
            let value = clouds.to_string();
            return Err(ParameterError { summary: "Rbf", parameter: "clouds", allowed: "1 to 2^20", value });
        }
        let schema = Schema::numeric(attributes, classes)?;
        let mut concept = draws(concept, 1);
        let (mut clouds_drawn, mut shares, mut share) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..clouds {
            let middle = (0..attributes).map(|_| concept.unit()).collect();
            let mut heading = Vec::new();
            direction(attributes, &mut concept, &mut heading);
            let class = concept.below(classes as u64) as usize;
            clouds_drawn.push(Cloud { middle, heading, width: concept.unit(), class });
            share += concept.unit();
            shares.push(share);
        }
        Ok(Self { schema, clouds: clouds_drawn, shares, moving: 0, speed: 0.0, draws: draws(DEFAULT_SEED, 0) })
    }

    /// The first so many clouds move, so far with each row, each in its direction; at the faces of the cube they turn back.
    ///
    /// # Errors
    /// [`ParameterError`] if there are not so many clouds, or the speed is not between 0 and 1.
    pub fn moving(self, clouds: usize, speed: f64) -> Result<Self, ParameterError> {
        let wrong = |parameter, allowed, value| Err(ParameterError { summary: "Rbf", parameter, allowed, value });
        if clouds > self.clouds.len() {
            return wrong("moving clouds", "at most the number of clouds", clouds.to_string());
        }
        if !(0.0..=1.0).contains(&speed) {
            return wrong("speed", "0 to 1", speed.to_string());
        }
        Ok(Self { moving: clouds, speed, ..self })
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }

    /// The middles of the clouds for the next row, with their classes.
    pub fn clouds(&self) -> impl ExactSizeIterator<Item = (&[f64], usize)> {
        self.clouds.iter().map(|cloud| (cloud.middle.as_slice(), cloud.class))
    }
}

impl Cloud {
    fn go(&mut self, speed: f64) {
        for (x, heading) in self.middle.iter_mut().zip(&mut self.heading) {
            *x += speed * *heading;
            if !(0.0..=1.0).contains(x) {
                *x = x.clamp(0.0, 1.0);
                *heading = -*heading;
            }
        }
    }
}

impl Generator for Rbf {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        let speed = self.speed;
        self.clouds.iter_mut().take(self.moving).for_each(|cloud| cloud.go(speed));
        let drawn = self.draws.unit() * self.shares.last().copied().unwrap_or_default();
        let at = self.shares.partition_point(|share| *share <= drawn).min(self.clouds.len() - 1);
        let cloud = &self.clouds[at];
        direction(cloud.middle.len(), &mut self.draws, row);
        let far = normal(&mut self.draws) * cloud.width;
        row.iter_mut().zip(&cloud.middle).for_each(|(x, middle)| *x = middle + far * *x);
        cloud.class
    }
}
