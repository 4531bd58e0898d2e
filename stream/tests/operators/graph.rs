//! Operators of a stream, without keys.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamgauge_stream::{Batch, Time, secs};

use super::oracle::{pairs, run, sorted};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn partitions_made_into_others(batches in pairs()) {
        let sizes = run(&batches, |_, rows| rows.map_partitions(|rows| [rows.len()]));
        let glommed = run(&batches, |_, rows| rows.glom());
        let three = run(&batches, |_, rows| rows.repartition(3).glom());
        for (i, batch) in batches.iter().enumerate() {
            prop_assert_eq!(&sizes[i], &[batch.len() / 3, batch.len() - batch.len() / 3]);
            prop_assert_eq!(glommed[i].concat(), batch.clone());
            prop_assert_eq!(three[i].len(), 3);
            prop_assert_eq!(three[i].concat(), batch.clone());
        }
    }

    #[test]
    fn one_row_for_a_batch(batches in pairs()) {
        let counts = run(&batches, |_, rows| rows.count());
        let sums = run(&batches, |_, rows| rows.map(|(_, v)| v).reduce(|a, b| a + b));
        let texts = run(&batches, |_, rows| rows.map(|(_, v)| v.to_string()).reduce(|a, b| a + "," + &b));
        let by_value = run(&batches, |_, rows| rows.map(|(k, _)| k).count_by_value());
        for (i, batch) in batches.iter().enumerate() {
            prop_assert_eq!(&counts[i], &[batch.len() as u64]);
            let sum = (!batch.is_empty()).then(|| batch.iter().map(|(_, v)| v).sum::<i64>());
            prop_assert_eq!(sums[i].clone(), sum.into_iter().collect::<Vec<_>>());
            let text: Vec<_> = batch.iter().map(|(_, v)| v.to_string()).collect();
            prop_assert_eq!(texts[i].concat(), text.join(","));
            let mut map = BTreeMap::<u8, u64>::new();
            batch.iter().for_each(|(k, _)| *map.entry(*k).or_default() += 1);
            prop_assert_eq!(sorted(by_value[i].clone()), map.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn transformations(batches in pairs()) {
        let one = run(&batches, |_, rows| rows.transform(|batch| batch.sort_by_key(|row| *row)));
        let at = run(&batches, |_, rows| rows.transform_at(|batch, time: Time| batch.map(move |_| time.secs())));
        let with = run(&batches, |_, rows| {
            let odd = rows.filter(|(_, v)| v % 2 != 0);
            rows.transform_with(&odd, |all, odd: Batch<_>| {
                let odd = odd.count()?;
                Ok::<_, streamgauge_stream::Error>(all.map(move |row| (row, odd)))
            })
        });
        let many = run(&batches, |ctx, rows| {
            ctx.transform([rows.clone(), rows.clone(), rows], |batches, _| {
                batches.into_iter().rev().reduce(Batch::union).unwrap()
            })
        });
        for (i, batch) in batches.iter().enumerate() {
            prop_assert_eq!(&one[i], &sorted(batch.clone()));
            prop_assert_eq!(&at[i], &vec![i as i64 + 1; batch.len()]);
            let odd = batch.iter().filter(|(_, v)| v % 2 != 0).count() as u64;
            prop_assert_eq!(&with[i], &batch.iter().map(|row| (*row, odd)).collect::<Vec<_>>());
            prop_assert_eq!(&many[i], &[batch.as_slice(), batch, batch].concat());
        }
    }

    #[test]
    fn samples(batches in pairs(), fraction in 0.0..=1.0) {
        let samples = run(&batches, |_, rows| rows.sample(fraction));
        let all = run(&batches, |_, rows| rows.sample(1.0));
        let none = run(&batches, |_, rows| rows.sample(0.0));
        let by_key = run(&batches, |_, rows| rows.sample_by_key(|key| if key % 2 == 0 { 1.0 } else { 0.0 }));
        for (i, batch) in batches.iter().enumerate() {
            let mut rest = batch.iter();
            prop_assert!(samples[i].iter().all(|row| rest.any(|other| other == row)));
            prop_assert_eq!(&all[i], batch);
            prop_assert!(none[i].is_empty());
            prop_assert_eq!(&by_key[i], &batch.iter().copied().filter(|(k, _)| k % 2 == 0).collect::<Vec<_>>());
        }
    }

    #[test]
    fn filtered_by_the_latest_of_another(batches in pairs()) {
        // The greatest value of the batch; of an empty batch the one before.
        let rows = run(&batches, |_, rows| {
            let greatest = rows.map(|(_, v)| v).filter(|v| v % 3 == 0).reduce(i64::max);
            rows.filter_with(&greatest, |greatest, (_, v)| greatest.is_none_or(|greatest| v < greatest))
        });
        let mut latest = None;
        for (rows, batch) in rows.iter().zip(&batches) {
            latest = batch.iter().map(|(_, v)| *v).filter(|v| v % 3 == 0).max().or(latest);
            let expected: Vec<_> = batch.iter().copied().filter(|(_, v)| latest.is_none_or(|latest| *v < latest)).collect();
            prop_assert_eq!(rows, &expected);
        }
    }
}

#[test]
fn a_sample_has_the_size_that_was_asked_for() {
    let batches = vec![(0..20_000_u32).collect::<Vec<_>>(), (0..20_000).collect()];
    let samples = run(&batches, |_, rows| rows.sample(0.1));
    for sample in &samples {
        // 2,000 ± 6 standard deviations of 42.4.
        assert!((1_746..2_254).contains(&sample.len()), "{}", sample.len());
    }
    assert_ne!(samples[0], samples[1], "every batch has numbers of its own");
}

#[test]
fn windows_are_joined_where_both_have_a_batch() {
    let batches: Vec<Vec<(u8, i64)>> = (0..6).map(|i| vec![(1, i)]).collect();
    let ctx = super::oracle::context(2);
    let rows = super::oracle::stream(&ctx, &batches);
    let sum = |length, slide| {
        let sums = rows.key_by(|(key, _)| key).window(secs(length), secs(slide)).summarize(|on| on.count());
        sums.map_values(|count| count.count())
    };
    let both = sum(2, 2).join(&sum(3, 3)).collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(both.batches(), [(Time::from_secs(6), vec![(1, (2, 3))])]);
}
