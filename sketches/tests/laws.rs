//! The laws of the algebra, for every member.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Debug;

use proptest::prelude::*;
use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::{
    Absorb, Count, CountMin, Decay, ExactDistinct, ExactQuantiles, ExactTop, HeavyHitters, HyperLogLog, Merge, On,
    Sliding, Spec, Sum, Summary, TDigest, Weight, Weighted,
};

fn absorbed<S: Absorb<Q>, Q>(empty: &S, items: &[Q]) -> S {
    let mut summary = empty.clone();
    items.iter().for_each(|item| summary.absorb(item));
    summary
}

fn merged<S: Merge>(mut ours: S, theirs: &S) -> S {
    ours.merge(theirs).unwrap();
    ours
}

/// Holds a summary to the laws. `seen` is what must be equal: for the exact ones everything, for the others what they
/// promise.
fn laws<S, Q, R>(empty: &S, parts: &[Vec<Q>], seen: impl Fn(&S) -> R)
where
    S: Absorb<Q> + Merge,
    R: PartialEq + Debug,
{
    let all: Vec<&Q> = parts.iter().flatten().collect();
    let mut whole = empty.clone();
    all.iter().for_each(|item| whole.absorb(item));
    let states: Vec<S> = parts.iter().map(|part| absorbed(empty, part)).collect();

    let forward = states.iter().fold(empty.clone(), merged);
    assert_eq!(seen(&forward), seen(&whole), "merging equals absorbing everything");
    let backward = states.iter().rev().fold(empty.clone(), merged);
    assert_eq!(seen(&backward), seen(&whole), "in any order");
    let right = states.iter().rev().fold(None, |sum: Option<S>, state| {
        Some(match sum {
            Some(sum) => merged(state.clone(), &sum),
            None => state.clone(),
        })
    });
    if let Some(right) = right {
        assert_eq!(seen(&right), seen(&whole), "however it is bracketed");
    }
    assert_eq!(seen(&merged(whole.clone(), empty)), seen(&whole), "an empty one changes nothing");

    let bytes = postcard::to_allocvec(&whole).unwrap();
    let restored: S = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(seen(&restored), seen(&whole), "stored and restored");
    assert!(whole.memory_bytes() >= size_of::<u64>());

    windows(empty, &states, &seen);
}

/// A sliding window reads as its panes merged, at every slide, for any length, phase and gaps.
fn windows<S: Merge, R: PartialEq + Debug>(empty: &S, panes: &[S], seen: &impl Fn(&S) -> R) {
    for (length, phase) in [(1, 0), (2, 1), (3, 7), (panes.len().max(1) as u32, 2)] {
        let mut window = S::Window::new(length, phase);
        // Every third pane is missing.
        let numbered: Vec<_> = panes.iter().enumerate().map(|(i, pane)| (i as i64 + i as i64 / 2 - 3, pane)).collect();
        for (at, &(number, pane)) in numbered.iter().enumerate() {
            window.push(number, pane.clone()).unwrap();
            let first = number - i64::from(length) + 1;
            window.evict(first).unwrap();
            let inside = numbered[..=at].iter().filter(|(number, _)| *number >= first);
            let expected = inside.fold(empty.clone(), |sum, (_, pane)| merged(sum, pane));
            let total = window.total().unwrap().unwrap();
            assert_eq!(seen(&total), seen(&expected), "a window of {length} panes, phase {phase}, at {at}");
            let stored = postcard::to_allocvec(&window).unwrap();
            window = postcard::from_bytes(&stored).unwrap();
        }
        window.evict(i64::MAX).unwrap();
        assert!(window.is_empty() && window.total().unwrap().is_none());
    }
}

fn parts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let item = prop_oneof![3 => 0..20_u32, 1 => 0..5_000_u32];
    prop::collection::vec(prop::collection::vec(item, 0..200), 0..8)
}

fn floats(parts: &[Vec<u32>]) -> Vec<Vec<f64>> {
    parts.iter().map(|part| part.iter().map(|&x| f64::from(x)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn counts_and_sums(parts in parts()) {
        laws(&Count::default(), &parts, |s| *s);
        laws(&Sum::default(), &parts, |s| *s);
        // Whole numbers this small have exact floating sums.
        laws(&FloatSum::default(), &floats(&parts), |s| s.read().value);
    }

    #[test]
    fn sketches_that_merge_to_the_bit(parts in parts()) {
        use streamgauge_sketches::Codec;
        for precision in [4, 6, 10] {
            laws(&HyperLogLog::with_precision(precision).unwrap(), &parts, Codec::to_bytes);
        }
        laws(&CountMin::new(3, 64).unwrap(), &parts, Codec::to_bytes);
    }

    #[test]
    fn exact_yardsticks(parts in parts()) {
        laws::<_, u32, _>(&ExactDistinct::<u32>::default(), &parts, |s| s.read().value);
        laws::<_, u32, _>(&ExactTop::<u32>::new(5), &parts, |s| s.read());
        laws(&ExactQuantiles::default(), &floats(&parts), |s| {
            let quantiles = s.read();
            (!quantiles.is_empty()).then(|| [0.0, 0.1, 0.5, 0.99, 1.0].map(|q| quantiles.at(q).value))
        });
    }

    #[test]
    fn heavy_hitters_keep_their_promise_in_any_order(parts in parts()) {
        let mut exact = ExactTop::<u32>::new(5);
        parts.iter().flatten().for_each(|item| exact.absorb(item));
        // What it holds of every item is an interval with the truth in it: that is what must be equal.
        laws(&HeavyHitters::<u32>::with_counters(5, 16).unwrap(), &parts, |s| s.total());
        let whole = parts.iter().fold(HeavyHitters::with_counters(5, 16).unwrap(), |sum, part| {
            merged(sum, &absorbed(&HeavyHitters::with_counters(5, 16).unwrap(), part))
        });
        for item in parts.iter().flatten() {
            prop_assert!(whole.estimate(item).contains(exact.count(item) as f64));
        }
    }

    #[test]
    fn t_digests_stay_close_in_any_order(parts in parts()) {
        let floats = floats(&parts);
        laws(&TDigest::with_compression(50).unwrap(), &floats, |s| {
            let quantiles = s.read();
            // Ends are exact; what lies between depends a little on the order of merges.
            (!quantiles.is_empty()).then(|| (quantiles.at(0.0).value, quantiles.at(1.0).value))
        });
        let mut sorted: Vec<f64> = floats.iter().flatten().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let empty = TDigest::with_compression(50).unwrap();
        let whole = floats.iter().fold(empty.clone(), |sum, part| merged(sum, &absorbed(&empty, part)));
        let quantiles = whole.read();
        for i in 1..20 {
            let q = f64::from(i) / 20.0;
            let value = quantiles.at(q).value;
            if !sorted.is_empty() {
                let n = sorted.len() as f64;
                // Whole numbers, many of them equal: near one is that one.
                let below = sorted.partition_point(|&x| x < value - 0.1) as f64 / n;
                let until = sorted.partition_point(|&x| x <= value + 0.1) as f64 / n;
                let slack = 0.1 + 1.0 / n;
                prop_assert!(below - slack <= q && q <= until + slack, "q {q}: {value} has rank {below} to {until}");
            }
        }
    }

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
        windows(&spec.start(), &states, &|s: &(Count, HyperLogLog, Option<Sum>)| s.read());
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
