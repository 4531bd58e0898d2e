//! A measure of strangeness, before it is calibrated.

use streamgauge_sketches::{DecodeError, Summary};

use crate::error::RowError;

/// A raw measure of strangeness in a unit of its own: higher is stranger.
///
/// [`Calibrated`](super::Calibrated) makes a [`Detector`](crate::Detector) of it. Scoring never learns; and learning
/// never stops for what is strange.
pub trait Scorer: Summary {
    /// What is scored: a row `[f64]`, or a value of a series.
    type Item: ?Sized + 'static;

    /// How strange an item is: a finite number; none in the warm-up, and for an item that is missing.
    ///
    /// # Errors
    /// [`RowError::Width`].
    fn raw_one(&self, item: &Self::Item) -> Result<Option<f64>, RowError>;

    /// Learns an item. One that is missing is passed over.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the item; nothing is learned.
    fn learn_one(&mut self, item: &Self::Item) -> Result<(), RowError>;

    /// Scores, then learns. The same as the two after each other, and faster where work can be shared.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the item; nothing is learned.
    #[inline]
    fn raw_and_learn(&mut self, item: &Self::Item) -> Result<Option<f64>, RowError> {
        let raw = self.raw_one(item)?;
        self.learn_one(item)?;
        Ok(raw)
    }

    /// Whether a scorer that was stored is one: everything that it takes for granted.
    ///
    /// # Errors
    /// [`DecodeError::Value`] naming what cannot be.
    fn check(&self) -> Result<(), DecodeError>;
}

/// What can look at itself after it was stored.
pub trait Checked {
    /// Whether it is what it says: everything that it takes for granted.
    ///
    /// # Errors
    /// [`DecodeError::Value`] naming what cannot be.
    fn check(&self) -> Result<(), DecodeError>;
}
