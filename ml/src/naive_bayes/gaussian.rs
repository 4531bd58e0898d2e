//! Naive Bayes over numbers and categories.

mod tables;

use serde::{Deserialize, Serialize, Serializer};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use self::tables::{Statistics, Tables};
use super::normal::{Density, Moments};
use super::scores::{LIMIT, best, bounded, shares};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;
use crate::schema::Schema;

/// Naive Bayes over rows of numbers and categories: each number of a class is normally distributed, each category has
/// its share.
///
/// | | |
/// |---|---|
/// | learn | O(attributes); no allocation |
/// | predict | O(attributes · classes); no allocation |
/// | memory | 48 bytes a class and number, 16 bytes a class and category |
/// | merged | as one of everything: weights of whole numbers to the bit, means and variances but for rounding |
/// | weights, decay | a row of weight w counts as w rows; decay multiplies all weights |
///
/// A missing value says nothing, and is left out of the attribute's statistics alone. Missing are: a NaN, an infinite
/// number, one beyond ±10⁷⁰ (its square could not be summed), and a category that the schema does not have. A class that
/// was never learned is never predicted. A class that has no value of a numeric attribute takes that of all classes.
/// Weights count as at least 10⁻³⁰ and at most 10²⁰.
///
/// Scores are sums of logarithms, so any number of attributes is fine. The variance of a class is at least a small share of
/// the variance over all classes ([`with_least_variance`](Self::with_least_variance)), in whatever unit the attribute
/// is: a class whose values were all the same does not become infinitely sure.
///
/// **When not to use it.** Attributes that say the same twice count twice: its shares are then far too sure, though its
/// class is often right. Numbers with several peaks, and classes that only combinations of attributes tell apart, need a
/// tree.
///
/// Sources: Hand, Yu, *Idiot's Bayes: not so stupid after all?*, 2001; Chan, Golub, LeVeque, *Updating Formulae and a
/// Pairwise Algorithm for Computing Sample Variances*, 1979.
///
/// ```
/// use streamgauge_ml::naive_bayes::GaussianNaiveBayes;
/// use streamgauge_ml::{Attribute, Classifier, Schema};
///
/// let schema = Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 2 }], 2)?;
/// let mut bayes = GaussianNaiveBayes::new(schema);
/// for i in 0..100 {
///     let noise = f64::from(i % 5);
///     bayes.learn_one(&[20.0 + noise, 0.0], 0)?;
///     bayes.learn_one(&[26.0 + noise, 1.0], 1)?;
/// }
/// let mut shares = Vec::new();
/// bayes.probabilities_one(&[25.0, f64::NAN], &mut shares)?;
/// assert_eq!(format!("{:.2}", shares[1]), "0.50");
/// assert_eq!(bayes.predict_one(&[25.0, 1.0])?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Statistics")]
pub struct GaussianNaiveBayes {
    statistics: Statistics,
    /// What prediction needs, from the statistics alone.
    tables: Tables,
}

impl GaussianNaiveBayes {
    /// One that has seen nothing.
    pub fn new(schema: Schema) -> Self {
        let (classes, plan) = (schema.classes(), Tables::plan(&schema));
        Self::from(Statistics {
            schema,
            smoothing: 1.0,
            least_variance: 1e-9,
            classes: vec![0.0; classes],
            numbers: vec![Moments::default(); (classes + 1) * plan.numeric.len()],
            known: vec![0.0; classes * plan.nominal.len()],
            categories: vec![0.0; classes * plan.width],
        })
    }

    /// How many rows each category counts as having been seen before the first: 1 if not set (Laplace).
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 10⁻⁹ to 10⁹.
    pub fn with_smoothing(mut self, smoothing: f64) -> Result<Self, ParameterError> {
        super::check_smoothing(Self::NAME, smoothing)?;
        self.statistics.smoothing = smoothing;
        Ok(Self::from(self.statistics))
    }

    /// The least variance of a number within a class, as a share of its variance over all classes: 10⁻⁹ if not set.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 10⁻¹⁵ to 1.
    pub fn with_least_variance(mut self, share: f64) -> Result<Self, ParameterError> {
        if !(1e-15..=1.0).contains(&share) {
            let value = share.to_string();
            let (parameter, allowed) = ("least variance", "10⁻¹⁵ to 1");
            return Err(ParameterError { summary: Self::NAME, parameter, allowed, value });
        }
        self.statistics.least_variance = share;
        Ok(Self::from(self.statistics))
    }

    /// What the rows are.
    pub fn schema(&self) -> &Schema {
        &self.statistics.schema
    }

    /// The weight of the rows of a class; none if there is no such class.
    pub fn weight(&self, class: usize) -> Option<f64> {
        self.statistics.classes.get(class).copied()
    }

    /// The logarithm of the weight of a class times its density at the row; −∞ if the class was never learned.
    #[inline]
    fn score(&self, row: &[f64], class: usize) -> f64 {
        let (statistics, tables) = (&self.statistics, &self.tables);
        let mut score = tables.classes[class];
        let (numbers, columns) = (tables.numeric.len(), tables.nominal.len());
        let all = statistics.schema.classes();
        let moments = &statistics.numbers[class * numbers..][..numbers];
        let densities = &tables.numbers[class * numbers..][..numbers];
        let everything = &tables.numbers[all * numbers..][..numbers];
        for (i, &position) in tables.numeric.iter().enumerate() {
            let value = row[position as usize];
            if value.abs() <= LIMIT && !everything[i].is_flat() {
                let density = if moments[i].weight > 0.0 { &densities[i] } else { &everything[i] };
                score += tables.steepest.at(value, density, &everything[i]);
            }
        }
        let known = &tables.known[class * columns..][..columns];
        let categories = &tables.categories[class * tables.width..][..tables.width];
        for (nominal, known) in tables.nominal.iter().zip(known) {
            if let Some(category) = nominal.category(row) {
                score += categories[category] - known;
            }
        }
        score
    }

    #[inline]
    fn scores(&self, row: &[f64]) -> impl Iterator<Item = f64> {
        (0..self.statistics.schema.classes()).map(|class| {
            let learned = self.statistics.classes[class] > 0.0;
            if learned { self.score(row, class) } else { f64::NEG_INFINITY }
        })
    }

    /// Learns a row that was checked.
    #[inline]
    fn learn(&mut self, row: &[f64], class: usize, weight: f64) {
        let weight = bounded(weight);
        let (statistics, tables) = (&mut self.statistics, &mut self.tables);
        statistics.classes[class] += weight;
        tables.classes[class] = statistics.classes[class].ln();
        let (numbers, columns) = (tables.numeric.len(), tables.nominal.len());
        let all = statistics.schema.classes();
        for (i, &position) in tables.numeric.iter().enumerate() {
            let value = row[position as usize];
            if value.abs() <= LIMIT {
                let ours = &mut statistics.numbers[class * numbers + i];
                ours.add(value, weight);
                tables.numbers[class * numbers + i] = Density::of(ours);
                let everything = &mut statistics.numbers[all * numbers + i];
                everything.add(value, weight);
                tables.numbers[all * numbers + i] = Density::of_all(everything);
            }
        }
        for (i, nominal) in tables.nominal.iter().enumerate() {
            if let Some(category) = nominal.category(row) {
                let (known, at) = (class * columns + i, class * tables.width + category);
                statistics.known[known] += weight;
                statistics.categories[at] += weight;
                tables.known[known] = (statistics.known[known] + statistics.smoothing * nominal.categories).ln();
                tables.categories[at] = (statistics.categories[at] + statistics.smoothing).ln();
            }
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.statistics.check(&self.tables)
    }
}

/// Stored statistics of any lengths are taken here, and checked later.
impl From<Statistics> for GaussianNaiveBayes {
    fn from(statistics: Statistics) -> Self {
        Self { tables: Tables::of(&statistics), statistics }
    }
}

impl Serialize for GaussianNaiveBayes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.statistics.serialize(serializer)
    }
}

impl Classifier for GaussianNaiveBayes {
    type Row = [f64];

    fn classes(&self) -> usize {
        self.statistics.schema.classes()
    }

    #[inline]
    fn learn_weighted(&mut self, row: &[f64], class: usize, weight: f64) -> Result<(), RowError> {
        self.statistics.schema.check(row, class, weight)?;
        self.learn(row, class, weight);
        Ok(())
    }

    fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        self.statistics.schema.check_row(row)?;
        into.extend(self.scores(row));
        shares(into);
        Ok(())
    }

    #[inline]
    fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
        self.statistics.schema.check_row(row)?;
        Ok(best(self.scores(row)))
    }
}

impl Summary for GaussianNaiveBayes {
    type Reading = Self;

    const NAME: &'static str = "GaussianNaiveBayes";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.statistics.heap_bytes() + self.tables.heap_bytes()
    }
}

impl Merge for GaussianNaiveBayes {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        let (ours, theirs) = (&self.statistics, &other.statistics);
        Mismatch::check(Self::NAME, "smoothing", &ours.smoothing, &theirs.smoothing)?;
        Mismatch::check(Self::NAME, "least variance", &ours.least_variance, &theirs.least_variance)?;
        ours.schema.compatible(Self::NAME, &theirs.schema)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.statistics.merge(&other.statistics);
        self.tables = Tables::of(&self.statistics);
        Ok(())
    }
}

impl Decay for GaussianNaiveBayes {
    fn decay(&mut self, factor: f64) {
        self.statistics.decay(factor);
        self.tables = Tables::of(&self.statistics);
    }
}

image!(GaussianNaiveBayes, 1);

#[cfg(test)]
mod tests;
