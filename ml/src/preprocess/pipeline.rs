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
    use streamgauge_sketches::laws as algebra;

    use super::*;
    use crate::preprocess::tests::{mixed, rows};
    use crate::preprocess::{Imputer, MinMaxScaler, OneHot, StandardScaler};
    use crate::{MajorityClass, laws};

    fn labelled(n: u32) -> Vec<(Vec<f64>, usize)> {
        rows(n).into_iter().enumerate().map(|(i, row)| (row, i % 7 % 3)).collect()
    }

    #[test]
    fn classifiers_hold_the_laws() {
        let one_hot = OneHot::new(&mixed());
        let majority = || MajorityClass::new(one_hot.schema(3).unwrap());
        laws::classifies(&one_hot.clone().then(majority()), &labelled(200));
        let scaled = Imputer::new(&mixed()).then(StandardScaler::new(&mixed())).then(one_hot.clone());
        laws::transforms(&scaled, &rows(100));
        laws::classifies(&scaled.then(majority()), &labelled(200));
        // The other way to put them together.
        let nested = MinMaxScaler::new(&mixed()).then(one_hot.clone().then(majority()));
        laws::classifies(&nested, &labelled(200));
    }

    /// Remembers the last row it learned: a learner of every kind.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(remote = "Self")]
    struct Memory {
        last: Vec<u64>,
    }

    impl Memory {
        fn take(&mut self, row: &[f64]) -> Result<(), RowError> {
            RowError::check_width(3, row.len())?;
            self.last.clear();
            self.last.extend(row.iter().map(|value| value.to_bits()));
            Ok(())
        }

        fn knows(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
            RowError::check_width(3, row.len())?;
            Ok((!self.last.is_empty()).then_some(0))
        }

        fn check(&self) -> Result<(), DecodeError> {
            Ok(())
        }
    }

    impl Summary for Memory {
        type Reading = Self;
        const NAME: &'static str = "Memory";

        fn read(&self) -> Self {
            self.clone()
        }

        fn memory_bytes(&self) -> usize {
            size_of::<Self>() + self.last.heap_bytes()
        }
    }

    impl Classifier for Memory {
        type Row = [f64];

        fn classes(&self) -> usize {
            1
        }

        fn learn_weighted(&mut self, row: &[f64], _: usize, _: f64) -> Result<(), RowError> {
            self.take(row)
        }

        fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), RowError> {
            into.clear();
            self.knows(row).map(|known| into.push(known.map_or(0.0, |_| 1.0)))
        }

        fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, RowError> {
            self.knows(row)
        }
    }

    impl Clusterer for Memory {
        type Point = [f64];

        fn learn_weighted(&mut self, point: &[f64], weight: f64) -> Result<(), RowError> {
            RowError::check_weight(weight)?;
            self.take(point)
        }

        fn predict_one(&self, point: &[f64]) -> Result<Option<usize>, RowError> {
            self.knows(point)
        }
    }

    impl Detector for Memory {
        type Item = [f64];

        fn score_one(&self, item: &[f64]) -> Result<Option<f64>, RowError> {
            Ok(self.knows(item)?.map(|_| 0.5))
        }

        fn learn_one(&mut self, item: &[f64]) -> Result<(), RowError> {
            self.take(item)
        }
    }

    crate::image::image!(Memory, 1);

    #[test]
    fn clusterers_and_detectors_hold_the_laws() {
        let pipeline = StandardScaler::new(&mixed()).then(Memory::default());
        laws::clusters(&pipeline, &rows(100));
        let rows = rows(100);
        let items: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        laws::detects(&pipeline, &items, &[&[f64::NAN; 3], &[f64::INFINITY; 3]]);
    }

    #[test]
    fn a_learner_is_taught_what_it_was_asked_about() {
        let scaler = StandardScaler::new(&mixed());
        let (mut by_hand, mut room) = (scaler.clone(), Vec::new());
        let (mut learned, mut stepped) =
            (scaler.clone().then(Memory::default()), scaler.clone().then(Memory::default()));
        let (mut clustered, mut detected) = (stepped.clone(), stepped.clone());
        for row in rows(100) {
            // As the scaler was before this row.
            let asked: Vec<u64> =
                by_hand.transform_one(&row, &mut room).unwrap().iter().map(|value| value.to_bits()).collect();
            by_hand.learn_one(&row).unwrap();
            Classifier::learn_one(&mut learned, &row, 0).unwrap();
            stepped.predict_and_learn(&row, 0).unwrap();
            Clusterer::learn_one(&mut clustered, &row).unwrap();
            Detector::learn_one(&mut detected, &row).unwrap();
            for pipeline in [&learned, &stepped, &clustered, &detected] {
                assert_eq!(pipeline.learner().last, asked);
                assert_eq!(pipeline.transformer(), &by_hand);
            }
        }
    }

    #[test]
    fn merges_behind_what_learns_nothing() {
        let one_hot = OneHot::new(&mixed());
        let empty = one_hot.clone().then(MajorityClass::new(one_hot.schema(3).unwrap()));
        let learned = |rows: &[(Vec<f64>, usize)]| {
            let mut pipeline = empty.clone();
            rows.iter().for_each(|(row, class)| pipeline.learn_one(row, *class).unwrap());
            pipeline
        };
        let rows = labelled(90);
        let mut merged = learned(&rows[..40]);
        merged.merge(&learned(&rows[40..])).unwrap();
        assert_eq!(merged, learned(&rows));
        algebra::sliding(&empty, &[learned(&rows[..30]), empty.clone(), learned(&rows[30..])], Codec::to_bytes);
        let wider = OneHot::new(&crate::Schema::numeric(3, 3).unwrap());
        algebra::refuses(&merged, &wider.clone().then(MajorityClass::new(one_hot.schema(3).unwrap())));
        // A scaler behind one-hot merges too: nothing stands behind it.
        let scaler = StandardScaler::new(&one_hot.schema(3).unwrap());
        let (mut ours, mut theirs) = (one_hot.clone().then(scaler.clone()), one_hot.then(scaler));
        [&mut ours, &mut theirs].into_iter().for_each(|pipeline| pipeline.learn_one(&rows[0].0).unwrap());
        assert!(ours.merge(&theirs).is_ok());
    }

    #[test]
    fn memory_counts_the_room() {
        let one_hot = OneHot::new(&mixed());
        let mut pipeline = one_hot.clone().then(MajorityClass::new(one_hot.schema(3).unwrap()));
        let before = pipeline.memory_bytes();
        pipeline.learn_one(&[0.0; 3], 0).unwrap();
        assert!(pipeline.memory_bytes() >= before + 5 * size_of::<f64>());
        // The room is no state.
        assert_eq!(pipeline.clone(), pipeline);
        assert_eq!(pipeline.to_bytes(), pipeline.clone().to_bytes());
    }

    #[test]
    fn the_image_of_another_pipeline_is_refused() {
        let one_hot = OneHot::new(&mixed());
        let image = one_hot.clone().then(MajorityClass::new(one_hot.schema(3).unwrap())).to_bytes();
        let error = Pipeline::<MinMaxScaler, MajorityClass>::from_bytes(&image).unwrap_err().to_string();
        assert_eq!(error, "the image has a pipeline named OneHot then MajorityClass, which cannot be");
    }
}
