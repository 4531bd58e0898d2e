//! The state of a dashboard: its panels and their histories, and the gauges of the engine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::history::{History, Json};
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

/// An event for the pages: its name and its JSON, made once for all of them.
#[derive(Clone, Debug)]
pub(in crate::monitor) struct Event {
    pub(in crate::monitor) name: &'static str,
    pub(in crate::monitor) data: Arc<str>,
}

#[derive(Debug)]
pub(in crate::monitor) struct Board {
    name: String,
    session: String,
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
    unsent: Vec<(i64, Json)>,
}

/// The whole state, as a page gets it first.
#[derive(Serialize)]
struct Hello<'a> {
    name: &'a str,
    session: &'a str,
    interval_ms: Option<u64>,
    panels: Vec<HelloPanel>,
    engine: Vec<Json>,
}

#[derive(Serialize)]
struct HelloPanel {
    id: usize,
    kind: &'static str,
    #[serde(flatten)]
    settings: Settings,
    points: Vec<Json>,
}

/// What is new since the last event.
#[derive(Serialize)]
struct Update {
    panels: Vec<UpdatePanel>,
    engine: Vec<Json>,
}

#[derive(Serialize)]
struct UpdatePanel {
    id: usize,
    points: Vec<Json>,
}

impl Stored {
    fn new(longest: usize) -> Self {
        Self { history: History::new(longest), longest, unsent: Vec::new() }
    }

    fn add(&mut self, point: Value) {
        let Some((time, json)) = self.history.add(point) else { return };
        // What takes the place of another is sent in its place.
        match self.unsent.iter_mut().rev().find(|(known, _)| *known == time) {
            Some((_, known)) => *known = json,
            None => self.unsent.push((time, json)),
        }
        // What would be thinned out on arrival need not be sent.
        let surplus = self.unsent.len().saturating_sub(self.longest);
        self.unsent.drain(..surplus);
    }

    fn all(&self) -> Vec<Json> {
        self.history.points().cloned().collect()
    }

    fn take_unsent(&mut self) -> Vec<Json> {
        std::mem::take(&mut self.unsent).into_iter().map(|(_, json)| json).collect()
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
            name: name.to_owned(),
            session: format!("{started:x}-{:x}", std::process::id()),
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
    pub(super) fn push(&self, panel: usize, points: Vec<Value>, kept: f64) {
        let mut state = self.state();
        let PanelState { names, points: stored, .. } = &mut state.panels[panel];
        for mut point in points {
            names.limit(&mut point);
            if let Some(fields) = point.as_object_mut().filter(|_| kept < 1.0) {
                // Enough for people to read, and short.
                fields.insert("kept".to_owned(), json!((kept * 1e4).round().min(9_999.0) / 1e4));
            }
            stored.add(point);
        }
    }

    /// The panels and their histories, to be stored.
    pub(super) fn save<R>(&self, panel: impl FnMut(SavedPanel<'_>) -> R) -> Vec<R> {
        let state = self.state();
        let saved = state.panels.iter().map(|panel| SavedPanel {
            kind: panel.kind.name.into(),
            title: panel.settings.title.as_str().into(),
            points: panel.points.history.points().map(|point| point.get().into()).collect(),
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
            points.into_iter().for_each(|point| panel.points.history.restore(point.into_owned()));
            panel.names.add_all(panel.points.history.names());
        }
        // Nobody listening is no failure.
        let _ = self.events.send(event("hello", &self.hello(&state)));
    }

    /// The events for a page that has just connected: the whole state (and its end, if the job has ended), then updates.
    pub(in crate::monitor) fn subscribe(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        // Under the lock only what is shared is counted up; a batch must not wait while it is written out.
        let (hello, stopped, updates) = {
            let state = self.state();
            (self.hello(&state), state.stopped, self.events.subscribe())
        };
        let mut first = vec![event("hello", &hello)];
        if stopped {
            first.push(event("stopped", &json!({})));
        }
        (first, updates)
    }

    fn hello(&self, state: &State) -> Hello<'_> {
        let panels = state.panels.iter().enumerate().map(|(id, panel)| HelloPanel {
            id,
            kind: panel.kind.name,
            settings: panel.settings.clone(),
            points: panel.points.all(),
        });
        Hello {
            name: &self.name,
            session: &self.session,
            interval_ms: state.interval,
            panels: panels.collect(),
            engine: state.engine.all(),
        }
    }

    fn send_update(&self, state: &mut State, now: Time) {
        state.sent = Some(now);
        let new = state.panels.iter_mut().map(|panel| panel.points.take_unsent()).enumerate();
        let panels = new.filter(|(_, points)| !points.is_empty()).map(|(id, points)| UpdatePanel { id, points });
        let update = Update { panels: panels.collect(), engine: state.engine.take_unsent() };
        if self.events.receiver_count() > 0 {
            // Nobody listening any more is no failure.
            let _ = self.events.send(event("update", &update));
        }
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
        state.engine.add(point);
        let due = state.sent.is_none_or(|sent| now.millis() - sent.millis() >= UPDATE_EVERY);
        if due {
            self.send_update(&mut state, now);
        }
    }

    fn on_stopped(&self, _: Result<&Report, &Error>) {
        let mut state = self.state();
        state.stopped = true;
        self.send_update(&mut state, SystemClock::default().now());
        let _ = self.events.send(event("stopped", &json!({})));
    }
}

fn engine_point(state: &State, batch: &BatchInfo, now: Time) -> Value {
    let millis = |length: Duration| length.as_secs_f64() * 1e3;
    let last = state.engine.history.last_time();
    // Points are told apart by their time.
    let at = last.map_or(now.millis(), |last| now.millis().max(last + 1));
    // The first batch may bring a backlog: it counts as what came in within a second at least.
    let first = || millis(batch.processing.max(batch.interval.unwrap_or(Duration::from_secs(1))));
    let rate = batch.records as f64 * 1e3 / last.map_or_else(first, |last| (at - last) as f64);
    let sources = batch
        .sources
        .iter()
        .zip(&state.source_records)
        .map(|(source, records)| json!({ "name": source.name, "records": records, "finished": source.finished }));
    json!({
        "t": at,
        "records": batch.records,
        "rate": rate,
        "processing_ms": millis(batch.processing),
        "interval_ms": batch.interval.map(millis),
        "delay_ms": millis(batch.scheduling_delay),
        "late": state.totals.late,
        "malformed": state.totals.malformed,
        "sampled": batch.sampled,
        "sources": sources.collect::<Vec<_>>(),
        "watermark": batch.watermark.map(Time::millis),
    })
}

fn event(name: &'static str, data: &impl Serialize) -> Event {
    // Writing to memory fails only for maps whose keys are no text, and there are none.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event { name, data: data.into() }
}
