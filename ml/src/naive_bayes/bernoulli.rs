//! Which features occur.

use super::counts::{Counts, is_count};
use super::sparse::{Model, SparseNaiveBayes};
use crate::image::envelope;

/// Naive Bayes by which features occur, and which do not; how often they do does not matter.
///
/// | | |
/// |---|---|
/// | learn | O(features in the row), and some for the few most frequent features of the class; all known features only when the weight of the class has doubled; else no allocation |
/// | predict | O(features in the row · classes); the absent features cost nothing; no allocation for rows in ascending order |
/// | memory | 8 bytes a feature and class, and a little |
/// | merged | as one of everything; weights of whole numbers to the bit, others but for rounding |
/// | weights, decay | a row of weight w counts as w rows; decay multiplies all weights, in time for all features |
/// | guarantee | the logarithm of what the absent features say is off by less than 10⁻¹⁰ for each feature of an average row, and 10⁻¹² for each known one |
///
/// What rows are, and what is missing: [`SparseNaiveBayes`].
///
/// **When not to use it.** For long texts, where how often a word occurs says more than whether it does at all.
///
/// Source: McCallum, Nigam, *A Comparison of Event Models for Naive Bayes Text Classification*, 1998.
///
/// ```
/// use streamgauge_ml::Classifier;
/// use streamgauge_ml::naive_bayes::BernoulliNaiveBayes;
/// let mut bayes = BernoulliNaiveBayes::new(2, 2)?;
/// bayes.learn_one(&[(0, 7.0)], 0)?;
/// bayes.learn_one(&[(0, 1.0), (1, 1.0)], 1)?;
/// let mut shares = Vec::new();
/// bayes.probabilities_one(&[(0, 1.0)], &mut shares)?; // what is absent speaks, too
/// assert!((shares[0] - 2.0 / 3.0).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type BernoulliNaiveBayes = SparseNaiveBayes<Bernoulli>;

/// The model of [`BernoulliNaiveBayes`].
#[derive(Clone, Debug)]
pub struct Bernoulli {
    classes: Vec<Absence>,
}

/// How many powers are summed.
const POWERS: usize = 10;

/// One, in the sums of powers: they are integers, so that they do not depend on the order of the rows.
const ONE: f64 = (1_u64 << 38) as f64;

/// What a class says if no feature is there.
///
/// With the weight N of the class, n of the feature and the smoothing α that is the sum of ln(N − n + α) over all
/// features that any class has seen, less as many ln(N + 2α). N changes with every row, and all terms with it. But
/// ln(N − n + α) = ln(N + α) − Σⱼ (n / (N + α))ʲ / j, so sums of the powers of n are enough; and they change only by the
/// features of the row. The series is short for rare features, those below a threshold of N/16 to N/8, and of the others
/// there are only some to a row: they are added one by one. The threshold is a power of two: when it grows, everything
/// is summed anew.
#[derive(Clone, Debug)]
struct Absence {
    /// Features of this weight or more are frequent.
    threshold: f64,
    /// The frequent features, as where they begin in the table, ascending.
    frequent: Vec<usize>,
    /// Of the weights of the others, as shares of the threshold: the sums of their powers, first to last.
    powers: [i64; POWERS],
    /// The logarithm of the weight of the class, and what frequent and rare features say by not being there …
    rest: f64,
    /// … beyond what a feature says that this class has never seen.
    unseen: f64,
}

/// An eighth of the greatest power of two up to a weight.
#[inline]
fn threshold(weight: f64) -> f64 {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    f64::from_bits(weight.to_bits() & EXPONENT) / 8.0
}

impl Absence {
    /// Sums up a class.
    fn of(counts: &Counts, class: usize) -> Self {
        let weight = counts.classes[class];
        let mut absence = Self {
            threshold: threshold(weight),
            frequent: Vec::new(),
            powers: [0; POWERS],
            rest: f64::NEG_INFINITY,
            unseen: 0.0,
        };
        for place in counts.seen.iter().map(|feature| feature * counts.classes.len()) {
            let weight = counts.features[place + class];
            if weight > 0.0 && weight < absence.threshold {
                absence.count(weight, 1);
            } else if weight > 0.0 {
                absence.frequent.push(place);
            }
        }
        if weight > 0.0 {
            absence.rescore(counts, class);
        }
        absence
    }

    /// Counts the powers of a rare weight in or out.
    #[inline]
    fn count(&mut self, weight: f64, sign: i64) {
        let share = weight / self.threshold;
        let mut power = ONE;
        for sum in &mut self.powers {
            power *= share;
            let rounded = (power + 0.5) as i64;
            if rounded == 0 {
                break;
            }
            // Nothing that this room makes wraps: 2²⁴ features of at most 2³⁸.
            *sum = sum.wrapping_add(sign * rounded);
        }
    }

    /// A feature weighs more than before.
    #[inline]
    fn grow(&mut self, place: usize, before: f64, after: f64) {
        if before >= self.threshold {
            return;
        }
        if before > 0.0 {
            self.count(before, -1);
        }
        if after < self.threshold {
            self.count(after, 1);
        } else if let Err(at) = self.frequent.binary_search(&place) {
            self.frequent.insert(at, place);
        }
    }

    /// The score of a row without any feature.
    #[inline]
    fn score(&self, counts: &Counts) -> f64 {
        self.rest + counts.seen.number as f64 * self.unseen
    }

    /// Makes anew what the score is made of.
    fn rescore(&mut self, counts: &Counts, class: usize) {
        let (weight, alpha) = (counts.classes[class], counts.smoothing);
        let (one, two) = ((weight + alpha).ln(), (weight + 2.0 * alpha).ln());
        self.unseen = one - two;
        let mut rest = weight.ln() - self.frequent.len() as f64 * one;
        let share = self.threshold / (weight + alpha);
        let mut power = 1.0;
        for (j, sum) in (1..).zip(self.powers) {
            power *= share;
            rest -= power * (sum as f64 / ONE) / f64::from(j);
        }
        for place in &self.frequent {
            rest += absent(weight, counts.features[place + class], alpha).ln();
        }
        self.rest = rest;
    }
}

/// The smoothed weight of the rows without a feature.
#[inline]
fn absent(weight: f64, feature: f64, smoothing: f64) -> f64 {
    // Rounding must not make less than nothing of it.
    (weight - feature).max(0.0) + smoothing
}

impl Model for Bernoulli {
    const NAME: &'static str = "BernoulliNaiveBayes";

    fn of(counts: &Counts) -> Self {
        Self { classes: (0..counts.classes.len()).map(|class| Absence::of(counts, class)).collect() }
    }

    /// Each feature at most once.
    #[inline]
    fn prepared<'a>(row: &'a [(u32, f64)], room: &'a mut Vec<(u32, f64)>) -> &'a [(u32, f64)] {
        if row.is_sorted_by(|(before, _), (after, _)| before < after) {
            return row;
        }
        room.clear();
        room.extend(row.iter().filter(|(_, count)| is_count(*count)));
        room.sort_unstable_by_key(|(feature, _)| *feature);
        room.dedup_by_key(|(feature, _)| *feature);
        room
    }

    #[inline]
    fn learn(&mut self, counts: &mut Counts, row: &[(u32, f64)], class: usize, weight: f64) {
        let absence = &mut self.classes[class];
        let same = threshold(counts.classes[class] + weight) == absence.threshold;
        let once = row.iter().filter(|(_, count)| is_count(*count)).map(|(feature, _)| (*feature, 1.0));
        counts.add(once, class, weight, |counts, place, before| {
            if same {
                absence.grow(place, before, counts.features[place + class]);
            }
        });
        if same {
            absence.rescore(counts, class);
        } else {
            *absence = Absence::of(counts, class);
        }
    }

    #[inline]
    fn score(&self, counts: &Counts, row: &[(u32, f64)], class: usize) -> f64 {
        let (weight, alpha) = (counts.classes[class], counts.smoothing);
        let present = counts.known(row).map(|(place, _)| {
            let feature = counts.features[place + class];
            ((feature + alpha) / absent(weight, feature, alpha)).ln()
        });
        self.classes[class].score(counts) + present.sum::<f64>()
    }

    fn heap_bytes(&self) -> usize {
        let frequent: usize = self.classes.iter().map(|class| class.frequent.capacity()).sum();
        self.classes.capacity() * size_of::<Absence>() + frequent * size_of::<usize>()
    }
}

envelope!([] SparseNaiveBayes<Bernoulli>, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::random::Draws;

    use super::*;

    /// What absent features say, one by one.
    fn summed(counts: &Counts, class: usize) -> f64 {
        let (n, alpha) = (counts.classes[class], counts.smoothing);
        let features = counts.features.iter().skip(class).step_by(counts.classes.len());
        let unseen = counts.seen.number as f64 - features.clone().filter(|feature| **feature > 0.0).count() as f64;
        let ours =
            features.filter(|feature| **feature > 0.0).map(|feature| absent(n, *feature, alpha).ln()).sum::<f64>();
        let each = (n + 2.0 * alpha).ln();
        n.ln() + ours + unseen * (n + alpha).ln() - counts.seen.number as f64 * each
    }

    #[test]
    fn absent_features_say_what_they_say_one_by_one() {
        let (width, smoothing) = (5_000, 0.1);
        let mut counts = Counts::new(width, 2, smoothing);
        let (mut model, mut draws) = (Bernoulli::of(&counts), Draws::new(7));
        let mut room = Vec::new();
        for n in 0..20_000 {
            // Feature i is drawn with a probability that falls with i as words do; feature 0 is in every row.
            let rare = |draws: &mut Draws| ((width as f64).powf(draws.unit()) - 1.0) as u32;
            let mut row = vec![(0, 1.0)];
            row.extend((0..draws.below(30)).map(|_| (rare(&mut draws), 1.0)));
            let (class, weight) = (n % 2, if n % 7 == 0 { 0.1 + draws.unit() } else { 1.0 });
            model.learn(&mut counts, Bernoulli::prepared(&row, &mut room), class, weight);
            if n < 100 || n % 97 == 0 {
                let (ours, theirs) = (model.classes[class].score(&counts), summed(&counts, class));
                assert!((ours - theirs).abs() < 1e-8, "after {n} rows: {ours} is not {theirs}");
            }
        }
        assert!(model.classes[0].frequent.len() < 60, "{} frequent features", model.classes[0].frequent.len());
        let again = Bernoulli::of(&counts);
        for (ours, again) in model.classes.iter().zip(&again.classes) {
            assert_eq!(ours.frequent, again.frequent);
            assert_eq!(ours.powers, again.powers, "sums do not depend on the order");
            assert_eq!(ours.rest.to_bits(), again.rest.to_bits());
        }
    }

    #[test]
    fn thresholds_are_powers_of_two() {
        assert_eq!([0.0, 1.0, 15.9, 16.0, 1e-30].map(threshold)[..4], [0.0, 0.125, 1.0, 2.0]);
        assert!(threshold(1e-30) > 0.0);
    }
}
