//! Windows of event time against an oracle that looks at the raw records.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use streamgauge_sketches::Spec;
use streamgauge_stream::{DStream, Queue, StreamingContext, Trigger, Window, millis, secs};

/// When it happened, its key, its value.
type Record = (i64, u8, u16);

#[derive(Clone, Debug)]
struct Case {
    length: i64,
    slide: i64,
    delay: i64,
    /// By input: its records in order.
    inputs: Vec<Vec<Record>>,
    /// How many records a push has; pushes are partitions, and some of them a batch.
    push: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    // Mostly forward, sometimes back or far ahead.
    let step = prop_oneof![8 => 0..20_i64, 2 => -60..0_i64, 1 => 50..400_i64];
    let input = prop::collection::vec((step, 0..6_u8, 0..50_u16), 0..120).prop_map(|steps| {
        let mut time = 1_000;
        let records = steps.into_iter().map(|(step, key, value)| {
            time += step;
            (time, key, value)
        });
        records.collect()
    });
    (1..90_i64, 1..40_i64, 0..50_i64, prop::collection::vec(input, 1..4), 1..40_usize)
        .prop_map(|(length, slide, delay, inputs, push)| Case { length, slide, delay, inputs, push })
}

/// A row as it is compared: window, key, count, distinct values, sum.
type Row = (i64, i64, u8, u64, u64, i128);

/// What the windows must hold, from the raw records, and how many of them are late.
fn oracle(case: &Case) -> (Vec<Row>, u64) {
    let Case { length, slide, delay, inputs, .. } = case;
    let (mut pane, mut rest) = (*length, *slide);
    while rest != 0 {
        (pane, rest) = (rest, pane % rest);
    }
    let (mut kept, mut late) = (Vec::new(), 0);
    for input in inputs {
        let mut newest = i64::MIN;
        for &(time, key, value) in input {
            newest = newest.max(time);
            let pane_end = (time.div_euclid(pane) + 1) * pane;
            if pane_end <= newest - delay {
                late += 1;
            } else {
                kept.push((time, key, value));
            }
        }
    }
    let mut windows: BTreeMap<(i64, u8), Vec<u16>> = BTreeMap::new();
    for (time, key, value) in kept {
        let mut start = time.div_euclid(*slide) * slide;
        while start + length > time {
            windows.entry((start + length, key)).or_default().push(value);
            start -= slide;
        }
    }
    let rows = windows.into_iter().map(|((end, key), values)| {
        let distinct: BTreeSet<_> = values.iter().collect();
        let sum = values.iter().map(|&v| i128::from(v)).sum();
        (end - length, end, key, values.len() as u64, distinct.len() as u64, sum)
    });
    (rows.collect(), late)
}

/// What the engine gives, reading a push a batch or several.
fn engine(case: &Case, one_at_a_time: bool, threads: usize) -> (Vec<Row>, u64) {
    let ctx = StreamingContext::builder("windows").trigger(Trigger::Available).threads(threads).build();
    let streams: Vec<DStream<Record>> = case
        .inputs
        .iter()
        .map(|records| {
            let (queue, source) = Queue::new();
            records.chunks(case.push).for_each(|chunk| {
                queue.push(chunk.to_vec());
            });
            queue.close();
            ctx.source(if one_at_a_time { source.one_at_a_time() } else { source })
        })
        .collect();
    let millis_of = |n: i64| millis(n as u64);
    let rows = DStream::union_of(streams)
        .unwrap()
        .event_time(|(time, _, _): &Record| *time, millis_of(case.delay))
        .key_by(|(_, key, _)| key)
        .window(millis_of(case.length), millis_of(case.slide))
        .summarize(|on| (on.count(), on.distinct(|(_, _, v)| v).exact(), on.sum(|(_, _, v)| *v)))
        .collect_to_memory();
    let report = ctx.run().unwrap();
    let row = |w: &Window<(u8, _)>| {
        let (key, (count, distinct, sum)): &(u8, (streamgauge_sketches::Estimate, _, streamgauge_sketches::Estimate)) =
            &w.value;
        let distinct: &streamgauge_sketches::Estimate = distinct;
        (w.start.millis(), w.end.millis(), *key, count.count(), distinct.count(), sum.value as i128)
    };
    (rows.rows().iter().map(row).collect(), report.late)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn windows_equal_the_oracle_however_records_fall_into_batches(case in cases()) {
        let (expected, late) = oracle(&case);
        let (together, together_late) = engine(&case, false, 1);
        let (apart, apart_late) = engine(&case, true, 2);
        // Windows come in order; the order of keys within a window is the engine's own.
        let sorted = |mut rows: Vec<Row>| {
            prop_assert!(rows.is_sorted_by_key(|row| row.1));
            rows.sort_unstable();
            Ok(rows)
        };
        prop_assert_eq!(&engine(&case, false, 8).0, &together);
        let expected = sorted(expected)?;
        prop_assert_eq!(&sorted(together)?, &expected);
        prop_assert_eq!(&sorted(apart)?, &expected);
        prop_assert_eq!((together_late, apart_late), (late, late));
    }
}

#[test]
fn windows_wait_for_the_slowest_input_that_has_not_ended() {
    let ctx = StreamingContext::builder("two inputs").trigger(Trigger::AsSoonAsPossible).build();
    let ((fast, fast_source), (slow, slow_source)) = (Queue::new(), Queue::new());
    let both = ctx.source(fast_source).union(&ctx.source(slow_source));
    let windows = both
        .event_time(|time: &i64| *time, Duration::ZERO)
        .tumbling(millis(10))
        .summarize(|on| on.count())
        .collect_to_memory();
    fast.push((0..100).collect());
    slow.push(vec![5, 25]);
    fast.close();
    slow.close();
    ctx.run().unwrap();
    let counts: Vec<_> = windows.rows().iter().map(|w| (w.end.millis(), w.value.count())).collect();
    assert_eq!(
        counts,
        [(10, 11), (20, 10), (30, 11), (40, 10), (50, 10), (60, 10), (70, 10), (80, 10), (90, 10), (100, 10)]
    );
}

#[test]
fn branches_of_one_input_do_not_make_each_other_late() {
    let run = |one_at_a_time: bool| {
        let ctx = StreamingContext::builder("branches").trigger(Trigger::Available).build();
        let (queue, source) = Queue::new();
        (0..10).for_each(|part| assert!(queue.push((part * 5..part * 5 + 5).collect())));
        queue.close();
        let numbers = ctx.source(if one_at_a_time { source.one_at_a_time() } else { source });
        let windows = numbers
            .filter(|n| n % 2 == 0)
            .union(&numbers.filter(|n| n % 2 == 1))
            .event_time(|n: &i64| *n, millis(2))
            .tumbling(millis(10))
            .summarize(|on| on.count())
            .collect_to_memory();
        let report = ctx.run().unwrap();
        let counts: Vec<_> = windows.rows().iter().map(|w| w.value.count()).collect();
        (counts, report.late)
    };
    assert_eq!(run(true), (vec![10; 5], 0));
    assert_eq!(run(false), (vec![10; 5], 0));
}

#[test]
fn records_of_no_time_at_all_are_late_and_move_nothing() {
    let ctx = StreamingContext::builder("extremes").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    queue.push(vec![1, i64::MAX, 2, i64::MIN, 3, i64::MAX / 2]);
    queue.close();
    let windows = ctx
        .source(source)
        .event_time(|time: &i64| *time, millis(1))
        .tumbling(millis(10))
        .summarize(|on| on.count())
        .collect_to_memory();
    let report = ctx.run().unwrap();
    assert_eq!(windows.rows().iter().map(|w| w.value.count()).collect::<Vec<_>>(), [3]);
    assert_eq!(report.late, 3);
}

#[test]
fn a_window_of_batch_time_has_not_ended_while_it_gives_rows() {
    let ctx = StreamingContext::builder("nested").trigger(Trigger::Available).build();
    let (numbers, source) = Queue::new();
    numbers.push(vec![1_u64]);
    numbers.close();
    // Keeps the job alive for twenty batches more.
    let (alive, other) = Queue::new();
    (0..20).for_each(|_| assert!(alive.push(vec![0_u64])));
    alive.close();
    ctx.source(other.one_at_a_time()).for_each_batch(|_, _| ());
    let batch = std::sync::atomic::AtomicI64::new(0);
    let outer = ctx
        .source(source)
        .window(secs(10), secs(1))
        .summarize(|on| on.count())
        .map(move |_| batch.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        .event_time(|n: &i64| *n, Duration::ZERO)
        .tumbling(millis(4))
        .summarize(|on| on.count())
        .collect_to_memory();
    let report = ctx.run().unwrap();
    assert_eq!(report.late, 0);
    assert_eq!(outer.rows().iter().map(|w| w.value.count()).collect::<Vec<_>>(), [4, 4, 2]);
}
