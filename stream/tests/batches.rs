//! Batches on the manual clock: when they run, what they hold, how a job stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamgauge_stream::{
    BatchInfo, Clock, DStream, Error, Listener, ManualClock, Queue, StreamingContext, Time, Trigger, secs,
};

/// A job that begins at second 1,000 with a batch a second.
fn job() -> (StreamingContext, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Time::from_secs(1_000)));
    let ctx = StreamingContext::builder("test").clock(clock.clone()).batch_interval(secs(1)).threads(2).build();
    (ctx, clock)
}

/// Lets a second pass, and waits for its batch.
fn tick(ctx: &StreamingContext, clock: &ManualClock) {
    clock.advance(secs(1));
    assert!(ctx.await_batch(clock.now()), "the job has ended: {:?}", ctx.await_termination());
}

#[test]
fn every_interval_has_its_batch() {
    let (ctx, clock) = job();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source).map(|x: i32| x * 10).collect_to_memory();
    ctx.start().unwrap();
    queue.push(vec![1, 2]);
    tick(&ctx, &clock);
    tick(&ctx, &clock);
    queue.push(vec![3]);
    queue.push(vec![4]);
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    let at = Time::from_secs;
    assert_eq!(rows.batches(), [(at(1_001), vec![10, 20]), (at(1_002), vec![]), (at(1_003), vec![30, 40])]);
}

#[test]
fn a_job_that_lags_runs_every_batch_all_the_same() {
    let (ctx, clock) = job();
    let (queue, source) = Queue::new();
    let times = ctx.source(source).collect_to_memory();
    queue.push(vec![0_u8]);
    ctx.start().unwrap();
    clock.advance(secs(3));
    assert!(ctx.await_batch(Time::from_secs(1_003)));
    ctx.stop();
    let report = ctx.await_termination().unwrap();
    let times: Vec<_> = times.batches().iter().map(|(time, _)| time.secs()).collect();
    assert_eq!(times, [1_001, 1_002, 1_003]);
    assert_eq!((report.batches, report.records), (3, 1));
}

#[test]
fn a_stopped_job_works_off_what_it_has_taken_in() {
    let (ctx, clock) = job();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source.one_at_a_time()).collect_to_memory();
    ctx.start().unwrap();
    (0..3).for_each(|i| assert!(queue.push(vec![i])));
    ctx.stop();
    ctx.await_termination().unwrap();
    drop(clock);
    assert_eq!(rows.rows(), [0, 1, 2]);
    assert!(!queue.push(vec![3]), "a closed queue refuses records instead of losing them");
}

#[test]
fn processing_time_windows_hold_the_batches_of_their_length() {
    let (ctx, clock) = job();
    let (queue, source) = Queue::new();
    let numbers: DStream<u64> = ctx.source(source);
    let counts = numbers.window(secs(4), secs(2)).summarize(|on| (on.count(), on.sum(|x| *x))).collect_to_memory();
    let by_parity = numbers
        .map(|x| (x % 2, x))
        .key_by(|(parity, _)| parity)
        .window(secs(3), secs(1))
        .summarize(|on| on.distinct(|(_, x)| x))
        .collect_to_memory();
    ctx.start().unwrap();
    for second in 1..=8_u64 {
        if second <= 5 {
            queue.push(vec![second, 10 * second]);
        }
        tick(&ctx, &clock);
    }
    ctx.stop();
    ctx.await_termination().unwrap();
    // At every second multiple of two: the last four seconds, less at the beginning.
    let counts: Vec<_> = counts.batches().into_iter().map(|(time, rows)| (time.secs(), rows)).collect();
    let row = |rows: &[(streamgauge_sketches::Estimate, streamgauge_sketches::Estimate)]| {
        rows.first().map(|(count, sum)| (count.count(), sum.value))
    };
    let expected =
        [(1_002, Some((4, 33.0))), (1_004, Some((8, 110.0))), (1_006, Some((6, 132.0))), (1_008, Some((2, 55.0)))];
    for ((time, rows), (at, expected)) in counts.iter().zip(expected) {
        assert_eq!((*time, row(rows)), (at, expected));
    }
    assert_eq!(counts.len(), expected.len());
    // Keys leave with their last pane.
    let keys: Vec<_> = by_parity.batches().into_iter().map(|(_, rows)| rows.len()).collect();
    assert_eq!(keys, [2, 2, 2, 2, 2, 2, 2, 0]);
}

#[test]
fn shared_streams_are_computed_once_and_given_to_all() {
    let (ctx, clock) = job();
    let (queue, source) = Queue::new();
    let computed = Arc::new(AtomicU64::new(0));
    let counter = computed.clone();
    let shared = ctx.source(source).map(move |x: u64| {
        counter.fetch_add(1, Ordering::Relaxed);
        x
    });
    let (a, b) = (shared.collect_to_memory(), shared.filter(|x| x % 2 == 0).collect_to_memory());
    let c = shared.union(&shared).collect_to_memory();
    queue.push((0..10).collect());
    ctx.start().unwrap();
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!((a.rows().len(), b.rows().len(), c.rows().len()), (10, 5, 20));
    assert_eq!(computed.load(Ordering::Relaxed), 10);
}

#[test]
fn mistakes_are_told_all_at_once() {
    let ctx = StreamingContext::builder("wrong").batch_interval(secs(2)).build();
    let (_queue, source) = Queue::<u32>::new();
    let numbers = ctx.source(source);
    numbers.window(secs(5), secs(2)).named("odd").summarize(|on| on.count());
    numbers.window(secs(0), secs(2)).named("odd").summarize(|on| on.count());
    let error = ctx.start().unwrap_err().to_string();
    for part in [
        "odd: the window's length of 5000 ms is no multiple of the batch interval of 2000 ms; write 4000 ms or 6000 ms",
        "two operators are named \"odd\"",
        "the window's length is 0ns",
        "the job has no output",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(matches!(ctx.start(), Err(Error::Graph(_))), "a job starts once");

    let ctx = StreamingContext::builder("no interval").trigger(Trigger::AsSoonAsPossible).build();
    let (_queue, source) = Queue::<u32>::new();
    ctx.source(source).window(secs(4), secs(2)).summarize(|on| on.count()).print();
    let error = ctx.start().unwrap_err().to_string();
    assert!(error.contains("need a batch interval"), "{error}");
}

#[test]
fn a_panic_in_an_operator_names_operator_partition_and_batch() {
    let ctx = StreamingContext::builder("panics").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    let sums = ctx.source(source).map(|x: u32| 100 / x).key_by(|x| x).named("shares").summarize(|on| on.count());
    sums.for_each_batch(|_, batch| assert!(batch.is_empty().unwrap(), "the batch has failed"));
    queue.push(vec![1, 2]);
    queue.push(vec![3, 0]);
    let error = ctx.run().unwrap_err();
    let Error::Operator { operator, partition, cause, .. } = &error else { panic!("{error}") };
    assert_eq!((operator.as_str(), *partition), ("shares", 1));
    assert!(cause.contains("attempt to divide by zero"), "{cause}");
}

#[test]
fn an_output_that_fails_ends_the_job() {
    let ctx = StreamingContext::builder("fails").trigger(Trigger::Available).build();
    let (queue, source) = Queue::<u32>::new();
    ctx.source(source).for_each_batch(|_, batch| match batch.count() {
        Ok(0) => Ok(()),
        _ => Err("the disk is full"),
    });
    queue.push(vec![1]);
    let error = ctx.run().unwrap_err().to_string();
    assert!(error.contains("for_each_batch 1") && error.contains("the disk is full"), "{error}");
}

#[test]
fn listeners_hear_of_every_batch() {
    #[derive(Default)]
    struct Records(AtomicU64);
    impl Listener for Records {
        fn on_batch_completed(&self, batch: &BatchInfo) {
            assert_eq!(batch.interval, Some(secs(1)));
            self.0.fetch_add(batch.records, Ordering::Relaxed);
        }
    }
    let (ctx, clock) = job();
    let (queue, source) = Queue::<u8>::new();
    ctx.source(source).for_each_batch(|_, batch| batch.count().map(drop));
    let records = Arc::new(Records::default());
    ctx.add_listener(records.clone());
    ctx.start().unwrap();
    queue.push(vec![1; 7]);
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(records.0.load(Ordering::Relaxed), 7);
}

#[test]
fn rows_of_wide_operators_come_in_the_same_order_for_any_number_of_threads() {
    let run = |threads| {
        let ctx = StreamingContext::builder("order").trigger(Trigger::Available).threads(threads).build();
        let (queue, source) = Queue::new();
        for part in 0..7_u64 {
            queue.push((0..20_000).map(|i| (i * 7 + part) % 30_011).collect());
        }
        let rows = ctx
            .source(source)
            .key_by(|x: &u64| x)
            .summarize(|on| on.count())
            .map(|(key, count)| (key, count.count()))
            .collect_to_memory();
        ctx.run().unwrap();
        rows.rows()
    };
    let one = run(1);
    assert!(one.len() > 20_000);
    assert_eq!(one, run(2));
    assert_eq!(one, run(8));
}

#[test]
fn batches_may_follow_each_other_as_soon_as_possible() {
    let ctx = StreamingContext::builder("soon").trigger(Trigger::AsSoonAsPossible).build();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source.one_at_a_time()).collect_to_memory();
    (0..50).for_each(|i| assert!(queue.push(vec![i])));
    queue.close();
    let report = ctx.run().unwrap();
    assert_eq!(rows.rows(), (0..50).collect::<Vec<_>>());
    let times: Vec<_> = rows.batches().iter().map(|(time, _)| *time).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "batch times increase");
    assert_eq!(report.batches, 50);
}

#[test]
fn whoever_waits_hears_of_a_panic_outside_the_operators() {
    struct Panics;
    impl Listener for Panics {
        fn on_batch_completed(&self, _: &BatchInfo) {
            panic!("the listener has a bug");
        }
    }
    let (ctx, clock) = job();
    let (_queue, source) = Queue::<u8>::new();
    ctx.source(source).for_each_batch(|_, _| ());
    ctx.add_listener(Arc::new(Panics));
    ctx.start().unwrap();
    clock.advance(secs(1));
    let error = ctx.await_termination().unwrap_err().to_string();
    assert!(error.contains("a listener panicked: the listener has a bug"), "{error}");
}

#[test]
fn no_batch_runs_as_soon_as_possible_while_there_is_nothing_to_read() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(1_000)));
    let ctx =
        StreamingContext::builder("idle").clock(clock.clone()).trigger(Trigger::AsSoonAsPossible).threads(1).build();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source).collect_to_memory();
    ctx.start().unwrap();
    (0..100).for_each(|_| clock.advance(secs(1)));
    // What is there at the stop is worked off.
    queue.push(vec![1]);
    ctx.stop();
    let report = ctx.await_termination().unwrap();
    assert_eq!((report.batches, rows.rows()), (1, vec![1]));
}

#[test]
fn keys_of_no_size_are_keys_all_the_same() {
    let ctx = StreamingContext::builder("units").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    queue.push((0..1_000).collect());
    let odd = ctx
        .source(source)
        .key_each(|n: &u32, key| {
            if n % 2 == 1 {
                key(&())
            }
        })
        .summarize(|on| on.count())
        .collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(odd.rows().iter().map(|(_, n)| n.count()).collect::<Vec<_>>(), [500]);
}

#[test]
fn waiting_ends_also_without_a_start_and_an_error_is_told_to_all() {
    let ctx = StreamingContext::builder("never").build();
    assert!(matches!(ctx.await_termination(), Err(Error::NotStarted)));
    ctx.start().unwrap_err();
    assert!(matches!(ctx.await_termination(), Err(Error::NotStarted)));

    let ctx = StreamingContext::builder("fails").trigger(Trigger::Available).build();
    let (queue, source) = Queue::<u32>::new();
    queue.push(vec![1]);
    ctx.source(source).for_each_batch(|_, _| Err("no"));
    let first = ctx.run().unwrap_err();
    assert!(matches!(first, Error::Output { .. }));
    assert_eq!(ctx.await_termination().unwrap_err().to_string(), first.to_string());
    assert!(ctx.snapshot().is_err(), "a failed batch is no state to go on from");
}

#[test]
fn a_stop_does_not_give_out_windows_that_are_not_complete() {
    for waiting in [false, true] {
        let (ctx, clock) = job();
        let (queue, source) = Queue::new();
        let windows = ctx
            .source(source)
            .event_time(|time: &i64| *time, secs(1))
            .tumbling(secs(60))
            .summarize(|on| on.count())
            .collect_to_memory();
        ctx.start().unwrap();
        queue.push(vec![1, 2]);
        tick(&ctx, &clock);
        if waiting {
            queue.push(vec![3]);
        }
        ctx.stop();
        ctx.await_termination().unwrap();
        assert_eq!(windows.rows(), []);
    }
}

#[test]
fn recorded_data_gives_the_same_windows_at_any_time_of_day() {
    let run = |second| {
        let clock = Arc::new(ManualClock::new(Time::from_secs(second)));
        let ctx = StreamingContext::builder("recorded").clock(clock).trigger(Trigger::Available).build();
        let (queue, source) = Queue::new();
        (1..=6_u64).for_each(|n| assert!(queue.push(vec![n])));
        queue.close();
        let source = source.one_at_a_time();
        let sums = ctx.source(source).window(secs(2), secs(2)).summarize(|on| on.sum(|n| *n)).collect_to_memory();
        ctx.run().unwrap();
        sums.rows().iter().map(|sum| sum.value).collect::<Vec<_>>()
    };
    assert_eq!(run(1_000), [3.0, 7.0, 11.0]);
    assert_eq!(run(1_001), run(1_000));
}
