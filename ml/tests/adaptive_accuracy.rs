//! Prequential accuracy of the trees that follow changes, on streams on which MOA was measured.
#![allow(clippy::unwrap_used)]

mod support;

use streamgauge_ml::tree::{AdaptiveRandomForest, HoeffdingAdaptiveTree};
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

fn compare<L: Classifier<Row = [f64]>>(empty: impl Fn(&Dataset) -> L) {
    let mut gap = 0.0;
    for (name, moa) in STREAMS {
        let Some(rows) = (if name == "elec" { support::elec() } else { support::stream(name) }) else { continue };
        if std::env::var("ONLY").is_ok_and(|only| !only.contains(name)) {
            continue;
        }
        let begun = cpu_seconds();
        let (ours, tree) = accuracy(empty(&rows), &rows);
        let rate = rows.len() as f64 / (cpu_seconds() - begun) / 1e3;
        println!(
            "{name:>15} moa {moa:6.2} ours {ours:6.2} {:+.2} {} KiB {rate:.0}k/s",
            ours - moa,
            tree.memory_bytes() / 1024
        );
        gap += (ours - moa) / 10.0;
    }
    println!("mean {gap:+.3}");
}

#[test]
fn adaptive() {
    compare(|rows| HoeffdingAdaptiveTree::with_growth(rows.schema().clone(), growth()).unwrap());
}

#[test]
fn forest() {
    compare(|rows| {
        AdaptiveRandomForest::with_growth(
            rows.schema().clone(),
            sub(growth(), rows.schema().attributes().len()),
            env("TREES", 10.0) as usize,
        )
        .unwrap()
    });
}

/// The processor time of this thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

fn env(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().unwrap())
}
fn growth() -> streamgauge_ml::tree::Growth {
    streamgauge_ml::tree::Growth::new()
        .grace(env("GRACE", 100.0) as u32)
        .unwrap()
        .delta(env("DELTA", 0.05))
        .unwrap()
        .tie(env("TIE", 0.05))
        .unwrap()
}

fn sub(g: streamgauge_ml::tree::Growth, m: usize) -> streamgauge_ml::tree::Growth {
    match env("SUB", 0.0) {
        0.0 => g,
        f => g.subspace((f * m as f64).round() as u32).unwrap(),
    }
}
