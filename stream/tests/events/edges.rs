//! Times that are none, settings that are extreme, mistakes in the graph, and how much is kept.

use std::time::Duration;

use compact_str::CompactString;
use streamgauge_stream::{Error, OutputMode, Queue, StreamingContext, Trigger, hours, millis, mins, secs};

use crate::case::{Input, Record, Stretch, run};

const EXTREMES: [i64; 9] =
    [i64::MIN, i64::MIN + 1, i64::MIN / 4 - 1, i64::MIN / 4, 0, i64::MAX / 4, i64::MAX / 4 + 1, i64::MAX - 1, i64::MAX];

fn context() -> StreamingContext {
    StreamingContext::builder("edges").trigger(Trigger::Available).threads(2).build()
}

/// A number that is no time, as a cast makes it, is one of these.
fn extremes() -> Vec<i64> {
    let cast = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300].map(|time| time as i64);
    EXTREMES.iter().chain(&cast).copied().collect()
}

#[test]
fn no_time_and_no_setting_panics() {
    let lengths = [Duration::ZERO, millis(1), hours(24 * 100_000), Duration::MAX];
    for mode in [OutputMode::Append, OutputMode::Update, OutputMode::Revise, OutputMode::Complete] {
        for delay in lengths {
            for lateness in lengths {
                let ctx = context();
                let (queue, source) = Queue::new();
                let times = ctx.source(source.one_at_a_time());
                let events = || times.event_time(|at| *at, delay).allow_late(lateness).idle_after(Duration::MAX);
                let windows = events().tumbling(millis(1)).output_mode(mode).summarize(|on| on.count());
                let long = events().tumbling(hours(24 * 100_000)).output_mode(mode).summarize(|on| on.count());
                let (short, late) = events().session(millis(1)).output_mode(mode).summarize_with_late(|on| on.count());
                let sessions = events().session(hours(24 * 100_000)).output_mode(mode).summarize(|on| on.count());
                let exact = events().deduplicate(|at| at).collect_to_memory();
                let approximate = events().deduplicate_approx(|at| at, 10, 0.01).collect_to_memory();
                let keyed = || events().key_by(|at| at);
                let all = keyed().full_outer_join_within(keyed(), i64::MIN, i64::MAX).collect_to_memory();
                keyed().join_within(keyed(), i64::MIN, i64::MIN).for_each_batch(|_, _| ());
                keyed().join_within(keyed(), i64::MAX, i64::MAX).for_each_batch(|_, _| ());
                let outputs = [windows, long, short, sessions].map(|windows| windows.collect_to_memory());
                let late = late.collect_to_memory();
                for time in extremes() {
                    queue.push(vec![time]);
                }
                queue.close();
                ctx.run().unwrap();
                for output in outputs {
                    assert!(!output.rows().is_empty());
                }
                assert!(late.rows().len() >= 6);
                assert!(!exact.rows().is_empty() && !approximate.rows().is_empty() && !all.rows().is_empty());
            }
        }
    }
}

#[test]
fn a_gap_of_a_million_years_costs_nothing() {
    const YEAR: i64 = 365 * 86_400_000;
    for mode in [OutputMode::Append, OutputMode::Update, OutputMode::Revise, OutputMode::Complete] {
        let ctx = context();
        let (queue, source) = Queue::new();
        let times = ctx.source(source);
        let events = || times.event_time(|at: &i64| *at, secs(1));
        let windows =
            events().window(millis(3), millis(1)).output_mode(mode).summarize(|on| on.count()).collect_to_memory();
        let sessions = events().session(millis(1)).output_mode(mode).summarize(|on| on.count()).collect_to_memory();
        let once = events().deduplicate(|at| at).collect_to_memory();
        queue.push(vec![0, 1_000_000 * YEAR, 1_000_000 * YEAR, 2_000_000 * YEAR]);
        queue.close();
        ctx.run().unwrap();
        assert_eq!((windows.rows().len(), sessions.rows().len(), once.rows().len()), (9, 3, 3));
    }
}

#[test]
fn a_late_record_within_the_allowed_lateness_joins_two_sessions() {
    let times = vec![vec![0, 5, 20, 22], vec![50], vec![12], vec![80], vec![13]];
    let inputs: Vec<Input> =
        vec![times.into_iter().map(|batch| vec![batch.into_iter().map(|at| (at, 0, 0)).collect()]).collect()];
    let ran = run(&inputs, 1, Stretch { until: usize::MAX, from: None }, |mut streams| {
        let (rows, late) = streams
            .remove(0)
            .event_time(|(at, _, _): &Record| *at, millis(3))
            .allow_late(millis(40))
            .session(millis(10))
            .output_mode(OutputMode::Revise)
            .summarize_with_late(|on| on.count());
        (rows.map(|w| (w.start.millis(), w.end.millis(), w.value.count())), Some(late))
    });
    let expected = [
        vec![(0, 15, 2)],  // the watermark is 19
        vec![(20, 32, 2)], // 47
        vec![(0, 32, 5)],  // 12 comes between them: one session of all five
        vec![(50, 60, 1)], // 77: the one up to 32 is forgotten
        vec![(80, 90, 1)], // 13 is older than 77 − 40: late; the input has ended
    ];
    assert_eq!(ran.rows, expected);
    assert_eq!(ran.late, [(13, 0, 0)]);
}

#[test]
fn mistakes_are_all_told_at_the_start() {
    let ctx = context();
    let (_queue, source) = Queue::<(i64, u8)>::new();
    let (_other, elsewhere) = Queue::<(i64, u8)>::new();
    let stream = ctx.source(source);
    let elsewhere = context().source(elsewhere);
    let events = || stream.event_time(|(at, _)| *at, secs(1));
    let keyed = || events().key_by(|(_, key)| key);
    events().session(Duration::ZERO).summarize(|on| on.count()).for_each_batch(|_, _| ());
    events().session(Duration::from_nanos(1_500_000)).named("odd").summarize(|on| on.count()).for_each_batch(|_, _| ());
    events().tumbling(Duration::ZERO).summarize(|on| on.count()).for_each_batch(|_, _| ());
    events().deduplicate_approx(|(_, key)| key, 0, 0.01).for_each_batch(|_, _| ());
    events().deduplicate_approx(|(_, key)| key, 10, f64::NAN).for_each_batch(|_, _| ());
    keyed().join_within(keyed(), 5, 4).for_each_batch(|_, _| ());
    let foreign = elsewhere.event_time(|(at, _)| *at, secs(1)).key_by(|(_, key)| key);
    keyed().named("apart").join_within(foreign, 0, 1).for_each_batch(|_, _| ());
    let Err(Error::Graph(problems)) = ctx.start() else { panic!("started") };
    let told = [
        "session 1: the session's gap is 0ns",
        "odd: the session's gap is 1.5ms",
        "event window 1: the window's length is 0ns",
        "event window 1: the window's slide is 0ns",
        "deduplicate_approx 1: ",
        "deduplicate_approx 2: ",
        "join within 1: the lower bound of 5 ms is above the upper one of 4 ms; swap them",
        "apart: the streams belong to different contexts",
    ];
    assert_eq!(problems.len(), told.len(), "{problems:#?}");
    for (problem, told) in problems.iter().zip(told) {
        assert!(problem.starts_with(told), "{problem}");
    }
}

/// The state after a long stream is that of a short one: what is over is forgotten.
#[test]
fn state_does_not_grow_with_the_stream() {
    let input = |batches: i64| -> Vec<Input> {
        let record = |n: i64| (n * 10, (n % 7) as u8, n as u16);
        vec![(0..batches).map(|batch| vec![(batch * 50..batch * 50 + 50).map(record).collect()]).collect()]
    };
    let state = |batches: i64| {
        // One batch more than is read: the input has not ended.
        let ran = run(&input(batches + 1), 2, Stretch { until: batches as usize, from: None }, |mut streams| {
            let stream = streams.remove(0);
            let events = || stream.event_time(|(at, _, _): &Record| *at, secs(1));
            let windows = events().key_by(|(_, _, value)| value).tumbling(secs(2)).allow_late(secs(1));
            let windows = windows.output_mode(OutputMode::Update).summarize(|on| on.count());
            windows.for_each_batch(|_, _| ());
            events()
                .key_by(|(_, _, value)| value)
                .session(secs(1))
                .summarize(|on| on.count())
                .for_each_batch(|_, _| ());
            events().deduplicate(|(_, _, value)| value).for_each_batch(|_, _| ());
            events().deduplicate_approx(|(_, _, value)| value, 200, 0.01).for_each_batch(|_, _| ());
            let keyed = || events().key_by(|(_, _, value)| value);
            (keyed().left_outer_join_within(keyed(), -1_000, 2_000), None)
        });
        ran.snapshot.len()
    };
    let (short, long) = (state(100), state(400));
    // Times take a byte more as they grow; slots that became free stay.
    assert!(long < short + short / 4, "{short} bytes after 100 batches, {long} after 400");
}

#[test]
fn keys_are_parts_of_records_and_need_no_annotation() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Order {
        at: i64,
        customer: String,
    }
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Payment {
        at: i64,
        customer: CompactString,
    }
    let ctx = context();
    let ((orders, left), (payments, right)) = (Queue::new(), Queue::new());
    let (left, right) = (ctx.source(left), ctx.source(right));
    let once = left.event_time(|order: &Order| order.at, mins(1)).deduplicate(|order| order.customer.as_str());
    let sessions = once
        .event_time(|order| order.at, mins(1))
        .key_each(|order, key| order.customer.split('-').for_each(key))
        .session(mins(5))
        .summarize(|on| (on.count(), on.max(|order| order.at)))
        .collect_to_memory();
    // Text and the compact form of it are the same key.
    let paid = once
        .event_time(|order| order.at, mins(1))
        .key_by(|order| order.customer.as_str())
        .join_within(right.event_time(|p: &Payment| p.at, mins(1)).key_by(|p| &p.customer), 0, 60_000)
        .collect_to_memory();
    let order = Order { at: 1_000, customer: "ada-x".to_owned() };
    let payment = Payment { at: 61_000, customer: CompactString::new("ada-x") };
    orders.push(vec![order.clone(), order.clone()]);
    payments.push(vec![payment.clone()]);
    orders.close();
    payments.close();
    ctx.run().unwrap();
    assert_eq!(paid.rows(), [(CompactString::new("ada-x"), (order, payment))]);
    let mut keys: Vec<_> = sessions.rows().into_iter().map(|w| w.value.0).collect();
    keys.sort();
    assert_eq!(keys, ["ada", "x"]);
}
