//! A column for each category.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::transformer::{Stateless, Transformer};
use crate::error::RowError;
use crate::image::image;
use crate::schema::{Attribute, Schema};

/// Makes of each category a column of its own, 1 for the category of the row and 0 for the others.
///
/// Numbers stay as they are. An unknown category is 0 in all columns. A missing one (NaN) is missing in all of them.
///
/// Learns nothing, so pipelines that begin with it merge. Time and room for one number a column.
///
/// **When not to use it.** Trees and naive Bayes take categories as they are, faster and with better splits; with
/// thousands of categories hash them.
///
/// ```
/// use streamgauge_ml::preprocess::{OneHot, Transformer};
/// use streamgauge_ml::{Attribute, Schema};
/// let one_hot = OneHot::new(&Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }], 2)?);
/// assert_eq!(one_hot.transform_one(&[0.5, 1.0], &mut Vec::new())?, [0.5, 0.0, 1.0, 0.0]);
/// assert_eq!(one_hot.schema(2)?, Schema::numeric(4, 2)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct OneHot {
    attributes: Vec<Attribute>,
}

impl OneHot {
    /// For rows of this schema.
    pub fn new(schema: &Schema) -> Self {
        Self { attributes: schema.attributes().to_vec() }
    }

    /// How many columns come out.
    pub fn columns(&self) -> usize {
        let columns = |attribute: &Attribute| match attribute {
            Attribute::Numeric => 1,
            Attribute::Nominal { categories } => *categories as usize,
        };
        self.attributes.iter().map(columns).sum()
    }

    /// The schema of what comes out: numbers alone.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no classes, or more than 2²⁰.
    pub fn schema(&self, classes: usize) -> Result<Schema, ParameterError> {
        Schema::numeric(self.columns(), classes)
    }

    fn check(&self) -> Result<(), DecodeError> {
        Schema::new(self.attributes.iter().copied(), 1)
            .map_err(|why| DecodeError::Value { field: why.parameter, value: why.value })?;
        // Bytes from strangers do not ask for rows of more than 134 MB.
        DecodeError::unless(self.columns() <= 1 << 24, "columns", self.columns())
    }
}

impl Transformer for OneHot {
    type From = [f64];
    type To = [f64];
    type Room = Vec<f64>;

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.attributes.len(), row.len())
    }

    #[inline]
    fn transform_one<'a>(&self, row: &'a [f64], room: &'a mut Vec<f64>) -> Result<&'a [f64], RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        room.clear();
        for (attribute, &value) in self.attributes.iter().zip(row) {
            match attribute {
                Attribute::Numeric => room.push(value),
                Attribute::Nominal { categories } => {
                    let first = room.len();
                    let other = if value.is_nan() { f64::NAN } else { 0.0 };
                    room.resize(first + *categories as usize, other);
                    if let Some(category) = attribute.category(value) {
                        room[first + category] = 1.0;
                    }
                }
            }
        }
        Ok(room)
    }
}

impl Stateless for OneHot {}

impl Summary for OneHot {
    type Reading = Self;

    const NAME: &'static str = "OneHot";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.attributes.capacity() * size_of::<Attribute>()
    }
}

impl Merge for OneHot {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        if self == other {
            return Ok(());
        }
        let (ours, theirs) = (format!("{:?}", self.attributes), format!("{:?}", other.attributes));
        Err(Mismatch { summary: Self::NAME, parameter: "attributes", ours, theirs })
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)
    }
}

image!(OneHot, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Codec, laws};

    use super::*;
    use crate::preprocess::tests::{mixed, rows};

    #[test]
    fn holds_the_laws() {
        let one_hot = OneHot::new(&mixed());
        crate::laws::transforms(&one_hot, &rows(50));
        laws::refuses(&one_hot, &OneHot::new(&Schema::numeric(3, 1).unwrap()));
        let none = OneHot { attributes: vec![Attribute::Nominal { categories: 0 }] };
        assert!(OneHot::from_bytes(&none.to_bytes()).is_err());
        let huge = OneHot { attributes: vec![Attribute::Nominal { categories: 1 << 20 }; 17] };
        assert!(OneHot::from_bytes(&huge.to_bytes()).is_err());
    }

    #[test]
    fn unknown_is_none_and_missing_is_missing() {
        let one_hot = OneHot::new(&mixed());
        let of = |category: f64| one_hot.transform_one(&[0.5, category, -1.0], &mut Vec::new()).unwrap().to_vec();
        assert_eq!(one_hot.columns(), 5);
        assert_eq!(of(2.0), [0.5, 0.0, 0.0, 1.0, -1.0]);
        for unknown in [3.0, -1.0, 0.5, f64::INFINITY] {
            assert_eq!(of(unknown), [0.5, 0.0, 0.0, 0.0, -1.0], "{unknown}");
        }
        assert!(of(f64::NAN)[1..4].iter().all(|value| value.is_nan()));
    }
}
