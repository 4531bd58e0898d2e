//! Operators of a stream of pairs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamgauge_stream::DStream;

use super::oracle::{pairs, run, sorted};

fn groups(batch: &[(u8, i64)]) -> BTreeMap<u8, Vec<i64>> {
    let mut map = BTreeMap::<u8, Vec<i64>>::new();
    batch.iter().for_each(|(k, v)| map.entry(*k).or_default().push(*v));
    map
}

fn negative(rows: &DStream<(u8, i64)>) -> DStream<(u8, i64)> {
    rows.filter(|(_, v)| *v < 0)
}

fn large(rows: &DStream<(u8, i64)>) -> DStream<(u8, String)> {
    rows.filter(|(k, v)| *v > 500 && k % 3 != 0).map_values(|v| v.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn values(batches in pairs()) {
        let mapped = run(&batches, |_, rows| rows.map_values(|v| v / 2));
        let flat = run(&batches, |_, rows| rows.flat_map_values(|v| 0..v.clamp(0, 3)));
        for (i, batch) in batches.iter().enumerate() {
            prop_assert_eq!(&mapped[i], &batch.iter().map(|(k, v)| (*k, v / 2)).collect::<Vec<_>>());
            let expected = batch.iter().flat_map(|(k, v)| (0..(*v).clamp(0, 3)).map(|n| (*k, n)));
            prop_assert_eq!(&flat[i], &expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn states(batches in pairs()) {
        let sums = run(&batches, |_, rows| rows.reduce_by_key(|a, b| a.wrapping_add(b)));
        let lists = run(&batches, |_, rows| rows.group_by_key());
        let texts = run(&batches, |_, rows| {
            rows.combine_by_key(|v| v.to_string(), |text, v| format!("{text},{v}"), |a, b| a + "," + &b)
        });
        let averages = run(&batches, |_, rows| {
            rows.aggregate_by_key((0_i64, 0_i64), |(n, sum), v| (n + 1, sum + v), |a, b| (a.0 + b.0, a.1 + b.1))
        });
        let counts = run(&batches, |_, rows| rows.key_by(|(k, _)| k).count());
        let firsts = run(&batches, |_, rows| rows.key_by(|(k, _)| k).reduce(Clone::clone, |a, _| a));
        for (i, batch) in batches.iter().enumerate() {
            let map = groups(batch);
            let of = |i: usize| sorted(lists[i].clone());
            prop_assert_eq!(of(i), map.clone().into_iter().collect::<Vec<_>>());
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, v.iter().sum::<i64>())).collect();
            prop_assert_eq!(sorted(sums[i].clone()), expected);
            // Associative, not commutative: values stay in order.
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, v.iter().map(i64::to_string).collect::<Vec<_>>().join(","))).collect();
            prop_assert_eq!(sorted(texts[i].clone()), expected);
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, (v.len() as i64, v.iter().sum::<i64>()))).collect();
            prop_assert_eq!(sorted(averages[i].clone()), expected);
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, v.len() as u64)).collect();
            prop_assert_eq!(sorted(counts[i].clone()), expected);
            let expected: Vec<_> = map.iter().map(|(k, v)| (*k, (*k, v[0]))).collect();
            prop_assert_eq!(sorted(firsts[i].clone()), expected);
        }
    }

    #[test]
    fn joins(batches in pairs()) {
        // Quadratic oracles: small batches only.
        let batches: Vec<Vec<_>> = batches.into_iter().map(|batch| batch.into_iter().take(60).collect()).collect();
        let cogrouped = run(&batches, |_, rows| negative(&rows).cogroup(&large(&rows)));
        let inner = run(&batches, |_, rows| negative(&rows).join(&large(&rows)));
        let left = run(&batches, |_, rows| negative(&rows).left_outer_join(&large(&rows)));
        let right = run(&batches, |_, rows| negative(&rows).right_outer_join(&large(&rows)));
        let full = run(&batches, |_, rows| negative(&rows).full_outer_join(&large(&rows)));
        for (i, batch) in batches.iter().enumerate() {
            let (mut groups, mut inners, mut lefts, mut rights, mut fulls) = (vec![], vec![], vec![], vec![], vec![]);
            for (k, values) in self::groups(batch) {
                let a: Vec<i64> = values.iter().copied().filter(|v| *v < 0).collect();
                let b: Vec<String> = values.iter().filter(|v| **v > 500 && k % 3 != 0).map(i64::to_string).collect();
                if !a.is_empty() || !b.is_empty() {
                    groups.push((k, (a.clone(), b.clone())));
                }
                for x in &a {
                    inners.extend(b.iter().map(|y| (k, (*x, y.clone()))));
                    lefts.extend(b.iter().map(|y| (k, (*x, Some(y.clone())))));
                    fulls.extend(b.iter().map(|y| (k, (Some(*x), Some(y.clone())))));
                    rights.extend(b.iter().map(|y| (k, (Some(*x), y.clone()))));
                }
                if a.is_empty() {
                    rights.extend(b.iter().map(|y| (k, (None, y.clone()))));
                    fulls.extend(b.iter().map(|y| (k, (None, Some(y.clone())))));
                }
                if b.is_empty() {
                    lefts.extend(a.iter().map(|x| (k, (*x, None))));
                    fulls.extend(a.iter().map(|x| (k, (Some(*x), None))));
                }
            }
            prop_assert_eq!(sorted(cogrouped[i].clone()), groups);
            prop_assert_eq!(sorted(inner[i].clone()), sorted(inners));
            prop_assert_eq!(sorted(left[i].clone()), sorted(lefts));
            prop_assert_eq!(sorted(right[i].clone()), sorted(rights));
            prop_assert_eq!(sorted(full[i].clone()), sorted(fulls));
        }
    }
}

#[test]
fn many_keys_go_as_they_are_and_few_are_combined() {
    // A chunk of distinct keys, then repetitions; and the other way round.
    let distinct_first: Vec<(u32, u64)> = (0..1_500).chain((0..3_000).map(|i| i % 7)).map(|k| (k, 1)).collect();
    let repeated_first: Vec<(u32, u64)> = distinct_first.iter().rev().copied().collect();
    let sums = run(&vec![distinct_first.clone(), repeated_first, vec![]], |_, rows| rows.reduce_by_key(|a, b| a + b));
    let mut expected = BTreeMap::<u32, u64>::new();
    distinct_first.iter().for_each(|(k, n)| *expected.entry(*k).or_default() += n);
    let expected: Vec<_> = expected.into_iter().collect();
    assert_eq!((sorted(sums[0].clone()), sorted(sums[1].clone())), (expected.clone(), expected));
    assert!(sums[2].is_empty());
}

#[test]
fn a_key_with_very_many_pairs_is_handed_on_in_pieces() {
    let batches = vec![vec![(7_u8, 1_i64); 1_500]];
    let longest = run(&batches, |_, rows| rows.join(&rows).map_partitions(|pairs| [pairs.count()]));
    assert_eq!(longest[0].iter().sum::<usize>(), 500 * 500 + 1_000 * 1_000 + 2 * 500 * 1_000);
}
