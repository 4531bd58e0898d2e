//! One alarm for one anomaly.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::scorer::Checked;
use crate::error::RowError;
use crate::image::image;
use crate::learner::Detector;

/// The onsets of anomalies: an item that is not stranger than one of the last `span` scores 0.
///
/// So at any threshold an anomaly that lasts, or comes back at once, is one alarm and not hundreds; and a stranger one
/// is still heard. What is learned does not change. Memory: 16 bytes for each of the falling scores of the last `span`.
///
/// ```
/// use streamgauge_ml::Detector;
/// use streamgauge_ml::anomaly::{Calibrated, Novelty, Onset};
/// let mut detector = Onset::new(Calibrated::new(Novelty::new()), 50)?;
/// for i in 0..500 {
///     detector.learn_one(&f64::from(i % 10))?;
/// }
/// assert!(detector.score_and_learn(&30.0)? > Some(0.7));
/// assert_eq!(detector.score_and_learn(&20.0)?, Some(0.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Onset<D> {
    detector: D,
    span: u32,
    /// Items with a score so far.
    scored: u64,
    /// Of the last `span` scores those with no higher one after them, and their numbers: falling.
    falling: VecDeque<(u64, f64)>,
}

impl<D: Detector + Checked> Onset<D> {
    /// After so many scores it starts over.
    const MOST: u64 = 1 << 62;

    /// The onsets of what a detector finds.
    ///
    /// # Errors
    /// [`ParameterError`] unless the span lies in 1 to 2²⁰.
    pub fn new(detector: D, span: usize) -> Result<Self, ParameterError> {
        if (1..=1 << 20).contains(&span) {
            return Ok(Self::of(detector, span as u32));
        }
        let (parameter, value) = ("span", span.to_string());
        Err(ParameterError { summary: Self::NAME, parameter, allowed: "1 to 2^20", value })
    }

    pub(super) fn of(detector: D, span: u32) -> Self {
        Self { detector, span, scored: 0, falling: VecDeque::new() }
    }

    /// The detector.
    pub fn detector(&self) -> &D {
        &self.detector
    }

    #[inline]
    fn onset(&self, score: f64) -> f64 {
        if self.falling.front().is_none_or(|(_, highest)| score > *highest) { score } else { 0.0 }
    }

    #[inline]
    fn note(&mut self, score: f64) {
        while self.falling.back().is_some_and(|(_, last)| *last <= score) {
            self.falling.pop_back();
        }
        if self.scored == Self::MOST {
            self.falling.clear();
            self.scored = 0;
        }
        self.falling.push_back((self.scored, score));
        self.scored += 1;
        // What the next item is not held against any more.
        if self.falling.front().is_some_and(|(number, _)| number + u64::from(self.span) < self.scored) {
            self.falling.pop_front();
        }
    }
}

impl<D: Detector + Checked> Checked for Onset<D> {
    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless((1..=1 << 20).contains(&self.span), "a span of", self.span)?;
        DecodeError::unless(self.scored <= Self::MOST, "scores", self.scored)?;
        let scores = self.falling.iter().all(|(_, score)| (0.0..=1.0).contains(score));
        DecodeError::unless(scores, "scores", "outside 0 to 1")?;
        let oldest = self.scored.saturating_sub(self.span.into());
        let numbers = self.falling.iter().all(|(number, _)| (oldest..self.scored).contains(number));
        DecodeError::unless(numbers, "scores", "of items that have not been")?;
        let mut pairs = self.falling.iter().zip(self.falling.iter().skip(1));
        let falling = pairs.all(|(a, b)| a.0 < b.0 && a.1 > b.1);
        DecodeError::unless(falling, "scores", "that do not fall")?;
        self.detector.check()
    }
}

impl<D: Detector + Checked> Detector for Onset<D> {
    type Item = D::Item;

    #[inline]
    fn score_one(&self, item: &D::Item) -> Result<Option<f64>, RowError> {
        Ok(self.detector.score_one(item)?.map(|score| self.onset(score)))
    }

    #[inline]
    fn learn_one(&mut self, item: &D::Item) -> Result<(), RowError> {
        self.score_and_learn(item).map(|_| ())
    }

    #[inline]
    fn score_and_learn(&mut self, item: &D::Item) -> Result<Option<f64>, RowError> {
        let Some(score) = self.detector.score_and_learn(item)? else { return Ok(None) };
        let onset = self.onset(score);
        self.note(score);
        Ok(Some(onset))
    }
}

impl<D: Detector + Checked> Summary for Onset<D> {
    type Reading = Self;

    const NAME: &'static str = "Onset";

    fn schema() -> String {
        format!("Onset<{}>", D::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<D>()
            + self.detector.memory_bytes()
            + self.falling.capacity() * size_of::<(u64, f64)>()
    }

    fn end_batch(&mut self) {
        self.detector.end_batch();
    }
}

image!([D: Detector + Checked] Onset<D>, 1);
