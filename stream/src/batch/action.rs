//! Actions: they run a plan and give a result.

use std::sync::Arc;

use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, OwnedKey, Spec, Summary as _};

use super::{Batch, guarded};
use crate::dstream::{Node as _, Reading, Shared};
use crate::error::Error;
use crate::source::Record;

/// # Actions
///
/// All of them run what leads to the batch.
///
/// # Errors
/// [`Error::Operator`], naming operator and partition, if a function given to an operation panics, a parameter was wrong,
/// or the batch is over; [`Error::Exchange`] if an exchange fails.
impl<T: Record> Batch<T> {
    /// All rows, by partition and in their order.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn collect(self) -> Result<Vec<T>, Error> {
        let mut partitions = self.each(Vec::new, |rows, chunk| rows.append(chunk))?.into_iter();
        let mut all = partitions.next().unwrap_or_default();
        partitions.for_each(|mut rows| all.append(&mut rows));
        Ok(all)
    }

    /// The first rows; partitions beyond those that have enough are not computed.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn take(self, most: usize) -> Result<Vec<T>, Error> {
        let run = self.env.running()?;
        let partitions = self.plan.prepare(&run)?.map_or(0, |partitions| partitions.len());
        let mut rows = Vec::new();
        for partition in 0..partitions {
            if rows.len() >= most {
                break;
            }
            let taken = guarded(&self.env.operator, partition, self.env.time, || {
                let mut taken = Vec::new();
                self.plan.run(&run, partition, &mut |chunk| {
                    let wanted = (most - rows.len()).saturating_sub(taken.len()).min(chunk.len());
                    taken.extend(chunk.drain(..wanted));
                    chunk.clear();
                })?;
                Ok(taken)
            })?;
            rows.extend(taken);
        }
        Ok(rows)
    }

    /// The number of rows.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn count(self) -> Result<u64, Error> {
        Ok(self.each(|| 0, |n, chunk| *n += chunk.len() as u64)?.into_iter().sum())
    }

    /// Whether there are no rows.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn is_empty(self) -> Result<bool, Error> {
        Ok(self.take(1)?.is_empty())
    }

    /// All rows combined two by two; nothing for no rows. The function must be associative: partitions are reduced
    /// apart, then put together in their order.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn reduce(self, f: impl Fn(T, T) -> T + Send + Sync) -> Result<Option<T>, Error> {
        let join = |a: Option<T>, b: T| {
            Some(match a {
                Some(a) => f(a, b),
                None => b,
            })
        };
        let partitions = self.each(
            || None,
            |held, chunk| {
                *held = chunk.drain(..).fold(held.take(), join);
            },
        )?;
        guarded(&self.env.operator, 0, self.env.time, || Ok(partitions.into_iter().flatten().fold(None, join)))
    }

    /// All rows absorbed into a value that each partition starts from `zero`, and those merged in the order of the
    /// partitions; `zero` itself must change nothing in a merge.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn fold<A: Record>(
        self,
        zero: A,
        absorb: impl Fn(A, T) -> A + Send + Sync,
        merge: impl Fn(A, A) -> A + Send + Sync,
    ) -> Result<A, Error> {
        let partitions = self.each(
            || Some(zero.clone()),
            |held, chunk| {
                // Gone only if `absorb` has panicked, and then nobody comes back.
                if let Some(value) = held.take() {
                    *held = Some(chunk.drain(..).fold(value, &absorb));
                }
            },
        )?;
        guarded(&self.env.operator, 0, self.env.time, || Ok(partitions.into_iter().flatten().fold(zero, merge)))
    }

    /// Summaries of all rows: each partition has its own, which are then merged as a tree.
    ///
    /// ```
    /// # use streamgauge_stream::{Batch, Error};
    /// # fn batch(latencies: Batch<f64>) -> Result<(), Error> {
    /// let (count, quantiles) = latencies.summarize(|on| (on.count(), on.quantiles(|x| *x)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of all actions; [`Error::Mismatch`] if two summaries do not go together.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> Result<Reading<S>, Error>
    where
        S: Spec<Item = T>,
        S::State: Merge,
    {
        let spec = spec(On::records().seeded(self.env.seed));
        let mut states = self.each(|| spec.start(), |state, chunk| spec.absorb_all(state, chunk))?;
        let mismatch = |mismatch| Error::Mismatch { operator: self.env.operator.clone(), mismatch };
        while states.len() > 1 {
            let mut pairs = Vec::with_capacity(states.len().div_ceil(2));
            let mut rest = states.into_iter();
            while let Some(mut state) = rest.next() {
                if let Some(other) = rest.next() {
                    state.merge(&other).map_err(mismatch)?;
                }
                pairs.push(state);
            }
            states = pairs;
        }
        Ok(states.pop().unwrap_or_else(|| spec.start()).read())
    }

    /// How often each row is there, by lane of the row and first appearance.
    ///
    /// # Errors
    /// Those of all actions.
    pub fn count_by_value(self) -> Result<Vec<(T, u64)>, Error>
    where
        T: OwnedKey,
    {
        self.map(|row| (row, 1)).reduce_by_key(|a, b| a + b).collect()
    }

    pub(crate) fn into_parent(self) -> Arc<Shared<T>> {
        Arc::new(Shared::new(Box::new(self.plan), None))
    }
}
