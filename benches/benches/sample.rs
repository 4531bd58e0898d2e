//! `cargo bench -p streamgauge-benches --bench sample`

use std::hint::black_box;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;
use streamgauge::sketches::sample::Allocation;
use streamgauge::sketches::{Absorb, Bernoulli, Merge, Reservoir, Stratified, WeightedReservoir};
use streamgauge_benches::race::{Race, time};

const K: usize = 1_024;

fn main() {
    for (items, goal) in [(1_000_000, 0.25), (10_000_000, 0.1)] {
        let numbers: Vec<u64> = (0..items as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        slices(&numbers, goal);
        batches(&numbers);
    }
    let numbers: Vec<u64> = (0..1_000_000).collect();
    one_by_one(&numbers);
    strings(&numbers);
    weighted(&numbers);
    others(&numbers);
    merges(&numbers);
}

fn reservoir<T: streamgauge::sketches::sample::Item>(k: usize) -> Reservoir<T> {
    Reservoir::new(k).expect("the size is in the range")
}

fn rng() -> SmallRng {
    SmallRng::seed_from_u64(7)
}

/// Algorithm L with the fastest generator at hand and no state that is stored: what the draws and the memory cost.
fn floor(numbers: &[u64], k: usize) -> Vec<u64> {
    use rand::RngExt;
    let mut rng = rng();
    let unit = |rng: &mut SmallRng| 1.0 - rng.random::<f64>();
    let mut sample = numbers[..k].to_vec();
    let (mut threshold, mut at) = (1.0, k - 1);
    loop {
        threshold *= (unit(&mut rng).ln() / k as f64).exp();
        at += (unit(&mut rng).ln() / (-threshold).ln_1p()) as usize + 1;
        let Some(item) = numbers.get(at) else {
            return sample;
        };
        sample[rng.random_range(0..k)] = *item;
    }
}

fn slices(numbers: &[u64], goal: f64) {
    Race::new(format!("{K} of {} u64, one slice, per item", numbers.len()), numbers.len())
        .goal(goal)
        .run("Reservoir::absorb_all", || {
            time(|| {
                let mut sample = reservoir(K);
                sample.absorb_all(black_box(numbers));
                sample
            })
        })
        .run("rand IteratorRandom::sample", || time(|| black_box(numbers).iter().copied().sample(&mut rng(), K)))
        .run("(floor: algorithm L, SmallRng)", || time(|| floor(black_box(numbers), K)))
        .finish();
}

fn batches(numbers: &[u64]) {
    Race::new(format!("{K} of {} u64, slices of 1,000, per item", numbers.len()), numbers.len())
        .run("Reservoir::absorb_all", || {
            time(|| {
                let mut sample = reservoir(K);
                black_box(numbers).chunks(1_000).for_each(|slice| sample.absorb_all(slice));
                sample
            })
        })
        .run("rand IteratorRandom::sample, at once", || {
            time(|| black_box(numbers).iter().copied().sample(&mut rng(), K))
        })
        .finish();
}

fn one_by_one(numbers: &[u64]) {
    Race::new(format!("{K} of {} u64, one by one, per item", numbers.len()), numbers.len())
        .run("Reservoir::absorb", || {
            time(|| {
                let mut sample = reservoir(K);
                black_box(numbers).iter().for_each(|x| sample.absorb(x));
                sample
            })
        })
        .run("rand IteratorRandom::sample", || time(|| black_box(numbers).iter().copied().sample(&mut rng(), K)))
        .finish();
}

fn strings(numbers: &[u64]) {
    let words: Vec<String> = numbers.iter().map(|x| format!("/page/{x}")).collect();
    Race::new(format!("{K} of {} strings, one slice, per item", words.len()), words.len())
        .run("Reservoir::absorb_all", || {
            time(|| {
                let mut sample = reservoir::<String>(K);
                sample.absorb_all(black_box(&words));
                sample
            })
        })
        .run("rand IteratorRandom::sample, cloned", || {
            time(|| -> Vec<String> { black_box(&words).iter().sample(&mut rng(), K).into_iter().cloned().collect() })
        })
        .finish();
}

fn weighted(numbers: &[u64]) {
    let pairs: Vec<(u64, f64)> = numbers.iter().map(|&x| (x, 1.0 + (x % 100) as f64)).collect();
    Race::new(format!("{K} of {} weighted u64, per item", pairs.len()), pairs.len())
        .run("WeightedReservoir::absorb_all", || {
            time(|| {
                let mut sample = WeightedReservoir::<u64>::new(K).expect("the size is in the range");
                sample.absorb_all(black_box(&pairs));
                sample
            })
        })
        .run("rand sample_weighted (two passes)", || {
            time(|| rand::seq::index::sample_weighted(&mut rng(), pairs.len(), |i| black_box(&pairs)[i].1, K))
        })
        .run("(floor: the sum of the weights)", || time(|| black_box(&pairs).iter().map(|(_, w)| w).sum::<f64>()))
        .finish();
}

fn others(numbers: &[u64]) {
    Race::new(format!("0.1 % of {} u64, one slice, per item", numbers.len()), numbers.len())
        .run("Bernoulli::absorb_all", || {
            time(|| {
                let mut sample = Bernoulli::<u64>::new(0.001).expect("the probability is in the range");
                sample.absorb_all(black_box(numbers));
                sample
            })
        })
        .run("rand random_bool for each", || {
            use rand::RngExt;
            time(|| {
                let mut rng = rng();
                black_box(numbers).iter().filter(|_| rng.random_bool(0.001)).copied().collect::<Vec<u64>>()
            })
        })
        .finish();
    let triples: Vec<(u32, f64, u64)> = numbers.iter().map(|&x| ((x % 16) as u32, x as f64, x)).collect();
    Race::new(format!("of {} u64 in 16 strata, per item", numbers.len()), numbers.len())
        .run("Stratified::absorb_all", || {
            time(|| {
                let mut sample =
                    Stratified::<u32, u64>::new(Allocation::Neyman(K as u32)).expect("the size is in the range");
                sample.absorb_all(black_box(&triples));
                sample
            })
        })
        .finish();
}

fn merges(numbers: &[u64]) {
    let parts: Vec<Reservoir<u64>> = numbers
        .chunks(numbers.len() / 64)
        .map(|part| {
            let mut sample = reservoir(K);
            sample.absorb_all(part);
            sample
        })
        .collect();
    Race::new(format!("merging two filled samples of {K}"), parts.len() - 1)
        .run("Reservoir::merge", || {
            let mut whole = parts[0].clone();
            time(|| parts[1..].iter().for_each(|part| whole.merge(part).expect("the sizes are the same")))
        })
        .finish();
}
