//! What does not depend on how records are cut into partitions, nor on the number of lanes; and what does, within bounds.

#![allow(clippy::unwrap_used)]

use std::fmt::Debug;

use streamgauge_sketches::{Bloom, ClassicBloom, CountMin, Estimate, ExaLogLog, HyperLogLog, Kll, Membership, TDigest};
use streamgauge_stream::testing::{Script, TestJob};
use streamgauge_stream::{DStream, State, secs};

type Record = (u16, u32);

/// Six batches of 97 keys, some frequent, some with little.
fn batches() -> Vec<Vec<Record>> {
    let record = |i: u32| ((i.wrapping_mul(2_654_435_761) >> 16) as u16 % 97 % (1 + i as u16 % 97), i % 4_001 * 7);
    (0..6).map(|batch| (0..8_000).map(|i| record(batch * 8_000 + i)).collect()).collect()
}

/// The rows of a job, in order, for several numbers of lanes and partitions.
fn rows<R: Debug + Clone + Send + Sync + 'static>(
    describe: impl Fn(DStream<Record>) -> DStream<(u16, R)>,
) -> Vec<((usize, usize), Vec<Vec<(u16, R)>>)> {
    let run = |(lanes, partitions): (usize, usize)| {
        let mut job = TestJob::with(|settings| settings.lanes(lanes).threads(2));
        let records = job.script(Script::new(batches()).in_partitions(partitions));
        let captured = job.capture(&describe(records));
        job.run().unwrap();
        let batches = captured.batches().into_iter().map(|(_, mut rows)| {
            rows.sort_by_key(|(key, _)| *key);
            rows
        });
        ((lanes, partitions), batches.collect())
    };
    [(16, 2), (1, 2), (5, 2), (256, 2), (16, 1), (16, 7), (3, 13)].map(run).into()
}

#[track_caller]
fn same<R: Debug + Clone + PartialEq + Send + Sync + 'static>(describe: impl Fn(DStream<Record>) -> DStream<(u16, R)>) {
    let all = rows(describe);
    let (first, expected) = &all[0];
    assert!(expected.iter().map(Vec::len).sum::<usize>() > 200, "there are rows");
    for (other, found) in &all[1..] {
        assert!(found == expected, "(lanes, partitions): {first:?} and {other:?} differ");
    }
}

#[test]
fn integers_registers_and_bits_are_the_same() {
    same(|records| {
        records.key_by(|(key, _)| key).summarize(|on| {
            (
                on.count(),
                on.sum(|(_, x)| *x),
                on.map(|(_, x)| *x).of(HyperLogLog::default()),
                on.map(|(_, x)| *x).of(ExaLogLog::default()),
            )
        })
    });
    let counters = CountMin::default();
    same(move |records| {
        let counts = records.key_by(|(key, _)| key).summarize(|on| on.map(|(_, x)| *x).of(counters.clone()));
        counts.map(|(key, counts)| (key, [0_u32, 7, 70, 7_000].map(|x| counts.estimate(&x).value.to_bits())))
    });
    same(|records| {
        let filter = Bloom::for_items(500, 0.05).unwrap();
        let filters = records.key_by(|(key, _)| key).summarize(|on| on.map(|(_, x)| *x).of(filter));
        filters.map(|(key, filter)| (key, (0..2_000_u32).filter(|x| filter.contains(x)).collect::<Vec<_>>()))
    });
    same(|records| {
        let filter = ClassicBloom::for_items(500, 0.05).unwrap();
        let filters = records.key_by(|(key, _)| key).summarize(|on| on.map(|(_, x)| *x).of(filter));
        filters.map(|(key, filter)| (key, (0..2_000_u32).filter(|x| filter.contains(x)).collect::<Vec<_>>()))
    });
}

#[test]
fn windows_and_state_are_the_same() {
    same(|records| {
        let windows = records.key_by(|(key, _)| key).window(secs(3), secs(1));
        windows.summarize(|on| (on.count(), on.distinct(|(_, x)| x)))
    });
    same(|records| {
        let windows = records.key_by(|(key, _)| key).window(secs(3), secs(1));
        windows.reduce_with_inverse(|(_, x)| u64::from(*x), |a, b| a + b, |a, b| a - b)
    });
    same(|records| records.key_by(|(key, _)| key).window(secs(3), secs(1)).count());
    same(|records| records.key_by(|(key, _)| key).running().summarize(|on| on.distinct(|(_, x)| x)));
    same(|records| {
        let sums = records.key_by(|(key, _)| key).map_with_state(|(key, x), sum: &mut State<'_, u16, u64>| {
            *sum.or_default() += u64::from(x);
            (key, *sum.or_default())
        });
        sums.map(|row| row)
    });
}

/// Quantiles depend on how parts were merged, and stay within their bounds.
#[test]
fn quantiles_stay_within_their_bounds() {
    let exact: Vec<Vec<f64>> = batches()
        .into_iter()
        .map(|batch| {
            let mut values: Vec<f64> = batch.iter().filter(|(key, _)| *key == 0).map(|(_, x)| f64::from(*x)).collect();
            values.sort_by(f64::total_cmp);
            values
        })
        .collect();
    let medians = |describe: &dyn Fn(DStream<Record>) -> DStream<(u16, Estimate)>| {
        for (cut, batches) in rows(describe) {
            for (batch, exact) in batches.iter().zip(&exact) {
                let rank = |x: f64| exact.partition_point(|value| *value < x) as f64 / exact.len() as f64;
                let median = &batch[0].1;
                assert_eq!(batch[0].0, 0);
                assert!((rank(median.value) - 0.5).abs() < 0.02, "{cut:?}: rank {}", rank(median.value));
            }
        }
    };
    medians(&|records| {
        let values = records.key_by(|(key, _)| key).summarize(|on| on.map(|(_, x)| f64::from(*x)).of(Kll::default()));
        values.map(|(key, values)| (key, values.at(0.5)))
    });
    medians(&|records| {
        let values =
            records.key_by(|(key, _)| key).summarize(|on| on.map(|(_, x)| f64::from(*x)).of(TDigest::default()));
        values.map(|(key, values)| (key, values.at(0.5)))
    });
}
