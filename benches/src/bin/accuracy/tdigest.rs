//! t-digests: rank errors beside their peers.

#![allow(clippy::unwrap_used)] // Parameters are written here.

use datasketches::tdigest::TDigestMut;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution, StandardNormal, Zipf};
use streamgauge::sketches::{Absorb, Codec, Merge, ScaleFunction, Summary, TDigest};
use streamgauge_benches::report::{Plot, Report, Scale, Table};

const N: usize = 100_000;
const PARTS: usize = 64;
/// The quantiles of the goal, then others.
const QUANTILES: [f64; 9] = [0.001, 0.01, 0.5, 0.99, 0.999, 0.1, 0.25, 0.75, 0.9];
const GOAL: usize = 5;
const INPUTS: [&str; 8] = [
    "uniform",
    "lognormal(0, 2)",
    "sorted",
    "reversed",
    "100 values, Zipf",
    "64 merged parts",
    "100,000 values, Zipf",
    "whole milliseconds",
];
/// The inputs of the goal.
const GOAL_INPUTS: usize = 6;

fn input(kind: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let normal = |random: &mut Xoshiro256PlusPlus| -> f64 { StandardNormal.sample(random) };
    let zipf = |values: f64, random: &mut Xoshiro256PlusPlus| {
        let zipf = Zipf::new(values, 1.0).unwrap();
        (0..N).map(|_| zipf.sample(random)).collect()
    };
    let mut values: Vec<f64> = match kind {
        1 => (0..N).map(|_| (2.0 * normal(random)).exp()).collect(),
        4 => zipf(100.0, random),
        6 => zipf(100_000.0, random),
        7 => (0..N).map(|_| (5.0 + 0.8 * normal(random)).exp().round()).collect(),
        _ => (0..N).map(|_| random.random()).collect(),
    };
    match kind {
        2 => values.sort_unstable_by(f64::total_cmp),
        3 => values.sort_unstable_by(|a, b| b.total_cmp(a)),
        _ => {}
    }
    values
}

/// How far the quantile is from the ranks of the value: from the interval between the share of the values below it and
/// the share of those up to it. In millionths.
fn rank_error(sorted: &[f64], value: f64, q: f64) -> f64 {
    let below = sorted.partition_point(|&x| x < value) as f64 / sorted.len() as f64;
    let until = sorted.partition_point(|&x| x <= value) as f64 / sorted.len() as f64;
    (below - q).max(q - until).max(0.0) * 1e6
}

/// The values at the quantiles, and the bytes of the image (NaN if there is none).
type Digested = (Vec<f64>, f64);
type Digester = Box<dyn Fn(&[f64], bool) -> Digested>;

fn merged<D>(values: &[f64], parts: bool, digest: impl Fn(&[f64]) -> D, merge: impl Fn(D, D) -> D) -> D {
    let parts = if parts { PARTS } else { 1 };
    values.chunks(values.len().div_ceil(parts)).map(digest).reduce(merge).unwrap()
}

fn ours(compression: u16, scale: ScaleFunction) -> Digester {
    Box::new(move |values, parts| {
        let empty = TDigest::with_scale(compression, scale).unwrap();
        let digest = |part: &[f64]| {
            let mut digest = empty.clone();
            digest.absorb_all(part);
            digest
        };
        let merge = |mut a: TDigest, b| {
            a.merge(&b).unwrap();
            a
        };
        let digest = merged(values, parts, digest, merge);
        let read = digest.read();
        (QUANTILES.map(|q| read.at(q).value).to_vec(), digest.to_bytes().len() as f64)
    })
}

fn apache(k: u16) -> Digester {
    Box::new(move |values, parts| {
        let digest = |part: &[f64]| {
            let mut digest = TDigestMut::new(k).unwrap();
            part.iter().for_each(|&x| digest.update(x));
            digest
        };
        let merge = |mut a: TDigestMut, b| {
            a.merge(&b);
            a
        };
        let mut digest = merged(values, parts, digest, merge);
        let bytes = digest.serialize().len() as f64;
        (digest.quantiles(&QUANTILES).unwrap().unwrap(), bytes)
    })
}

fn tdigest(size: usize) -> Digester {
    Box::new(move |values, parts| {
        let digest = |part: &[f64]| {
            let mut digest = tdigest::TDigest::new_with_size(size);
            digest.extend_values(part.iter().copied());
            digest.flush();
            digest
        };
        let merge = |a, b| tdigest::TDigest::merge_digests(vec![a, b]);
        let digest = merged(values, parts, digest, merge);
        (QUANTILES.map(|q| digest.estimate_quantile(q).unwrap()).to_vec(), f64::NAN)
    })
}

fn tdigests(size: usize) -> Digester {
    Box::new(move |values, parts| {
        let join = |a: tdigests::TDigest, b: tdigests::TDigest| {
            let mut merged = a.merge(&b);
            merged.compress(size);
            merged
        };
        let digest = |part: &[f64]| part.chunks(1_000).map(|x| tdigests::TDigest::from_values(x.to_vec())).reduce(join);
        let digest = merged(values, parts, |part| digest(part).unwrap(), join);
        (QUANTILES.map(|q| digest.estimate_quantile(q)).to_vec(), f64::NAN)
    })
}

/// Ours against Apache's: 1 if both are right; half a millionth, the error of half a value in twenty, is added to both
/// so that an error of none counts as little, not as nothing.
fn ratio(ours: f64, theirs: f64) -> f64 {
    (ours + 0.5) / (theirs + 0.5)
}

/// The first runner against the second, and others to look at.
struct Contest {
    name: &'static str,
    bytes: &'static str,
    title: &'static str,
    runners: Vec<(String, Digester)>,
}

fn contests() -> Vec<Contest> {
    let ours_of = |c: u16| (format!("ours, δ = {c}"), ours(c, ScaleFunction::K2));
    let apache_of = |k: u16| (format!("Apache, k = {k}"), apache(k));
    vec![
        Contest {
            name: "tdigest-100",
            bytes: "tdigest-100-bytes",
            title: "images of at most 2,368 B",
            runners: vec![
                ours_of(238),
                apache_of(100),
                ("ours, δ = 238, k₁".to_owned(), ours(238, ScaleFunction::K1)),
                ours_of(146),
                ("tdigest, 146".to_owned(), tdigest(146)),
                ("tdigests, 146".to_owned(), tdigests(146)),
            ],
        },
        Contest {
            name: "tdigest-200",
            bytes: "tdigest-200-bytes",
            title: "images of at most 4,160 B",
            runners: vec![ours_of(425), apache_of(200)],
        },
        // To choose a compression by.
        Contest {
            name: "tdigest-sizes",
            bytes: "tdigest-sizes-bytes",
            title: "of several sizes",
            runners: vec![ours_of(100), ours_of(200), ours_of(400)],
        },
    ]
}

pub(crate) fn report(scale: Scale) -> Report {
    let mut report = Report::default();
    let trials = scale.trials(200);
    for contest in contests() {
        run(&contest, trials, &mut report);
    }
    report
}

fn run(contest: &Contest, trials: usize, report: &mut Report) {
    let head =
        ["input and quantile".to_owned()].into_iter().chain(contest.runners.iter().map(|(name, _)| name.clone()));
    let title = format!("t-digests, {}: mean |rank error| in millionths of {N}, {trials} trials", contest.title);
    let mut errors = Table::new(contest.name, title, head.clone());
    let mut bytes = Table::new(contest.bytes, "largest image in bytes".to_owned(), head);
    let (mut logs, mut worst, mut worst_case) = (Vec::new(), 0.0_f64, String::new());
    let mut lines = vec![Vec::new(); contest.runners.len()];
    for (kind, name) in INPUTS.into_iter().enumerate() {
        let mut sums = vec![vec![0.0; QUANTILES.len()]; contest.runners.len()];
        let mut sizes = vec![0.0_f64; contest.runners.len()];
        for trial in 0..trials {
            let values = input(kind, &mut Xoshiro256PlusPlus::seed_from_u64((kind * 1_000 + trial) as u64));
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            for (runner, (_, digest)) in contest.runners.iter().enumerate() {
                let (found, size) = digest(&values, kind == 5);
                sizes[runner] = if size.is_nan() { size } else { sizes[runner].max(size) };
                for (at, (&q, &value)) in QUANTILES.iter().zip(&found).enumerate() {
                    sums[runner][at] += rank_error(&sorted, value, q) / trials as f64;
                }
            }
        }
        bytes.row(name, sizes);
        for (at, q) in QUANTILES.into_iter().enumerate() {
            errors.row(format!("{name}, q = {q}"), sums.iter().map(|sums| sums[at]));
            let ratio = ratio(sums[0][at], sums[1][at]);
            if at < GOAL && kind < GOAL_INPUTS {
                logs.push(ratio.ln());
                if ratio > worst {
                    (worst, worst_case) = (ratio, format!("{name}, q = {q}"));
                }
            }
        }
        if kind == 0 {
            let mut order: Vec<usize> = (0..QUANTILES.len()).collect();
            order.sort_unstable_by(|&a, &b| QUANTILES[a].total_cmp(&QUANTILES[b]));
            for (runner, line) in lines.iter_mut().enumerate() {
                *line =
                    order.iter().map(|&at| ((QUANTILES[at] / (1.0 - QUANTILES[at])).ln(), sums[runner][at])).collect();
            }
        }
    }
    if contest.runners[1].0.starts_with("Apache") {
        let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
        let of = format!("{} of {}", contest.runners[0].0, contest.runners[1].0);
        report
            .verdicts
            .push((format!("{of}: geometric mean of the rank errors {mean:.3}, at most 1 wanted"), mean <= 1.0));
        report
            .verdicts
            .push((format!("{of}: worst case {worst:.3} ({worst_case}), at most 1.25 wanted"), worst <= 1.25));
        let fits = bytes.rows[..GOAL_INPUTS].iter().all(|(_, sizes)| sizes[0] <= sizes[1]);
        report.verdicts.push((format!("{of}: an image not larger for any input"), fits));
    }
    report.plots.push(Plot {
        name: contest.name,
        title: format!("Rank errors of t-digests over uniform values, {}", contest.title),
        x: ("ln(q / (1 − q))".to_owned(), false),
        y: ("mean |rank error|, millionths".to_owned(), true),
        lines: contest.runners.iter().map(|(name, _)| name.clone()).zip(lines).collect(),
    });
    report.tables.extend([errors, bytes]);
}
