//! How often features occur.

use super::counts::Counts;
use super::sparse::{Model, SparseNaiveBayes};
use crate::image::envelope;

/// Naive Bayes by how often each feature occurs: the features of a row are drawn, one by one, from the distribution
/// of its class. The usual one for text.
///
/// | | |
/// |---|---|
/// | learn | O(features in the row): a logarithm each, and one for each class if a feature is new; no allocation |
/// | predict | O(features in the row · classes), without logarithms |
/// | memory | 16 bytes a feature and class, and a little |
/// | merged | as one of everything; counts of whole numbers to the bit, others but for rounding |
/// | weights, decay | a row of weight w counts as w rows; decay multiplies all weights, in time for all features |
///
/// What rows are, and what is missing: [`SparseNaiveBayes`].
///
/// **When not to use it.** With one class much larger than the others [`ComplementNaiveBayes`] errs less. For short
/// rows where it matters what is *not* there, [`BernoulliNaiveBayes`].
///
/// [`BernoulliNaiveBayes`]: super::BernoulliNaiveBayes
/// [`ComplementNaiveBayes`]: super::ComplementNaiveBayes
///
/// Source: McCallum, Nigam, *A Comparison of Event Models for Naive Bayes Text Classification*, 1998.
///
/// ```
/// use streamgauge_ml::Classifier;
/// use streamgauge_ml::naive_bayes::MultinomialNaiveBayes;
/// let mut bayes = MultinomialNaiveBayes::new(4, 2)?;
/// bayes.learn_one(&[(0, 2.0), (1, 1.0)], 0)?;
/// bayes.learn_one(&[(2, 1.0), (3, 2.0)], 1)?;
/// assert_eq!(bayes.predict_one(&[(1, 1.0), (3, 1.0)])?, Some(1));
/// let mut shares = Vec::new();
/// bayes.probabilities_one(&[(3, 1.0)], &mut shares)?;
/// assert_eq!(shares, [0.25, 0.75]); // (0 + 1) / (3 + 4) against (2 + 1) / (3 + 4)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type MultinomialNaiveBayes = SparseNaiveBayes<Multinomial>;

/// The model of [`MultinomialNaiveBayes`].
#[derive(Clone, Debug)]
pub struct Multinomial {
    /// Logarithms of the weights of the classes.
    classes: Vec<f64>,
    /// Logarithms of the smoothed totals of the classes.
    totals: Vec<f64>,
    /// Logarithms of the smoothed weights of the features.
    features: Vec<f64>,
}

impl Multinomial {
    fn total(&mut self, counts: &Counts) {
        let unseen = counts.smoothing * counts.seen.number as f64;
        self.totals.iter_mut().zip(&counts.totals).for_each(|(ours, total)| *ours = (total + unseen).ln());
    }
}

impl Model for Multinomial {
    const NAME: &'static str = "MultinomialNaiveBayes";

    fn of(counts: &Counts) -> Self {
        let mut model = Self {
            classes: counts.classes.iter().map(|weight| weight.ln()).collect(),
            totals: vec![0.0; counts.totals.len()],
            features: counts.features.iter().map(|weight| (weight + counts.smoothing).ln()).collect(),
        };
        model.total(counts);
        model
    }

    #[inline]
    fn learn(&mut self, counts: &mut Counts, row: &[(u32, f64)], class: usize, weight: f64) {
        let seen = counts.seen.number;
        counts.add(row.iter().copied(), class, weight, |counts, place, _| {
            self.features[place + class] = (counts.features[place + class] + counts.smoothing).ln();
        });
        self.classes[class] = counts.classes[class].ln();
        if counts.seen.number == seen {
            self.totals[class] = (counts.totals[class] + counts.smoothing * seen as f64).ln();
        } else {
            self.total(counts);
        }
    }

    #[inline]
    fn score(&self, counts: &Counts, row: &[(u32, f64)], class: usize) -> f64 {
        let total = self.totals[class];
        let logarithms = counts.known(row).map(|(place, count)| count * (self.features[place + class] - total));
        self.classes[class] + logarithms.sum::<f64>()
    }

    fn heap_bytes(&self) -> usize {
        (self.classes.capacity() + self.totals.capacity() + self.features.capacity()) * size_of::<f64>()
    }
}

envelope!([] SparseNaiveBayes<Multinomial>, 1);
