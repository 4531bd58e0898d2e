//! What is done with rows before they are learned.
//!
//! | | makes | learns | merges |
//! |---|---|---|---|
//! | [`StandardScaler`] | mean 0 and deviation 1 of numbers | moments | but for rounding |
//! | [`MinMaxScaler`] | `[0, 1]` of numbers | the range | to the bit |
//! | [`RobustScaler`] | median 0 and interquartile range 1 of numbers | a quantile sketch | as sketches do |
//! | [`Imputer`] | a value of what is missing | means, medians, counts | as its parts do |
//! | [`OneHot`] | a column of each category | nothing | yes |
//! | [`HashingEncoder`] | categories of names | nothing | yes |
//! | [`BagOfWords`] | a sparse row of the words of a text | nothing | yes |
//!
//! A [`Transformer`] stands before a learner, or another transformer: `scaler.then(learner)` is a [`Pipeline`], and is what
//! the learner is.
//!
//! **When not to use it.** Naive Bayes and the trees of this crate need none of this: they do not see the scale of a
//! number, take categories as they are, and leave missing values out. Distances, and so clusters, need all of it.

mod columns;
mod hashing;
mod imputer;
mod min_max;
mod one_hot;
mod pipeline;
mod quartiles;
mod robust;
mod standard;
mod text;
mod transformer;

pub use hashing::{Field, HashingEncoder};
pub use imputer::{Fill, Imputer};
pub use min_max::MinMaxScaler;
pub use one_hot::OneHot;
pub use pipeline::Pipeline;
pub use robust::RobustScaler;
pub use standard::StandardScaler;
pub use text::BagOfWords;
pub use transformer::{Room, Stateless, Transformer};

#[cfg(test)]
mod tests;
