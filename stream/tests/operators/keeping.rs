//! Rows that are kept: shared, persisted, remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use streamgauge_stream::{Error, Queue, Storage, Time, secs};

use super::oracle::{act, context, pairs, run, stream};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rows_come_back_from_memory_and_disk(batches in pairs(), bytes in 0_usize..20_000) {
        let spilling = Storage::MemoryAndDisk { bytes };
        for storage in [Storage::Memory, spilling] {
            let twice = run(&batches, |_, rows| {
                let kept = rows.map(|(k, v)| (k, v.to_string())).persist(storage);
                kept.union(&kept)
            });
            let once = act(&batches, move |batch| batch.map(|(k, v)| (k, v.to_string())).persist(storage).collect());
            for (i, batch) in batches.iter().enumerate() {
                let rows: Vec<_> = batch.iter().map(|(k, v)| (*k, v.to_string())).collect();
                prop_assert_eq!(&once[i], &rows);
                prop_assert_eq!(&twice[i], &[rows.as_slice(), &rows].concat());
            }
        }
    }
}

#[test]
fn what_is_persisted_is_computed_once() {
    let ctx = context(2);
    let computed = Arc::new(AtomicU64::new(0));
    let counter = computed.clone();
    let kept = stream(&ctx, &vec![vec![1_u32, 2, 3]]).map(move |x| {
        counter.fetch_add(1, Ordering::Relaxed);
        x
    });
    let kept = kept.persist(Storage::MemoryAndDisk { bytes: 0 });
    let (a, b) = (kept.collect_to_memory(), kept.count().collect_to_memory());
    ctx.run().unwrap();
    assert_eq!((a.rows(), b.rows(), computed.load(Ordering::Relaxed)), (vec![1, 2, 3], vec![3], 3));
}

/// A row that tells how often it was copied.
#[derive(Debug)]
struct Copied(Arc<AtomicU64>);

impl Clone for Copied {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

#[test]
fn the_last_reader_has_the_rows_also_if_another_reads_none() {
    let copies = Arc::new(AtomicU64::new(0));
    let ctx = context(2);
    let (queue, source) = Queue::new();
    queue.push((0..100).collect());
    queue.close();
    let of_rows = copies.clone();
    let rows = ctx.source(source).map(move |_: u32| Copied(of_rows.clone()));
    rows.for_each_batch(|_, _| ());
    rows.for_each_batch(|_, batch| batch.take(0).map(drop));
    rows.for_each_batch(|_, batch| {
        assert_eq!(batch.map(|row| row.0.load(Ordering::Relaxed)).collect()?, [0; 100]);
        Ok::<_, Error>(())
    });
    ctx.run().unwrap();
    assert_eq!(copies.load(Ordering::Relaxed), 0);
}

#[test]
fn a_batch_that_is_over_is_told_from_an_empty_one() {
    thread_local! {
        static STASH: std::cell::RefCell<Option<streamgauge_stream::Batch<u32>>> = const { std::cell::RefCell::new(None) };
    }
    let ctx = context(1);
    let told = Arc::new(AtomicU64::new(0));
    let heard = told.clone();
    stream(&ctx, &vec![vec![1_u32], vec![2]]).for_each_batch(move |_, batch| {
        if let Some(old) = STASH.replace(Some(batch)) {
            let error = old.collect().unwrap_err().to_string();
            assert!(error.contains("for_each_batch 1") && error.contains("the batch is over"), "{error}");
            heard.fetch_add(1, Ordering::Relaxed);
        }
    });
    ctx.run().unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn remembering_longer_is_raising() {
    let ctx = context(1);
    let rows = stream(&ctx, &(0..6).map(|i| vec![i]).collect());
    rows.remember(secs(1)).remember(secs(3)).remember(secs(2));
    ctx.run().unwrap();
    let times: Vec<_> = rows.slice(Time::MIN, Time::MAX).iter().map(|(time, _)| time.secs()).collect();
    assert_eq!(times, [4, 5, 6]);
}
