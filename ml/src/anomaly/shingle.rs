//! A series as rows of its last values.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::rows::allow;
use super::scorer::Scorer;
use crate::error::RowError;
use crate::image::image;

/// A scorer of rows for a series of values: a row is the last values of the series, the oldest first.
///
/// So a scorer of rows sees the shape of a series: a value that is usual at a place in the course where it is not. A
/// missing value (NaN, infinite) is missing in all rows that it is part of; it is not scored itself. Raw scores
/// are those of the scorer; the warm-up is its own and as many values more as a row has.
///
/// Guha, Mishra, Roy, Schrijvers, *Robust Random Cut Forest Based Anomaly Detection on Streams*, ICML 2016, use the same
/// (*shingles*) over another forest.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, Mahalanobis, Shingled};
/// let mut detector = Calibrated::new(Shingled::new(Mahalanobis::new(4)?, 4)?);
/// let wave = |i: i32| f64::from(i % 8 - 4).abs() + 0.01 * f64::from(i * 37 % 11);
/// (0..2_000).try_for_each(|i| detector.learn_one(&wave(i)))?;
/// let (usual, strange) = (detector.score_one(&wave(2_000))?, detector.score_one(&wave(2_003))?);
/// assert!(usual < Some(0.6) && strange > Some(0.7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Shingled<S> {
    scorer: S,
    length: u32,
    /// The last values, one short of a row when the next is awaited; fewer in the beginning.
    last: Vec<f64>,
}

impl<S: Scorer<Item = [f64]>> Shingled<S> {
    /// A scorer of rows of `length` values.
    ///
    /// # Errors
    /// [`ParameterError`] unless the length is 2 to 65,536, and that of the rows which the scorer knows.
    pub fn new(scorer: S, length: usize) -> Result<Self, ParameterError> {
        let fits = (2..=1 << 16).contains(&length) && scorer.raw_one(&vec![f64::NAN; length]).is_ok();
        allow(Self::NAME, "length", "2 to 65,536 and that of the scorer's rows", fits, length)?;
        Ok(Self { scorer, length: length as u32, last: Vec::with_capacity(length) })
    }

    /// The scorer of rows.
    pub fn scorer(&self) -> &S {
        &self.scorer
    }

    /// Adds a value to the last ones; whether they are a row then.
    #[inline]
    fn enter(&mut self, value: f64) -> bool {
        self.last.push(value);
        self.last.len() == self.length as usize
    }
}

impl<S: Scorer<Item = [f64]>> Scorer for Shingled<S> {
    type Item = f64;

    fn raw_one(&self, value: &f64) -> Result<Option<f64>, RowError> {
        if !value.is_finite() || self.last.len() + 1 < self.length as usize {
            return Ok(None);
        }
        let mut row = Vec::with_capacity(self.length as usize);
        row.extend_from_slice(&self.last);
        row.push(*value);
        self.scorer.raw_one(&row)
    }

    #[inline]
    fn learn_one(&mut self, value: &f64) -> Result<(), RowError> {
        if self.enter(*value) {
            self.scorer.learn_one(&self.last)?;
            self.last.remove(0);
        }
        Ok(())
    }

    #[inline]
    fn raw_and_learn(&mut self, value: &f64) -> Result<Option<f64>, RowError> {
        if !self.enter(*value) {
            return Ok(None);
        }
        let raw = self.scorer.raw_and_learn(&self.last)?;
        self.last.remove(0);
        Ok(raw.filter(|_| value.is_finite()))
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.scorer.check()?;
        let length = self.length as usize;
        let fits = (2..=1 << 16).contains(&length) && self.scorer.raw_one(&vec![f64::NAN; length]).is_ok();
        DecodeError::unless(fits, "rows of length", length)?;
        DecodeError::unless(self.last.len() < length, "last values", self.last.len())
    }
}

impl<S: Scorer<Item = [f64]>> Summary for Shingled<S> {
    type Reading = Self;

    const NAME: &'static str = "Shingled";

    fn schema() -> String {
        format!("Shingled<{}>", S::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<S>() + self.scorer.memory_bytes() + self.last.capacity() * size_of::<f64>()
    }

    fn end_batch(&mut self) {
        self.scorer.end_batch();
    }
}

image!([S: Scorer<Item = [f64]>] Shingled<S>, 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::{Calibrated, GaussianTails, Mahalanobis};
    use crate::laws;

    #[test]
    fn holds_the_laws() {
        let values: Vec<f64> = (0..300).map(|i| f64::from(i * 37 % 11 + i % 7)).collect();
        let hostile = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 5e-324, 7.0, 3.0, 5.0];
        let detector = Calibrated::new(Shingled::new(Mahalanobis::new(4).unwrap(), 4).unwrap());
        laws::detects(&detector, &values.iter().collect::<Vec<_>>(), &hostile.iter().collect::<Vec<_>>());
    }

    #[test]
    fn rows_are_the_last_values() {
        let (mut shingled, mut rows) =
            (Shingled::new(GaussianTails::new(3).unwrap(), 3).unwrap(), GaussianTails::new(3).unwrap());
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * 37 % 11)).collect();
        values.iter().for_each(|value| shingled.learn_one(value).unwrap());
        values.windows(3).for_each(|row| rows.learn_one(row).unwrap());
        assert_eq!(shingled.scorer(), &rows);
        assert_eq!(shingled.raw_one(&4.0), rows.raw_one(&[values[98], values[99], 4.0]));
    }

    #[test]
    fn the_length_is_that_of_the_rows() {
        for (width, length) in [(3, 4), (1, 1), (3, 0)] {
            assert!(Shingled::new(GaussianTails::new(width).unwrap(), length).is_err());
        }
    }
}
