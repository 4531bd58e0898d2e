//! The errors of this crate, each naming what failed and the value that was wrong.

use std::fmt;

use thiserror::Error;

/// Two summaries of different parameters cannot be merged. The receiver is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot merge {summary} of {parameter} {theirs} into one of {parameter} {ours}")]
pub struct Mismatch {
    /// The kind of summary.
    pub summary: &'static str,
    /// The parameter that differs.
    pub parameter: &'static str,
    /// Its value in the receiver.
    pub ours: String,
    /// Its value in the argument.
    pub theirs: String,
}

impl Mismatch {
    /// Returns an error if the two values differ.
    ///
    /// ```
    /// use streamgauge_sketches::Mismatch;
    /// let error = Mismatch::check("HyperLogLog", "precision", &12, &14).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot merge HyperLogLog of precision 14 into one of precision 12");
    /// ```
    ///
    /// # Errors
    /// A [`Mismatch`] that names both values.
    pub fn check<T: PartialEq + fmt::Display>(
        summary: &'static str,
        parameter: &'static str,
        ours: &T,
        theirs: &T,
    ) -> Result<(), Self> {
        if ours == theirs {
            return Ok(());
        }
        Err(Self { summary, parameter, ours: ours.to_string(), theirs: theirs.to_string() })
    }
}

/// A parameter lies outside its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{summary}: {parameter} must be {allowed}, not {value}")]
pub struct ParameterError {
    /// The kind of summary.
    pub summary: &'static str,
    /// The parameter.
    pub parameter: &'static str,
    /// What is allowed, in words.
    pub allowed: &'static str,
    /// The value that was given.
    pub value: String,
}

/// Bytes that are no image of the expected summary. Says which check failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The image ends before its content does.
    #[error("the image is cut off: {needed} more bytes of {field} expected, {left} left")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Bytes needed.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// The first four bytes are not those of a summary.
    #[error("not a summary: the image starts with {0:02x?}")]
    Magic([u8; 4]),
    /// The image is of another family.
    #[error("the image holds family {found}, not {expected}")]
    Family {
        /// The family that was asked for.
        expected: u16,
        /// The family in the image.
        found: u16,
    },
    /// A newer version wrote the image.
    #[error("the image has version {found}; this build reads up to {newest}")]
    Version {
        /// The version in the image.
        found: u16,
        /// The newest version that can be read.
        newest: u16,
    },
    /// The hash function of the image is unknown here.
    #[error("the image was made with hash function {0}, which this build does not have")]
    Hash(u8),
    /// The checksum does not match.
    #[error("the checksum is {found:08x}, the content gives {computed:08x}: the image is damaged")]
    Checksum {
        /// The checksum in the image.
        found: u32,
        /// The checksum of the content.
        computed: u32,
    },
    /// A value in the image cannot be.
    #[error("the image has {field} {value}, which cannot be")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
}
