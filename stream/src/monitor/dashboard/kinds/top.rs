//! Rankings: keys with a reading each.

use std::fmt::Display;

use serde_json::{Value, json};
use streamgauge_sketches::Estimate;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::panel::estimate;
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

const TOP: Kind = Kind::latest("top");

/// Keys with a reading each, highest first.
#[derive(Clone, Debug)]
pub struct Ranking(Vec<(String, Estimate)>);

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

impl Dashboard {
    /// The most frequent keys of a summary, from each row of a stream.
    pub fn ranking<T: Record, P: Into<Point<Ranking>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(TOP, title, stream, move |row, time| value(row).into().map(|ranking| ranking.0).top_json(time))
    }

    /// The ten highest keys of a keyed stream by some reading of theirs.
    pub fn top<K: Record + Display, R: Record>(
        &self,
        title: &str,
        stream: &DStream<(K, R)>,
        value: impl Fn(&(K, R)) -> Estimate + Send + 'static,
    ) -> Panel {
        self.panel_of_batches(TOP, title, stream, move |rows, time| {
            let ranking = (!rows.is_empty()).then(|| Point::of(ranked(rows, &value)).top_json(time));
            ranking.into_iter().collect()
        })
    }
}

impl Point<Vec<(String, Estimate)>> {
    fn top_json(&self, batch: Time) -> Value {
        let rows = self.value.iter().map(|(label, count)| json!({ "label": cut(label), "e": estimate(count) }));
        json!({ "t": self.millis(batch), "rows": rows.collect::<Vec<_>>() })
    }
}

/// The ten rows of the highest reading; where readings tie, labels ascend.
fn ranked<K: Display, R>(rows: &[(K, R)], value: impl Fn(&(K, R)) -> Estimate) -> Vec<(String, Estimate)> {
    const SHOWN: usize = 10;
    let mut readings: Vec<_> = rows.iter().map(|row| (row.0.to_string(), value(row))).collect();
    readings.sort_unstable_by(|a, b| b.1.value.total_cmp(&a.1.value).then_with(|| a.0.cmp(&b.0)));
    readings.truncate(SHOWN);
    readings
}
