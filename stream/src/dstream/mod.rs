//! The graph of a job: streams of batches and the operators on them.
//!
//! A [`DStream`] is a rule that turns a batch time into a partitioned batch. *Narrow* operators (map, filter, flat_map)
//! fuse: rows go from the source to the next wide operator in chunks, one dynamic call a chunk, without being kept.
//! *Wide* operators (everything grouped) compute when the batch is prepared. A stream that several operators read is
//! computed once and kept for the batch.

mod aggregate;
mod audit;
mod by_key;
mod combine;
#[cfg(feature = "csv")]
mod csv;
mod cut;
mod filter_with;
mod for_each;
mod gathered;
mod grouped;
mod join;
#[cfg(feature = "json")]
mod json;
mod keep;
mod model;
mod narrow;
mod outgoing;
mod output;
mod parse;
mod partitions;
mod remember;
mod sample;
mod settled;
mod shared;
mod shed;
mod source;
mod state;
mod summarize;
mod table;
mod text;
mod transform;
mod union;
mod whole;
mod wide;

pub use aggregate::Value;
pub use audit::{AuditRow, AuditedRow};
#[cfg(feature = "csv")]
pub use csv::CsvStream;
pub use cut::{ByEventTime, EndsByEventTime, EventSessions, EventTime, EventWindows, PerBatch, Windows};
pub use grouped::{All, By, ByEach, Grouped, Grouping, Reading, Row};
#[cfg(feature = "json")]
pub use json::json;
pub use model::{KeyedModels, Model, Trained};
pub use output::Outcome;
pub use parse::OnMalformed;
pub use shed::{Sampled, SampledGrouped, SampledPart, SampledRow, SampledStream};
pub use state::{
    Forever, HalfLife, IdleTimeout, KeyedState, NewRecords, NoTimeout, Running, StateStream, StateTime, Timeout,
};
pub use text::TextStream;

pub(crate) use aggregate::{Aggregate, Counting, Gather, Reduce, add};
pub use keep::Storage;
pub use table::{OnBadTable, ReferenceTable};
pub use transform::Transformed;

pub(crate) use by_key::{Combine, CombineByKey, Combiner, aggregating, by_reduction, grouping};
pub(crate) use combine::{Part, absorb_chunk, count_merged, merge_groups, scatter};
pub(crate) use gathered::Gathered;
pub(crate) use join::{Both, Full, Inner, Join, Joining, Left, Right};
pub(crate) use keep::Persist;
pub(crate) use narrow::{Narrow, filtered, mapped};
pub(crate) use outgoing::Outgoing;
pub(crate) use partitions::{Coalesce, MapPartitions};
pub(crate) use sample::{Draw, Numbers, Sample};
pub(crate) use settled::Settled;
pub(crate) use shared::Shared;
pub(crate) use source::SourceNode;
pub(crate) use summarize::is_much;
pub(crate) use union::union;
pub(crate) use wide::{Compute, Wide, in_chunks, try_in_chunks};

use std::sync::Arc;

use crate::batch::{BatchRun, Input, Partitions};
use crate::error::Error;
use crate::graph::{Graph, OperatorId};
use crate::source::Record;

/// An operator of the graph, producing rows of type `T`.
pub(crate) trait Node<T>: Send + Sync {
    /// The inputs that the rows come from.
    fn inputs(&self) -> Vec<Input>;

    /// Gets a batch ready: wide operators compute here. `None` if the stream has no batch at this time.
    ///
    /// Called once a batch, before any `run`.
    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error>;

    /// Hands over the rows of a partition in order, some at a time. `out` leaves the vector empty.
    ///
    /// Called once a batch and partition, from any thread.
    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error>;

    /// Whether it keeps the rows of a batch by itself: it then may be prepared and run by every reader.
    fn keeps_rows(&self) -> bool {
        false
    }
}

/// A stream of batches of rows.
///
/// Cheap to clone: a clone is the same stream. Nothing runs until the context is started, and only what leads to an
/// output.
///
/// ```
/// use streamgauge_stream::{Queue, StreamingContext, Trigger};
///
/// let ctx = StreamingContext::builder("doubled").trigger(Trigger::Available).build();
/// let (queue, source) = Queue::new();
/// let doubled = ctx.source(source).filter(|x| x % 2 == 1).map(|x: i32| 2 * x).collect_to_memory();
/// queue.push(vec![1, 2, 3]);
/// ctx.run()?;
/// assert_eq!(doubled.rows(), [2, 6]);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub struct DStream<T> {
    node: Arc<Shared<T>>,
    pub(crate) graph: Arc<Graph>,
}

impl<T> Clone for DStream<T> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), graph: self.graph.clone() }
    }
}

impl<T> std::fmt::Debug for DStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DStream<{}>", std::any::type_name::<T>())
    }
}

impl<T> DStream<T> {
    /// The operator that gives it.
    pub(crate) fn operator(&self) -> Option<OperatorId> {
        self.node.operator()
    }
}

impl<T: Record> DStream<T> {
    /// The stream that an operator gives.
    pub(crate) fn new(graph: Arc<Graph>, operator: OperatorId, node: impl Node<T> + 'static) -> Self {
        graph.gives::<T>(operator);
        Self { node: Arc::new(Shared::new(Box::new(node), Some(operator))), graph }
    }

    /// The same, whose chunks have so many rows.
    pub(crate) fn counted(
        graph: Arc<Graph>,
        operator: OperatorId,
        node: impl Node<T> + 'static,
        count: fn(&[T]) -> u64,
    ) -> Self {
        graph.gives::<T>(operator);
        Self { node: Arc::new(Shared::new(Box::new(node), Some(operator)).counted(count)), graph }
    }

    /// Takes note of a mistake if a stream of another context is combined with this one.
    pub(crate) fn check_context<U>(&self, other: &DStream<U>, operator: &str) {
        if !Arc::ptr_eq(&self.graph, &other.graph) {
            let problem = format!("{operator}: the streams belong to different contexts; build them from one");
            other.graph.problem(problem.as_str());
            self.graph.problem(problem);
        }
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.node.has_readers()
    }

    /// The node, for one more operator that reads it.
    pub(crate) fn read_by_one_more(&self) -> Arc<Shared<T>> {
        // One more reader of a running stream would change how its rows are handed over, in the middle of a batch.
        if !self.graph.is_started() {
            self.node.add_reader();
        }
        self.node.clone()
    }
}
