//! The adaptive random forest.

mod member;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, ParameterError, Summary};

use super::{Growth, HoeffdingAdaptiveTree};
use crate::baseline::{most, normalize};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Classifier;
use crate::schema::Schema;
use member::{Member, WATCHES};

/// The most trees.
const MOST: usize = 10_000;

/// The adaptive random forest (ARF): trees that each learn other rows, vote, and are replaced when they have become wrong.
///
/// Each tree learns each row as often as a Poisson distribution of mean 6 says. Two detectors watch its errors
/// ([`Adwin`](crate::drift::Adwin) of δ = 0.01 and 0.001): after a warning a new tree learns in the background, and once a
/// change was told it takes the place of the old one as soon as it was right more often lately. Votes are probabilities,
/// weighted by how often their tree was right since the last change. The trees are [`HoeffdingAdaptiveTree`]s, which take bad
/// splits back.
///
/// With [`Growth::subspace`] each leaf looks at so many attributes, drawn at random; √m + 1 of m is usual. By default it looks
/// at all of them: leaves that predict by naive Bayes need them, and trees that learn other rows differ enough. That was
/// better on nine of the ten streams that it was measured on, and as good on the tenth.
///
/// A row is asked of each tree, then learned by each. With [`Growth::memory`] the forest never holds more than asked for: each
/// tree, and what learns in its background, gets the same share. The trees know nothing of each other, so
/// they may learn a row in any order, or side by side, with the same result; this forest does it one after the other, since
/// streams have many keys and partitions to do side by side. Forests of different rows cannot be merged. **Not** where one
/// tree is good enough: it takes a thirtieth of the time and memory, and can be read.
///
/// Gomes et al., *Adaptive Random Forests for Evolving Data Stream Classification*, 2017.
///
/// ```
/// use streamgauge_ml::{Classifier, Schema, tree::AdaptiveRandomForest};
/// let mut forest = AdaptiveRandomForest::new(Schema::numeric(2, 2)?);
/// let mut right = 0;
/// for i in 0..10_000_u32 {
///     let row = [f64::from(i * 37 % 100), f64::from(i * 91 % 100)];
///     // After 5,000 rows it is the other way round.
///     let class = usize::from((row[0] > 30.0 && row[1] > 60.0) == (i < 5_000));
///     right += u32::from(forest.predict_and_learn(&row, class)? == Some(class));
/// }
/// assert!(right > 9_400, "{right}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AdaptiveRandomForest {
    schema: Schema,
    /// How each tree grows, but for its seed: with its share of the memory.
    growth: Growth,
    members: Box<[Member]>,
    /// The votes of a tree, and of all.
    #[serde(skip)]
    scratch: Scratch,
}

/// Two equal forests may have voted on different rows: what is left of that says nothing.
#[derive(Clone, Debug, Default)]
struct Scratch {
    votes: Vec<f64>,
    sum: Vec<f64>,
}

impl PartialEq for Scratch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl AdaptiveRandomForest {
    /// A forest of ten trees that have seen nothing and grow as [`Growth::forest`] says.
    pub fn new(schema: Schema) -> Self {
        Self::of(schema, Growth::forest(), 10)
    }

    /// A forest of so many trees that have seen nothing. Their seeds follow from that of the growth.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 10,000 trees, or if a memory cap has no room for them while they are empty.
    pub fn with_growth(schema: Schema, growth: Growth, trees: usize) -> Result<Self, ParameterError> {
        if !(1..=MOST).contains(&trees) {
            let (parameter, allowed) = ("trees", "1 to 10,000");
            return Err(ParameterError { summary: Self::NAME, parameter, allowed, value: trees.to_string() });
        }
        let forest = Self::of(schema, growth.clone(), trees);
        let empty = HoeffdingAdaptiveTree::with_growth(forest.schema.clone(), forest.growth.clone());
        empty.map(|_| forest).map_err(|_| ParameterError {
            summary: Self::NAME,
            parameter: "memory",
            allowed: "enough for empty trees",
            value: growth.memory.to_string(),
        })
    }

    fn of(schema: Schema, growth: Growth, trees: usize) -> Self {
        let scratch = 8 * (schema.classes() + 8) * size_of::<f64>();
        let free = growth.cap().saturating_sub(size_of::<Self>() + schema.heap_bytes() + scratch);
        // Each tree and what learns in its background get the same.
        let share = (free / trees).saturating_sub(size_of::<Member>() + WATCHES) / 2;
        let growth = growth.memory(share);
        let members = (0..trees).map(|at| Member::new(&schema, &growth, at)).collect();
        Self { schema, growth, members, scratch: Scratch::default() }
    }

    /// What a row looks like.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The trees.
    pub fn trees(&self) -> impl ExactSizeIterator<Item = &HoeffdingAdaptiveTree> {
        self.members.iter().map(|member| &member.tree)
    }

    /// How many trees learn in the background.
    pub fn in_background(&self) -> usize {
        self.members.iter().filter(|member| member.background.is_some()).count()
    }

    /// Adds up the votes of all trees.
    fn vote(&self, row: &[f64], sum: &mut Vec<f64>) -> Result<(), RowError> {
        self.schema.check_row(row)?;
        sum.resize(self.schema.classes(), 0.0);
        let mut votes = Vec::new();
        self.members.iter().try_for_each(|member| add_votes(member, row, &mut votes, sum))
    }

    /// Learns a row that was checked, and says what was predicted.
    fn step(&mut self, row: &[f64], class: usize, weight: f64) -> Result<Option<usize>, RowError> {
        let Scratch { votes, sum } = &mut self.scratch;
        sum.clear();
        sum.resize(self.schema.classes(), 0.0);
        for member in &mut self.members {
            add_votes(member, row, votes, sum)?;
            member.learn(row, class, weight, votes)?;
        }
        Ok(most(sum))
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.schema.check_stored()?;
        self.growth.check_stored()?;
        DecodeError::unless((1..=MOST).contains(&self.members.len()), "trees", self.members.len())?;
        self.members.iter().try_for_each(|member| member.check(&self.schema, &self.growth))
    }
}

fn add_votes(member: &Member, row: &[f64], votes: &mut Vec<f64>, sum: &mut [f64]) -> Result<(), RowError> {
    member.tree.probabilities_one(row, votes)?;
    let accuracy = member.accuracy();
    sum.iter_mut().zip(votes).for_each(|(sum, vote)| *sum += accuracy * *vote);
    Ok(())
}

impl Classifier for AdaptiveRandomForest {
    type Row = [f64];

    fn classes(&self) -> usize {
        self.schema.classes()
    }

    fn learn_weighted(&mut self, row: &[f64], class: usize, weight: f64) -> Result<(), RowError> {
        self.schema.check(row, class, weight)?;
        self.step(row, class, super::grow::weight_of(weight)).map(|_| ())
    }

    fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        self.vote(row, into)?;
        normalize(into);
        Ok(())
    }

    fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
        let mut sum = Vec::new();
        self.vote(row, &mut sum)?;
        Ok(most(&sum))
    }

    fn predict_and_learn(&mut self, row: &[f64], class: usize) -> Result<Option<usize>, RowError> {
        self.schema.check(row, class, 1.0)?;
        self.step(row, class, 1.0)
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
        let scratch = (self.scratch.votes.capacity() + self.scratch.sum.capacity()) * size_of::<f64>();
        size_of::<Self>() + self.schema.heap_bytes() + members + scratch
    }
}

image!(AdaptiveRandomForest, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;
    use streamgauge_sketches::random::Draws;

    use super::*;
    use crate::laws;
    use crate::tree::Observer;
    use crate::tree::tests::{rows, schema, survives_damage};

    #[test]
    fn holds_the_laws() {
        let quick = || Growth::forest().grace(30).unwrap();
        for growth in [quick(), quick().subspace(2).unwrap(), quick().memory(300 << 10).observer(Observer::Exhaustive)]
        {
            laws::classifies(&AdaptiveRandomForest::with_growth(schema(), growth, 4).unwrap(), &rows(900));
        }
    }

    #[test]
    fn trees_that_have_become_wrong_are_replaced() {
        let mut forest =
            AdaptiveRandomForest::with_growth(Schema::numeric(3, 2).unwrap(), Growth::forest(), 5).unwrap();
        let (mut draws, mut in_background) = (Draws::new(1), 0);
        let mut learn = |turned: bool| {
            let mut right = 0;
            for _ in 0..3_000 {
                let row = [draws.unit(), draws.unit(), draws.unit()];
                let class = usize::from((row[0] > 0.3 && row[1] > 0.6) != turned);
                right += u32::from(forest.predict_and_learn(&row, class).unwrap() == Some(class));
                in_background = in_background.max(forest.in_background());
            }
            right
        };
        let right = [learn(false), learn(false), learn(true), learn(true)];
        assert!(right[1] > 2_900 && right[3] > 2_900 && right[2] > 2_600, "{right:?}");
        assert!(in_background > 2, "{in_background}");
    }

    #[test]
    fn trees_learn_the_same_in_any_order() {
        let rows = rows(2_000);
        let forest = AdaptiveRandomForest::with_growth(schema(), Growth::forest(), 3).unwrap();
        let (mut forwards, mut backwards) = (forest.clone(), forest);
        let mut votes = Vec::new();
        for (row, class) in &rows {
            forwards.learn_one(row, *class).unwrap();
            for member in backwards.members.iter_mut().rev() {
                member.tree.probabilities_one(row, &mut votes).unwrap();
                member.learn(row, *class, 1.0, &votes).unwrap();
            }
        }
        assert_eq!(forwards.to_bytes(), backwards.to_bytes());
    }

    #[test]
    fn damaged_forests_are_refused_or_harmless() {
        let growth = Growth::forest().subspace(2).unwrap();
        survives_damage(AdaptiveRandomForest::with_growth(schema(), growth, 1).unwrap());
    }

    #[test]
    fn forests_that_cannot_be_are_refused() {
        let told =
            |growth: Growth, trees| AdaptiveRandomForest::with_growth(schema(), growth, trees).unwrap_err().to_string();
        assert_eq!(told(Growth::forest(), 0), "AdaptiveRandomForest: trees must be 1 to 10,000, not 0");
        let tiny = "AdaptiveRandomForest: memory must be enough for empty trees, not 1000";
        assert_eq!(told(Growth::forest().memory(1_000), 3), tiny);
        let forest = AdaptiveRandomForest::with_growth(schema(), Growth::forest(), 3).unwrap();
        let spoil = |spoil: fn(&mut AdaptiveRandomForest)| {
            let mut spoiled = forest.clone();
            spoil(&mut spoiled);
            AdaptiveRandomForest::from_bytes(&spoiled.to_bytes()).is_err()
        };
        assert!(spoil(|forest| forest.members = Box::default()));
        assert!(spoil(|forest| forest.schema = Schema::numeric(4, 3).unwrap()));
        assert!(spoil(|forest| forest.growth = Growth::adaptive()));
        assert!(!spoil(|forest| forest.scratch.votes.push(1.0)));
    }
}
