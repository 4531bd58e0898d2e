//! Heat maps: keys by time.

use std::collections::BTreeMap;
use std::fmt::Display;

use streamgauge_sketches::Estimate;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::{Datum, fields};
use crate::monitor::dashboard::text::cut_into;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

/// A column has many cells, so fewer of them are kept than points of a line.
const HEAT: Kind = Kind { history: 240, ..Kind::over_time("heat") };

/// Keys that have a row.
const ROWS: usize = 20;
/// Keys that are remembered, for the choice of the rows.
const CANDIDATES: usize = 10 * ROWS;
/// Columns whose cells are remembered: rows of windows that late records revise come again, some keys only.
const REVISABLE: usize = 16;
/// What is left of a key's score from one column to the next.
const FADING: f64 = 0.97;
/// How much more than the least of the rows a key must have to take its place.
const BETTER: f64 = 1.5;
/// Contracts that are told of a column; the page says that there are more.
const CONTRACTS: usize = 3;

impl Dashboard {
    /// Keys by time: a row for each of the keys with the most, a column for each time, the value as a colour.
    ///
    /// Twenty keys have a row, chosen by the size of their values, of which the past ones fade with a half-life of 23
    /// columns. A key keeps its row until another one has half as much more. A cell is empty, which is not zero, where
    /// the stream had no row of its key, and where the key had no row on the map. Keys are told apart by their first 200
    /// characters. The last 240 columns are kept.
    ///
    /// All rows of a batch are read, and each key is written out once.
    ///
    /// ```no_run
    /// use streamgauge_stream::{StreamingContext, mins, secs};
    ///
    /// let ctx = StreamingContext::builder("errors").build();
    /// let hosts = ctx.stdin().flat_map(|line| Some(line.split(' ').next()?.to_owned()));
    /// let errors = hosts.key_by(String::as_str).window(mins(1), secs(10)).summarize(|on| on.count());
    /// ctx.dashboard().heat_map("Errors by host", &errors, |(_, errors)| *errors);
    /// # ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    ///
    /// Windows of event time are drawn at their ends: `windows.map(|w| (w.value.0, (w.end, w.value.1)))`, and
    /// `|(_, (end, errors))| Point::at(*end, *errors)`.
    pub fn heat_map<K: Record + Display, R: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<(K, R)>,
        value: impl Fn(&(K, R)) -> P + Send + 'static,
    ) -> Panel {
        let mut map = HeatMap::default();
        self.panel_of_batches(HEAT, title, stream, move |rows, time| {
            map.columns(rows.iter().map(|row| (&row.0, value(row).into())), time)
        })
    }
}

/// The choice of the rows, and the latest columns.
#[derive(Debug, Default)]
struct HeatMap {
    /// The keys that have a row, each in its place.
    rows: Vec<String>,
    /// How much the keys have had lately, the chosen ones among them.
    scores: BTreeMap<String, f64>,
    /// The cells of the latest columns, by time.
    latest: BTreeMap<i64, BTreeMap<String, Estimate>>,
}

impl HeatMap {
    /// The columns of a batch, in the order of their times.
    fn columns<K: Display>(&mut self, rows: impl Iterator<Item = (K, Point)>, batch: Time) -> Vec<DataPoint> {
        let mut columns = BTreeMap::<i64, Column>::new();
        let mut label = String::new();
        for (key, point) in rows {
            cut_into(&mut label, &key);
            let column = columns.entry(point.millis(batch)).or_default();
            column.keys += 1;
            if self.scores.contains_key(&label) {
                column.known.push((label.clone(), point.value));
            } else {
                column.offer(&label, point.value);
            }
        }
        columns.into_iter().map(|(t, column)| self.column(t, column)).collect()
    }

    fn column(&mut self, t: i64, mut column: Column) -> DataPoint {
        let keys = column.keys;
        column.keep_best();
        for score in self.scores.values_mut() {
            *score *= FADING;
        }
        let cells = self.latest.entry(t).or_default();
        for (label, value) in column.known.into_iter().chain(column.new) {
            let score = self.scores.entry(label.clone()).or_default();
            *score = (*score + weight(&value)).min(f64::MAX);
            cells.insert(label, value);
        }
        self.choose();
        self.forget();
        self.point(t, keys)
    }

    /// Gives free rows to the best keys, and the rows of the least to those that are better by far.
    fn choose(&mut self) {
        let mut others: Vec<(&String, f64)> = self
            .scores
            .iter()
            .filter(|(label, _)| !self.rows.contains(label))
            .map(|(label, score)| (label, *score))
            .collect();
        // Stable: where scores tie, keys ascend.
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (label, score) in others.into_iter().take(ROWS) {
            if self.rows.len() < ROWS {
                self.rows.push(label.clone());
                continue;
            }
            let of_row = |row: &String| self.scores.get(row).copied().unwrap_or_default();
            let least = self.rows.iter_mut().min_by(|a, b| of_row(a).total_cmp(&of_row(b)));
            match least {
                Some(row) if score > BETTER * of_row(row) => label.clone_into(row),
                _ => break,
            }
        }
    }

    /// Bounds what is remembered.
    fn forget(&mut self) {
        if self.scores.len() > CANDIDATES {
            let mut scores: Vec<f64> = self.scores.values().copied().collect();
            let (_, &mut enough, _) = scores.select_nth_unstable_by(CANDIDATES - 1, |a, b| b.total_cmp(a));
            let mut room = CANDIDATES;
            let rows = &self.rows;
            self.scores.retain(|label, score| {
                let kept = rows.contains(label) || (*score >= enough && room > ROWS);
                room = room.saturating_sub(usize::from(kept));
                kept
            });
        }
        while self.latest.len() > REVISABLE {
            self.latest.pop_first();
        }
        for cells in self.latest.values_mut() {
            cells.retain(|label, _| self.scores.contains_key(label));
        }
    }

    fn point(&self, t: i64, keys: usize) -> DataPoint {
        let values = |row| self.latest.get(&t).and_then(|cells| cells.get(row));
        let mut contracts: Vec<String> = Vec::new();
        for value in self.rows.iter().filter_map(values).filter(|value| value.value.is_finite()) {
            let contract = value.contract();
            if contracts.len() < CONTRACTS && !contracts.contains(&contract) {
                contracts.push(contract);
            }
        }
        // The contract once for the column: of each cell it would be most of the bytes.
        let bare = |row| values(row).map_or(Datum::Nothing, |value| Datum::Bare(*value));
        let cells = self.rows.iter().map(|row| fields! { "label": row, "e": bare(row) });
        DataPoint::fields(t, fields! { "keys": keys, "contracts": contracts, "cells": cells.collect::<Vec<_>>() })
    }
}

/// The cells of one time that may be shown.
#[derive(Debug, Default)]
struct Column {
    keys: usize,
    /// Of the keys that are remembered.
    known: Vec<(String, Estimate)>,
    /// The best of the others, and some more.
    new: Vec<(String, Estimate)>,
    /// What a new key must have to be among the best.
    enough: f64,
}

impl Column {
    fn offer(&mut self, label: &str, value: Estimate) {
        if self.new.len() >= ROWS && weight(&value) <= self.enough {
            return;
        }
        self.new.push((label.to_owned(), value));
        if self.new.len() >= 4 * ROWS {
            self.keep_best();
        }
    }

    /// The best of the new keys, highest first; where they tie, keys ascend.
    fn keep_best(&mut self) {
        self.new.sort_by(|a, b| weight(&b.1).total_cmp(&weight(&a.1)).then_with(|| a.0.cmp(&b.0)));
        self.new.truncate(ROWS);
        self.enough = if self.new.len() < ROWS { 0.0 } else { self.new.last().map_or(0.0, |(_, value)| weight(value)) };
    }
}

/// How much a value counts for the choice of the rows: its size, for values below zero are as remarkable.
fn weight(value: &Estimate) -> f64 {
    if value.value.is_finite() { value.value.abs() } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn columns(map: &mut HeatMap, t: i64, rows: &[(&str, f64)]) -> Vec<Value> {
        let columns = map.columns(rows.iter().map(|&(key, value)| (key, value.into())), Time::from_millis(t));
        columns.iter().map(DataPoint::json).collect()
    }

    fn column(map: &mut HeatMap, t: i64, rows: &[(&str, f64)]) -> Value {
        let mut columns = columns(map, t, rows);
        assert_eq!(columns.len(), 1);
        columns.remove(0)
    }

    fn cells(column: &Value) -> Vec<(String, Value)> {
        let cells = column["cells"].as_array().unwrap();
        let present = cells.iter().filter(|cell| !cell["e"].is_null());
        present.map(|cell| (cell["label"].as_str().unwrap().to_owned(), cell["e"]["value"].clone())).collect()
    }

    fn labels(column: &Value) -> Vec<String> {
        cells(column).into_iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn a_column_has_a_cell_for_each_key_that_has_a_value() {
        let mut map = HeatMap::default();
        let first = column(&mut map, 1_000, &[("a", 1.0), ("b", 3.0), ("c", f64::NAN)]);
        assert_eq!((&first["t"], &first["keys"], &first["contracts"]), (&json!(1_000), &json!(3), &json!(["exact"])));
        assert_eq!(
            cells(&first),
            [("b".to_owned(), json!(3.0)), ("a".to_owned(), json!(1.0)), ("c".to_owned(), Value::Null)]
        );
        assert_eq!(first["cells"][0]["e"].get("contract"), None);
        // Rows keep their places; the cell of a key without a value is empty.
        let second = column(&mut map, 2_000, &[("c", 5.0), ("a", 9.0)]);
        assert_eq!(labels(&second), ["a", "c"]);
        assert_eq!(second["cells"][0], json!({ "label": "b", "e": null }));
        assert!(columns(&mut map, 3_000, &[]).is_empty());
    }

    #[test]
    fn the_keys_with_the_most_have_rows_and_keep_them_against_noise() {
        let mut map = HeatMap::default();
        let keys: Vec<String> = (0..1_000).map(|n| format!("host-{n:04}")).collect();
        let rows = |noise: usize| -> Vec<(&str, f64)> {
            let value = |n: usize| (n + (n * 7 + noise * 13) % 5) as f64;
            keys.iter().enumerate().map(|(n, key)| (key.as_str(), value(n))).collect()
        };
        let first = column(&mut map, 0, &rows(0));
        assert_eq!(first["keys"], 1_000);
        let chosen = labels(&first);
        assert_eq!(chosen.len(), ROWS);
        assert!(chosen.iter().all(|key| key.as_str() >= "host-0975"), "{chosen:?}");
        for t in 1..500 {
            assert_eq!(labels(&column(&mut map, t, &rows(t as usize))), chosen);
            assert!(map.scores.len() <= CANDIDATES && map.latest.len() <= REVISABLE);
        }
    }

    #[test]
    fn a_key_that_has_much_more_takes_the_row_of_the_least() {
        let mut map = HeatMap::default();
        let keys: Vec<String> = (0..ROWS).map(|n| format!("k{n:02}")).collect();
        let mut rows: Vec<(&str, f64)> =
            keys.iter().zip(1..).map(|(key, n)| (key.as_str(), f64::from(100 * n))).collect();
        let before = labels(&column(&mut map, 0, &rows));
        rows.push(("new", 3_000.0));
        let after = labels(&column(&mut map, 1, &rows));
        let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert_eq!(changed, [(&"k00".to_owned(), &"new".to_owned())]);
        // Gone, it stays for some columns without a cell, and then makes room.
        rows.pop();
        assert_eq!(labels(&column(&mut map, 2, &rows)).len(), ROWS - 1);
        let late = (3..200).map(|t| labels(&column(&mut map, t, &rows))).last().unwrap();
        assert!(late.contains(&"k00".to_owned()) && late.len() == ROWS, "{late:?}");
    }

    #[test]
    fn windows_of_one_batch_are_columns_and_a_revision_keeps_the_other_keys() {
        let mut map = HeatMap::default();
        let at = |t: i64, value: u64| Point::at(Time::from_millis(t), value.into());
        let batch = Time::from_millis(99);
        let both = map.columns([("a", at(20, 1)), ("a", at(10, 2)), ("b", at(10, 3))].into_iter(), batch);
        let both: Vec<_> = both.iter().map(DataPoint::json).collect();
        assert_eq!(both.iter().map(|column| column["t"].clone()).collect::<Vec<_>>(), [json!(10), json!(20)]);
        let revised = map.columns([("a", at(10, 7))].into_iter(), batch);
        assert_eq!(cells(&revised[0].json()), [("b".to_owned(), json!(3.0)), ("a".to_owned(), json!(7.0))]);
    }

    #[test]
    fn memory_is_bounded_for_keys_that_never_come_again() {
        let mut map = HeatMap::default();
        for t in 0..200 {
            let keys: Vec<String> = (0..300).map(|n| format!("{t}/{n}/{}", "x".repeat(1_000))).collect();
            let rows: Vec<(&str, f64)> = keys.iter().map(|key| (key.as_str(), f64::from(t % 7))).collect();
            let shown = column(&mut map, t.into(), &rows);
            assert!(labels(&shown).iter().all(|label| label.chars().count() == 201));
            assert!(map.scores.len() <= CANDIDATES && map.rows.len() <= ROWS && map.latest.len() <= REVISABLE);
            assert!(map.latest.values().all(|cells| cells.len() <= CANDIDATES));
        }
    }

    #[test]
    fn values_of_any_size_are_harmless() {
        let mut map = HeatMap::default();
        for t in 0..50 {
            let shown = column(&mut map, t, &[("a", f64::MAX), ("b", f64::INFINITY), ("c", -1e300), ("d", 0.0)]);
            assert_eq!(labels(&shown), ["a", "c", "b", "d"]);
            assert_eq!(shown["cells"][2]["e"]["value"], Value::Null);
        }
        assert!(map.scores.values().all(|score| score.is_finite()));
    }
}
