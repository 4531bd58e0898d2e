use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Exp1, Normal};
use streamgauge_sketches::sample::{Allocation, Sample, StratifiedSample};
use streamgauge_sketches::{Absorb, Bernoulli, Estimate, Merge, Reservoir, Stratified, Summary, WeightedReservoir};

use crate::HOLD_OF_2000;

const TRIALS: u64 = 2_000;
/// The width of a 95 % interval in standard errors.
const WIDTH: f64 = 2.0 * 1.96;

/// A moderately skewed population and one that is not.
fn populations(n: usize) -> [(&'static str, Vec<f64>); 2] {
    let rng = &mut SmallRng::seed_from_u64(n as u64);
    let normal = Normal::new(100.0, 20.0).unwrap().sample_iter(&mut *rng).take(n).collect();
    [("normal", normal), ("exponential", Exp1.sample_iter(rng).take(n).collect())]
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// How often intervals held, and how wide they were.
#[derive(Default)]
struct Tally {
    held: usize,
    width: f64,
}

impl Tally {
    fn add(&mut self, estimate: Estimate, truth: f64) {
        assert!((estimate.lower..=estimate.upper).contains(&estimate.value), "{estimate}");
        self.held += usize::from(estimate.contains(truth));
        self.width += estimate.upper - estimate.lower;
    }

    /// At least 95 % held, but for one seed in ten thousand, and they were not wider than 1.15 of what they should be.
    fn holds(&self, name: &str, width: f64) {
        let ratio = self.width / TRIALS as f64 / width;
        println!("{name:60} {:5} held, width {ratio:.3}", self.held);
        assert!(self.held >= HOLD_OF_2000, "{name}: {} of 2,000 held", self.held);
        assert!(ratio <= 1.15, "{name}: {ratio} of the width");
    }
}

/// Samples of values read as they should, and those that hold everything are exact.
fn uniform(name: &str, values: &[f64], size: f64, sample: impl Fn(u64) -> Sample<f64>) {
    let n = values.len() as f64;
    let (mean, variance) = mean_and_variance(values);
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // A share of 30 %, and one so rare that a sample has three of them.
    let (common, rare) = (sorted[(n * 0.7) as usize], sorted[(n * (1.0 - 3.0 / size)) as usize]);
    let above = |limit: f64| values.iter().filter(|x| **x >= limit).count() as f64;
    let (mut means, mut sums, mut counts, mut rares) =
        (Tally::default(), Tally::default(), Tally::default(), Tally::default());
    for seed in 0..TRIALS {
        let sample = sample(seed);
        means.add(sample.mean(|x| *x), mean);
        sums.add(sample.sum(|x| *x), mean * n);
        counts.add(sample.count(|x| *x >= common), above(common));
        rares.add(sample.count(|x| *x >= rare), above(rare));
    }
    let error = (variance / size * (1.0 - size / n)).sqrt();
    means.holds(&format!("{name}, mean"), WIDTH * error);
    sums.holds(&format!("{name}, sum"), WIDTH * error * n);
    let share = above(common) / n;
    let error = (share * (1.0 - share) / size * (1.0 - size / n)).sqrt();
    counts.holds(&format!("{name}, count"), WIDTH * error * n);
    // Of events so rare the exact interval is wider than any of standard errors: that of 3 is 0.6 to 8.8.
    rares.holds(&format!("{name}, rare count"), 8.2 / 3.0 * above(rare));
}

fn reservoir(k: usize, seed: u64, values: &[f64]) -> Reservoir<f64> {
    let mut sample = Reservoir::new(k).unwrap().seeded(seed);
    sample.absorb_all(values);
    sample
}

/// Sixteen parts of very different sizes, merged.
fn merged<S: Merge>(values: &[f64], state: impl Fn(&[f64]) -> S) -> S {
    let mut rest = values;
    let mut states = (0..16).map(|i| {
        let size = if i == 15 { rest.len() } else { rest.len() / [2, 5, 30][i % 3] };
        let (part, after) = rest.split_at(size);
        rest = after;
        state(part)
    });
    let first = states.next().unwrap();
    states.fold(first, |mut sum, state| {
        sum.merge(&state).unwrap();
        sum
    })
}

#[test]
fn everything_is_exact() {
    let (_, values) = &populations(200)[1];
    let (mean, _) = mean_and_variance(values);
    let whole = [reservoir(200, 1, values).read(), merged(values, |part| reservoir(256, 1, part)).read()];
    for sample in whole {
        assert!(sample.mean(|x| *x).is_exact() && (sample.mean(|x| *x).value - mean).abs() < 1e-12);
        assert_eq!(
            sample.count(|x| *x > 1.0),
            Estimate {
                method: sample.count(|x| *x > 1.0).method,
                ..Estimate::exact(values.iter().filter(|x| **x > 1.0).count() as f64)
            }
        );
    }
    let mut weighted = WeightedReservoir::new(200).unwrap();
    weighted.absorb_all(&values.iter().map(|&x| (x, x)).collect::<Vec<_>>());
    let sum = weighted.read().sum(|x, _| *x);
    assert!(sum.is_exact() && (sum.value - mean * 200.0).abs() < 1e-9);
    assert!(weighted.read().count(|x, _| *x > 1.0).is_exact());
    let mut stratified = Stratified::new(Allocation::Neyman(200)).unwrap();
    stratified.absorb_all(&values.iter().map(|&x| (x as u8, x, x)).collect::<Vec<_>>());
    let sum = stratified.read().sum(|x| *x);
    assert!(sum.is_exact() && (sum.value - mean * 200.0).abs() < 1e-9);
    assert!(stratified.read().count(|x| *x > 1.0).is_exact());
}

#[test]
fn little_is_told_of_little() {
    let empty = Reservoir::<f64>::new(5).unwrap().read();
    assert!(empty.mean(|x| *x).value.is_nan() && !empty.mean(|x| *x).has_guarantee());
    assert!(empty.sum(|x| *x).is_exact() && empty.count(|_| true).is_exact());
    let one = reservoir(1, 1, &[1.0, 2.0, 3.0]).read();
    assert!(!one.mean(|x| *x).has_guarantee());
    assert_eq!((one.count(|_| true).lower, one.count(|_| true).upper), (1.0, 3.0));
    let alike = reservoir(3, 1, &[7.0; 9]).read();
    assert_eq!(alike.sum(|x| *x).value, 63.0);
    assert!(!alike.sum(|x| *x).has_guarantee());
    assert!(!alike.mean(|_| f64::NAN).has_guarantee());
    let mut nothing = Bernoulli::<f64>::new(1e-9).unwrap();
    nothing.absorb_all(&[1.0; 9]);
    assert!(!nothing.read().count(|_| true).has_guarantee() && !nothing.read().sum(|x| *x).has_guarantee());
    let mut two = WeightedReservoir::<f64>::new(1).unwrap();
    two.absorb_all(&[(1.0, 1.0), (2.0, 1.0)]);
    assert!((1.0..=2.0).contains(&two.read().count(|_, _| true).value));
}

#[test]
fn intervals_of_reservoirs_hold() {
    for (n, k) in [(400, 64), (400, 300), (50_000, 200)] {
        for (shape, values) in &populations(n) {
            let name = format!("{k} of {n} {shape}");
            uniform(&name, values, k as f64, |seed| reservoir(k, seed, values).read());
            let name = format!("{name}, merged");
            uniform(&name, values, k as f64, |seed| merged(values, |part| reservoir(k, seed, part)).read());
        }
    }
}

#[test]
fn intervals_of_bernoulli_samples_hold() {
    for (n, probability) in [(400, 0.25), (50_000, 0.004)] {
        for (shape, values) in &populations(n) {
            let state = |seed, part: &[f64]| {
                let mut sample = Bernoulli::<f64>::new(probability).unwrap().seeded(seed);
                sample.absorb_all(part);
                sample
            };
            let size = n as f64 * probability;
            let name = format!("{probability} of {n} {shape}");
            uniform(&name, values, size, |seed| state(seed, values).read());
            let name = format!("{name}, merged");
            uniform(&name, values, size, |seed| merged(values, |part| state(seed, part)).read());
        }
    }
}

#[test]
fn intervals_of_weighted_reservoirs_hold() {
    for (n, k) in [(1_000, 100), (1_000, 700), (5_000, 200)] {
        for (shape, noise) in &populations(n)[usize::from(n > 1_000)..] {
            // Weights differ, and the value goes with the weight but for some noise.
            let items: Vec<(f64, f64)> = noise
                .iter()
                .enumerate()
                .map(|(i, x)| (1.0 + (i % 17) as f64) * (1.0 + x))
                .zip((0..n).map(|i| 1.0 + (i % 17) as f64))
                .collect();
            let truth: f64 = items.iter().map(|(x, _)| x).sum();
            let seventh = |x: &f64| ((*x * 1e6) as u64).is_multiple_of(7);
            let sevenths = items.iter().filter(|(x, _)| seventh(x)).count() as f64;
            // The threshold at which k items are expected, and the variance it gives.
            let (mut low, mut high) = (0.0, 1e3);
            for _ in 0..100 {
                let middle = (low + high) / 2.0;
                let expected: f64 = items.iter().map(|(_, w)| -(-w * middle).exp_m1()).sum();
                if expected < k as f64 { low = middle } else { high = middle }
            }
            let variance = |value: &dyn Fn(f64) -> f64| -> f64 {
                items.iter().map(|(x, w)| value(*x).powi(2) * (-w * low).exp() / -(-w * low).exp_m1()).sum()
            };
            for parts in [1, 16] {
                let (mut sums, mut means, mut counts) = (Tally::default(), Tally::default(), Tally::default());
                for seed in 0..TRIALS {
                    let mut sample = WeightedReservoir::<f64>::new(k).unwrap().seeded(seed);
                    for part in items.chunks(n / parts) {
                        let mut state = WeightedReservoir::new(k).unwrap().seeded(seed);
                        state.absorb_all(part);
                        sample.merge(&state).unwrap();
                    }
                    let read = sample.read();
                    sums.add(read.sum(|x, _| *x), truth);
                    means.add(read.mean(|x, _| *x), truth / n as f64);
                    counts.add(read.count(|x, _| seventh(x)), sevenths);
                }
                let name = format!("{k} of {n} {shape} by weight in {parts} parts");
                sums.holds(&format!("{name}, sum"), WIDTH * variance(&|x| x).sqrt());
                means.holds(&format!("{name}, mean"), WIDTH * variance(&|x| x).sqrt() / n as f64);
                // Of what goes with no weight there are few events of uneven size: an interval that minds the largest
                // of them is half as wide again.
                let variance = variance(&|x| f64::from(u8::from(seventh(&x))));
                counts.holds(&format!("{name}, count"), 1.55 * WIDTH * variance.sqrt());
            }
        }
    }
}

#[test]
fn intervals_of_stratified_samples_hold() {
    let allocations = [Allocation::PerStratum(60), Allocation::Proportional(240), Allocation::Neyman(240)];
    for n in [600, 2_000] {
        for (shape, values) in &populations(n) {
            // Half of the items are alike, a tenth varies twenty times as much.
            let stratum = |i: usize| [0, 0, 0, 0, 0, 1, 1, 1, 2, 3][i % 10_usize];
            let items: Vec<(u8, f64, f64)> = (0..n)
                .map(|i| (stratum(i), values[i] * [1.0, 3.0, 8.0, 20.0][usize::from(stratum(i))]))
                .map(|(stratum, value)| (stratum, value, value))
                .collect();
            let of = |key: u8| -> Vec<f64> { items.iter().filter(|i| i.0 == key).map(|i| i.2).collect() };
            let truth: f64 = items.iter().map(|i| i.2).sum();
            let third = |x: &f64| ((*x * 1e6) as u64).is_multiple_of(3);
            let thirds = items.iter().filter(|i| third(&i.2)).count() as f64;
            for (allocation, parts) in allocations.into_iter().flat_map(|a| [(a, 1), (a, 16)]) {
                let (mut means, mut sums, mut counts) = (Tally::default(), Tally::default(), Tally::default());
                let mut last: Option<StratifiedSample<u8, f64>> = None;
                for seed in 0..TRIALS {
                    let empty = Stratified::<u8, f64>::new(allocation).unwrap().seeded(seed);
                    let mut sample = empty.clone();
                    for part in items.chunks(n.div_ceil(parts)) {
                        let mut state = empty.clone();
                        state.absorb_all(part);
                        sample.merge(&state).unwrap();
                    }
                    let read = sample.read();
                    means.add(read.mean(|x| *x), truth / n as f64);
                    sums.add(read.sum(|x| *x), truth);
                    counts.add(read.count(third), thirds);
                    last = Some(read);
                }
                let name = format!("{n} {shape}, {allocation}, {parts} parts");
                let variance = |value: &dyn Fn(f64) -> f64| -> f64 {
                    let strata = last.iter().flat_map(|read| read.strata());
                    let variances = strata.map(|(key, sample)| {
                        let (n, size) = (sample.population() as f64, sample.items().len() as f64);
                        let values: Vec<f64> = of(*key).into_iter().map(value).collect();
                        n * n * mean_and_variance(&values).1 / size * (1.0 - size / n)
                    });
                    variances.sum()
                };
                let width = WIDTH * variance(&|x| x).sqrt();
                means.holds(&format!("{name}, mean"), width / n as f64);
                sums.holds(&format!("{name}, sum"), width);
                counts.holds(&format!("{name}, count"), WIDTH * variance(&|x| f64::from(u8::from(third(&x)))).sqrt());
            }
        }
    }
}
