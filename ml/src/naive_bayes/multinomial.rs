//! How often features occur.

use super::counts::{Counts, Model, SparseNaiveBayes};

/// Naive Bayes by how often each feature occurs: the features of a row are drawn, one by one, from the distribution
/// of its class. The usual one for text.
///
/// | | |
/// |---|---|
/// | learn | O(features in the row): a logarithm each; no allocation |
/// | predict | O(features in the row · classes), without logarithms |
/// | memory | 16 bytes a feature and class |
/// | merged | as one of everything; counts of whole numbers to the bit, others but for rounding |
/// | weights, decay | a row of weight w counts as w rows; decay multiplies all weights |
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

impl Model for Multinomial {
    const NAME: &'static str = "MultinomialNaiveBayes";

    fn of(counts: &Counts) -> Self {
        let (alpha, unseen) = (counts.smoothing, counts.smoothing * counts.width() as f64);
        Self {
            classes: counts.classes.iter().map(|weight| weight.ln()).collect(),
            totals: counts.totals.iter().map(|total| (total + unseen).ln()).collect(),
            features: counts.features.iter().map(|weight| (weight + alpha).ln()).collect(),
        }
    }

    #[inline]
    fn learn(&mut self, counts: &mut Counts, row: &[(u32, f64)], class: usize, weight: f64) {
        let unseen = counts.smoothing * counts.width() as f64;
        counts.classes[class] += weight;
        self.classes[class] = counts.classes[class].ln();
        for (place, count) in counts.known(row) {
            counts.totals[class] += weight * count;
            let feature = &mut counts.features[place + class];
            *feature += weight * count;
            self.features[place + class] = (*feature + counts.smoothing).ln();
        }
        self.totals[class] = (counts.totals[class] + unseen).ln();
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
