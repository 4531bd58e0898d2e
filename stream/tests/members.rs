//! Every summary runs in a keyed sliding window as it is: its reading is held against the records of each window.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::sample::Allocation;
use streamgauge_sketches::{
    Absorb, Bernoulli, Bloom, ClassicBloom, ConservativeCountMin, Count, CountMin, Covariance, Estimate, ExaLogLog,
    ExactDistinct, ExactQuantiles, ExactTop, HeavyHitters, HyperLogLog, Kll, Max, Membership, Merge, Min, Moments,
    Quantiles, Reservoir, ScalableBloom, Stratified, Sum, TDigest, WeightedReservoir,
};
use streamgauge_stream::{Queue, StreamingContext, Trigger, Window, millis};

/// When it happened, its key, its value.
type Record = (i64, u8, u32);

/// Ten seconds of three keys, one of which falls silent for longer than a window.
fn records() -> Vec<Record> {
    let record = |i: i64| {
        let key = (i % 3) as u8;
        (i, key, (i * 7_919 % 1_009) as u32)
    };
    (0..10_000).map(record).filter(|(time, key, _)| *key != 2 || !(3_000..7_000).contains(time)).collect()
}

/// Takes a member through windows of a second that slide by a quarter of one, and hands each reading with its items to
/// a check.
fn slides<Q, S>(empty: S, item: fn(u32) -> Q, check: impl Fn(&S::Reading, &[Q]))
where
    Q: Send + Sync + 'static,
    S: Absorb<Q> + Merge,
{
    let records = records();
    let ctx = StreamingContext::builder("members").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    records.chunks(500).for_each(|chunk| {
        queue.push(chunk.to_vec());
    });
    queue.close();
    let rows = ctx
        .source(source.one_at_a_time())
        .event_time(|(time, _, _): &Record| *time, Duration::ZERO)
        .key_by(|(_, key, _)| key)
        .window(millis(1_000), millis(250))
        .summarize(|on| on.map(move |(_, _, value)| item(*value)).of(empty))
        .collect_to_memory();
    ctx.run().unwrap();
    let rows = rows.rows();
    assert!(rows.len() > 100, "{} rows", rows.len());
    for Window { start, end, value: (key, reading) } in rows.iter() {
        let span = start.millis()..end.millis();
        let inside = records.iter().filter(|(time, k, _)| span.contains(time) && k == key);
        let items: Vec<Q> = inside.map(|(_, _, value)| item(*value)).collect();
        check(reading, &items);
    }
}

fn different(items: &[u32]) -> f64 {
    items.iter().collect::<BTreeSet<_>>().len() as f64
}

fn sorted(items: &[f64]) -> Vec<f64> {
    let mut sorted = items.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The count of the first item.
fn count_of_first(items: &[u32]) -> f64 {
    items.iter().filter(|item| **item == items[0]).count() as f64
}

fn mean(items: &[f64]) -> f64 {
    items.iter().sum::<f64>() / items.len() as f64
}

#[test]
fn exact_members() {
    slides(Count::default(), |x| x, |n: &Estimate, items| assert_eq!(n.value, items.len() as f64));
    slides(Sum::default(), |x| x, |sum, items| assert_eq!(sum.value, items.iter().map(|x| f64::from(*x)).sum::<f64>()));
    slides(FloatSum::default(), f64::from, |sum, items| assert_eq!(sum.value, items.iter().sum::<f64>()));
    slides(Min::default(), |x| x, |least, items| assert_eq!(least.as_ref(), items.iter().min()));
    slides(Max::default(), |x| x, |most, items| assert_eq!(most.as_ref(), items.iter().max()));
    slides(Moments::default(), f64::from, |m, items| {
        assert_eq!(m.count(), items.len() as f64);
        assert!((m.mean() - mean(items)).abs() < 1e-9);
    });
    slides(
        Covariance::default(),
        |x| (f64::from(x), 3.0 * f64::from(x) + 1.0),
        |c, items| {
            assert_eq!(c.count(), items.len() as f64);
            assert!(items.len() < 3 || (c.slope() - 3.0).abs() < 1e-9);
        },
    );
    slides(ExactDistinct::default(), |x| x, |n, items| assert_eq!(n.value, different(items)));
    slides(ExactTop::new(1), |x| x, |top, items| assert!(top[0].1.value >= count_of_first(items)));
    slides(ExactQuantiles::default(), f64::from, |q, items| {
        assert_eq!(q.at(1.0).value, sorted(items)[items.len() - 1])
    });
}

#[test]
fn distinct_counts() {
    let close = |n: &Estimate, items: &[u32]| assert!((n.value / different(items) - 1.0).abs() < 0.08, "{n}");
    slides(HyperLogLog::default(), |x| x, close);
    slides(
        HyperLogLog::with_precision(10).unwrap(),
        |x| x,
        |n, items| assert!(n.value / different(items) < 1.2, "{n}"),
    );
    slides(ExaLogLog::default(), |x| x, close);
}

#[test]
fn frequencies() {
    slides(
        CountMin::default(),
        |x| x,
        |counts, items: &[u32]| {
            assert!(counts.estimate(&items[0]).contains(count_of_first(items)));
            assert_eq!(counts.total(), items.len() as u64);
        },
    );
    slides(
        ConservativeCountMin::default(),
        |x| x,
        |counts, items: &[u32]| {
            assert!(counts.estimate(&items[0]).contains(count_of_first(items)));
            assert_eq!(counts.total(), items.len() as u64);
        },
    );
    slides(
        HeavyHitters::top(3),
        |x| x,
        |top, items: &[u32]| {
            let (item, count) = &top[0];
            assert!(count.contains(items.iter().filter(|x| *x == item).count() as f64));
        },
    );
}

fn holds_exactly<S: Membership>(filter: &S, items: &[u32]) {
    assert!(items.iter().all(|item| filter.contains(item)));
    // Absent items, and those of other windows.
    let wrong = (0..2_000_u32).filter(|x| !items.contains(x) && filter.contains(x)).count();
    assert!(wrong < 80, "{wrong} of 2,000 false");
}

#[test]
fn memberships() {
    slides(Bloom::for_items(1_000, 0.01).unwrap(), |x| x, holds_exactly);
    slides(ClassicBloom::for_items(1_000, 0.01).unwrap(), |x| x, holds_exactly);
    slides(ScalableBloom::for_items(100, 0.001).unwrap(), |x| x, holds_exactly);
}

#[test]
fn quantiles() {
    let close = |q: &Quantiles, items: &[f64]| {
        let sorted = sorted(items);
        assert_eq!((q.at(0.0).value, q.at(1.0).value), (sorted[0], sorted[sorted.len() - 1]));
        let middle = sorted[items.len() / 2];
        assert!((q.at(0.5).value - middle).abs() < 60.0, "{} for {middle}", q.at(0.5));
    };
    slides(TDigest::default(), f64::from, close);
    slides(Kll::default(), f64::from, close);
}

#[test]
fn samples() {
    slides(
        Reservoir::new(50).unwrap(),
        |x| x,
        |sample, items: &[u32]| {
            assert_eq!(sample.population(), items.len() as u64);
            assert_eq!(sample.items().len(), items.len().min(50));
            assert!(sample.items().iter().all(|item| items.contains(item)));
        },
    );
    slides(
        WeightedReservoir::new(50).unwrap(),
        |x| (x, 1.0 + f64::from(x)),
        |sample, items| {
            assert_eq!(sample.population(), items.len() as u64);
            assert_eq!(sample.items().len(), items.len().min(50));
        },
    );
    slides(
        Bernoulli::new(0.2).unwrap(),
        |x| x,
        |sample, items: &[u32]| {
            assert_eq!(sample.population(), items.len() as u64);
            assert!(sample.items().iter().all(|item| items.contains(item)));
        },
    );
    slides(
        Stratified::new(Allocation::PerStratum(20)).unwrap(),
        |x| (x % 4, f64::from(x), x),
        |sample, items| {
            assert_eq!(sample.population(), items.len() as u64);
        },
    );
}

#[test]
fn tuples() {
    slides(
        (Count::default(), HyperLogLog::default()),
        |x| x,
        |(n, different_ones), items: &[u32]| {
            assert_eq!(n.value, items.len() as f64);
            assert!((different_ones.value / different(items) - 1.0).abs() < 0.08);
        },
    );
}
