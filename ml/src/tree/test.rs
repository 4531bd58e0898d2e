//! The question that a node asks of a row.

use serde::{Deserialize, Serialize};

use crate::schema::{Attribute, Schema};

/// The question that a node asks of a row: its answers are the branches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Test {
    /// Whether a number is at most this (branch 0) or above (1).
    AtMost {
        /// The attribute.
        attribute: u32,
        /// The number.
        value: f64,
    },
    /// Whether a nominal attribute has this category (branch 0) or another (1).
    Is {
        /// The attribute.
        attribute: u32,
        /// The category.
        category: u32,
        /// How many categories there are.
        categories: u32,
    },
    /// Which category a nominal attribute has: a branch for each.
    Which {
        /// The attribute.
        attribute: u32,
        /// How many categories it has.
        categories: u32,
    },
}

/// A number that a tree can learn from. Beyond ±10¹⁰⁰ squares would overflow: such a number is none that was measured.
#[inline]
pub(crate) fn number(value: f64) -> Option<f64> {
    (value.abs() <= 1e100).then_some(value)
}

impl Test {
    /// The attribute that is asked about.
    #[inline]
    pub fn attribute(&self) -> usize {
        match self {
            Self::AtMost { attribute, .. } | Self::Is { attribute, .. } | Self::Which { attribute, .. } => {
                *attribute as usize
            }
        }
    }

    /// How many branches there are.
    #[inline]
    pub fn branches(&self) -> usize {
        match self {
            Self::AtMost { .. } | Self::Is { .. } => 2,
            Self::Which { categories, .. } => *categories as usize,
        }
    }

    /// The branch of a value of the attribute; none if it is missing.
    #[inline]
    pub(crate) fn branch(&self, of: f64) -> Option<usize> {
        match *self {
            Self::AtMost { value, .. } => number(of).map(|of| usize::from(of > value)),
            Self::Is { category, categories, .. } => {
                Attribute::Nominal { categories }.category(of).map(|of| usize::from(of != category as usize))
            }
            Self::Which { categories, .. } => Attribute::Nominal { categories }.category(of),
        }
    }

    /// Whether a schema has what is asked about.
    pub(crate) fn fits(&self, schema: &Schema) -> bool {
        match (self, schema.attributes().get(self.attribute())) {
            (Self::AtMost { value, .. }, Some(Attribute::Numeric)) => number(*value).is_some(),
            (Self::Is { category, categories: ours, .. }, Some(Attribute::Nominal { categories })) => {
                ours == categories && category < categories
            }
            (Self::Which { categories: ours, .. }, Some(Attribute::Nominal { categories })) => ours == categories,
            _ => false,
        }
    }
}
