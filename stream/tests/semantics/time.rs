//! Batch times, and the life of a context.

use std::sync::Arc;
use std::time::Duration;

use streamgauge_stream::testing::{Script, TestJob};
use streamgauge_stream::{
    Clock, DStream, Error, JobState, ManualClock, Queue, StreamingContext, Time, Trigger, millis, secs,
};

#[test]
fn batch_times_are_multiples_of_the_interval_since_the_epoch() {
    let mut job = TestJob::with(|settings| settings.batch_interval(millis(1_500)));
    let rows = job.source([vec![1], vec![2], vec![3]]);
    let rows = job.capture(&rows);
    // The clock is not at a multiple when the job starts.
    job.clock().set(Time::from_millis(10_000));
    job.ticks(3).unwrap();
    let times: Vec<_> = rows.batches().iter().map(|(time, _)| time.millis()).collect();
    assert_eq!(times, [10_500, 12_000, 13_500]);
}

#[test]
fn the_first_batch_is_the_first_multiple_after_the_start() {
    for (started, first) in [(0, 1_000), (999, 1_000), (1_000, 2_000), (1_001, 2_000), (-1, 0)] {
        let mut job = TestJob::new();
        let rows = job.source([vec![()]]);
        let rows = job.capture(&rows);
        job.clock().set(Time::from_millis(started));
        job.start().unwrap();
        job.tick().unwrap();
        assert_eq!(rows.batches()[0].0, Time::from_millis(first), "started at {started}");
    }
}

#[test]
fn after_a_restart_the_grid_of_batch_times_is_the_same_and_missed_batches_run() {
    let job = |from: Option<&[u8]>, batches: &[Vec<u64>]| {
        let mut job = TestJob::new();
        let rows = job.script(Script::new(batches.to_vec()));
        let rows = job.capture(&rows.window(secs(4), secs(2)).named("sums").summarize(|on| on.count()));
        if let Some(snapshot) = from {
            job.start_from(snapshot).unwrap();
        }
        (job, rows)
    };
    let batches: Vec<_> = (1..=7).map(|n| vec![n]).collect();
    let (mut first, rows) = job(None, &batches);
    first.ticks(3).unwrap();
    first.stop().unwrap();
    assert_eq!(rows.seconds(), [2]);
    // The process comes back four and a half seconds later.
    let (mut second, rows) = job(Some(&first.snapshot().unwrap()), &batches);
    second.advance(millis(4_500)).unwrap();
    let counts: Vec<_> = rows.batches().iter().map(|(time, rows)| (time.secs(), rows[0].count())).collect();
    assert_eq!(counts, [(4, 4), (6, 4)]);
}

#[test]
fn a_lagging_job_runs_every_batch_none_dropped_none_merged() {
    let mut job = TestJob::new();
    let rows = job.source((1..=5).map(|n| vec![n]));
    let (rows, recorder) = (job.capture(&rows), job.record());
    job.advance(secs(5)).unwrap();
    let expected: Vec<_> = (1..=5).map(|n| (Time::from_secs(n), vec![n])).collect();
    assert_eq!(rows.batches(), expected);
    // How far it lags is told: in time, and in batches.
    let lag: Vec<_> = recorder.batches().iter().map(|batch| (batch.scheduling_delay.as_secs(), batch.queued)).collect();
    assert_eq!(lag, [(4, 4), (3, 3), (2, 2), (1, 1), (0, 0)]);
}

#[test]
fn a_clock_that_jumps_ahead_runs_every_missed_batch() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1]]);
    let rows = job.capture(&rows);
    job.tick().unwrap();
    job.advance(secs(100)).unwrap();
    assert_eq!(rows.seconds(), (1..=101).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_is_set_back_repeats_no_batch() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1], vec![2]]);
    let rows = job.capture(&rows);
    job.tick().unwrap();
    job.clock().set(Time::from_secs(-50));
    job.advance(secs(52)).unwrap();
    assert_eq!(rows.batches(), [(Time::from_secs(1), vec![1]), (Time::from_secs(2), vec![2])]);
}

#[test]
fn a_windowed_stream_has_batches_at_multiples_of_its_slide_only() {
    let mut job = TestJob::new();
    let numbers = job.source((1..=9_u64).map(|n| vec![n]));
    let windows = job.capture(&numbers.window(secs(3), secs(3)).summarize(|on| on.sum(|n| *n)));
    let downstream = job.capture(&numbers.window(secs(2), secs(2)).summarize(|on| on.count()).map(|n| n.count()));
    job.ticks(9).unwrap();
    assert_eq!(windows.seconds(), [3, 6, 9]);
    assert_eq!(windows.rows().iter().map(|sum| sum.value).collect::<Vec<_>>(), [6.0, 15.0, 24.0]);
    assert_eq!(downstream.seconds(), [2, 4, 6, 8]);
}

#[test]
fn a_stream_is_computed_once_for_each_batch() {
    let calls = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = calls.clone();
    let mut job = TestJob::new();
    let numbers = job.source([(0..10).collect(), (0..5).collect::<Vec<u64>>()]);
    let shared = numbers.map(move |n| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        n
    });
    let (a, b) = (job.capture(&shared), job.capture(&shared.union(&shared)));
    job.run().unwrap();
    assert_eq!((a.rows().len(), b.rows().len()), (15, 30));
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 15);
}

#[test]
fn a_context_is_initialized_then_active_then_stopped() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1]]);
    drop(job.capture(&rows));
    assert_eq!(job.context().state(), JobState::Initialized);
    job.tick().unwrap();
    assert_eq!(job.context().state(), JobState::Active);
    assert!(job.context().start().unwrap_err().to_string().contains("the job runs already"));
    job.stop().unwrap();
    assert_eq!(job.context().state(), JobState::Stopped);
}

#[test]
fn a_stopped_context_cannot_start_again() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1]]);
    drop(job.capture(&rows));
    job.stop().unwrap();
    let error = job.context().start().unwrap_err().to_string();
    assert!(error.contains("has ended") && error.contains("build another context"), "{error}");
    assert!(job.context().await_termination().is_ok(), "the attempt does not change how it ended");
}

#[test]
fn a_context_that_is_stopped_before_its_start_never_starts() {
    let ctx = StreamingContext::builder("never").build();
    let (_queue, source) = Queue::<u8>::new();
    ctx.source(source).print();
    ctx.stop();
    assert_eq!(ctx.state(), JobState::Stopped);
    assert!(matches!(ctx.start(), Err(Error::Graph(_))));
    assert!(matches!(ctx.await_termination(), Err(Error::NotStarted)));
}

#[test]
fn a_context_that_could_not_start_is_stopped() {
    let ctx = StreamingContext::builder("nothing").build();
    assert!(matches!(ctx.start(), Err(Error::Graph(_))));
    assert_eq!(ctx.state(), JobState::Stopped);
    assert!(matches!(ctx.start(), Err(Error::Graph(_))));
}

#[test]
fn several_contexts_may_run_at_the_same_time() {
    let mut jobs = [TestJob::new(), TestJob::new()];
    let rows: Vec<_> = jobs
        .iter_mut()
        .enumerate()
        .map(|(n, job)| {
            let rows = job.source([vec![n]]);
            job.capture(&rows)
        })
        .collect();
    jobs.iter_mut().for_each(|job| assert_eq!(job.tick().unwrap(), Time::from_secs(1)));
    assert_eq!((rows[0].rows(), rows[1].rows()), (vec![0], vec![1]));
}

#[test]
fn at_least_one_output_is_required() {
    let ctx = StreamingContext::builder("nothing to do").build();
    let (_queue, source) = Queue::<u8>::new();
    let _unused: DStream<u8> = ctx.source(source).map(|n| n);
    let error = ctx.start().unwrap_err().to_string();
    assert!(error.contains("the job has no output"), "{error}");
}

#[test]
fn of_a_batch_interval_that_is_set_twice_the_last_one_holds() {
    let mut job = TestJob::with(|settings| settings.batch_interval(secs(7)).batch_interval(secs(2)));
    let rows = job.source([vec![1]]);
    let rows = job.capture(&rows);
    job.tick().unwrap();
    assert_eq!(rows.seconds(), [2]);
}

#[test]
fn an_interval_must_be_whole_milliseconds_and_not_zero() {
    for interval in [Duration::ZERO, Duration::from_micros(1_500), Duration::MAX] {
        let ctx = StreamingContext::builder("wrong").batch_interval(interval).build();
        let (_queue, source) = Queue::<u8>::new();
        ctx.source(source).print();
        let error = ctx.start().unwrap_err().to_string();
        assert!(error.contains("the batch interval is") && error.contains("whole milliseconds"), "{error}");
    }
}

#[test]
fn what_is_added_after_the_start_ends_the_job_and_says_why() {
    let add: [(&str, fn(&TestJob, &DStream<i32>)); 3] = [
        ("collect_to_memory 2", |job, stream| drop(job.capture(stream))),
        ("queue", |job, _| drop(job.context().source(Queue::<u8>::new().1))),
        ("a listener was added after the start", |job, _| drop(job.record())),
    ];
    for (named, add) in add {
        let mut job = TestJob::new();
        let stream = job.source([vec![1], vec![2]]);
        let rows = job.capture(&stream);
        job.tick().unwrap();
        add(&job, &stream);
        let error = job.tick().unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error}");
        assert!(error.to_string().contains(named), "{error}");
        assert_eq!(rows.rows(), [1], "the batch did not run");
    }
}

#[test]
fn recorded_data_has_the_same_batch_times_at_any_time_of_day() {
    let times = |now| {
        let clock = Arc::new(ManualClock::new(Time::from_secs(now)));
        let ctx = StreamingContext::builder("recorded").clock(clock).trigger(Trigger::Available).build();
        let rows = ctx.source(Script::new([vec![1], vec![], vec![2]]).source()).collect_to_memory();
        ctx.run().unwrap();
        rows.batches().into_iter().map(|(time, rows)| (time.secs(), rows)).collect::<Vec<_>>()
    };
    assert_eq!(times(5), [(1, vec![1]), (2, vec![]), (3, vec![2])]);
    assert_eq!(times(5), times(1_000_000));
}

#[test]
fn batches_as_soon_as_possible_have_increasing_times_of_the_clock() {
    let clock = Arc::new(ManualClock::new(Time::from_millis(7_777)));
    let trigger = Trigger::AsSoonAsPossible;
    let ctx = StreamingContext::builder("soon").clock(clock.clone()).trigger(trigger).build();
    let rows = ctx.source(Script::new([vec![1], vec![2], vec![3]]).source()).collect_to_memory();
    ctx.run().unwrap();
    let times: Vec<_> = rows.batches().iter().map(|(time, _)| time.millis()).collect();
    // A clock that stands still still gives every batch a time of its own.
    assert_eq!(times, [7_777, 7_778, 7_779]);
    assert_eq!(clock.now().millis(), 7_777);
}

#[test]
fn extreme_times_and_lengths_saturate() {
    assert_eq!(Time::MIN.floor(secs(1)), Time::MIN);
    assert_eq!(Time::MAX.after(Duration::MAX), Time::MAX);
    assert_eq!(Time::MIN.before(Duration::MAX), Time::MIN);
    assert_eq!(streamgauge_stream::hours(u64::MAX), Duration::from_secs(u64::MAX));
    assert_eq!(streamgauge_stream::mins(u64::MAX), Duration::from_secs(u64::MAX));
}
