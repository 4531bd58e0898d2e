//! Naive Bayes: classes by the product of what each attribute says.
//!
//! | | rows | an attribute is | use it for |
//! |---|---|---|---|
//! | [`GaussianNaiveBayes`] | dense: numbers and categories | normally distributed, or a category with its share | tables of measurements; the leaves of trees |
//! | [`MultinomialNaiveBayes`] | sparse counts | drawn so many times | text |
//! | [`ComplementNaiveBayes`] | sparse counts | drawn so many times, from the other classes | text of many classes of very different sizes |
//! | [`BernoulliNaiveBayes`] | sparse, present or not | there or not | short texts, sets of flags |
//!
//! All of them learn a row in time that grows with the row alone, add up logarithms, take weights, decay, and merge
//! exactly: learned apart and merged, they are as one that has learned everything. Weights of whole numbers are so to the
//! bit, in any order; means and variances, and weights with a fraction, but for rounding. So they work in every window
//! and reduce. What is stored does not depend on the machine.
//!
//! **When not to use it.** Naive Bayes takes attributes for independent within a class. Where they are not, its shares are
//! too sure, and classes that only combinations of attributes tell apart are beyond it: use a tree. It does not forget by
//! itself: when the stream drifts use it in a window, or with a half-life.

mod bernoulli;
mod complement;
mod counts;
mod gaussian;
mod multinomial;
mod normal;
mod scores;
mod sparse;
mod stored;

pub use bernoulli::BernoulliNaiveBayes;
pub use complement::ComplementNaiveBayes;
pub use gaussian::GaussianNaiveBayes;
pub use multinomial::MultinomialNaiveBayes;
pub use sparse::SparseNaiveBayes;

use streamgauge_sketches::{DecodeError, ParameterError};

fn check_smoothing(summary: &'static str, smoothing: f64) -> Result<(), ParameterError> {
    if (1e-9..=1e9).contains(&smoothing) {
        return Ok(());
    }
    Err(ParameterError { summary, parameter: "smoothing", allowed: "10⁻⁹ to 10⁹", value: smoothing.to_string() })
}

fn check_weights<'a>(weights: impl IntoIterator<Item = &'a f64>, what: &'static str) -> Result<(), DecodeError> {
    // 10⁶⁰ rows of the greatest weight and count: sums of such are finite.
    let wrong = weights.into_iter().find(|weight| !(0.0..=1e150).contains(*weight));
    DecodeError::unless(wrong.is_none(), what, wrong.copied().unwrap_or_default())
}

fn add(ours: &mut [f64], theirs: &[f64]) {
    ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
}
