//! The exact summaries beside loops written by hand: `cargo bench -p streamgauge-benches --bench exact`

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use streamgauge::sketches::exact::FloatSum;
use streamgauge::sketches::{Absorb, Covariance, ExactDistinct, ExactQuantiles, ExactTop, Items, Max, Moments, Sum};
use streamgauge_benches::race::{Race, time};

const ITEMS: usize = 1 << 20;

/// Absorbs in bulk, from empty.
fn bulk<Q, S: Absorb<Q>>(empty: S, items: &[Q]) -> Duration {
    let mut summary = empty;
    time(|| {
        summary.absorb_all(items);
        summary
    })
}

/// Absorbs one by one, from empty.
fn single<Q, S: Absorb<Q>>(empty: S, items: &[Q]) -> Duration {
    let mut summary = empty;
    time(|| {
        items.visit_all(|item| summary.absorb(black_box(item)));
        summary
    })
}

/// Welford's update, as it stands in textbooks.
fn welford(values: &[f64]) -> (f64, f64, f64) {
    let (mut n, mut mean, mut m2) = (0.0, 0.0, 0.0);
    for x in values {
        n += 1.0;
        let d = x - mean;
        mean += d / n;
        m2 += d * (x - mean);
    }
    (n, mean, m2)
}

/// Sums of powers: fast, and wrong far from zero.
fn powers(values: &[f64]) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for x in values {
        let square = x * x;
        sums[0] += x;
        sums[1] += square;
        sums[2] += square * x;
        sums[3] += square * square;
    }
    sums
}

fn products(pairs: &[(f64, f64)]) -> [f64; 5] {
    let mut sums = [0.0; 5];
    for (x, y) in pairs {
        for (sum, term) in sums.iter_mut().zip([*x, *y, x * x, y * y, x * y]) {
            *sum += term;
        }
    }
    sums
}

fn main() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let values: Vec<f64> = (0..ITEMS).map(|_| random.random()).collect();
    let pairs: Vec<(f64, f64)> = (0..ITEMS).map(|_| (random.random(), random.random())).collect();
    let numbers: Vec<i64> = (0..ITEMS).map(|_| random.random_range(0..1_000_000)).collect();

    Race::new("sum of integers", ITEMS)
        .run("Sum", || bulk(Sum::default(), &numbers))
        .run("(Sum, one by one)", || single(Sum::default(), &numbers))
        .run("(hand loop, i128)", || time(|| numbers.iter().map(|x| i128::from(*x)).sum::<i128>()))
        .finish();
    Race::new("sum of floats", ITEMS)
        .run("FloatSum", || bulk(FloatSum::default(), &values))
        .run("(hand loop, uncompensated)", || time(|| values.iter().sum::<f64>()))
        .finish();
    Race::new("maximum of floats", ITEMS)
        .run("Max", || bulk(Max::default(), &values))
        .run("(hand loop)", || time(|| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
        .finish();
    Race::new("four moments", ITEMS)
        .run("Moments", || bulk(Moments::default(), &values))
        .run("(Moments, one by one)", || single(Moments::default(), &values))
        .run("(hand loop, Welford, two moments)", || time(|| welford(&values)))
        .run("(hand loop, sums of powers)", || time(|| powers(&values)))
        .finish();
    Race::new("covariance", ITEMS)
        .run("Covariance", || bulk(Covariance::default(), &pairs))
        .run("(Covariance, one by one)", || single(Covariance::default(), &pairs))
        .run("(hand loop, sums of products)", || time(|| products(&pairs)))
        .finish();
    Race::new("all values", ITEMS)
        .run("ExactQuantiles", || bulk(ExactQuantiles::default(), &values))
        .run("(ExactQuantiles, one by one)", || single(ExactQuantiles::default(), &values))
        .run("(hand loop, push to a Vec)", || {
            time(|| {
                let mut kept = Vec::new();
                values.iter().filter(|x| x.is_finite()).for_each(|x| kept.push(*x));
                kept
            })
        })
        .finish();
    for different in [1_000, 1_000_000] {
        let items: Vec<u64> = (0..ITEMS).map(|_| random.random_range(0..different)).collect();
        Race::new(format!("distinct integers, {different} of them"), ITEMS)
            .run("ExactDistinct", || bulk(ExactDistinct::default(), &items))
            .run("(std HashSet)", || time(|| items.iter().copied().collect::<HashSet<u64>>()))
            .finish();
        Race::new(format!("counts of integers, {different} of them"), ITEMS)
            .run("ExactTop", || bulk(ExactTop::new(10), &items))
            .run("(std HashMap)", || {
                time(|| {
                    let mut counts = HashMap::new();
                    items.iter().for_each(|item| *counts.entry(*item).or_insert(0_u64) += 1);
                    counts
                })
            })
            .finish();
        let texts: Vec<String> = items.iter().map(|item| format!("/page/{item}")).collect();
        Race::new(format!("counts of texts, {different} of them"), ITEMS)
            .run("ExactTop", || {
                let mut top = ExactTop::new(10);
                time(|| {
                    top.absorb_all(texts.iter().map(String::as_str));
                    top
                })
            })
            .run("(std HashMap)", || {
                time(|| {
                    let mut counts: HashMap<String, u64> = HashMap::new();
                    for text in &texts {
                        match counts.get_mut(text.as_str()) {
                            Some(count) => *count += 1,
                            None => drop(counts.insert(text.clone(), 1)),
                        }
                    }
                    counts
                })
            })
            .finish();
    }
}
