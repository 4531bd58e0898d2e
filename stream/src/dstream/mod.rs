//! The graph of a job: streams of batches and the operators on them.
//!
//! A [`DStream`] is a rule that turns a batch time into a partitioned batch. *Narrow* operators (map, filter, flat_map)
//! fuse: rows go from the source to the next wide operator in chunks, one dynamic call a chunk, without being kept.
//! *Wide* operators (everything grouped) compute when the batch is prepared. A stream that several operators read is
//! computed once and kept for the batch.

mod combine;
mod cut;
mod grouped;
mod narrow;
mod output;
mod shared;
mod source;
mod state;
mod summarize;
mod text;
mod union;
mod wide;

pub use cut::{EventTime, EventWindows, PerBatch, Windows};
pub use grouped::{All, By, ByEach, Grouped, Grouping, Reading, Row};
pub use output::Outcome;
pub use state::{Forever, HalfLife, IdleTimeout, KeyedState, NewRecords, NoTimeout, Running, StateStream, StateTime};
pub use text::{OnMalformed, TextStream};

pub(crate) use combine::{Part, absorb_chunk, merge_groups, scatter};
pub(crate) use shared::Shared;
pub(crate) use source::SourceNode;
pub(crate) use summarize::{expect_like, is_much};
pub(crate) use wide::{Compute, Wide, in_chunks};

use std::sync::Arc;

use crate::batch::{BatchRun, Input, Partitions};
use crate::error::Error;
use crate::graph::Graph;
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

impl<T: Record> DStream<T> {
    pub(crate) fn new(graph: Arc<Graph>, node: impl Node<T> + 'static) -> Self {
        Self { node: Arc::new(Shared::new(Box::new(node))), graph }
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
