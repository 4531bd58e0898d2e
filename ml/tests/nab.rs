#![allow(clippy::unwrap_used)]
//! The score of the Numenta Anomaly Benchmark, on 29 of its series. Wants `STREAMGAUGE_DATA`; prints a table.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use streamgauge_ml::Detector;
use streamgauge_ml::anomaly::{
    Calibrated, Cusum, Ewma, Novelty, Onset, RobustZ, Sample, SeriesDetector, Slots, Timeless,
};
use streamgauge_ml::evaluate::nab::{Nab, PROFILES, Series};
use streamgauge_sketches::random::Draws;

struct Labelled {
    samples: Vec<Sample>,
    windows: Vec<(usize, usize)>,
}

/// Milliseconds of `2014-02-14 14:30:00`.
fn millis(timestamp: &str) -> i64 {
    let field = |from: usize, to: usize| timestamp[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let leap = year % 4 == 0;
    let months = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    // All years are between 2001 and 2099.
    let days = (year - 1970) * 365 + (year - 1969) / 4 + months[..month as usize - 1].iter().sum::<i64>() + day - 1;
    1_000 * (((days * 24 + field(11, 13)) * 60 + field(14, 16)) * 60 + field(17, 19))
}

fn read(folder: &Path) -> Vec<Labelled> {
    let labels: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_slice(&fs::read(folder.join("windows.json")).unwrap()).unwrap();
    let read = |(name, windows): (&String, &Vec<(String, String)>)| {
        let text = fs::read_to_string(folder.join("data").join(name)).unwrap();
        let rows = text.lines().skip(1).map(|line| line.split_once(',').unwrap());
        let samples: Vec<Sample> =
            rows.map(|(time, value)| Sample { time: millis(time), value: value.parse().unwrap() }).collect();
        let windows = windows.iter().map(|(first, last)| {
            let left = samples.iter().position(|sample| sample.time >= millis(first)).unwrap();
            (left, samples.iter().rposition(|sample| sample.time <= millis(last)).unwrap())
        });
        Labelled { windows: windows.collect(), samples }
    };
    labels.iter().map(read).collect()
}

fn scores<D: Detector<Item = Sample>>(all: &[Labelled], detector: &D) -> Vec<Vec<f64>> {
    let of_series = |series: &Labelled| {
        let mut detector = detector.clone();
        series.samples.iter().map(|sample| detector.score_and_learn(sample).unwrap().unwrap_or(0.0)).collect()
    };
    all.iter().map(of_series).collect()
}

fn nab(all: &[Labelled], scores: &[Vec<f64>], which: &[usize]) -> Nab {
    let series = which.iter().map(|&i| Series { scores: &scores[i], windows: &all[i].windows });
    Nab::new(&series.collect::<Vec<_>>()).unwrap()
}

/// The standard score of random halves at the threshold that is best for the other half: mean of 20 splits both ways.
fn held_out(all: &[Labelled], scores: &[Vec<f64>]) -> f64 {
    let mut draws = Draws::new(1);
    let mut sum = 0.0;
    for _ in 0..20 {
        let mut order: Vec<usize> = (0..all.len()).collect();
        (1..order.len()).for_each(|i| order.swap(i, draws.below(i as u64 + 1) as usize));
        let (one, other) = order.split_at(all.len() / 2);
        let (one, other) = (nab(all, scores, one), nab(all, scores, other));
        sum += other.at(&PROFILES[0], one.best(&PROFILES[0]).threshold);
        sum += one.at(&PROFILES[0], other.best(&PROFILES[0]).threshold);
    }
    sum / 40.0
}

/// The scores of the three profiles, and that of held-out halves.
fn measure<D: Detector<Item = Sample>>(name: &str, all: &[Labelled], detector: &D) -> [f64; 4] {
    let scores = scores(all, detector);
    let whole = nab(all, &scores, &(0..all.len()).collect::<Vec<_>>());
    let [standard, low_fp, low_fn] = PROFILES.map(|profile| whole.best(&profile).score);
    let threshold = whole.best(&PROFILES[0]).threshold;
    let held_out = held_out(all, &scores);
    println!("| {name} | {standard:.1} / {low_fp:.1} / {low_fn:.1} | {held_out:.1} | {threshold:.3} |");
    [standard, low_fp, low_fn, held_out]
}

#[test]
fn the_default_detector_reaches_its_score() {
    let Some(folder) = support::data("nab") else { return };
    let all = read(&folder);
    assert_eq!((all.len(), all.iter().map(|series| series.windows.len()).sum::<usize>()), (29, 55));
    println!("| detector | standard / low FP / low FN | halves held out | threshold |\n|---|---|---|---|");
    let reached = measure("`SeriesDetector` (default)", &all, &SeriesDetector::new());
    let onset = |scorer| Onset::new(Calibrated::new(Timeless(scorer)), SeriesDetector::SPAN).unwrap();
    let novelty = measure("`Novelty`, onsets", &all, &onset(Novelty::new()));
    measure("`Novelty`", &all, &Calibrated::new(Timeless(Novelty::new())));
    measure("`RobustZ`, onsets", &all, &Onset::new(Calibrated::new(Timeless(RobustZ::new())), 100).unwrap());
    measure(
        "`Slots` of the day of `RobustZ`, onsets",
        &all,
        &Onset::new(Calibrated::new(Slots::of_day(RobustZ::new())), 100).unwrap(),
    );
    measure(
        "`Slots` of the day of `Novelty`, onsets",
        &all,
        &Onset::new(Calibrated::new(Slots::of_day(Novelty::new())), 100).unwrap(),
    );
    measure("`Ewma` of 3, onsets", &all, &Onset::new(Calibrated::new(Timeless(Ewma::new(3.0).unwrap())), 100).unwrap());
    measure(
        "`Cusum` of 100, onsets",
        &all,
        &Onset::new(Calibrated::new(Timeless(Cusum::new(100.0).unwrap())), 100).unwrap(),
    );
    for span in [50, 75, 125] {
        measure(&format!("default, onsets over {span}"), &all, &SeriesDetector::new().span(span).unwrap());
    }
    for (found, least) in reached.iter().zip([76.0, 66.5, 81.5, 73.0]) {
        assert!(*found >= least, "{reached:?}");
    }
    assert!(novelty[0] >= 72.0, "{novelty:?}");
}

#[test]
fn the_perfect_detector_has_100_and_none_has_0() {
    let Some(folder) = support::data("nab") else { return };
    let all = read(&folder);
    let marked = |series: &Labelled| {
        let at_left_edge = |i: usize| series.windows.iter().any(|window| window.0 == i);
        (0..series.samples.len()).map(|i| f64::from(u8::from(at_left_edge(i)))).collect::<Vec<_>>()
    };
    let which: Vec<usize> = (0..all.len()).collect();
    let perfect = nab(&all, &all.iter().map(marked).collect::<Vec<_>>(), &which);
    let none = nab(&all, &all.iter().map(|series| vec![0.0; series.samples.len()]).collect::<Vec<_>>(), &which);
    for profile in &PROFILES {
        assert!((perfect.best(profile).score - 100.0).abs() < 1e-9);
        assert_eq!(none.at(profile, 0.5), 0.0);
    }
}
