//! The adaptive random forest.

mod member;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::growth::Growth;
use crate::baseline::{most, normalize};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;
use crate::schema::Schema;
use member::Member;

/// The most trees.
const MOST: usize = 10_000;

/// The adaptive random forest (ARF).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveRandomForest {
    schema: Schema,
    growth: Growth,
    members: Box<[Member]>,
    /// The votes of a tree, and of all.
    #[serde(skip)]
    votes: Vec<f64>,
    #[serde(skip)]
    sum: Vec<f64>,
}

impl AdaptiveRandomForest {
    /// A forest of ten trees that have seen nothing.
    pub fn new(schema: Schema) -> Self {
        let growth = Growth { grace: 50, delta: 0.01, ..Growth::default() };
        Self::of(schema, growth, 10)
    }

    /// A forest of so many trees.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 10,000 trees.
    pub fn with_growth(schema: Schema, growth: Growth, trees: usize) -> Result<Self, ParameterError> {
        if !(1..=MOST).contains(&trees) {
            let (parameter, allowed) = ("trees", "1 to 10,000");
            return Err(ParameterError { summary: Self::NAME, parameter, allowed, value: trees.to_string() });
        }
        Ok(Self::of(schema, growth, trees))
    }

    fn of(schema: Schema, mut growth: Growth, trees: usize) -> Self {
        let attributes = schema.attributes().len() as f64;
        growth.subspace = growth.subspace.or(Some(attributes.sqrt().round() as u32 + 1));
        let members = (0..trees).map(|at| Member::new(&schema, &growth, at)).collect();
        Self { schema, growth, members, votes: Vec::new(), sum: Vec::new() }
    }

    /// The trees.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = &super::HoeffdingAdaptiveTree> {
        self.members.iter().map(Member::tree)
    }

    /// How many trees learn in the background.
    pub fn in_background(&self) -> usize {
        self.members.iter().filter(|member| member.in_background()).count()
    }

    fn vote(&self, row: &[f64], votes: &mut Vec<f64>, sum: &mut Vec<f64>) -> Result<(), RowError> {
        sum.clear();
        sum.resize(self.schema.classes(), 0.0);
        for member in &self.members {
            member.tree().probabilities_one(row, votes)?;
            let weight = member.weight();
            sum.iter_mut().zip(&*votes).for_each(|(sum, vote)| *sum += weight * vote);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.schema.check_stored()?;
        self.growth.check_stored()?;
        DecodeError::unless((1..=MOST).contains(&self.members.len()), "trees", self.members.len())?;
        self.members.iter().try_for_each(|member| member.check(&self.schema, &self.growth))
    }
}

impl Classifier for AdaptiveRandomForest {
    type Row = [f64];

    fn classes(&self) -> usize {
        self.schema.classes()
    }

    fn learn_weighted(&mut self, row: &[f64], class: usize, weight: f64) -> Result<(), RowError> {
        self.schema.check(row, class, weight)?;
        let mut votes = std::mem::take(&mut self.votes);
        for member in &mut self.members {
            member.tree().probabilities_one(row, &mut votes)?;
            member.learn(row, class, weight, &votes)?;
        }
        self.votes = votes;
        Ok(())
    }

    fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        self.schema.check_row(row)?;
        self.vote(row, &mut Vec::new(), into)?;
        normalize(into);
        Ok(())
    }

    fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
        self.schema.check_row(row)?;
        let mut sum = Vec::new();
        self.vote(row, &mut Vec::new(), &mut sum)?;
        Ok(most(&sum))
    }

    fn predict_and_learn(&mut self, row: &[f64], class: usize) -> Result<Option<usize>, RowError> {
        self.schema.check(row, class, 1.0)?;
        let (mut votes, mut sum) = (std::mem::take(&mut self.votes), std::mem::take(&mut self.sum));
        sum.clear();
        sum.resize(self.schema.classes(), 0.0);
        for member in &mut self.members {
            member.tree().probabilities_one(row, &mut votes)?;
            let weight = member.weight();
            sum.iter_mut().zip(&votes).for_each(|(sum, vote)| *sum += weight * vote);
            member.learn(row, class, 1.0, &votes)?;
        }
        let predicted = most(&sum);
        (self.votes, self.sum) = (votes, sum);
        Ok(predicted)
    }
}

impl Summary for AdaptiveRandomForest {
    type Reading = Self;

    const NAME: &'static str = "AdaptiveRandomForest";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let members: usize = self.members.iter().map(Member::memory_bytes).sum();
        let scratch = (self.votes.capacity() + self.sum.capacity()) * size_of::<f64>();
        size_of::<Self>() + self.schema.heap_bytes() + members + scratch
    }
}

image!(AdaptiveRandomForest, 1);
