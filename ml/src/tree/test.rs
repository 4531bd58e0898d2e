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

/// Whether this is a weight that rows can add up to; far from where sums of weights overflow.
pub(crate) fn adds_up(weight: f64) -> bool {
    (0.0..=1e200).contains(&weight)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_branch_or_is_missing() {
        let at_most = Test::AtMost { attribute: 0, value: 2.5 };
        let is = Test::Is { attribute: 0, category: 1, categories: 3 };
        let which = Test::Which { attribute: 0, categories: 3 };
        let branches = |value: f64| [at_most, is, which].map(|test| test.branch(value));
        assert_eq!(branches(1.0), [Some(0), Some(0), Some(1)]);
        assert_eq!(branches(2.0), [Some(0), Some(1), Some(2)]);
        assert_eq!(branches(2.5), [Some(0), None, None], "no category");
        assert_eq!(branches(3.0), [Some(1), None, None], "a category that the schema does not have");
        assert_eq!(branches(-1.0), [Some(0), None, None]);
        for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN] {
            assert_eq!(branches(missing), [None; 3], "{missing}");
        }
    }
}
