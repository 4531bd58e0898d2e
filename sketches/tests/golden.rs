//! Images as they were once written: one of each family and version, in `golden/`.
//!
//! What was written then is read now, and what is written now is the same to the byte. A changed image needs a new
//! version, which reads the old ones; their files stay. `STREAMGAUGE_WRITE_GOLDEN=1 cargo test --test golden` writes the
//! files that are missing, and no others.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::sample::Allocation;
use streamgauge_sketches::{
    Absorb, Bernoulli, Bloom, ClassicBloom, Codec, ConservativeCountMin, Count, CountMin, Covariance, ExaLogLog,
    ExactDistinct, ExactQuantiles, ExactTop, HeavyHitters, HyperLogLog, Kll, Max, Mean, Membership, Min, Moments,
    Reservoir, ScalableBloom, Stratified, Sum, Summary, TDigest, Weight, WeightedReservoir,
};

/// `family: how the summary is made, what must be read from it;`, after `same` if its bytes are the same on every
/// machine, after `close` if they hang on functions that differ between machines, such as logarithms.
macro_rules! golden {
    ($($how:ident $name:ident: $summary:expr, $seen:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), stringify!($how) == "same", &$summary, $seen);
        }
    )*};
}

golden! {
    same count: absorbed(Count::default(), numbers()), Summary::read;
    same sum: absorbed(Sum::default(), numbers()), Summary::read;
    same floatsum: absorbed(FloatSum::default(), floats().filter(|x| x.is_finite())), Summary::read;
    same min: absorbed(Min::default(), floats()), Summary::read;
    same max: absorbed(Max::default(), texts()), Summary::read;
    same mean: absorbed(Mean::default(), floats()), Summary::read;
    same moments: absorbed(Moments::default(), floats()), |s| (*s, s.ignored());
    same covariance: absorbed(Covariance::default(), floats().zip(floats().skip(7))), |s| (*s, s.ignored());
    same exactdistinct: absorbed(ExactDistinct::default(), texts()), Summary::read;
    same exacttop: absorbed(ExactTop::new(5), numbers()), |s| (s.read(), s.count(&9));
    same hyperloglog: absorbed(HyperLogLog::with_precision(8).unwrap(), numbers()), Summary::read;
    same hyperloglog_sparse: absorbed(HyperLogLog::default(), texts()), Summary::read;
    same exaloglog: absorbed(ExaLogLog::with_precision(5).unwrap(), numbers()), Summary::read;
    same exaloglog_sparse: absorbed(ExaLogLog::default(), texts()), Summary::read;
    same countmin: absorbed(CountMin::new(3, 32).unwrap(), numbers()), |s| (s.estimate(&9_u64), s.total());
    same conservativecountmin: absorbed(ConservativeCountMin::new(3, 32).unwrap(), numbers()),
        |s| (s.estimate(&9_u64), s.total());
    same heavyhitters: absorbed(HeavyHitters::with_counters(3, 16).unwrap(), texts()), Summary::read;
    same bloom: absorbed(Bloom::for_items(100, 0.05).unwrap(), numbers()), holds_numbers;
    same classicbloom: absorbed(ClassicBloom::for_items(100, 0.05).unwrap(), numbers()), holds_numbers;
    same scalablebloom: absorbed(ScalableBloom::for_items(30, 0.05).unwrap(), numbers()), holds_numbers;
    close tdigest: absorbed(TDigest::with_compression(20).unwrap(), floats()), |s| [0.0, 1.0].map(|q| s.read().at(q));
    same kll: absorbed(Kll::with_k(20).unwrap(), floats()), |s| [0.0, 0.4, 1.0].map(|q| s.read().at(q));
    same reservoir: absorbed(Reservoir::new(20).unwrap(), texts()), |s| s.read().items().to_vec();
    same weightedreservoir: absorbed(WeightedReservoir::new(20).unwrap(), texts().zip(floats())),
        |s| (s.read().population(), s.ignored());
    same bernoulli: absorbed(Bernoulli::new(0.1).unwrap(), texts()), |s| s.read().items().to_vec();
    same stratified: absorbed(Stratified::new(Allocation::PerStratum(5)).unwrap(), strata()), |s| s.read().population();
    same exactquantiles: absorbed(ExactQuantiles::default(), floats()), |s| [0.0, 0.4, 1.0].map(|q| s.read().at(q));
}

/// A thousand numbers: some often, some once.
fn numbers() -> impl Iterator<Item = u64> {
    (0..1_000_u64).map(|i| if i % 3 == 0 { i % 10 } else { i * i % 641 })
}

fn floats() -> impl Iterator<Item = f64> {
    numbers().map(|n| n as f64 / 8.0 - 20.0).chain([f64::NAN; 2])
}

/// A stratum, a value and an item.
fn strata() -> impl Iterator<Item = (u64, f64, String)> {
    numbers().zip(floats()).zip(texts()).map(|((n, x), text)| (n % 4, x, text))
}

fn holds_numbers<S: Membership>(filter: &S) -> (usize, f64) {
    ((0..1_000_u64).filter(|n| filter.contains(n)).count(), filter.fill())
}

fn texts() -> impl Iterator<Item = String> {
    numbers().take(300).map(|n| format!("/page/{n}"))
}

/// Absorbs items, and some of them once more with a weight if the summary takes weights.
fn absorbed<S: Absorb<Q>, Q>(mut summary: S, items: impl Iterator<Item = Q>) -> S {
    for (i, item) in items.enumerate() {
        summary.absorb(&item);
        if let Some(absorb_weighted) = S::WEIGHTED
            && i % 50 == 0
        {
            absorb_weighted(&mut summary, &item, Weight::new(2.5));
        }
    }
    summary
}

fn check<S: Codec, R: PartialEq + Debug>(name: &str, same: bool, summary: &S, seen: impl Fn(&S) -> R) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for version in 1..=S::VERSION {
        let path = folder.join(format!("{name}-v{version}.bin"));
        let newest = version == S::VERSION;
        if newest && !path.exists() && std::env::var("STREAMGAUGE_WRITE_GOLDEN").is_ok_and(|write| write == "1") {
            fs::write(&path, summary.to_bytes()).unwrap();
        }
        let image = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let decoded = S::from_bytes(&image).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(seen(&decoded), seen(summary), "what version {version} wrote is read as it was");
        if newest {
            assert_eq!(decoded.to_bytes(), image, "an image decodes to what has the same image");
            assert!(!same || summary.to_bytes() == image, "version {version} writes other bytes than it did");
        }
    }
}
