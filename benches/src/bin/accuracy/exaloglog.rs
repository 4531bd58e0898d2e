//! ExaLogLog beside its peers. All are given random hashes, or random items if they hash themselves.

use datasketches::hll::{HllSketch, HllType, HllUnion};
use exaloglog::{ExaLogLog as Packed, ExaLogLogFast as Aligned};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use streamgauge::sketches::{ExaLogLog, Hashed, Merge, Summary};
use streamgauge_benches::report::{Plot, Report, Scale, Table};
use ultraloglog::UltraLogLog;

/// One implementation: its name, the bits of its registers, and how it estimates the items of some parts.
struct Runner {
    name: &'static str,
    bits: f64,
    trials: usize,
    estimate: fn(&mut Parts) -> f64,
}

/// The hashes of a trial, in parts to be merged.
struct Parts {
    random: SmallRng,
    items: usize,
    parts: usize,
}

impl Parts {
    /// Builds a sketch of each part.
    fn each<S>(&mut self, empty: impl Fn() -> S, mut absorb: impl FnMut(&mut S, u64), merge: impl Fn(S, S) -> S) -> S {
        let mut merged = None;
        for part in 0..self.parts {
            let mut sketch = empty();
            let items = self.items * (part + 1) / self.parts - self.items * part / self.parts;
            (0..items).for_each(|_| absorb(&mut sketch, self.random.next_u64()));
            merged = Some(match merged {
                Some(merged) => merge(merged, sketch),
                None => sketch,
            });
        }
        merged.unwrap_or_else(empty)
    }
}

fn ours(parts: &mut Parts) -> ExaLogLog {
    parts.each(ExaLogLog::default, Hashed::absorb_hash, |mut a, b| {
        a.merge(&b).expect("the same parameters");
        a
    })
}

fn packed(parts: &mut Parts) -> f64 {
    let merge = |mut a: Packed, b: Packed| {
        a.merge(&b).expect("the same parameters");
        a
    };
    parts.each(|| Packed::new(10), Packed::add_hash, merge).estimate_ml()
}

fn aligned(parts: &mut Parts) -> f64 {
    let merge = |mut a: Aligned, b: Aligned| {
        a.merge(&b).expect("the same parameters");
        a
    };
    parts.each(|| Aligned::new(10), Aligned::add_hash, merge).estimate_ml()
}

fn ultra(parts: &mut Parts) -> f64 {
    let merge = |mut a: UltraLogLog, b: UltraLogLog| {
        a.add_sketch(&b).expect("the same parameters");
        a
    };
    let absorb = |sketch: &mut UltraLogLog, hash| {
        sketch.add(hash);
    };
    parts.each(|| UltraLogLog::new(12).expect("an allowed precision"), absorb, merge).get_distinct_count_estimate()
}

fn hll(parts: &mut Parts, form: HllType) -> f64 {
    let empty = || HllSketch::new(12, form).expect("an allowed precision");
    let merge = |a: HllSketch, b: HllSketch| {
        let mut union = HllUnion::new(12).expect("an allowed precision");
        union.update(&a);
        union.update(&b);
        union.to_sketch(form)
    };
    parts.each(empty, HllSketch::update, merge).estimate()
}

const CASES: [(&str, usize, usize); 6] = [
    ("n = 10,000", 10_000, 1),
    ("n = 100,000", 100_000, 1),
    ("n = 1,000,000", 1_000_000, 1),
    ("n = 10,000 as 16 merged parts", 10_000, 16),
    ("n = 100,000 as 16 merged parts", 100_000, 16),
    ("n = 1,000,000 as 16 merged parts", 1_000_000, 16),
];

fn seeded(trial: usize, items: usize, parts: usize) -> Parts {
    Parts { random: SmallRng::seed_from_u64((items * 31 + parts) as u64 + ((trial as u64) << 32)), items, parts }
}

pub(crate) fn report(scale: Scale) -> Report {
    let (many, few) = (scale.trials(10_000), scale.trials(1_000));
    let runners = [
        Runner { name: "ours, p=10", bits: 32.0 * 1024.0, trials: many, estimate: |parts| ours(parts).read().value },
        Runner { name: "exaloglog packed, p=10", bits: 28.0 * 1024.0, trials: few, estimate: packed },
        Runner { name: "exaloglog aligned, p=10", bits: 32.0 * 1024.0, trials: few, estimate: aligned },
        Runner { name: "ultraloglog, p=12", bits: 8.0 * 4096.0, trials: few, estimate: ultra },
        Runner {
            name: "datasketches HLL8, p=12",
            bits: 8.0 * 4096.0,
            trials: few,
            estimate: |parts| hll(parts, HllType::Hll8),
        },
        Runner {
            name: "datasketches HLL4, p=12",
            bits: 4.0 * 4096.0,
            trials: few,
            estimate: |parts| hll(parts, HllType::Hll4),
        },
    ];
    let head = || ["case"].into_iter().chain(runners.iter().map(|runner| runner.name)).map(str::to_owned);
    let trials = format!("{many} trials of ours, {few} of the others");
    let title = format!("Bits of the registers × squared relative error; {trials}");
    let mut products = Table::new("exaloglog_product", title, head());
    let mut errors = Table::new("exaloglog_rmse", format!("Relative RMSE, %; {trials}"), head());
    let mut worst = 0.0_f64;
    for (case, items, parts) in CASES {
        let mut mean_squares = Vec::new();
        for runner in &runners {
            let square = |trial| {
                let estimate = (runner.estimate)(&mut seeded(trial, items, parts));
                (estimate / items as f64 - 1.0).powi(2)
            };
            mean_squares.push((0..runner.trials).map(square).sum::<f64>() / runner.trials as f64);
        }
        let row: Vec<f64> = mean_squares.iter().zip(&runners).map(|(square, runner)| square * runner.bits).collect();
        worst = worst.max(row[0]);
        products.row(case, row);
        errors.row(case, mean_squares.iter().map(|square| 100.0 * square.sqrt()));
    }

    let (intervals, plot, lowest, widest) = intervals(scale.trials(2_000));
    let sampling = 100.0 * (2.0 / many as f64).sqrt();
    let verdicts = vec![
        (
            format!("ExaLogLog: bits × RMSE² at most 3.9, direct and merged: {worst:.3} (± {sampling:.1} %)"),
            worst <= 3.9,
        ),
        (format!("ExaLogLog: intervals hold in at least 93.1 % of trials: {lowest:.1} %"), lowest >= 93.1),
        (format!("ExaLogLog: intervals at most 1.15 times as wide as the errors ask: {widest:.3}"), widest <= 1.15),
    ];
    Report { tables: vec![products, errors, intervals], plots: vec![plot], verdicts }
}

/// The intervals of ours: a table, a plot of the errors, the lowest coverage in percent and the greatest relative width.
fn intervals(trials: usize) -> (Table, Plot, f64, f64) {
    let head = ["case", "RMSE %", "bias %", "held %", "mean width / (2 · 1.96 RMSE)"];
    let title = format!("ExaLogLog p=10: errors and 95 % intervals, {trials} trials");
    let mut table = Table::new("exaloglog_intervals", title, head.map(str::to_owned));
    let mut lines = Vec::new();
    let (mut lowest, mut widest) = (100.0_f64, 0.0_f64);
    for (name, parts) in [("one sketch", 1), ("16 merged parts", 16)] {
        let mut line = Vec::new();
        for items in [10, 100, 700, 1_000, 2_000, 5_000, 10_000, 30_000, 100_000, 1_000_000] {
            let truth = items as f64;
            let (mut held, mut width, mut bias, mut square) = (0, 0.0, 0.0, 0.0);
            for trial in 0..trials {
                let read = ours(&mut seeded(trial + 1_000_000, items, parts)).read();
                let error = read.value / truth - 1.0;
                held += usize::from(read.contains(truth));
                width += (read.upper - read.lower) / truth;
                bias += error;
                square += error * error;
            }
            let n = trials as f64;
            let (rmse, held) = ((square / n).sqrt(), 100.0 * held as f64 / n);
            // Without an error there is no width.
            let width = if square == 0.0 { f64::from(width > 0.0) } else { width / n / (2.0 * 1.96 * rmse) };
            (lowest, widest) = (lowest.min(held), widest.max(width));
            table.row(format!("n = {items}, {name}"), [100.0 * rmse, 100.0 * bias / n, held, width]);
            line.push((truth, 100.0 * rmse));
        }
        lines.push((name.to_owned(), line));
    }
    let plot = Plot {
        name: "exaloglog_rmse",
        title: "ExaLogLog p=10: relative RMSE".to_owned(),
        x: ("distinct items".to_owned(), true),
        y: ("RMSE, %".to_owned(), false),
        lines,
    };
    (table, plot, lowest, widest)
}
