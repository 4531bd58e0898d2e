use proptest::prelude::*;
use streamgauge_sketches::{
    Absorb, Count, CountMin, Decay, HeavyHitters, HyperLogLog, Merge, On, Panes, Spec, Sum, Summary, TDigest, Weight,
    Weighted, laws,
};

use crate::{absorbed, merged, parts};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn tuples_and_options_are_summaries(parts in parts()) {
        let on = On::records::<u32>();
        let spec = (on.count(), on.when(|x| x % 2 == 0).distinct(|x| x), Some(on.sum(|x| *x)));
        let state = |part: &[u32]| {
            let mut state = spec.start();
            spec.absorb_all(&mut state, part);
            state
        };
        let all: Vec<u32> = parts.iter().flatten().copied().collect();
        let merged = parts.iter().fold(spec.start(), |sum, part| merged(sum, &state(part)));
        prop_assert_eq!(merged.read(), state(&all).read());
        let states: Vec<_> = parts.iter().map(|part| state(part)).collect();
        laws::sliding(&spec.start(), &states, |s: &(Count, HyperLogLog, Option<Sum>)| s.read());
        // Panes without a summary among those that have one.
        let some: Vec<_> = parts.iter().map(|part| (part.len() % 3 > 0).then(|| absorbed(&Sum::default(), part))).collect();
        laws::sliding(&None, &some, |sum: &Option<Sum>| sum.read());
    }

    /// Weights scale counts up without bias, and their intervals hold.
    #[test]
    fn weights_scale_up(kept in 1..40_u64, weight in 1..8_u32) {
        let weight = Weight::new(f64::from(weight));
        let (mut count, mut sum) = (Count::default(), Sum::default());
        let (mut frequencies, mut top) = (CountMin::default(), HeavyHitters::<u32>::top(3));
        for _ in 0..kept {
            count.absorb_weighted(&1_u32, weight);
            sum.absorb_weighted(&10_u32, weight);
            frequencies.absorb_weighted(&1_u32, weight);
            top.absorb_weighted(&1_u32, weight);
        }
        let scaled = kept as f64 * weight.get();
        prop_assert_eq!(count.read().value, scaled);
        prop_assert_eq!(sum.read().value, 10.0 * scaled);
        prop_assert_eq!(frequencies.estimate(&1_u32).value, scaled);
        prop_assert_eq!(top.read()[0].1.value, scaled);
        prop_assert_eq!(count.read().is_exact(), weight == Weight::ONE);
        prop_assert!(count.read().upper >= scaled);
    }
}

#[test]
fn intervals_of_sampled_counts_hold() {
    // 2,000 samples of 1,000 items, each kept with one in four. At 95 %, fewer than 1,862 hold once in 10⁴ tries.
    let (weight, mut state, mut hold) = (Weight::of_fraction(0.25), 1_u64, 0);
    for _ in 0..2_000 {
        let mut count = Count::default();
        for _ in 0..1_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if state >> 62 == 0 {
                count.absorb_weighted(&(), weight);
            }
        }
        hold += usize::from(count.read().contains(1_000.0));
    }
    assert!(hold >= 1_862, "{hold} of 2,000");
}

#[test]
fn capabilities_are_told_by_name() {
    let on = On::records::<u32>();
    assert_eq!((on.count(), on.sum(|x| *x), on.quantiles(|x| f64::from(*x))).refuses_weights(), None);
    assert_eq!((on.count(), on.distinct(|x| x)).refuses_weights(), Some("HyperLogLog"));
    let parts = On::records::<Vec<u32>>();
    assert_eq!(parts.each(|v| v.as_slice()).sum(|x| *x).refuses_weights(), Some("on.each(…)"));
    assert_eq!(parts.when(|v| v.len() > 1).map(|v| v[0]).sum(|x| *x).refuses_weights(), None);
    type Fading = (Count, TDigest);
    type Lasting = (Count, HyperLogLog);
    assert!(Fading::DECAY.is_some() && Lasting::DECAY.is_none());
    let mut count = absorbed(&Count::default(), &[1, 2, 3, 4]);
    count.decay(0.5);
    assert_eq!(count.read().value, 2.0);
}

#[test]
fn a_mismatch_in_a_tuple_leaves_all_of_it_as_it_was() {
    let pair = |seed| {
        let mut pair = (Count::default(), HyperLogLog::default().seeded(seed));
        pair.absorb("item");
        pair
    };
    let mut ours = pair(1);
    let error = ours.merge(&pair(2)).unwrap_err();
    assert_eq!(error.to_string(), "cannot merge HyperLogLog of seed 2 into one of seed 1");
    assert_eq!(ours.0, pair(1).0);
}

#[test]
fn exact_twins_answer_the_same_questions() {
    let on = On::records::<(u32, f64)>();
    let spec = (on.count(), on.distinct(|(id, _)| id), on.top(3, |(id, _)| id), on.quantiles(|(_, x)| *x));
    let both = (spec.clone(), spec.exact());
    let mut state = both.start();
    for i in 0..10_000_u32 {
        both.absorb(&mut state, &(i % 700, f64::from(i)));
    }
    let ((count, distinct, top, quantiles), (exact_count, exact_distinct, exact_top, exact_quantiles)) = state.read();
    assert_eq!(count.value, exact_count.value);
    assert!(exact_distinct.is_exact() && distinct.contains(exact_distinct.value));
    assert!(top.iter().zip(&exact_top).all(|(top, exact)| top.1.contains(exact.1.value)));
    assert!((quantiles.at(0.9).value - exact_quantiles.at(0.9).value).abs() < 100.0);
}

/// A window refuses a pane of other parameters, whether it would meet its old panes or its new ones, and goes on.
#[test]
fn windows_refuse_panes_of_other_parameters() {
    fn refuses<S: Merge>(pane: &S, other: &S) {
        // The first push is the front of a window of one phase, and the back of the other.
        for phase in [0, 1] {
            let mut window = Panes::<S>::new(2, phase);
            window.push(0, pane.clone()).unwrap();
            window.push(1, other.clone()).unwrap_err();
            assert!(window.total().unwrap().is_some_and(|total| total.compatible(pane).is_ok()));
            window.push(2, pane.clone()).unwrap();
            window.evict(3).unwrap();
            assert!(window.is_empty());
        }
    }
    refuses(&HyperLogLog::with_precision(4).unwrap(), &HyperLogLog::with_precision(5).unwrap());
    refuses(&TDigest::default(), &TDigest::with_compression(10).unwrap());
    refuses(&CountMin::default(), &CountMin::default().seeded(1));
}
