//! State by key: as DStreams have it, and where it is different on purpose.

use streamgauge_stream::{DStream, Error, Queue, QueueSource, State, StreamingContext, Time, Trigger, secs};

type Record = (&'static str, i64);

/// Keys are owned text; what crosses an exchange is a serde type.
type Event = (String, i64);

/// A job of batches at seconds 1, 2, 3 …, each with these records.
fn job(batches: &[&[Record]]) -> (StreamingContext, DStream<Event>) {
    let ctx = StreamingContext::builder("state").trigger(Trigger::Available).threads(2).build();
    let stream = ctx.source(source(batches));
    (ctx, stream)
}

fn source(batches: &[&[Record]]) -> QueueSource<Event> {
    let (queue, source) = Queue::new();
    for batch in batches {
        queue.push(batch.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect());
    }
    source.one_at_a_time()
}

fn key(event: &Event) -> &str {
    &event.0
}

/// Rows by the second of their batch, sorted: keys are in different lanes.
fn sorted<R: Ord>(batches: Vec<(Time, Vec<R>)>) -> Vec<(i64, Vec<R>)> {
    let sort = |(time, mut rows): (Time, Vec<R>)| {
        rows.sort();
        (time.secs(), rows)
    };
    batches.into_iter().map(sort).collect()
}

fn sum(new: &[Event]) -> i64 {
    new.iter().map(|(_, value)| value).sum()
}

#[test]
fn update_state_by_key_is_called_for_every_known_key_in_every_batch() {
    let (ctx, stream) = job(&[&[("a", 1), ("b", 5), ("a", 2)], &[("b", 1)], &[]]);
    let rows = stream
        .key_by(key)
        // The sum so far, and how often it was called without anything new.
        .update_state_by_key(|new, state: Option<(i64, u32)>| {
            let (total, without) = state.unwrap_or_default();
            Some((total + sum(&new), without + u32::from(new.is_empty())))
        })
        .map(|(key, state)| (key.to_string(), state))
        .collect_to_memory();
    ctx.run().unwrap();
    let row = |key: &str, total, without| (key.to_owned(), (total, without));
    let expected = [
        (1, vec![row("a", 3, 0), row("b", 5, 0)]),
        (2, vec![row("a", 3, 1), row("b", 6, 0)]),
        (3, vec![row("a", 3, 2), row("b", 6, 1)]),
    ];
    assert_eq!(sorted(rows.batches()), expected);
}

#[test]
fn update_state_by_key_is_called_also_when_the_parent_has_no_batch() {
    let (ctx, stream) = job(&[&[("a", 1)], &[], &[], &[]]);
    let rows = stream
        // A window that slides by two batches has none in between.
        .key_by(key)
        .window(secs(2), secs(2))
        .summarize(|on| on.count())
        .map(|(key, count)| (key.to_string(), count.count()))
        .key_by(|(key, _)| key)
        .update_state_by_key(|new, calls: Option<Vec<usize>>| {
            let mut calls = calls.unwrap_or_default();
            calls.push(new.len());
            Some(calls)
        })
        .map(|(_, calls)| calls)
        .collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(
        sorted(rows.batches()),
        [(1, vec![]), (2, vec![vec![1]]), (3, vec![vec![1, 0]]), (4, vec![vec![1, 0, 0]]),]
    );
}

#[test]
fn update_state_by_key_removes_a_key_for_which_it_gives_none() {
    let (ctx, stream) = job(&[&[("a", 1), ("b", 2)], &[("a", -1)], &[("a", 7)]]);
    let rows = stream
        .key_by(key)
        .update_state_by_key(|new, total: Option<i64>| {
            let total = total.unwrap_or(0) + sum(&new);
            (total != 0).then_some(total)
        })
        .map(|(key, total)| (key.to_string(), total))
        .collect_to_memory();
    ctx.run().unwrap();
    let row = |key: &str, total| (key.to_owned(), total);
    assert_eq!(
        sorted(rows.batches()),
        [(1, vec![row("a", 1), row("b", 2)]), (2, vec![row("b", 2)]), (3, vec![row("a", 7), row("b", 2)]),]
    );
}

#[test]
fn update_state_by_key_begins_with_an_initial_state_and_knows_key_and_time() {
    let (ctx, stream) = job(&[&[("a", 1)], &[]]);
    let rows = stream
        .key_by(key)
        .state::<String>()
        .initial([("a".into(), "had".to_owned()), ("z".into(), "had".to_owned())])
        .update_state_by_key(|new, state| {
            Some(format!("{} {}@{}:{}", state.unwrap_or_default(), new.key, new.time.secs(), new.len()))
        })
        .map(|(_, state)| state)
        .collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(
        sorted(rows.batches()),
        [
            (1, vec!["had a@1:1".to_owned(), "had z@1:0".to_owned()]),
            (2, vec!["had a@1:1 a@2:0".to_owned(), "had z@1:0 z@2:0".to_owned()]),
        ]
    );
}

#[test]
fn map_with_state_is_called_once_per_record_and_gives_one_row_each() {
    let (ctx, stream) = job(&[&[("a", 1), ("a", 2), ("b", 3)], &[], &[("a", 4)]]);
    let rows = stream
        .map_with_state(|value, total: &mut State<'_, String, i64>| {
            *total.or_default() += value;
            (total.key().clone(), total.time().secs(), *total.or_default())
        })
        .collect_to_memory();
    ctx.run().unwrap();
    let row = |key: &str, at, total| (key.to_owned(), at, total);
    let expected = [(1, vec![row("a", 1, 1), row("a", 1, 3), row("b", 1, 3)]), (2, vec![]), (3, vec![row("a", 3, 7)])];
    assert_eq!(sorted(rows.batches()), expected);
}

#[test]
fn flat_map_with_state_gives_none_one_or_several_rows() {
    let (ctx, stream) = job(&[&[("a", 0), ("a", 1), ("a", 3)]]);
    let rows = stream
        .key_by(key)
        .flat_map_with_state(|(_, n), seen: &mut State<'_, _, i64>| {
            *seen.or_default() += 1;
            vec![*seen.or_default(); n as usize]
        })
        .collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(rows.rows(), [2, 3, 3, 3]);
}

/// Spark's `get` throws where there is no state; this one gives an option.
#[test]
fn a_state_exists_from_its_update_to_its_removal() {
    let (ctx, stream) = job(&[&[("a", 0), ("a", 1), ("a", 0)], &[("a", 2), ("a", 0)], &[("a", 0)]]);
    let rows = stream
        .key_by(key)
        .map_with_state(|(_, action), state: &mut State<'_, _, i64>| {
            let before = (state.exists(), state.get().copied());
            match action {
                1 => state.update(11),
                2 => assert_eq!((state.remove(), state.exists(), state.get()), (Some(11), false, None)),
                _ => (),
            }
            before
        })
        .collect_to_memory();
    ctx.run().unwrap();
    let (no, yes) = ((false, None), (true, Some(11)));
    assert_eq!(rows.rows(), [no, no, yes, yes, no, no]);
}

/// Runs a function on two records of a key and one of a batch later, with a timeout of a second; gives the error.
fn failure(
    f: impl Fn(Option<Event>, &mut State<'_, compact_str::CompactString, i64>) + Send + Sync + 'static,
) -> Error {
    let (ctx, stream) = job(&[&[("good", 1), ("bad", 1)], &[], &[], &[]]);
    let stream = stream.key_by(key).named("sessions").state().idle_timeout(secs(1));
    stream.map_with_state(f).for_each_batch(|_, _| ());
    ctx.run().unwrap_err()
}

#[test]
fn mistakes_with_a_state_name_the_operator_and_the_key() {
    let bad = |state: &State<'_, compact_str::CompactString, i64>| state.key() == "bad";
    let at = |second: i64, cause: &str| {
        format!("sessions, partition LANE of batch {} ms: key \"bad\": {cause}", 1_000 * second)
    };
    let check = |error: Error, expected: String| {
        let Error::Operator { partition, .. } = &error else { panic!("{error}") };
        assert_eq!(error.to_string(), expected.replace("LANE", &partition.to_string()));
    };
    let after_removal = failure(move |_, state| {
        state.update(1);
        if bad(state) {
            state.remove();
            state.update(2);
        }
    });
    check(after_removal, at(1, "update: the state was removed in this call"));
    let made_after_removal = failure(move |_, state| {
        state.update(1);
        if bad(state) {
            state.remove();
            *state.or_default() += 1;
        }
    });
    check(made_after_removal, at(1, "get_or_insert_with: the state was removed in this call"));
    let removed_twice = failure(move |_, state| {
        state.update(1);
        if bad(state) {
            state.remove();
            state.remove();
        }
    });
    check(removed_twice, at(1, "remove: the state was removed in this call already"));
    let updated_late = failure(move |record, state| {
        if record.is_some() || bad(state) {
            state.update(1);
        }
    });
    check(updated_late, at(3, "update: the key is timing out, and its state goes with it"));
    let removed_late = failure(move |record, state| {
        if record.is_some() {
            state.update(1);
        } else if bad(state) {
            state.remove();
        }
    });
    check(removed_late, at(3, "remove: the key is timing out, and goes by itself"));
}

#[test]
fn a_panic_or_failure_of_a_users_function_names_the_operator_and_the_key() {
    let panicked = failure(|record, state| {
        if record.is_some_and(|(key, _)| key == "bad") {
            panic!("no such thing");
        }
        state.update(1);
    });
    assert!(panicked.to_string().starts_with("sessions, partition "), "{panicked}");
    assert!(panicked.to_string().ends_with("of batch 1000 ms: key \"bad\": panicked: no such thing"), "{panicked}");
    let failed = failure(|record, state| {
        state.get_or_insert_with(|| 1);
        if record.is_some_and(|(key, _)| key == "bad") {
            state.fail("out of order");
            state.fail("and more");
        }
    });
    assert!(failed.to_string().ends_with("key \"bad\": out of order"), "{failed}");
    let (ctx, stream) = job(&[&[("a", 1)]]);
    let update =
        |_: streamgauge_stream::NewRecords<'_, _, Event>, _: Option<i64>| -> Option<i64> { panic!("nor this") };
    stream.key_by(key).named("totals").update_state_by_key(update).for_each_batch(|_, _| ());
    let error = ctx.run().unwrap_err().to_string();
    assert!(error.starts_with("totals, ") && error.ends_with("key \"a\": panicked: nor this"), "{error}");
}

/// Rows of a job with a timeout of two seconds: the key, whether it times out, and the state.
fn with_timeout(batches: &[&[Record]]) -> Vec<(i64, Vec<(String, bool, i64)>)> {
    let (ctx, stream) = job(batches);
    let rows = stream
        .key_by(key)
        .state::<i64>()
        .initial([("first".into(), 100)])
        .idle_timeout(secs(2))
        .map_with_state(|record, state| {
            // A value of 0 touches the key and leaves its state as it is.
            if let Some((_, value)) = record.filter(|(_, value)| *value != 0) {
                state.update(value);
            }
            (state.key().to_string(), state.is_timing_out(), state.get().copied().unwrap_or(-1))
        })
        .collect_to_memory();
    ctx.run().unwrap();
    sorted(rows.batches())
}

#[test]
fn a_key_is_idle_when_its_last_record_came_before_the_batch_time_less_the_timeout() {
    let rows = with_timeout(&[&[], &[("a", 1)], &[], &[], &[], &[("a", 0)]]);
    let row = |key: &str, timing_out, state| (key.to_owned(), timing_out, state);
    // Touched at 2: at 4 exactly as long as the timeout, at 5 longer. At 6 it is a new key.
    let expected = [
        (1, vec![]),
        (2, vec![row("a", false, 1)]),
        (3, vec![]),
        // The initial state counts as touched in the first batch.
        (4, vec![row("first", true, 100)]),
        (5, vec![row("a", true, 1)]),
        (6, vec![row("a", false, -1)]),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_record_that_leaves_the_state_as_it_is_keeps_the_key_from_timing_out() {
    let rows = with_timeout(&[&[("a", 1)], &[("first", 0)], &[("a", 0)], &[("first", 0)], &[("a", 0)], &[], &[], &[]]);
    let timed_out: Vec<_> =
        rows.into_iter().flat_map(|(at, rows)| rows.into_iter().map(move |row| (at, row))).collect();
    let timed_out: Vec<_> = timed_out.into_iter().filter(|(_, (_, timing_out, _))| *timing_out).collect();
    assert_eq!(timed_out, [(7, ("first".to_owned(), true, 100)), (8, ("a".to_owned(), true, 1))]);
}

/// Spark looks for timeouts only in batches with a checkpoint, every tenth as a rule.
#[test]
fn timeouts_are_looked_at_in_every_batch() {
    for second in 1..=12 {
        let mut batches: Vec<&[Record]> = vec![&[]; 16];
        batches[second - 1] = &[("a", 1)];
        let rows = with_timeout(&batches);
        let timed_out = rows.iter().find(|(_, rows)| rows.contains(&("a".to_owned(), true, 1)));
        assert_eq!(timed_out.map(|(at, _)| *at), Some(second as i64 + 3));
    }
}

#[test]
fn state_snapshots_are_all_keys_and_states_after_the_batch() {
    let (ctx, stream) = job(&[&[("a", 1), ("b", 2)], &[("a", 5)], &[], &[("b", 0)]]);
    let totals = stream.key_by(key).map_with_state(|(_, value), state: &mut State<'_, _, i64>| match value {
        0 => drop(state.remove()),
        value => *state.or_default() += value,
    });
    let snapshots = totals.state_snapshots().map(|(key, total)| (key.to_string(), total)).collect_to_memory();
    let rows = totals.collect_to_memory();
    ctx.run().unwrap();
    let row = |key: &str, total| (key.to_owned(), total);
    let expected = [
        (1, vec![row("a", 1), row("b", 2)]),
        (2, vec![row("a", 6), row("b", 2)]),
        (3, vec![row("a", 6), row("b", 2)]),
        (4, vec![row("a", 6)]),
    ];
    assert_eq!(sorted(snapshots.batches()), expected);
    assert_eq!(rows.batches().iter().map(|(_, rows)| rows.len()).collect::<Vec<_>>(), [2, 1, 0, 1]);
}

#[test]
fn mistakes_in_the_description_are_told_at_the_start() {
    let (ctx, stream) = job(&[]);
    let state = || stream.key_by(key).state::<i64>();
    state().idle_timeout(secs(0)).map_with_state(|_, _| ()).for_each_batch(|_, _| ());
    state().initial([("a".into(), 1), ("a".into(), 2)]).map_with_state(|_, _| ()).for_each_batch(|_, _| ());
    stream.key_by(key).running().half_life(secs(0)).summarize(|on| on.count()).for_each_batch(|_, _| ());
    let Err(Error::Graph(problems)) = ctx.start() else { panic!("it started") };
    assert_eq!(
        problems,
        [
            "state 1: the idle timeout is 0ns; it must be whole milliseconds and not zero",
            "state 2: the initial state has the key \"a\" twice; give each key one state",
            "running 1: the half-life is 0ns; it must be whole milliseconds and not zero",
        ]
    );
}

#[test]
fn states_take_in_a_batch_of_which_nobody_reads_a_row() {
    let (ctx, stream) = job(&[&[("a", 1), ("b", 2), ("a", 3)], &[("c", 1), ("a", 4)]]);
    let calls = stream.key_by(key).map_with_state(|event, state: &mut State<'_, _, i64>| {
        *state.or_default() += event.1;
        *state.or_default()
    });
    // An action would read them.
    calls.for_each_batch(|_, _| ());
    ctx.run().unwrap();
    assert_eq!(calls.keys(), 3);
}

#[test]
fn a_panic_behind_a_function_with_state_is_not_its_own() {
    let (ctx, stream) = job(&[&[("a", 1)]]);
    stream
        .key_by(key)
        .named("sums")
        .map_with_state(|event, _: &mut State<'_, _, i64>| event.1)
        .map(|value| if value == 1 { panic!("one too many") } else { value })
        .collect_to_memory();
    let error = ctx.run().unwrap_err().to_string();
    assert!(error.contains("one too many") && !error.contains("key") && !error.contains("sums"), "{error}");
}
