//! Windows for what cannot be merged: their records are kept, and it is fitted to them when they are given out.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Mismatch, Sliding, Spec, Summary};

use crate::dstream::{
    DStream, EventSessions, EventTime, EventWindows, Grouped, Grouping, PerBatch, Reading, Row, Value, Windows,
};
use crate::source::Record;
use crate::window::Window;

/// Records in the order in which they came: what merges, for those that do not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rows<T>(Vec<T>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Value> Summary for Rows<T> {
    type Reading = Vec<T>;

    const NAME: &'static str = "records";

    fn schema() -> String {
        format!("records {}", std::any::type_name::<T>())
    }

    fn read(&self) -> Vec<T> {
        self.0.clone()
    }

    /// Without what the records hold on the heap.
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.0.capacity() * size_of::<T>()
    }
}

impl<T: Value> Merge for Rows<T> {
    type Window = KeptRows<T>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.0.extend_from_slice(&other.0);
        Ok(())
    }
}

/// The panes of a window, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptRows<T>(VecDeque<Rows<T>>);

impl<T: Value> Sliding<Rows<T>> for KeptRows<T> {
    type Ticket = ();

    fn new(_: u32, _: u64) -> Self {
        Self(VecDeque::new())
    }

    fn push(&mut self, pane: Rows<T>) -> Result<(), Mismatch> {
        self.0.push_back(pane);
        Ok(())
    }

    fn expire(&mut self, (): ()) -> Result<(), Mismatch> {
        self.0.pop_front();
        Ok(())
    }

    fn total(&self) -> Result<Option<Rows<T>>, Mismatch> {
        Ok((!self.0.is_empty()).then(|| Rows(self.0.iter().flat_map(|pane| &pane.0).cloned().collect())))
    }

    fn reading(&self) -> Result<Option<Vec<T>>, Mismatch> {
        Ok(self.total()?.map(|rows| rows.0))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn window_bytes(&self) -> usize {
        size_of::<Self>() + self.0.iter().map(Summary::memory_bytes).sum::<usize>()
    }
}

/// Takes records as they are.
fn rows<T: Value>(on: On<Identity<T>>) -> impl Spec<Item = T, State = Rows<T>> {
    on.feed(Rows::default(), |rows: &mut Rows<T>, record: &T| rows.0.push(record.clone()))
}

/// The reading of what is fitted to records. They are one batch of it.
fn fitted<S: Spec<Item: Sized>>(spec: &S, records: &[S::Item]) -> Reading<S> {
    let mut state = spec.start();
    spec.absorb_all(&mut state, records);
    state.end_batch();
    state.read()
}

/// Rows made of rows, each by itself, on all threads: there are few, and each is much work.
fn each_row<A: Record, B: Record>(stream: &DStream<A>, fit: impl Fn(A) -> B + Send + Sync + 'static) -> DStream<B> {
    stream.narrow("fit", move |rows, out| out.par_extend(rows.par_drain(..).with_max_len(1).map(&fit)))
}

impl<T: Value, G: Grouping<T>> Grouped<T, G, PerBatch> {
    /// What is learned anew from the records of each group of a batch, in their order: for learners and other summaries
    /// that cannot be merged; those that can are [summarized](Self::summarize), which is less work.
    pub fn fit<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Row<T, G, S>>
    where
        S: Spec<Item = T>,
        Reading<S>: Record,
    {
        let spec = spec(self.stream.graph.on());
        each_row(&self.summarize(rows), move |row| G::map_row(row, |records| fitted(&spec, &records)))
    }
}

impl<T: Value, G: Grouping<T>> Grouped<T, G, Windows> {
    /// What is learned anew from the records of each group in the window, oldest first, at every slide: for learners and
    /// other summaries that cannot be merged. Those that can are [summarized](Self::summarize), which costs far less.
    ///
    /// The records in the window are kept, and all of them are learned at every slide: memory and time grow with the
    /// length of the window, and time with length / slide. Groups are fitted in parallel; rows come as those of
    /// [`gather`](Self::gather).
    pub fn fit<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Row<T, G, S>>
    where
        S: Spec<Item = T>,
        Reading<S>: Record,
    {
        let spec = spec(self.stream.graph.on());
        each_row(&self.gather(T::clone), move |row| G::map_row(row, |records| fitted(&spec, &records)))
    }
}

/// Event time by a function that is asked again later.
fn shared<T, F>(event_time: EventTime<F>) -> (EventTime<impl Fn(&T) -> i64 + Send + Sync + 'static>, Arc<F>)
where
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    let EventTime { time, delay, lateness, idle } = event_time;
    let (asked, time) = {
        let time = Arc::new(time);
        (time.clone(), time)
    };
    (EventTime { time: move |record: &T| asked(record), delay, lateness, idle }, time)
}

/// What is fitted to the records of windows of event time, in the order in which they happened.
fn fitted_in_time<T, G, S, F>(
    windows: &DStream<Window<G::Row<Vec<T>>>>,
    spec: S,
    time: Arc<F>,
) -> DStream<Window<Row<T, G, S>>>
where
    T: Value,
    G: Grouping<T>,
    S: Spec<Item = T>,
    Reading<S>: Record,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    each_row(windows, move |Window { start, end, value }| {
        let fit = |mut records: Vec<T>| {
            // Stable: what happened at the same time stays as it came.
            records.sort_by_key(|record| time(record));
            fitted(&spec, &records)
        };
        Window { start, end, value: G::map_row(value, fit) }
    })
}

impl<T, G, F> Grouped<T, G, EventWindows<F>>
where
    T: Value,
    G: Grouping<T>,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// What is learned anew from the records of each group over each window, in the order of their event times, those of
    /// the same time as they came: for learners and other summaries that cannot be merged. Those that can are
    /// [summarized](Self::summarize), which costs far less. Rows come as theirs do.
    ///
    /// The records of windows that are not over are kept, and all records of a window are learned when it is given out:
    /// time grows with length / slide, and in the modes that give rows early with their number.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use streamgauge_sketches::Summary;
    /// # #[derive(Clone, Serialize, Deserialize)]
    /// # struct Path(f64);
    /// # impl Summary for Path {
    /// #     type Reading = f64;
    /// #     const NAME: &'static str = "Path";
    /// #     fn read(&self) -> f64 { self.0 }
    /// #     fn memory_bytes(&self) -> usize { size_of::<Self>() }
    /// # }
    /// # use streamgauge_stream::{DStream, mins};
    /// # fn stream(steps: DStream<(i64, f64)>) {
    /// let ways = steps.event_time(|(at, _)| *at, mins(1)).tumbling(mins(5));
    /// let ways = ways.fit(|on| on.feed(Path(0.0), |path, (_, step)| path.0 = 0.9 * path.0 + step));
    /// # }
    /// ```
    ///
    /// `Path` does not merge, and is refused by the compiler where partial results are put together:
    ///
    /// ```compile_fail,E0277
    /// # use serde::{Deserialize, Serialize};
    /// # use streamgauge_sketches::Summary;
    /// # #[derive(Clone, Serialize, Deserialize)]
    /// # struct Path(f64);
    /// # impl Summary for Path {
    /// #     type Reading = f64;
    /// #     const NAME: &'static str = "Path";
    /// #     fn read(&self) -> f64 { self.0 }
    /// #     fn memory_bytes(&self) -> usize { size_of::<Self>() }
    /// # }
    /// # use streamgauge_stream::{DStream, mins};
    /// # fn stream(steps: DStream<(i64, f64)>) {
    /// let ways = steps.event_time(|(at, _)| *at, mins(1)).tumbling(mins(5));
    /// let ways = ways.summarize(|on| on.feed(Path(0.0), |path, (_, step)| path.0 = 0.9 * path.0 + step));
    /// # }
    /// ```
    pub fn fit<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Window<Row<T, G, S>>>
    where
        S: Spec<Item = T>,
        Reading<S>: Record,
    {
        let Self { stream, grouping, cut: EventWindows { event_time, windows, mode }, name } = self;
        let spec = spec(stream.graph.on());
        let (event_time, time) = shared(event_time);
        let kept = Grouped { stream, grouping, cut: EventWindows { event_time, windows, mode }, name };
        fitted_in_time::<T, G, S, F>(&kept.summarize(rows), spec, time)
    }
}

impl<T, G, F> Grouped<T, G, EventSessions<F>>
where
    T: Value,
    G: Grouping<T>,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// What is learned anew from the records of the sessions of each group, in the order of their event times, those of
    /// the same time as they came: for learners and other summaries that cannot be merged. Those that can are
    /// [summarized](Self::summarize); rows come as theirs do.
    ///
    /// The records of sessions that are not over are kept.
    pub fn fit<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Window<Row<T, G, S>>>
    where
        S: Spec<Item = T>,
        Reading<S>: Record,
    {
        let Self { stream, grouping, cut: EventSessions { event_time, gap, mode }, name } = self;
        let spec = spec(stream.graph.on());
        let (event_time, time) = shared(event_time);
        let kept = Grouped { stream, grouping, cut: EventSessions { event_time, gap, mode }, name };
        fitted_in_time::<T, G, S, F>(&kept.summarize(rows), spec, time)
    }
}
