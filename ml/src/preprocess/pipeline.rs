//! A transformer, and what stands behind it.

use std::fmt;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::codec::{Reader, Writer};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Codec, Decay, DecodeError, Family, Merge, Mismatch, Summary};

use super::transformer::{Room, Stateless, Transformer};
use crate::error::RowError;
use crate::learner::{Classifier, Clusterer, Detector};

/// A transformer, and a learner of what comes out of it; made by [`then`](Transformer::then).
///
/// It is what the learner is: a classifier, a clusterer, a detector, or again a transformer.
///
/// **What is learned first?** The learner learns the row as the transformer makes it *before* it has seen that row, and
/// then the transformer learns the row. So a row is transformed once a step, the learner is taught exactly what it was
/// asked about, nothing of a row leaks into the prediction for it, and a row that is refused has changed nothing. (River
/// updates a scaler first; from the third row on there is hardly a difference.) A transformer learns a row of any weight
/// as one row.
///
/// It merges if the transformer is [`Stateless`] and the learner merges, and then exactly. It decays if the learner
/// does, and its transformer with it where that can. Learning allocates nothing in the pipeline; a single prediction
/// makes room for one row.
///
/// ```
/// use streamgauge_ml::preprocess::{OneHot, Transformer};
/// use streamgauge_ml::{Attribute, Classifier, MajorityClass, Schema};
///
/// let colours = Schema::new([Attribute::Nominal { categories: 3 }], 2)?;
/// let one_hot = OneHot::new(&colours);
/// let learner = MajorityClass::new(one_hot.schema(2)?);
/// let mut pipeline = one_hot.then(learner);
/// pipeline.learn_one(&[2.0], 1)?;
/// assert_eq!(pipeline.predict_one(&[0.0])?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: Deserialize<'de>"))]
pub struct Pipeline<T: Transformer, L> {
    transformer: T,
    learner: L,
    /// Where the row stands that is being learned: no state.
    #[serde(skip)]
    room: T::Room,
}

impl<T: Transformer, L> Pipeline<T, L> {
    /// A transformer, and a learner behind it.
    pub fn new(transformer: T, learner: L) -> Self {
        Self { transformer, learner, room: T::Room::default() }
    }

    /// What is done with the rows.
    pub fn transformer(&self) -> &T {
        &self.transformer
    }

    /// What learns them.
    pub fn learner(&self) -> &L {
        &self.learner
    }
}

impl<T: Transformer, L: Clone> Clone for Pipeline<T, L> {
    fn clone(&self) -> Self {
        Self::new(self.transformer.clone(), self.learner.clone())
    }
}

impl<T: Transformer + fmt::Debug, L: fmt::Debug> fmt::Debug for Pipeline<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transformer, learner, room: _ } = self;
        f.debug_struct("Pipeline").field("transformer", transformer).field("learner", learner).finish()
    }
}

impl<T: Transformer + PartialEq, L: PartialEq> PartialEq for Pipeline<T, L> {
    fn eq(&self, other: &Self) -> bool {
        self.transformer == other.transformer && self.learner == other.learner
    }
}

impl<T: Transformer, L: Summary> Summary for Pipeline<T, L> {
    type Reading = Self;

    const NAME: &'static str = "Pipeline";
    const DECAY: Option<fn(&mut Self, f64)> = if L::DECAY.is_some() { Some(fade) } else { None };

    fn schema() -> String {
        format!("{} then {}", T::schema(), L::schema())
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let parts = self.transformer.memory_bytes() + self.learner.memory_bytes() + self.room.heap_bytes();
        size_of::<Self>() - size_of::<T>() - size_of::<L>() + parts
    }

    fn end_batch(&mut self) {
        self.transformer.end_batch();
        self.learner.end_batch();
    }
}

fn fade<T: Transformer, L: Summary>(pipeline: &mut Pipeline<T, L>, factor: f64) {
    if let Some(decay) = T::DECAY {
        decay(&mut pipeline.transformer, factor);
    }
    if let Some(decay) = L::DECAY {
        decay(&mut pipeline.learner, factor);
    }
}

impl<T: Transformer, L: Decay> Decay for Pipeline<T, L> {
    fn decay(&mut self, factor: f64) {
        if let Some(decay) = T::DECAY {
            decay(&mut self.transformer, factor);
        }
        self.learner.decay(factor);
    }
}

impl<T: Stateless, L: Merge> Merge for Pipeline<T, L> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.transformer.compatible(&other.transformer)?;
        self.learner.compatible(&other.learner)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.transformer.compatible(&other.transformer)?;
        self.learner.merge(&other.learner)
    }
}

/// The images of both, whole.
impl<T: Transformer + Codec, L: Summary + Codec> Codec for Pipeline<T, L> {
    const FAMILY: Family = Family::Custom;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        out.value(&Self::schema());
        for image in [self.transformer.to_bytes(), self.learner.to_bytes()] {
            out.u64(image.len() as u64);
            out.bytes(&image);
        }
    }

    fn decode(content: &mut Reader<'_>, _version: u16, _hash_seed: u64) -> Result<Self, DecodeError> {
        let name: String = content.value("the name of a pipeline")?;
        DecodeError::unless(name == Self::schema(), "a pipeline named", &name)?;
        let mut image = |of| {
            let length = usize::try_from(content.u64(of)?).unwrap_or(usize::MAX);
            content.bytes(of, length)
        };
        let transformer = T::from_bytes(image("the transformer of a pipeline")?)?;
        let learner = L::from_bytes(image("the learner of a pipeline")?)?;
        Ok(Self::new(transformer, learner))
    }
}

impl<T, L> Classifier for Pipeline<T, L>
where
    T: Transformer,
    L: Classifier<Row = T::To>,
{
    type Row = T::From;

    fn classes(&self) -> usize {
        self.learner.classes()
    }

    #[inline]
    fn learn_weighted(&mut self, row: &T::From, class: usize, weight: f64) -> Result<(), RowError> {
        let Self { transformer, learner, room } = self;
        learner.learn_weighted(transformer.transform_one(row, room)?, class, weight)?;
        transformer.learn_one(row)
    }

    fn probabilities_one(&self, row: &T::From, into: &mut Vec<f64>) -> Result<(), RowError> {
        into.clear();
        let mut room = T::Room::default();
        self.learner.probabilities_one(self.transformer.transform_one(row, &mut room)?, into)
    }

    fn predict_one(&self, row: &T::From) -> Result<Option<usize>, RowError> {
        let mut room = T::Room::default();
        self.learner.predict_one(self.transformer.transform_one(row, &mut room)?)
    }

    #[inline]
    fn predict_and_learn(&mut self, row: &T::From, class: usize) -> Result<Option<usize>, RowError> {
        let Self { transformer, learner, room } = self;
        let predicted = learner.predict_and_learn(transformer.transform_one(row, room)?, class)?;
        transformer.learn_one(row)?;
        Ok(predicted)
    }
}

impl<T, L> Clusterer for Pipeline<T, L>
where
    T: Transformer,
    L: Clusterer<Point = T::To>,
{
    type Point = T::From;

    #[inline]
    fn learn_weighted(&mut self, point: &T::From, weight: f64) -> Result<(), RowError> {
        let Self { transformer, learner, room } = self;
        learner.learn_weighted(transformer.transform_one(point, room)?, weight)?;
        transformer.learn_one(point)
    }

    fn predict_one(&self, point: &T::From) -> Result<Option<usize>, RowError> {
        let mut room = T::Room::default();
        self.learner.predict_one(self.transformer.transform_one(point, &mut room)?)
    }
}

impl<T, L> Detector for Pipeline<T, L>
where
    T: Transformer,
    L: Detector<Item = T::To>,
{
    type Item = T::From;

    fn score_one(&self, item: &T::From) -> Result<Option<f64>, RowError> {
        let mut room = T::Room::default();
        self.learner.score_one(self.transformer.transform_one(item, &mut room)?)
    }

    #[inline]
    fn learn_one(&mut self, item: &T::From) -> Result<(), RowError> {
        let Self { transformer, learner, room } = self;
        learner.learn_one(transformer.transform_one(item, room)?)?;
        transformer.learn_one(item)
    }

    #[inline]
    fn score_and_learn(&mut self, item: &T::From) -> Result<Option<f64>, RowError> {
        let Self { transformer, learner, room } = self;
        let score = learner.score_and_learn(transformer.transform_one(item, room)?)?;
        transformer.learn_one(item)?;
        Ok(score)
    }
}

impl<T, U> Transformer for Pipeline<T, U>
where
    T: Transformer,
    U: Transformer<From = T::To>,
{
    type From = T::From;
    type To = U::To;
    type Room = (T::Room, U::Room);

    fn learn_one(&mut self, row: &T::From) -> Result<(), RowError> {
        let Self { transformer, learner, room } = self;
        learner.learn_one(transformer.transform_one(row, room)?)?;
        transformer.learn_one(row)
    }

    fn transform_one<'a>(&self, row: &'a T::From, room: &'a mut Self::Room) -> Result<&'a U::To, RowError> {
        let (first, second) = room;
        self.learner.transform_one(self.transformer.transform_one(row, first)?, second)
    }
}

impl<T, U> Stateless for Pipeline<T, U>
where
    T: Stateless,
    U: Stateless<From = T::To>,
{
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use crate::preprocess::{OneHot, StandardScaler};
    use crate::{Attribute, MajorityClass, Schema};

    fn schema() -> Schema {
        Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }], 3).unwrap()
    }

    fn rows() -> Vec<(Vec<f64>, usize)> {
        (0..200).map(|i| (vec![f64::from(i), f64::from(i % 3)], (i % 7 % 3) as usize)).collect()
    }

    #[test]
    fn holds_the_laws() {
        let one_hot = OneHot::new(&schema());
        let wide = one_hot.schema(3).unwrap();
        let scaled = StandardScaler::new(&schema()).then(one_hot.clone());
        laws::classifies(&scaled.then(MajorityClass::new(wide.clone())), &rows());
        laws::classifies(&one_hot.then(MajorityClass::new(wide)), &rows());
    }
}
