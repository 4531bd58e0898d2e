//! Streaming k-means: the rule it follows, what it forgets, what it makes of points that cannot be.

#![allow(clippy::unwrap_used)]

mod moving;

use std::time::Duration;

use proptest::prelude::*;
use streamgauge_ml::cluster::{Forgetting, Start, StreamingKMeans};
use streamgauge_ml::{Clusterer, Learn, RowError, laws};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{Codec, Decay, Merge, Mismatch, On, Spec, Summary};

fn normal(draws: &mut Draws) -> f64 {
    (0..12).map(|_| draws.unit()).sum::<f64>() - 6.0
}

/// Points around (0, 0), (10, 0) and (0, 10), in turn.
fn three(n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut draws = Draws::new(seed);
    let middles = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
    (0..n).map(|i| middles[i % 3].iter().map(|middle| middle + normal(&mut draws)).collect()).collect()
}

fn taught(empty: &StreamingKMeans, points: &[Vec<f64>]) -> StreamingKMeans {
    let mut clusters = empty.clone();
    clusters.learn_batch(points.iter().map(Vec::as_slice)).unwrap();
    clusters
}

#[test]
fn holds_the_laws() {
    let points = three(1_200, 1);
    let empty = StreamingKMeans::new(3, 2).unwrap();
    laws::clusters(&empty, &points);
    laws::clusters(&empty.clone().start(Start::Random), &points);
    laws::clusters(
        &empty.clone().start_after(3).unwrap().forgetting(Forgetting::per_point(0.9, 7).unwrap()).unwrap(),
        &points,
    );
    laws::clusters(&empty.clone().forgetting(Forgetting::per_batch(0.5).unwrap()).unwrap(), &points);
    laws::clusters(&StreamingKMeans::with_centres(&[[0.0, 0.0], [9.0, 9.0]], 1.0).unwrap(), &points);
    laws::clusters(&StreamingKMeans::with_centres(&[[0.0, 0.0], [9.0, 9.0]], 1.0).unwrap().gather().unwrap(), &points);
    // Still without clusters.
    streamgauge_sketches::laws::image_holds(&taught(&empty, &points[..100]));
}

/// Spark's rule, written down once more: assignment, sums, then `w ← a w + m` and the weighted mean.
struct Spark {
    centres: Vec<[f64; 2]>,
    weights: Vec<f64>,
}

impl Spark {
    fn update(&mut self, points: &[Vec<f64>], discount: f64) {
        let k = self.centres.len();
        let (mut sums, mut counts) = (vec![[0.0; 2]; k], vec![0.0; k]);
        for point in points {
            let distance = |c: &[f64; 2]| (c[0] - point[0]).powi(2) + (c[1] - point[1]).powi(2);
            let nearest = (0..k).min_by(|a, b| distance(&self.centres[*a]).total_cmp(&distance(&self.centres[*b])));
            let nearest = nearest.unwrap();
            counts[nearest] += 1.0;
            sums[nearest][0] += point[0];
            sums[nearest][1] += point[1];
        }
        for c in 0..k {
            self.weights[c] = self.weights[c] * discount + counts[c];
            let share = counts[c] / self.weights[c].max(1e-16);
            if counts[c] > 0.0 {
                for (centre, sum) in self.centres[c].iter_mut().zip(sums[c]) {
                    *centre = (1.0 - share) * *centre + share / counts[c] * sum;
                }
            }
        }
    }

    #[track_caller]
    fn is_near(&self, clusters: &StreamingKMeans) {
        for (ours, theirs) in clusters.weights().iter().zip(&self.weights) {
            assert!((ours - theirs).abs() <= 1e-12 * theirs, "{ours} and {theirs}");
        }
        for (ours, theirs) in clusters.centres().zip(&self.centres) {
            let near = ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{ours:?} and {theirs:?}");
        }
    }
}

#[test]
fn centres_move_by_the_rule_of_spark() {
    let centres = [[1.0, 1.0], [8.0, -1.0], [3.0, 9.0]];
    let points = three(600, 2);
    for factor in [0.0, 0.3, 0.9, 1.0] {
        let mut spark = Spark { centres: centres.to_vec(), weights: vec![2.0; 3] };
        let empty = StreamingKMeans::with_centres(&centres, 2.0).unwrap();
        let mut clusters = empty.clone().forgetting(Forgetting::per_batch(factor).unwrap()).unwrap();
        // Batches of all sizes, some of them empty, some with points of one cluster alone.
        let mut left = points.as_slice();
        for size in [100, 0, 7, 0, 0, 90, 3, 200, 50] {
            let (batch, rest) = left.split_at(size);
            left = rest;
            clusters.learn_batch(batch.iter().map(Vec::as_slice)).unwrap();
            clusters.end_batch();
            spark.update(batch, factor);
            spark.is_near(&clusters);
        }
        let mut spark = Spark { centres: centres.to_vec(), weights: vec![2.0; 3] };
        let by_point = Forgetting::per_point(factor, 25).unwrap();
        let clusters = taught(&empty.forgetting(by_point).unwrap(), &points);
        for batch in points.chunks(25) {
            spark.update(batch, factor.powi(25));
        }
        spark.is_near(&clusters);
    }
}

#[test]
fn an_idle_stream_forgets_in_batches_and_not_in_points() {
    let points = three(3_000, 3);
    let empty = StreamingKMeans::new(3, 2).unwrap();
    let in_batches = Forgetting::Batches { half_life: 3.0 };
    let mut clusters = taught(&empty.clone().forgetting(in_batches).unwrap(), &points);
    clusters.end_batch();
    let before: f64 = clusters.weights().iter().sum();
    assert_eq!(before, 3_000.0);
    (0..6).for_each(|_| clusters.end_batch());
    let after: f64 = clusters.weights().iter().sum();
    assert!((after - before / 4.0).abs() < 1e-9 * before, "{after}");

    let mut clusters = taught(&empty, &points);
    let before = clusters.to_bytes();
    (0..10).for_each(|_| clusters.end_batch());
    assert_eq!(clusters.to_bytes(), before);
}

#[test]
fn time_fades_by_the_clock() {
    let (half_life, step) = (Duration::from_secs(60), Duration::from_secs(10));
    let empty = StreamingKMeans::with_centres(&[[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], 0.0).unwrap();
    let empty = empty.forgetting(Forgetting::Time { half_life, step }).unwrap();
    let points = three(600, 4);
    let mut clusters = empty.clone();
    for (i, point) in points.iter().enumerate() {
        clusters.learn_at(point, -7_000 + i as i64).unwrap();
    }
    assert!(clusters.weights().iter().all(|weight| *weight == 0.0), "the first step is open");
    let mut told = clusters.clone();
    clusters.advance(0);
    let weight: f64 = clusters.weights().iter().sum();
    assert!((weight - 600.0 * (-1.0 / 6.0_f64).exp2()).abs() < 1e-9, "one step of six to a half-life: {weight}");

    // An hour at once is an hour in steps, and both keep the centres.
    for seconds in (0..=3_600).step_by(10) {
        clusters.advance(seconds * 1_000);
    }
    told.advance(3_600_000);
    let (steps, once): (f64, f64) = (clusters.weights().iter().sum(), told.weights().iter().sum());
    assert!((steps / once - 1.0).abs() < 1e-9 && (once / (600.0 * (-3_610.0 / 60.0_f64).exp2()) - 1.0).abs() < 1e-9);
    assert!(clusters.centres().eq(told.centres()));

    // One point after a long night does not make the other clusters die.
    let centres: Vec<Vec<f64>> = told.centres().map(<[f64]>::to_vec).collect();
    told.learn_at(&[10.0, 0.0], 40_000_000).unwrap();
    told.advance(40_010_000);
    assert_eq!(told.centres().next().unwrap(), centres[0]);
    assert_eq!(told.centres().nth(1).unwrap(), [10.0, 0.0]);
    assert_eq!(told.centres().nth(2).unwrap(), centres[2]);

    // A late point, and one without a time, count as of the newest time; and no time is too far.
    let mut late = told.clone();
    told.learn_at(&[1.0, 1.0], -500).unwrap();
    late.learn_one(&[1.0, 1.0]).unwrap();
    assert_eq!(told.to_bytes(), late.to_bytes());
    told.learn_at(&[1.0, 1.0], i64::MIN).unwrap();
    told.learn_at(&[1.0, 1.0], i64::MAX).unwrap();
    told.learn_one(&[1.0, 1.0]).unwrap();
    assert!(told.centres().flatten().all(|x| x.is_finite()));
    streamgauge_sketches::laws::image_holds(&told);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the same points are cut into batches, and wherever the learner is stored: the same bytes.
    #[test]
    fn batches_of_the_stream_make_no_difference(
        cuts in prop::collection::vec(0_usize..200, 0..8),
        batch in 1_u64..300,
        is_time in any::<bool>(),
    ) {
        let points = three(600, 5);
        let forgetting = match is_time {
            true => Forgetting::Time { half_life: Duration::from_millis(90), step: Duration::from_millis(batch) },
            false => Forgetting::Points { half_life: 90.0, batch },
        };
        let empty = StreamingKMeans::new(3, 2).unwrap().start_after(100).unwrap().forgetting(forgetting).unwrap();
        let (mut whole, mut parts) = (empty.clone(), empty);
        let mut next_cut = 0;
        for (i, point) in points.iter().enumerate() {
            whole.learn_at(point, i as i64).unwrap();
            parts.learn_at(point, i as i64).unwrap();
            if cuts.get(next_cut).is_some_and(|cut| i % 200 >= *cut) {
                next_cut += 1;
                parts.end_batch();
                parts = StreamingKMeans::from_bytes(&parts.to_bytes()).unwrap();
            }
        }
        prop_assert_eq!(whole.to_bytes(), parts.to_bytes());
    }

    /// Parts of a mini-batch that were gathered apart are the whole, up to rounding; weights exactly.
    #[test]
    fn parts_of_a_mini_batch_merge(owner in prop::collection::vec(0_usize..4, 300)) {
        let points = three(300, 6);
        let in_batches = Forgetting::Batches { half_life: 1.0 };
        let mut whole = taught(&StreamingKMeans::new(3, 2).unwrap().forgetting(in_batches).unwrap(), &three(600, 7));
        whole.end_batch();
        let mut gathered = whole.clone();
        let mut parts = vec![whole.gather().unwrap(); 4];
        for (point, owner) in points.iter().zip(owner) {
            whole.learn_one(point).unwrap();
            parts[owner].learn_one(point).unwrap();
        }
        let mut all = parts[0].clone();
        parts[1..].iter().for_each(|part| all.merge(part).unwrap());
        let backward = parts.iter().rev().cloned().reduce(|mut all, part| { all.merge(&part).unwrap(); all }).unwrap();
        prop_assert_eq!(all.weights(), backward.weights());
        prop_assert!((all.sum_of_squares() / backward.sum_of_squares() - 1.0).abs() < 1e-12);
        gathered.learn_gathered(&all).unwrap();
        whole.end_batch();
        gathered.end_batch();
        prop_assert_eq!(whole.weights(), gathered.weights());
        for (a, b) in whole.centres().flatten().zip(gathered.centres().flatten()) {
            prop_assert!((a - b).abs() < 1e-12, "{} and {}", a, b);
        }
    }
}

#[test]
fn only_statistics_of_the_same_centres_merge() {
    let mut clusters = StreamingKMeans::with_centres(&[[0.0, 0.0], [9.0, 9.0]], 1.0).unwrap();
    clusters = clusters.forgetting(Forgetting::never(2)).unwrap();
    let mut part = clusters.gather().unwrap();
    let empty = part.clone();
    part.learn_one(&[1.0, 1.0]).unwrap();
    let mut merged = part.clone();
    merged.merge(&empty).unwrap();
    assert_eq!(merged, part, "an empty one changes nothing");
    clusters.learn_gathered(&part).unwrap();
    clusters.learn_gathered(&part).unwrap(); // The second point: the centres move.
    assert_eq!(clusters.weights(), [3.0, 1.0]);
    let stale = clusters.learn_gathered(&part).unwrap_err();
    assert!(stale.to_string().starts_with("cannot merge KMeansBatch of centres with digest "), "{stale}");
    streamgauge_sketches::laws::refuses(&clusters.gather().unwrap(), &part);
    let other = StreamingKMeans::with_centres(&[[0.0], [9.0]], 1.0).unwrap().gather().unwrap();
    let error: Mismatch = part.clone().merge(&other).unwrap_err();
    assert_eq!(error.to_string(), "cannot merge KMeansBatch of dimension 1 into one of dimension 2");
    let mut unstarted = StreamingKMeans::new(2, 2).unwrap();
    assert!(unstarted.gather().is_none());
    let error = unstarted.learn_gathered(&part).unwrap_err();
    assert_eq!(error.to_string(), "cannot merge StreamingKMeans of centres found into one of centres not found yet");
}

#[test]
fn parts_are_summaries_that_a_reduce_takes() {
    let mut clusters = StreamingKMeans::with_centres(&[[0.0, 0.0], [9.0, 9.0]], 0.0).unwrap();
    let spec = On::records::<[f64; 2]>().cluster(clusters.gather().unwrap(), |point| &point[..]);
    let (mut ours, mut theirs) = (spec.start(), spec.start());
    [[1.0, 0.0], [8.0, 8.0]].iter().for_each(|point| spec.absorb(&mut ours, point));
    [[3.0, 0.0], [8.0, 10.0]].iter().for_each(|point| spec.absorb(&mut theirs, point));
    ours.merge(&theirs).unwrap();
    clusters = clusters.forgetting(Forgetting::per_batch(0.5).unwrap()).unwrap();
    clusters.learn_gathered(&ours).unwrap();
    clusters.end_batch();
    assert_eq!(clusters.centres().collect::<Vec<_>>(), [[2.0, 0.0], [8.0, 9.0]]);
    assert_eq!(clusters.read()[1].deviations, [0.0, 1.0]);
}

#[test]
fn a_dead_cluster_comes_back_where_it_is_needed() {
    // Two groups, apart in the second coordinate, share a centre; the other centre is far away and gets no points.
    let mut draws = Draws::new(8);
    let mut point = |i: u32| [normal(&mut draws), normal(&mut draws) + if i.is_multiple_of(2) { -20.0 } else { 20.0 }];
    let in_batches = Forgetting::Batches { half_life: 0.5 };
    let clusters = StreamingKMeans::with_centres(&[[500.0, 500.0], [0.0, 0.0]], 100.0).unwrap();
    let mut clusters = clusters.forgetting(in_batches).unwrap();
    for _ in 0..25 {
        (0..200).for_each(|i| clusters.learn_one(&point(i)).unwrap());
        clusters.end_batch();
    }
    let map = clusters.read();
    let (above, below) = (&map[0], &map[1]);
    assert!((above.centre[1] - 20.0).abs() < 0.5 && (below.centre[1] + 20.0).abs() < 0.5, "{map:?}");
    assert!((above.radius() - 2.0_f64.sqrt()).abs() < 0.15 && (above.deviations[1] - 1.0).abs() < 0.15, "{map:?}");
    assert!((above.weight - 133.3).abs() < 1.0, "{map:?}");
}

#[test]
fn all_points_the_same() {
    let mut clusters = StreamingKMeans::new(4, 3).unwrap().start_after(10).unwrap();
    (0..20_000).for_each(|_| clusters.learn_one(&[0.1, 0.2, 0.3]).unwrap());
    assert_eq!(clusters.distance_one(&[0.1, 0.2, 0.3]).unwrap().map(|d| d < 1e-12), Some(true));
    // Then they part.
    for i in 0..40_000 {
        clusters.learn_one(&[f64::from(i % 4) * 10.0, 0.0, 0.0]).unwrap();
    }
    let found: std::collections::BTreeSet<_> =
        (0..4).map(|i| clusters.predict_one(&[f64::from(i) * 10.0, 0.0, 0.0])).map(Result::unwrap).collect();
    assert_eq!(found.len(), 4, "{:?}", clusters.read());
}

#[test]
fn missing_coordinates_say_nothing() {
    let centres = [[0.0, 0.0], [10.0, 10.0]];
    let empty = StreamingKMeans::with_centres(&centres, 1.0).unwrap().forgetting(Forgetting::never(1)).unwrap();
    for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e101] {
        let mut clusters = empty.clone();
        assert_eq!(clusters.predict_one(&[missing, 9.0]).unwrap(), Some(1));
        assert_eq!(clusters.distance_one(&[missing, 9.0]).unwrap(), Some(2.0_f64.sqrt()));
        clusters.learn_one(&[missing, 8.0]).unwrap();
        assert_eq!(clusters.centres().nth(1).unwrap(), [10.0, 9.0]);
        assert_eq!(clusters.weights(), [1.0, 2.0]);
        let before = clusters.to_bytes();
        clusters.learn_one(&[missing, missing]).unwrap();
        assert_eq!(clusters.to_bytes(), before, "a point of which nothing is known is passed over");
        assert_eq!(clusters.predict_one(&[missing, missing]).unwrap(), None);
        assert_eq!(clusters.distance_one(&[missing, missing]).unwrap(), None);
    }
    // A start among points that each lack one.
    let mut draws = Draws::new(9);
    let mut points = three(3_000, 9);
    points.iter_mut().for_each(|point| point.push(point[0] + point[1]));
    points.iter_mut().for_each(|point| point[draws.below(3) as usize] = f64::NAN);
    let clusters = taught(&StreamingKMeans::new(3, 3).unwrap(), &points);
    let found: Vec<_> = [[0.0, 0.0, 0.0], [10.0, 0.0, 10.0], [0.0, 10.0, 10.0]]
        .iter()
        .map(|middle| clusters.distance_one(middle).unwrap().unwrap())
        .collect();
    assert!(found.iter().all(|distance| *distance < 0.5), "{found:?}: {:?}", clusters.read());
}

#[test]
fn no_weight_is_too_much() {
    let points = three(2_000, 10);
    let mut clusters = StreamingKMeans::new(3, 2).unwrap();
    for (i, point) in points.iter().enumerate() {
        let weight = [1.0, f64::MAX, 5e-324, 1e-200][i % 4];
        clusters.learn_weighted(point, weight).unwrap();
        clusters.learn_weighted(&[1e100, -1e100], weight).unwrap();
    }
    assert!(clusters.centres().flatten().all(|x| x.abs() <= 1.01e100));
    assert!(clusters.weights().iter().all(|weight| weight.is_finite()));
    streamgauge_sketches::laws::image_holds(&clusters);
    let weightless = clusters.learn_weighted(&[1.0, 1.0], 0.0);
    assert_eq!(weightless, Err(RowError::Weight(0.0)));
}

#[test]
fn a_point_of_weight_three_is_three_points() {
    let empty = StreamingKMeans::with_centres(&[[0.0, 0.0], [9.0, 9.0]], 1.0).unwrap();
    let empty = empty.forgetting(Forgetting::Points { half_life: 10.0, batch: 6 }).unwrap();
    let (mut three_times, mut weighted) = (empty.clone(), empty);
    for point in [[1.0, 1.0], [8.0, 8.5], [0.5, 0.25]] {
        (0..3).for_each(|_| three_times.learn_one(&point).unwrap());
        weighted.learn_weighted(&point, 3.0).unwrap();
    }
    assert_eq!(three_times.weights(), weighted.weights());
    assert_eq!(three_times.read(), weighted.read());
}

#[test]
fn decaying_halves_what_was_learned() {
    let mut clusters = taught(&StreamingKMeans::new(3, 2).unwrap(), &three(2_000, 11));
    let before: f64 = clusters.weights().iter().sum();
    let centres: Vec<Vec<f64>> = clusters.centres().map(<[f64]>::to_vec).collect();
    clusters.decay(0.5);
    assert_eq!(clusters.weights().iter().sum::<f64>(), before / 2.0);
    assert!(clusters.centres().eq(centres.iter()));
    assert!(StreamingKMeans::DECAY.is_some());
}

#[test]
fn parameters_that_cannot_be_are_told() {
    let told = |result: Result<StreamingKMeans, _>| {
        result.map_err(|e: streamgauge_sketches::ParameterError| e.to_string()).unwrap_err()
    };
    assert_eq!(told(StreamingKMeans::new(0, 2)), "StreamingKMeans: clusters must be at least 1, not 0");
    assert_eq!(told(StreamingKMeans::new(2, 0)), "StreamingKMeans: dimension must be at least 1, not 0");
    assert!(told(StreamingKMeans::new(usize::MAX, 2)).contains("clusters times dimension must be at most 2^24"));
    let centres = |centres: &[Vec<f64>], weight| told(StreamingKMeans::with_centres(centres, weight));
    assert!(centres(&[], 1.0).contains("clusters must be at least 1"));
    assert!(
        centres(&[vec![1.0], vec![1.0, 2.0]], 1.0).contains("dimension of a centre must be that of the first, not 2")
    );
    assert!(centres(&[vec![f64::NAN]], 1.0).contains("coordinate of a centre must be -10^100 to 10^100, not NaN"));
    assert!(centres(&[vec![1.0]], -1.0).contains("weight of a centre must be 0 to 2^53, not -1"));
    let started = StreamingKMeans::new(5, 2).unwrap().start_after(4);
    assert!(told(started).contains("points to start after must be at least the number of clusters, not 4"));
}

#[test]
fn memory_is_what_is_held() {
    let empty = StreamingKMeans::new(3, 2).unwrap();
    assert_eq!(empty.memory_bytes(), size_of::<StreamingKMeans>());
    let clusters = taught(&empty, &three(2_000, 12));
    assert_eq!(clusters.memory_bytes(), size_of::<StreamingKMeans>() + 3 * (4 * 2 + 2) * 8);
}
