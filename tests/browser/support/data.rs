//! What a scripted server tells: panels of every kind, with points for each second.

use std::ops::Range;

use serde_json::{Value, json};

/// The time of second 0: 9 October 2025, 08:53:20 UTC.
pub(crate) const START: i64 = 1_760_000_000_000;

/// The kinds of panels, as points for them are made here.
pub(crate) const KINDS: [&str; 4] = ["number", "line", "quantiles", "top"];

pub(crate) fn estimate(value: f64, room: f64) -> Value {
    json!({ "value": value, "lower": value - room, "upper": value + room, "confidence": 0.95,
            "contract": "test p=12: within 2 %" })
}

/// The value at a second of everything that has one: it goes up and down between 50 and 150.
pub(crate) fn value(second: i64) -> f64 {
    100.0 + 50.0 * (second as f64 / 20.0).sin()
}

pub(crate) fn point(kind: &str, second: i64) -> Value {
    let t = START + second * 1000;
    let value = value(second);
    match kind {
        "quantiles" => {
            let at = [(0.5, 1.0), (0.95, 3.0), (0.99, 5.0)];
            let at = at.map(|(q, times)| json!({ "q": q, "e": estimate(value * times, 2.0) }));
            json!({ "t": t, "quantiles": at })
        }
        "top" => {
            let rows = (1..=10)
                .map(|rank| json!({ "label": format!("/{rank}"), "e": estimate(value / f64::from(rank), 2.0) }));
            json!({ "t": t, "rows": rows.collect::<Vec<_>>() })
        }
        _ => json!({ "t": t, "e": estimate(value, 2.0) }),
    }
}

/// A panel with its points of these seconds, titled by its kind and number.
pub(crate) fn panel(id: usize, kind: &str, seconds: Range<i64>) -> Value {
    let points: Vec<_> = seconds.map(|second| point(kind, second)).collect();
    json!({ "id": id, "kind": kind, "title": format!("{kind} {id}"), "unit": "", "points": points })
}

pub(crate) fn hello(panels: &[Value]) -> Value {
    json!({ "name": "scripted", "session": "first", "interval_ms": 1000, "panels": panels, "engine": [engine(0)] })
}

/// An update of all these panels, of one second.
pub(crate) fn update(panels: &[Value], second: i64) -> Value {
    let points = |panel: &Value| point(panel["kind"].as_str().unwrap_or_default(), second);
    let panels: Vec<_> = panels.iter().map(|panel| json!({ "id": panel["id"], "points": [points(panel)] })).collect();
    json!({ "panels": panels, "engine": [engine(second)] })
}

fn engine(second: i64) -> Value {
    json!({ "t": START + second * 1000 + 7, "records": 1000, "rate": 1000.0, "processing_ms": 12.5,
            "interval_ms": 1000.0, "delay_ms": 0.5, "late": 0, "malformed": 0, "sampled": 1.0,
            "sources": [{ "name": "scripted", "records": 1000, "finished": false }], "watermark": START + second * 1000 })
}
