//! The state of a dashboard: its panels and their histories, and the gauges of the engine.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

use super::datapoint::DataPoint;
use super::datum::{Datum, fields};
use super::history::History;
use super::kinds::Kind;
use super::saved::SavedPanel;
use super::series::Names;
use super::settings::Settings;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::monitor::{BatchInfo, Listener, Report};
use crate::time::Time;

/// Engine points that are kept.
const ENGINE_HISTORY: usize = 1_000;
/// Updates that a page may be behind before it gets the whole state again.
const BACKLOG: usize = 16;
/// The least time between two updates, in milliseconds: people see no more.
const UPDATE_EVERY: i64 = 250;

/// An event for the pages. It is written out by the first of them that sends it, for all: no batch does that.
#[derive(Clone, Debug)]
pub(in crate::monitor) struct Event(Arc<(Message, OnceLock<String>)>);

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        Self(Arc::new((message, OnceLock::new())))
    }
}

impl Event {
    pub(in crate::monitor) fn name(&self) -> &'static str {
        match self.0.0 {
            Message::Hello(_) => "hello",
            Message::Update(_) => "update",
            Message::Stopped {} => "stopped",
        }
    }

    /// Its JSON.
    pub(in crate::monitor) fn data(&self) -> &str {
        let (message, text) = &*self.0;
        // Writing to memory fails only for maps whose keys are no text, and there are none.
        text.get_or_init(|| serde_json::to_string(message).unwrap_or_default())
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Message {
    Hello(Hello),
    Update(Update),
    Stopped {},
}

#[derive(Debug)]
pub(in crate::monitor) struct Board {
    name: Arc<str>,
    session: Arc<str>,
    state: Mutex<State>,
    events: broadcast::Sender<Event>,
}

#[derive(Debug)]
struct State {
    panels: Vec<PanelState>,
    engine: Stored,
    sent: Option<Time>,
    interval: Option<u64>,
    totals: Report,
    source_records: Vec<u64>,
    stopped: bool,
}

#[derive(Debug)]
struct PanelState {
    kind: Kind,
    settings: Settings,
    /// The names of its series, if it has any.
    names: Names,
    points: Stored,
}

/// Points, and those of them that were not sent yet.
#[derive(Debug)]
struct Stored {
    history: History,
    longest: usize,
    /// Their times.
    unsent: Vec<i64>,
}

/// The whole state, as a page gets it first.
#[derive(Debug, Serialize)]
struct Hello {
    name: Arc<str>,
    session: Arc<str>,
    interval_ms: Option<u64>,
    panels: Vec<HelloPanel>,
    engine: Vec<DataPoint>,
}

#[derive(Debug, Serialize)]
struct HelloPanel {
    id: usize,
    kind: &'static str,
    #[serde(flatten)]
    settings: Settings,
    /// The names of its series, in their order.
    series: Vec<Arc<str>>,
    points: Vec<DataPoint>,
}

/// What is new since the last event.
#[derive(Debug, Serialize)]
struct Update {
    panels: Vec<UpdatePanel>,
    engine: Vec<DataPoint>,
}

#[derive(Debug, Serialize)]
struct UpdatePanel {
    id: usize,
    points: Vec<DataPoint>,
}

impl Stored {
    fn new(longest: usize) -> Self {
        Self { history: History::new(longest), longest, unsent: Vec::new() }
    }

    fn add(&mut self, point: DataPoint, names: &Names) {
        let time = point.time;
        self.history.add(point, names);
        // What takes the place of another is sent in its place.
        if !self.unsent.iter().rev().any(|known| *known == time) {
            self.unsent.push(time);
        }
        // What would be thinned out on arrival need not be sent.
        let surplus = self.unsent.len().saturating_sub(self.longest);
        self.unsent.drain(..surplus);
    }

    fn all(&self) -> Vec<DataPoint> {
        self.history.points().cloned().collect()
    }

    fn take_unsent(&mut self) -> Vec<DataPoint> {
        let times = self.unsent.drain(..);
        times.filter_map(|time| self.history.at(time).cloned()).collect()
    }
}

impl Board {
    pub(super) fn new(name: &str) -> Self {
        let started = SystemClock::default().now().millis();
        let state = State {
            panels: Vec::new(),
            engine: Stored::new(ENGINE_HISTORY),
            sent: None,
            interval: None,
            totals: Report::default(),
            source_records: Vec::new(),
            stopped: false,
        };
        Self {
            name: name.into(),
            session: format!("{started:x}-{:x}", std::process::id()).into(),
            state: Mutex::new(state),
            events: broadcast::channel(BACKLOG).0,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, kind: Kind, title: &str) -> usize {
        let mut state = self.state();
        state.panels.push(PanelState {
            kind,
            settings: Settings::new(title),
            names: Names::default(),
            points: Stored::new(kind.history),
        });
        state.panels.len() - 1
    }

    /// Changes what is said of a panel beside its data.
    pub(super) fn set<R>(&self, panel: usize, change: impl FnOnce(&mut Settings) -> R) -> R {
        change(&mut self.state().panels[panel].settings)
    }

    /// Adds a series to those of a panel; false if it has as many as can be drawn, or one of this name.
    pub(super) fn add_series(&self, panel: usize, name: &str) -> bool {
        self.state().panels[panel].names.add(name)
    }

    /// Adds points to a panel; they are sent with the batch. If the operators above it that shed kept not all of the
    /// batch, the points say so.
    pub(super) fn push(&self, panel: usize, points: Vec<DataPoint>, kept: f64) {
        let mut state = self.state();
        let PanelState { names, points: stored, .. } = &mut state.panels[panel];
        for mut point in points {
            point.limit(names);
            if kept < 1.0 {
                // Enough for people to read, and short.
                point.was_kept((kept * 1e4).round().min(9_999.0) / 1e4);
            }
            stored.add(point, names);
        }
    }

    /// The panels and their histories, to be stored.
    pub(super) fn save<R>(&self, panel: impl FnMut(SavedPanel<'_>) -> R) -> Vec<R> {
        let state = self.state();
        let saved = state.panels.iter().map(|panel| SavedPanel {
            kind: panel.kind.name.into(),
            title: panel.settings.title.as_str().into(),
            points: panel.points.history.texts().map(Into::into).collect(),
        });
        saved.map(panel).collect()
    }

    /// Puts histories back, each to the panel of the same kind and title; the first to the first, if there are several.
    /// Pages get the whole state again.
    pub(super) fn restore(&self, mut saved: Vec<SavedPanel<'_>>) {
        let mut state = self.state();
        for panel in &mut state.panels {
            let is_it = |saved: &SavedPanel<'_>| saved.kind == panel.kind.name && saved.title == panel.settings.title;
            let Some(at) = saved.iter().position(is_it) else { continue };
            let points = saved.remove(at).points;
            points.iter().for_each(|point| panel.points.history.restore(point));
            panel.names.add_all(panel.points.history.names());
        }
        // Nobody listening is no failure.
        let _ = self.events.send(Message::Hello(self.hello(&state)).into());
    }

    /// The events for a page that has just connected: the whole state (and its end, if the job has ended), then updates.
    pub(in crate::monitor) fn subscribe(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        // Under the lock only what is shared is counted up; a batch must not wait while it is written out.
        let (hello, stopped, updates) = {
            let state = self.state();
            (self.hello(&state), state.stopped, self.events.subscribe())
        };
        let mut first = vec![Message::Hello(hello).into()];
        if stopped {
            first.push(Message::Stopped {}.into());
        }
        (first, updates)
    }

    fn hello(&self, state: &State) -> Hello {
        let panels = state.panels.iter().enumerate().map(|(id, panel)| HelloPanel {
            id,
            kind: panel.kind.name,
            settings: panel.settings.clone(),
            series: panel.names.all().to_vec(),
            points: panel.points.all(),
        });
        Hello {
            name: self.name.clone(),
            session: self.session.clone(),
            interval_ms: state.interval,
            panels: panels.collect(),
            engine: state.engine.all(),
        }
    }

    fn send_update(&self, state: &mut State, now: Time) {
        state.sent = Some(now);
        if self.events.receiver_count() == 0 {
            state.panels.iter_mut().for_each(|panel| panel.points.unsent.clear());
            return state.engine.unsent.clear();
        }
        let new = state.panels.iter_mut().map(|panel| panel.points.take_unsent()).enumerate();
        let panels = new.filter(|(_, points)| !points.is_empty()).map(|(id, points)| UpdatePanel { id, points });
        let update = Update { panels: panels.collect(), engine: state.engine.take_unsent() };
        // Nobody listening is no failure.
        let _ = self.events.send(Message::Update(update).into());
    }
}

impl Listener for Board {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let now = SystemClock::default().now();
        let mut state = self.state();
        state.totals.add(batch);
        state.interval = batch.interval.map(|interval| interval.as_millis() as u64);
        state.source_records.resize(batch.sources.len(), 0);
        for (total, source) in state.source_records.iter_mut().zip(&batch.sources) {
            *total += source.records;
        }
        let point = engine_point(&state, batch, now);
        state.engine.add(point, &Names::default());
        let due = state.sent.is_none_or(|sent| now.millis() - sent.millis() >= UPDATE_EVERY);
        if due {
            self.send_update(&mut state, now);
        }
    }

    fn on_stopped(&self, _: Result<&Report, &Error>) {
        let mut state = self.state();
        state.stopped = true;
        self.send_update(&mut state, SystemClock::default().now());
        let _ = self.events.send(Message::Stopped {}.into());
    }
}

fn engine_point(state: &State, batch: &BatchInfo, now: Time) -> DataPoint {
    let millis = |length: Duration| length.as_secs_f64() * 1e3;
    let last = state.engine.history.last_time();
    // Points are told apart by their time.
    let at = last.map_or(now.millis(), |last| now.millis().max(last + 1));
    // The first batch may bring a backlog: it counts as what came in within a second at least.
    let first = || millis(batch.processing.max(batch.interval.unwrap_or(Duration::from_secs(1))));
    let rate = batch.records as f64 * 1e3 / last.map_or_else(first, |last| (at - last) as f64);
    let sources =
        batch.sources.iter().zip(&state.source_records).map(
            |(source, records)| fields! { "name": &*source.name, "records": *records, "finished": source.finished },
        );
    let fields = fields! {
        "records": batch.records,
        "rate": rate,
        "processing_ms": millis(batch.processing),
        "interval_ms": batch.interval.map(millis),
        "delay_ms": millis(batch.scheduling_delay),
        "late": state.totals.late,
        "malformed": state.totals.malformed,
        "sampled": batch.sampled,
        "sources": sources.collect::<Datum>(),
        "watermark": batch.watermark.map(Time::millis),
    };
    DataPoint::fields(at, fields)
}
