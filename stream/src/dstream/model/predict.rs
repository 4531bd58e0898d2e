//! What is read of a model: predictions, and readings.

use std::sync::Arc;

use streamgauge_sketches::Summary;

use super::Model;
use super::trainer::{Held, Trains};
use crate::batch::{BatchRun, Input, Partitions, one_lane};
use crate::dstream::{Compute, DStream, Node, Shared, Wide};
use crate::error::Error;
use crate::source::Record;

/// Rows made of records and the model that the batch has found.
struct Predict<U, S, F> {
    parent: Arc<Shared<U>>,
    held: Arc<Held<S>>,
    trainer: Arc<dyn Trains>,
    predict: F,
}

impl<U, S, R, F> Node<R> for Predict<U, S, F>
where
    U: Record,
    S: Summary,
    R: Record,
    F: Fn(&S, U) -> R + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.trainer.clone().take(run)?;
        self.parent.prepare(run)
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let model = self.held.before_batch();
        let mut rows = Vec::new();
        self.parent.run(run, partition, &mut |records| {
            rows.extend(records.drain(..).map(|record| (self.predict)(&model, record)));
            if !rows.is_empty() {
                out(&mut rows);
                rows.clear();
            }
        })
    }
}

/// What a function reads of the model after each batch.
struct AfterBatch<S, F> {
    held: Arc<Held<S>>,
    trainer: Arc<dyn Trains>,
    read: F,
}

impl<S, R, F> Compute<R> for AfterBatch<S, F>
where
    S: Summary,
    R: Record,
    F: Fn(&S) -> R + Send + Sync,
{
    fn input(&self) -> Input {
        self.trainer.input()
    }

    fn compute(&self, run: &BatchRun) -> Result<Option<Vec<R>>, Error> {
        if !self.trainer.clone().take(run)? {
            return Ok(None);
        }
        self.trainer.learn(run)?;
        let model = self.held.now();
        one_lane(run, self.trainer.name(), 0, || Ok(Some(vec![(self.read)(&model)])))
    }
}

impl<S: Summary> Model<S> {
    /// Each record of a stream made into a row by a function that looks at the model: as the batch before has left it,
    /// so that the records of a batch are never predicted by themselves. Partitions run in parallel; the model is shared,
    /// not copied.
    ///
    /// Also for the stream that trains the model. In the first batch the model is what it began as.
    pub fn predict_on<U: Record, R: Record>(
        &self,
        stream: &DStream<U>,
        predict: impl Fn(&S, U) -> R + Send + Sync + 'static,
    ) -> DStream<R> {
        if !Arc::ptr_eq(&self.graph, &stream.graph) {
            let name = self.trainer.name();
            let problem =
                format!("predict_on: the stream and {name} belong to different contexts; build both from one");
            stream.graph.problem(problem.as_str());
            self.graph.problem(problem);
        }
        self.held.predicts();
        let parent = stream.read_by_one_more();
        let (held, trainer) = (self.held.clone(), self.trainer.clone());
        let operator = self.graph.operator("predict", [parent.operator(), Some(trainer.operator())]);
        DStream::new(self.graph.clone(), operator, Predict { parent, held, trainer, predict })
    }

    /// The values of a stream of pairs [predicted](Self::predict_on), each with its key.
    pub fn predict_on_values<K: Record, V: Record, R: Record>(
        &self,
        pairs: &DStream<(K, V)>,
        predict: impl Fn(&S, V) -> R + Send + Sync + 'static,
    ) -> DStream<(K, R)> {
        self.predict_on(pairs, move |model, (key, value)| (key, predict(model, value)))
    }

    /// What a function reads of the model when it has learned a batch: one row a batch, also for an empty one.
    /// `each_batch(Summary::read)` gives its readings.
    ///
    /// The model is then learned while the batch runs, and a copy of it is made in every batch if it is also asked for
    /// [predictions](Self::predict_on).
    pub fn each_batch<R: Record>(&self, read: impl Fn(&S) -> R + Send + Sync + 'static) -> DStream<R> {
        let (held, trainer) = (self.held.clone(), self.trainer.clone());
        let operator = self.graph.operator("each_batch", [Some(trainer.operator())]);
        DStream::new(self.graph.clone(), operator, Wide::new(AfterBatch { held, trainer, read }))
    }

    /// The model as it stands, from anywhere and at any time: `model.get().predict_one(..)`. Waits while a batch is
    /// learned. It stays as it is: what is held while the next batch is learned costs a copy of the model.
    pub fn get(&self) -> Arc<S> {
        self.held.now()
    }

    /// The reading of the model as it stands.
    pub fn read(&self) -> S::Reading {
        self.get().read()
    }
}
