//! What Gaussian naive Bayes has learned, and what follows from it.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use crate::naive_bayes::normal::{Density, Moments, Steepest};
use crate::naive_bayes::scores::faded;
use crate::naive_bayes::{add, check_smoothing, check_weights};
use crate::schema::{Attribute, Schema};

/// What was learned. Of every table the classes come one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Statistics {
    pub(super) schema: Schema,
    pub(super) smoothing: f64,
    pub(super) least_variance: f64,
    /// The weight of each class.
    pub(super) classes: Vec<f64>,
    /// The numeric attributes of each class, and then those of all classes together.
    pub(super) numbers: Vec<Moments>,
    /// The weight of the rows of each class where the nominal attribute was not missing.
    pub(super) known: Vec<f64>,
    /// The weight of each category.
    pub(super) categories: Vec<f64>,
}

/// What follows from the statistics: a class's entries change only when that class learns.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    /// The positions of the numeric attributes in the row.
    pub(super) numeric: Vec<u32>,
    pub(super) nominal: Vec<Nominal>,
    /// How many categories there are of all nominal attributes.
    pub(super) width: usize,
    /// Logarithms of the weights of the classes.
    pub(super) classes: Vec<f64>,
    pub(super) numbers: Vec<Density>,
    pub(super) steepest: Steepest,
    /// Logarithms of the smoothed weights.
    pub(super) known: Vec<f64>,
    pub(super) categories: Vec<f64>,
}

/// A nominal attribute: where it stands in the row, and where its categories begin among those of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nominal {
    pub(super) position: u32,
    pub(super) first: usize,
    pub(super) attribute: Attribute,
    pub(super) categories: f64,
}

impl Nominal {
    /// Where the category of this attribute stands among those of a class; none if it is missing.
    #[inline]
    pub(super) fn category(&self, row: &[f64]) -> Option<usize> {
        self.attribute.category(row[self.position as usize]).map(|category| self.first + category)
    }
}

impl Tables {
    /// Where the attributes stand.
    pub(super) fn plan(schema: &Schema) -> Self {
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
    pub(super) fn of(statistics: &Statistics) -> Self {
        let mut tables = Self::plan(&statistics.schema);
        let smoothed = |weight: &f64| (weight + statistics.smoothing).ln();
        tables.classes = statistics.classes.iter().map(|weight| weight.ln()).collect();
        let (ours, all) = statistics.numbers.split_at(statistics.numbers.len().saturating_sub(tables.numeric.len()));
        tables.numbers = ours.iter().map(Density::of).chain(all.iter().map(Density::of_all)).collect();
        tables.steepest = Steepest::of(statistics.least_variance);
        tables.categories = statistics.categories.iter().map(smoothed).collect();
        let categories = tables.nominal.iter().map(|nominal| nominal.categories).cycle();
        let known = statistics.known.iter().zip(categories);
        tables.known = known.map(|(known, categories)| (known + statistics.smoothing * categories).ln()).collect();
        tables
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let logarithms = self.classes.capacity() + self.known.capacity() + self.categories.capacity();
        logarithms * size_of::<f64>()
            + self.numbers.capacity() * size_of::<Density>()
            + self.numeric.capacity() * size_of::<u32>()
            + self.nominal.capacity() * size_of::<Nominal>()
    }
}

impl Statistics {
    pub(super) fn merge(&mut self, other: &Self) {
        add(&mut self.classes, &other.classes);
        add(&mut self.known, &other.known);
        add(&mut self.categories, &other.categories);
        self.numbers.iter_mut().zip(&other.numbers).for_each(|(ours, theirs)| ours.merge(theirs));
    }

    pub(super) fn decay(&mut self, factor: f64) {
        self.numbers.iter_mut().for_each(|moments| moments.decay(factor));
        for weight in self.classes.iter_mut().chain(&mut self.known).chain(&mut self.categories) {
            *weight = faded(*weight, factor);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let weights = self.classes.capacity() + self.known.capacity() + self.categories.capacity();
        self.schema.heap_bytes() + weights * size_of::<f64>() + self.numbers.capacity() * size_of::<Moments>()
    }

    pub(super) fn check(&self, plan: &Tables) -> Result<(), DecodeError> {
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
        DecodeError::unless(check_smoothing("", self.smoothing).is_ok(), "smoothing", self.smoothing)?;
        let possible = (1e-15..=1.0).contains(&self.least_variance);
        DecodeError::unless(possible, "the least variance", self.least_variance)?;
        let weights = self.classes.iter().chain(&self.known).chain(&self.categories);
        check_weights(weights, "the weight of a category or class")?;
        self.numbers.iter().try_for_each(Moments::check)
    }
}
