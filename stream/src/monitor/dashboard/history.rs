//! The history of a panel: bounded, and coarser the older it is.
//!
//! The newest points are all kept. Of the older ones two neighbours become one wherever they are closest together for
//! their age: so the step between points grows in proportion to how long ago they were, and the first stays. The page
//! does the same with what it has (`history.js`).

use std::mem::size_of;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// The newest points, which are all kept.
const WHOLE: usize = 400;
/// The most that the points of a history may take up, in bytes of JSON.
const MOST_BYTES: usize = 1 << 20;
/// By so many values points are compared when one of two is to stay.
const COMPARED: usize = 8;

/// Points in the order of their times, one for each time.
#[derive(Debug)]
pub(super) struct History {
    longest: usize,
    points: Vec<Kept>,
    /// The bytes of the JSON of all points.
    bytes: usize,
    /// The last point with its contracts, which are read of that one only: in the others they would be most of the bytes.
    last: Option<Json>,
}

/// JSON that was made once, for all who read it.
pub(super) type Json = Arc<RawValue>;

#[derive(Debug)]
struct Kept {
    time: i64,
    json: Json,
    values: Box<[f64]>,
}

impl History {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, points: Vec::new(), bytes: 0, last: None }
    }

    /// Adds a point, and gives it as it is to be sent. A point of a time that is there already takes the place of that
    /// one: so a window arrives that late records have revised. The series of the two are joined, by name. A point
    /// without a time has no place.
    pub(super) fn add(&mut self, mut point: Value) -> Option<(i64, Json)> {
        let time = point.get("t")?.as_i64()?;
        let at = self.points.partition_point(|kept| kept.time < time);
        let is_known = self.points.get(at).is_some_and(|kept| kept.time == time);
        let is_last = at + usize::from(is_known) == self.points.len();
        if is_known && point.get("series").is_some() {
            let known = if is_last { self.last.as_ref() } else { None };
            let known = known.unwrap_or(&self.points[at].json);
            if let Ok(known) = serde_json::from_str(known.get()) {
                join(known, &mut point);
            }
        }
        let sent = json(&point)?;
        let mut values = Vec::new();
        let kept = if strip(&mut point, &mut values) { json(&point)? } else { sent.clone() };
        let kept = Kept { time, json: kept, values: values.into() };
        self.bytes += kept.bytes();
        if is_known {
            self.bytes -= std::mem::replace(&mut self.points[at], kept).bytes();
        } else {
            self.points.insert(at, kept);
        }
        if is_last {
            self.last = Some(sent.clone());
        }
        self.bound();
        Some((time, sent))
    }

    /// Adds a point as [`points`](Self::points) gave it, if it is one and behind all that are there.
    pub(super) fn restore(&mut self, point: String) {
        let Ok(mut value) = serde_json::from_str::<Value>(&point) else { return };
        let Some(time) = value.get("t").and_then(Value::as_i64).filter(|time| self.last_time() < Some(*time)) else {
            return;
        };
        let Ok(sent) = RawValue::from_string(point).map(Json::from) else { return };
        let mut values = Vec::new();
        let kept = if strip(&mut value, &mut values) { json(&value) } else { Some(sent.clone()) };
        if let Some(json) = kept {
            let kept = Kept { time, json, values: values.into() };
            self.bytes += kept.bytes();
            self.points.push(kept);
            self.last = Some(sent);
            self.bound();
        }
    }

    /// The names of the series in it, in the order of their first points.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for point in &self.points {
            // Most points have none, and need not be read.
            if !point.json.get().contains("\"series\"") {
                continue;
            }
            let point: Value = serde_json::from_str(point.json.get()).unwrap_or_default();
            let series = point["series"].as_array().into_iter().flatten();
            for name in series.filter_map(|one| one["name"].as_str()) {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
        names
    }

    /// The points: the last with its contracts.
    pub(super) fn points(&self) -> impl Iterator<Item = &Json> {
        let before = self.points.len().saturating_sub(1);
        self.points[..before].iter().map(|point| &point.json).chain(&self.last)
    }

    /// The time of the last point.
    pub(super) fn last_time(&self) -> Option<i64> {
        self.points.last().map(|point| point.time)
    }

    fn bound(&mut self) {
        while self.points.len() > self.longest || (self.bytes > MOST_BYTES && self.points.len() > 1) {
            self.thin();
        }
    }

    /// Drops one of the two older points that are closest together for their age: the one that the other says more
    /// without. The oldest, if there are but few.
    fn thin(&mut self) {
        let dropped = match self.closest() {
            Some(first) if self.stands_out(first) => first + 1,
            Some(first) => first,
            None => 0,
        };
        self.bytes -= self.points.remove(dropped).bytes();
    }

    /// The first of the pair of older points that takes up the least time between its neighbours, for its age.
    fn closest(&self) -> Option<usize> {
        let newest = self.last_time()?;
        let older: Range<usize> = 1..self.points.len().saturating_sub(WHOLE + 1);
        let cost = |at: usize| {
            let between = self.points[at + 2].time.saturating_sub(self.points[at - 1].time);
            between as f64 / newest.saturating_sub(self.points[at].time) as f64
        };
        older.map(|at| (at, cost(at))).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    }

    /// Whether of a pair the first is further from the line between the neighbours: a peak stays. A point of more values
    /// than the other says more.
    fn stands_out(&self, first: usize) -> bool {
        let [before, a, b, after] = [first - 1, first, first + 1, first + 2].map(|at| &self.points[at]);
        if a.values.len() != b.values.len() {
            return a.values.len() > b.values.len();
        }
        let length = after.time.saturating_sub(before.time) as f64;
        let (mut of_a, mut of_b) = (0.0, 0.0);
        for (at, (x, y)) in a.values.iter().zip(&b.values).enumerate() {
            let (Some(from), Some(to)) = (before.values.get(at), after.values.get(at)) else {
                continue;
            };
            let distance = |time: i64, value: f64| {
                (value - (from + (to - from) * (time.saturating_sub(before.time) as f64 / length))).abs()
            };
            let (x, y) = (distance(a.time, *x), distance(b.time, *y));
            // Each value counts alike, whatever its unit.
            if x + y > 0.0 {
                of_a += x / (x + y);
                of_b += y / (x + y);
            }
        }
        of_a > of_b
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.json.get().len() + self.values.len() * size_of::<f64>()
    }
}

fn json(point: &Value) -> Option<Json> {
    // A value is always JSON.
    to_raw_value(point).ok().map(Arc::from)
}

/// Takes out what is drawn of the last point only, the contracts and the sample of a map, and notes values of a point: its
/// numbers, and those of its estimates. Says whether anything was taken out.
fn strip(point: &mut Value, values: &mut Vec<f64>) -> bool {
    let Some(fields) = point.as_object_mut() else { return false };
    // What is known of the batch is no value.
    let numbers =
        fields.iter().filter(|(name, _)| *name != "t" && *name != "kept").filter_map(|(_, field)| field.as_f64());
    values.extend(numbers.take(COMPARED));
    let sampled = fields.remove("sample").is_some();
    fields.values_mut().fold(sampled, |found, field| strip_field(field, values) || found)
}

fn strip_field(field: &mut Value, values: &mut Vec<f64>) -> bool {
    match field {
        Value::Object(fields) => {
            if let Some(value) = fields.get("value").and_then(Value::as_f64).filter(|_| values.len() < COMPARED) {
                values.push(value);
            }
            let found = fields.remove("contract").is_some();
            fields.values_mut().fold(found, |found, field| strip_field(field, values) || found)
        }
        Value::Array(all) => all.iter_mut().fold(false, |found, field| strip_field(field, values) || found),
        _ => false,
    }
}

/// Joins the series of an earlier point of the same time to those of a later one, which has the last word on each name.
fn join(earlier: Value, later: &mut Value) {
    let kept = [&earlier, later].into_iter().filter_map(|point| point["kept"].as_f64()).reduce(f64::min);
    let (Value::Object(mut earlier), Some(later)) = (earlier, later.as_object_mut()) else { return };
    let (Some(Value::Array(old)), Some(Value::Array(new))) = (earlier.remove("series"), later.get_mut("series")) else {
        return;
    };
    let mut series = old;
    for one in new.drain(..) {
        match series.iter_mut().find(|known| known["name"] == one["name"]) {
            Some(known) => *known = one,
            None => series.push(one),
        }
    }
    *new = series;
    if let Some(kept) = kept {
        later.insert("kept".to_owned(), kept.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LONGEST: usize = 1_000;

    /// A point a second; every 5,000th is a peak of half a second.
    fn point(second: i64) -> Value {
        let value = if second % 5_000 == 4_321 { 1e6 } else { 100.0 + (second % 7) as f64 };
        json!({ "t": second * 1_000, "e": { "value": value, "lower": null, "upper": null, "contract": "may be off" } })
    }

    fn seconds(history: &History) -> Vec<i64> {
        history.points.iter().map(|point| point.time / 1_000).collect()
    }

    fn values(history: &History) -> Vec<f64> {
        history.points.iter().map(|point| point.values[0]).collect()
    }

    #[test]
    fn a_day_is_there_in_a_thousand_points_and_the_older_the_coarser() {
        const DAY: i64 = 86_400;
        let mut history = History::new(LONGEST);
        (0..DAY).for_each(|second| assert!(history.add(point(second)).is_some()));
        let at = seconds(&history);
        assert_eq!((at.len(), at[0]), (LONGEST, 0));
        assert!(at[LONGEST - WHOLE..].iter().copied().eq(DAY - WHOLE as i64..DAY), "the newest are whole");
        // The step is a few hundredths of the age at most, wherever one looks.
        for pair in at.windows(2) {
            let (step, age) = ((pair[1] - pair[0]) as f64, (DAY - pair[0]) as f64);
            assert!(step <= (0.03 * age).max(2.0), "a step of {step} s at an age of {age} s");
        }
        // Peaks are narrower than any step, and all of them are there.
        let peaks = values(&history).iter().filter(|value| **value == 1e6).count();
        assert_eq!(peaks, 17);
        // The same, whenever it is done.
        let mut again = History::new(LONGEST);
        (0..DAY).for_each(|second| drop(again.add(point(second))));
        assert_eq!(seconds(&again), at);
        let bytes: usize = history.points.iter().map(Kept::bytes).sum();
        assert_eq!(history.bytes, bytes);
    }

    #[test]
    fn a_history_goes_on_from_its_points_as_if_nothing_had_happened() {
        let (mut undisturbed, mut before) = (History::new(LONGEST), History::new(LONGEST));
        (0..5_000).for_each(|second| drop(undisturbed.add(point(second))));
        (0..3_000).for_each(|second| drop(before.add(point(second))));
        let mut after = History::new(LONGEST);
        before.points().for_each(|point| after.restore(point.get().to_owned()));
        let text = |history: &History| history.points().map(|point| point.get().to_owned()).collect::<Vec<_>>();
        assert_eq!(text(&after), text(&before));
        (3_000..5_000).for_each(|second| drop(after.add(point(second))));
        assert_eq!(values(&after), values(&undisturbed));
        // What is no point of it is passed over.
        for wrong in ["", "{", "[]", "{\"t\":\"now\"}", "{\"t\":0}", "{\"t\":4999000}"] {
            after.restore(wrong.to_owned());
        }
        assert_eq!(seconds(&after), seconds(&undisturbed));
    }

    #[test]
    fn a_point_takes_the_place_of_one_of_its_time_and_late_ones_go_where_they_belong() {
        let mut history = History::new(3);
        let of = |t: i64, value: f64| json!({ "t": t, "e": { "value": value, "contract": "c" } });
        for (t, value) in [(1, 1.0), (3, 3.0), (2, 2.0), (3, 4.0), (2, 5.0)] {
            assert!(history.add(of(t, value)).is_some());
        }
        let texts: Vec<_> = history.points().map(|point| point.get().to_owned()).collect();
        let expected = [r#"{"e":{"value":1.0},"t":1}"#, r#"{"e":{"value":5.0},"t":2}"#];
        assert_eq!(texts[..2], expected);
        assert_eq!(texts[2], r#"{"e":{"contract":"c","value":4.0},"t":3}"#, "the last has its contract");
        assert!(history.add(json!({ "e": 1 })).is_none() && history.add(json!({ "t": 0.5 })).is_none());
        // The latest of a kind that keeps one is that of the latest time.
        let mut latest = History::new(1);
        [(5, 1.0), (4, 2.0)].map(|(t, value)| latest.add(of(t, value)));
        assert_eq!(seconds(&latest).len(), 1);
        assert_eq!(latest.last_time(), Some(5));
    }

    #[test]
    fn large_points_are_fewer() {
        let mut history = History::new(LONGEST);
        let large = |t: i64| json!({ "t": t, "rows": vec!["x".repeat(100); 100] });
        (0..500).for_each(|t| drop(history.add(large(t))));
        assert!(history.bytes <= MOST_BYTES && history.points.len() > 90, "{} points", history.points.len());
        // One that is too large by itself is there all the same: it is the one that is drawn.
        let huge = json!({ "t": 500, "rows": ["x".repeat(MOST_BYTES)] });
        drop(history.add(huge));
        assert_eq!((history.points.len(), history.last_time()), (1, Some(500)));
    }

    #[test]
    fn series_of_one_time_are_joined_by_name() {
        let mut history = History::new(LONGEST);
        let of = |t: i64, name: &str, value: u64| json!({ "t": t, "series": [{ "name": name, "e": value }] });
        drop(history.add(of(1, "a", 1)));
        let mut shed = of(1, "b", 2);
        shed["kept"] = json!(0.5);
        drop(history.add(shed));
        let (_, sent) = history.add(of(1, "a", 3)).unwrap();
        let expected = json!({ "t": 1, "kept": 0.5, "series": [{ "name": "a", "e": 3 }, { "name": "b", "e": 2 }] });
        assert_eq!(serde_json::from_str::<Value>(sent.get()).unwrap(), expected);
        drop(history.add(of(2, "c", 1)));
        assert_eq!(history.names(), ["a", "b", "c"]);
    }
}
