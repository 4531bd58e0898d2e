//! Two streams by key.

use std::sync::Arc;

use streamgauge_sketches::{OwnedKey, Table};

use super::{DStream, Node, Shared, in_chunks};
use crate::batch::exchange::{Portable, key_hash, lane_of, lanes_of};
use crate::batch::{BatchRun, Input, Partitions, each_lane, each_partition};
use crate::error::Error;
use crate::source::Record;
use crate::state::Lanes;

/// What becomes of the values that a key has on either side.
pub(crate) trait Joining<V, W>: Copy + Send + Sync + 'static {
    type Row: Record;

    fn rows(self, left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = Self::Row>;
}

/// Both lists.
#[derive(Clone, Copy)]
pub(crate) struct Both;
/// Every pair.
#[derive(Clone, Copy)]
pub(crate) struct Inner;
/// Every pair; alone what the right side does not have.
#[derive(Clone, Copy)]
pub(crate) struct Left;
/// Every pair; alone what the left side does not have.
#[derive(Clone, Copy)]
pub(crate) struct Right;
/// Every pair; alone what one side does not have.
#[derive(Clone, Copy)]
pub(crate) struct Full;

impl<V: Record, W: Record> Joining<V, W> for Both {
    type Row = (Vec<V>, Vec<W>);

    fn rows(self, left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = Self::Row> {
        std::iter::once((left, right))
    }
}

/// Every pair of two lists, one after the other: a key that is frequent on both sides has too many to be kept.
fn pairs<V: Record, W: Record>(left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = (V, W)> {
    let right: Arc<[W]> = right.into();
    left.into_iter().flat_map(move |value| {
        let right = right.clone();
        (0..right.len()).map(move |i| (value.clone(), right[i].clone()))
    })
}

impl<V: Record, W: Record> Joining<V, W> for Inner {
    type Row = (V, W);

    fn rows(self, left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = Self::Row> {
        pairs(left, right)
    }
}

/// The values, or one that is none.
fn or_none<V>(values: Vec<V>) -> Vec<Option<V>> {
    if values.is_empty() { vec![None] } else { values.into_iter().map(Some).collect() }
}

impl<V: Record, W: Record> Joining<V, W> for Left {
    type Row = (V, Option<W>);

    fn rows(self, left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = Self::Row> {
        pairs(left, or_none(right))
    }
}

impl<V: Record, W: Record> Joining<V, W> for Right {
    type Row = (Option<V>, W);

    fn rows(self, left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = Self::Row> {
        pairs(or_none(left), right)
    }
}

impl<V: Record, W: Record> Joining<V, W> for Full {
    type Row = (Option<V>, Option<W>);

    fn rows(self, left: Vec<V>, right: Vec<W>) -> impl Iterator<Item = Self::Row> {
        pairs(or_none(left), or_none(right))
    }
}

type Groups<K, V, W> = Table<K, (Vec<V>, Vec<W>)>;

pub(crate) struct Join<K, V, W, J> {
    name: String,
    left: Arc<Shared<(K, V)>>,
    right: Arc<Shared<(K, W)>>,
    input: Input,
    how: J,
    lanes: Lanes<Groups<K, V, W>>,
}

impl<K: OwnedKey, V: Portable, W: Portable, J> Join<K, V, W, J> {
    pub(crate) fn new(
        name: String,
        (left, right): (Arc<Shared<(K, V)>>, Arc<Shared<(K, W)>>),
        input: Input,
        how: J,
        lanes: usize,
    ) -> Self {
        Self { name, left, right, input, how, lanes: Lanes::new(lanes_of::<K>(lanes), Table::default) }
    }

    /// What each lane has of one side.
    fn side<S: Portable>(
        &self,
        run: &BatchRun,
        parent: &Shared<(K, S)>,
        partitions: &Partitions,
    ) -> Result<Vec<Vec<Vec<(K, S)>>>, Error> {
        let lanes = self.lanes.len();
        let local = each_partition(run, &self.name, partitions.len(), |partition| {
            let mut sorted: Vec<_> = (0..lanes).map(|_| Vec::new()).collect();
            parent.run(run, partition, &mut |rows| {
                for row in rows.drain(..) {
                    let lane = if lanes == 1 { 0 } else { lane_of(key_hash(&row.0), lanes) };
                    sorted[lane].push(row);
                }
            })?;
            Ok(sorted)
        })?;
        run.gather(&self.name, lanes, local)
    }
}

impl<K, V, W, J> Node<(K, J::Row)> for Join<K, V, W, J>
where
    K: OwnedKey,
    V: Portable,
    W: Portable,
    J: Joining<V, W>,
{
    fn inputs(&self) -> Vec<Input> {
        vec![self.input]
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        // Both are asked in any case: a window must see every batch.
        let (left, right) = (self.left.prepare(run)?, self.right.prepare(run)?);
        let (Some(left), Some(right)) = (left, right) else {
            return Ok(None);
        };
        let left = self.side(run, &self.left, &left)?;
        let right = self.side(run, &self.right, &right)?;
        let rows =
            left.iter().flatten().map(Vec::len).sum::<usize>() + right.iter().flatten().map(Vec::len).sum::<usize>();
        let lanes = left.into_iter().zip(right).collect();
        each_lane(run, &self.name, lanes, rows >= MUCH, |lane, (left, right): (Vec<_>, Vec<_>)| {
            let mut groups = self.lanes.lane(lane);
            groups.clear();
            for (key, value) in left.into_iter().flatten() {
                groups.entry_owned(key, Default::default).0.push(value);
            }
            for (key, value) in right.into_iter().flatten() {
                groups.entry_owned(key, Default::default).1.push(value);
            }
            Ok(())
        })?;
        Ok(Some(vec![self.input; self.lanes.len()].into()))
    }

    fn run(&self, run: &BatchRun, lane: usize, out: &mut dyn FnMut(&mut Vec<(K, J::Row)>)) -> Result<(), Error> {
        let mut groups = self.lanes.lane(lane);
        let rows =
            |(key, (left, right)): (K, (Vec<V>, Vec<W>))| self.how.rows(left, right).map(move |row| (key.clone(), row));
        if run.keeps_rows() {
            in_chunks(groups.entries().iter().cloned().flat_map(rows), out);
        } else {
            in_chunks(groups.drain().flat_map(rows), out);
        }
        Ok(())
    }
}

/// So many rows that other threads are to be woken.
const MUCH: usize = 512;

/// # Two streams by key
///
/// Both must belong to the same context. Rows come by lane of their key, within a lane by first appearance of the key,
/// those of this stream first. There is a batch whenever both streams have one: of two windows with different slides,
/// where these fall together. The rows of both batches are in memory.
impl<K: OwnedKey, V: Portable> DStream<(K, V)> {
    /// The values of each key in the batches of both streams.
    pub fn cogroup<W: Portable>(&self, other: &DStream<(K, W)>) -> DStream<(K, (Vec<V>, Vec<W>))> {
        self.joined(other, "cogroup", Both)
    }

    /// Every pair of values of a key in the batches of both streams.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("join").trigger(Trigger::Available).build();
    /// let ((orders, a), (payments, b)) = (Queue::new(), Queue::new());
    /// let (a, b) = (ctx.source(a), ctx.source(b));
    /// let paid = a.join(&b).collect_to_memory();
    /// orders.push(vec![(7, "tea".to_owned()), (8, "salt".to_owned())]);
    /// payments.push(vec![(7, 250)]);
    /// ctx.run()?;
    /// assert_eq!(paid.rows(), [(7, ("tea".to_owned(), 250))]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn join<W: Portable>(&self, other: &DStream<(K, W)>) -> DStream<(K, (V, W))> {
        self.joined(other, "join", Inner)
    }

    /// As [`join`](Self::join), and the values of this stream whose key the other does not have.
    pub fn left_outer_join<W: Portable>(&self, other: &DStream<(K, W)>) -> DStream<(K, (V, Option<W>))> {
        self.joined(other, "left_outer_join", Left)
    }

    /// As [`join`](Self::join), and the values of the other stream whose key this one does not have.
    pub fn right_outer_join<W: Portable>(&self, other: &DStream<(K, W)>) -> DStream<(K, (Option<V>, W))> {
        self.joined(other, "right_outer_join", Right)
    }

    /// As [`join`](Self::join), and the values of either stream whose key the other does not have.
    pub fn full_outer_join<W: Portable>(&self, other: &DStream<(K, W)>) -> DStream<(K, (Option<V>, Option<W>))> {
        self.joined(other, "full_outer_join", Full)
    }

    fn joined<W: Portable, J: Joining<V, W>>(
        &self,
        other: &DStream<(K, W)>,
        kind: &'static str,
        how: J,
    ) -> DStream<(K, J::Row)> {
        let graph = self.graph.clone();
        let name = graph.name(None, kind);
        self.check_context(other, &name);
        let parents = (self.read_by_one_more(), other.read_by_one_more());
        let inputs = parents.0.inputs().into_iter().chain(parents.1.inputs()).collect();
        let input = graph.derived_input(inputs);
        let operator = graph.named_operator(&name, kind, [parents.0.operator(), parents.1.operator()]);
        let node = Join::new(name, parents, input, how, graph.lanes());
        DStream::new(graph, operator, node)
    }
}
