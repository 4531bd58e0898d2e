//! Rankings: keys with a reading each.

use std::fmt::Display;

use compact_str::CompactString;
use streamgauge_sketches::Estimate;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;

const TOP: Kind = Kind::latest("top");

/// Keys with a reading each, highest first.
#[derive(Clone, Debug)]
pub struct Ranking(Vec<(CompactString, Estimate)>);

impl<K: Display> FromIterator<(K, Estimate)> for Ranking {
    fn from_iter<I: IntoIterator<Item = (K, Estimate)>>(rows: I) -> Self {
        Self(rows.into_iter().map(|(key, estimate)| (label(&key), estimate)).collect())
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
        self.panel(TOP, title, stream, move |row, time| {
            let point = value(row).into();
            DataPoint::ranking(point.millis(time), point.value.0.into_iter())
        })
    }

    /// The ten highest keys of a keyed stream by some reading of theirs.
    pub fn top<K: Record + Display, R: Record>(
        &self,
        title: &str,
        stream: &DStream<(K, R)>,
        value: impl Fn(&(K, R)) -> Estimate + Send + 'static,
    ) -> Panel {
        self.panel_of_batches(TOP, title, stream, move |rows, time| {
            let ranking = || DataPoint::ranking(time.millis(), ranked(rows, &value).into_iter());
            (!rows.is_empty()).then(ranking).into_iter().collect()
        })
    }
}

/// A key as it is shown; a short one has no memory of its own.
fn label(key: &impl Display) -> CompactString {
    cut(key).into()
}

/// The ten rows of the highest reading; where readings tie, labels ascend.
fn ranked<K: Display, R>(rows: &[(K, R)], value: impl Fn(&(K, R)) -> Estimate) -> Vec<(CompactString, Estimate)> {
    const SHOWN: usize = 10;
    let mut shown: Vec<f64> = Vec::with_capacity(SHOWN + 1);
    for row in rows {
        let reading = value(row).value;
        if shown.len() < SHOWN || reading.total_cmp(&shown[SHOWN - 1]).is_gt() {
            let at = shown.partition_point(|higher| higher.total_cmp(&reading).is_ge());
            shown.insert(at, reading);
            shown.truncate(SHOWN);
        }
    }
    // Labels are made of those alone that may be shown, and estimates are asked for again, not kept of all.
    let is_high = |reading: &Estimate| shown.last().is_none_or(|least| reading.value.total_cmp(least).is_ge());
    let readings = rows.iter().map(|row| (row, value(row))).filter(|(_, reading)| is_high(reading));
    let mut highest: Vec<_> = readings.map(|(row, reading)| (label(&row.0), reading)).collect();
    highest.sort_unstable_by(|a, b| b.1.value.total_cmp(&a.1.value).then_with(|| a.0.cmp(&b.0)));
    highest.truncate(SHOWN);
    highest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_are_ranked_and_where_they_tie_labels_ascend() {
        let ranked = |rows: &[(u32, f64)]| {
            let shown = ranked(rows, |(_, value)| (*value).into());
            shown.into_iter().map(|(label, _)| label).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ranked(&[]), "");
        assert_eq!(ranked(&[(3, 1.0), (1, 1.0), (2, 5.0)]), "2 1 3");
        let rows: Vec<(u32, f64)> = (0..1_000).map(|n| (n, f64::from(n * 7 % 1_000))).collect();
        assert_eq!(ranked(&rows), "857 714 571 428 285 142 999 856 713 570");
        let tied: Vec<(u32, f64)> = (0..50).rev().map(|n| (n, f64::from(u8::from(n == 30)))).collect();
        assert_eq!(ranked(&tied), "30 0 1 10 11 12 13 14 15 16");
    }
}
