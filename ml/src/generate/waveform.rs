//! Breiman's waves.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, draws, normal};
use crate::schema::Schema;

/// How many points of a wave are seen.
const POINTS: usize = 21;

/// How many numbers say nothing, if they are wanted.
const IRRELEVANT: usize = 19;

/// Which two waves a class is mixed from.
const MIXED: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

/// A mixture of two of three triangular waves at 21 points, with noise of variance 1; the class says which two.
///
/// Breiman, Friedman, Olshen and Stone, *Classification and regression trees*, 1984. No learner can be better than about
/// 86 %.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Waveform};
/// assert_eq!(Waveform::new().dataset(10).schema().attributes().len(), 21);
/// assert_eq!(Waveform::with_irrelevant().dataset(10).schema().attributes().len(), 40);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waveform {
    schema: Schema,
    draws: Draws,
}

/// The height of a wave at a point: 6 in its middle, at point 10, 6 or 14.
fn height(wave: usize, point: usize) -> f64 {
    let middle = [10.0, 14.0, 6.0][wave];
    (6.0 - (point as f64 - middle).abs()).max(0.0)
}

impl Waveform {
    /// 21 attributes.
    pub fn new() -> Self {
        Self::of_width(POINTS)
    }

    /// 40 attributes: the last 19 are noise alone.
    pub fn with_irrelevant() -> Self {
        Self::of_width(POINTS + IRRELEVANT)
    }

    fn of_width(attributes: usize) -> Self {
        let schema = Schema::numeric(attributes, 3).expect("three classes are within the limits");
        Self { schema, draws: draws(DEFAULT_SEED, 0) }
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }
}

impl Default for Waveform {
    fn default() -> Self {
        Self::new()
    }
}

impl Generator for Waveform {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        let class = self.draws.below(3) as usize;
        let (first, second) = MIXED[class];
        let share = self.draws.unit();
        row.clear();
        for point in 0..self.schema.attributes().len() {
            let noise = normal(&mut self.draws);
            let is_seen = point < POINTS;
            let wave = if is_seen { share * height(first, point) + (1.0 - share) * height(second, point) } else { 0.0 };
            row.push(wave + noise);
        }
        class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How likely a row is in a class: the mean over mixtures.
    fn likelihood(row: &[f64], class: usize) -> f64 {
        let (first, second) = MIXED[class];
        let of_share = |share: f64| {
            let away = row
                .iter()
                .enumerate()
                .map(|(point, x)| (x - share * height(first, point) - (1.0 - share) * height(second, point)).powi(2));
            (-0.5 * away.sum::<f64>()).exp()
        };
        (0..50).map(|i| of_share((f64::from(i) + 0.5) / 50.0)).sum()
    }

    #[test]
    fn the_best_accuracy_is_that_of_the_book() {
        let mut waves = Waveform::new();
        let mut row = Vec::new();
        let mut right = 0.0;
        for _ in 0..20_000 {
            let class = waves.next_into(&mut row);
            let best = (0..3).max_by(|a, b| likelihood(&row, *a).total_cmp(&likelihood(&row, *b)));
            right += f64::from(best == Some(class));
        }
        // 14 % of errors to the percent; a standard deviation is 0.25 %.
        assert!((right / 2e4 - 0.86).abs() < 0.01, "{right}");
    }
}
