//! Overcounts of Count-Min 4 × 2,048 and the intervals of heavy hitters.

use std::collections::HashMap;
use std::hash::Hash;

use datasketches::countmin::CountMinSketch as Apache;
use datasketches::frequencies::FrequentItemsSketch;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use streamgauge::prelude::*;
use streamgauge::sketches::{ConservativeCountMin, Hashed};
use streamgauge_benches::report::{Axis, Plot, Report, Scale, Table};
use streaming_algorithms::CountMinSketch as Streaming;

const N: usize = 1_000_000;
const SHAPE: (usize, usize) = (4, 2_048);
const PARTS: usize = 16;

/// Items, and how often each comes.
struct Stream {
    items: Vec<u64>,
    counts: HashMap<u64, u64>,
}

impl Stream {
    fn new(items: Vec<u64>) -> Self {
        let mut counts = HashMap::new();
        items.iter().for_each(|item| *counts.entry(*item).or_insert(0) += 1);
        Self { items, counts }
    }

    /// Items of Zipf's law, under numbers that look random. Of a million at exponent 1.1, some 10⁵ are different.
    fn zipf(exponent: f64, items: usize, seed: u64) -> Self {
        let zipf = Zipf::new(3e5, exponent).expect("allowed");
        let mut random = SmallRng::seed_from_u64(seed);
        Self::new((0..items).map(|_| (zipf.sample(&mut random) as u64).portable_hash(seed)).collect())
    }

    fn parts(&self) -> std::slice::Chunks<'_, u64> {
        self.items.chunks(self.items.len().div_ceil(PARTS))
    }
}

/// How much too high a sketch is.
#[derive(Clone, Copy, Default)]
struct Overcount {
    mean: f64,
    p99: f64,
    worst: f64,
    /// Relative, in percent, over the hundred most frequent.
    top: f64,
    undercounted: f64,
}

impl Overcount {
    fn of(stream: &Stream, estimate: impl Fn(u64) -> f64) -> Self {
        let mut over: Vec<(u64, f64)> =
            stream.counts.iter().map(|(item, count)| (*count, estimate(*item) - *count as f64)).collect();
        over.sort_unstable_by_key(|(count, _)| std::cmp::Reverse(*count));
        let n = over.len() as f64;
        let top = over.iter().take(100).map(|(count, over)| over / *count as f64).sum::<f64>();
        let mut sorted: Vec<f64> = over.iter().map(|(_, over)| *over).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self {
            mean: sorted.iter().sum::<f64>() / n,
            p99: sorted[(n * 0.99) as usize],
            worst: sorted[sorted.len() - 1],
            top,
            undercounted: sorted.iter().take_while(|over| **over < 0.0).count() as f64,
        }
    }
}

fn plain(items: &[u64]) -> CountMin {
    let mut sketch = CountMin::new(SHAPE.0, SHAPE.1).expect("allowed");
    sketch.absorb_all(items);
    sketch
}

fn conservative(items: &[u64]) -> ConservativeCountMin {
    let mut sketch = ConservativeCountMin::new(SHAPE.0, SHAPE.1).expect("allowed");
    sketch.absorb_all(items);
    sketch
}

fn apache(items: &[u64]) -> Apache<u64> {
    let mut sketch = Apache::new(SHAPE.0 as u8, SHAPE.1 as u32).expect("allowed");
    items.iter().for_each(|item| sketch.update(item));
    sketch
}

/// Updates conservatively; rounds to 4 × 2,048.
fn streaming(items: &[u64]) -> Streaming<u64, u64> {
    let mut sketch = Streaming::new(0.95, 2.0 / SHAPE.1 as f64, ());
    items.iter().for_each(|item| {
        sketch.push(item, &1);
    });
    sketch
}

fn merged<S: Merge>(stream: &Stream, sketch: impl Fn(&[u64]) -> S) -> S {
    let whole = stream.parts().map(sketch).reduce(|mut all, part| {
        all.merge(&part).expect("of the same parameters");
        all
    });
    whole.expect("there are parts")
}

const SKETCHES: [&str; 4] = ["plain", "conservative", "apache", "streaming_algorithms"];

fn overcounts(stream: &Stream) -> [Overcount; 4] {
    let items = &stream.items;
    let (plain, conservative) = (plain(items), conservative(items));
    let (apache, streaming) = (apache(items), streaming(items));
    [
        Overcount::of(stream, |x| plain.estimate(&x).value),
        Overcount::of(stream, |x| conservative.estimate(&x).value),
        Overcount::of(stream, |x| apache.estimate(x) as f64),
        Overcount::of(stream, |x| streaming.get(&x) as f64),
    ]
}

fn overcounts_merged(stream: &Stream) -> [Overcount; 3] {
    let (plain, conservative) = (merged(stream, plain), merged(stream, conservative));
    let apache = stream.parts().map(apache).reduce(|mut all, part| {
        all.merge(&part).expect("of the same parameters");
        all
    });
    let apache = apache.expect("there are parts");
    [
        Overcount::of(stream, |x| plain.estimate(&x).value),
        Overcount::of(stream, |x| conservative.estimate(&x).value),
        Overcount::of(stream, |x| apache.estimate(x) as f64),
    ]
}

fn head(first: &str) -> Vec<String> {
    [first].iter().chain(&SKETCHES).map(|name| (*name).to_owned()).collect()
}

fn overcount(scale: Scale, report: &mut Report) {
    let trials = scale.trials(20);
    let (mut direct, mut merged, mut keys) = (Vec::new(), Vec::new(), 0);
    for seed in 0..trials as u64 {
        let stream = Stream::zipf(1.1, N, seed);
        keys += stream.counts.len() / trials;
        direct.push(overcounts(&stream));
        merged.push(overcounts_merged(&stream));
    }
    let title =
        format!("Overcount of Count-Min 4 × 2,048: Zipf 1.1, a million items, {keys} keys; mean of {trials} streams");
    let mut table = Table::new("frequency-overcount", title, head(""));
    let mean = |figure: &dyn Fn(&Overcount) -> f64| {
        let of = |all: &dyn Fn(usize) -> Option<f64>| (0..trials).filter_map(all).sum::<f64>() / trials as f64;
        let direct = [0, 1, 2, 3].map(|s| of(&|trial| Some(figure(&direct[trial][s]))));
        let merged = [0, 1, 2, 3].map(|s| match s {
            3 => f64::NAN,
            _ => of(&|trial| Some(figure(&merged[trial][s]))),
        });
        (direct, merged)
    };
    let figures: [(&str, &dyn Fn(&Overcount) -> f64); 5] = [
        ("mean, all keys", &|o| o.mean),
        ("p99", &|o| o.p99),
        ("maximum", &|o| o.worst),
        ("top 100, relative, %", &|o| o.top),
        ("keys undercounted", &|o| o.undercounted),
    ];
    for (name, figure) in figures {
        let (direct, merged) = mean(figure);
        table.row(name, direct);
        table.row(format!("{name}; {PARTS} merged"), merged);
    }
    report.tables.push(table);
    let (direct_mean, merged_mean) = mean(&|o| o.mean);
    let ratio = direct_mean[1] / direct_mean[0];
    report.verdicts.push((
        format!("conservative Count-Min overcounts by at most 0.6 of the plain one on Zipf 1.1: {ratio:.3}"),
        ratio <= 0.6,
    ));
    let (direct, merged) = mean(&|o| o.undercounted);
    let under: f64 = direct[..2].iter().chain(&merged[..2]).sum();
    report.verdicts.push((
        format!(
            "no key is undercounted, directly or after a {PARTS}-way merge (then {:.3} of the plain one): {under}",
            merged_mean[1] / merged_mean[0]
        ),
        under == 0.0,
    ));
}

fn skew(scale: Scale, report: &mut Report) {
    let trials = scale.trials(20) / 5;
    let mut lines: Vec<(String, Vec<(f64, f64)>)> =
        ["plain", "conservative", "conservative, 16 merged"].map(|name| (name.to_owned(), Vec::new())).into();
    for tenths in 3..=16 {
        let exponent = f64::from(tenths) / 10.0;
        let mut means = [0.0; 3];
        for seed in 0..trials as u64 {
            let stream = Stream::zipf(exponent, N / 4, seed);
            let (plain, direct) = (plain(&stream.items), conservative(&stream.items));
            let merged = merged(&stream, conservative);
            means[0] += Overcount::of(&stream, |x| plain.estimate(&x).value).mean / trials as f64;
            means[1] += Overcount::of(&stream, |x| direct.estimate(&x).value).mean / trials as f64;
            means[2] += Overcount::of(&stream, |x| merged.estimate(&x).value).mean / trials as f64;
        }
        lines.iter_mut().zip(means).for_each(|((_, points), mean)| points.push((exponent, mean)));
    }
    let axis = |name: &str, logarithmic| -> Axis { (name.to_owned(), logarithmic) };
    report.plots.push(Plot {
        name: "frequency-skew",
        title: format!("Mean overcount of Count-Min 4 × 2,048, a quarter of a million items, {trials} streams each"),
        x: axis("Zipf exponent", false),
        y: axis("mean overcount", true),
        lines,
    });
}

/// What a hash that mixes badly, or rows that hang together, would make worse.
fn entropy(scale: Scale, report: &mut Report) {
    const KEYS: u64 = 100_000;
    let trials = scale.trials(20) as u64;
    let keys: [(&str, &dyn Fn(u64) -> u64); 5] = [
        ("random", &|i| i.portable_hash(1)),
        ("consecutive", &|i| i),
        ("consecutive << 32", &|i| i << 32),
        ("multiples of 4,096", &|i| i * 4_096),
        ("multiples of 1,000,003", &|i| i * 1_000_003),
    ];
    let title = format!("Overcount of plain Count-Min by the kind of keys: {KEYS} keys once each, {trials} seeds");
    let names = ["keys", "mean", "maximum", "apache mean", "apache maximum"];
    let mut table = Table::new("frequency-entropy", title, names.map(str::to_owned));
    let mut ours = Vec::new();
    for (name, key) in keys {
        let stream = Stream::new((0..KEYS).map(key).collect());
        let mut row = [0.0_f64; 4];
        for seed in 0..trials {
            let mut sketch = CountMin::default().seeded(seed);
            sketch.absorb_all(&stream.items);
            let over = Overcount::of(&stream, |x| sketch.estimate(&x).value);
            let mut apache = Apache::<u64>::with_seed(4, 2_048, seed + 1).expect("allowed");
            stream.items.iter().for_each(|x| apache.update(x));
            let theirs = Overcount::of(&stream, |x| apache.estimate(x) as f64);
            row[0] += over.mean / trials as f64;
            row[1] = row[1].max(over.worst);
            row[2] += theirs.mean / trials as f64;
            row[3] = row[3].max(theirs.worst);
        }
        ours.push((row[0], row[1]));
        table.row(name, row);
    }
    report.tables.push(table);
    let worse = |of: fn(&(f64, f64)) -> f64| ours.iter().map(of).fold(0.0, f64::max) / of(&ours[0]);
    let (mean, worst) = (worse(|o| o.0), worse(|o| o.1));
    report.verdicts.push((
        format!("low-entropy keys overcount as random ones do: mean at most {mean:.3} of theirs, maximum {worst:.3}"),
        mean <= 1.02 && worst <= 1.15,
    ));
}

/// The share of intervals with the truth in them, beside the claim; on the stream that breaks most.
fn coverage(scale: Scale, report: &mut Report) {
    const WIDTH: usize = 64;
    let trials = scale.trials(20_000);
    let title = format!(
        "Intervals that hold, %, of Count-Min of width {WIDTH}: 23 equally frequent items, the most that can each break \
         an interval alone; {trials} trials"
    );
    let names = ["depth", "claimed", "point query", "conservative", "inner product", "of 16 merged"];
    let mut table = Table::new("frequency-coverage", title, names.map(str::to_owned));
    let mut all_hold = true;
    for depth in 1..=5 {
        let mut random = SmallRng::seed_from_u64(depth as u64);
        let mut hold = [0; 4];
        let mut claimed = 0.0;
        for _ in 0..trials {
            let empty = CountMin::new(depth, WIDTH).expect("allowed");
            let mut states = [empty.clone(), empty.clone(), empty.clone()];
            let mut conservative = ConservativeCountMin::new(depth, WIDTH).expect("allowed");
            let lone: u64 = random.random();
            for i in 0..23 {
                let hash: u64 = random.random();
                for round in 0..10 {
                    states[usize::from((round + i) % 3 > 0)].absorb_hash(hash);
                    conservative.absorb_hash(hash);
                }
            }
            states[2].absorb_hash(lone);
            let mut parts = vec![empty; PARTS];
            let [mut whole, second, other] = states;
            parts[0] = second.clone();
            parts[9] = whole.clone();
            let merged = parts.iter().fold(CountMin::new(depth, WIDTH).expect("allowed"), |mut all, part| {
                all.merge(part).expect("the same");
                all
            });
            whole.merge(&second).expect("the same");
            let point = whole.estimate_hash(lone);
            claimed = point.confidence;
            hold[0] += usize::from(point.contains(0.0));
            hold[1] += usize::from(conservative.estimate_hash(lone).contains(0.0));
            hold[2] += usize::from(whole.inner_product(&other).expect("the same").contains(0.0));
            hold[3] += usize::from(merged.estimate_hash(lone).contains(0.0));
        }
        let percent = hold.map(|hold| hold as f64 / trials as f64 * 100.0);
        all_hold &= percent.iter().all(|percent| *percent >= claimed * 100.0);
        table.row(depth.to_string(), [claimed * 100.0].into_iter().chain(percent));
    }
    report.tables.push(table);
    report.verdicts.push(("Count-Min intervals hold as often as claimed where they break most".to_owned(), all_hold));
}

fn heavy(scale: Scale, report: &mut Report) {
    fn frequent<T: Eq + Hash>(slots: usize) -> FrequentItemsSketch<T> {
        FrequentItemsSketch::new(slots).expect("allowed")
    }
    let trials = scale.trials(10) as u64;
    let title = format!(
        "Heavy hitters of 2,048 counters (apache: 2,048 slots, 1,536 items), a million items, {trials} streams: the \
         widest interval as a share of what is promised, %; the relative width over the top 100, %; intervals that miss"
    );
    let names =
        ["stream", "widest", "top 100", "missed", "16 merged: widest", "top 100", "missed", "apache widest", "top 100"];
    let mut table = Table::new("frequency-heavy", title, names.map(str::to_owned));
    let mut missed = 0.0;
    for exponent in [0.8, 1.0, 1.1, 1.3] {
        let mut row = [0.0_f64; 8];
        for seed in 0..trials {
            let stream = Stream::zipf(exponent, N, seed);
            let mut counts: Vec<(u64, u64)> = stream.counts.iter().map(|(x, n)| (*n, *x)).collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            // Over the hundred most frequent, in percent.
            let relative =
                |width: &dyn Fn(u64) -> f64| counts.iter().take(100).map(|(n, x)| width(*x) / *n as f64).sum::<f64>();
            let absorbed = |items: &[u64]| {
                let mut sketch = HeavyHitters::<u64>::top(100);
                sketch.absorb_all(items);
                sketch
            };
            for (at, sketch) in [(0, absorbed(&stream.items)), (3, merged(&stream, absorbed))] {
                let promised = 2.0 * N as f64 / 2_048.0;
                let width = sketch.estimate(&u64::MAX).upper;
                row[at] = row[at].max(width / promised * 100.0);
                row[at + 1] += relative(&|x| sketch.estimate(&x).upper - sketch.estimate(&x).lower) / trials as f64;
                let misses = stream.counts.iter().filter(|(x, n)| !sketch.estimate(*x).contains(**n as f64)).count();
                row[at + 2] += misses as f64;
                missed += misses as f64;
            }
            let mut apache = frequent::<u64>(2_048);
            stream.items.iter().for_each(|x| apache.update(*x));
            row[6] = row[6].max(apache.maximum_error() as f64 / (3.5 * N as f64 / 2_048.0) * 100.0);
            row[7] += relative(&|x| (apache.upper_bound(&x) - apache.lower_bound(&x)) as f64) / trials as f64;
        }
        table.row(format!("Zipf {exponent}"), row);
    }
    report.tables.push(table);
    report
        .verdicts
        .push((format!("every interval of every item of heavy hitters holds: {missed} missed"), missed == 0.0));
}

pub(crate) fn report(scale: Scale) -> Report {
    let mut report = Report::default();
    overcount(scale, &mut report);
    skew(scale, &mut report);
    entropy(scale, &mut report);
    coverage(scale, &mut report);
    heavy(scale, &mut report);
    report
}
