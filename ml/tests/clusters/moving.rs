//! A stream of moving components, and the figures of others on it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use streamgauge_ml::cluster::{Forgetting, StreamingKMeans};
use streamgauge_ml::{Clusterer, Dataset};
use streamgauge_sketches::Summary;

/// The stream of moving components (class 5 is noise), if it is there.
fn moving() -> Option<Dataset> {
    let Some(streams) = std::env::var_os("STREAMGAUGE_STREAMS") else {
        eprintln!("skipped: STREAMGAUGE_STREAMS does not name the folder of gmm_drift.bin");
        return None;
    };
    let path = Path::new(&streams).join("gmm_drift.bin");
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(Dataset::read_omlb(BufReader::new(file)).unwrap())
}

/// The mean squared distance and the purity of all points but noise, each assigned before the batch that it is in is
/// learned; of a learner that starts by itself from the second batch on.
fn follow(clusters: &mut StreamingKMeans, rows: &Dataset, rows_of_batch: usize) -> (f64, f64) {
    let rows: Vec<_> = rows.iter().collect();
    let (mut squares, mut counts) = (0.0, vec![[0_u32; 5]; clusters.k()]);
    for batch in rows.chunks(rows_of_batch) {
        let is_started = clusters.centres().next().is_some();
        for (point, class) in batch.iter().filter(|(_, class)| is_started && *class < 5) {
            squares += clusters.distance_one(point).unwrap().unwrap().powi(2);
            counts[clusters.predict_one(point).unwrap().unwrap()][*class] += 1;
        }
        clusters.learn_batch(batch.iter().map(|(point, _)| *point)).unwrap();
        clusters.end_batch();
    }
    let n: u32 = counts.iter().flatten().sum();
    let pure: u32 = counts.iter().map(|classes| classes.iter().max().unwrap()).sum();
    (squares / f64::from(n), f64::from(pure) / f64::from(n))
}

#[test]
fn moving_components_are_followed_as_spark_does() {
    let Some(rows) = moving() else { return };
    let given: Vec<&[f64]> = (0..5).map(|c| rows.iter().find(|(_, class)| *class == c).unwrap().0).collect();
    let given = StreamingKMeans::with_centres(&given, 0.0).unwrap();
    // Spark 3.5.6 with these centres and batches of 1,000.
    for (factor, spark) in [(1.0, 13.4455), (0.9, 2.6233), (0.5, 2.1329), (0.0, 2.1187)] {
        let mut clusters = given.clone().forgetting(Forgetting::per_batch(factor).unwrap()).unwrap();
        let (squares, purity) = follow(&mut clusters, &rows, 1_000);
        eprintln!("factor {factor}: {squares:.4} per point, purity {purity}");
        assert!((squares - spark).abs() < 5e-5 && purity == 1.0, "{factor}: {squares}, purity {purity}");
    }
}

#[test]
fn moving_components_are_found_and_followed() {
    let Some(rows) = moving() else { return };
    for seed in 0..10 {
        let mut clusters = StreamingKMeans::new(5, 8).unwrap().seed(seed);
        let (squares, purity) = follow(&mut clusters, &rows, 1_000);
        eprintln!("seed {seed}: {squares:.4} per point, purity {purity}");
        assert!(squares <= 2.14 && purity >= 0.999, "seed {seed}: {squares}, purity {purity}");
    }
    let in_batches = Forgetting::Batches { half_life: 1.0 };
    let mut clusters = StreamingKMeans::new(5, 8).unwrap().forgetting(in_batches).unwrap();
    let (squares, purity) = follow(&mut clusters, &rows, 1_000);
    assert!(squares <= 2.14 && purity >= 0.999, "in batches: {squares}, purity {purity}");
}

/// A start anywhere in the stream, by any seed, finds the components that are there: 300 of 300.
#[test]
fn every_start_finds_the_components() {
    let Some(rows) = moving() else { return };
    let rows: Vec<_> = rows.iter().collect();
    for seed in 0..300 {
        let batch = &rows[seed as usize * 650..][..500];
        let mut clusters = StreamingKMeans::new(5, 8).unwrap().seed(seed);
        clusters.learn_batch(batch.iter().map(|(point, _)| *point)).unwrap();
        let pure =
            batch.iter().filter(|(_, class)| *class < 5).map(|(point, class)| (clusters.predict_one(point), class));
        let pairs: std::collections::BTreeSet<_> = pure.map(|(cluster, class)| (cluster.unwrap(), class)).collect();
        assert_eq!(pairs.len(), 5, "seed {seed}: {pairs:?}");
    }
}

/// The time that this thread has computed, where that can be known; else the time of the clock.
fn seconds() -> f64 {
    let of_thread = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = of_thread.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let of_clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    nanos.map_or_else(of_clock, |nanos| nanos / 1e9)
}

/// `cargo test --release -p streamgauge-ml --test clusters speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let Some(rows) = moving() else { return };
    let points: Vec<&[f64]> = rows.iter().map(|(point, _)| point).collect();
    for _ in 0..5 {
        let mut clusters = StreamingKMeans::new(5, 8).unwrap();
        let started = seconds();
        (0..20).for_each(|_| clusters.learn_batch(points.iter().copied()).unwrap());
        let learned = 20.0 * points.len() as f64 / (seconds() - started) / 1e6;
        let started = seconds();
        let predict = |point: &&[f64]| clusters.predict_one(point).unwrap().unwrap();
        let found: usize = (0..20).map(|_| points.iter().map(predict).sum::<usize>()).sum();
        let predicted = 20.0 * points.len() as f64 / (seconds() - started) / 1e6;
        eprintln!("{learned:.1} M points/s learned, {predicted:.1} M points/s predicted ({found})");
    }
    for k in [5, 20, 100, 500] {
        let mut clusters = StreamingKMeans::new(k, 8).unwrap();
        let started = seconds();
        clusters.learn_batch(points[..20 * k + 400].iter().copied()).unwrap();
        assert_eq!(clusters.centres().count(), k);
        eprintln!("a start of {k} clusters takes {:.3} s", seconds() - started);
    }
}
