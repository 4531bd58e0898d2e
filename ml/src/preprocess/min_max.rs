//! From 0 to 1.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, Summary};

use super::columns::{Columns, is_known};
use super::transformer::Transformer;
use crate::error::RowError;
use crate::image::image;
use crate::schema::Schema;

/// The least and the greatest number of one attribute; none in the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Range(Option<(f64, f64)>);

impl Range {
    #[inline]
    fn learn(&mut self, value: f64) {
        let (least, greatest) = self.0.unwrap_or((value, value));
        self.0 = Some((least.min(value), greatest.max(value)));
    }

    #[inline]
    fn scale(&self, value: f64) -> f64 {
        match self.0 {
            Some((least, greatest)) if least < greatest => (value - least) / (greatest - least),
            _ => 0.0,
        }
    }

    fn merge(&mut self, other: &Self) {
        if let Some((least, greatest)) = other.0 {
            self.learn(least);
            self.learn(greatest);
        }
    }
}

/// Scales numbers to `[0, 1]`, by the least and the greatest seen so far.
///
/// A number beyond what was seen lies beyond 0 or 1, as far as it is. Categories stay as they are. What is missing or
/// infinite, and a number beyond ±10¹⁴⁰, is not learned and becomes missing. An attribute whose values were all the same
/// becomes 0.
///
/// Merges as one of everything, to the bit. Never forgets; 24 bytes an attribute.
///
/// **When not to use it.** One outlier of 10⁶ presses all other values of the stream together, for good: take a
/// [`RobustScaler`](super::RobustScaler) there. Trees do not see the scale of an attribute at all.
///
/// ```
/// use streamgauge_ml::Schema;
/// use streamgauge_ml::preprocess::{MinMaxScaler, Transformer};
/// let mut scaler = MinMaxScaler::new(&Schema::numeric(2, 2)?);
/// for row in [[10.0, 7.0], [20.0, 7.0]] {
///     scaler.learn_one(&row)?;
/// }
/// assert_eq!(scaler.transform_one(&[25.0, 9.0], &mut Vec::new())?, [1.5, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct MinMaxScaler {
    columns: Columns<Range>,
}

impl MinMaxScaler {
    /// One that has seen nothing.
    pub fn new(schema: &Schema) -> Self {
        Self { columns: Columns::new(schema) }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.columns.check(|range| {
            range.0.is_none_or(|(least, greatest)| is_known(least) && is_known(greatest) && least <= greatest)
        })
    }
}

impl Transformer for MinMaxScaler {
    type From = [f64];
    type To = [f64];
    type Room = Vec<f64>;

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        self.columns.learn(row, Range::learn)
    }

    #[inline]
    fn transform_one<'a>(&self, row: &'a [f64], room: &'a mut Vec<f64>) -> Result<&'a [f64], RowError> {
        self.columns.transform(row, room, Range::scale)
    }
}

impl Summary for MinMaxScaler {
    type Reading = Self;

    const NAME: &'static str = "MinMaxScaler";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.columns.heap_bytes()
    }
}

impl Merge for MinMaxScaler {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.columns.compatible(Self::NAME, &other.columns)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.columns.merge(Self::NAME, &other.columns, Range::merge)
    }
}

image!(MinMaxScaler, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;

    use super::*;
    use crate::preprocess::tests::{hostile, merges, mixed, rows};

    #[test]
    fn holds_the_laws() {
        let scaler = MinMaxScaler::new(&mixed());
        crate::laws::transforms(&scaler, &rows(100));
        hostile(&scaler);
        merges(&scaler, |scaler| scaler.clone());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut scaler = MinMaxScaler::new(&mixed());
        scaler.columns.each(|range| range.0 = Some((2.0, 1.0)));
        assert!(MinMaxScaler::from_bytes(&scaler.to_bytes()).is_err());
        scaler.columns.each(|range| range.0 = Some((1.0, f64::NAN)));
        assert!(MinMaxScaler::from_bytes(&scaler.to_bytes()).is_err());
    }
}
