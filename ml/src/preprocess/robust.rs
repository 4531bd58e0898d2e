//! Median 0 and interquartile range 1.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, Summary};

use super::columns::Columns;
use super::quartiles::Quartiles;
use super::transformer::Transformer;
use crate::error::RowError;
use crate::image::image;
use crate::schema::Schema;

/// Scales numbers to median 0 and interquartile range 1, by what was seen so far: outliers move neither.
///
/// Categories stay as they are. What is missing or infinite, and a number beyond ±10¹⁴⁰, is not learned and becomes
/// missing. An attribute whose middle half is one single value becomes 0.
///
/// The quartiles come from a [`Kll`](streamgauge_sketches::Kll) sketch of each attribute, whose ranks are off by more than
/// 0.65 % once in a hundred times, and are renewed each time it has grown by a sixteenth. Merges as well as one of
/// everything; to the bit it does not. At most 11 KiB an attribute.
///
/// **When not to use it.** Where there are no outliers a [`StandardScaler`](super::StandardScaler) is exact and takes 24
/// bytes an attribute.
///
/// ```
/// use streamgauge_ml::Schema;
/// use streamgauge_ml::preprocess::{RobustScaler, Transformer};
/// let mut scaler = RobustScaler::new(&Schema::numeric(1, 2)?);
/// for i in 0..=100 {
///     scaler.learn_one(&[if i < 100 { f64::from(i) } else { 1e9 }])?;
/// }
/// let scaled = scaler.transform_one(&[100.0], &mut Vec::new())?[0];
/// assert!((scaled - 1.0).abs() < 0.1, "{scaled}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct RobustScaler {
    columns: Columns<Quartiles>,
}

impl RobustScaler {
    /// One that has seen nothing.
    pub fn new(schema: &Schema) -> Self {
        Self { columns: Columns::new(schema) }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.columns.check(Quartiles::can_be)
    }
}

#[inline]
fn scale(quartiles: &Quartiles, value: f64) -> f64 {
    match quartiles.known() {
        Some([lower, median, upper]) if lower < upper => (value - median) / (upper - lower),
        _ => 0.0,
    }
}

impl Transformer for RobustScaler {
    type From = [f64];
    type To = [f64];
    type Room = Vec<f64>;

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        self.columns.learn(row, Quartiles::learn)
    }

    #[inline]
    fn transform_one<'a>(&self, row: &'a [f64], room: &'a mut Vec<f64>) -> Result<&'a [f64], RowError> {
        self.columns.transform(row, room, scale)
    }
}

impl Summary for RobustScaler {
    type Reading = Self;

    const NAME: &'static str = "RobustScaler";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let sketches: usize = self.columns.states().map(Quartiles::heap_bytes).sum();
        size_of::<Self>() + self.columns.heap_bytes() + sketches
    }
}

impl Merge for RobustScaler {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.columns.compatible(Self::NAME, &other.columns)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.columns.merge(Self::NAME, &other.columns, |ours, theirs| {
            // All sketches are of one size and seed, so they merge.
            let _ = ours.merge(theirs);
        })
    }
}

image!(RobustScaler, 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::tests::{hostile, merges, mixed, rows};

    #[test]
    fn holds_the_laws() {
        let scaler = RobustScaler::new(&mixed());
        crate::laws::transforms(&scaler, &rows(100));
        hostile(&scaler);
        // Of so few rows the sketches know all.
        let asked = |quartiles: &Quartiles| {
            let mut quartiles = quartiles.clone();
            quartiles.ask();
            quartiles.known()
        };
        merges(&scaler, |scaler| scaler.columns.states().map(asked).collect::<Vec<_>>());
    }

    #[test]
    fn quartiles_are_those_of_all_that_was_seen() {
        let mut scaler = RobustScaler::new(&Schema::numeric(1, 1).unwrap());
        (0..100_000).for_each(|i| scaler.learn_one(&[f64::from(i * 7_919 % 100_003)]).unwrap());
        let scaled = |value: f64| scaler.transform_one(&[value], &mut Vec::new()).unwrap()[0];
        // A sixteenth of the rows may have come since, and ranks are off by up to 0.65 %.
        assert!(scaled(50_000.0).abs() < 0.05 && (scaled(100_000.0) - 1.0).abs() < 0.06, "{}", scaled(1e5));
        assert!(scaler.memory_bytes() < 12_000, "{}", scaler.memory_bytes());
    }
}
