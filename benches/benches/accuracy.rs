//! Each sketch and the exact batch answer on the same data: time, memory, and the observed error beside the claimed
//! bound. `cargo bench --bench accuracy`

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, SamplingMode, Throughput};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal, Zipf};
use streamgauge::sketches::{
    Absorb, Bloom, ConservativeCountMin, CountMin, Estimate, ExaLogLog, ExactDistinct, ExactTop, HeavyHitters,
    HyperLogLog, Kll, Membership, Moments, Quantiles, Reservoir, Summary, TDigest,
};
use streamgauge_benches::median;

const ITEMS: usize = 200_000;

/// An error as criterion measures it: each iteration has a seed of its own, and the "time" of an iteration is its error
/// in parts per million.
struct RelativeError;

impl Measurement for RelativeError {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {}

    fn end(&self, (): ()) -> f64 {
        0.0
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &PartsPerMillion
    }
}

struct PartsPerMillion;

impl ValueFormatter for PartsPerMillion {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "ppm"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "ppm"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "ppm"
    }
}

/// What one comparison found.
struct Row {
    name: &'static str,
    nanos: [f64; 2],
    bytes: [usize; 2],
    error: f64,
    bound: f64,
}

struct Bench {
    time: Criterion<WallTime>,
    error: Criterion<RelativeError>,
    rows: Vec<Row>,
}

impl Bench {
    /// Compares a summary with its exact twin, or another yardstick. `judge` gives the observed error and its claimed bound, as shares.
    fn compare<S, E, Q>(
        &mut self,
        name: &'static str,
        data: impl Fn(u64) -> Vec<Q>,
        empty: impl Fn(u64) -> S,
        exact: impl Fn(&S) -> E,
        judge: impl Fn(&S, &E) -> (f64, f64),
    ) where
        S: Absorb<Q>,
        E: Absorb<Q>,
    {
        let items = data(0);
        let sketch = absorbed(empty(0), &items);
        let yardstick = absorbed(exact(&empty(0)), &items);

        let mut group = self.time.benchmark_group(name);
        group.throughput(Throughput::Elements(ITEMS as u64)).sampling_mode(SamplingMode::Flat);
        let [fast, slow] = [RefCell::new(Vec::new()), RefCell::new(Vec::new())];
        group.bench_function("sketch", |b| {
            b.iter_custom(|n| timed(n, &fast, || absorbed(empty(0), &items).read()));
        });
        group.bench_function("exact", |b| {
            b.iter_custom(|n| timed(n, &slow, || absorbed(exact(&empty(0)), &items).read()));
        });
        group.finish();

        let (errors, seed) = (RefCell::new(Vec::new()), RefCell::new(0));
        self.error.bench_function(&format!("{name}/error"), |b| {
            b.iter_custom(|n| {
                let trial = || {
                    *seed.borrow_mut() += 1;
                    let items = data(*seed.borrow());
                    let sketch = absorbed(empty(*seed.borrow()), &items);
                    let (error, _) = judge(&sketch, &absorbed(exact(&sketch), &items));
                    errors.borrow_mut().push(error);
                    error * 1e6
                };
                (0..n).map(|_| trial()).sum()
            });
        });
        let errors = errors.into_inner();
        self.rows.push(Row {
            name,
            nanos: [median(&fast.into_inner()), median(&slow.into_inner())],
            bytes: [sketch.memory_bytes(), yardstick.memory_bytes()],
            error: errors.iter().sum::<f64>() / errors.len() as f64,
            bound: judge(&sketch, &yardstick).1,
        });
    }
}

fn absorbed<S: Absorb<Q>, Q>(mut summary: S, items: &[Q]) -> S {
    summary.absorb_all(items);
    summary
}

/// Times so many iterations, and notes the nanoseconds per item.
fn timed<T>(iterations: u64, nanos: &RefCell<Vec<f64>>, work: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        black_box(work());
    }
    let elapsed = start.elapsed();
    nanos.borrow_mut().push(elapsed.as_secs_f64() * 1e9 / iterations as f64 / ITEMS as f64);
    elapsed
}

fn zipf(seed: u64) -> Vec<u64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let zipf = Zipf::new(1e5, 1.1).expect(ALLOWED);
    (0..ITEMS).map(|_| zipf.sample(&mut random) as u64).collect()
}

fn distinct(seed: u64) -> Vec<u64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..ITEMS).map(|_| random.random()).collect()
}

fn lognormal(seed: u64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let distribution = LogNormal::new(0.0, 2.0).expect(ALLOWED);
    (0..ITEMS).map(|_| distribution.sample(&mut random)).collect()
}

/// The error of a count, and half the width of its interval, as shares of the truth.
fn relative(estimate: &Estimate, truth: f64) -> (f64, f64) {
    ((estimate.value - truth).abs() / truth, (estimate.upper - estimate.lower) / 2.0 / truth)
}

const ALLOWED: &str = "these parameters are allowed";

/// The mean overcount of all items, and what one item's is at most with the claimed probability: shares of all items.
fn overcount(exact: &ExactTop<u64>, estimate: impl Fn(&u64) -> f64, width: usize) -> (f64, f64) {
    let counts = exact.read();
    let excess: f64 = counts.iter().map(|(item, n)| estimate(item) - n.value).sum();
    (excess / counts.len() as f64 / ITEMS as f64, std::f64::consts::E / width as f64)
}

/// The mean distance of the ranks of three quantiles from where they should be.
fn rank_error(sketch: &Quantiles, exact: &Quantiles) -> f64 {
    let errors = [0.01, 0.5, 0.99].map(|q| (exact.rank(sketch.at(q).value).value - q).abs());
    errors.iter().sum::<f64>() / 3.0
}

fn print(rows: &[Row]) {
    println!("\n{ITEMS} items | ns an item, exact | bytes, exact | mean error, claimed bound (ppm)");
    for Row { name, nanos: [fast, slow], bytes: [small, large], error, bound } in rows {
        let bound = if bound.is_nan() { "none".to_owned() } else { format!("{:.0}", bound * 1e6) };
        println!("{name:<55} | {fast:>6.2} {slow:>7.2} | {small:>8} {large:>10} | {:>7.1} {bound:>7}", error * 1e6);
    }
}

fn main() {
    let quick = |c: Criterion| c.sample_size(10).measurement_time(Duration::from_secs(2)).without_plots();
    let time = quick(Criterion::default()).configure_from_args();
    let error = quick(Criterion::default()).configure_from_args().with_measurement(RelativeError);
    let mut bench = Bench { time, error, rows: Vec::new() };

    bench.compare(
        "HyperLogLog p=12, distinct items",
        distinct,
        |seed| HyperLogLog::default().seeded(seed),
        Absorb::<u64>::exact,
        |sketch, exact: &ExactDistinct<u64>| relative(&sketch.read(), exact.read().value),
    );
    bench.compare(
        "ExaLogLog p=10, distinct items",
        distinct,
        |seed| ExaLogLog::default().seeded(seed),
        Absorb::<u64>::exact,
        |sketch, exact: &ExactDistinct<u64>| relative(&sketch.read(), exact.read().value),
    );
    bench.compare(
        "Count-Min 4×2048, mean overcount",
        zipf,
        |seed| CountMin::default().seeded(seed),
        Absorb::<u64>::exact,
        |sketch, exact: &ExactTop<u64>| overcount(exact, |item| sketch.estimate(item).value, sketch.width()),
    );
    bench.compare(
        "conservative Count-Min 4×2048, mean overcount",
        zipf,
        |seed| ConservativeCountMin::default().seeded(seed),
        Absorb::<u64>::exact,
        |sketch, exact: &ExactTop<u64>| overcount(exact, |item| sketch.estimate(item).value, sketch.width()),
    );
    bench.compare(
        "Misra–Gries, 512 counters, largest error of the top 20",
        zipf,
        |_| HeavyHitters::with_counters(20, 512).expect(ALLOWED),
        Absorb::<u64>::exact,
        |sketch, exact: &ExactTop<u64>| {
            let errors = sketch.read().into_iter().map(|(item, n)| (n.value - exact.count(&item) as f64).abs());
            (errors.fold(0.0, f64::max) / ITEMS as f64, 2.0 / 512.0)
        },
    );
    bench.compare(
        "split-block Bloom, false positives",
        distinct,
        |seed| Bloom::for_items(ITEMS as u64, 0.01).expect(ALLOWED).seeded(seed),
        Absorb::<u64>::exact,
        |sketch, exact: &ExactDistinct<u64>| {
            // None of these was absorbed, but for one in 2⁴⁰.
            let wrong = (0..100_000_u64).filter(|item| sketch.contains(item) && !exact.contains(item)).count();
            (wrong as f64 / 1e5, 0.01)
        },
    );
    bench.compare(
        "t-digest δ=200, rank error at .01, .5, .99",
        lognormal,
        |_| TDigest::default(),
        Absorb::<f64>::exact,
        |sketch, exact| (rank_error(&sketch.read(), &exact.read()), f64::NAN),
    );
    bench.compare(
        "KLL k=200, rank error at .01, .5, .99",
        lognormal,
        |seed| Kll::default().seeded(seed),
        Absorb::<f64>::exact,
        |sketch, exact| (rank_error(&sketch.read(), &exact.read()), sketch.rank_error()),
    );
    bench.compare(
        "reservoir of 1,000, mean",
        |seed| lognormal(seed).into_iter().map(f64::ln).collect(),
        |seed| Reservoir::new(1_000).expect(ALLOWED).seeded(seed),
        |_| Moments::default(),
        |sketch: &Reservoir<f64>, exact| {
            let mean = sketch.read().mean(|x| *x);
            ((mean.value - exact.mean()).abs(), (mean.upper - mean.lower) / 2.0)
        },
    );
    print(&bench.rows);
    bench.time.final_summary();
}
