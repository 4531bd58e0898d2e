//! What a page gets of panels: the same whatever the number of threads, bounded whatever the data.

use std::net::SocketAddr;

use serde_json::Value;
use streamgauge_sketches::{Kll, Reservoir};
use streamgauge_stream::secs;
use streamgauge_stream::testing::TestJob;

use crate::client::{FREE, hello_text};

/// The first event of a page: the whole state.
fn hello(address: SocketAddr) -> Value {
    serde_json::from_str(&hello_text(address)).unwrap()
}

/// The panels of a job over some made-up and some hostile records, after eight batches.
fn panels(threads: usize) -> Vec<Value> {
    let mut job = TestJob::with(move |settings| settings.threads(threads));
    let long = "long ".repeat(1 << 14);
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1.0];
    let record = move |n: u64| {
        let key = match n % 50 {
            0 => "<script>alert(1)</script>".to_owned(),
            1 => "\u{202e}gpj".to_owned(),
            2 => long.clone(),
            _ => format!("key-{:03}", n * n % 211),
        };
        let value =
            if n.is_multiple_of(97) { values[(n / 97 % 5) as usize] } else { 1.5_f64.powi((n * 7 % 30) as i32) };
        (key, value)
    };
    let batches: Vec<Vec<(String, f64)>> = (0..8).map(|b| (b * 500..(b + 1) * 500).map(&record).collect()).collect();
    let records = job.source(batches);
    let (sizes, sample) = (Kll::with_k(200).unwrap(), Reservoir::new(300).unwrap());
    let by_key = records.key_by(|r: &(String, f64)| r.0.as_str()).window(secs(3), secs(1));
    let by_key = by_key.summarize(|on| (on.count(), on.quantiles(|r| r.1)));
    let all = records
        .window(secs(3), secs(1))
        .summarize(move |on| (on.map(|r| r.1).of(sizes), on.map(|r| r.0.clone()).of(sample)));

    let page = job.context().dashboard();
    page.listen(FREE);
    page.table("Keys", &by_key, ["key", "records", "median"], |(key, (count, values))| {
        [key.into(), count.into(), values.at(0.5).into()]
    });
    page.heat_map("Records", &by_key, |(_, (count, _))| *count);
    page.distribution("Values", &all, |w| w.0.clone());
    page.samples("Some", &all, |w| w.1.clone());
    job.ticks(8).unwrap();
    let panels = hello(page.address())["panels"].take();
    job.stop().unwrap();
    panels.as_array().unwrap().clone()
}

#[test]
fn panels_are_the_same_for_any_number_of_threads() {
    let one = panels(1);
    let kinds: Vec<_> = one.iter().map(|panel| panel["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["table", "heat", "distribution", "samples"]);
    for threads in [2, 8] {
        assert_eq!(panels(threads), one, "{threads} threads");
    }
}

#[test]
fn panels_are_bounded_whatever_the_data() {
    let panels = panels(2);
    let points = |panel: usize| panels[panel]["points"].as_array().unwrap();
    assert_eq!([0, 1, 2, 3].map(|panel| points(panel).len()), [1, 8, 1, 1]);
    let table = &points(0)[0];
    assert_eq!(table["rows"].as_array().unwrap().len(), 100);
    assert!(table["total"].as_u64().unwrap() > 100);
    for column in points(1) {
        assert_eq!(column["cells"].as_array().unwrap().len(), 20);
    }
    let distribution = &points(2)[0];
    let (bins, edges) =
        (distribution["shares"].as_array().unwrap().len(), distribution["edges"].as_array().unwrap().len());
    assert!(bins > 10 && bins <= 50 && edges == bins + 1, "{distribution:#}");
    let samples = &points(3)[0];
    assert_eq!(samples["rows"].as_array().unwrap().len(), 100);
    assert_eq!(samples["contract"], "300 of 1,500, uniform; 100 are shown");

    /// All texts in a value.
    fn texts<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => all.push(text),
            Value::Array(list) => list.iter().for_each(|it| texts(it, all)),
            Value::Object(map) => map.values().for_each(|it| texts(it, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    panels.iter().for_each(|panel| texts(panel, &mut all));
    assert!(all.iter().all(|text| text.chars().count() <= 201));
    for expected in ["<script>alert(1)</script>", "\u{202e}gpj"] {
        assert!(all.contains(&expected), "{expected}");
    }
    assert!(all.iter().any(|text| text.starts_with("long long") && text.ends_with('…')));
}
