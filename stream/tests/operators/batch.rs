//! Operations and actions on a batch.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use streamgauge_stream::{Error, Storage};

use super::oracle::{act, error, pairs, run, sorted};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn narrow_operations_are_those_of_iterators(batches in pairs()) {
        let rows = act(&batches, |batch| {
            batch.map(|(_, v)| v).filter(|v| v % 2 == 0).flat_map(|v| [v, v + 1]).collect()
        });
        for (rows, batch) in rows.iter().zip(&batches) {
            let expected: Vec<_> = batch.iter().map(|(_, v)| *v).filter(|v| v % 2 == 0).flat_map(|v| [v, v + 1]).collect();
            prop_assert_eq!(rows, &expected);
        }
    }

    #[test]
    fn order_numbers_and_partitions(batches in pairs()) {
        let sorted_rows = act(&batches, |batch| batch.sort_by_key(|row| *row).collect());
        let by_key = act(&batches, |batch| batch.sort_by(|a, b| a.0.cmp(&b.0)).collect());
        let numbered = act(&batches, |batch| batch.zip_with_index().collect());
        let glommed = act(&batches, |batch| batch.glom().collect());
        let five = act(&batches, |batch| batch.repartition(5).glom().collect());
        let one = act(&batches, |batch| batch.repartition(7).coalesce(3).glom().collect());
        for (i, batch) in batches.iter().enumerate() {
            prop_assert_eq!(&sorted_rows[i], &sorted(batch.clone()));
            let mut stable = batch.clone();
            stable.sort_by_key(|row| row.0);
            prop_assert_eq!(&by_key[i], &stable);
            prop_assert_eq!(&numbered[i], &batch.iter().copied().zip(0..).collect::<Vec<_>>());
            prop_assert_eq!(glommed[i].len(), 2);
            prop_assert_eq!(glommed[i].concat(), batch.clone());
            prop_assert_eq!(five[i].len(), 5);
            let sizes = five[i].iter().map(Vec::len);
            prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
            prop_assert_eq!(five[i].concat(), batch.clone());
            prop_assert_eq!(one[i].len(), 3);
            prop_assert_eq!(one[i].concat(), batch.clone());
        }
    }

    #[test]
    fn actions_give_what_a_loop_gives(batches in pairs(), most in 0_usize..60) {
        let values = |batch: streamgauge_stream::Batch<(u8, i64)>| batch.map(|(_, v)| v);
        let counts = act(&batches, |batch| batch.count());
        let sums = act(&batches, move |batch| values(batch).reduce(|a, b| a + b));
        let folded = act(&batches, move |batch| values(batch).fold((0, 0), |(n, s), v| (n + 1, s + v), |a, b| (a.0 + b.0, a.1 + b.1)));
        let first = act(&batches, move |batch| batch.take(most));
        let empty = act(&batches, |batch| batch.is_empty());
        let summed = act(&batches, move |batch| values(batch).summarize(|on| (on.count(), on.sum(|v| *v))));
        let texts = act(&batches, move |batch| values(batch).map(|v| v.to_string()).reduce(|a, b| a + "," + &b));
        for (i, batch) in batches.iter().enumerate() {
            let sum: i64 = batch.iter().map(|(_, v)| v).sum();
            prop_assert_eq!(counts[i], batch.len() as u64);
            prop_assert_eq!(sums[i], (!batch.is_empty()).then_some(sum));
            prop_assert_eq!(folded[i], (batch.len(), sum));
            prop_assert_eq!(&first[i], &batch[..most.min(batch.len())]);
            prop_assert_eq!(empty[i], batch.is_empty());
            prop_assert_eq!((summed[i].0.count(), summed[i].1.value), (batch.len() as u64, sum as f64));
            // Associative, not commutative: the order of the rows is kept.
            let text: Vec<_> = batch.iter().map(|(_, v)| v.to_string()).collect();
            prop_assert_eq!(texts[i].clone().unwrap_or_default(), text.join(","));
        }
    }

    #[test]
    fn keyed_operations_give_what_maps_give(batches in pairs()) {
        let distinct = act(&batches, |batch| batch.distinct().collect());
        let counted = act(&batches, |batch| batch.map(|(k, _)| k).count_by_value());
        let sums = act(&batches, |batch| batch.reduce_by_key(|a, b| a + b).collect());
        let groups = act(&batches, |batch| batch.group_by_key().collect());
        let joined = act(&batches, |batch| {
            let (small, large) = (batch.clone().filter(|(_, v)| *v < 0), batch.filter(|(_, v)| *v > 900));
            small.full_outer_join(large).collect()
        });
        for (i, batch) in batches.iter().enumerate() {
            let set: BTreeSet<_> = batch.iter().copied().collect();
            prop_assert_eq!(sorted(distinct[i].clone()), set.into_iter().collect::<Vec<_>>());
            let mut map: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
            batch.iter().for_each(|(k, v)| map.entry(*k).or_default().push(*v));
            prop_assert_eq!(sorted(groups[i].clone()), map.clone().into_iter().collect::<Vec<_>>());
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, v.iter().sum::<i64>())).collect();
            prop_assert_eq!(sorted(sums[i].clone()), expected);
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, v.len() as u64)).collect();
            prop_assert_eq!(sorted(counted[i].clone()), expected);
            let mut expected = Vec::new();
            for (k, values) in &map {
                let side = |keep: fn(i64) -> bool| {
                    let some: Vec<_> = values.iter().filter(|v| keep(**v)).map(|v| Some(*v)).collect();
                    (some.is_empty(), if some.is_empty() { vec![None] } else { some })
                };
                let ((no_small, small), (no_large, large)) = (side(|v| v < 0), side(|v| v > 900));
                if !(no_small && no_large) {
                    expected.extend(small.iter().flat_map(|a| large.iter().map(move |b| (*k, (*a, *b)))));
                }
            }
            prop_assert_eq!(sorted(joined[i].clone()), sorted(expected));
        }
    }

    #[test]
    fn a_clone_is_computed_once_and_the_same(batches in pairs()) {
        let rows = act(&batches, |batch| {
            let computed = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
            let counter = computed.clone();
            let mapped = batch.map(move |row| {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                row
            });
            let n = mapped.clone().count()?;
            let twice = mapped.clone().union(mapped.clone()).collect()?;
            let last = mapped.persist(Storage::Memory);
            let (a, b) = (last.clone().collect()?, last.collect()?);
            assert_eq!(computed.load(std::sync::atomic::Ordering::Relaxed), n);
            Ok((twice, a, b))
        });
        for ((twice, a, b), batch) in rows.iter().zip(&batches) {
            prop_assert_eq!(twice, &[batch.as_slice(), batch].concat());
            prop_assert_eq!((a, b), (batch, batch));
        }
    }

    #[test]
    fn samples_are_subsequences_that_do_not_change(batches in pairs(), fraction in 0.0..=1.0) {
        let samples = run(&batches, move |_, rows| rows.transform(move |batch| batch.sample(fraction)));
        let again = run(&batches, move |_, rows| rows.transform(move |batch| batch.sample(fraction)));
        prop_assert_eq!(&samples, &again);
        for (sample, batch) in samples.iter().zip(&batches) {
            let mut rest = batch.iter();
            prop_assert!(sample.iter().all(|row| rest.any(|other| other == row)));
        }
    }
}

#[test]
fn two_samples_of_one_batch_are_not_the_same() {
    let batches = vec![(0..4_000_u32).collect::<Vec<_>>()];
    let both = act(&batches, |batch| Ok((batch.clone().sample(0.5).collect()?, batch.sample(0.5).collect()?)));
    let common = both[0].0.iter().filter(|row| both[0].1.contains(row)).count();
    // A quarter of the rows, ± 6 standard deviations of 27.
    assert!((836..1_164).contains(&common), "{common}");
}

#[test]
fn what_goes_wrong_names_operator_and_partition() {
    let panic = error(|rows| rows.for_each_batch(|_, batch| batch.map(|x| 10 / x).collect().map(drop)));
    assert!(panic.contains("for_each_batch 1, partition 0") && panic.contains("divide by zero"), "{panic}");
    let none = error(|rows| rows.for_each_batch(|_, batch| batch.repartition(0).count().map(drop)));
    assert!(none.contains("repartition") && none.contains("0 partitions"), "{none}");
    let none = error(|rows| rows.for_each_batch(|_, batch| batch.coalesce(0).count().map(drop)));
    assert!(none.contains("coalesce") && none.contains("0 partitions"), "{none}");
    let fraction = error(|rows| rows.for_each_batch(|_, batch| batch.sample(f64::NAN).count().map(drop)));
    assert!(fraction.contains("the fraction of a sample is NaN"), "{fraction}");
    let order =
        error(|rows| rows.for_each_batch(|_, batch| batch.sort_by(|_, _| panic!("no order")).count().map(drop)));
    assert!(order.contains("sort_by") && order.contains("no order"), "{order}");
    let merge = error(|rows| rows.for_each_batch(|_, batch| batch.reduce(|_, _| panic!("no sum")).map(drop)));
    assert!(merge.contains("for_each_batch 1") && merge.contains("no sum"), "{merge}");
}

#[test]
fn rows_that_a_failure_has_lost_are_not_taken_for_none() {
    act(&vec![vec![1_u32, 0, 2]], |batch| {
        let shares = batch.map(|x| 10 / x);
        assert!(shares.clone().count().is_err());
        let second: Result<u64, Error> = shares.count();
        assert!(second.unwrap_err().to_string().contains("lost"));
        Ok(())
    });
}

#[test]
fn partitions_depend_on_the_data() {
    let counts = act(&vec![vec![1_u32], vec![]], |batch| {
        Ok((batch.partitions()?, batch.clone().glom().count()?, batch.repartition(3).partitions()?))
    });
    assert_eq!(counts, [(2, 2, 3), (2, 2, 3)]);
}
