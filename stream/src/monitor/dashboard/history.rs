//! The history of a panel: bounded, and coarser the older it is.
//!
//! The newest points are all kept. Of the older ones two neighbours become one wherever they are closest together for
//! their age: so the step between points grows in proportion to how long ago they were, and the first stays. The page
//! does the same with what it has (`history.js`).

use std::mem::size_of;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::datapoint::{DataPoint, Said};
use super::series::Names;

/// The newest points, which are all kept.
const WHOLE: usize = 400;
/// The most that the points of a history may take up, in bytes of memory.
const MOST_BYTES: usize = 3 << 19;
/// When there are too many points, one in so many is dropped at once: to look for it is work for all of them.
const AT_ONCE: usize = 16;

/// Points in the order of their times, one for each time.
///
/// The last has its contracts, which are read of that one only: in the others they would be most of the bytes.
#[derive(Debug)]
pub(super) struct History {
    longest: usize,
    /// Apart from the points: they are what is searched.
    times: Vec<i64>,
    points: Vec<Kept>,
    /// The bytes of all points.
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    point: DataPoint,
    bytes: usize,
    /// As it stands in checkpoints, written once, for it does not change any more.
    text: OnceLock<Box<str>>,
}

impl History {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, times: Vec::new(), points: Vec::new(), bytes: 0 }
    }

    /// Adds a point. One of a time that is there already takes the place of that one: so a window arrives that late records
    /// have revised. The series of the two are joined, in the order of the names.
    pub(super) fn add(&mut self, mut point: DataPoint, names: &Names) {
        let time = point.time;
        if self.longest == 1 && self.last_time().is_some_and(|last| last < time) {
            // There is nothing to choose between.
            self.drop_at(0);
        }
        let at = self.times.partition_point(|known| *known < time);
        let is_known = self.times.get(at) == Some(&time);
        if is_known {
            point.join(&self.points[at].point, names);
            self.drop_at(at);
        }
        if at < self.times.len() {
            point.shorten();
        } else if let Some(last) = at.checked_sub(1).filter(|_| !is_known) {
            self.shorten_at(last);
        }
        let kept = Kept::new(point);
        self.bytes += kept.bytes;
        self.times.insert(at, time);
        self.points.insert(at, kept);
        self.bound();
    }

    /// Adds a point as [`texts`](Self::texts) gave it, if it is one and behind all that are there.
    pub(super) fn restore(&mut self, point: &str) {
        if let Some(point) = DataPoint::restored(point)
            && self.last_time() < Some(point.time)
        {
            self.add(point, &Names::default());
        }
    }

    /// The names of the series in it, in the order of their first points.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.points().flat_map(DataPoint::names)
    }

    /// The points.
    pub(super) fn points(&self) -> impl Iterator<Item = &DataPoint> {
        self.points.iter().map(|kept| &kept.point)
    }

    /// The points as JSON.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.points.iter().map(Kept::text)
    }

    /// The point of a time.
    pub(super) fn at(&self, time: i64) -> Option<&DataPoint> {
        self.times.binary_search(&time).ok().map(|at| &self.points[at].point)
    }

    /// The time of the last point.
    pub(super) fn last_time(&self) -> Option<i64> {
        self.times.last().copied()
    }

    fn shorten_at(&mut self, at: usize) {
        let kept = &mut self.points[at];
        self.bytes -= kept.bytes;
        kept.point.shorten();
        (kept.bytes, kept.text) = (memory(&kept.point), OnceLock::new());
        self.bytes += kept.bytes;
    }

    fn drop_at(&mut self, at: usize) {
        self.times.remove(at);
        self.bytes -= self.points.remove(at).bytes;
    }

    fn bound(&mut self) {
        if self.points.len() > self.longest {
            self.thin(self.longest / AT_ONCE);
        }
        while self.bytes > MOST_BYTES && self.points.len() > 1 {
            self.thin(self.points.len() / AT_ONCE);
        }
    }

    /// Drops about so many points, one at least. The oldest, if there are but few.
    fn thin(&mut self, most: usize) {
        let mut dropped = self.closest(most.max(1));
        if dropped.is_empty() {
            dropped.push(0);
        }
        dropped.iter().for_each(|at| self.bytes -= self.points[*at].bytes);
        let mut is_kept = vec![true; self.times.len()];
        dropped.into_iter().for_each(|at| is_kept[at] = false);
        let mut kept = is_kept.iter();
        self.times.retain(|_| kept.next() == Some(&true));
        let mut kept = is_kept.iter();
        self.points.retain(|_| kept.next() == Some(&true));
    }

    /// Of so many pairs of older points that take up the least time between their neighbours, for their age, the one that
    /// the other says more without. Pairs that share a neighbour with one before them have to wait: it changes them.
    fn closest(&self, most: usize) -> Vec<usize> {
        let Some(newest) = self.last_time() else { return Vec::new() };
        let cost =
            |around: &[i64]| around[3].saturating_sub(around[0]) as f64 / newest.saturating_sub(around[1]) as f64;
        let older: Range<usize> = 1..self.times.len().saturating_sub(WHOLE + 1);
        let mut pairs: Vec<(f64, usize)> =
            older.zip(self.times.windows(4)).map(|(first, around)| (cost(around), first)).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut touched = vec![false; self.times.len()];
        let mut dropped = Vec::with_capacity(most);
        for (_, first) in pairs {
            if dropped.len() == most {
                break;
            }
            let around = &mut touched[first - 1..first + 3];
            if !around.contains(&true) {
                around.fill(true);
                dropped.push(if self.stands_out(first) { first + 1 } else { first });
            }
        }
        dropped
    }

    /// Whether of a pair the first is further from the line between the neighbours: a peak stays. A point of more marks
    /// or values than the other says more in any case.
    fn stands_out(&self, first: usize) -> bool {
        let around = [first - 1, first, first + 1, first + 2];
        let [before, a, b, after] = around.map(|at| Said::of(&self.points[at].point));
        let [from, at_a, at_b, to] = around.map(|at| self.times[at]);
        let says = |point: &Said| (point.marks, point.values().len());
        if says(&a) != says(&b) {
            return says(&a) > says(&b);
        }
        let length = to.saturating_sub(from) as f64;
        let (mut of_a, mut of_b) = (0.0, 0.0);
        for (at, (x, y)) in a.values().iter().zip(b.values()).enumerate() {
            let (Some(start), Some(end)) = (before.values().get(at), after.values().get(at)) else {
                continue;
            };
            let distance = |time: i64, value: f64| {
                (value - (start + (end - start) * (time.saturating_sub(from) as f64 / length))).abs()
            };
            let (x, y) = (distance(at_a, *x), distance(at_b, *y));
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
    fn new(point: DataPoint) -> Self {
        Self { bytes: memory(&point), point, text: OnceLock::new() }
    }

    fn text(&self) -> &str {
        // Writing to memory does not fail, and a point is JSON.
        self.text.get_or_init(|| serde_json::to_string(&self.point).unwrap_or_default().into())
    }
}

/// The memory that a point takes up.
fn memory(point: &DataPoint) -> usize {
    size_of::<Kept>() + point.heap_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::datum::fields;
    use super::*;

    const LONGEST: usize = 1_000;

    fn add(history: &mut History, point: DataPoint) {
        history.add(point, &Names::default());
    }

    /// A point a second; every 5,000th is a peak of half a second.
    fn point(second: i64) -> DataPoint {
        let value = if second % 5_000 == 4_321 { 1e6 } else { 100.0 + (second % 7) as f64 };
        let e = fields! { "value": value, "lower": None::<f64>, "upper": None::<f64>, "contract": "may be off" };
        DataPoint::fields(second * 1_000, fields! { "e": e })
    }

    fn seconds(history: &History) -> Vec<i64> {
        history.times.iter().map(|time| time / 1_000).collect()
    }

    fn values(history: &History) -> Vec<f64> {
        history.points().map(|point| Said::of(point).values()[0]).collect()
    }

    #[test]
    fn a_day_is_there_in_a_thousand_points_and_the_older_the_coarser() {
        const DAY: i64 = 86_400;
        let mut history = History::new(LONGEST);
        (0..DAY).for_each(|second| add(&mut history, point(second)));
        let at = seconds(&history);
        assert_eq!(at[0], 0);
        assert!((LONGEST - LONGEST / AT_ONCE..=LONGEST).contains(&at.len()), "{} points", at.len());
        assert!(at[at.len() - WHOLE..].iter().copied().eq(DAY - WHOLE as i64..DAY), "the newest are whole");
        // The step is a few hundredths of the age at most, wherever one looks.
        for pair in at.windows(2) {
            let (step, age) = ((pair[1] - pair[0]) as f64, (DAY - pair[0]) as f64);
            assert!(step <= (0.03 * age).max(2.0), "a step of {step} s at an age of {age} s");
        }
        // Peaks are narrower than any step, and all of them are there.
        let peaks = values(&history).iter().filter(|value| **value == 1e6).count();
        assert_eq!(peaks, 17);
        let bytes: usize = history.points.iter().map(|kept| memory(&kept.point)).sum();
        assert_eq!(history.bytes, bytes);
    }

    /// The browser tests have the same points and the same sum: the page is to keep what the job keeps.
    #[test]
    fn the_page_thins_as_this_does() {
        let mut history = History::new(LONGEST);
        for i in 0..5_000_i64 {
            let noise = |prime: i64| (i * prime % 65_536) as f64 / 64.0;
            let fields = fields! {
                "alert": i % 97 == 0,
                "score": noise(40_503),
                "e": fields! { "value": noise(25_717), "contract": "none" },
            };
            let mut point = DataPoint::fields(i * 1_000 + i * 7_919 % 900, fields);
            point.was_kept(0.5);
            add(&mut history, point);
        }
        let sum = history.times.iter().fold(0, |sum, time| (sum * 31 + time) % 1_000_000_007);
        assert_eq!((history.times.len(), sum), (970, 562_378_984));
        let alerts = history.points().filter(|point| Said::of(point).marks > 0).count();
        assert_eq!(alerts, 52, "alerts stay");
    }

    #[test]
    fn a_history_goes_on_from_its_points_as_if_nothing_had_happened() {
        let (mut undisturbed, mut before) = (History::new(LONGEST), History::new(LONGEST));
        (0..5_000).for_each(|second| add(&mut undisturbed, point(second)));
        (0..3_000).for_each(|second| add(&mut before, point(second)));
        let mut after = History::new(LONGEST);
        before.texts().for_each(|point| after.restore(point));
        let text = |history: &History| history.texts().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(text(&after), text(&before));
        (3_000..5_000).for_each(|second| add(&mut after, point(second)));
        assert_eq!(values(&after), values(&undisturbed));
        // What is no point of it is passed over.
        for wrong in ["", "{", "[]", "{\"t\":\"now\"}", "{\"t\":0}", "{\"t\":4999000}"] {
            after.restore(wrong);
        }
        assert_eq!(seconds(&after), seconds(&undisturbed));
    }

    #[test]
    fn a_point_takes_the_place_of_one_of_its_time_and_late_ones_go_where_they_belong() {
        let mut history = History::new(3);
        let e = |value: f64| fields! { "e": fields! { "value": value, "contract": "c" } };
        let of = |t: i64, value: f64| DataPoint::fields(t, e(value));
        for (t, value) in [(1, 1.0), (3, 3.0), (2, 2.0), (3, 4.0), (2, 5.0)] {
            add(&mut history, of(t, value));
        }
        let texts: Vec<_> = history.texts().collect();
        let expected = [r#"{"t":1,"e":{"value":1.0}}"#, r#"{"t":2,"e":{"value":5.0}}"#];
        assert_eq!(texts[..2], expected);
        assert_eq!(texts[2], r#"{"t":3,"e":{"value":4.0,"contract":"c"}}"#, "the last has its contract");
        // The latest of a kind that keeps one is that of the latest time.
        let mut latest = History::new(1);
        [(5, 1.0), (4, 2.0)].into_iter().for_each(|(t, value)| add(&mut latest, of(t, value)));
        assert_eq!(seconds(&latest).len(), 1);
        assert_eq!(latest.last_time(), Some(5));
    }

    #[test]
    fn large_points_are_fewer() {
        let mut history = History::new(LONGEST);
        let large = |t: i64| DataPoint::fields(t, fields! { "rows": vec!["x".repeat(100); 100] });
        (0..500).for_each(|t| add(&mut history, large(t)));
        assert!(history.bytes <= MOST_BYTES && history.points.len() > 90, "{} points", history.points.len());
        // One that is too large by itself is there all the same: it is the one that is drawn.
        let huge = DataPoint::fields(500, fields! { "rows": ["x".repeat(MOST_BYTES)] });
        add(&mut history, huge);
        assert_eq!((history.points.len(), history.last_time()), (1, Some(500)));
    }

    #[test]
    fn series_of_one_time_are_joined_by_name() {
        let mut history = History::new(LONGEST);
        let of = |t: i64, name: &str, value: f64| DataPoint::series(t, std::iter::once((name.into(), value.into())));
        add(&mut history, of(1, "a", 1.0));
        let mut shed = of(1, "b", 2.0);
        shed.was_kept(0.5);
        add(&mut history, shed);
        add(&mut history, of(1, "a", 3.0));
        let of_both = |point: &serde_json::Value| {
            let value = |at: usize| (point["series"][at]["name"].clone(), point["series"][at]["e"]["value"].clone());
            (point["t"].clone(), point["kept"].clone(), [value(0), value(1)])
        };
        let expected = (json!(1), json!(0.5), [(json!("a"), json!(3.0)), (json!("b"), json!(2.0))]);
        assert_eq!(of_both(&history.at(1).unwrap().json()), expected);
        // Also those that are read again.
        let mut after = History::new(LONGEST);
        history.texts().for_each(|point| after.restore(point));
        assert!(after.texts().eq(history.texts()));
        add(&mut after, of(1, "b", 4.0));
        assert_eq!(after.at(1).unwrap().json()["series"][1]["e"]["value"], 4.0);
        add(&mut history, of(2, "c", 1.0));
        assert!(history.names().map(|name| &**name).eq(["a", "b", "c"]));
    }
}
