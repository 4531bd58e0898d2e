//! Operations that look at one row or one partition at a time: nothing is kept.

use super::Batch;
use crate::dstream::{Coalesce, Draw, MapPartitions, Narrow, Sample, filtered, mapped, union};
use crate::source::Record;

impl<T: Record> Batch<T> {
    /// Each row made into another.
    pub fn map<U: Record>(self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Batch<U> {
        self.then(|parent, _| Narrow { parent, chunk: mapped(f) })
    }

    /// The rows for which a condition holds.
    pub fn filter(self, condition: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.then(|parent, _| Narrow { parent, chunk: filtered(condition) })
    }

    /// Each row made into none, one or several.
    pub fn flat_map<U: Record, I: IntoIterator<Item = U>>(
        self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Batch<U> {
        let chunk = move |rows: &mut Vec<T>, out: &mut Vec<U>| out.extend(rows.drain(..).flat_map(&f));
        self.then(|parent, _| Narrow { parent, chunk })
    }

    /// Each partition made into other rows. The rows of a partition are gathered in memory for it.
    pub fn map_partitions<U: Record, I: IntoIterator<Item = U>>(
        self,
        f: impl Fn(std::vec::IntoIter<T>) -> I + Send + Sync + 'static,
    ) -> Batch<U> {
        self.then(|parent, _| MapPartitions { parent, f })
    }

    /// The rows of each partition as one row; an empty partition is an empty row.
    pub fn glom(self) -> Batch<Vec<T>> {
        self.map_partitions(|rows| [rows.collect::<Vec<_>>()])
    }

    /// Each row with this probability. Which rows depends on the job's seed, the operator's name, the time of the batch
    /// and the partition: the same whenever the job is run.
    ///
    /// A fraction outside of 0..=1 is the action's error.
    pub fn sample(self, fraction: f64) -> Self {
        self.then(|parent, env| {
            let draw = Draw::new(env.seed, &env.name("sample"), env.next_draw());
            Sample { parent, draw, fraction: move |_: &T| fraction }
        })
    }

    /// The rows of this batch, then those of the other.
    pub fn union(self, other: Self) -> Self {
        let inputs = self.env.input;
        let env = self.env.clone();
        Self::new(env, union(vec![self.into_parent(), other.into_parent()], inputs))
    }

    /// The same rows in fewer partitions: neighbours are put together, nothing is kept or moved. No effect if there are
    /// as few already; zero partitions are the action's error.
    pub fn coalesce(self, partitions: usize) -> Self {
        self.then(|parent, env| Coalesce::new(env.name("coalesce"), parent, env.input, partitions))
    }
}
