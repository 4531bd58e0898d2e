//! What listeners hear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamgauge_stream::testing::{Recorder, Script, TestJob};
use streamgauge_stream::{
    BatchInfo, Error, Event, Listener, OnFailure, OnMalformed, Report, State, Stdin, StreamingContext, Time, Trigger,
    secs,
};

/// An event in a word or two.
fn word(event: &Event) -> String {
    match event {
        Event::Started(job) => format!("started {}", job.name),
        Event::SourceStarted(source) => format!("{} started", source.name),
        Event::SourceFailed(source) => format!("{} failed", source.name),
        Event::SourceStopped(source) => format!("{} stopped", source.name),
        Event::BatchSubmitted(batch) => format!("submitted {}", batch.time.secs()),
        Event::BatchStarted(batch) => format!("begun {}", batch.time.secs()),
        Event::OutputStarted(output) => format!("{} begun", output.id),
        Event::OutputCompleted(output) => format!("{} done", output.id),
        Event::BatchCompleted(batch) => format!("completed {}", batch.time.secs()),
        Event::BatchFailed(batch) => format!("failed {}", batch.time.secs()),
        Event::Malformed(line) => format!("malformed {}", line.line),
        Event::Stopped(result) => format!("stopped {}", if result.is_ok() { "well" } else { "ill" }),
        _ => "something else".to_owned(),
    }
}

fn words(recorder: &Recorder) -> Vec<String> {
    recorder.events().iter().map(word).collect()
}

#[test]
fn every_event_of_a_job_is_told_in_order() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1]]);
    let (recorder, ..) = (job.record(), job.capture(&rows), job.capture(&rows));
    job.run().unwrap();
    let expected = [
        "started test",
        "script started",
        "submitted 1",
        "begun 1",
        "0 begun",
        "0 done",
        "1 begun",
        "1 done",
        "completed 1",
        "script stopped",
        "stopped well",
    ];
    assert_eq!(words(&recorder), expected);
}

#[test]
fn a_source_that_fails_is_told_with_error_and_time() {
    let mut job = TestJob::new();
    let rows = job.script(Script::new([vec![1]]).named("meter").then_fail("the line is dead"));
    let recorder = job.record();
    drop(job.capture(&rows));
    job.tick().unwrap();
    assert!(matches!(job.tick().unwrap_err(), Error::Source(_)));
    let tail = words(&recorder);
    assert_eq!(tail[tail.len() - 4..], ["meter failed", "failed 2", "meter stopped", "stopped ill"]);
    let failed = recorder.events().into_iter().find_map(|event| match event {
        Event::SourceFailed(source) => Some(source),
        _ => None,
    });
    let failed = failed.unwrap();
    assert_eq!((failed.id, failed.error.as_deref()), (0, Some("meter: the line is dead")));
    assert_eq!(failed.error_time, Some(Time::from_secs(2)));
}

#[test]
fn a_batch_is_told_with_its_times_delays_and_records() {
    let mut job = TestJob::new();
    let (a, b) = (job.script(Script::new([vec![1, 2], vec![3]]).named("a")), job.source([vec![4], vec![5]]));
    let (clock, recorder) = (job.clock().clone(), job.record());
    // The first batch takes three seconds, so that the second waits for two.
    a.union(&b).for_each_batch(move |time, batch| {
        if time == Time::from_secs(1) {
            clock.advance(secs(3));
        }
        batch.count().map(drop)
    });
    job.tick().unwrap();
    job.advance(secs(0)).unwrap();
    assert!(job.context().await_batch(Time::from_secs(2)));
    job.stop().unwrap();
    let batches = recorder.batches();
    let [first, second] = &batches[..2] else { panic!("{batches:?}") };
    let at = Time::from_secs;
    assert_eq!((first.time, first.submitted, first.started, first.ended), (at(1), at(1), Some(at(1)), Some(at(4))));
    assert_eq!((second.time, second.submitted, second.started), (at(2), at(2), Some(at(4))));
    assert_eq!((first.scheduling_delay, second.scheduling_delay), (secs(0), secs(2)));
    assert_eq!((first.queued, second.queued), (0, 2));
    assert_eq!(second.total_delay(), secs(2) + second.processing);
    assert_eq!((first.records, second.records), (3, 2));
    let sources: Vec<_> = first.sources.iter().map(|source| (source.id, &*source.name, source.records)).collect();
    assert_eq!(sources, [(0, "a", 2), (1, "script", 1)]);
}

#[test]
fn an_output_is_told_with_name_description_times_and_failure() {
    let mut job = TestJob::with(|settings| settings.on_failure(OnFailure::SkipOutput));
    let rows = job.source([vec![1_u8]]);
    let (clock, recorder) = (job.clock().clone(), job.record());
    // Later batches are due then, and may run before the test goes on.
    rows.for_each_batch(move |time, _| {
        if time == Time::from_secs(1) {
            clock.advance(secs(2));
        }
    });
    rows.for_each_batch(|_, _| Err("the disk is full"));
    job.tick().unwrap();
    let outputs = recorder.outputs();
    let [slow, failed, ..] = &outputs[..] else { panic!("{outputs:?}") };
    let at = Time::from_secs;
    assert_eq!((slow.id, &*slow.name, &*slow.description), (0, "for_each_batch 1", "for_each_batch 1 of u8"));
    assert_eq!((slow.time, slow.started, slow.ended), (at(1), at(1), Some(at(3))));
    assert!(slow.failure.is_none() && slow.duration > std::time::Duration::ZERO);
    assert_eq!(failed.failure.as_deref(), Some("for_each_batch 2 of batch 1000 ms: the disk is full"));
    assert_eq!(recorder.batches()[0].outputs.len(), 2);
}

#[test]
fn a_failed_batch_is_told_as_failed_never_as_completed() {
    let mut job = TestJob::new();
    let recorder = job.record();
    job.source([vec![0_u32]]).map(|n| 1 / n).collect_to_memory();
    job.tick().unwrap_err();
    assert!(recorder.batches().is_empty());
    let failure = recorder.events().into_iter().find_map(|event| match event {
        Event::BatchFailed(batch) => batch.failure,
        _ => None,
    });
    let failure = failure.unwrap();
    assert!(failure.contains("divide by zero") && failure.contains("collect_to_memory 1, partition 0"), "{failure}");
}

#[test]
fn malformed_lines_are_told_before_their_batch_is_complete() {
    let ctx = StreamingContext::builder("lines").trigger(Trigger::Available).build();
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    let lines = ctx.text(Stdin::reading("numbers", &b"1\nx\n3\n"[..])).on_malformed(OnMalformed::Skip);
    lines.parse(|line| line.parse::<u8>().map(Some)).collect_to_memory();
    assert_eq!(ctx.run().unwrap().malformed, 1);
    let words = words(&recorder);
    let malformed = words.iter().position(|word| word == "malformed 2").unwrap();
    assert!(words[malformed + 1].starts_with("completed"), "{words:?}");
}

#[test]
fn a_listener_that_panics_hears_nothing_more_and_harms_nobody() {
    #[derive(Default)]
    struct Panics(AtomicU64);
    impl Listener for Panics {
        fn on_batch_completed(&self, _: &BatchInfo) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("the listener has a bug");
        }
    }
    let mut job = TestJob::new();
    let rows = job.source((0..5).map(|n| vec![n]));
    let panics = Arc::new(Panics::default());
    job.context().add_listener(panics.clone());
    let (rows, recorder) = (job.capture(&rows), job.record());
    let report = job.run().unwrap();
    assert_eq!((rows.rows().len(), recorder.batches().len()), (5, 5));
    assert_eq!((panics.0.load(Ordering::Relaxed), report.failed_listeners), (1, 1));
}

#[test]
fn a_batch_does_not_wait_for_a_slow_listener_but_the_end_of_the_job_does() {
    struct Slow {
        may_go_on: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
        heard: AtomicU64,
    }
    impl Listener for Slow {
        fn on_batch_completed(&self, _: &BatchInfo) {
            self.may_go_on.lock().unwrap().recv().unwrap();
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
    }
    let ctx = StreamingContext::builder("slow").trigger(Trigger::Available).build();
    let rows = ctx.source(Script::new((0..4).map(|n| vec![n])).source());
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    // All batches run while the listener still waits in the first.
    rows.for_each_batch(move |time, _| {
        if time == Time::from_secs(4) {
            (0..4).for_each(|_| go_on.send(()).unwrap());
        }
    });
    let slow = Arc::new(Slow { may_go_on: may_go_on.into(), heard: AtomicU64::new(0) });
    ctx.add_listener(slow.clone());
    let report = ctx.run().unwrap();
    assert_eq!((slow.heard.load(Ordering::Relaxed), report.batches, report.events_dropped), (4, 4, 0));
}

#[test]
fn a_listener_may_stop_the_job_and_one_that_waits_for_its_end_is_refused() {
    struct Stops {
        ctx: StreamingContext,
        refused: AtomicU64,
    }
    impl Listener for Stops {
        fn on_batch_completed(&self, _: &BatchInfo) {
            self.ctx.stop();
            if let Err(Error::WaitsForItself("await_termination")) = self.ctx.await_termination() {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            assert!(!self.ctx.await_batch(Time::MAX));
        }
    }
    let mut job = TestJob::new();
    let rows = job.source([vec![1]]);
    drop(job.capture(&rows));
    let stops = Arc::new(Stops { ctx: job.context().clone(), refused: AtomicU64::new(0) });
    job.context().add_listener(stops.clone());
    job.tick().unwrap();
    assert!(job.context().await_termination().is_ok());
    assert_eq!(stops.refused.load(Ordering::Relaxed), 1);
}

#[test]
fn the_end_is_told_with_the_report_or_the_error() {
    #[derive(Default)]
    struct Ends(std::sync::Mutex<Vec<String>>);
    impl Listener for Ends {
        fn on_stopped(&self, result: Result<&Report, &Error>) {
            let text = result.map(|report| report.batches.to_string()).unwrap_or_else(|error| error.to_string());
            self.0.lock().unwrap().push(text);
        }
    }
    for fails in [false, true] {
        let mut job = TestJob::new();
        let ends = Arc::new(Ends::default());
        job.context().add_listener(ends.clone());
        let rows = job.source([vec![1], vec![2]]);
        rows.for_each_batch(move |time, _| if fails && time > Time::from_secs(1) { Err("no") } else { Ok(()) });
        let _ = job.run();
        let expected = if fails { "for_each_batch 1 of batch 2000 ms: no" } else { "2" };
        assert_eq!(*ends.0.lock().unwrap(), [expected]);
    }
}

#[test]
fn operators_are_in_the_info_of_the_batch() {
    let mut job = TestJob::new();
    let rows = job.source([vec![1, 2, 3]]);
    let recorder = job.record();
    drop(job.capture(&rows));
    job.run().unwrap();
    let batches = recorder.batches();
    let [source, output] = &batches[0].operators[..] else { panic!("{batches:?}") };
    assert_eq!((&*source.name, source.kind, source.rows_out), ("script", "source", 3));
    assert_eq!((&*output.name, output.kind, output.rows_in), ("collect_to_memory 1", "output", 3));
}

/// Keys and bytes of every operator with state, after the first batch: of a thousand keys, one record each.
#[test]
fn every_operator_with_state_says_how_much_it_keeps() {
    let mut job = TestJob::new();
    let records: Vec<(u64, u64)> = (0..1_000).map(|i| (i, i)).collect();
    let stream = job.source([records]);
    let recorder = job.record();
    let by_time = || stream.event_time(|(at, _): &(u64, u64)| *at as i64, secs(10));
    let keyed = || stream.key_by(|(_, key)| key);
    let second = || (secs(1), secs(1));
    drop(job.capture(&keyed().window(second().0, second().1).named("windows").summarize(|on| on.count())));
    drop(job.capture(&stream.window(secs(1), secs(1)).named("records").records()));
    drop(job.capture(&keyed().named("sums").map_with_state(|(_, at), sum: &mut State<'_, u64, u64>| {
        *sum.or_default() += at;
    })));
    drop(job.capture(&keyed().named("running").running().summarize(|on| on.count())));
    drop(
        job.capture(
            &by_time().key_by(|(_, key)| key).named("panes").window(secs(5), secs(5)).summarize(|on| on.count()),
        ),
    );
    drop(job.capture(&by_time().key_by(|(_, key)| key).named("visits").session(secs(5)).summarize(|on| on.count())));
    drop(job.capture(&by_time().named("once").deduplicate(|(_, key)| key)));
    drop(job.capture(&by_time().named("about once").deduplicate_approx(|(_, key)| key, 1_000, 0.01)));
    let other = by_time().key_by(|(_, key)| key);
    drop(job.capture(&by_time().key_by(|(_, key)| key).named("pairs").join_within(other, -1_000, 1_000)));
    job.tick().unwrap();
    let operators = &recorder.batches()[0].operators;
    let size = |name: &str| {
        let operator = operators.iter().find(|operator| *operator.name == *name);
        let operator = operator.unwrap_or_else(|| panic!("{name} is not among {operators:?}"));
        (operator.keys.unwrap(), operator.state_bytes.unwrap())
    };
    for (name, keys, least) in [
        ("windows", 1_000, 24),
        ("records", 0, 16),
        ("sums", 1_000, 16),
        ("running", 1_000, 16),
        ("panes", 1_000, 16),
        ("visits", 1_000, 32),
        ("once", 1_000, 16),
        ("pairs", 1_000, 48),
    ] {
        let (found, bytes) = size(name);
        assert_eq!(found, keys, "keys of {name}");
        assert!((least * 1_000..1_000_000).contains(&bytes), "{name} keeps {bytes} bytes");
    }
    let (keys, bytes) = size("about once");
    assert!((900..1_100).contains(&keys) && (1_000..100_000).contains(&bytes), "{keys} keys in {bytes} bytes");
}
