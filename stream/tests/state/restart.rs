//! Jobs with keyed state: stopped and started again, and on any number of threads.

use std::sync::{Arc, Mutex};

use streamgauge_stream::{Queue, StreamingContext, Trigger, millis, secs};

type Record = (u32, i64, u32);

/// 40 batches of 300 records of 500 keys, some of which fall silent; every push is a partition.
fn records() -> Vec<Vec<Record>> {
    let mut x = 88_172_645_463_325_252_u64;
    let mut random = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let mut record = |batch: i64| {
        let key = (random() % 500) as u32;
        let key = if batch % 10 < 5 { key } else { key % 50 };
        (key, 1_000 * batch + (random() % 1_500) as i64, (random() % 16) as u32)
    };
    (0..40).map(|batch| (0..300).map(|_| record(batch)).collect()).collect()
}

/// Runs batches from a state; gives all rows of every kind in the order in which they came, and the state reached.
fn run(records: &[Vec<Record>], ends: bool, threads: usize, from: Option<&[u8]>) -> (Vec<String>, Vec<u8>) {
    let ctx = StreamingContext::builder("restart").trigger(Trigger::Available).threads(threads).build();
    let sources = [0, 1].map(|half| {
        let (queue, source) = Queue::new();
        for batch in records {
            queue.push(batch.iter().skip(half * 150).take(150).copied().collect());
        }
        if ends {
            queue.close();
        }
        ctx.source(source.one_at_a_time())
    });
    let stream = sources[0].union(&sources[1]);
    let rows = Arc::new(Mutex::new(Vec::new()));
    macro_rules! note {
        ($kind:literal, $stream:expr) => {{
            let rows = rows.clone();
            $stream.for_each_batch(move |time, batch| {
                rows.lock()
                    .unwrap()
                    .extend(batch.collect().unwrap().iter().map(|row| format!("{} {time} {row:?}", $kind)));
            });
        }};
    }
    let count = |record: Option<Record>, state: &mut streamgauge_stream::State<'_, u32, (u64, u32)>| {
        match record {
            Some((_, _, 0)) => drop(state.remove()),
            Some((_, _, value)) => {
                let (count, highest) = state.or_default();
                (*count, *highest) = (*count + 1, value.max(*highest));
            }
            None => (),
        }
        (*state.key(), state.is_timing_out(), state.get().copied())
    };
    let by_batch = stream.key_by(|(key, _, _)| key).named("by batch").state().initial([(1_000, (7, 7))]);
    let by_batch = by_batch.idle_timeout(secs(4)).map_with_state(count);
    note!("batch", by_batch);
    note!("snapshot", by_batch.state_snapshots());
    let by_event = stream.event_time(|(_, time, _)| *time, millis(700)).key_by(|(key, _, _)| key).named("by event");
    note!("event", by_event.state().idle_timeout(millis(2_500)).map_with_state(count));
    let keyed = || stream.key_by(|(key, _, _)| key);
    note!(
        "update",
        keyed().named("update").update_state_by_key(|new, total: Option<u64>| {
            let total = total.unwrap_or(0) + new.iter().map(|(_, _, value)| u64::from(*value)).sum::<u64>();
            (!new.iter().any(|(_, _, value)| *value == 3)).then_some(total)
        })
    );
    let summaries = keyed().named("running").running();
    note!(
        "running",
        summaries.summarize(|on| (on.count(), on.distinct(|(_, _, value)| value))).map(|row| format!("{row:?}"))
    );
    let fading = keyed().named("fading").running().half_life(secs(5)).complete();
    note!(
        "fading",
        fading
            .summarize(|on| (on.count(), on.frequencies(|(_, _, value)| value)))
            .map(|(key, (count, frequencies))| (key, count, frequencies.estimate(&5_u32)))
    );
    match from {
        Some(snapshot) => ctx.start_from(snapshot).unwrap(),
        None => ctx.start().unwrap(),
    }
    ctx.await_termination().unwrap();
    let snapshot = ctx.snapshot().unwrap();
    (std::mem::take(&mut *rows.lock().unwrap()), snapshot)
}

#[test]
fn a_job_goes_on_from_its_state_as_if_nothing_had_happened() {
    let records = records();
    let (all, _) = run(&records, true, 2, None);
    for kind in ["batch", "snapshot", "event", "update", "running", "fading"] {
        assert!(all.iter().filter(|row| row.starts_with(kind)).count() > 1_000, "{kind}");
    }
    assert!(all.iter().any(|row| row.starts_with("event") && row.contains("true")), "nothing times out");
    for stop in [1, 13, 29] {
        let (mut rows, snapshot) = run(&records[..stop], false, 2, None);
        rows.extend(run(&records[stop..], true, 1, Some(&snapshot)).0);
        assert!(rows == all, "stopped after {stop} batches");
    }
}

#[test]
fn rows_are_the_same_for_any_number_of_threads() {
    let records = records();
    let (rows, snapshot) = run(&records, true, 1, None);
    for threads in [2, 8] {
        assert!(run(&records, true, threads, None) == (rows.clone(), snapshot.clone()), "{threads} threads");
    }
}

#[test]
fn state_of_another_kind_is_refused_by_name() {
    let job = |other: bool| {
        let ctx = StreamingContext::builder("other").trigger(Trigger::Available).build();
        let (_, source) = Queue::<Record>::new();
        let keyed = ctx.source(source).key_by(|(key, _, _)| key).named("seen");
        match other {
            false => keyed.state::<u64>().map_with_state(|_, seen| *seen.or_default() += 1).for_each_batch(|_, _| ()),
            true => keyed.state::<i32>().map_with_state(|_, seen| *seen.or_default() += 1).for_each_batch(|_, _| ()),
        }
        ctx
    };
    let ctx = job(false);
    ctx.run().unwrap();
    let snapshot = ctx.snapshot().unwrap();
    let refused = job(true).start_from(&snapshot).unwrap_err().to_string();
    let expected =
        "the state of seen cannot be restored: the snapshot holds a state of u64 by u32, the job a state of i32 by u32";
    assert_eq!(refused, expected);
    job(false).start_from(&snapshot).unwrap();
}
