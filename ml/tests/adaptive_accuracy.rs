//! Prequential accuracy of the trees that follow changes, on streams on which MOA was measured; with what MOA reached, in
//! percent. Skipped where the streams are not there:
//! `STREAMGAUGE_STREAMS=… STREAMGAUGE_DATA=… cargo test -p streamgauge-ml --release --test adaptive_accuracy -- --nocapture`
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Instant;

use streamgauge_ml::tree::{AdaptiveRandomForest, Growth, HoeffdingAdaptiveTree};
use streamgauge_ml::{Classifier, Dataset, Schema};

/// MOA's adaptive tree, and its forest of ten trees, where that was measured.
const STREAMS: [(&str, f64, Option<f64>); 10] = [
    ("elec", 80.94, Some(87.56)),
    ("sea_abrupt", 86.87, Some(88.66)),
    ("agrawal_f1", 94.48, None),
    ("agrawal_abrupt", 88.95, None),
    ("random_tree", 89.50, None),
    ("led_noise10", 73.52, None),
    ("hyperplane", 85.49, None),
    ("rbf", 74.22, None),
    ("rbf_drift", 57.22, None),
    ("waveform", 81.35, None),
];

fn rows(name: &str) -> Option<Dataset> {
    if name == "elec" { support::elec() } else { support::stream(name) }
}

/// The share of rows that were predicted right before they were learned, in percent.
fn accuracy<L: Classifier<Row = [f64]>>(name: &str, make: impl Fn(Schema) -> L, rows: &Dataset) -> f64 {
    let (mut learner, mut right) = (make(rows.schema().clone()), 0_u32);
    let started = Instant::now();
    let begun = support::cpu_seconds(started);
    for (row, class) in rows.iter() {
        right += u32::from(learner.predict_and_learn(row, class).unwrap() == Some(class));
    }
    let rate = rows.len() as f64 / (support::cpu_seconds(started) - begun) / 1e3;
    let accuracy = 100.0 * f64::from(right) / rows.len() as f64;
    let (what, kib) = (L::NAME, learner.memory_bytes() / 1024);
    println!("{what:>21} {name:>17} {accuracy:.2} %, {kib} KiB, {rate:.0} k/s");
    accuracy
}

#[test]
fn adaptive_trees_are_as_good_as_those_of_moa_on_every_stream() {
    let (mut gaps, mut streams) = (0.0, 0);
    for (name, moa, _) in STREAMS {
        let Some(rows) = rows(name) else { continue };
        let ours = accuracy(name, HoeffdingAdaptiveTree::new, &rows);
        assert!(ours > moa, "{name}: {ours:.2} %, MOA {moa} %");
        (gaps, streams) = (gaps + ours - moa, streams + 1);
    }
    // The mean is one over all of them.
    if streams == STREAMS.len() {
        println!("{:+.2} points against MOA on average", gaps / streams as f64);
        assert!(gaps / streams as f64 > 3.5, "{}", gaps / streams as f64);
    }
}

#[test]
#[ignore = "takes minutes: prints the table of the book"]
fn forests_are_better_than_single_trees() {
    let (mut better, mut streams) = (0, 0);
    for (name, _, moa) in STREAMS {
        let Some(rows) = rows(name) else { continue };
        let tree = accuracy(name, HoeffdingAdaptiveTree::new, &rows);
        let forest = accuracy(name, AdaptiveRandomForest::new, &rows);
        // For comparison: the subspaces of the random forest.
        let attributes = (rows.schema().attributes().len() as f64).sqrt().round() as u32 + 1;
        let growth = Growth::forest().subspace(attributes).unwrap();
        let subspaces = |schema| AdaptiveRandomForest::with_growth(schema, growth.clone(), 10).unwrap();
        accuracy(&format!("{name}, {attributes}"), subspaces, &rows);
        assert!(moa.is_none_or(|moa| forest > moa - 0.3), "{name}: {forest:.2} %, MOA {moa:?} %");
        assert!(forest > tree - 0.2, "{name}: {forest:.2} %, a tree {tree:.2} %");
        (better, streams) = (better + i32::from(forest > tree), streams + 1);
    }
    assert!(better * 10 >= streams * 9, "better on {better} of {streams} streams");
}

#[test]
#[ignore = "takes a minute"]
fn adaptive_trees_are_as_good_as_those_of_moa_over_a_million_rows() {
    let of_moa = [
        ("sea_abrupt", 88.87),
        ("agrawal_abrupt", 91.85),
        ("random_tree", 94.91),
        ("led_noise10", 73.88),
        ("hyperplane", 86.69),
        ("rbf", 84.90),
        ("rbf_drift", 61.75),
    ];
    for (name, moa) in of_moa {
        let Some(rows) = support::full_stream(name) else { continue };
        let ours = accuracy(name, HoeffdingAdaptiveTree::new, &rows);
        assert!(ours > moa - 0.3, "{name}: {ours:.2} %, MOA {moa} %");
    }
}
