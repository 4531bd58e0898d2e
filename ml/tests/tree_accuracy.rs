#![allow(clippy::unwrap_used)]
//! Prequential accuracy of the trees on streams on which MOA was measured.

mod support;

use streamgauge_ml::tree::{ExtremelyFastTree, HoeffdingTree};
use streamgauge_ml::{Classifier, Dataset};

fn accuracy<L: Classifier<Row = [f64]>>(mut learner: L, rows: &Dataset) -> (f64, L) {
    let mut right = 0_u32;
    for (row, class) in rows.iter() {
        right += u32::from(learner.predict_and_learn(row, class).unwrap() == Some(class));
    }
    (100.0 * f64::from(right) / rows.len() as f64, learner)
}

const STREAMS: [(&str, f64, f64); 10] = [
    ("elec", 77.95, 78.12),
    ("sea_abrupt", 84.47, 84.49),
    ("agrawal_f1", 94.10, 94.48),
    ("agrawal_abrupt", 78.48, 78.99),
    ("random_tree", 88.99, 90.00),
    ("led_noise10", 73.60, 73.04),
    ("hyperplane", 85.66, 85.72),
    ("rbf", 72.44, 77.66),
    ("rbf_drift", 54.38, 64.78),
    ("waveform", 81.38, 82.78),
];

#[test]
fn trees_are_as_good_as_those_of_moa() {
    for (name, moa, efdt) in STREAMS {
        let Some(rows) = (if name == "elec" { support::elec() } else { support::stream(name) }) else { continue };
        report(name, moa, HoeffdingTree::new(rows.schema().clone()), &rows, HoeffdingTree::leaves);
        report(name, efdt, ExtremelyFastTree::new(rows.schema().clone()), &rows, ExtremelyFastTree::leaves);
    }
}

fn report<L: Classifier<Row = [f64]>>(name: &str, moa: f64, tree: L, rows: &Dataset, leaves: impl Fn(&L) -> usize) {
    let started = std::time::Instant::now();
    let (ours, tree) = accuracy(tree, rows);
    let rate = rows.len() as f64 / started.elapsed().as_secs_f64() / 1e3;
    let kib = tree.memory_bytes() / 1024;
    let (what, leaves) = (L::NAME, leaves(&tree));
    println!(
        "{what:.5} {name:>15} moa {moa:6.2} ours {ours:6.2} {:+.2} leaves {leaves} {kib} KiB {rate:.0}k/s",
        ours - moa
    );
}
