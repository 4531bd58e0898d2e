//! What holds for every detector and every threshold.

use serde::Serialize;
use serde::de::DeserializeOwned;
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{Codec, Summary};

use super::*;
use crate::laws;
use crate::learner::Detector;

const HOSTILE: [f64; 8] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 5e-324, -7.5];

/// A noisy day of five minutes, again and again.
fn sample(i: i64, draws: &mut Draws) -> Sample {
    let day = if (96..216).contains(&(i % 288)) { 80.0 } else { 20.0 };
    Sample { time: i * 300_000, value: day + 8.0 * draws.unit() }
}

fn samples(n: i64, seed: u64) -> Vec<Sample> {
    let mut draws = Draws::new(seed);
    (0..n).map(|i| sample(i, &mut draws)).collect()
}

/// Detectors of every kind.
macro_rules! each_detector {
    ($check:ident) => {
        let novelty = || Novelty::new().capacity(64).unwrap();
        $check(Calibrated::new(Timeless(novelty().memory(100).unwrap())));
        $check(Calibrated::new(Timeless(RobustZ::new().half_life(200.0).unwrap())));
        $check(Calibrated::new(Timeless(Ewma::new(3.0).unwrap())));
        $check(Calibrated::new(Timeless(Cusum::new(50.0).unwrap())).half_life(100.0).unwrap());
        for feature in [Feature::Mean, Feature::Residual, Feature::Volatility, Feature::Change] {
            $check(Calibrated::new(Timeless(Derived::new(feature, 10.0, novelty()).unwrap())));
        }
        $check(Calibrated::new(Slots::of_day(RobustZ::new())));
        $check(Calibrated::new(Slots::new(7_200_000, 5, novelty()).unwrap()));
        let members = || (Calibrated::new(Timeless(novelty())), Calibrated::new(Timeless(Ewma::new(3.0).unwrap())));
        $check(Ensemble::new(members()).weighted(&[3.0, 1.0]).unwrap());
        $check(Ensemble::new(members()).combined_by(Combine::Product));
        $check(Onset::new(Calibrated::new(Timeless(novelty())), 20).unwrap());
        $check(SeriesDetector::new());
    };
}

#[test]
fn detectors_hold_the_laws() {
    fn check<D: Detector<Item = Sample> + Codec>(empty: D) {
        let (items, mut hostile) = (samples(400, 1), Vec::new());
        for (i, value) in HOSTILE.iter().enumerate() {
            hostile.push(Sample { time: i64::MAX - i as i64, value: *value });
            hostile.push(Sample { time: i64::MIN, value: *value });
        }
        laws::detects(&empty, &items.iter().collect::<Vec<_>>(), &hostile.iter().collect::<Vec<_>>());
    }
    each_detector!(check);
}

/// Changes bytes of what is stored: it is refused, or it is something that works.
fn no_bytes_cause_a_panic<T: Serialize + DeserializeOwned + Checked>(stored: &T, works: impl Fn(T)) {
    let bytes = postcard::to_allocvec(stored).unwrap();
    let mut draws = Draws::new(7);
    for _ in 0..150 {
        let mut changed = bytes.clone();
        for _ in 0..=draws.below(3) {
            // The parameters are in front: they are hit more often.
            let most = if draws.below(2) == 0 { bytes.len() } else { bytes.len().min(64) };
            changed[draws.below(most as u64) as usize] = draws.bits() as u8;
        }
        if let Ok(other) = postcard::from_bytes::<T>(&changed)
            && other.check().is_ok()
        {
            works(other);
        }
    }
}

#[test]
fn hostile_images_of_detectors_cause_no_panic() {
    fn check<D: Detector<Item = Sample> + Checked>(mut detector: D) {
        samples(300, 2).iter().for_each(|sample| detector.learn_one(sample).unwrap());
        let after = samples(40, 3);
        no_bytes_cause_a_panic(&detector, |mut other| {
            for sample in &after {
                let score = other.score_and_learn(sample).unwrap();
                assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{score:?}");
            }
            assert!(other.memory_bytes() > 0);
        });
    }
    each_detector!(check);
}

#[test]
fn hostile_images_of_thresholds_cause_no_panic() {
    fn check<T: Threshold>(mut threshold: T) {
        let scores: Vec<f64> = samples(300, 4).iter().map(|sample| sample.value).collect();
        scores.iter().for_each(|score| threshold.learn(*score));
        HOSTILE.iter().for_each(|score| assert!(!(score.is_nan() && threshold.alarm_and_learn(*score))));
        no_bytes_cause_a_panic(&threshold, |mut other| {
            for score in scores.iter().chain(&HOSTILE) {
                other.alarm_and_learn(*score);
                assert!(other.level().is_none_or(|level| !level.is_nan()));
            }
        });
    }
    check(Fixed::new(0.75).unwrap());
    check(Share::new(0.01, Calibration::new()).unwrap());
    check(Spot::new(1e-3).unwrap().warm_up(100).unwrap());
    check(Spot::new(1e-3).unwrap());
    check(DriftSpot::new(10, Spot::new(1e-3).unwrap().warm_up(100).unwrap()).unwrap());
}

#[test]
fn what_is_told_of_memory_grows_to_a_bound() {
    let mut detector = SeriesDetector::new();
    let empty = detector.memory_bytes();
    samples(16_000, 5).iter().for_each(|sample| detector.learn_one(sample).unwrap());
    let full = detector.memory_bytes();
    samples(8_000, 6).iter().for_each(|sample| detector.learn_one(sample).unwrap());
    let later = detector.memory_bytes();
    assert!(empty < full && later <= full + full / 50 && later < 400_000, "{empty} {full} {later}");
}

#[test]
fn a_new_level_is_found_once_and_then_usual() {
    let mut detector = SeriesDetector::new();
    samples(3_000, 7).iter().for_each(|sample| detector.learn_one(sample).unwrap());
    let mut draws = Draws::new(8);
    let scores: Vec<f64> = (3_000..6_000)
        .map(|i| {
            let mut shifted = sample(i, &mut draws);
            shifted.value += 300.0;
            detector.score_and_learn(&shifted).unwrap().unwrap()
        })
        .collect();
    assert!(scores[0] > 0.8, "{}", scores[0]);
    let alarms = |scores: &[f64]| scores.iter().filter(|score| **score >= 0.75).count();
    // The first day at the new level is new by night and by day; after it a handful in two weeks.
    assert!(alarms(&scores[..288]) <= 6, "{}", alarms(&scores[..288]));
    assert!(alarms(&scores[288..]) <= 6, "{}", alarms(&scores[288..]));
}

#[test]
fn a_day_without_its_morning_is_found() {
    let mut detector = SeriesDetector::new();
    samples(288 * 10, 9).iter().for_each(|sample| detector.learn_one(sample).unwrap());
    let mut draws = Draws::new(10);
    let mut day = |i: i64, flat: bool| {
        let mut sample = sample(288 * 10 + i, &mut draws);
        // As low as by night.
        sample.value -= if flat && sample.value > 50.0 { 60.0 } else { 0.0 };
        detector.score_and_learn(&sample).unwrap().unwrap()
    };
    let usual = (0..288).map(|i| day(i, false)).fold(0.0, f64::max);
    let flat = (288..576).map(|i| day(i, true)).fold(0.0, f64::max);
    assert!(flat > 0.75 && flat > usual, "{usual} {flat}");
}

#[test]
fn ensembles_combine_tail_probabilities() {
    // Two members that see the same: independent they are not, and the smallest probability knows.
    let alike = || (Calibrated::new(Ewma::new(10.0).unwrap()), Calibrated::new(Ewma::new(10.0).unwrap()));
    let mut alone = Calibrated::new(Ewma::new(10.0).unwrap());
    let mut smallest = Ensemble::new(alike());
    let mut product = Ensemble::new(alike()).combined_by(Combine::Product);
    let mut draws = Draws::new(11);
    for _ in 0..2_000 {
        let value = draws.unit();
        alone.learn_one(&value).unwrap();
        smallest.learn_one(&value).unwrap();
        product.learn_one(&value).unwrap();
    }
    for value in [0.5, 0.0, 3.0, 100.0] {
        let p = score::tail_probability(alone.score_one(&value).unwrap().unwrap());
        let of_smallest = score::tail_probability(smallest.score_one(&value).unwrap().unwrap());
        assert!((of_smallest / (2.0 * p).min(1.0) - 1.0).abs() < 1e-6, "{value}: {of_smallest} of {p}");
        // Fisher of two: q (1 − ln q) of the product q.
        let q = p * p;
        let expected = q * (1.0 - q.ln());
        let of_product = score::tail_probability(product.score_one(&value).unwrap().unwrap());
        assert!((of_product / expected - 1.0).abs() < 1e-6, "{value}: {of_product}, not {expected}");
    }
    assert!(Ensemble::new(alike()).weighted(&[1.0]).is_err());
    assert!(Ensemble::new(alike()).weighted(&[1.0, 0.0]).is_err());
    assert!(Ensemble::new(alike()).weighted(&[1.0, f64::NAN]).is_err());
}

#[test]
fn thresholds_keep_their_promise() {
    // 200,000 draws and a risk of 10⁻³: 200 alarms expected, and the fit errs by some ten per cent. A threshold that
    // keeps to its risk within a factor of 1.6 fails with a probability below 10⁻⁶ by the draws alone.
    let mut draws = Draws::new(12);
    let mut spot = Spot::new(1e-3).unwrap();
    let mut share = Share::new(1e-3, Calibration::new()).unwrap();
    let mut drifting = DriftSpot::new(20, Spot::new(1e-3).unwrap()).unwrap();
    let mut alarms = [0_u32; 3];
    for i in 0..200_000 {
        let value = (0..3).map(|_| -draws.unit().ln()).sum::<f64>();
        alarms[0] += u32::from(spot.alarm_and_learn(value));
        alarms[1] += u32::from(share.alarm_and_learn(value));
        alarms[2] += u32::from(drifting.alarm_and_learn(value + f64::from(i) / 10_000.0));
    }
    assert!(alarms.iter().all(|alarms| (125..320).contains(alarms)), "{alarms:?}");
}

#[test]
fn a_threshold_finds_its_way_to_a_new_level() {
    let mut draws = Draws::new(13);
    let mut spot = Spot::new(1e-3).unwrap();
    (0..5_000).for_each(|_| spot.learn(draws.unit()));
    let alarms = (0..20_000).filter(|_| spot.alarm_and_learn(5.0 + draws.unit())).count();
    let later = (0..5_000).filter(|_| spot.alarm_and_learn(5.0 + draws.unit())).count();
    assert!(alarms > 0 && later < 25, "{alarms} {later}");
}

#[test]
fn parameters_out_of_range_are_refused() {
    assert!(Novelty::new().capacity(7).is_err() && Novelty::new().memory(31).is_err());
    assert!(RobustZ::new().half_life(9.0).is_err() && RobustZ::new().half_life(f64::NAN).is_err());
    assert!(Ewma::new(0.0).is_err() && Ewma::new(f64::NAN).is_err() && Cusum::new(-1.0).is_err());
    assert!(Cusum::new(1.0).unwrap().slack(-1.0).is_err() && Cusum::new(1.0).unwrap().limit(f64::NAN).is_err());
    assert!(Derived::new(Feature::Mean, 1e10, Novelty::new()).is_err());
    assert!(Slots::new(10, 0, Novelty::new()).is_err() && Slots::new(10, 11, Novelty::new()).is_err());
    assert!(SeriesDetector::new().span(0).is_err());
    assert!(Fixed::new(f64::NAN).is_err() && Share::new(0.0, Calibration::new()).is_err());
    assert!(Spot::new(0.5).is_err() && Spot::new(1e-3).unwrap().warm_up(1).is_err());
    assert!(DriftSpot::new(0, Spot::new(1e-3).unwrap()).is_err());
    let error = Slots::new(10, 0, Novelty::new()).unwrap_err().to_string();
    assert_eq!(error, "Slots: slots must be 1 to 10,000, not 0");
}
