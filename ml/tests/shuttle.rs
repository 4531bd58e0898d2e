//! The detectors of rows on Statlog Shuttle: 49,097 rows of nine attributes, 7.15 % of them strange; each row is
//! scored, then learned. A row without a score counts as if it had the lowest.
//!
//! Prints the table of the book: `cargo test --release -p streamgauge-ml --test shuttle -- --nocapture`.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/ranking.rs"]
mod table;

use streamgauge_ml::anomaly::{
    Across, Calibrated, Ensemble, GaussianTails, HalfSpaceTrees, IsolationForest, KMeansDistance, Loda, Mahalanobis,
    RobustTails, Scorer,
};
use streamgauge_ml::cluster::StreamingKMeans;
use streamgauge_ml::{Dataset, Detector};
use table::ranking;

/// The processor time of this thread: other work on the machine does not count. 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.unwrap_or_default() / 1e9
}

/// The least ROC AUC and average precision of calibrated scores.
struct Bounds(f64, f64);

/// How many of the highest 2,000 scores are equal to another.
fn ties_at_the_top(scored: &[(f64, bool)]) -> usize {
    let mut scores: Vec<f64> = scored.iter().map(|(score, _)| *score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores[..2_000].windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// Holds a detector to bounds; its scores.
fn detect(data: &Dataset, name: &str, mut detector: impl Detector<Item = [f64]>, least: Bounds) -> Vec<(f64, bool)> {
    let started = cpu_seconds();
    let mut step = |row: &[f64]| detector.score_and_learn(row).unwrap().unwrap_or(0.0);
    let scores: Vec<(f64, bool)> = data.iter().map(|(row, class)| (step(row), class == 1)).collect();
    let rate = data.len() as f64 / (cpu_seconds() - started);
    let (area, precision) = ranking(&scores);
    println!("{name:24} | {area:.4} | {precision:.4} | {rate:9.0} | {}", detector.memory_bytes());
    assert!(area >= least.0, "{name}: ROC AUC {area}");
    assert!(precision >= least.1, "{name}: average precision {precision}");
    scores
}

/// Holds a scorer to bounds, and its calibrated scores to rank as its raw ones do.
fn hold<S: Scorer<Item = [f64]>>(data: &Dataset, name: &str, mut scorer: S, least: Bounds) {
    let scores = detect(data, name, Calibrated::new(scorer.clone()), least);
    let mut step = |row: &[f64]| scorer.raw_and_learn(row).unwrap().unwrap_or(f64::NEG_INFINITY);
    let raws: Vec<(f64, bool)> = data.iter().map(|(row, class)| (step(row), class == 1)).collect();
    let (raw, calibrated) = (ranking(&raws), ranking(&scores));
    println!("{:24} | {:.4} | {:.4} |", "  raw", raw.0, raw.1);
    // What calibrated scores lose is their warm-up of 32 rows, two of which are strange in the mean: 0.0007; and a little for
    // learning what is usual as it goes.
    assert!(calibrated.0 >= raw.0 - 0.002, "{name}: ROC AUC {} of {}", calibrated.0, raw.0);
    assert!(calibrated.1 >= raw.1 - 0.015, "{name}: average precision {} of {}", calibrated.1, raw.1);
    assert!(ties_at_the_top(&scores) <= ties_at_the_top(&raws), "{name}: calibration makes no ties");
}

#[test]
fn strange_rows_are_ranked_above_usual_ones() {
    let Some(data) = support::omlb("shuttle_anom.bin.gz") else { return };
    println!("{:24} | AUC    | AP     | rows/s    | bytes", "");
    let gaussian = GaussianTails::new(9).unwrap();
    let robust = RobustTails::new(9).unwrap();
    let distance = Mahalanobis::new(9).unwrap();
    let clusters = StreamingKMeans::new(8, 9).unwrap().start_after(64).unwrap();
    hold(&data, "Gaussian tails, largest", gaussian.clone().across(Across::Largest), Bounds(0.986, 0.88));
    hold(&data, "Gaussian tails, sum", gaussian, Bounds(0.988, 0.95));
    hold(&data, "robust tails, largest", robust.clone().across(Across::Largest), Bounds(0.988, 0.77));
    hold(&data, "robust tails, sum", robust, Bounds(0.994, 0.94));
    hold(&data, "Mahalanobis distance", distance.clone(), Bounds(0.98, 0.85));
    hold(&data, "k-means distance", KMeansDistance::new(clusters), Bounds(0.97, 0.75));
    for seed in 0..4 {
        hold(&data, "LODA", Loda::new(9).unwrap().seeded(seed), Bounds(0.98, 0.74));
        hold(&data, "half-space trees", HalfSpaceTrees::new(9).unwrap().seeded(seed), Bounds(0.975, 0.84));
        let forest = IsolationForest::new(9).unwrap().seeded(seed);
        hold(&data, "isolation forest", forest.clone(), Bounds(0.993, 0.92));
        let members = (Calibrated::new(forest), Calibrated::new(distance.clone()));
        detect(&data, "forest and Mahalanobis", Ensemble::new(members), Bounds(0.993, 0.89));
    }
}
