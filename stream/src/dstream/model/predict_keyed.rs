//! Records predicted by the models of their keys.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::{Key, OwnedKey, Summary};

use super::KeyedModels;
use crate::batch::exchange::Portable;
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::dstream::state::{Before, Boxes, is_much, scatter_records};
use crate::dstream::{By, DStream, Grouping, Node, PerBatch, Shared};
use crate::error::Error;
use crate::graph::OperatorId;
use crate::source::Record;
use crate::state::{KeyedLane, Lanes};
use crate::time::Time;

/// Rows made of records and the models that the batch has found.
struct Predict<U, G: Grouping<U>, S, R, F> {
    name: String,
    id: OperatorId,
    parent: Arc<Shared<U>>,
    input: Input,
    grouping: G,
    lanes: Arc<Lanes<KeyedLane<G::Key, S>>>,
    predict: F,
    boxes: Boxes<U>,
    computed: Mutex<Computed<R>>,
}

/// The rows of a batch, by lane.
struct Computed<R> {
    at: Option<Time>,
    rows: Vec<Vec<R>>,
}

impl<U, G, S, R, F> Before for Predict<U, G, S, R, F>
where
    U: Portable,
    G: Grouping<U>,
    S: Summary,
    R: Record,
    F: Fn(Option<&S>, U) -> R + Send + Sync,
{
    fn compute(&self, run: &BatchRun) -> Result<(), Error> {
        // Whoever asks first.
        run.work(Some(self.id), || self.predict(run))
    }
}

impl<U, G, S, R, F> Predict<U, G, S, R, F>
where
    U: Portable,
    G: Grouping<U>,
    S: Summary,
    R: Record,
    F: Fn(Option<&S>, U) -> R + Send + Sync,
{
    fn predict(&self, run: &BatchRun) -> Result<(), Error> {
        let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        if computed.at == Some(run.time) {
            return Ok(());
        }
        let partitions = self.parent.prepare(run)?.unwrap_or_default();
        let (by, lanes) = ((&self.grouping, &PerBatch), self.lanes.len());
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter_records(&self.parent, run, partition, by, lanes, &self.boxes)
        })?;
        let gathered = run.gather(&self.name, lanes, local.into_iter().map(|local| local.lanes).collect())?;
        let much = is_much(&gathered);
        let rows = each_lane(run, &self.name, gathered, much, |lane, parts| {
            let models = self.lanes.lane(lane);
            let mut rows = Vec::with_capacity(parts.iter().map(Vec::len).sum());
            for part in parts {
                self.boxes.empty(part, |records| {
                    for record in records {
                        let mut slot = None;
                        self.grouping.visit(&record, |key| slot = models.slots.find(key));
                        let model = slot.and_then(|slot| models.slots.get(slot)?.1.as_ref());
                        rows.push((self.predict)(model, record));
                    }
                    Ok::<(), Error>(())
                })?;
            }
            Ok(rows)
        })?;
        *computed = Computed { at: Some(run.time), rows };
        Ok(())
    }
}

/// The rows of predictions.
struct Rows<P>(Arc<P>);

impl<U, G, S, R, F> Node<R> for Rows<Predict<U, G, S, R, F>>
where
    U: Portable,
    G: Grouping<U>,
    S: Summary,
    R: Record,
    F: Fn(Option<&S>, U) -> R + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.0.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.0.compute(run)?;
        Ok(Some(vec![self.0.input; self.0.lanes.len()].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<R>)) -> Result<(), Error> {
        let mut rows = {
            let mut computed = self.0.computed.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = computed.rows.get_mut(lane);
            rows.map(|rows| if run.keeps_rows() { rows.clone() } else { std::mem::take(rows) }).unwrap_or_default()
        };
        if !rows.is_empty() {
            out(&mut rows);
        }
        Ok(())
    }
}

impl<K: OwnedKey, S: Summary> KeyedModels<K, S> {
    /// Each record of a stream made into a row by a function that looks at the model of its key, if that has one: as the
    /// batch before has left it, so that the records of a batch are never predicted by themselves. Rows come by lane of
    /// the key, and within a lane in the order of the records.
    pub fn predict_on<U, Q, R>(
        &self,
        stream: &DStream<U>,
        key: impl Fn(&U) -> &Q + Send + Sync + 'static,
        predict: impl Fn(Option<&S>, U) -> R + Send + Sync + 'static,
    ) -> DStream<R>
    where
        U: Record + Serialize + DeserializeOwned,
        Q: Key<Owned = K> + ?Sized + 'static,
        R: Record,
    {
        let states = &self.states;
        let graph = states.graph.clone();
        let name = graph.name(None, "predict_on");
        states.check_context(stream, &name);
        let parent = stream.read_by_one_more();
        let inputs = parent.inputs();
        if graph.derives(&inputs, states.input()) {
            let models = states.name();
            graph.problem(format!(
                "{name}: the stream is made of what {models} gives after each batch, and is to be predicted before; \
                 predict another stream, or use train_and_score"
            ));
            // The two would wait for each other.
            return stream.flat_map(|_| None);
        }
        let id = graph.named_operator(&name, "predict_on", [parent.operator(), states.operator()]);
        let operator = Arc::new(Predict {
            name,
            id,
            parent,
            input: graph.derived_input(inputs),
            grouping: By::new(key),
            lanes: states.lanes(),
            predict,
            boxes: Boxes::new(),
            computed: Mutex::new(Computed { at: None, rows: Vec::new() }),
        });
        states.compute_before(operator.clone());
        DStream::new(graph, id, Rows(operator))
    }

    /// The values of a stream of pairs predicted by the models of their keys, as [`predict_on`](Self::predict_on) says,
    /// each with its key.
    pub fn predict_on_values<V, R>(
        &self,
        pairs: &DStream<(K, V)>,
        predict: impl Fn(Option<&S>, V) -> R + Send + Sync + 'static,
    ) -> DStream<(K, R)>
    where
        V: Record + Serialize + DeserializeOwned,
        R: Record,
    {
        self.predict_on(pairs, |(key, _)| key, move |model, (key, value)| (key, predict(model, value)))
    }
}
