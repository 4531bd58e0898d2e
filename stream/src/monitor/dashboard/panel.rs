//! Panels, and the points they are fed with.

use std::marker::PhantomData;

use streamgauge_sketches::{Estimate, Quantiles};

use super::Dashboard;
use super::datapoint::DataPoint;
use super::settings::{Settings, Threshold};
use super::text::cut;
use crate::time::Time;

/// A panel of the dashboard. Its settings are chained on what made it.
///
/// ```no_run
/// # use streamgauge_stream::{DStream, StreamingContext};
/// # fn described(ctx: &StreamingContext, latencies: &DStream<f64>) {
/// ctx.dashboard().line("Latency", latencies, |ms| *ms).unit("ms").threshold(250.0, "SLO").page("Details").group("Web");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Panel<K = ()> {
    dashboard: Dashboard,
    id: usize,
    kind: PhantomData<K>,
}

impl<K> Panel<K> {
    pub(super) fn new(dashboard: &Dashboard, id: usize) -> Self {
        Self { dashboard: dashboard.clone(), id, kind: PhantomData }
    }

    pub(super) fn dashboard(&self) -> &Dashboard {
        &self.dashboard
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    /// Takes note of a mistake in the description of the panel.
    pub(super) fn problem(&self, problem: &str) {
        let title = self.dashboard.board.set(self.id, |settings| settings.title.clone());
        self.dashboard.graph.problem(format!("dashboard: {title}: {problem}"));
    }

    fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.dashboard.board.set(self.id, change);
        self
    }

    /// The unit printed behind its numbers.
    pub fn unit(self, unit: &str) -> Self {
        self.set(|settings| settings.unit = cut(unit))
    }

    /// A level that is drawn as a line with a label, such as a limit that is not to be passed. A panel may have several.
    /// One that is no number is a mistake of the job, told at its start.
    pub fn threshold(self, level: f64, label: &str) -> Self {
        if !level.is_finite() {
            self.problem(&format!("the threshold {label:?} is {level}; give the level as a finite number"));
            return self;
        }
        self.set(|settings| settings.thresholds.push(Threshold::new(level, label)))
    }

    /// The page it is on; without this, the first. Pages come in the order in which they are named.
    pub fn page(self, page: &str) -> Self {
        self.set(|settings| settings.page = cut(page))
    }

    /// The group that it is shown in, under a heading of this name, on its page. Groups come in the order in which they
    /// are named; before them, the panels without one.
    pub fn group(self, group: &str) -> Self {
        self.set(|settings| settings.group = cut(group))
    }
}

/// A value at a time: the time of the batch unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Point<V = Estimate> {
    time: Option<Time>,
    pub(super) value: V,
}

impl<V> Point<V> {
    /// A value at the time of its batch.
    pub fn of(value: V) -> Self {
        Self { time: None, value }
    }

    /// A value at a time of its own.
    pub fn at(time: Time, value: V) -> Self {
        Self { time: Some(time), value }
    }

    pub(super) fn map<U>(self, f: impl FnOnce(V) -> U) -> Point<U> {
        Point { time: self.time, value: f(self.value) }
    }

    pub(super) fn millis(&self, batch: Time) -> i64 {
        self.time.unwrap_or(batch).millis()
    }
}

impl<E: Into<Estimate>> From<E> for Point {
    fn from(value: E) -> Self {
        Self::of(value.into())
    }
}

impl From<Quantiles> for Point<Quantiles> {
    fn from(value: Quantiles) -> Self {
        Self::of(value)
    }
}

impl Point<Estimate> {
    pub(super) fn datapoint(&self, batch: Time) -> DataPoint {
        DataPoint::estimate(self.millis(batch), self.value)
    }
}
