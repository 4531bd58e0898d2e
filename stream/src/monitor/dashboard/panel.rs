//! Panels, and the points they are fed with.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::{Value, json};
use streamgauge_sketches::{Estimate, Quantiles};

use super::board::Board;
use crate::time::Time;

/// A panel of the dashboard.
#[derive(Clone, Debug)]
pub struct Panel {
    board: Arc<Board>,
    id: usize,
}

impl Panel {
    pub(super) fn new(board: Arc<Board>, id: usize) -> Self {
        Self { board, id }
    }

    /// The unit printed behind its numbers.
    pub fn unit(self, unit: &str) -> Self {
        self.board.set_unit(self.id, unit);
        self
    }
}

/// A value at a time: the time of the batch unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Point<V = Estimate> {
    time: Option<Time>,
    value: V,
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

    fn millis(&self, batch: Time) -> i64 {
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

/// Keys with a reading each, highest first.
#[derive(Clone, Debug)]
pub struct Ranking(pub(super) Vec<(String, Estimate)>);

impl<K: Display> FromIterator<(K, Estimate)> for Ranking {
    fn from_iter<I: IntoIterator<Item = (K, Estimate)>>(rows: I) -> Self {
        Self(rows.into_iter().map(|(key, estimate)| (key.to_string(), estimate)).collect())
    }
}

impl<K: Display> From<Vec<(K, Estimate)>> for Point<Ranking> {
    fn from(rows: Vec<(K, Estimate)>) -> Self {
        Self::of(rows.into_iter().collect())
    }
}

impl<K: Display> From<Point<Vec<(K, Estimate)>>> for Point<Ranking> {
    fn from(point: Point<Vec<(K, Estimate)>>) -> Self {
        point.map(|rows| rows.into_iter().collect())
    }
}

/// An estimate as the page reads it. JSON has no infinity: what has no bound is null.
fn estimate(estimate: &Estimate) -> Value {
    let number = |x: f64| if x.is_finite() { json!(x) } else { Value::Null };
    json!({
        "value": number(estimate.value),
        "lower": number(estimate.lower),
        "upper": number(estimate.upper),
        "confidence": estimate.confidence,
        "contract": estimate.contract(),
    })
}

impl Point<Estimate> {
    pub(super) fn json(&self, batch: Time) -> Value {
        json!({ "t": self.millis(batch), "e": estimate(&self.value) })
    }
}

impl Point<Vec<(String, Estimate)>> {
    pub(super) fn top_json(&self, batch: Time) -> Value {
        /// Characters of a label that are sent: a record may be of any length.
        const LABEL: usize = 200;
        let rows = self.value.iter().map(|(label, count)| {
            let label: String = label.chars().take(LABEL).collect();
            json!({ "label": label, "e": estimate(count) })
        });
        json!({ "t": self.millis(batch), "rows": rows.collect::<Vec<_>>() })
    }
}

pub(super) fn quantile_points(quantiles: &[f64], point: Point<Quantiles>, batch: Time) -> Value {
    let at = quantiles.iter().map(|&q| json!({ "q": q, "e": estimate(&point.value.at(q)) }));
    json!({ "t": point.millis(batch), "quantiles": at.collect::<Vec<_>>() })
}

/// The ten rows of the highest reading; where readings tie, labels ascend.
pub(super) fn ranked<K: Display, R>(rows: &[(K, R)], value: impl Fn(&(K, R)) -> Estimate) -> Vec<(String, Estimate)> {
    const SHOWN: usize = 10;
    let mut readings: Vec<_> = rows.iter().map(|row| (row.0.to_string(), value(row))).collect();
    readings.sort_unstable_by(|a, b| b.1.value.total_cmp(&a.1.value).then_with(|| a.0.cmp(&b.0)));
    readings.truncate(SHOWN);
    readings
}
