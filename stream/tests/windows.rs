//! Windows by batch time: every operator against an oracle that recomputes each window from the records.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Absorb, Merge, TwoStacks};
use streamgauge_sketches::{HyperLogLog, Mismatch, Summary};
use streamgauge_stream::{DStream, Queue, StreamingContext, Time, Trigger, secs};

type Record = (u8, u32);
/// The rows at a batch time, sorted.
type Rows<R> = Vec<(i64, Vec<R>)>;

/// A job to run twice: batches of records, and windows in seconds.
#[derive(Clone, Debug)]
struct Case {
    batches: Vec<Vec<Record>>,
    length: u64,
    slide: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let batch = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec((0..5_u8, 0..1_000_u32), 1..8),
        1 => prop::collection::vec((0..200_u8, 0..1_000_u32), 600..1_500),
    ];
    (prop::collection::vec(batch, 1..40), 1..12_u64, 1..8_u64).prop_map(|(batches, length, slide)| Case {
        batches,
        length,
        slide,
    })
}

impl Case {
    /// The records of each window that ends within the batches, by the oracle: at second s those of (s − length, s].
    fn windows(&self) -> impl Iterator<Item = (i64, Vec<Record>)> {
        (1..=self.batches.len() as u64).filter(|second| second % self.slide == 0).map(|second| {
            let first = second.saturating_sub(self.length);
            let records = self.batches[first as usize..second as usize].iter().flatten().copied();
            (second as i64, records.collect())
        })
    }

    /// By key, in the order of the records.
    fn grouped(&self) -> impl Iterator<Item = (i64, BTreeMap<u8, Vec<u32>>)> {
        self.windows().map(|(second, records)| {
            let mut groups: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
            records.into_iter().for_each(|(key, value)| groups.entry(key).or_default().push(value));
            (second, groups)
        })
    }

    fn expected<R>(&self, row: impl Fn(u8, Vec<u32>) -> R + Copy) -> Rows<R> {
        let rows = |groups: BTreeMap<u8, Vec<u32>>| groups.into_iter().map(|(key, values)| row(key, values)).collect();
        self.grouped().map(|(second, groups)| (second, rows(groups))).collect()
    }

    /// What the engine gives on so many threads.
    fn run<R: Ord + Clone + Send + Sync + 'static>(
        &self,
        threads: usize,
        job: impl FnOnce(&DStream<Record>, u64, u64) -> DStream<R>,
    ) -> Rows<R> {
        let ctx = StreamingContext::builder("windows").trigger(Trigger::Available).threads(threads).build();
        let (queue, source) = Queue::new();
        for batch in &self.batches {
            queue.push(batch.clone());
        }
        queue.close();
        let rows = job(&ctx.source(source.one_at_a_time()), self.length, self.slide).collect_to_memory();
        ctx.run().unwrap();
        let seconds = |(time, rows): (Time, Vec<R>)| (time.secs(), rows);
        let batches: Rows<R> = rows.batches().into_iter().map(seconds).collect();
        batches
    }
}

/// Runs on one, two and eight threads, which must give the same to the bit, and sorts the rows.
fn same_on_all_threads<R: Ord + Clone + Send + Sync + std::fmt::Debug + 'static>(
    case: &Case,
    job: impl Fn(&DStream<Record>, u64, u64) -> DStream<R>,
) -> Result<Rows<R>, TestCaseError> {
    let mut one = case.run(1, &job);
    for threads in [2, 8] {
        prop_assert_eq!(&one, &case.run(threads, &job));
    }
    one.iter_mut().for_each(|(_, rows)| rows.sort());
    Ok(one)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn reduced_with_and_without_an_inverse(case in cases()) {
        let expected = case.expected(|key, values| (key, values.iter().map(|v| u64::from(*v)).sum::<u64>()));
        let pairs = |stream: &DStream<Record>| stream.map(|(key, value)| (key, u64::from(value)));
        let sums = same_on_all_threads(&case, |stream, length, slide| {
            pairs(stream).reduce_by_key_and_window(|a, b| a + b, secs(length), secs(slide))
        })?;
        prop_assert_eq!(sums, expected.clone());
        let sums = same_on_all_threads(&case, |stream, length, slide| {
            let (add, take) = (|a, b| a + b, |a, b| a - b);
            pairs(stream).reduce_by_key_and_window_with_inverse(add, take, secs(length), secs(slide))
        })?;
        prop_assert_eq!(sums, expected);
    }

    /// A function that is not commutative: the order of the records is kept, here that of their first and last.
    #[test]
    fn reduced_in_order(case in cases()) {
        let expected = case.expected(|key, values| (key, (values[0], values[values.len() - 1])));
        let ends = same_on_all_threads(&case, |stream, length, slide| {
            let windows = stream.key_by(|(key, _)| key).window(secs(length), secs(slide));
            windows.reduce(|(_, value)| (*value, *value), |a, b| (a.0, b.1))
        })?;
        prop_assert_eq!(ends, expected);
    }

    #[test]
    fn gathered(case in cases()) {
        let expected = case.expected(|key, values| (key, values));
        let groups = same_on_all_threads(&case, |stream, length, slide| {
            stream.group_by_key_and_window(secs(length), secs(slide))
        })?;
        prop_assert_eq!(groups, expected);
    }

    #[test]
    fn counted(case in cases()) {
        let counts = same_on_all_threads(&case, |stream, length, slide| {
            stream.map(|(key, _)| key).count_by_value_and_window(secs(length), secs(slide))
        })?;
        prop_assert_eq!(counts, case.expected(|key, values| (key, values.len() as u64)));
        let counts = same_on_all_threads(&case, |stream, length, slide| {
            stream.count_by_window(secs(length), secs(slide))
        })?;
        let expected: Rows<u64> = case.windows().map(|(end, records)| (end, vec![records.len() as u64])).collect();
        prop_assert_eq!(counts, expected);
    }

    #[test]
    fn reduced_ungrouped(case in cases()) {
        let largest = |(end, records): (i64, Vec<Record>)| (end, records.iter().map(|r| r.1).max().into_iter().collect());
        let expected: Rows<u32> = case.windows().map(largest).collect();
        let largest = same_on_all_threads(&case, |stream, length, slide| {
            stream.map(|(_, value)| value).reduce_by_window(u32::max, secs(length), secs(slide))
        })?;
        prop_assert_eq!(largest, expected);
        let sum = |(end, records): (i64, Vec<Record>)| {
            let sum = records.iter().map(|r| u64::from(r.1)).sum();
            (end, if records.is_empty() { vec![] } else { vec![sum] })
        };
        let expected: Rows<u64> = case.windows().map(sum).collect();
        let sums = same_on_all_threads(&case, |stream, length, slide| {
            let values = stream.map(|(_, value)| u64::from(value));
            values.reduce_by_window_with_inverse(|a, b| a + b, |a, b| a - b, secs(length), secs(slide))
        })?;
        prop_assert_eq!(sums, expected);
    }

    #[test]
    fn the_records_themselves(case in cases()) {
        let records = case.run(2, |stream, length, slide| stream.window(secs(length), secs(slide)).records());
        prop_assert_eq!(records, case.windows().collect::<Vec<_>>());
    }

    /// The same answers as of the summaries recomputed from the records: exact ones, and registers.
    #[test]
    fn summarized(case in cases()) {
        let expected = case.expected(|key, values| {
            let mut users = HyperLogLog::with_precision(8).unwrap();
            values.iter().for_each(|value| users.absorb(value));
            (key, (values.len() as u64, users.read().value.to_bits(), values.iter().max().copied()))
        });
        let rows = same_on_all_threads(&case, |stream, length, slide| {
            let users = HyperLogLog::with_precision(8).unwrap();
            let windows = stream.key_by(|(key, _)| key).window(secs(length), secs(slide));
            let value = |(_, value): &Record| *value;
            let rows = windows.summarize(|on| (on.count(), on.map(value).of(users), on.max(value)));
            rows.map(|(key, (n, users, max))| (key, (n.count(), users.value.to_bits(), max)))
        })?;
        prop_assert_eq!(rows, expected);
    }
}

static MERGES: AtomicU64 = AtomicU64::new(0);

/// A sum that counts how often it is merged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Watched(u64);

impl Summary for Watched {
    type Reading = u64;
    const NAME: &'static str = "Watched";

    fn read(&self) -> u64 {
        self.0
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Absorb<u64> for Watched {
    type Exact = Self;

    fn absorb(&mut self, item: &u64) {
        self.0 += item;
    }

    fn exact(&self) -> Self {
        Self(0)
    }
}

impl Merge for Watched {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        MERGES.fetch_add(1, Ordering::Relaxed);
        self.0 += other.0;
        Ok(())
    }
}

/// The merges of every slide of a window over so many batches, with a record for each of these keys in the batches
/// that `has` says.
fn merges(panes: u64, keys: u64, batches: u64, has: impl Fn(u64, u64) -> bool) -> Vec<u64> {
    let ctx = StreamingContext::builder("merges").trigger(Trigger::Available).threads(1).build();
    let (queue, source) = Queue::new();
    for batch in 0..batches {
        queue.push((0..keys).filter(|key| has(batch, *key)).collect());
    }
    queue.close();
    let rows = ctx
        .source(source.one_at_a_time())
        .key_by(|key: &u64| key)
        .window(secs(panes), secs(1))
        .summarize(|on| on.of(Watched::default()));
    let slides = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = slides.clone();
    rows.for_each_batch(move |_, batch| {
        batch.count().unwrap();
        seen.lock().unwrap().push(MERGES.swap(0, Ordering::Relaxed));
    });
    MERGES.store(0, Ordering::Relaxed);
    ctx.run().unwrap();
    slides.lock().unwrap().clone()
}

/// One test for all, because they count in the same place.
#[test]
fn a_window_costs_three_merges_a_slide_at_any_length_and_never_many_at_once() {
    // Amortised: per slide and key, at most three.
    for panes in [1, 2, 10, 60, 1_000] {
        let keys = if panes > 100 { 4 } else { 200 };
        let slides = merges(panes, keys, 4 * panes + 100, |_, _| true);
        let mean = slides.iter().sum::<u64>() as f64 / (slides.len() as u64 * keys) as f64;
        assert!(mean <= 3.0, "{panes} panes: {mean} merges a slide and key");
    }
    // About the same number in a window of ten panes and of ten thousand: 3 - 3 / panes.
    let of = |panes| {
        let slides = merges(panes, 1, 30_000, |_, _| true);
        slides[20_000..].iter().sum::<u64>() as f64 / 10_000.0
    };
    let (short, long) = (of(10), of(10_000));
    assert!(short >= 2.5 && long <= 3.0, "{short} merges a slide for 10 panes, {long} for 10,000");
    // In no slide do more than 2 · keys / panes + 10 windows flip: whether keys come in every batch, or all together in
    // every seventh, or each when it likes. A flip of n panes is n - 1 merges; besides those a key has two of a slide.
    let (panes, keys) = (60, 3_000);
    type Has = fn(u64, u64) -> bool;
    let always: Has = |_, _| true;
    let together: Has = |batch, _| batch % 7 == 0;
    let whenever: Has = |batch, key| (batch * 7_919 + key * 104_729) % 5 == 0;
    for has in [always, together, whenever] {
        let slides = merges(panes, keys, 300, has);
        let most = *slides.iter().max().unwrap();
        let flips = 2 * keys / panes + 10;
        assert!(most <= 2 * keys + flips * (panes - 1), "{most} merges in one slide");
    }
}
