//! Sampled streams grouped by a key, cut into windows, or both: the cuts that know what to do with weights.

use std::sync::Arc;
use std::time::Duration;

use streamgauge_sketches::{Decay, Key, Merge, On, Spec};

use super::spec::{OfRecord, Scaled, part};
use super::{Sampled, SampledPart, SampledRow, SampledStream};
use crate::dstream::{
    All, By, DStream, EventTime, EventWindows, Forever, Grouped, Grouping, HalfLife, PerBatch, Reading, Running,
    Windows,
};
use crate::event::OutputMode;
use crate::source::Record;
use crate::window::Window;

/// A sampled stream that is grouped by `G` and cut by `W`, to be summarized: a [`Grouped`] whose summaries take weights.
///
/// Counts, sums, means, frequencies and the most frequent have intervals that hold for all the records that were
/// offered. A summary that cannot take weights, such as a distinct count, is refused at the start of the job.
pub struct SampledGrouped<T, G, W> {
    grouped: Grouped<Sampled<T>, OfRecord<G>, W>,
    shed: Arc<str>,
}

impl<T, G, W> std::fmt::Debug for SampledGrouped<T, G, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sampled{:?}", self.grouped)
    }
}

impl<T: Record> SampledStream<T> {
    fn grouped<W>(&self, cut: W) -> SampledGrouped<T, All, W> {
        let grouped = Grouped { stream: self.stream.clone(), grouping: OfRecord(All), cut, name: None };
        SampledGrouped { grouped, shed: self.shed.clone() }
    }

    /// Grouped by a key that is a part of the record; it need not be that of the strata.
    pub fn key_by<Q, F>(&self, key: F) -> SampledGrouped<T, By<Q, F>, PerBatch>
    where
        Q: Key + ?Sized + 'static,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        self.grouped(PerBatch).key_by(key)
    }

    /// The records of the last `length`, at every multiple of `slide`, by the time of their batch; see
    /// [`DStream::window`].
    pub fn window(&self, length: Duration, slide: Duration) -> SampledGrouped<T, All, Windows> {
        self.grouped(Windows { length, slide })
    }

    /// Says when a record happened, and how much later than newer ones it may arrive; see [`DStream::event_time`]. The
    /// watermark is that of the records that are kept.
    pub fn event_time<F>(
        &self,
        time: F,
        delay: Duration,
    ) -> SampledGrouped<T, All, EventTime<impl Fn(&Sampled<T>) -> i64 + Send + Sync + use<T, F>>>
    where
        F: Fn(&T) -> i64 + Send + Sync + 'static,
    {
        let time = move |row: &Sampled<T>| time(row.record());
        self.grouped(EventTime { time, delay, lateness: Duration::ZERO, idle: None })
    }

    /// Since the job began: a summary of all records so far, kept from batch to batch.
    pub fn running(&self) -> SampledGrouped<T, All, Running<Forever>> {
        self.grouped(PerBatch).running()
    }

    /// Summaries of all records of a batch: one row a batch, none for an empty one.
    pub fn summarize<S>(&self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> DStream<Reading<S>>
    where
        S: Spec<Item = Sampled<T>>,
        S::State: Merge,
        Reading<S>: Record,
    {
        self.grouped(PerBatch).summarize(spec)
    }
}

impl<T, G, W> SampledGrouped<T, G, W> {
    fn then<V>(
        self,
        next: impl FnOnce(Grouped<Sampled<T>, OfRecord<G>, W>) -> Grouped<Sampled<T>, OfRecord<G>, V>,
    ) -> SampledGrouped<T, G, V> {
        SampledGrouped { grouped: next(self.grouped), shed: self.shed }
    }
}

impl<T: Record, G, W> SampledGrouped<T, G, W> {
    /// Names the operator: in errors, on the dashboard, and to find its state again.
    pub fn named(self, name: impl Into<String>) -> Self {
        self.then(|grouped| grouped.named(name))
    }

    /// The spec with weights, if it takes them; a mistake of the job if not.
    fn scaled<S>(&self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> Scaled<S>
    where
        S: Spec<Item = Sampled<T>>,
    {
        let (graph, shed) = (&self.grouped.stream.graph, &self.shed);
        let spec = Scaled(spec(part(&graph.on())));
        if let Some(refusing) = spec.refuses_weights() {
            let operator = self.grouped.name.as_deref().unwrap_or("summarize");
            graph.problem(format!(
                "{operator}: the summary {refusing} cannot absorb weighted records, as {shed} gives them; use counts, \
                 sums, means, frequencies, the most frequent or quantiles there, and {refusing} before {shed}"
            ));
        }
        spec
    }
}

impl<T: Record, W> SampledGrouped<T, All, W> {
    /// Grouped by a key that is a part of the record; it need not be that of the strata.
    pub fn key_by<Q, F>(self, key: F) -> SampledGrouped<T, By<Q, F>, W>
    where
        Q: Key + ?Sized + 'static,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        let Grouped { stream, cut, name, .. } = self.grouped;
        SampledGrouped { grouped: Grouped { stream, grouping: OfRecord(By::new(key)), cut, name }, shed: self.shed }
    }
}

impl<T: Record, G: Grouping<T>> SampledGrouped<T, G, PerBatch> {
    /// The records of the last `length`, at every multiple of `slide`, by the time of their batch.
    pub fn window(self, length: Duration, slide: Duration) -> SampledGrouped<T, G, Windows> {
        self.then(|grouped| grouped.window(length, slide))
    }

    /// Since the job began: each group's summary is kept from batch to batch.
    pub fn running(self) -> SampledGrouped<T, G, Running<Forever>> {
        self.then(Grouped::running)
    }

    /// Summaries of each group of a batch; as [`Grouped::summarize`], with weights.
    pub fn summarize<S>(self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> DStream<SampledRow<T, G, S>>
    where
        S: Spec<Item = Sampled<T>>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let spec = self.scaled(spec);
        self.grouped.summarize(|_| spec)
    }
}

impl<T: Record, G: Grouping<T>> SampledGrouped<T, G, Windows> {
    /// Summaries of each group over the window, at every slide; with weights.
    pub fn summarize<S>(self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> DStream<SampledRow<T, G, S>>
    where
        S: Spec<Item = Sampled<T>>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let spec = self.scaled(spec);
        self.grouped.summarize(|_| spec)
    }
}

impl<T: Record, G: Grouping<T>, F> SampledGrouped<T, G, Running<F>> {
    /// Gives all groups in every batch, not just those that it has changed.
    pub fn complete(self) -> Self {
        self.then(Grouped::complete)
    }
}

impl<T: Record, G: Grouping<T>> SampledGrouped<T, G, Running<Forever>> {
    /// Lets the past fade: what came this long ago, by batch time, weighs half. Intervals are of the faded totals.
    pub fn half_life(self, half_life: Duration) -> SampledGrouped<T, G, Running<HalfLife>> {
        self.then(|grouped| grouped.half_life(half_life))
    }

    /// Summaries of each group since the job began; with weights.
    pub fn summarize<S>(self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> DStream<SampledRow<T, G, S>>
    where
        S: Spec<Item = Sampled<T>>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let spec = self.scaled(spec);
        self.grouped.summarize(|_| spec)
    }
}

impl<T: Record, G: Grouping<T>> SampledGrouped<T, G, Running<HalfLife>> {
    /// Summaries of each group since the job began, in which the past fades; with weights.
    pub fn summarize<S>(self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> DStream<SampledRow<T, G, S>>
    where
        S: Spec<Item = Sampled<T>>,
        S::State: Merge + Decay,
        Reading<S>: Record,
    {
        let spec = self.scaled(spec);
        self.grouped.summarize(|_| spec)
    }
}

impl<T: Record, G, F> SampledGrouped<T, G, EventTime<F>> {
    /// Sliding windows of event time; see [`Grouped::window`].
    pub fn window(self, length: Duration, slide: Duration) -> SampledGrouped<T, G, EventWindows<F>> {
        self.then(|grouped| grouped.window(length, slide))
    }

    /// Tumbling windows of event time: each begins where the last one ends.
    pub fn tumbling(self, length: Duration) -> SampledGrouped<T, G, EventWindows<F>> {
        self.window(length, length)
    }
}

impl<T: Record, G, F> SampledGrouped<T, G, EventWindows<F>> {
    /// Keeps state so much longer than until the watermark has passed it; see [`Grouped::allow_late`].
    pub fn allow_late(self, lateness: Duration) -> Self {
        self.then(|grouped| grouped.allow_late(lateness))
    }

    /// Lets an input that gave no record for so long hold the watermark no more; see [`Grouped::idle_after`].
    pub fn idle_after(self, silence: Duration) -> Self {
        self.then(|grouped| grouped.idle_after(silence))
    }

    /// When windows give rows, and which; see [`Grouped::output_mode`].
    pub fn output_mode(self, mode: OutputMode) -> Self {
        self.then(|grouped| grouped.output_mode(mode))
    }
}

impl<T, G, F> SampledGrouped<T, G, EventWindows<F>>
where
    T: Record,
    G: Grouping<T>,
    F: Fn(&Sampled<T>) -> i64 + Send + Sync + 'static,
{
    /// Summaries of each group over each window; as those of a [`Grouped`], with weights.
    pub fn summarize<S>(self, spec: impl FnOnce(On<SampledPart<T>>) -> S) -> DStream<Window<SampledRow<T, G, S>>>
    where
        S: Spec<Item = Sampled<T>>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let spec = self.scaled(spec);
        self.grouped.summarize(|_| spec)
    }
}
