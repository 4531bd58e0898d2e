//! HyperLogLog of 2¹² registers: how wrong it is, beside its peers, and whether its intervals hold.

use streamgauge::prelude::*;
use streamgauge_benches::distinct::{Apache, Cloudflare, Distinct, Exa, PlusPlus, Streaming, Ultra};
use streamgauge_benches::report::{Plot, Report, Scale, Table};

const NUMBERS: [usize; 13] =
    [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
/// The numbers that all trials go to; those beyond are for a fifth of ours, and not for the peers.
const MOST_TRIALS_TO: usize = 1_000_000;
const PARTS: usize = 16;
/// 1.04/√m: the relative error in theory.
const THEORY: f64 = 1.04 / 64.0;
/// Half the width of the interval in theory, relative.
const HALF_WIDTH: f64 = 1.96 * THEORY;

pub(crate) fn report(scale: Scale) -> Report {
    let mut report = Report::default();
    let ours = errors::<HyperLogLog>(scale.trials(2_000), NUMBERS.len());
    let peer_trials = scale.trials(200);
    let to = NUMBERS.iter().filter(|&&n| n <= MOST_TRIALS_TO).count();
    let peers = [
        ("datasketches HLL8", errors::<Apache>(peer_trials, to)),
        ("cardinality-estimator", errors::<Cloudflare<u64>>(peer_trials, to)),
        ("hyperloglogplus", errors::<PlusPlus<u64>>(peer_trials, to)),
        ("streaming_algorithms", errors::<Streaming<u64>>(peer_trials, to)),
        ("ultraloglog", errors::<Ultra>(peer_trials, to)),
        ("exaloglog p=10", errors::<Exa>(peer_trials, to)),
    ];
    for (name, title, merged) in
        [("distinct_rmse", "one sketch", false), ("distinct_rmse_merged", "merged from 16 parts", true)]
    {
        let head = ["n", "1.04/√m", "streamgauge", "its bias"].into_iter().chain(peers.iter().map(|(name, _)| *name));
        let title =
            format!("RMSE in %, {title}: {} trials (a fifth above 1e6), peers {peer_trials}", scale.trials(2_000));
        let mut table = Table::new(name, title.clone(), head.map(str::to_owned));
        let mut lines = vec![("1.04/√m".to_owned(), Vec::new()), ("streamgauge".to_owned(), Vec::new())];
        lines.extend(peers.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())));
        for (at, &n) in NUMBERS.iter().enumerate() {
            let mine = &ours[at].of(merged);
            let theirs =
                peers.iter().map(|(_, errors)| errors.get(at).map_or(f64::NAN, |e| e.of(merged).rmse() * 100.0));
            let figures: Vec<f64> =
                [THEORY * 100.0, mine.rmse() * 100.0, mine.bias() * 100.0].into_iter().chain(theirs).collect();
            for (line, figure) in lines.iter_mut().zip(figures[..2].iter().chain(&figures[3..])) {
                line.1.push((n as f64, *figure));
            }
            table.row(n.to_string(), figures);
        }
        report.tables.push(table);
        report.plots.push(Plot {
            name,
            title,
            x: ("distinct items".to_owned(), true),
            y: ("RMSE, %".to_owned(), false),
            lines,
        });
    }
    let all = || NUMBERS.iter().zip(&ours).flat_map(|(n, errors)| [(n, &errors.direct), (n, &errors.merged)]);
    let highest = all().map(|(_, e)| e.rmse() / THEORY).fold(0.0, f64::max);
    // 3 standard errors: one of these 26 figures of a true claim would fail in 30 reports.
    let within = |e: &Errors| e.rmse() * (1.0 - 3.0 / (2.0 * e.trials).sqrt()) <= THEORY;
    report.verdicts.push((
        format!("RMSE at most 1.04/√m = 1.63 % at all n, merged or not, within 3 standard errors: highest {highest:.3} of it"),
        all().all(|(_, e)| within(e)),
    ));
    let off = all().map(|(_, e)| e.bias().abs() / THEORY).fold(0.0, f64::max);
    let unbiased = |e: &Errors| e.bias().abs() - 3.0 * e.rmse() / e.trials.sqrt() <= 0.05 * THEORY;
    report.verdicts.push((
        format!("no bias at any n: at most a twentieth of 1.04/√m, within 3 standard errors: highest {off:.3} of it"),
        all().all(|(_, e)| unbiased(e)),
    ));
    coverage(&mut report, &ours);
    overlaps(&mut report, scale);
    report
}

fn coverage(report: &mut Report, ours: &[Both]) {
    let head = ["n", "trials", "hold, %", "merged", "width, share of theory", "merged"];
    let mut table =
        Table::new("distinct_intervals", "95 % intervals of HyperLogLog p=12: how many hold, how wide", head);
    for (&n, Both { direct, merged }) in NUMBERS.iter().zip(ours) {
        let hold = |e: &Errors| e.hold / e.trials * 100.0;
        table.row(n.to_string(), [direct.trials, hold(direct), hold(merged), direct.width(), merged.width()]);
    }
    report.tables.push(table);
    let all = || ours.iter().flat_map(|both| [&both.direct, &both.merged]);
    let lowest = all().map(|e| e.hold / e.trials).fold(1.0, f64::min) * 2_000.0;
    // 1,862 of 2,000; of fewer trials as many less as chance takes.
    let enough = |e: &Errors| e.hold >= 0.95 * e.trials - 3.9 * (0.95 * 0.05 * e.trials).sqrt();
    report.verdicts.push((
        format!("of 2,000 intervals at 95 % at least 1,862 hold at all n, merged or not: lowest {lowest:.0}"),
        all().all(enough),
    ));
    let widest = all().map(Errors::width).fold(0.0, f64::max);
    report
        .verdicts
        .push((format!("intervals at most 1.15 times as wide as in theory: widest {widest:.3}"), widest <= 1.15));
}

/// Intersections: by inclusion and exclusion of three estimates, and as the sketch does it.
fn overlaps(report: &mut Report, scale: Scale) {
    let trials = scale.trials(2_000);
    let head =
        ["only ours, only theirs, both", "RMSE", "by inclusion–exclusion", "hold, %", "mean width / (3.92 RMSE)"];
    let title = format!("Intersections of two HyperLogLogs p=12, {trials} trials");
    let mut table = Table::new("distinct_overlaps", title, head.map(str::to_owned));
    let mut lowest = 1.0_f64;
    let cases = [
        (20_000, 20_000, 0),
        (20_000, 20_000, 200),
        (20_000, 20_000, 2_000),
        (20_000, 20_000, 20_000),
        (0, 20_000, 20_000),
        (3_000, 3_000, 500),
        (1_000, 100_000, 500),
    ];
    for (a, b, x) in cases {
        let (mut squares, mut plain_squares, mut hold, mut width) = (0.0, 0.0, 0, 0.0);
        for trial in 0..trials as u64 {
            let mut items = items(trial << 32);
            let (mut ours, mut theirs) = (HyperLogLog::default(), HyperLogLog::default());
            let (only_ours, only_theirs) = (take(&mut items, a), take(&mut items, b));
            let both = take(&mut items, x);
            ours.absorb_all(only_ours.iter().chain(&both));
            theirs.absorb_all(only_theirs.iter().chain(&both));
            let estimate = ours.intersection(&theirs).expect("the parameters are the same");
            let plain = ours.read().value + theirs.read().value;
            ours.merge(&theirs).expect("the parameters are the same");
            squares += (estimate.value - x as f64).powi(2);
            plain_squares += (plain - ours.read().value - x as f64).powi(2);
            hold += usize::from(estimate.contains(x as f64));
            width += estimate.upper - estimate.lower;
        }
        let n = trials as f64;
        let (rmse, plain, hold) = ((squares / n).sqrt(), (plain_squares / n).sqrt(), hold as f64 / n);
        lowest = lowest.min(hold);
        table.row(format!("{a}, {b}, {x}"), [rmse, plain, hold * 100.0, width / n / (3.92 * rmse)]);
    }
    report.tables.push(table);
    report.verdicts.push((
        format!("of 2,000 intervals of intersections at least 1,862 hold: lowest {:.0}", lowest * 2_000.0),
        lowest >= 0.95 - 3.9 * (0.95 * 0.05 / trials as f64).sqrt(),
    ));
}

/// The errors at one number of items.
#[derive(Clone, Default)]
struct Both {
    direct: Errors,
    merged: Errors,
}

impl Both {
    fn of(&self, merged: bool) -> &Errors {
        if merged { &self.merged } else { &self.direct }
    }
}

#[derive(Clone, Default)]
struct Errors {
    trials: f64,
    sum: f64,
    squares: f64,
    hold: f64,
    widths: f64,
}

impl Errors {
    fn add(&mut self, truth: f64, (value, lower, upper): (f64, f64, f64)) {
        let error = value / truth - 1.0;
        self.trials += 1.0;
        self.sum += error;
        self.squares += error * error;
        self.hold += f64::from(u8::from(lower <= truth && truth <= upper));
        self.widths += (upper - lower) / truth;
    }

    fn rmse(&self) -> f64 {
        (self.squares / self.trials).sqrt()
    }

    fn bias(&self) -> f64 {
        self.sum / self.trials
    }

    /// As a share of the width in theory.
    fn width(&self) -> f64 {
        self.widths / self.trials / (2.0 * HALF_WIDTH)
    }
}

/// The value and its bounds, if there are any.
trait Bounds: Distinct<u64> {
    fn bounds(&self) -> (f64, f64, f64) {
        (self.estimate(), f64::NAN, f64::NAN)
    }

    /// Of parts merged.
    fn merged(parts: &[Self]) -> (f64, f64, f64)
    where
        Self: Sized,
    {
        let mut union = Self::union_of(&parts[0]);
        parts[1..].iter().for_each(|part| Self::unite(&mut union, part));
        (Self::estimate_union(&union), f64::NAN, f64::NAN)
    }
}

impl Bounds for HyperLogLog {
    fn bounds(&self) -> (f64, f64, f64) {
        let Estimate { value, lower, upper, .. } = self.read();
        (value, lower, upper)
    }

    fn merged(parts: &[Self]) -> (f64, f64, f64) {
        let mut union = parts[0].clone();
        parts[1..].iter().for_each(|part| union.merge(part).expect("the parameters are the same"));
        union.bounds()
    }
}

impl Bounds for Apache {}
impl Bounds for Cloudflare<u64> {}
impl Bounds for PlusPlus<u64> {}
impl Bounds for Streaming<u64> {}
impl Bounds for Ultra {}
impl Bounds for Exa {}

/// In every trial a stream of different items goes into one sketch and, in turn, into sixteen; both are read on the way.
fn errors<D: Bounds>(trials: usize, numbers: usize) -> Vec<Both> {
    let mut errors = vec![Both::default(); numbers];
    for trial in 0..trials {
        let (mut direct, mut parts) = (D::empty(), (0..PARTS).map(|_| D::empty()).collect::<Vec<_>>());
        let (mut items, mut absorbed) = (items((trial as u64) << 32), 0);
        for (errors, &n) in errors.iter_mut().zip(&NUMBERS) {
            if n > MOST_TRIALS_TO && trial >= trials / 5 {
                break;
            }
            for (at, item) in items.by_ref().take(n - absorbed).enumerate() {
                direct.add(&item);
                parts[at % PARTS].add(&item);
            }
            absorbed = n;
            errors.direct.add(n as f64, direct.bounds());
            errors.merged.add(n as f64, D::merged(&parts));
        }
    }
    errors
}

/// Different items: the finalizer of SplitMix64 maps no two numbers to one.
fn items(from: u64) -> impl Iterator<Item = u64> {
    (from..).map(|mut z| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

fn take(items: &mut impl Iterator<Item = u64>, n: usize) -> Vec<u64> {
    items.take(n).collect()
}
