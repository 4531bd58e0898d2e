use std::collections::HashMap;

use streamgauge_sketches::{
    Absorb, ConservativeCountMin, CountMin, Estimate, Hashed, HeavyHitters, Merge, PortableHash, Summary, Weight,
    Weighted,
};

const TRIALS: usize = 2_000;

/// The fewest of the trials that hold but for one seed in ten thousand, if each does with this probability.
fn at_least(confidence: f64) -> usize {
    let n = TRIALS as f64;
    // ln P(so many fail), one after another; their sum from the left.
    let mut ln = n * confidence.ln();
    let (mut failures, mut until) = (0, ln.exp());
    while until < 1.0 - 1e-4 {
        ln += ((n - failures as f64) / (failures + 1) as f64).ln() + ((1.0 - confidence) / confidence).ln();
        failures += 1;
        until += ln.exp();
    }
    TRIALS - failures
}

#[test]
fn limits_are_those_of_the_binomial() {
    assert_eq!(at_least(0.95), crate::HOLD_OF_2000);
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state.portable_hash(0)
}

/// Streams over a few thousand items, each known by a random hash: how often every item comes.
#[derive(Clone, Copy, Debug)]
enum Stream {
    /// Item i comes about N/(i + 1) times, over ln(items).
    Skewed,
    /// All come equally often.
    Flat,
    /// As many as can be of which each alone is more than e·N/width: the worst there is.
    Worst,
    /// A single item.
    Lone,
}

impl Stream {
    fn counts(self, n: usize, width: usize) -> Vec<usize> {
        let items = match self {
            Self::Worst => (width as f64 / std::f64::consts::E) as usize,
            Self::Lone => 1,
            Self::Skewed | Self::Flat => n.min(1_000),
        };
        let weight = |i: usize| if matches!(self, Self::Skewed) { 1.0 / (i + 1) as f64 } else { 1.0 };
        let all: f64 = (0..items).map(weight).sum();
        (0..items).map(|i| (n as f64 * weight(i) / all).ceil() as usize).collect()
    }
}

/// The sketches under test, behind one face.
trait Frequencies: Hashed + Merge {
    fn sized(depth: usize, width: usize) -> Self;
    fn ask(&self, hash: u64) -> Estimate;
}

impl Frequencies for CountMin {
    fn sized(depth: usize, width: usize) -> Self {
        Self::new(depth, width).unwrap()
    }

    fn ask(&self, hash: u64) -> Estimate {
        self.estimate_hash(hash)
    }
}

impl Frequencies for ConservativeCountMin {
    fn sized(depth: usize, width: usize) -> Self {
        Self::new(depth, width).unwrap()
    }

    fn ask(&self, hash: u64) -> Estimate {
        self.estimate_hash(hash)
    }
}

/// One sketch of a stream, or the merge of `parts` that share it out.
fn sketch<S: Frequencies>((depth, width): (usize, usize), hashes: &[u64], counts: &[usize], parts: usize) -> S {
    let mut states = vec![S::sized(depth, width); parts];
    let (mut at, mut batch) = (0, Vec::new());
    // Round after round, so that the items alternate.
    let rounds = counts.iter().max().copied().unwrap_or(0);
    for round in 0..rounds {
        batch.extend(hashes.iter().zip(counts).filter(|(_, count)| **count > round).map(|(hash, _)| *hash));
        if batch.len() > 500 || round + 1 == rounds {
            states[at % parts].absorb_hashes(&batch);
            batch.clear();
            at += 1;
        }
    }
    states
        .into_iter()
        .reduce(|mut all, state| {
            all.merge(&state).unwrap();
            all
        })
        .unwrap()
}

/// In every trial, of another seed, one item is asked for: a frequent one, a rare one, one that never came.
fn intervals_hold<S: Frequencies>(shape: (usize, usize), n: usize, stream: Stream, parts: usize) {
    let (mut state, mut hold) = ((shape.0 * n) as u64, 0);
    let counts = stream.counts(n, shape.1);
    let total: usize = counts.iter().sum();
    let mut confidence = 0.0;
    for trial in 0..TRIALS {
        let hashes: Vec<u64> = (0..counts.len()).map(|_| random(&mut state)).collect();
        let sketch: S = sketch(shape, &hashes, &counts, parts);
        let (hash, truth) = match trial % 4 {
            0 => (hashes[0], counts[0]),
            1 => (hashes[counts.len() - 1], counts[counts.len() - 1]),
            _ => (random(&mut state), 0),
        };
        let estimate = sketch.ask(hash);
        assert!(estimate.value >= truth as f64 && estimate.upper == estimate.value, "{truth}: {estimate}");
        let widest = std::f64::consts::E * total as f64 / shape.1 as f64;
        assert!(estimate.upper - estimate.lower <= widest * 1.000_001, "{estimate}");
        hold += usize::from(estimate.contains(truth as f64));
        confidence = estimate.confidence;
    }
    assert_eq!(confidence, 1.0 - (-(shape.0 as f64)).exp());
    let limit = at_least(confidence);
    assert!(hold >= limit, "{shape:?}, {n} items, {stream:?}, {parts} parts: {hold} hold, {limit} should");
}

#[test]
fn count_min_intervals_hold() {
    for stream in [Stream::Skewed, Stream::Flat, Stream::Worst] {
        for (n, parts) in [(100, 1), (2_000, 1), (10_000, 1), (4_000, 16)] {
            intervals_hold::<CountMin>((4, 64), n, stream, parts);
        }
        // Where the claim is weak enough to be broken often.
        for depth in [1, 2] {
            intervals_hold::<CountMin>((depth, 64), 1_000, stream, 1);
        }
    }
}

#[test]
fn conservative_intervals_hold() {
    for stream in [Stream::Skewed, Stream::Flat, Stream::Worst] {
        for (n, parts) in [(100, 1), (2_000, 1), (10_000, 1), (4_000, 16)] {
            intervals_hold::<ConservativeCountMin>((4, 64), n, stream, parts);
        }
        intervals_hold::<ConservativeCountMin>((1, 64), 1_000, stream, 1);
    }
}

#[test]
fn inner_products_hold() {
    for (shape, n, parts) in
        [((4, 64), 100, 1), ((4, 64), 1_000, 1), ((4, 64), 5_000, 1), ((4, 64), 2_000, 16), ((1, 64), 500, 1)]
    {
        for (ours, theirs) in [(Stream::Skewed, Stream::Flat), (Stream::Worst, Stream::Lone)] {
            let (mut state, mut hold, mut confidence) = (n as u64, 0, 0.0);
            let counts = [ours, theirs].map(|stream| stream.counts(n, shape.1));
            let most = counts[0].len().max(counts[1].len());
            for trial in 0..TRIALS {
                let hashes: Vec<u64> = (0..most).map(|_| random(&mut state)).collect();
                // The second stream has its own items, half of them also in the first; or it is the first.
                let offset = most / 2 * (trial % 2);
                let mut other = hashes.clone();
                other.rotate_left(offset);
                let ours: CountMin = sketch(shape, &hashes, &counts[0], parts);
                let theirs: CountMin = sketch(shape, &other, &counts[1], parts);
                let truth: usize = (0..counts[1].len())
                    .map(|i| counts[1][i] * counts[0].get((i + offset) % most).copied().unwrap_or(0))
                    .sum();
                let product = ours.inner_product(&theirs).unwrap();
                assert!(product.value >= truth as f64 && product.upper == product.value, "{truth}: {product}");
                hold += usize::from(product.contains(truth as f64));
                confidence = product.confidence;
            }
            let limit = at_least(confidence);
            assert!(hold >= limit, "{shape:?}, {n} items, {ours:?} and {theirs:?}: {hold} hold, {limit} should");
        }
    }
}

/// Sampled streams: one item in four, each for four.
#[test]
fn intervals_of_sampled_streams_hold() {
    const COUNT: usize = 400;
    let (weight, mut state) = (Weight::of_fraction(0.25), 5);
    let mut hold = [0; 4];
    let mut confidences = [0.0; 4];
    for seed in 0..TRIALS as u64 {
        let (mut plain, mut other) = (CountMin::default().seeded(seed), CountMin::default().seeded(seed));
        let mut conservative = ConservativeCountMin::default().seeded(seed);
        for i in 0..4 * COUNT as u64 {
            let item = i % 4;
            if random(&mut state) >> 62 == 0 {
                plain.absorb_weighted(&item, weight);
                conservative.absorb_weighted(&item, weight);
            }
            if random(&mut state) >> 62 == 0 {
                other.absorb_weighted(&item, weight);
            }
        }
        let (count, square) = (COUNT as f64, (4 * COUNT * COUNT) as f64);
        let readings = [
            (plain.estimate(&1_u64), count),
            (conservative.estimate(&1_u64), count),
            (plain.inner_product(&other).unwrap(), square),
            (plain.inner_product(&plain).unwrap(), square),
        ];
        for (i, (estimate, truth)) in readings.into_iter().enumerate() {
            hold[i] += usize::from(estimate.contains(truth));
            confidences[i] = estimate.confidence;
        }
    }
    for (hold, confidence) in hold.into_iter().zip(confidences) {
        assert!((0.93..0.95).contains(&confidence) && hold >= at_least(confidence), "{hold} at {confidence}");
    }
}

/// Keys of low entropy are spread as random ones are.
#[test]
fn low_entropy_costs_no_accuracy() {
    const KEYS: u64 = 30_000;
    let overcount = |key: &dyn Fn(u64) -> u64| {
        let (mut mean, mut worst) = (0.0, 0.0_f64);
        for seed in 0..4 {
            let mut sketch = CountMin::new(4, 1_024).unwrap().seeded(seed);
            let keys: Vec<u64> = (0..KEYS).map(key).collect();
            sketch.absorb_all(&keys);
            for key in &keys {
                let over = sketch.estimate(key).value - 1.0;
                mean += over / (4 * KEYS) as f64;
                worst = worst.max(over);
            }
        }
        (mean, worst)
    };
    let (mean, worst) = overcount(&|i| i.portable_hash(99));
    let few: [&dyn Fn(u64) -> u64; 4] = [&|i| i, &|i| i << 32, &|i| i << 48, &|i| i * 1_000_003];
    for key in few {
        let (low, lowest) = overcount(key);
        assert!(low <= 1.02 * mean && lowest <= 1.15 * worst, "{low} and {lowest}, random keys {mean} and {worst}");
    }
}

fn zipf(n: u64) -> impl Fn(u64) -> u64 {
    // Item of rank r comes with probability about 1/(r ln n): by the inverse of the distribution function.
    move |i| {
        let uniform = (i.portable_hash(3) >> 11) as f64 / (1_u64 << 53) as f64;
        (n as f64).powf(uniform) as u64
    }
}

/// Every interval of every item holds the truth, and none is wider than promised, directly and merged.
#[test]
fn heavy_hitters_always_hold() {
    const N: u64 = 40_000;
    const PARTS: u64 = 16;
    let zipf = zipf(20_000);
    let streams: [(&str, &dyn Fn(u64) -> u64); 8] = [
        ("skewed", &|i| zipf(i)),
        ("flat", &|i| i.portable_hash(7) % 500),
        ("all different", &|i| i),
        ("sorted runs", &|i| i / 100),
        ("two heavy ones between ones that come once", &|i| if i % 3 < 2 { i % 3 } else { i }),
        ("alternating over one more than the counters", &|i| i % 65),
        ("heavy at the end only", &|i| if i > N * 9 / 10 { 1 } else { i }),
        ("heavy at the start only", &|i| if i < N / 10 { 1 } else { i }),
    ];
    for (name, item) in streams {
        for counters in [20, 64, 1_024] {
            let empty = HeavyHitters::<u64>::with_counters(10, counters).unwrap();
            let items: Vec<u64> = (0..N).map(item).collect();
            let mut truth = HashMap::new();
            items.iter().for_each(|item| *truth.entry(*item).or_insert(0_u64) += 1);
            let absorbed = |items: &mut dyn Iterator<Item = &u64>| {
                let mut sketch = empty.clone();
                sketch.absorb_all(items);
                sketch
            };
            let merge = |parts: Vec<HeavyHitters<u64>>| {
                parts.iter().fold(empty.clone(), |mut all, part| {
                    all.merge(part).unwrap();
                    all
                })
            };
            let whole = absorbed(&mut items.iter());
            let runs = merge(items.chunks((N / PARTS) as usize).map(|part| absorbed(&mut part.iter())).collect());
            let dealt =
                (0..PARTS as usize).map(|p| absorbed(&mut items.iter().skip(p).step_by(PARTS as usize))).collect();
            for (how, sketch) in [("whole", whole), ("16 runs", runs), ("dealt out to 16", merge(dealt))] {
                assert_eq!(sketch.total(), N);
                let promised = 2.0 * N as f64 / counters as f64;
                for (item, count) in &truth {
                    let estimate = sketch.estimate(item);
                    assert!(estimate.contains(*count as f64), "{name}, {how}: {item} {count} times, {estimate}");
                    assert!(estimate.upper - estimate.lower <= promised, "{name}, {how}: {estimate}");
                    assert!(estimate.lower > 0.0 || *count as f64 <= promised, "{name}, {how}: {item} is lost");
                }
                assert!(sketch.estimate(&u64::MAX).contains(0.0));
                let top = sketch.read();
                assert!(top.len() <= 10 && top.is_sorted_by(|a, b| a.1.value >= b.1.value));
                for (item, estimate) in top {
                    let count = truth[&item] as f64;
                    assert!(estimate.contains(count) && estimate.confidence == 1.0, "{name}: {estimate}");
                }
            }
        }
    }
}
