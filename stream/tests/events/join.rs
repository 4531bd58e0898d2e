//! Streams joined within a time bound.

use proptest::prelude::*;
use streamgauge_stream::{DStream, millis};

use crate::case::{Input, Past, Record, Seen, batches, inputs, run_every_way, sorted};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Clone, Debug)]
struct Case {
    left: Vec<Input>,
    right: Vec<Input>,
    lower: i64,
    upper: i64,
    delays: (i64, i64),
    lateness: (i64, i64),
    kind: Kind,
}

fn cases() -> impl Strategy<Value = Case> {
    let bounds = (-80..80_i64, 0..120_i64);
    let kind = prop_oneof![Just(Kind::Inner), Just(Kind::Left), Just(Kind::Right), Just(Kind::Full)];
    (inputs(1..3), inputs(1..3), bounds, (0..50_i64, 0..50_i64), (0..50_i64, 0..50_i64), kind).prop_map(
        |(left, right, (lower, length), delays, lateness, kind)| Case {
            left,
            right,
            lower,
            upper: lower + length,
            delays,
            lateness,
            kind,
        },
    )
}

type Row = (u8, (Option<Record>, Option<Record>));

fn record(seen: &Seen) -> Record {
    (seen.time, seen.key, seen.value)
}

/// All pairs of records that are not late, in the batch of the second one; all that have none, when they can have none.
fn oracle(case: &Case) -> (Vec<Vec<Row>>, usize) {
    let all: Vec<Input> = case.left.iter().chain(&case.right).cloned().collect();
    let mut rows = vec![Vec::new(); batches(&all)];
    let left = Past::of(&case.left, case.delays.0, case.lateness.0, 1);
    let right = Past::of(&case.right, case.delays.1, case.lateness.1, 1);
    let match_each = |l: &Seen, r: &Seen| l.key == r.key && (case.lower..=case.upper).contains(&(r.time - l.time));
    for l in &left.kept {
        for r in right.kept.iter().filter(|r| match_each(l, r)) {
            rows[l.batch.max(r.batch)].push((l.key, (Some(record(l)), Some(record(r)))));
        }
    }
    // The first batch after which nothing that is not late can match.
    let over =
        |past: &Past, seen: &Seen, last: i64| (seen.batch..).find(|&batch| past.horizon(batch).1 > last).unwrap();
    if matches!(case.kind, Kind::Left | Kind::Full) {
        for l in left.kept.iter().filter(|l| !right.kept.iter().any(|r| match_each(l, r))) {
            rows[over(&right, l, l.time + case.upper)].push((l.key, (Some(record(l)), None)));
        }
    }
    if matches!(case.kind, Kind::Right | Kind::Full) {
        for r in right.kept.iter().filter(|r| !left.kept.iter().any(|l| match_each(l, r))) {
            rows[over(&left, r, r.time - case.lower)].push((r.key, (None, Some(record(r)))));
        }
    }
    (rows.into_iter().map(sorted).collect(), left.late.len() + right.late.len())
}

fn job(case: &Case, mut streams: Vec<DStream<Record>>) -> DStream<Row> {
    let millis = |n: i64| millis(n as u64);
    let right = DStream::union_of(streams.split_off(case.left.len())).unwrap();
    let left = DStream::union_of(streams).unwrap();
    let left = left
        .event_time(|(time, _, _)| *time, millis(case.delays.0))
        .allow_late(millis(case.lateness.0))
        .key_by(|(_, key, _)| key);
    let right = right
        .event_time(|(time, _, _)| *time, millis(case.delays.1))
        .key_by(|(_, key, _)| key)
        .allow_late(millis(case.lateness.1));
    let (lower, upper) = (case.lower, case.upper);
    match case.kind {
        Kind::Inner => left.join_within(right, lower, upper).map(|(key, (l, r))| (key, (Some(l), Some(r)))),
        Kind::Left => left.left_outer_join_within(right, lower, upper).map(|(key, (l, r))| (key, (Some(l), r))),
        Kind::Right => left.right_outer_join_within(right, lower, upper).map(|(key, (l, r))| (key, (l, Some(r)))),
        Kind::Full => left.full_outer_join_within(right, lower, upper),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_pairs_and_all_that_have_none(case in cases()) {
        let inputs: Vec<Input> = case.left.iter().chain(&case.right).cloned().collect();
        let (expected, late) = oracle(&case);
        let ran = run_every_way(&inputs, |streams| (job(&case, streams), None));
        prop_assert_eq!(ran.rows.into_iter().map(sorted).collect::<Vec<_>>(), expected);
        prop_assert_eq!(ran.counted_late, late as u64);
    }
}
