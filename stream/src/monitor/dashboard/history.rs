//! The history of a panel: bounded, and coarser the older it is.
//!
//! The newest points are all kept. Of the older ones two neighbours become one wherever they are closest together for
//! their age: so the step between points grows in proportion to how long ago they were, and the first stays. The page
//! does the same with what it has (`history.js`).

use std::mem::size_of;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use streamgauge_sketches::Estimate;

use super::datum::{Datum, fields};
use super::series::Names;

/// The newest points, which are all kept.
const WHOLE: usize = 400;
/// The most that the points of a history may take up, in bytes of memory.
const MOST_BYTES: usize = 3 << 19;
/// When there are too many points, one in so many is dropped at once: to look for it is work for all of them.
const AT_ONCE: usize = 16;
/// By so many values points are compared when one of two is to stay.
const COMPARED: usize = 8;

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

/// A point as it is kept, for many to read.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// An estimate at a time, with its contract or without, as most are. It has no memory of its own: thousands of small
    /// pieces that live for hours would tear up the memory that batches work with.
    Estimate(i64, Estimate, bool),
    Any(Arc<Datum>),
}

#[derive(Debug)]
struct Kept {
    point: Held,
    /// As it stands in checkpoints, written once, for it does not change any more.
    text: OnceLock<Box<str>>,
}

impl History {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, times: Vec::new(), points: Vec::new(), bytes: 0 }
    }

    /// Adds a point, and gives its time. A point of a time that is there already takes the place of that one: so a window
    /// arrives that late records have revised. The series of the two are joined, in the order of the names. A point
    /// without a time has no place.
    pub(super) fn add(&mut self, mut point: Datum, names: &Names) -> Option<i64> {
        let time = point.get("t")?.whole()?;
        let at = self.times.partition_point(|known| *known < time);
        let is_known = self.times.get(at) == Some(&time);
        if is_known {
            if let Held::Any(known) = &self.points[at].point {
                join(known, &mut point, names);
            }
            self.drop_at(at);
        }
        if at < self.times.len() {
            shorten(&mut point);
        } else if let Some(last) = at.checked_sub(1).filter(|_| !is_known) {
            self.shorten_at(last);
        }
        let kept = Kept::new(point);
        self.bytes += kept.bytes();
        self.times.insert(at, time);
        self.points.insert(at, kept);
        self.bound();
        Some(time)
    }

    /// Adds a point as [`texts`](Self::texts) gave it, if it is one and behind all that are there.
    pub(super) fn restore(&mut self, point: &str) {
        let Ok(point) = serde_json::from_str::<Datum>(point) else { return };
        let time = point.get("t").and_then(Datum::whole);
        if time.is_some_and(|time| self.last_time() < Some(time)) {
            self.add(point, &Names::default());
        }
    }

    /// The names of the series in it, in the order of their first points.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for point in self.points() {
            let Held::Any(point) = point else { continue };
            let series = point.get("series").map_or(&[][..], Datum::list);
            for name in series.iter().filter_map(|one| one.get("name")?.text()) {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
        names
    }

    /// The points.
    pub(super) fn points(&self) -> impl Iterator<Item = &Held> {
        self.points.iter().map(|kept| &kept.point)
    }

    /// The points as JSON.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.points.iter().map(Kept::text)
    }

    /// The point of a time.
    pub(super) fn at(&self, time: i64) -> Option<&Held> {
        self.times.binary_search(&time).ok().map(|at| &self.points[at].point)
    }

    /// The time of the last point.
    pub(super) fn last_time(&self) -> Option<i64> {
        self.times.last().copied()
    }

    fn shorten_at(&mut self, at: usize) {
        let kept = &mut self.points[at];
        self.bytes -= kept.bytes();
        kept.text = OnceLock::new();
        match &mut kept.point {
            Held::Estimate(_, _, has_contract) => *has_contract = false,
            Held::Any(point) => shorten(Arc::make_mut(point)),
        }
        self.bytes += kept.bytes();
    }

    fn drop_at(&mut self, at: usize) {
        self.times.remove(at);
        self.bytes -= self.points.remove(at).bytes();
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
        dropped.iter().for_each(|at| self.bytes -= self.points[*at].bytes());
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

impl From<Datum> for Held {
    fn from(point: Datum) -> Self {
        match point.fields() {
            [(t, Datum::Signed(time)), (e, Datum::Estimate(estimate))] if t == "t" && e == "e" => {
                Self::Estimate(*time, *estimate, true)
            }
            [(t, Datum::Signed(time)), (e, Datum::Bare(estimate))] if t == "t" && e == "e" => {
                Self::Estimate(*time, *estimate, false)
            }
            _ => Self::Any(Arc::new(point)),
        }
    }
}

impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Estimate(time, estimate, true) => fields! { "t": *time, "e": estimate }.serialize(serializer),
            Self::Estimate(time, estimate, false) => {
                fields! { "t": *time, "e": Datum::Bare(*estimate) }.serialize(serializer)
            }
            Self::Any(point) => point.serialize(serializer),
        }
    }
}

impl Kept {
    fn new(point: Datum) -> Self {
        Self { point: point.into(), text: OnceLock::new() }
    }

    fn text(&self) -> &str {
        // Writing to memory does not fail, and a datum is JSON.
        self.text.get_or_init(|| serde_json::to_string(&self.point).unwrap_or_default().into())
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.point {
                Held::Estimate(..) => 0,
                Held::Any(point) => size_of::<Datum>() + point.heap_bytes(),
            }
    }
}

/// Takes out of a point what is drawn of the last one only: contracts, and the sample of a map.
fn shorten(point: &mut Datum) {
    if let Datum::Fields(fields) = point {
        fields.retain(|(name, _)| name != "sample");
    }
    without_contracts(point);
}

fn without_contracts(datum: &mut Datum) {
    match datum {
        Datum::Estimate(estimate) => *datum = Datum::Bare(*estimate),
        Datum::Fields(fields) => {
            fields.retain(|(name, _)| name != "contract");
            fields.iter_mut().for_each(|(_, field)| without_contracts(field));
        }
        Datum::List(all) => all.iter_mut().for_each(without_contracts),
        _ => {}
    }
}

/// What a point says, in short.
#[derive(Debug, Default)]
struct Said {
    /// Its fields that are true: an alert, say.
    marks: usize,
    /// Its numbers, and those of its estimates, as far as they are compared.
    values: [f64; COMPARED],
    noted: usize,
}

impl Said {
    fn of(point: &Held) -> Self {
        let mut said = Self::default();
        let point = match point {
            Held::Estimate(_, estimate, _) => {
                said.note(Some(estimate.value).filter(|value| value.is_finite()));
                return said;
            }
            Held::Any(point) => point,
        };
        for (name, field) in point.fields() {
            said.marks += usize::from(*field == Datum::Flag(true));
            // What is known of the batch is no value.
            if name != "t" && name != "kept" {
                said.note(field.number());
            }
        }
        point.fields().iter().filter(|(name, _)| name != "sample").for_each(|(_, field)| said.visit(field));
        said
    }

    fn values(&self) -> &[f64] {
        &self.values[..self.noted]
    }

    fn note(&mut self, value: Option<f64>) {
        if let Some(value) = value
            && self.noted < COMPARED
        {
            self.values[self.noted] = value;
            self.noted += 1;
        }
    }

    fn visit(&mut self, field: &Datum) {
        match field {
            Datum::Estimate(estimate) | Datum::Bare(estimate) => {
                self.note(Some(estimate.value).filter(|value| value.is_finite()));
            }
            Datum::Fields(fields) => {
                self.note(field.get("value").and_then(Datum::number));
                fields.iter().for_each(|(_, field)| self.visit(field));
            }
            Datum::List(all) => all.iter().for_each(|field| self.visit(field)),
            _ => {}
        }
    }
}

/// Joins the series of an earlier point of the same time to those of a later one, which has the last word on each name.
fn join(earlier: &Datum, later: &mut Datum, names: &Names) {
    let kept = [earlier, later].into_iter().filter_map(|point| point.get("kept")?.number()).reduce(f64::min);
    let Some(known) = earlier.get("series") else { return };
    let Some(series) = later.get_mut("series").and_then(Datum::list_mut) else { return };
    let mut joined = known.list().to_vec();
    for one in series.drain(..) {
        match joined.iter_mut().find(|known| known.get("name") == one.get("name")) {
            Some(known) => *known = one,
            None => joined.push(one),
        }
    }
    names.sort(&mut joined);
    *series = joined;
    if let Some(kept) = kept {
        later.set("kept", kept);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LONGEST: usize = 1_000;

    /// Whether it has a place.
    fn add(history: &mut History, point: Datum) -> bool {
        history.add(point, &Names::default()).is_some()
    }

    /// A point a second; every 5,000th is a peak of half a second.
    fn point(second: i64) -> Datum {
        let value = if second % 5_000 == 4_321 { 1e6 } else { 100.0 + (second % 7) as f64 };
        let e = fields! { "value": value, "lower": None::<f64>, "upper": None::<f64>, "contract": "may be off" };
        fields! { "t": second * 1_000, "e": e }
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
        (0..DAY).for_each(|second| assert!(add(&mut history, point(second))));
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
        let bytes: usize = history.points.iter().map(Kept::bytes).sum();
        assert_eq!(history.bytes, bytes);
    }

    /// The browser tests have the same points and the same sum: the page is to keep what the job keeps.
    #[test]
    fn the_page_thins_as_this_does() {
        let mut history = History::new(LONGEST);
        for i in 0..5_000_i64 {
            let noise = |prime: i64| (i * prime % 65_536) as f64 / 64.0;
            add(
                &mut history,
                fields! {
                    "t": i * 1_000 + i * 7_919 % 900,
                    "alert": i % 97 == 0,
                    "score": noise(40_503),
                    "e": fields! { "value": noise(25_717), "contract": "none" },
                    "kept": 0.5,
                },
            );
        }
        let sum = history.times.iter().fold(0, |sum, time| (sum * 31 + time) % 1_000_000_007);
        assert_eq!((history.times.len(), sum), (970, 562_378_984));
        let alerts = history.points().filter(|point| Said::of(point).marks > 0).count();
        assert_eq!(alerts, 52, "alerts stay");
    }

    #[test]
    fn a_history_goes_on_from_its_points_as_if_nothing_had_happened() {
        let (mut undisturbed, mut before) = (History::new(LONGEST), History::new(LONGEST));
        (0..5_000).for_each(|second| assert!(add(&mut undisturbed, point(second))));
        (0..3_000).for_each(|second| assert!(add(&mut before, point(second))));
        let mut after = History::new(LONGEST);
        before.texts().for_each(|point| after.restore(point));
        let text = |history: &History| history.texts().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(text(&after), text(&before));
        (3_000..5_000).for_each(|second| assert!(add(&mut after, point(second))));
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
        let of = |t: i64, value: f64| fields! { "t": t, "e": fields! { "value": value, "contract": "c" } };
        for (t, value) in [(1, 1.0), (3, 3.0), (2, 2.0), (3, 4.0), (2, 5.0)] {
            assert!(add(&mut history, of(t, value)));
        }
        let texts: Vec<_> = history.texts().collect();
        let expected = [r#"{"t":1,"e":{"value":1.0}}"#, r#"{"t":2,"e":{"value":5.0}}"#];
        assert_eq!(texts[..2], expected);
        assert_eq!(texts[2], r#"{"t":3,"e":{"value":4.0,"contract":"c"}}"#, "the last has its contract");
        assert!(!add(&mut history, fields! { "e": 1_u64 }) && !add(&mut history, fields! { "t": 0.5 }));
        // The latest of a kind that keeps one is that of the latest time.
        let mut latest = History::new(1);
        [(5, 1.0), (4, 2.0)].into_iter().for_each(|(t, value)| assert!(add(&mut latest, of(t, value))));
        assert_eq!(seconds(&latest).len(), 1);
        assert_eq!(latest.last_time(), Some(5));
    }

    #[test]
    fn large_points_are_fewer() {
        let mut history = History::new(LONGEST);
        let large = |t: i64| fields! { "t": t, "rows": vec!["x".repeat(100); 100] };
        (0..500).for_each(|t| assert!(add(&mut history, large(t))));
        assert!(history.bytes <= MOST_BYTES && history.points.len() > 90, "{} points", history.points.len());
        // One that is too large by itself is there all the same: it is the one that is drawn.
        let huge = fields! { "t": 500_i64, "rows": ["x".repeat(MOST_BYTES)] };
        assert!(add(&mut history, huge));
        assert_eq!((history.points.len(), history.last_time()), (1, Some(500)));
    }

    #[test]
    fn series_of_one_time_are_joined_by_name() {
        let mut history = History::new(LONGEST);
        let of = |t: i64, name: &str, value: u64| fields! { "t": t, "series": [fields! { "name": name, "e": value }] };
        assert!(add(&mut history, of(1, "a", 1)));
        let mut shed = of(1, "b", 2);
        shed.set("kept", 0.5);
        assert!(add(&mut history, shed));
        assert!(add(&mut history, of(1, "a", 3)));
        let expected = json!({ "t": 1, "kept": 0.5, "series": [{ "name": "a", "e": 3 }, { "name": "b", "e": 2 }] });
        assert_eq!(serde_json::to_value(history.at(1).unwrap()).unwrap(), expected);
        assert!(add(&mut history, of(2, "c", 1)));
        assert_eq!(history.names(), ["a", "b", "c"]);
    }
}
