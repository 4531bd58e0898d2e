//! Naive Bayes over numbers and categories.

use serde::{Deserialize, Serialize, Serializer};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::normal::{Density, Moments};
use super::scores::{LIMIT, best, bounded, faded, shares};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;
use crate::schema::{Attribute, Schema};

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

/// What was learned. Of every table the classes come one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Statistics {
    schema: Schema,
    smoothing: f64,
    least_variance: f64,
    /// The weight of each class.
    classes: Vec<f64>,
    /// The numeric attributes of each class, and then those of all classes together.
    numbers: Vec<Moments>,
    /// The weight of the rows of each class where the nominal attribute was not missing.
    known: Vec<f64>,
    /// The weight of each category.
    categories: Vec<f64>,
}

/// What follows from the statistics: a class's entries change only when that class learns.
#[derive(Clone, Debug, Default)]
struct Tables {
    /// The positions of the numeric attributes in the row.
    numeric: Vec<u32>,
    nominal: Vec<Nominal>,
    /// How many categories there are of all nominal attributes.
    width: usize,
    /// Logarithms of the weights of the classes.
    classes: Vec<f64>,
    numbers: Vec<Density>,
    /// The flattest density of each numeric attribute that a class may have at least.
    flattest: Vec<Density>,
    /// Logarithms of the smoothed weights.
    known: Vec<f64>,
    categories: Vec<f64>,
}

/// A nominal attribute: where it stands in the row, and where its categories begin among those of a class.
#[derive(Clone, Copy, Debug)]
struct Nominal {
    position: u32,
    first: usize,
    attribute: Attribute,
    categories: f64,
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
        let flattest = &tables.flattest[..numbers];
        for (i, &position) in tables.numeric.iter().enumerate() {
            let value = row[position as usize];
            if value.abs() <= LIMIT {
                let known = if moments[i].weight > 0.0 { &densities[i] } else { &tables.numbers[all * numbers + i] };
                score += known.at(value, &flattest[i]);
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
                tables.numbers[all * numbers + i] = Density::of_share(everything, 1.0);
                tables.flattest[i] = Density::of_share(everything, statistics.least_variance);
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

impl Nominal {
    /// Where the category of this attribute stands among those of a class; none if it is missing.
    #[inline]
    fn category(&self, row: &[f64]) -> Option<usize> {
        self.attribute.category(row[self.position as usize]).map(|category| self.first + category)
    }
}

impl Tables {
    /// Where the attributes stand.
    fn plan(schema: &Schema) -> Self {
        let mut plan = Self::default();
        for (position, &attribute) in schema.attributes().iter().enumerate() {
            let position = position as u32;
            match attribute {
                Attribute::Numeric => plan.numeric.push(position),
                Attribute::Nominal { categories } => {
                    let first = plan.width;
                    plan.width += categories as usize;
                    plan.nominal.push(Nominal { position, first, attribute, categories: f64::from(categories) });
                }
            }
        }
        plan
    }

    /// The tables of statistics.
    fn of(statistics: &Statistics) -> Self {
        let mut tables = Self::plan(&statistics.schema);
        let smoothed = |weight: &f64| (weight + statistics.smoothing).ln();
        tables.classes = statistics.classes.iter().map(|weight| weight.ln()).collect();
        let (ours, all) = statistics.numbers.split_at(statistics.numbers.len().saturating_sub(tables.numeric.len()));
        tables.numbers =
            ours.iter().map(Density::of).chain(all.iter().map(|all| Density::of_share(all, 1.0))).collect();
        tables.flattest = all.iter().map(|all| Density::of_share(all, statistics.least_variance)).collect();
        tables.categories = statistics.categories.iter().map(smoothed).collect();
        let categories = tables.nominal.iter().map(|nominal| nominal.categories).cycle();
        let known = statistics.known.iter().zip(categories);
        tables.known = known.map(|(known, categories)| (known + statistics.smoothing * categories).ln()).collect();
        tables
    }
}

/// Stored statistics of any lengths are taken here, and checked later.
impl From<Statistics> for GaussianNaiveBayes {
    fn from(statistics: Statistics) -> Self {
        Self { tables: Tables::of(&statistics), statistics }
    }
}

impl Statistics {
    fn check(&self, plan: &Tables) -> Result<(), DecodeError> {
        self.schema.check_stored()?;
        let classes = self.schema.classes();
        let lengths = [
            ("classes", self.classes.len(), classes),
            ("numbers", self.numbers.len(), (classes + 1).saturating_mul(plan.numeric.len())),
            ("nominal attributes", self.known.len(), classes.saturating_mul(plan.nominal.len())),
            ("categories", self.categories.len(), classes.saturating_mul(plan.width)),
        ];
        for (what, found, expected) in lengths {
            DecodeError::unless(found == expected, what, found)?;
        }
        DecodeError::unless(super::check_smoothing("", self.smoothing).is_ok(), "smoothing", self.smoothing)?;
        let possible = (1e-15..=1.0).contains(&self.least_variance);
        DecodeError::unless(possible, "the least variance", self.least_variance)?;
        let weights = self.classes.iter().chain(&self.known).chain(&self.categories);
        super::check_weights(weights, "the weight of a category or class")?;
        self.numbers.iter().try_for_each(Moments::check)
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
        let Self { statistics, tables } = self;
        let numbers = [
            &statistics.classes,
            &statistics.known,
            &statistics.categories,
            &tables.classes,
            &tables.known,
            &tables.categories,
        ];
        size_of::<Self>()
            + statistics.schema.heap_bytes()
            + numbers.iter().map(|numbers| numbers.capacity() * size_of::<f64>()).sum::<usize>()
            + statistics.numbers.capacity() * size_of::<Moments>()
            + (tables.numbers.capacity() + tables.flattest.capacity()) * size_of::<Density>()
            + tables.numeric.capacity() * size_of::<u32>()
            + tables.nominal.capacity() * size_of::<Nominal>()
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
        let (ours, theirs) = (&mut self.statistics, &other.statistics);
        super::add(&mut ours.classes, &theirs.classes);
        super::add(&mut ours.known, &theirs.known);
        super::add(&mut ours.categories, &theirs.categories);
        ours.numbers.iter_mut().zip(&theirs.numbers).for_each(|(ours, theirs)| ours.merge(theirs));
        self.tables = Tables::of(&self.statistics);
        Ok(())
    }
}

impl Decay for GaussianNaiveBayes {
    fn decay(&mut self, factor: f64) {
        let statistics = &mut self.statistics;
        statistics.numbers.iter_mut().for_each(|moments| moments.decay(factor));
        for weights in [&mut statistics.classes, &mut statistics.known, &mut statistics.categories] {
            weights.iter_mut().for_each(|weight| *weight = faded(*weight, factor));
        }
        self.tables = Tables::of(&self.statistics);
    }
}

image!(GaussianNaiveBayes, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;
    use streamgauge_sketches::laws::refuses;
    use streamgauge_sketches::random::Draws;

    use super::*;
    use crate::laws;

    fn schema() -> Schema {
        Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }, Attribute::Numeric], 3).unwrap()
    }

    /// Rows of three overlapping classes; some values are missing, the third attribute is some way from 0.
    fn rows(n: usize, seed: u64) -> Vec<(Vec<f64>, usize)> {
        let mut draws = Draws::new(seed);
        let mut row = || {
            let class = draws.below(3) as usize;
            let number = class as f64 + 2.0 * draws.unit();
            let category = if draws.below(3) == 0 { draws.below(3) as f64 } else { class as f64 };
            let category = if draws.below(9) == 0 { f64::NAN } else { category };
            (vec![number, category, 100.0 - number * draws.unit()], class)
        };
        (0..n).map(|_| row()).collect()
    }

    #[test]
    fn holds_the_laws() {
        laws::classifies(&GaussianNaiveBayes::new(schema()), &rows(300, 1));
        laws::classifies(&GaussianNaiveBayes::new(Schema::numeric(0, 3).unwrap()), &[]);
    }

    #[test]
    fn merges_exactly() {
        let empty = GaussianNaiveBayes::new(schema());
        let parts = [rows(200, 1), vec![], rows(1, 2), rows(70, 3), vec![]];
        laws::merges(&empty, &parts);
        let only_one_class = rows(100, 4).into_iter().filter(|(_, class)| *class == 1).collect();
        laws::merges(&empty, &[rows(50, 5), only_one_class]);
        refuses(&empty, &GaussianNaiveBayes::new(Schema::numeric(3, 3).unwrap()));
        refuses(&empty, &empty.clone().with_smoothing(0.5).unwrap());
        refuses(&empty, &empty.clone().with_least_variance(1e-3).unwrap());
    }

    #[test]
    fn scores_are_those_of_the_definition() {
        let rows = rows(200, 7);
        let mut bayes = GaussianNaiveBayes::new(schema());
        bayes.learn_batch(rows.iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
        let asked = [1.7, 2.0, 98.5];
        let joint = (0..3).map(|class| {
            let ours: Vec<_> = rows.iter().filter(|(_, of)| *of == class).map(|(row, _)| row).collect();
            let normal = |at: usize| {
                let n = ours.len() as f64;
                let mean = ours.iter().map(|row| row[at]).sum::<f64>() / n;
                let variance = ours.iter().map(|row| (row[at] - mean).powi(2)).sum::<f64>() / n;
                (-(asked[at] - mean).powi(2) / (2.0 * variance)).exp() / (std::f64::consts::TAU * variance).sqrt()
            };
            let known = ours.iter().filter(|row| !row[1].is_nan()).count() as f64;
            let alike = ours.iter().filter(|row| row[1] == asked[1]).count() as f64;
            ours.len() as f64 * normal(0) * normal(2) * (alike + 1.0) / (known + 3.0)
        });
        let joint: Vec<f64> = joint.collect();
        let mut shares = Vec::new();
        bayes.probabilities_one(&asked, &mut shares).unwrap();
        for (share, ours) in shares.iter().zip(&joint) {
            assert!((share - ours / joint.iter().sum::<f64>()).abs() < 1e-9, "{shares:?}");
        }
    }

    #[test]
    fn thousands_of_attributes_do_not_underflow() {
        let mut bayes = GaussianNaiveBayes::new(Schema::numeric(5_000, 2).unwrap());
        for i in 0..20 {
            bayes.learn_one(&vec![f64::from(i % 10); 5_000], 0).unwrap();
            bayes.learn_one(&vec![f64::from(i % 10) + 0.1; 5_000], 1).unwrap();
        }
        assert_eq!(bayes.predict_one(&vec![5.0; 5_000]), Ok(Some(1)));
        let mut shares = Vec::new();
        bayes.probabilities_one(&vec![100.0; 5_000], &mut shares).unwrap();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn values_without_spread_and_classes_without_values_are_no_trap() {
        let mut bayes = GaussianNaiveBayes::new(Schema::numeric(2, 3).unwrap());
        let mut shares = Vec::new();
        for _ in 0..10 {
            bayes.learn_one(&[5.0, 1.0], 0).unwrap();
            bayes.learn_one(&[5.0, 2.0], 1).unwrap();
        }
        // The first attribute says nothing, whatever its value; the second says all.
        bayes.probabilities_one(&[7.0, f64::NAN], &mut shares).unwrap();
        assert_eq!(shares, [0.5, 0.5, 0.0]);
        assert_eq!(bayes.predict_one(&[7.0, 1.9]), Ok(Some(1)));
        // A class without a value of the second attribute is as likely there as all rows are.
        (0..10).for_each(|_| bayes.learn_one(&[5.0, f64::NAN], 2).unwrap());
        bayes.probabilities_one(&[5.0, 1.5], &mut shares).unwrap();
        assert!(shares[2] > 0.99, "{shares:?}");
        assert_eq!(bayes.predict_one(&[5.0, 1.0]), Ok(Some(0)));
    }

    #[test]
    fn units_do_not_matter() {
        let rows = rows(300, 9);
        let predicted = |unit: f64| {
            let mut bayes = GaussianNaiveBayes::new(Schema::numeric(1, 3).unwrap());
            let step = |(row, class): &(Vec<f64>, usize)| bayes.predict_and_learn(&[row[0] * unit], *class).unwrap();
            rows.iter().map(step).collect::<Vec<_>>()
        };
        // Powers of two, so that rounding is the same.
        assert_eq!(predicted(2_f64.powi(-100)), predicted(1.0));
        assert_eq!(predicted(2_f64.powi(100)), predicted(1.0));
    }

    #[test]
    fn weights_are_repetitions_and_decay_halves_them() {
        let (mut once, mut twice, mut faded) =
            (GaussianNaiveBayes::new(schema()), GaussianNaiveBayes::new(schema()), GaussianNaiveBayes::new(schema()));
        for (row, class) in rows(100, 3) {
            once.learn_weighted(&row, class, 2.0).unwrap();
            twice.learn_one(&row, class).unwrap();
            twice.learn_one(&row, class).unwrap();
            faded.learn_weighted(&row, class, 4.0).unwrap();
        }
        faded.decay(0.5);
        assert_eq!(faded.to_bytes(), once.to_bytes());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (row, _) in rows(100, 4) {
            once.probabilities_one(&row, &mut ours).unwrap();
            twice.probabilities_one(&row, &mut theirs).unwrap();
            assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-9), "{ours:?} {theirs:?}");
        }
        faded.decay(0.0);
        assert_eq!(faded.to_bytes(), GaussianNaiveBayes::new(schema()).to_bytes());
        assert_eq!(faded.predict_one(&rows(1, 1)[0].0), Ok(None));
    }

    #[test]
    fn weights_of_any_size_poison_nothing() {
        let mut bayes = GaussianNaiveBayes::new(schema());
        let mut shares = Vec::new();
        for (at, (row, class)) in rows(100, 3).into_iter().enumerate() {
            bayes.learn_weighted(&row, class, [5e-324, f64::MAX, 1.0][at % 3]).unwrap();
            bayes.learn_weighted(&[-1e70, 9.0, 1e70], class, f64::MAX).unwrap();
            bayes.probabilities_one(&row, &mut shares).unwrap();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
        }
        GaussianNaiveBayes::from_bytes(&bayes.to_bytes()).unwrap();
    }

    #[test]
    fn parameters_have_bounds() {
        let told = |wrong: Result<_, ParameterError>| wrong.map(|_: GaussianNaiveBayes| ()).unwrap_err().to_string();
        let new = || GaussianNaiveBayes::new(schema());
        let smoothing = "GaussianNaiveBayes: smoothing must be 10⁻⁹ to 10⁹, not 0";
        assert_eq!(told(new().with_smoothing(0.0)), smoothing);
        let variance = "GaussianNaiveBayes: least variance must be 10⁻¹⁵ to 1, not NaN";
        assert_eq!(told(new().with_least_variance(f64::NAN)), variance);
    }

    #[test]
    fn statistics_that_cannot_be_are_refused() {
        let mut good = GaussianNaiveBayes::new(schema());
        good.learn_batch(rows(20, 1).iter().map(|(row, class)| (row.as_slice(), *class))).unwrap();
        let refused = |spoil: fn(&mut Statistics)| {
            let mut bad = good.clone();
            spoil(&mut bad.statistics);
            GaussianNaiveBayes::from_bytes(&bad.to_bytes()).unwrap_err();
        };
        refused(|statistics| statistics.classes.truncate(2));
        refused(|statistics| statistics.classes.clear());
        refused(|statistics| statistics.numbers.truncate(3));
        refused(|statistics| statistics.numbers.clear());
        refused(|statistics| statistics.known.clear());
        refused(|statistics| statistics.categories.push(0.0));
        refused(|statistics| statistics.categories[0] = f64::NAN);
        refused(|statistics| statistics.classes[0] = -1.0);
        refused(|statistics| statistics.numbers[0].mean = f64::INFINITY);
        refused(|statistics| statistics.smoothing = 0.0);
        refused(|statistics| statistics.least_variance = f64::NAN);
        refused(|statistics| statistics.schema = Schema::numeric(3, 3).unwrap());
    }
}
