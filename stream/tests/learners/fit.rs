//! Windows for what cannot be merged.

use std::collections::BTreeMap;
use std::time::Duration;

use streamgauge_stream::testing::{Script, TestJob, same_for_any_threads};
use streamgauge_stream::{OutputMode, Window, millis, secs};

use crate::{Trail, trail};

/// Event time in milliseconds, key, number.
type Row = (i64, u64, u64);

/// Records that jump about in time by up to a second, some at the same time, with pauses.
fn records() -> Vec<Vec<Row>> {
    let row = |i: i64| (i / 3 * 90 + i * 7_919 % 11 * 100 + i / 120 * 9_000, i as u64 * 31 % 4, i as u64);
    (0..10).map(|batch| (batch * 40..batch * 40 + 40).map(row).collect()).collect()
}

/// What is fitted to records in the order of their times, those of the same time as they came.
fn fitted<'a>(records: impl IntoIterator<Item = &'a Row>) -> Trail {
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_by_key(|(at, ..)| *at);
    Trail::of([&records.iter().map(|(_, _, n)| *n).collect::<Vec<_>>()[..]])
}

fn sorted(rows: Vec<Window<(u64, Trail)>>) -> Vec<(i64, i64, u64, Trail)> {
    let mut rows: Vec<_> = rows.into_iter().map(|w| (w.start.millis(), w.end.millis(), w.value.0, w.value.1)).collect();
    rows.sort_by_key(|(start, end, key, _)| (*end, *start, *key));
    rows
}

#[test]
fn windows_of_event_time_are_fitted_in_the_order_of_time() {
    for (length, slide) in [(2_000, 2_000), (3_000, 1_000), (1_000, 3_000)] {
        for mode in [OutputMode::Append, OutputMode::Revise] {
            let found = same_for_any_threads(|threads| {
                let mut job = TestJob::with(|it| it.threads(threads));
                let rows = job.script(Script::new(records()).in_partitions(3));
                let windows = rows
                    .event_time(|(at, ..): &Row| *at, Duration::from_secs(2))
                    .key_by(|(_, key, _)| key)
                    .window(millis(length), millis(slide))
                    .output_mode(mode)
                    .fit(|on| trail(on, |(_, _, n)| *n));
                let windows = job.capture(&windows);
                job.run().unwrap();
                windows.rows()
            });
            let all = records().concat();
            let mut expected = BTreeMap::<(i64, u64), Vec<&Row>>::new();
            for row in &all {
                let first = (row.0 - length as i64).div_euclid(slide as i64) + 1;
                let starts = (first..).map(|n| n * slide as i64).take_while(|start| *start <= row.0);
                starts.for_each(|start| expected.entry((start, row.1)).or_default().push(row));
            }
            let mut expected: Vec<_> = expected
                .into_iter()
                .map(|((start, key), rows)| (start, start + length as i64, key, fitted(rows)))
                .collect();
            expected.sort_by_key(|(start, end, key, _)| (*end, *start, *key));
            assert_eq!(sorted(found), expected, "{length} by {slide}");
        }
    }
}

#[test]
fn sessions_are_fitted_in_the_order_of_time() {
    const GAP: i64 = 400;
    let found = same_for_any_threads(|threads| {
        let mut job = TestJob::with(|it| it.threads(threads));
        let rows = job.script(Script::new(records()).in_partitions(3));
        let by_time = rows.event_time(|(at, ..): &Row| *at, Duration::from_secs(2)).key_by(|(_, key, _)| key);
        let sessions = job.capture(&by_time.session(millis(GAP as u64)).fit(|on| trail(on, |(_, _, n)| *n)));
        job.run().unwrap();
        sessions.rows()
    });
    let mut expected = Vec::new();
    for key in 0..4 {
        let mut of_key: Vec<Row> = records().concat().into_iter().filter(|row| row.1 == key).collect();
        of_key.sort_by_key(|(at, ..)| *at);
        for session in of_key.chunk_by(|a, b| b.0 - a.0 < GAP) {
            expected.push((session[0].0, session[session.len() - 1].0 + GAP, key, fitted(session)));
        }
    }
    expected.sort_by_key(|(start, end, key, _)| (*end, *start, *key));
    assert!(expected.len() > 20, "{} sessions", expected.len());
    assert_eq!(sorted(found), expected);
}

#[test]
fn windows_of_batch_time_are_fitted_in_the_order_of_the_stream() {
    for (length, slide) in [(2, 2), (3, 1), (6, 3)] {
        let found = same_for_any_threads(|threads| {
            let mut job = TestJob::with(|it| it.threads(threads));
            let rows = job.script(Script::new(records()).in_partitions(3));
            let windows = rows.window(secs(length), secs(slide));
            let keyed = windows.key_by(|(_, key, _)| key).fit(|on| trail(on, |(_, _, n)| *n));
            let windows = rows.window(secs(length), secs(slide)).fit(|on| trail(on, |(_, _, n)| *n));
            let (keyed, windows) = (job.capture(&keyed), job.capture(&windows));
            job.ticks(10).unwrap();
            (keyed.batches(), windows.batches())
        });
        for ((time, keyed), (_, whole)) in found.0.into_iter().zip(found.1) {
            let until = time.secs() as usize;
            let window = records()[until.saturating_sub(length as usize)..until].concat();
            let numbers: Vec<_> = window.iter().map(|(_, _, n)| *n).collect();
            assert_eq!(whole, [Trail::of([&numbers[..]])]);
            assert_eq!(keyed.len(), 4);
            for (key, model) in keyed {
                let of_key: Vec<_> = window.iter().filter(|row| row.1 == key).map(|(_, _, n)| *n).collect();
                assert_eq!(model, Trail::of([&of_key[..]]), "key {key} at {until}");
            }
        }
    }
}

#[test]
fn the_groups_of_a_batch_are_fitted_too() {
    let mut job = TestJob::new();
    let rows = job.script(Script::new(records()).in_partitions(3));
    let fits = job.capture(&rows.key_by(|(_, key, _)| key).fit(|on| trail(on, |(_, _, n)| *n)));
    job.ticks(10).unwrap();
    for (batch, (_, fits)) in records().iter().zip(fits.batches()) {
        assert_eq!(fits.len(), 4);
        for (key, model) in fits {
            let of_key: Vec<_> = batch.iter().filter(|row| row.1 == key).map(|(_, _, n)| *n).collect();
            assert_eq!(model, Trail::of([&of_key[..]]));
        }
    }
}
