//! Batches: what they hold, in which order, and how a job ends.

use std::sync::Arc;

use streamgauge_stream::testing::{Script, TestJob, same_for_any_threads};
use streamgauge_stream::{Error, ManualClock, Queue, StreamingContext, Time, Trigger, secs};

#[test]
fn every_interval_has_its_batch() {
    let mut job = TestJob::new();
    let (queue, numbers) = job.queue();
    let rows = job.capture(&numbers.map(|x: i32| x * 10));
    queue.push(vec![1, 2]);
    job.ticks(2).unwrap();
    queue.push(vec![3]);
    queue.push(vec![4]);
    job.tick().unwrap();
    let at = Time::from_secs;
    assert_eq!(rows.batches(), [(at(1), vec![10, 20]), (at(2), vec![]), (at(3), vec![30, 40])]);
}

#[test]
fn a_stopped_job_works_off_what_it_has_taken_in() {
    let mut job = TestJob::new();
    let (queue, source) = Queue::new();
    let rows = job.capture(&job.context().source(source.one_at_a_time()));
    (0..3).for_each(|i| assert!(queue.push(vec![i])));
    job.stop().unwrap();
    assert_eq!(rows.rows(), [0, 1, 2]);
    assert!(!queue.push(vec![3]), "a closed queue refuses records instead of losing them");
}

#[test]
fn processing_time_windows_hold_the_batches_of_their_length() {
    let mut job = TestJob::new();
    let numbers = job.source((1..=5_u64).map(|second| vec![second, 10 * second]));
    let counts = numbers.window(secs(4), secs(2)).summarize(|on| (on.count(), on.sum(|x| *x)));
    let counts = job.capture(&counts.map(|(count, sum)| (count.count(), sum.value)));
    let by_parity = numbers
        .map(|x| (x % 2, x))
        .key_by(|(parity, _)| parity)
        .window(secs(3), secs(1))
        .summarize(|on| on.distinct(|(_, x)| x));
    let by_parity = job.capture(&by_parity);
    job.ticks(8).unwrap();
    // At every second multiple of two: the last four seconds, less at the beginning.
    let at = Time::from_secs;
    let expected = [(2, (4, 33.0)), (4, (8, 110.0)), (6, (6, 132.0)), (8, (2, 55.0))];
    assert_eq!(counts.batches(), expected.map(|(second, row)| (at(second), vec![row])));
    // Keys leave with their last pane.
    let keys: Vec<_> = by_parity.batches().into_iter().map(|(_, rows)| rows.len()).collect();
    assert_eq!(keys, [2, 2, 2, 2, 2, 2, 2, 0]);
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
fn rows_of_wide_operators_come_in_the_same_order_for_any_number_of_threads() {
    let rows = same_for_any_threads(|threads| {
        let mut job = TestJob::with(|settings| settings.threads(threads));
        let rows = (0..7_u64).flat_map(|part| (0..20_000).map(move |i| (i * 7 + part) % 30_011)).collect();
        let numbers = job.script(Script::new([rows]).in_partitions(7));
        let rows = job.capture(&numbers.key_by(|x| x).summarize(|on| on.count()).map(|(key, n)| (key, n.count())));
        job.run().unwrap();
        rows.rows()
    });
    assert!(rows.len() > 20_000);
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
fn a_stop_does_not_give_out_windows_that_are_not_complete_but_the_end_of_the_input_does() {
    let run = |end: fn(&mut TestJob) -> Result<streamgauge_stream::Report, Error>| {
        let mut job = TestJob::new();
        let times = job.source([vec![1_i64, 2], vec![3]]);
        let windows = times.event_time(|time| *time, secs(1)).tumbling(secs(60)).summarize(|on| on.count());
        let windows = job.capture(&windows.map(|window| window.value.count()));
        job.tick().unwrap();
        end(&mut job).unwrap();
        windows.rows()
    };
    assert_eq!(run(TestJob::stop), [0_u64; 0]);
    assert_eq!(run(TestJob::run), [3]);
}
