//! Panels, and the points they are fed with.

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

/// An estimate as the page reads it. JSON has no infinity: what has no bound is null.
pub(super) fn estimate(estimate: &Estimate) -> Value {
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
