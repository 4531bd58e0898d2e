//! Rows of one stream filtered by what another has learnt.

use std::sync::{Arc, Mutex, PoisonError};

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, Input, Partitions, each_partition};
use crate::error::Error;
use crate::source::Record;

struct FilterWith<T, S, F> {
    name: String,
    parent: Arc<Shared<T>>,
    summaries: Arc<Shared<S>>,
    latest: Mutex<Option<Arc<S>>>,
    condition: F,
}

impl<T, S, F> Node<T> for FilterWith<T, S, F>
where
    T: Record,
    S: Record,
    F: Fn(Option<&S>, &T) -> bool + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        if let Some(partitions) = self.summaries.prepare(run)? {
            let last = each_partition(run, &self.name, partitions.len(), |partition| {
                let mut last = None;
                self.summaries.run(run, partition, &mut |rows| {
                    last = rows.pop().or(last.take());
                    rows.clear();
                })?;
                Ok(last)
            })?;
            if let Some(summary) = last.into_iter().flatten().next_back() {
                *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(summary));
            }
        }
        self.parent.prepare(run)
    }

    fn run(&self, run: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.parent.run(run, partition, &mut |rows| {
            rows.retain(|row| (self.condition)(latest.as_deref(), row));
            if !rows.is_empty() {
                out(rows);
            }
        })
    }
}

impl<T: Record> DStream<T> {
    /// The rows for which a condition holds that knows the latest row of another stream, such as a Bloom filter of what
    /// was seen there.
    ///
    /// The latest row is the last one of the other stream's batch of the same time; if that has none, the last one
    /// before it; `None` before the first. It is not part of snapshots: a job that goes on begins with `None`.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger};
    ///
    /// let ctx = StreamingContext::builder("filter").trigger(Trigger::Available).build();
    /// let ((blocked, a), (visitors, b)) = (Queue::new(), Queue::new());
    /// let blocklist = ctx.source(a);
    /// let welcome = ctx.source(b).filter_with(&blocklist, |latest: Option<&Vec<&str>>, visitor: &&str| {
    ///     latest.is_none_or(|blocked| !blocked.contains(visitor))
    /// });
    /// let welcome = welcome.collect_to_memory();
    /// blocked.push(vec![vec!["10.0.0.1"]]);
    /// visitors.push(vec!["10.0.0.1", "10.0.0.2"]);
    /// ctx.run()?;
    /// assert_eq!(welcome.rows(), ["10.0.0.2"]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn filter_with<S: Record>(
        &self,
        summaries: &DStream<S>,
        condition: impl Fn(Option<&S>, &T) -> bool + Send + Sync + 'static,
    ) -> DStream<T> {
        let graph = self.graph.clone();
        let name = graph.name(None, "filter_with");
        self.check_context(summaries, &name);
        let (parent, summaries) = (self.read_by_one_more(), summaries.read_by_one_more());
        let operator = graph.named_operator(&name, "filter_with", [parent.operator(), summaries.operator()]);
        DStream::new(graph, operator, FilterWith { name, parent, summaries, latest: Mutex::new(None), condition })
    }
}
