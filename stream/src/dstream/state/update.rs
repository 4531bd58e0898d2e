//! A function called for every key in every batch.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::records::{Boxes, StateTime, is_much, scatter_records};
use super::{KeyedState, NoTimeout, keyed_lanes};
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::dstream::{DStream, Grouped, Grouping, Node, Shared, in_chunks};
use crate::error::Error;
use crate::source::Record;
use crate::state::{KeyedLane, Lanes};
use crate::time::Time;

/// The records of a key that are new in a batch, in the order of the partitions; empty if there are none.
#[derive(Clone, Copy, Debug)]
pub struct NewRecords<'a, K, T> {
    /// The key.
    pub key: &'a K,
    /// The time of the batch.
    pub time: Time,
    records: &'a [T],
}

impl<T, K> Deref for NewRecords<'_, K, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.records
    }
}

struct Update<T, G: Grouping<T>, W, S, F> {
    name: String,
    parent: Arc<Shared<T>>,
    input: Input,
    grouping: G,
    time: W,
    function: F,
    lanes: Arc<Lanes<KeyedLane<G::Key, S>>>,
    boxes: Boxes<T>,
}

impl<T, G, W, S, F> Update<T, G, W, S, F>
where
    T: Record,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Record,
    F: Fn(NewRecords<'_, G::Key, T>, Option<S>) -> Option<S> + Send + Sync,
{
    /// Calls the function for every key of a lane; gives whether there are any left.
    fn advance(&self, lane: usize, parts: Vec<Vec<T>>, time: Time) -> Result<bool, Error> {
        let mut keyed = self.lanes.lane(lane);
        keyed.guarded((&self.name, lane, time), |keyed| {
            let mut by_slot: Vec<(u32, T)> = Vec::with_capacity(parts.iter().map(Vec::len).sum());
            for part in parts {
                self.boxes.empty(part, |records| {
                    for record in records {
                        let mut slot = u32::MAX;
                        self.grouping.visit(&record, |key: &G::Borrowed| slot = keyed.slot(key));
                        by_slot.push((slot, record));
                    }
                    Ok::<(), String>(())
                })?;
            }
            // Stable: the records of a key stay in order.
            by_slot.sort_by_key(|(slot, _)| *slot);
            let (slots, records): (Vec<u32>, Vec<T>) = by_slot.into_iter().unzip();
            let mut taken = 0;
            for slot in 0..keyed.slots.capacity() as u32 {
                keyed.current = slot;
                let Some((key, state)) = keyed.slots.entry_mut(slot) else {
                    continue;
                };
                let new = slots[taken..].iter().take_while(|of| **of == slot).count();
                let records = &records[taken..taken + new];
                taken += new;
                let before = state.take();
                *state = (self.function)(NewRecords { key, time, records }, before);
                if state.is_none() {
                    keyed.emptied.push(slot);
                }
            }
            keyed.free_emptied();
            Ok::<(), String>(())
        })?;
        Ok(!keyed.slots.is_empty())
    }
}

impl<T, G, W, S, F> Node<(G::Key, S)> for Update<T, G, W, S, F>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Record,
    F: Fn(NewRecords<'_, G::Key, T>, Option<S>) -> Option<S> + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        // Every key is called in every batch, also when the parent has none.
        let partitions = self.parent.prepare(run)?.unwrap_or_default();
        let (by, lanes) = ((&self.grouping, &self.time), self.lanes.len());
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            scatter_records(&self.parent, run, partition, by, lanes, &self.boxes)
        })?;
        let gathered = run.gather(&self.name, lanes, local.into_iter().map(|local| local.lanes).collect())?;
        let much = is_much(&gathered) || self.lanes.iter().any(|lane| !lane.slots.is_empty());
        let holds = each_lane(run, &self.name, gathered, much, |lane, parts| self.advance(lane, parts, run.time))?;
        if holds.contains(&true) {
            run.holds_back(self.input);
        }
        Ok(Some(vec![self.input; lanes].into()))
    }

    fn run(&self, _: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<(G::Key, S)>)) -> Result<(), Error> {
        let keyed = self.lanes.lane(lane);
        in_chunks(keyed.states().map(|(key, state)| (key.clone(), state.clone())), out);
        Ok(())
    }
}

impl<T, G, W, S> KeyedState<T, G, W, S, NoTimeout>
where
    T: Record + Serialize + DeserializeOwned,
    G: Grouping<T>,
    W: StateTime<T>,
    S: Record + Serialize + DeserializeOwned,
{
    /// The state of every key, made new in every batch: the function gets the key's new records (none, if there are
    /// none) and its state so far, and gives the new one; `None` removes the key. Rows are all keys that have a state,
    /// in every batch.
    ///
    /// The function is called for *every* key in *every* batch, also when the stream has no batch at its time: the cost
    /// is that of the number of keys. With many keys of which few change,
    /// [`map_with_state`](Grouped::map_with_state) is the one to use. Rows come by lane of the key, and within a lane by
    /// first appearance, new keys in the places of removed ones.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("votes").trigger(Trigger::Available).build();
    /// let (queue, votes) = Queue::new();
    /// let standing = ctx
    ///     .source(votes.one_at_a_time())
    ///     .key_by(|vote: &u8| vote)
    ///     .state::<usize>()
    ///     .initial([(1, 10)])
    ///     .update_state_by_key(|new, votes| Some(votes.unwrap_or(0) + new.len()))
    ///     .collect_to_memory();
    /// queue.push(vec![1, 1]);
    /// queue.push(vec![]);
    /// ctx.run()?;
    /// assert_eq!(standing.rows(), [(1, 12), (1, 12)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn update_state_by_key(
        self,
        f: impl Fn(NewRecords<'_, G::Key, T>, Option<S>) -> Option<S> + Send + Sync + 'static,
    ) -> DStream<(G::Key, S)> {
        let Grouped { stream, grouping, cut: time, name } = self.grouped;
        let graph = stream.graph.clone();
        let name = graph.name(name, "update_state_by_key");
        let kind = format!("state of every key of {}", std::any::type_name::<S>());
        let parent = stream.read_by_one_more();
        let id = graph.named_operator(&name, "update_state_by_key", [parent.operator()]);
        let operator = Update {
            input: graph.derived_input(parent.inputs()),
            lanes: keyed_lanes(&graph, &name, &kind, self.initial, None),
            name,
            parent,
            grouping,
            time,
            function: f,
            boxes: Boxes::new(),
        };
        DStream::new(graph, id, operator)
    }
}
