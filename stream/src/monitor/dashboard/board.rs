//! The state of a dashboard: the bounded history of its panels and of the engine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::kinds::Kind;
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

#[derive(Debug, Default)]
struct State {
    panels: Vec<PanelState>,
    engine: VecDeque<Arc<Value>>,
    /// Engine points that were not sent yet.
    engine_unsent: Vec<Arc<Value>>,
    sent: Option<Time>,
    interval: Option<u64>,
    totals: Report,
    source_records: Vec<u64>,
    stopped: bool,
}

#[derive(Debug)]
struct PanelState {
    kind: Kind,
    title: String,
    unit: String,
    points: VecDeque<Arc<Value>>,
    unsent: Vec<Arc<Value>>,
}

/// The whole state, as a page gets it first.
#[derive(Serialize)]
struct Hello<'a> {
    name: &'a str,
    session: &'a str,
    interval_ms: Option<u64>,
    panels: Vec<HelloPanel>,
    engine: Vec<Arc<Value>>,
}

#[derive(Serialize)]
struct HelloPanel {
    id: usize,
    kind: &'static str,
    title: String,
    unit: String,
    points: Vec<Arc<Value>>,
}

/// What is new since the last event.
#[derive(Serialize)]
struct Update {
    panels: Vec<UpdatePanel>,
    engine: Vec<Arc<Value>>,
}

#[derive(Serialize)]
struct UpdatePanel {
    id: usize,
    points: Vec<Arc<Value>>,
}

impl Board {
    pub(super) fn new(name: &str) -> Self {
        let started = SystemClock::default().now().millis();
        Self {
            name: name.to_owned(),
            session: format!("{started:x}-{:x}", std::process::id()),
            state: Mutex::default(),
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
            title: title.to_owned(),
            unit: String::new(),
            points: VecDeque::new(),
            unsent: Vec::new(),
        });
        state.panels.len() - 1
    }

    pub(super) fn set_unit(&self, panel: usize, unit: &str) {
        unit.clone_into(&mut self.state().panels[panel].unit);
    }

    /// Adds points to a panel; they are sent with the batch.
    pub(super) fn push(&self, panel: usize, points: Vec<Value>) {
        let mut state = self.state();
        let panel = &mut state.panels[panel];
        for point in points {
            let point = Arc::new(point);
            keep(&mut panel.points, point.clone(), panel.kind.history);
            panel.unsent.push(point);
        }
        // What would be thinned out on arrival need not be sent.
        let surplus = panel.unsent.len().saturating_sub(panel.kind.history);
        panel.unsent.drain(..surplus);
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
            title: panel.title.clone(),
            unit: panel.unit.clone(),
            points: panel.points.iter().cloned().collect(),
        });
        Hello {
            name: &self.name,
            session: &self.session,
            interval_ms: state.interval,
            panels: panels.collect(),
            engine: state.engine.iter().cloned().collect(),
        }
    }

    fn send_update(&self, state: &mut State, now: Time) {
        state.sent = Some(now);
        let panels = state.panels.iter_mut().enumerate().filter(|(_, panel)| !panel.unsent.is_empty());
        let panels = panels.map(|(id, panel)| UpdatePanel { id, points: std::mem::take(&mut panel.unsent) });
        let update = Update { panels: panels.collect(), engine: std::mem::take(&mut state.engine_unsent) };
        // Nobody listening is no failure.
        let _ = self.events.send(event("update", &update));
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
        let point = Arc::new(engine_point(&state, batch, now));
        keep(&mut state.engine, point.clone(), ENGINE_HISTORY);
        state.engine_unsent.push(point);
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
    let last = state.engine.back().and_then(|point| point["t"].as_i64());
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

fn keep(history: &mut VecDeque<Arc<Value>>, point: Arc<Value>, most: usize) {
    if history.len() >= most {
        history.pop_front();
    }
    if let Some(before) = history.back_mut() {
        drop_contract(Arc::make_mut(before));
    }
    history.push_back(point);
}

/// A contract is read from the latest point only; in the history it would be most of the bytes.
fn drop_contract(point: &mut Value) {
    let of_estimate = |estimate: &mut Value| {
        if let Some(estimate) = estimate.as_object_mut() {
            estimate.remove("contract");
        }
    };
    if let Some(estimate) = point.get_mut("e") {
        of_estimate(estimate);
    }
    // So is the sample of a map.
    if let Some(point) = point.as_object_mut() {
        point.remove("sample");
    }
    for quantile in point.get_mut("quantiles").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(estimate) = quantile.get_mut("e") {
            of_estimate(estimate);
        }
    }
}

fn event(name: &'static str, data: &impl Serialize) -> Event {
    // Writing to memory fails only for maps whose keys are no text, and there are none.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event { name, data: data.into() }
}
