//! The broken display.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, draws, probability};
use crate::schema::{Attribute, Schema};

/// The segments of a display, from the top one to the bottom one, that light up for each digit: the highest bit is the
/// first.
const SEGMENTS: [u8; 10] = [
    0b111_0111, 0b001_0010, 0b101_1101, 0b101_1011, 0b011_1010, 0b110_1011, 0b110_1111, 0b101_0010, 0b111_1111,
    0b111_1011,
];

/// How many segments there are.
const RELEVANT: usize = 7;

/// How many bits say nothing.
const IRRELEVANT: usize = 17;

/// The seven segments of a display that shows a digit, each wrong with a probability of 10 %, and 17 bits that say
/// nothing. The class is the digit.
///
/// Breiman, Friedman, Olshen and Stone, *Classification and regression trees*, 1984. At 10 % noise no learner can be
/// better than 74.0 %, and naive Bayes is as good as that. All attributes are nominal.
///
/// ```
/// use streamgauge_ml::generate::{Generator, Led};
/// let one = Led::new().noise(0.0)?.rows().find(|(_, class)| *class == 1).expect("it has no end").0;
/// assert_eq!(one[..7], [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Led {
    schema: Schema,
    noise: f64,
    moved: usize,
    draws: Draws,
}

impl Led {
    /// A display with 10 % noise.
    pub fn new() -> Self {
        let bits = std::iter::repeat_n(Attribute::Nominal { categories: 2 }, RELEVANT + IRRELEVANT);
        let schema = Schema::new(bits, 10).expect("two categories and ten classes are within the limits");
        Self { schema, noise: 0.1, moved: 0, draws: draws(DEFAULT_SEED, 0) }
    }

    /// The probability that a segment is wrong.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 1.
    pub fn noise(self, noise: f64) -> Result<Self, ParameterError> {
        Ok(Self { noise: probability("Led", "noise", noise)?, ..self })
    }

    /// The first so many segments change places with the first bits that say nothing: another concept to drift to.
    ///
    /// # Errors
    /// [`ParameterError`] if there are not so many segments.
    pub fn moved(self, moved: usize) -> Result<Self, ParameterError> {
        if moved > RELEVANT {
            let value = moved.to_string();
            return Err(ParameterError { summary: "Led", parameter: "moved segments", allowed: "0 to 7", value });
        }
        Ok(Self { moved, ..self })
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }
}

impl Default for Led {
    fn default() -> Self {
        Self::new()
    }
}

impl Generator for Led {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        let digit = self.draws.below(10) as usize;
        row.clear();
        for segment in 0..RELEVANT {
            let is_lit = SEGMENTS[digit] >> (RELEVANT - 1 - segment) & 1 == 1;
            let is_wrong = self.draws.unit() < self.noise;
            row.push(f64::from(is_lit != is_wrong));
        }
        let bits = self.draws.bits();
        row.extend((0..IRRELEVANT).map(|bit| (bits >> bit & 1) as f64));
        for segment in 0..self.moved {
            row.swap(segment, RELEVANT + segment);
        }
        digit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of rows that the best classifier gets right, by looking at all 128 displays.
    fn best(noise: f64) -> f64 {
        let likelihood = |shown: u8, digit: u8| {
            let wrong = (shown ^ digit).count_ones() as i32;
            noise.powi(wrong) * (1.0 - noise).powi(7 - wrong)
        };
        let displays = (0..128).map(|shown| SEGMENTS.iter().map(|digit| likelihood(shown, *digit)).fold(0.0, f64::max));
        displays.sum::<f64>() / 10.0
    }

    #[test]
    fn the_best_accuracy_is_known() {
        assert!((best(0.1) - 0.74).abs() < 0.001, "{}", best(0.1));
        assert!((best(0.0) - 1.0).abs() < 1e-12);
        // A classifier that knows the recipe gets that: of 100,000 rows within 4.5 deviations, once in 10⁵ seeds not.
        let mut led = Led::new();
        let mut row = Vec::new();
        let mut right = 0.0;
        for _ in 0..100_000 {
            let class = led.next_into(&mut row);
            let shown = row[..7].iter().fold(0, |shown, bit| shown << 1 | *bit as u8);
            let nearest = (0..10).min_by_key(|digit| (SEGMENTS[*digit] ^ shown).count_ones());
            right += f64::from(nearest == Some(class));
        }
        assert!((right / 1e5 - best(0.1)).abs() < 4.5 * (0.74 * 0.26 / 1e5_f64).sqrt(), "{right}");
    }
}
