//! What the attributes of a row are.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, Mismatch, ParameterError};

use crate::error::RowError;

/// The most classes, and the most categories of an attribute: what a stored schema may ask for.
const MOST: u32 = 1 << 20;

/// What the values of an attribute are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Attribute {
    /// Numbers, in any unit.
    Numeric,
    /// One of so many categories, numbered from 0.
    Nominal {
        /// How many there are; at least one.
        categories: u32,
    },
}

impl Attribute {
    /// The category that a value names; none if it is missing, no whole number, or no category of this attribute.
    #[inline]
    pub fn category(self, value: f64) -> Option<usize> {
        match self {
            Self::Nominal { categories } => {
                // A NaN becomes 0 and a negative number too: the comparison refuses them.
                let category = value as u32;
                (f64::from(category) == value && category < categories).then_some(category as usize)
            }
            Self::Numeric => None,
        }
    }
}

/// The attributes of a row, and how many classes there are.
///
/// A row is a `[f64]` with one value for each attribute: a number, or the number of a category. A NaN is a missing
/// value; an infinite number, and a category that the schema does not have, count as missing too.
///
/// ```
/// use streamgauge_ml::{Attribute, Schema};
/// let schema = Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }], 2)?;
/// assert_eq!((schema.attributes().len(), schema.classes()), (2, 2));
/// assert_eq!(schema.attributes()[1].category(2.0), Some(2));
/// assert_eq!(schema.attributes()[1].category(7.0), None);
/// assert_eq!(schema.check_row(&[1.0]).unwrap_err().to_string(), "the row has 1 attributes, not 2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schema {
    attributes: Vec<Attribute>,
    classes: u32,
}

impl Schema {
    /// A schema of these attributes and so many classes.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no classes or no categories, or more than 2²⁰.
    pub fn new(attributes: impl IntoIterator<Item = Attribute>, classes: usize) -> Result<Self, ParameterError> {
        let schema =
            Self { attributes: attributes.into_iter().collect(), classes: u32::try_from(classes).unwrap_or(0) };
        match schema.wrong() {
            None => Ok(schema),
            Some((parameter, value)) => {
                let value = if parameter == "classes" { classes.to_string() } else { value.to_string() };
                Err(ParameterError { summary: "Schema", parameter, allowed: "1 to 2^20", value })
            }
        }
    }

    /// A schema of numbers alone.
    ///
    /// # Errors
    /// [`ParameterError`] if there are no classes, or more than 2²⁰.
    pub fn numeric(attributes: usize, classes: usize) -> Result<Self, ParameterError> {
        Self::new(std::iter::repeat_n(Attribute::Numeric, attributes), classes)
    }

    fn wrong(&self) -> Option<(&'static str, u32)> {
        let cannot_be = |n: u32| n == 0 || n > MOST;
        let categories = self.attributes.iter().filter_map(|attribute| match attribute {
            Attribute::Nominal { categories } => Some(("categories", *categories)),
            Attribute::Numeric => None,
        });
        categories.chain([("classes", self.classes)]).find(|(_, n)| cannot_be(*n))
    }

    /// The attributes, in the order of the row.
    #[inline]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// How many classes there are.
    #[inline]
    pub fn classes(&self) -> usize {
        self.classes as usize
    }

    /// Checks a row.
    ///
    /// # Errors
    /// [`RowError::Width`].
    #[inline]
    pub fn check_row(&self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.attributes.len(), row.len())
    }

    /// Checks a row with its class and weight.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong.
    #[inline]
    pub fn check(&self, row: &[f64], class: usize, weight: f64) -> Result<(), RowError> {
        self.check_row(row)?;
        RowError::check_class(self.classes(), class)?;
        RowError::check_weight(weight)
    }

    /// Checks a schema that was stored.
    ///
    /// # Errors
    /// [`DecodeError::Value`].
    pub fn check_stored(&self) -> Result<(), DecodeError> {
        match self.wrong() {
            None => Ok(()),
            Some((field, value)) => Err(DecodeError::Value { field, value: value.to_string() }),
        }
    }

    /// Whether two learners named `summary` have the same schema, so that they can be merged.
    ///
    /// # Errors
    /// [`Mismatch`] naming the attributes, or how many classes there are.
    pub fn compatible(&self, summary: &'static str, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(summary, "classes", &self.classes, &other.classes)?;
        if self.attributes == other.attributes {
            return Ok(());
        }
        let (ours, theirs) = (format!("{:?}", self.attributes), format!("{:?}", other.attributes));
        Err(Mismatch { summary, parameter: "attributes", ours, theirs })
    }

    /// The bytes of the attributes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.attributes.capacity() * size_of::<Attribute>()
    }
}
