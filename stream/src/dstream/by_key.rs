//! The values of each key of a batch in a state: reduce, group, combine, aggregate.

use std::collections::HashSet;
use std::sync::Arc;

use streamgauge_sketches::{OwnedKey, Table};

use super::combine::{Part, count_merged};
use super::{DStream, Node, Outgoing, Shared, in_chunks, is_much, mapped};
use crate::batch::exchange::{Portable, by_lane, key_hash, lane_of, lanes_of};
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::error::Error;
use crate::source::Record;
use crate::state::Lanes;

/// How values become a state.
pub(crate) trait Combine<V>: Send + Sync + 'static {
    type State: Portable;

    /// The state of a first value.
    fn create(&self, value: V) -> Self::State;
    fn absorb(&self, state: Self::State, value: V) -> Self::State;
    fn merge(&self, a: Self::State, b: Self::State) -> Self::State;
}

/// Three functions.
pub(crate) struct Combiner<N, A, M> {
    pub(crate) create: N,
    pub(crate) absorb: A,
    pub(crate) merge: M,
}

impl<V, C, N, A, M> Combine<V> for Combiner<N, A, M>
where
    C: Portable,
    N: Fn(V) -> C + Send + Sync + 'static,
    A: Fn(C, V) -> C + Send + Sync + 'static,
    M: Fn(C, C) -> C + Send + Sync + 'static,
{
    type State = C;

    #[inline]
    fn create(&self, value: V) -> C {
        (self.create)(value)
    }

    #[inline]
    fn absorb(&self, state: C, value: V) -> C {
        (self.absorb)(state, value)
    }

    #[inline]
    fn merge(&self, a: C, b: C) -> C {
        (self.merge)(a, b)
    }
}

/// One function for values and states.
pub(crate) struct Reduction<F>(F);

impl<V: Portable, F: Fn(V, V) -> V + Send + Sync + 'static> Combine<V> for Reduction<F> {
    type State = V;

    #[inline]
    fn create(&self, value: V) -> V {
        value
    }

    #[inline]
    fn absorb(&self, state: V, value: V) -> V {
        (self.0)(state, value)
    }

    #[inline]
    fn merge(&self, a: V, b: V) -> V {
        (self.0)(a, b)
    }
}

pub(crate) fn by_reduction<F>(f: F) -> Reduction<F> {
    Reduction(f)
}

/// The values in a list.
pub(crate) fn grouping<V: Portable>() -> impl Combine<V, State = Vec<V>> {
    Combiner {
        create: |value| vec![value],
        absorb: |mut values: Vec<V>, value| {
            values.push(value);
            values
        },
        merge: |mut values: Vec<V>, mut others: Vec<V>| {
            values.append(&mut others);
            values
        },
    }
}

/// The values in a state that begins as `zero`.
pub(crate) fn aggregating<V, C: Portable>(
    zero: C,
    absorb: impl Fn(C, V) -> C + Send + Sync + 'static,
    merge: impl Fn(C, C) -> C + Send + Sync + 'static,
) -> impl Combine<V, State = C> {
    let absorb = Arc::new(absorb);
    let first = absorb.clone();
    Combiner {
        create: move |value| first(zero.clone(), value),
        absorb: move |state, value| absorb(state, value),
        merge,
    }
}

/// A state is taken out, changed by a function of the user, and put back.
type States<K, C> = Table<K, Option<C>>;

pub(crate) struct CombineByKey<K, V, B: Combine<V>> {
    name: String,
    parent: Arc<Shared<(K, V)>>,
    input: Input,
    combine: B,
    /// The states of the batch that runs; their room is used again by the next.
    lanes: Lanes<States<K, B::State>>,
    outgoing: Outgoing<(K, V)>,
}

/// How a partition goes on after its first chunk.
enum Sending<K, V, C> {
    Undecided,
    Rows(Vec<Vec<(K, V)>>),
    States(States<K, C>),
}

type Sent<K, V, C> = Part<(K, V), K, Option<C>>;

impl<K: OwnedKey, V: Record, B: Combine<V>> CombineByKey<K, V, B> {
    pub(crate) fn new(name: String, parent: Arc<Shared<(K, V)>>, input: Input, combine: B, lanes: usize) -> Self {
        let lanes = Lanes::new(lanes_of::<K>(lanes), Table::default);
        Self { name, parent, input, combine, lanes, outgoing: Outgoing::default() }
    }

    #[inline]
    fn absorb(&self, states: &mut States<K, B::State>, (key, value): (K, V)) {
        let held = states.entry_owned(key, || None);
        *held = Some(match held.take() {
            Some(state) => self.combine.absorb(state, value),
            None => self.combine.create(value),
        });
    }

    /// What a partition has for each lane. If hardly any two rows of the first chunk have a key in common, combining
    /// them here saves nothing, and the rows go as they are. That depends on the data alone.
    fn scatter(&self, run: &BatchRun, partition: usize) -> Result<Vec<Sent<K, V, B::State>>, Error> {
        let lanes = self.lanes.len();
        let mut sending = Sending::Undecided;
        self.parent.run(run, partition, &mut |rows| {
            if matches!(sending, Sending::Undecided) && !rows.is_empty() {
                sending = if run.is_alone() && combining_is_useless(rows) {
                    Sending::Rows(self.outgoing.room(lanes))
                } else {
                    let mut states = Table::default();
                    states.reserve(self.outgoing.expected());
                    Sending::States(states)
                };
            }
            match &mut sending {
                Sending::Undecided => {}
                Sending::States(states) => rows.drain(..).for_each(|row| self.absorb(states, row)),
                Sending::Rows(sorted) => {
                    for row in rows.drain(..) {
                        sorted[lane_of(key_hash(&row.0), lanes)].push(row);
                    }
                }
            }
        })?;
        Ok(match sending {
            Sending::Undecided => (0..lanes).map(|_| Part::States(Vec::new())).collect(),
            Sending::Rows(sorted) => sorted.into_iter().map(Part::Records).collect(),
            Sending::States(states) => by_lane(states.into_entries(), lanes).into_iter().map(Part::States).collect(),
        })
    }

    fn absorb_part(&self, states: &mut States<K, B::State>, part: Sent<K, V, B::State>) {
        match part {
            Part::Records(mut rows) => {
                rows.drain(..).for_each(|row| self.absorb(states, row));
                self.outgoing.recycle(rows);
            }
            Part::States(others) => {
                let (known, all) = (states.len(), others.len());
                for (key, other) in others {
                    let held = states.entry_owned(key, || None);
                    *held = match (held.take(), other) {
                        (Some(state), Some(other)) => Some(self.combine.merge(state, other)),
                        (state, other) => state.or(other),
                    };
                }
                count_merged(all, states.len() - known);
            }
        }
    }
}

fn combining_is_useless<K: OwnedKey, V>(rows: &[(K, V)]) -> bool {
    // A list of all values, for an ungrouped stream, is one key.
    if size_of::<K>() == 0 {
        return false;
    }
    let mut keys = HashSet::with_capacity_and_hasher(rows.len(), ahash::RandomState::with_seeds(1, 2, 3, 4));
    keys.extend(rows.iter().map(|(key, _)| key));
    keys.len() * 10 > rows.len() * 9
}

impl<K: OwnedKey, V: Record, B: Combine<V>> Node<(K, B::State)> for CombineByKey<K, V, B> {
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        let Some(partitions) = self.parent.prepare(run)? else {
            return Ok(None);
        };
        let lanes = self.lanes.len();
        let local = each_partition(run, &self.name, partitions.len(), |partition| self.scatter(run, partition))?;
        self.outgoing.note(&local);
        let gathered = run.gather(&self.name, lanes, local)?;
        let much = is_much(&gathered);
        each_lane(run, &self.name, gathered, much, |lane, parts| {
            let mut states = self.lanes.lane(lane);
            states.clear();
            parts.into_iter().for_each(|part| self.absorb_part(&mut states, part));
            Ok(())
        })?;
        Ok(Some(vec![self.input; lanes].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<(K, B::State)>)) -> Result<(), Error> {
        let mut states = self.lanes.lane(lane);
        if run.keeps_rows() {
            in_chunks(states.entries().iter().filter_map(|(key, state)| Some((key.clone(), state.clone()?))), out);
            return Ok(());
        }
        in_chunks(states.drain().filter_map(|(key, state)| Some((key, state?))), out);
        Ok(())
    }
}

impl<K: OwnedKey, V: Record> DStream<(K, V)> {
    /// Each value made into another; the key stays.
    pub fn map_values<U: Record>(&self, f: impl Fn(V) -> U + Send + Sync + 'static) -> DStream<(K, U)> {
        self.narrow("map_values", mapped(move |(key, value)| (key, f(value))))
    }

    /// Each value made into none, one or several, all with its key.
    pub fn flat_map_values<U: Record, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> DStream<(K, U)> {
        self.narrow("flat_map_values", move |rows, out| {
            for (key, value) in rows.drain(..) {
                out.extend(f(value).into_iter().map(|value| (key.clone(), value)));
            }
        })
    }

    /// The values of each key of a batch combined two by two. The function must be associative: values are combined in
    /// each partition, then the results of the partitions in their order.
    ///
    /// Rows come by lane of their key, and within a lane by first appearance, as for all operators by key.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("words").trigger(Trigger::Available).build();
    /// let (queue, words) = Queue::new();
    /// let counts = ctx.source(words).map(|word: &str| (word.to_owned(), 1)).reduce_by_key(|a, b| a + b);
    /// let counts = counts.collect_to_memory();
    /// queue.push(vec!["to", "be", "or", "not", "to", "be"]);
    /// ctx.run()?;
    /// assert!(counts.rows().contains(&("be".to_owned(), 2)));
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> DStream<(K, V)>
    where
        V: Portable,
    {
        self.combined("reduce_by_key", by_reduction(f))
    }

    /// The values of each key of a batch, in their order: in memory all at once. To reduce, to count or to summarize
    /// them needs far less.
    pub fn group_by_key(&self) -> DStream<(K, Vec<V>)>
    where
        V: Portable,
    {
        self.combined("group_by_key", grouping())
    }

    /// The values of each key of a batch in a state: made of the first value, taking in the next, merged with those of
    /// other partitions.
    pub fn combine_by_key<C: Portable>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        absorb: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<(K, C)> {
        self.combined("combine_by_key", Combiner { create, absorb, merge })
    }

    /// The values of each key of a batch absorbed into a state that begins as `zero`. It may begin so in every
    /// partition: merging `zero` must change nothing.
    pub fn aggregate_by_key<C: Portable>(
        &self,
        zero: C,
        absorb: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<(K, C)> {
        self.combined("aggregate_by_key", aggregating(zero, absorb, merge))
    }

    pub(crate) fn combined<B: Combine<V>>(&self, kind: &'static str, combine: B) -> DStream<(K, B::State)> {
        let graph = self.graph.clone();
        let parent = self.read_by_one_more();
        let input = graph.derived_input(parent.inputs());
        let name = graph.name(None, kind);
        let operator = graph.named_operator(&name, kind, [parent.operator()]);
        DStream::new(graph.clone(), operator, CombineByKey::new(name, parent, input, combine, graph.lanes()))
    }
}
