//! What is wrong with a row.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A row that cannot be learned, or asked about. The learner is left as it was.
///
/// A value that is missing (NaN), infinite, or of a category that the schema does not have is no error: it counts as
/// missing.
#[derive(Clone, Copy, Debug, PartialEq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RowError {
    /// The row has too few or too many attributes.
    #[error("the row has {found} attributes, not {expected}")]
    Width {
        /// How many the learner knows.
        expected: usize,
        /// How many the row has.
        found: usize,
    },
    /// There is no such class.
    #[error("class {class} of {classes} classes: they are numbered from 0")]
    Class {
        /// The class of the row.
        class: usize,
        /// How many classes the learner knows.
        classes: usize,
    },
    /// A row cannot weigh this.
    #[error("a row weighs {0}; weights are finite and above 0")]
    Weight(f64),
}

impl RowError {
    /// Checks the number of attributes.
    ///
    /// # Errors
    /// [`RowError::Width`] naming both.
    #[inline]
    pub fn check_width(expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Width { expected, found }) }
    }

    /// Checks a class.
    ///
    /// # Errors
    /// [`RowError::Class`] naming it.
    #[inline]
    pub fn check_class(classes: usize, class: usize) -> Result<(), Self> {
        if class < classes { Ok(()) } else { Err(Self::Class { class, classes }) }
    }

    /// Checks a weight.
    ///
    /// # Errors
    /// [`RowError::Weight`] naming it.
    #[inline]
    pub fn check_weight(weight: f64) -> Result<(), Self> {
        if weight > 0.0 && weight.is_finite() { Ok(()) } else { Err(Self::Weight(weight)) }
    }
}
