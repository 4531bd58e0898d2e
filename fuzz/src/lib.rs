//! Hostile bytes for every decoder.
//!
//! The first byte of an input says what the others are: an image, the content of an image (its envelope is put around
//! it, so that the checksum is no barrier), a stored summary, or a stored window of summaries. What decodes is used as
//! a job would use it. Nothing may panic, hang, or take more memory than its bytes justify.

mod forms;
mod learners;
pub mod memory;

use std::hint::black_box;

use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::sample::Allocation;
use streamgauge_sketches::{
    Bernoulli, Bloom, ClassicBloom, ConservativeCountMin, Count, CountMin, Covariance, ExaLogLog, ExactDistinct,
    ExactQuantiles, ExactTop, HeavyHitters, HyperLogLog, Kll, Max, Mean, Membership, Min, Moments, Quantiles,
    Reservoir, ScalableBloom, Stratified, Sum, Summary, TDigest, WeightedReservoir,
};

/// A decoder to attack.
pub struct Member {
    pub name: &'static str,
    /// Decodes an input and uses what comes out.
    pub attack: fn(&[u8]),
    /// Valid inputs, of all forms.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All decoders.
pub fn members() -> impl Iterator<Item = &'static Member> {
    SUMMARIES.iter().chain(learners::LEARNERS)
}

/// `name: an empty summary, how to make an item of a number, what else can be asked;`
macro_rules! members {
    ($($name:ident: $empty:expr, $item:expr, |$s:ident| $ask:expr;)*) => {
        const SUMMARIES: &[Member] = &[$(Member {
            name: stringify!($name),
            attack: |input| forms::attack(input, &$empty, $item, |$s| {
                black_box($ask);
            }),
            seeds: || forms::seeds(&$empty, $item),
        }),*];
    };
}

members! {
    count: Count::default(), |n| n, |s| s.get();
    sum: Sum::default(), |n| n as i64, |s| s.get();
    floatsum: FloatSum::default(), float, |s| s;
    min: Min::<f64>::default(), float, |s| s;
    max: Max::<String>::default(), |n| n.to_string(), |s| s;
    mean: Mean::default(), float, |s| s;
    moments: Moments::default(), float, |s| (s.variance(), s.skewness(), s.kurtosis(), s.mean_interval());
    covariance: Covariance::default(), |n| (float(n), float(n / 3)), |s| (s.correlation(), s.intercept());
    exactdistinct: ExactDistinct::<String>::default(), |n| n.to_string(), |s| s;
    exacttop: ExactTop::<u64>::new(3), |n| n, |s| s.count(&7);
    exactquantiles: ExactQuantiles::default(), float, |s| quantiles(&s.read());
    hyperloglog: HyperLogLog::with_precision(8).expect("8 is allowed"), |n| n, |s| s.precision();
    countmin: CountMin::new(2, 16).expect("2 rows of 16 are allowed"), |n| n, |s| (s.estimate(&7_u64), s.total());
    conservativecountmin: ConservativeCountMin::new(2, 16).expect("2 rows of 16 are allowed"), |n| n,
        |s| (s.estimate(&7_u64), s.total());
    exaloglog: ExaLogLog::with_precision(6).expect("6 is allowed"), |n| n, |s| s.precision();
    bloom: Bloom::with_blocks(4).expect("4 blocks are allowed"), |n| n, |s| membership(s);
    classicbloom: ClassicBloom::new(256, 3).expect("256 bits are allowed"), |n| n, |s| membership(s);
    scalablebloom: ScalableBloom::for_items(8, 0.1).expect("8 items are allowed"), |n| n, |s| membership(s);
    kll: Kll::with_k(8).expect("8 is allowed"), float, |s| quantiles(&s.read());
    reservoir: Reservoir::new(8).expect("8 is allowed"), |n| n, |s| {
        let sample = s.read();
        (sample.mean(|n| *n as f64), sample.sum(|n| *n as f64), sample.count(|n| n % 2 == 0))
    };
    weightedreservoir: WeightedReservoir::new(8).expect("8 is allowed"), |n| (n, float(n)), |s| {
        let sample = s.read();
        (sample.mean(|n, _| *n as f64), sample.sum(|n, _| *n as f64), sample.count(|n, _| n % 2 == 0))
    };
    bernoulli: Bernoulli::new(0.3).expect("0.3 is allowed"), |n| n, |s| {
        let sample = s.read();
        (sample.mean(|n| *n as f64), sample.sum(|n| *n as f64), sample.count(|n| n % 2 == 0))
    };
    stratified: Stratified::new(Allocation::Neyman(8)).expect("8 is allowed"), |n| (n % 3, float(n), n), |s| {
        let sample = s.read();
        (sample.mean(|n| *n as f64), sample.sum(|n| *n as f64), sample.count(|n| n % 2 == 0))
    };
    heavyhitters: HeavyHitters::<u64>::with_counters(2, 8).expect("8 are allowed"), |n| n, |s| s.estimate(&7);
    tdigest: TDigest::with_compression(10).expect("10 is allowed"), float, |s| quantiles(&s.read());
}

/// Numbers of all kinds, the odd ones too.
fn float(n: u64) -> f64 {
    match n % 64 {
        0 => f64::NAN,
        1 => f64::NEG_INFINITY,
        2 => f64::MAX,
        3 => -0.0,
        4 => f64::MIN_POSITIVE / 8.0,
        _ => (n as f64 - 500.0) / 8.0,
    }
}

fn membership<S: Membership>(filter: &S) {
    black_box((filter.contains(&7_u64), filter.items(), filter.fill(), filter.false_positive_rate()));
}

fn quantiles(quantiles: &Quantiles) {
    for q in [0.0, 0.25, 0.5, 0.999, 1.0, f64::NAN, -1.0] {
        black_box((quantiles.at(q), quantiles.rank(q), quantiles.trimmed_mean(q, 0.75)));
    }
}
