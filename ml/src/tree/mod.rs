//! Decision trees that grow on a stream.
//!
//! | tree | what it is | when to use it | when not |
//! |---|---|---|---|
//! | [`HoeffdingTree`] | splits a leaf when the best split is certain, and never looks back | rows of one distribution, mixed attributes, speed and memory count | the distribution changes |
//! | [`ExtremelyFastTree`] | splits a leaf when a split is certainly better than none, and looks at its splits again | few rows, or a distribution that changes slowly | a row may cost little only: it learns and predicts in every node on its way |
//! | [`HoeffdingAdaptiveTree`] | splits early, takes back what was wrong, and replaces what has become wrong | the distribution changes, or nobody knows; the most accurate single tree | it does not change, and time counts |
//! | [`AdaptiveRandomForest`] | ten adaptive trees that vote, and are replaced when they have become wrong | accuracy counts most | it takes thirty times the time and memory of a tree |
//!
//! [`Growth`] has the parameters that they share. A tree is a list of nodes in one block of memory; a leaf keeps a block of
//! numbers for each attribute, by class. None can be merged.

mod adaptive;
mod common;
mod criterion;
mod elder;
mod extremely_fast;
mod forest;
mod gaussian;
mod grow;
mod growth;
mod hoeffding;
mod leaf;
mod nodes;
mod nominal;
mod statistics;
mod test;
mod values;

pub use adaptive::HoeffdingAdaptiveTree;
pub use criterion::Criterion;
pub use extremely_fast::ExtremelyFastTree;
pub use forest::AdaptiveRandomForest;
pub use growth::{Growth, Leaves, Observer};
pub use hoeffding::HoeffdingTree;
pub use test::Test;

#[cfg(test)]
mod tests;
