//! How often features occur in the other classes.

use super::counts::Counts;
use super::sparse::{Model, SparseNaiveBayes};
use crate::image::envelope;

/// Naive Bayes by how often each feature occurs in all classes *but* one: a row belongs to the class whose complement
/// it fits least.
///
/// A class of few rows is judged by the many rows of the others, so its shares are less of an accident than those of
/// [`MultinomialNaiveBayes`]: better where classes are of very different sizes.
///
/// | | |
/// |---|---|
/// | learn | O(features in the row · classes): a logarithm each; no allocation |
/// | predict | O(features in the row · classes), without logarithms |
/// | memory | 16 bytes a feature and class, and a little |
/// | merged | as one of everything; counts of whole numbers to the bit, others but for rounding |
/// | weights, decay | a row of weight w counts as w rows; decay multiplies all weights, in time for all features |
///
/// What rows are, and what is missing: [`SparseNaiveBayes`]. The weights of features are not normalised by class.
///
/// **When not to use it.** Its shares are no probabilities: read them as ranks. How frequent a class is counts for little.
/// With hundreds of classes learning is slow.
///
/// [`MultinomialNaiveBayes`]: super::MultinomialNaiveBayes
///
/// Source: Rennie, Shih, Teevan, Karger, *Tackling the Poor Assumptions of Naive Bayes Text Classifiers*, 2003.
///
/// ```
/// use streamgauge_ml::Classifier;
/// use streamgauge_ml::naive_bayes::ComplementNaiveBayes;
/// let mut bayes = ComplementNaiveBayes::new(4, 3)?;
/// bayes.learn_one(&[(0, 2.0), (1, 1.0)], 0)?;
/// bayes.learn_one(&[(1, 1.0), (2, 2.0)], 1)?;
/// bayes.learn_one(&[(3, 5.0)], 2)?;
/// assert_eq!(bayes.predict_one(&[(1, 1.0), (2, 1.0)])?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type ComplementNaiveBayes = SparseNaiveBayes<Complement>;

/// The model of [`ComplementNaiveBayes`].
#[derive(Clone, Debug)]
pub struct Complement {
    /// Logarithms of the weights of the classes.
    classes: Vec<f64>,
    /// Logarithms of the smoothed totals of all classes but this.
    totals: Vec<f64>,
    /// Logarithms of the smoothed weights of the features in all classes but this.
    features: Vec<f64>,
}

/// Writes the logarithms of what all but one weigh together, smoothed, for each of them.
#[inline]
fn others(weights: &[f64], smoothing: f64, logarithms: &mut [f64]) {
    let all: f64 = weights.iter().sum();
    for (weight, logarithm) in weights.iter().zip(logarithms) {
        // Rounding must not make less than nothing of it.
        *logarithm = ((all - weight).max(0.0) + smoothing).ln();
    }
}

impl Model for Complement {
    const NAME: &'static str = "ComplementNaiveBayes";

    fn of(counts: &Counts) -> Self {
        let classes = counts.classes.len().max(1);
        let mut model = Self {
            classes: counts.classes.iter().map(|weight| weight.ln()).collect(),
            totals: vec![0.0; counts.totals.len()],
            features: vec![0.0; counts.features.len()],
        };
        others(&counts.totals, counts.smoothing * counts.seen.number as f64, &mut model.totals);
        for (feature, logarithms) in counts.features.chunks(classes).zip(model.features.chunks_mut(classes)) {
            others(feature, counts.smoothing, logarithms);
        }
        model
    }

    #[inline]
    fn learn(&mut self, counts: &mut Counts, row: &[(u32, f64)], class: usize, weight: f64) {
        let classes = counts.classes.len();
        counts.add(row.iter().copied(), class, weight, |counts, place, _| {
            let (feature, logarithms) = (&counts.features[place..], &mut self.features[place..]);
            others(&feature[..classes], counts.smoothing, &mut logarithms[..classes]);
        });
        self.classes[class] = counts.classes[class].ln();
        others(&counts.totals, counts.smoothing * counts.seen.number as f64, &mut self.totals);
    }

    #[inline]
    fn score(&self, counts: &Counts, row: &[(u32, f64)], class: usize) -> f64 {
        let total = self.totals[class];
        let logarithms = counts.known(row).map(|(place, count)| count * (total - self.features[place + class]));
        self.classes[class] + logarithms.sum::<f64>()
    }

    fn heap_bytes(&self) -> usize {
        (self.classes.capacity() + self.totals.capacity() + self.features.capacity()) * size_of::<f64>()
    }
}

envelope!([] SparseNaiveBayes<Complement>, 1);
