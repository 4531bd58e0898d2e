//! Naive Bayes: classes by the product of what each attribute says.

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
    let wrong = weights.into_iter().find(|weight| !(weight.is_finite() && **weight >= 0.0));
    DecodeError::unless(wrong.is_none(), what, wrong.copied().unwrap_or_default())
}

fn add(ours: &mut [f64], theirs: &[f64]) {
    ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
}
