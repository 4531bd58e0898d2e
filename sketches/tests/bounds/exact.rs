//! Sampled counts and sums, and the mean of a sample.

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rand_distr::{Exp1, StandardNormal};
use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::{Absorb, Count, Estimate, Merge, Moments, Sum, Summary, Weight, Weighted};

use crate::HOLD_OF_2000;

const TWICE_Z95: f64 = 2.0 * 1.959_963_984_540_054;

/// The items of a stream that a sampler keeps: their positions, where each is kept with this probability.
fn kept(random: &mut SmallRng, items: u64, fraction: f64) -> Vec<u64> {
    let mut kept = Vec::new();
    let mut next = 0_u64;
    loop {
        // How many are left out in between: geometric.
        next += (random.random::<f64>().ln() / (-fraction).ln_1p()) as u64;
        if next >= items {
            return kept;
        }
        kept.push(next);
        next += 1;
    }
}

/// A value between 0 and 1,000 that depends on the position alone.
fn value(position: u64) -> u32 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % 1_001
}

/// Intervals at 95 % hold the truth often enough and are about as wide as theory has them.
#[track_caller]
fn hold(case: &str, truth: f64, theory: f64, intervals: &[Estimate]) {
    let holding = intervals.iter().filter(|interval| interval.contains(truth)).count();
    let width = intervals.iter().map(|interval| interval.upper - interval.lower).sum::<f64>() / intervals.len() as f64;
    println!("{case}: {holding} of {} hold, width {:.3} of theory", intervals.len(), width / theory);
    assert!(holding >= HOLD_OF_2000, "{case}: {holding} of 2000 hold");
    assert!(width <= 1.15 * theory, "{case}: width {width}, theory {theory}");
}

/// Absorbs weighted items into sixteen states in turn and merges them.
fn merged<S: Weighted<Q> + Merge + Default, Q>(items: impl Iterator<Item = (Q, Weight)>) -> S {
    let mut states = vec![S::default(); 16];
    items.enumerate().for_each(|(i, (item, weight))| states[i % 16].absorb_weighted(&item, weight));
    states.into_iter().fold(S::default(), |mut sum, state| {
        sum.merge(&state).unwrap();
        sum
    })
}

/// Streams and the share of them that is kept: five items of the first, a thousand of the last.
const STREAMS: [(u64, f64); 7] =
    [(20, 0.25), (200, 0.05), (100, 0.25), (400, 0.25), (2_000, 0.05), (20_000, 0.01), (20_000, 0.05)];

#[test]
fn sampled_counts_and_sums() {
    for (items, fraction) in STREAMS {
        let mut random = SmallRng::seed_from_u64(items + (fraction * 1e3) as u64);
        let weight = Weight::of_fraction(fraction);
        let (mut counts, mut sums, mut float_sums) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2_000 {
            let kept = kept(&mut random, items, fraction);
            let weighted = || kept.iter().map(|&position| (value(position), weight));
            counts.push(merged::<Count, u32>(weighted()).read());
            sums.push(merged::<Sum, u32>(weighted()).read());
            float_sums.push(merged::<FloatSum, f64>(weighted().map(|(x, w)| (f64::from(x), w))).read());
        }
        let all = (0..items).map(|position| f64::from(value(position)));
        let (sum, squares) = all.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
        let variance = weight.get() - 1.0;
        let case = |of: &str| format!("{of} of {items} items of which {fraction} are kept");
        hold(&case("count"), items as f64, TWICE_Z95 * (items as f64 * variance).sqrt(), &counts);
        if items as f64 * fraction >= 25.0 {
            hold(&case("sum"), sum, TWICE_Z95 * (squares * variance).sqrt(), &sums);
            hold(&case("float sum"), sum, TWICE_Z95 * (squares * variance).sqrt(), &float_sums);
        }
    }
}

#[test]
fn counts_of_items_sampled_unevenly() {
    // As a sampler under changing load leaves them: a thousand at one in two, a thousand at one in sixteen.
    let mut random = SmallRng::seed_from_u64(3);
    let parts = [0.5, 0.0625].map(|fraction| (fraction, Weight::of_fraction(fraction)));
    let variance: f64 = parts.iter().map(|(_, weight)| 1_000.0 * (weight.get() - 1.0)).sum();
    let counts = (0..2_000).map(|_| {
        let mut items = Vec::new();
        for (fraction, weight) in parts {
            items.extend(kept(&mut random, 1_000, fraction).into_iter().map(|position| (position, weight)));
        }
        merged::<Count, u64>(items.into_iter()).read()
    });
    hold("count, sampled unevenly", 2_000.0, TWICE_Z95 * variance.sqrt(), &counts.collect::<Vec<_>>());
}

#[test]
fn means_of_samples() {
    // Student's quantiles for the freedom that these numbers of values leave.
    for (values, t95) in [(4, 3.182), (10, 2.262), (100, 1.984), (1_000, 1.962)] {
        let mut random = SmallRng::seed_from_u64(values);
        let (mut bulk, mut sixteen, mut uneven) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2_000 {
            let sample: Vec<f64> = (0..values).map(|_| 5.0 + random.sample::<f64, _>(StandardNormal)).collect();
            let mut moments = Moments::default();
            moments.absorb_all(&sample);
            bulk.push(moments.mean_interval());
            let ones = sample.iter().map(|&x| (x, Weight::ONE));
            sixteen.push(merged::<Moments, f64>(ones).mean_interval());
            let weight = |i| Weight::new(if i % 2 == 0 { 1.0 } else { 3.0 });
            let weighted = sample.iter().enumerate().map(|(i, &x)| (x, weight(i)));
            uneven.push(merged::<Moments, f64>(weighted).mean_interval());
        }
        let width = 2.0 * t95 / (values as f64).sqrt();
        hold(&format!("mean of {values}"), 5.0, width, &bulk);
        hold(&format!("mean of {values} in sixteen parts"), 5.0, width, &sixteen);
        if values >= 100 {
            // Weights of 1 and 3 in turn are worth (1 + 3)² / 2 (1² + 3²) = 0.8 of the values.
            hold(&format!("mean of {values} of uneven weights"), 5.0, width / 0.8_f64.sqrt(), &uneven);
        }
    }
}

#[test]
fn means_of_skewed_samples() {
    for values in [100, 1_000] {
        let mut random = SmallRng::seed_from_u64(values);
        let means = (0..2_000).map(|_| {
            let mut moments = Moments::default();
            moments.absorb_all(&(0..values).map(|_| random.sample(Exp1)).collect::<Vec<f64>>());
            moments.mean_interval()
        });
        let width = TWICE_Z95 / (values as f64).sqrt();
        hold(&format!("mean of {values} exponential values"), 1.0, width, &means.collect::<Vec<_>>());
    }
}
