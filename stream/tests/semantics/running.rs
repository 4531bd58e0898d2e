//! Outputs at once, failures and attempts, stopping.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use streamgauge_stream::testing::{Script, TestJob, same_for_any_threads};
use streamgauge_stream::{Error, OnFailure, Queue, Stdin, StreamingContext, Time, Trigger, secs};

/// A function that panics the first `times` times it sees the row.
fn panics_on(row: u64, times: u32) -> impl Fn(u64) -> u64 + Send + Sync + 'static {
    let seen = AtomicU32::new(0);
    move |n| {
        assert!(n != row || seen.fetch_add(1, Ordering::Relaxed) >= times, "row {n} is too much");
        n
    }
}

#[test]
fn outputs_of_a_batch_run_in_the_order_in_which_they_are_named() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1], vec![2]]);
    let order = Arc::new(Mutex::new(Vec::new()));
    for output in 0..5 {
        let order = order.clone();
        rows.for_each_batch(move |time, _| order.lock().unwrap().push((time.secs(), output)));
    }
    job.run().unwrap();
    let expected: Vec<_> = (1..=2).flat_map(|second| (0..5).map(move |output| (second, output))).collect();
    assert_eq!(*order.lock().unwrap(), expected);
}

#[test]
fn outputs_of_one_batch_may_overlap() {
    let mut job = TestJob::with(|settings| settings.concurrent_outputs(3).threads(1));
    let rows = job.source([vec![1], vec![2]]);
    // Each waits for the two others: in turn, none would ever end.
    let meet = Arc::new(Barrier::new(3));
    for _ in 0..3 {
        let meet = meet.clone();
        rows.for_each_batch(move |_, _| {
            meet.wait();
        });
    }
    assert_eq!(job.run().unwrap().batches, 2);
}

#[test]
fn batches_never_overlap() {
    let mut job = TestJob::with(|settings| settings.concurrent_outputs(4));
    let rows = job.source((0..20).map(|n| vec![n]));
    let running = Arc::new(Mutex::new(BTreeMap::<Time, u32>::new()));
    for _ in 0..4 {
        let running = running.clone();
        rows.for_each_batch(move |time, _| {
            let mut running = running.lock().unwrap();
            *running.entry(time).or_default() += 1;
            let complete = running.iter().filter(|(at, _)| **at < time).all(|(_, outputs)| *outputs == 4);
            if complete { Ok(()) } else { Err("the batch before is not complete") }
        });
    }
    job.advance(secs(20)).unwrap();
    assert_eq!(running.lock().unwrap().len(), 20);
}

#[test]
fn overlapping_outputs_give_the_rows_that_they_give_in_turn() {
    let run = |threads, at_once| {
        let mut job = TestJob::with(|settings| settings.threads(threads).concurrent_outputs(at_once));
        let script = Script::new((0..4).map(|b| (0..3_000_u64).map(|n| n * 7 + b).collect())).in_partitions(5);
        let numbers = job.script(script).map(|n| n % 101);
        let counts = numbers.key_by(|n| n).summarize(|on| on.count()).map(|(n, count)| (n, count.count()));
        let windows = numbers.window(secs(2), secs(1)).summarize(|on| on.sum(|n| *n)).map(|sum| (0, sum.value as u64));
        let outputs = [
            job.capture(&counts),
            job.capture(&counts.filter(|(n, _)| n % 2 == 0)),
            job.capture(&windows),
            job.capture(&windows.union(&counts)),
            job.capture(&numbers.map(|n| (n, 1))),
        ];
        job.run().map(|_| outputs.map(|output| output.batches())).map_err(|error| error.to_string())
    };
    let in_turn = same_for_any_threads(|threads| run(threads, 1));
    assert!(in_turn.is_ok());
    assert_eq!(in_turn, same_for_any_threads(|threads| run(threads, 3)));
}

#[test]
fn a_partition_that_fails_is_run_again_and_counts_once() {
    same_for_any_threads(|threads| {
        let mut job = TestJob::with(|settings| settings.threads(threads).attempts(3));
        let script = Script::new([(0..100).collect(), (100..200).collect::<Vec<u64>>()]).in_partitions(4);
        let numbers = job.script(script).map(panics_on(150, 2));
        // Read by several, so that its rows are shared; narrow and wide behind it.
        let sums = numbers
            .map(|n| (n % 3, n))
            .key_by(|(part, _)| part)
            .summarize(|on| on.sum(|(_, n)| *n))
            .map(|(n, sum)| (n, sum.value));
        let windows = numbers.window(secs(2), secs(1)).summarize(|on| on.count()).map(|n| n.count());
        let (all, sums, windows) = (job.capture(&numbers), job.capture(&sums), job.capture(&windows));
        let report = job.run().unwrap();
        assert_eq!(all.rows(), (0..200).collect::<Vec<_>>());
        assert_eq!(sums.rows().iter().map(|(_, sum)| sum).sum::<f64>(), 19_900.0);
        assert_eq!(windows.rows(), [100, 200]);
        assert_eq!((report.records, report.retries), (200, 2));
    });
}

#[test]
fn lines_and_malformed_lines_of_a_failed_attempt_are_forgotten() {
    let ctx = StreamingContext::builder("lines").trigger(Trigger::Available).attempts(2).build();
    let lines = ctx.text(Stdin::reading("numbers", &b"1\nx\n3\n4\n"[..]));
    let rows = lines.parse(|line| line.parse::<u64>().map(Some)).map(panics_on(3, 1)).collect_to_memory();
    let report = ctx.run().unwrap();
    assert_eq!(rows.rows(), [1, 3, 4]);
    assert_eq!((report.records, report.malformed, report.retries), (4, 1, 1));
}

#[test]
fn each_operator_that_pulls_rows_is_attempted_again_where_it_fails() {
    // The shared rows are handed out before the failure, and are there for the next attempt.
    let mut job = TestJob::with(|settings| settings.attempts(2));
    let numbers = job.source([vec![1, 2, 3]]);
    let (a, b) = (numbers.map(panics_on(2, 1)), numbers.map(panics_on(3, 1)));
    let wide = numbers.key_by(|n| n).summarize(|on| on.count()).map(|(n, _)| n).map(panics_on(1, 1));
    let outputs = [job.capture(&a), job.capture(&b), job.capture(&wide)];
    let report = job.run().unwrap();
    let mut rows = outputs.map(|output| output.rows());
    rows[2].sort_unstable();
    assert_eq!(rows, [vec![1, 2, 3], vec![1, 2, 3], vec![1, 2, 3]]);
    assert_eq!((report.records, report.retries), (3, 3));
}

#[test]
fn after_all_attempts_the_error_names_operator_partition_time_and_cause() {
    let mut job = TestJob::with(|settings| settings.attempts(3));
    let script = Script::new([vec![1, 2], vec![3, 4]]).in_partitions(2);
    let sums = job.script(script).map(panics_on(4, u32::MAX)).key_by(|n| n).named("by number");
    drop(job.capture(&sums.summarize(|on| on.count())));
    job.tick().unwrap();
    let error = job.tick().unwrap_err();
    let text = error.to_string();
    assert_eq!(
        text,
        "by number, partition 1 of batch 2000 ms: panicked: row 4 is too much (in the last of 3 attempts)"
    );
    let Error::Operator { operator, partition, time, .. } = error else { panic!("{text}") };
    assert_eq!((&*operator, partition, time), ("by number", 1, Time::from_secs(2)));
    assert!(job.snapshot().is_err(), "a failed batch is no state to go on from");
}

#[test]
fn a_callback_is_never_called_twice_for_a_batch() {
    let mut job = TestJob::with(|settings| settings.attempts(5));
    let calls = Arc::new(AtomicU64::new(0));
    let counter = calls.clone();
    job.source([vec![1]]).for_each_batch(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        Err("no")
    });
    assert!(matches!(job.tick().unwrap_err(), Error::Output { .. }));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_failed_output_may_be_skipped_while_the_others_and_later_batches_go_on() {
    for at_once in [1, 3] {
        let mut job = TestJob::with(|s| s.on_failure(OnFailure::SkipOutput).concurrent_outputs(at_once));
        let numbers = job.source([vec![1_u64], vec![2], vec![3]]);
        let window = numbers.window(secs(3), secs(1)).summarize(|on| on.sum(|n| *n)).map(|sum| sum.value as u64);
        let before = job.capture(&window);
        numbers
            .for_each_batch(|_, batch| if batch.collect().unwrap() == [2] { Err("the disk is full") } else { Ok(()) });
        let narrow = job.capture(&numbers.map(panics_on(2, u32::MAX)));
        let after = job.capture(&window.map(panics_on(6, u32::MAX)));
        let recorder = job.record();
        let report = job.run().unwrap();
        assert_eq!((report.batches, report.failed_outputs), (3, 3));
        assert_eq!((before.rows(), narrow.rows(), after.rows()), (vec![1, 3, 6], vec![1, 3], vec![1, 3]));
        let failed: Vec<_> = recorder
            .outputs()
            .into_iter()
            .filter(|output| output.failure.is_some())
            .map(|output| (output.time.secs(), output.id))
            .collect();
        let mut sorted = failed.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [(2, 1), (2, 2), (3, 3)], "{failed:?}");
    }
}

#[test]
fn in_a_job_without_state_a_grouping_operator_may_fail_and_be_skipped_with_all_that_read_it() {
    for at_once in [1, 2] {
        let mut job = TestJob::with(|s| s.on_failure(OnFailure::SkipOutput).concurrent_outputs(at_once));
        let calls = Arc::new(AtomicU64::new(0));
        let counter = calls.clone();
        let numbers = job.source([vec![1, 2], vec![3, 4], vec![5]]);
        let fails = panics_on(4, u32::MAX);
        let bad = numbers.map(move |n| {
            counter.fetch_add(1, Ordering::Relaxed);
            fails(n)
        });
        let counts = bad.key_by(|n| n).summarize(|on| on.count()).map(|(_, n)| n.count());
        let (a, b) = (job.capture(&counts), job.capture(&counts));
        let good = job.capture(&numbers);
        let report = job.run().unwrap();
        assert_eq!((a.rows().len(), b.rows().len(), good.rows().len()), (3, 3, 5));
        assert_eq!((report.failed_outputs, report.records), (2, 5));
        assert_eq!(calls.load(Ordering::Relaxed), 5, "what has failed is not computed again for its other reader");
    }
}

#[test]
fn a_failure_that_may_have_cost_state_ends_the_job_whatever_the_policy() {
    let mut job = TestJob::with(|settings| settings.on_failure(OnFailure::SkipOutput));
    let numbers = job.source([vec![1], vec![2], vec![3]]).map(panics_on(2, u32::MAX));
    let sums = job.capture(&numbers.window(secs(3), secs(1)).named("sums").summarize(|on| on.sum(|n| *n)));
    let error = job.run().unwrap_err().to_string();
    assert!(error.starts_with("sums, partition 0 of batch 2000 ms"), "{error}");
    assert_eq!(sums.rows().len(), 1);
}

#[test]
fn a_source_that_panics_is_named() {
    use streamgauge_stream::source::{Limit, Partition, Plan};
    struct Broken;
    impl streamgauge_stream::Source for Broken {
        type Item = u8;
        type Position = u64;
        fn name(&self) -> String {
            "broken pipe".to_owned()
        }
        fn start(&self) -> u64 {
            0
        }
        fn plan(&mut self, _: &u64, _: Limit) -> Result<Plan<u64>, streamgauge_stream::SourceError> {
            panic!("no more")
        }
        fn read(&mut self, _: &u64, _: &u64) -> Result<Vec<Box<dyn Partition<u8>>>, streamgauge_stream::SourceError> {
            Ok(Vec::new())
        }
    }
    let mut job = TestJob::new();
    job.context().source(Broken).for_each_batch(|_, _| ());
    assert_eq!(job.tick().unwrap_err().to_string(), "broken pipe: panicked: no more");
}

#[test]
fn errors_surface_where_the_end_is_waited_for_and_to_all_who_ask() {
    let mut job = TestJob::new();
    job.source([vec![1]]).for_each_batch(|_, _| Err("no"));
    job.tick().unwrap_err();
    for _ in 0..2 {
        assert!(matches!(job.context().await_termination(), Err(Error::Output { .. })));
    }
}

#[test]
fn waiting_for_the_end_may_have_a_limit() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1]]);
    drop(job.capture(&rows));
    assert!(matches!(job.context().await_termination_for(Duration::ZERO), Err(Error::NotStarted)));
    job.tick().unwrap();
    assert_eq!(job.context().await_termination_for(Duration::from_millis(1)).unwrap(), None);
    job.stop().unwrap();
    let report = job.context().await_termination_for(Duration::MAX).unwrap();
    assert_eq!(report.map(|report| report.batches), Some(1));
}

#[test]
fn a_stop_works_off_everything_that_was_taken_in() {
    let ctx = StreamingContext::builder("drain").trigger(Trigger::AsSoonAsPossible).build();
    let (queue, source) = Queue::new();
    let stops = ctx.clone();
    let pushes = queue.clone();
    let rows = ctx.source(source.one_at_a_time()).collect_to_memory();
    // Stopped by the job itself, in the middle of its first batch.
    ctx.source(Script::new([vec![()]]).source()).for_each_batch(move |_, first| {
        if !first.is_empty().unwrap() {
            (1..10).for_each(|n| assert!(pushes.push(vec![n])));
            stops.stop();
        }
    });
    queue.push(vec![0]);
    ctx.run().unwrap();
    assert_eq!(rows.rows(), (0..10).collect::<Vec<_>>());
    assert!(!queue.push(vec![10]), "what cannot be worked off is refused");
}

#[test]
fn a_stop_has_a_time_limit_if_one_is_set() {
    let mut job = TestJob::with(|settings| settings.stop_timeout(secs(3)));
    let (queue, source) = Queue::new();
    let clock = job.clock().clone();
    let (ctx, done) = (job.context().clone(), Arc::new(AtomicU64::new(0)));
    let counter = done.clone();
    job.context().source(source.one_at_a_time()).for_each_batch(move |_, _| {
        // The stop comes in the first batch; each batch takes a second.
        ctx.stop();
        counter.fetch_add(1, Ordering::Relaxed);
        clock.advance(secs(1));
    });
    (0..10).for_each(|n| assert!(queue.push(vec![n])));
    job.tick().unwrap();
    let error = job.stop().unwrap_err();
    assert_eq!(error.to_string(), "the job was stopped, and after 3s there are records left in queue");
    assert_eq!(done.load(Ordering::Relaxed), 4);
    assert!(job.snapshot().is_ok(), "between two batches the state is good");
}

#[test]
fn an_output_that_waits_for_the_end_of_its_job_is_refused() {
    for at_once in [1, 2] {
        let mut job = TestJob::with(|settings| settings.concurrent_outputs(at_once));
        let rows = job.source([vec![1]]);
        for _ in 0..2 {
            let ctx = job.context().clone();
            rows.for_each_batch(move |_, _| ctx.await_termination().map(drop));
        }
        let error = job.tick().unwrap_err().to_string();
        assert!(error.contains("the job waits for itself: await_termination"), "{error}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_each_with_the_mend() {
    let ctx = StreamingContext::builder("bad\0name")
        .batch_interval(secs(0))
        .threads(1_000_000)
        .lanes(0)
        .attempts(0)
        .concurrent_outputs(100_000)
        .build();
    let other = StreamingContext::builder("other").build();
    let (a, b) = (Queue::<u8>::new().1, Queue::<u8>::new().1);
    let (ours, theirs) = (ctx.source(a), other.source(b));
    ours.union(&theirs).window(secs(0), secs(1)).named("twice").summarize(|on| on.count());
    ours.window(secs(1), secs(1)).named("twice").summarize(|on| on.count());
    let Err(Error::Graph(problems)) = ctx.start() else { panic!("it started") };
    for part in [
        "the job's name is \"bad\\0name\"",
        "the batch interval is 0ns",
        "threads is 1000000; write a number from 1 to 1024",
        "lanes is 0; write a number from 1 to 256",
        "attempts is 0; write",
        "concurrent_outputs is 100000; write",
        "union: the streams belong to different contexts; build them from one",
        "twice: the window's length is 0ns",
        "two operators are named \"twice\"; give each its own name",
        "the job has no output, so there is nothing to do; add",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
    let nothing = StreamingContext::builder("nothing").build();
    let error = nothing.start().unwrap_err().to_string();
    assert!(error.contains("the job has no source; add") && error.contains("the job has no output"), "{error}");
}
