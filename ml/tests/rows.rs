//! The detectors of rows on data that is made: what each of them is for.
//!
//! Everything is seeded. The least areas lie well below what was measured; between seeds the mean area over five streams
//! differs by about 0.005, where it is not yet 0.99.
#![allow(clippy::unwrap_used)]

#[path = "support/ranking.rs"]
mod table;

use streamgauge_ml::Detector;
use streamgauge_ml::anomaly::{
    Across, Calibrated, Ensemble, GaussianTails, HalfSpaceTrees, IsolationForest, KMeansDistance, Loda, Mahalanobis,
    RobustTails,
};
use streamgauge_ml::cluster::StreamingKMeans;
use streamgauge_sketches::random::Draws;
use table::ranking;

/// A number of mean 0 and deviation 1, nearly Gaussian up to three deviations.
fn gaussian(draws: &mut Draws) -> f64 {
    (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0
}

/// A detector, as each row is given to it.
type Step = Box<dyn FnMut(&[f64]) -> f64>;

fn step(mut detector: impl Detector<Item = [f64]>) -> Step {
    Box::new(move |row| detector.score_and_learn(row).unwrap().unwrap_or(0.0))
}

/// All of them, for rows of `width` numbers.
fn all(width: usize, seed: u64) -> Vec<(&'static str, Step)> {
    let gaussian = GaussianTails::new(width).unwrap();
    let robust = RobustTails::new(width).unwrap();
    let clusters = StreamingKMeans::new(8, width).unwrap().start_after(160).unwrap().seed(seed);
    let distance = Mahalanobis::new(width).unwrap();
    let forest = IsolationForest::new(width).unwrap().seeded(seed);
    vec![
        ("Gaussian, sum", step(Calibrated::new(gaussian.clone()))),
        ("Gaussian, largest", step(Calibrated::new(gaussian.across(Across::Largest)))),
        ("robust, sum", step(Calibrated::new(robust.clone()))),
        ("robust, largest", step(Calibrated::new(robust.across(Across::Largest)))),
        ("Mahalanobis", step(Calibrated::new(distance.clone()))),
        ("k-means distance", step(Calibrated::new(KMeansDistance::new(clusters)))),
        ("half-space trees", step(Calibrated::new(HalfSpaceTrees::new(width).unwrap().seeded(seed)))),
        ("LODA", step(Calibrated::new(Loda::new(width).unwrap().seeded(seed)))),
        ("isolation forest", step(Calibrated::new(forest.clone()))),
        ("forest, Mahalanobis", step(Ensemble::new((Calibrated::new(forest), Calibrated::new(distance))))),
    ]
}

/// The mean ROC AUC of each detector over five streams, in the order of `all`; the first rows of a stream are only learned.
fn areas(width: usize, first: usize, stream: impl Fn(&mut Draws) -> Vec<(Vec<f64>, bool)>) -> Vec<(&'static str, f64)> {
    const STREAMS: u64 = 5;
    let mut areas: Vec<(&str, f64)> = Vec::new();
    for seed in 0..STREAMS {
        let rows = stream(&mut Draws::new(100 + seed));
        for (i, (name, mut step)) in all(width, seed).into_iter().enumerate() {
            let scored: Vec<(f64, bool)> = rows.iter().map(|(row, strange)| (step(row), *strange)).collect();
            let (area, _) = ranking(&scored[first..]);
            if seed == 0 {
                areas.push((name, 0.0));
            }
            areas[i].1 += area / STREAMS as f64;
        }
    }
    areas.iter().for_each(|(name, area)| println!("{name:20} {area:.4}"));
    areas
}

/// Holds detectors to a least area, by name.
fn hold(areas: &[(&str, f64)], least: &[(&str, f64)]) {
    for (name, least) in least {
        let (_, area) = areas.iter().find(|(known, _)| known == name).unwrap();
        assert!(area >= least, "{name}: {area}, below {least}");
    }
}

/// Three clusters in six attributes, and one row in fifty anywhere in the box around them.
#[test]
fn outliers_between_clusters_are_seen() {
    let centres = [[0.0, 0.0, 0.0, 8.0, 8.0, 0.0], [8.0, 0.0, 8.0, 0.0, 8.0, 8.0], [0.0, 8.0, 8.0, 8.0, 0.0, 8.0]];
    let areas = areas(6, 500, |draws| {
        let row = |draws: &mut Draws| {
            if draws.below(50) == 0 {
                return ((0..6).map(|_| draws.unit() * 16.0 - 4.0).collect(), true);
            }
            let centre = centres[draws.below(3) as usize];
            (centre.iter().map(|x| x + gaussian(draws)).collect(), false)
        };
        (0..6_000).map(|_| row(draws)).collect()
    });
    hold(
        &areas,
        &[
            ("isolation forest", 0.99),
            ("forest, Mahalanobis", 0.99),
            ("k-means distance", 0.99),
            ("LODA", 0.99),
            ("half-space trees", 0.985),
        ],
    );
}

/// Two attributes go together; one row in fifty has them apart, each of them usual.
#[test]
fn a_combination_that_is_strange_is_seen() {
    let areas = areas(3, 500, |draws| {
        let row = |draws: &mut Draws| {
            let (load, noise, other) = (gaussian(draws), gaussian(draws), gaussian(draws));
            if draws.below(50) == 0 {
                let apart = if load > 0.0 { load - 2.0 } else { load + 2.0 };
                return (vec![load, 10.0 * apart, other], true);
            }
            (vec![load, 10.0 * (load + 0.1 * noise), other], false)
        };
        (0..6_000).map(|_| row(draws)).collect()
    });
    hold(
        &areas,
        &[
            ("Mahalanobis", 0.999),
            ("forest, Mahalanobis", 0.98),
            ("k-means distance", 0.92),
            ("isolation forest", 0.88),
        ],
    );
}

/// The level of all attributes jumps by twenty deviations; outliers lie six from it in one of them. What is scored begins
/// 2,000 rows after the jump: nothing has locked itself out.
#[test]
fn after_a_jump_of_the_level_outliers_are_seen_again() {
    let areas = areas(4, 5_000, |draws| {
        let row = |at: usize, draws: &mut Draws| {
            let level = if at < 3_000 { 0.0 } else { 20.0 };
            let strange = draws.below(50) == 0;
            let mut row: Vec<f64> = (0..4).map(|_| level + gaussian(draws)).collect();
            if strange {
                row[draws.below(4) as usize] += 6.0;
            }
            (row, strange)
        };
        (0..20_000).map(|at| row(at, draws)).collect()
    });
    hold(
        &areas,
        &[
            ("Gaussian, sum", 0.95),
            ("Gaussian, largest", 0.98),
            ("robust, sum", 0.92),
            ("robust, largest", 0.93),
            ("Mahalanobis", 0.99),
            ("k-means distance", 0.98),
            ("half-space trees", 0.94),
            ("LODA", 0.99),
            ("isolation forest", 0.96),
            ("forest, Mahalanobis", 0.99),
        ],
    );
}

/// Half of the values are missing.
#[test]
fn outliers_with_missing_values_are_seen() {
    let areas = areas(6, 500, |draws| {
        let row = |draws: &mut Draws| {
            let strange = draws.below(50) == 0;
            let size = if strange { 6.0 } else { 1.0 };
            let value = |draws: &mut Draws| if draws.below(2) == 0 { f64::NAN } else { size * gaussian(draws) };
            ((0..6).map(|_| value(draws)).collect(), strange)
        };
        (0..6_000).map(|_| row(draws)).collect()
    });
    hold(
        &areas,
        &[
            ("Gaussian, sum", 0.94),
            ("Gaussian, largest", 0.94),
            ("robust, sum", 0.93),
            ("robust, largest", 0.94),
            ("Mahalanobis", 0.94),
            ("k-means distance", 0.94),
            ("half-space trees", 0.9),
            ("isolation forest", 0.935),
            ("forest, Mahalanobis", 0.94),
        ],
    );
}
