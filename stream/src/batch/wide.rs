//! Operations for which rows are gathered.

use streamgauge_sketches::OwnedKey;

use super::Batch;
use super::exchange::Portable;
use crate::dstream::{Gathered, Narrow, Persist, Storage, mapped};
use crate::source::Record;

impl<T: Record> Batch<T> {
    /// Each row once, by lane of the row and first appearance.
    pub fn distinct(self) -> Self
    where
        T: OwnedKey,
    {
        self.map(|row| (row, ()))
            .reduce_by_key(|(), ()| ())
            .then(|parent, _| Narrow { parent, chunk: mapped(|(row, ())| row) })
    }

    /// The rows ordered by a key of theirs; rows of equal keys stay in their order.
    pub fn sort_by_key<Q: Ord>(self, key: impl Fn(&T) -> Q + Send + Sync + 'static) -> Self {
        self.sort_by(move |a, b| key(a).cmp(&key(b)))
    }

    /// The rows in an order of their own; rows that are equal in it stay in their order.
    pub fn sort_by(self, order: impl Fn(&T, &T) -> std::cmp::Ordering + Send + Sync + 'static) -> Self {
        self.then(|parent, env| Gathered::sorted(env.name("sort_by"), parent, env.input, order))
    }

    /// Each row with its number, counted from 0 over all partitions.
    pub fn zip_with_index(self) -> Batch<(T, u64)> {
        self.then(|parent, env| Gathered::numbered(env.name("zip_with_index"), parent, env.input))
    }

    /// The same rows in this many partitions of the same size, in their order. Zero partitions are the action's error.
    pub fn repartition(self, partitions: usize) -> Self {
        self.then(|parent, env| Gathered::divided(env.name("repartition"), parent, env.input, partitions))
    }

    /// Keeps the rows when they are first computed, to be read several times: in memory, or beyond a number of bytes in
    /// a temporary file. A [clone](Clone) keeps them in memory too; this is for more than that.
    pub fn persist(self, storage: Storage) -> Self
    where
        T: Portable,
    {
        self.then(|parent, env| Persist::new(env.name("persist"), parent, storage))
    }
}
