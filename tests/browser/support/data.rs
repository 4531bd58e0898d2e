//! What a scripted server tells: panels of every kind, with points for each second.

use std::ops::Range;

use serde_json::{Value, json};

/// The time of second 0: 9 October 2025, 08:53:20 UTC.
pub(crate) const START: i64 = 1_760_000_000_000;

/// The kinds of panels.
pub(crate) const KINDS: [&str; 13] = [
    "number",
    "line",
    "quantiles",
    "top",
    "table",
    "samples",
    "heat",
    "distribution",
    "anomalies",
    "clusters",
    "confusion",
    "accuracy",
    "audit",
];

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
        "table" => {
            let rows = (0..10).map(|row| json!([format!("host {row}"), estimate(value * f64::from(row), 2.0), null]));
            let rows: Vec<_> = rows.collect();
            json!({ "t": t, "columns": ["host", "requests", "failed"], "rows": rows, "total": 10 })
        }
        "samples" => {
            let rows =
                (0..20).map(|row| json!({ "text": format!("record {row} of second {second}"), "weight": value }));
            json!({ "t": t, "contract": "20 of 48,211, uniform", "rows": rows.collect::<Vec<_>>() })
        }
        "heat" => {
            let cells = (0..20).map(|row| {
                let e =
                    json!({ "value": value * f64::from(row), "lower": 0.0, "upper": value * 20.0, "confidence": 0.95 });
                json!({ "label": format!("key {row}"), "e": e })
            });
            json!({ "t": t, "keys": 20, "contracts": ["exact"], "cells": cells.collect::<Vec<_>>() })
        }
        "distribution" => {
            let share = |share: f64| json!([share, share * 0.9, share * 1.1]);
            let below: Vec<_> = (0..=10).map(|edge| share(f64::from(edge) / 10.0)).collect();
            let edges: Vec<_> = (0..=10).map(|edge| value + f64::from(edge)).collect();
            let at = [0.5, 0.99].map(|q| json!({ "q": q, "e": estimate(value + 10.0 * q, 0.5) }));
            json!({ "t": t, "count": 1000.0, "logarithmic": false, "edges": edges, "shares": vec![share(0.1); 10],
                    "below": below, "under": share(0.0), "over": share(0.0), "quantiles": at })
        }
        "anomalies" => json!({ "t": t, "value": value, "score": (second % 10) as f64 / 10.0, "threshold": 0.75,
                               "alert": second % 10 == 9 }),
        "clusters" => {
            let sample: Vec<_> = (0..100).map(|i| json!([value + f64::from(i), f64::from(i % 10), i % 3])).collect();
            json!({ "t": t, "axes": { "x": "width", "y": "height", "equal": false }, "all": 3, "weight": 60.0,
                    "centres": [[0, value, 1.0, 10.0], [1, value + 50.0, 5.0, 20.0], [2, value + 90.0, 9.0, 30.0]],
                    "sample": sample })
        }
        "confusion" => json!({ "t": t, "classes": ["yes", "no"], "others": 0, "counts": [[value, 3.0], [4.0, 90.0]],
                               "none": [0.0, 0.0], "right": value + 90.0, "total": value + 97.0 }),
        "accuracy" => {
            let figure = |name: &str, by: f64| json!({ "name": name, "e": estimate(value / by, 0.05) });
            json!({ "t": t, "series": [figure("accuracy", 200.0), figure("kappa", 300.0)] })
        }
        "audit" => json!({ "t": t, "e": estimate(value, 2.0), "exact": value - 1.0, "error": 1.0 / value,
                           "lower": -0.02, "upper": 0.02, "inside": true, "compared": 3, "missed": 0,
                           "comparisons": second * 3 + 3, "misses": 0, "promised": 0.95, "breach": null }),
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
