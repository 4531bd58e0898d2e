//! Keyed state against a map that is gone through from end to end.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamgauge_stream::{Queue, State, StreamingContext, Trigger, millis, secs};

/// The key, when it happened, and what is done with its state.
type Record = (u8, i64, u8);

/// The key, whether it times out, and its state before the call.
type Row = (u8, bool, Option<u64>);

fn act(action: u8, state: &mut State<'_, u8, u64>) {
    match action {
        0 => (),
        1 => *state.or_default() += 1,
        2 => state.update(10),
        _ => drop(state.remove()),
    }
}

fn act_on_model(action: u8, state: &mut Option<u64>) {
    match action {
        0 => (),
        1 => *state.get_or_insert(0) += 1,
        2 => *state = Some(10),
        _ => *state = None,
    }
}

/// The batches of two sources: both are read in every batch, the first one first.
type Batches = Vec<(Vec<Record>, Vec<Record>)>;

fn batches() -> impl Strategy<Value = Batches> {
    let records = || prop::collection::vec((0..20_u8, 0..60_i64, 0..4_u8), 0..12);
    prop::collection::vec((records(), records()), 1..25).prop_map(|mut batches| {
        // Event time goes on, out of order within a batch.
        for (at, (a, b)) in batches.iter_mut().enumerate() {
            a.iter_mut().chain(b).for_each(|(_, time, _)| *time += 25 * at as i64);
        }
        batches
    })
}

type Found = (Vec<Vec<Row>>, Vec<Vec<(u8, u64)>>);

/// Runs the job; gives the rows and the states of every batch. Rows of a key stay in order.
fn run(batches: &Batches, initial: &BTreeMap<u8, u64>, timeout: i64, delay: Option<i64>, threads: usize) -> Found {
    let ctx = StreamingContext::builder("model").trigger(Trigger::Available).threads(threads).build();
    let ((first, a), (second, b)) = (Queue::new(), Queue::new());
    for (of_first, of_second) in batches {
        first.push(of_first.clone());
        second.push(of_second.clone());
    }
    first.close();
    second.close();
    let stream = ctx.source(a.one_at_a_time()).union(&ctx.source(b.one_at_a_time()));
    let call = |record: Option<Record>, state: &mut State<'_, u8, u64>| {
        let row = (*state.key(), state.is_timing_out(), state.get().copied());
        record.into_iter().for_each(|(_, _, action)| act(action, state));
        row
    };
    let initial = initial.iter().map(|(key, state)| (*key, *state));
    let rows = match delay {
        None => {
            let keyed = stream.key_by(|(key, _, _)| key).state().initial(initial);
            keyed.idle_timeout(secs(timeout as u64)).map_with_state(call)
        }
        Some(delay) => {
            let timed = stream.event_time(|(_, time, _)| *time, millis(delay as u64));
            let keyed = timed.key_by(|(key, _, _)| key).state().initial(initial);
            keyed.idle_timeout(millis(timeout as u64)).map_with_state(call)
        }
    };
    let (states, rows) = (rows.state_snapshots().collect_to_memory(), rows.collect_to_memory());
    ctx.run().unwrap();
    let rows = rows.batches().into_iter().map(|(_, mut rows)| {
        rows.sort_by_key(|(key, _, _)| *key);
        rows
    });
    let states = states.batches().into_iter().map(|(_, mut states)| {
        states.sort_unstable();
        states
    });
    (rows.collect(), states.collect())
}

/// What it should give.
fn expect(batches: &Batches, initial: &BTreeMap<u8, u64>, timeout: i64, delay: Option<i64>) -> Found {
    let mut states: BTreeMap<u8, Option<u64>> = initial.iter().map(|(key, state)| (*key, Some(*state))).collect();
    let mut last: BTreeMap<u8, i64> = BTreeMap::new();
    let mut newest = [None::<i64>; 2];
    let mut has_begun = false;
    let mut found: Found = Default::default();
    for (number, (a, b)) in batches.iter().enumerate() {
        let now = 1_000 * (number as i64 + 1);
        let ended = number + 1 == batches.len();
        let timeout = if delay.is_some() { timeout } else { 1_000 * timeout };
        for (newest, records) in newest.iter_mut().zip([a, b]) {
            *newest = (*newest).max(records.iter().map(|(_, time, _)| *time).max());
        }
        let watermark = match (delay, newest) {
            (None, _) => Some(now),
            (Some(_), _) if ended => Some(i64::MAX),
            (Some(delay), [Some(a), Some(b)]) => Some(a.min(b) - delay),
            (Some(_), _) => None,
        };
        if let Some(watermark) = watermark.filter(|_| !has_begun) {
            for key in initial.keys().filter(|key| states.contains_key(key)) {
                last.entry(*key).or_insert(watermark.min(i64::MAX / 4));
            }
            has_begun = true;
        }
        let mut rows: Vec<Row> = Vec::new();
        for (key, time, action) in a.iter().chain(b) {
            let state = states.entry(*key).or_default();
            let time = if delay.is_some() { *time } else { now };
            let idle_since = last.get(key).copied().filter(|_| state.is_some());
            if delay.is_some() && idle_since.is_some_and(|last| last + timeout + delay.unwrap() < time) {
                rows.push((*key, true, state.take()));
                last.remove(key);
            }
            let touched = last.entry(*key).or_insert(time);
            *touched = time.max(*touched);
            rows.push((*key, false, *state));
            act_on_model(*action, state);
        }
        let horizon = watermark.map(|watermark| if watermark == i64::MAX { i64::MAX } else { watermark - timeout });
        for (key, state) in &mut states {
            if state.is_some() && last.get(key).is_some_and(|last| horizon.is_some_and(|horizon| *last < horizon)) {
                rows.push((*key, true, state.take()));
            }
        }
        states.retain(|_, state| state.is_some());
        last.retain(|key, _| states.contains_key(key));
        rows.sort_by_key(|(key, _, _)| *key);
        found.0.push(rows);
        found.1.push(states.iter().map(|(key, state)| (*key, state.unwrap())).collect());
    }
    found
}

fn initial() -> impl Strategy<Value = BTreeMap<u8, u64>> {
    prop::collection::btree_map(0..30_u8, 100..200_u64, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn by_batch_time_it_does_what_a_map_does(batches in batches(), initial in initial(), timeout in 1..6_i64) {
        prop_assert_eq!(run(&batches, &initial, timeout, None, 2), expect(&batches, &initial, timeout, None));
    }

    #[test]
    fn by_event_time_it_does_what_a_map_does(
        batches in batches(),
        initial in initial(),
        timeout in 1..150_i64,
        delay in 0..40_i64,
    ) {
        let found = run(&batches, &initial, timeout, Some(delay), 2);
        prop_assert_eq!(found, expect(&batches, &initial, timeout, Some(delay)));
    }
}

/// With records in order and no delay, visits do not depend on how the records fell into batches.
#[test]
fn records_in_order_give_the_same_visits_in_any_batches() {
    let records: Vec<Record> = (0..2_000_i64).map(|i| ((i * i % 23) as u8, i * 7 + i % 3, 1)).collect();
    let visits = |size: usize| {
        let ctx = StreamingContext::builder("visits").trigger(Trigger::Available).build();
        let (queue, source) = Queue::new();
        records.chunks(size).for_each(|records| assert!(queue.push(records.to_vec())));
        queue.close();
        let visits = ctx
            .source(source.one_at_a_time())
            .event_time(|(_, time, _): &Record| *time, millis(0))
            .key_by(|(key, _, _)| key)
            .state::<(i64, i64, u64)>()
            .idle_timeout(millis(60))
            .flat_map_with_state(|record, visit| {
                if let Some((_, time, _)) = record {
                    let visit = visit.get_or_insert_with(|| (time, time, 0));
                    *visit = (visit.0, time, visit.2 + 1);
                    return None;
                }
                visit.get().map(|times| (*visit.key(), *times))
            })
            .collect_to_memory();
        ctx.run().unwrap();
        let mut visits = visits.rows();
        visits.sort_unstable();
        visits
    };
    let all = visits(2_000);
    assert!(all.len() > 100, "{} visits", all.len());
    assert_eq!(all.iter().map(|(_, (_, _, records))| records).sum::<u64>(), 2_000);
    for size in [1, 7, 300] {
        assert_eq!(visits(size), all);
    }
}

#[test]
fn event_times_that_are_no_times_are_late_and_move_nothing() {
    let ctx = StreamingContext::builder("times").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    queue.push(vec![(1, 10, 1), (1, i64::MAX, 1), (1, i64::MIN, 1), (1, 20, 1)]);
    let rows = ctx
        .source(source)
        .event_time(|(_, time, _): &Record| *time, millis(0))
        .key_by(|(key, _, _)| key)
        .state()
        .idle_timeout(millis(100))
        .map_with_state(|record, state: &mut State<'_, u8, u64>| {
            state.or_default();
            record.map(|(_, time, _)| time)
        })
        .collect_to_memory();
    assert_eq!(ctx.run().unwrap().late, 2);
    assert_eq!(rows.rows(), [Some(10), Some(20)]);
}
