//! Prequential accuracy of the trees that follow changes, on streams on which MOA was measured.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Instant;

use streamgauge_ml::tree::HoeffdingAdaptiveTree;
use streamgauge_ml::{Classifier, Dataset};
use streamgauge_sketches::Summary;

const STREAMS: [(&str, f64); 10] = [
    ("elec", 80.94),
    ("sea_abrupt", 86.87),
    ("agrawal_f1", 94.48),
    ("agrawal_abrupt", 88.95),
    ("random_tree", 89.50),
    ("led_noise10", 73.52),
    ("hyperplane", 85.49),
    ("rbf", 74.22),
    ("rbf_drift", 57.22),
    ("waveform", 81.35),
];

fn accuracy<L: Classifier<Row = [f64]>>(mut learner: L, rows: &Dataset) -> (f64, L) {
    let mut right = 0_u32;
    for (row, class) in rows.iter() {
        right += u32::from(learner.predict_and_learn(row, class).unwrap() == Some(class));
    }
    (100.0 * f64::from(right) / rows.len() as f64, learner)
}

#[test]
fn trees_that_adapt_are_as_good_as_those_of_moa() {
    let mut gap = 0.0;
    for (name, moa) in STREAMS {
        let Some(rows) = (if name == "elec" { support::elec() } else { support::stream(name) }) else { continue };
        let begun = Instant::now();
        let (ours, tree) =
            accuracy(HoeffdingAdaptiveTree::with_growth(rows.schema().clone(), growth()).unwrap(), &rows);
        let rate = rows.len() as f64 / begun.elapsed().as_secs_f64() / 1e3;
        println!(
            "{name:>15} moa {moa:6.2} ours {ours:6.2} {:+.2} nodes {} alternates {} {} KiB {rate:.0}k/s",
            ours - moa,
            tree.nodes(),
            tree.alternates(),
            tree.memory_bytes() / 1024
        );
        gap += (ours - moa) / 10.0;
    }
    println!("mean {gap:+.3}");
}

fn env(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().unwrap())
}
fn growth() -> streamgauge_ml::tree::Growth {
    streamgauge_ml::tree::Growth::new()
        .grace(env("GRACE", 200.0) as u32)
        .unwrap()
        .delta(env("DELTA", 1e-7))
        .unwrap()
        .tie(env("TIE", 0.05))
        .unwrap()
}
