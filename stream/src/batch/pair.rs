//! Operations on pairs of a key and a value.

use streamgauge_sketches::OwnedKey;

use super::Batch;
use super::exchange::Portable;
use crate::dstream::{Both, CombineByKey, Combiner, Full, Inner, Join, Joining, Left, Right, by_reduction, grouping};
use crate::source::Record;

impl<K: OwnedKey, V: Record> Batch<(K, V)> {
    /// Each value made into another.
    pub fn map_values<U: Record>(self, f: impl Fn(V) -> U + Send + Sync + 'static) -> Batch<(K, U)> {
        self.map(move |(key, value)| (key, f(value)))
    }

    /// The values of each key combined two by two. The function must be associative.
    pub fn reduce_by_key(self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self
    where
        V: Portable,
    {
        self.combined("reduce_by_key", by_reduction(f))
    }

    /// The values of each key, in their order: in memory all at once. To reduce or to count, the other operations need
    /// far less.
    pub fn group_by_key(self) -> Batch<(K, Vec<V>)>
    where
        V: Portable,
    {
        self.combined("group_by_key", grouping())
    }

    /// The values of each key in a state: made of the first value, taking in the next, merged with those of other
    /// partitions.
    pub fn combine_by_key<C: Portable>(
        self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        absorb: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> Batch<(K, C)> {
        self.combined("combine_by_key", Combiner { create, absorb, merge })
    }

    /// The values of each key absorbed into a state that begins as `zero`.
    pub fn aggregate_by_key<C: Portable>(
        self,
        zero: C,
        absorb: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> Batch<(K, C)> {
        self.combined("aggregate_by_key", crate::dstream::aggregating(zero, absorb, merge))
    }

    fn combined<B: crate::dstream::Combine<V>>(self, operation: &str, combine: B) -> Batch<(K, B::State)> {
        self.then(|parent, env| CombineByKey::new(env.name(operation), parent, env.input, combine, env.lanes))
    }

    /// The values of each key in both batches: keys of this batch first.
    pub fn cogroup<W: Portable>(self, other: Batch<(K, W)>) -> Batch<(K, (Vec<V>, Vec<W>))>
    where
        V: Portable,
    {
        self.joined(other, "cogroup", Both)
    }

    /// Every pair of values of a key in both batches.
    pub fn join<W: Portable>(self, other: Batch<(K, W)>) -> Batch<(K, (V, W))>
    where
        V: Portable,
    {
        self.joined(other, "join", Inner)
    }

    /// As [`join`](Self::join), and the values of this batch whose key the other does not have.
    pub fn left_outer_join<W: Portable>(self, other: Batch<(K, W)>) -> Batch<(K, (V, Option<W>))>
    where
        V: Portable,
    {
        self.joined(other, "left_outer_join", Left)
    }

    /// As [`join`](Self::join), and the values of the other batch whose key this one does not have.
    pub fn right_outer_join<W: Portable>(self, other: Batch<(K, W)>) -> Batch<(K, (Option<V>, W))>
    where
        V: Portable,
    {
        self.joined(other, "right_outer_join", Right)
    }

    /// As [`join`](Self::join), and the values of either batch whose key the other does not have.
    pub fn full_outer_join<W: Portable>(self, other: Batch<(K, W)>) -> Batch<(K, (Option<V>, Option<W>))>
    where
        V: Portable,
    {
        self.joined(other, "full_outer_join", Full)
    }

    fn joined<W: Portable, J: Joining<V, W>>(self, other: Batch<(K, W)>, operation: &str, how: J) -> Batch<(K, J::Row)>
    where
        V: Portable,
    {
        let right = other.into_parent();
        self.then(|left, env| Join::new(env.name(operation), (left, right), env.input, how, env.lanes))
    }
}
