//! Streams that may be sampled when the job cannot keep up.

mod allocation;
mod grouped;
mod spec;
mod thin;

pub use self::grouped::SampledGrouped;
pub use self::spec::{Sampled, SampledPart, SampledRow};
use self::thin::Thin;

use std::hash::Hash;
use std::sync::Arc;

use super::{DStream, Draw, Node as _};
use crate::batch::exchange::key_hash;
use crate::monitor::SHED;
use crate::source::Record;

/// A stream whose records may stand for several: what [`shed`](DStream::shed) gives.
///
/// It has the operators that keep the error of the sampling known, and no others. Each record leads to one at most: of
/// records that one record was made into, all are kept or none, so that they err together, and the intervals would be
/// too narrow. Joins, state by key, sessions (whose gaps a sample has more of) and outputs do not exist on it;
/// [`rows`](Self::rows) gives the records with their weights for whatever else is to be done.
#[derive(Clone, Debug)]
pub struct SampledStream<T> {
    pub(crate) stream: DStream<Sampled<T>>,
    /// The operator that samples.
    pub(crate) shed: Arc<str>,
}

impl<T: Record> DStream<T> {
    /// Lets the job thin this stream when it cannot keep up: a sample of the records goes on, each with its weight, and
    /// what is summarized of them is scaled up and has wider intervals.
    ///
    /// While the job keeps up every record goes on with weight one, and all results are to the bit what they are without
    /// this. When batches take longer than their interval a fraction of the records is kept, never less than `floor`,
    /// in 0..=1: the lower it is, the more the job can bear and the wider the intervals may become. With the load gone,
    /// every record is kept again. Only jobs with a batch interval (the trigger [`Every`](crate::Trigger::Every)) shed.
    ///
    /// Of the records in hand, a thousand at a time, each *stratum* (the records of one key) is sampled on its own: a
    /// rare one is kept whole, frequent ones are thinned, none to less than half of the fraction.
    /// Each record is kept or not independently of the others, by a random number that depends on the job's seed, the
    /// operator, the time of the batch, the partition and the position: a batch that is run again after a crash samples
    /// the same records.
    ///
    /// Place it before the expensive work: what comes before it is done for every record. Not for a stream that is
    /// asked for distinct counts, membership, extremes or single records: they cannot be scaled up, and the start of
    /// the job refuses them.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("visits").trigger(Trigger::Available).build();
    /// let (queue, visits) = Queue::new();
    /// let bytes = ctx
    ///     .source(visits)
    ///     .shed(|(page, _): &(&str, u64)| *page, 0.1)
    ///     .key_by(|(page, _)| *page)
    ///     .summarize(|on| (on.count(), on.sum(|(_, bytes)| *bytes), on.mean(|(_, bytes)| *bytes)))
    ///     .collect_to_memory();
    /// queue.push(vec![("/", 10), ("/", 30), ("/about", 5)]);
    /// ctx.run()?;
    /// for (page, (visits, sum, mean)) in bytes.rows() {
    ///     assert!(visits.is_exact() && sum.is_exact() && mean.is_exact(), "{page}: nothing was shed");
    /// }
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn shed<Q, F>(&self, by: F, floor: f64) -> SampledStream<T>
    where
        Q: Hash + ?Sized,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        self.shed_as(None, by, floor)
    }

    /// [`shed`](Self::shed) under a name of its own. A job that is changed and goes on samples as before only under the
    /// same name.
    pub fn shed_named<Q, F>(&self, name: impl Into<String>, by: F, floor: f64) -> SampledStream<T>
    where
        Q: Hash + ?Sized,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        self.shed_as(Some(name.into()), by, floor)
    }

    fn shed_as<Q, F>(&self, name: Option<String>, by: F, floor: f64) -> SampledStream<T>
    where
        Q: Hash + ?Sized,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        let name: Arc<str> = self.graph.name(name, SHED).into();
        if !(floor > 0.0 && floor <= 1.0) {
            self.graph.problem(format!(
                "{name}: the floor is {floor}; give the lowest fraction of the records to keep, above 0 and at most 1"
            ));
        }
        let operator = self.graph.named_operator(&name, SHED, [self.operator()]);
        self.graph.sheds(&name, operator, self.node.inputs(), floor);
        let thin = Thin {
            draw: Draw::new(self.graph.seed(), &name, 0),
            parent: self.read_by_one_more(),
            stratum: move |record: &T| key_hash(by(record)),
            // A wrong one is told at the start.
            floor: if floor.is_nan() { 1.0 } else { floor.clamp(0.0, 1.0) },
        };
        SampledStream { stream: DStream::new(self.graph.clone(), operator, thin), shed: name }
    }
}

impl<T: Record> SampledStream<T> {
    fn with<U: Record>(
        &self,
        kind: &'static str,
        chunk: impl Fn(&mut Vec<Sampled<T>>, &mut Vec<Sampled<U>>) + Send + Sync + 'static,
    ) -> SampledStream<U> {
        SampledStream { stream: self.stream.narrow(kind, chunk), shed: self.shed.clone() }
    }

    /// Each record made into another of the same weight.
    pub fn map<U: Record>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> SampledStream<U> {
        self.with("map", move |rows, out| out.extend(rows.drain(..).map(|row| row.map(&f))))
    }

    /// The records for which a condition holds.
    pub fn filter(&self, condition: impl Fn(&T) -> bool + Send + Sync + 'static) -> SampledStream<T> {
        self.with("filter", move |rows, out| {
            rows.retain(|row| condition(row.record()));
            out.append(rows);
        })
    }

    /// Each record made into another, or into none.
    pub fn filter_map<U: Record>(&self, f: impl Fn(T) -> Option<U> + Send + Sync + 'static) -> SampledStream<U> {
        self.with("filter_map", move |rows, out| out.extend(rows.drain(..).filter_map(|row| row.map(&f).transposed())))
    }

    /// The records with their weights, for work of your own: to count a record, add its weight.
    pub fn rows(&self) -> DStream<Sampled<T>> {
        self.stream.clone()
    }
}
