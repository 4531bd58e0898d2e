//! What the scorers of rows have in common.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError};

/// The most attributes of a row.
const MOST: usize = 1 << 16;

/// The rows after which an older one counts half, if not set.
pub(super) const HALF_LIFE: f64 = 10_000.0;

/// Values are held within ±10¹⁰⁰, so that sums of their squares are finite.
pub(super) const LARGEST: f64 = 1e100;

/// How what is strange about each attribute makes a row strange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Across {
    /// The sum of `ln(1 + z²)` over the attributes: several attributes that are a little strange together are strange,
    /// and one that is huge does not hide the others. The best where rows have some ten attributes.
    #[default]
    Sum,
    /// The largest `|z|`: one attribute is enough, however many usual ones are beside it.
    Largest,
}

impl Across {
    /// Takes in the squared number of deviations of one more attribute.
    #[inline]
    pub(super) fn add(self, sum: f64, z_squared: f64) -> f64 {
        match self {
            Self::Sum => sum + z_squared.ln_1p(),
            Self::Largest => sum.max(z_squared),
        }
    }

    /// The raw score of all of them.
    #[inline]
    pub(super) fn finish(self, sum: f64) -> f64 {
        match self {
            Self::Sum => sum,
            Self::Largest => sum.sqrt(),
        }
    }
}

impl std::fmt::Display for Across {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sum => "sum",
            Self::Largest => "largest",
        })
    }
}

/// A value that is there.
#[inline]
pub(super) fn known(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-LARGEST, LARGEST))
}

/// Whether there is any value in a row.
#[inline]
pub(super) fn any_known(row: &[f64]) -> bool {
    row.iter().any(|value| value.is_finite())
}

/// Adds a row to others, which are at most so many numbers: their memory doubles until it is enough for all of them.
#[inline]
pub(super) fn push(rows: &mut Vec<f64>, row: &[f64], most: usize) {
    if rows.capacity() < rows.len() + row.len() {
        let wanted = (2 * rows.len()).max(32 * row.len()).min(most).max(rows.len() + row.len());
        rows.reserve_exact(wanted - rows.len());
    }
    rows.extend_from_slice(row);
}

/// Checks a parameter.
pub(super) fn allow(
    summary: &'static str,
    parameter: &'static str,
    allowed: &'static str,
    holds: bool,
    value: impl ToString,
) -> Result<(), ParameterError> {
    if holds { Ok(()) } else { Err(ParameterError { summary, parameter, allowed, value: value.to_string() }) }
}

/// Checks the number of attributes.
pub(super) fn allow_attributes(summary: &'static str, attributes: usize) -> Result<(), ParameterError> {
    allow(summary, "attributes", "1 to 65,536", (1..=MOST).contains(&attributes), attributes)
}

/// Checks a half-life.
pub(super) fn allow_half_life(summary: &'static str, rows: f64) -> Result<(), ParameterError> {
    allow(summary, "half-life", "at least 10", rows >= 10.0, rows)
}

/// Checks the number of attributes and the half-life of what was stored.
pub(super) fn check_stored(attributes: usize, half_life: f64) -> Result<(), DecodeError> {
    check_attributes(attributes)?;
    DecodeError::unless(half_life >= 10.0, "a half-life of", half_life)
}

/// Checks the number of attributes of what was stored.
pub(super) fn check_attributes(attributes: usize) -> Result<(), DecodeError> {
    DecodeError::unless((1..=MOST).contains(&attributes), "attributes", attributes)
}
