//! A learned rate outlives the process.

use std::sync::Arc;

use streamgauge_stream::testing::{FaultyDisk, Recorder};
use streamgauge_stream::{
    BatchInfo, ContextBuilder, Error, MemorySink, PidRateEstimator, Rate, Resume, Source, StreamingContext, Time,
    millis,
};

use crate::support::{WorkClock, job, rates, takes};

const RECORDS: u64 = 20_000;

/// A job that is overloaded, and ends as it is told in the batch of a time; before that it learns 1,000 a second.
fn describe(
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
    end: Option<(Time, End)>,
) -> (StreamingContext, Arc<WorkClock>, MemorySink<u64>) {
    let (ctx, clock) = job(|it| settings(it.checkpoint_every(4)));
    let numbers = ctx.source(Rate::per_second(4_000).records(RECORDS));
    takes(&numbers, &clock, |_| millis(1));
    let rows = numbers.map(|(n, _)| n).collect_to_memory();
    let context = ctx.clone();
    numbers.for_each_batch(move |time, _| match end {
        Some((at, End::Fails)) if at == time => Err("the power is cut"),
        Some((at, End::Stops)) if at == time => {
            context.stop();
            Ok(())
        }
        _ => Ok(()),
    });
    (ctx, clock, rows)
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Fails,
    Stops,
}

fn run(ctx: &StreamingContext) -> (Vec<BatchInfo>, Result<(), Error>) {
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    ctx.start().unwrap();
    let result = ctx.await_termination().map(drop);
    (recorder.batches(), result)
}

fn pid(settings: ContextBuilder) -> ContextBuilder {
    settings.backpressure(PidRateEstimator::new)
}

fn stored(disk: &FaultyDisk) -> impl FnOnce(ContextBuilder) -> ContextBuilder + use<> {
    let disk = disk.clone();
    |it| it.checkpoint_storage(disk)
}

#[test]
fn after_a_crash_the_rate_is_that_of_the_last_logged_batch() {
    // A checkpoint is taken after batches 4 and 8; the rate is first learnt in batch 3.
    for (crash, learned) in [(3, 100.0), (4, 1_000.0), (6, 1_000.0), (9, 1_000.0), (11, 1_000.0)] {
        let disk = FaultyDisk::new();
        let crash = Time::from_secs(crash);
        let (ctx, _, before) = describe(|it| pid(stored(&disk)(it)), Some((crash, End::Fails)));
        let (_, result) = run(&ctx);
        assert!(result.unwrap_err().to_string().contains("the power is cut"));
        disk.restart(0);

        let (ctx, _, after) = describe(|it| pid(stored(&disk)(it)), None);
        let (batches, result) = run(&ctx);
        result.unwrap();
        // What was logged runs again, in ranges that are what they were; the batch that failed with its outputs.
        let again = after.batches()[0].clone();
        assert_eq!(again.0, crash);
        assert_eq!(Some(&again), before.batches().last(), "the same records, whatever the rate is now");
        let new: Vec<BatchInfo> = batches.into_iter().filter(|batch| batch.time > crash).collect();
        assert_eq!(rates(&new)[0], learned, "crash at {crash}");
        let mut rows: Vec<u64> = before.rows();
        rows.truncate(rows.len() - again.1.len());
        rows.extend(after.rows());
        assert_eq!(rows, (0..RECORDS).collect::<Vec<_>>());
    }
}

#[test]
fn batches_that_run_again_teach_nothing() {
    let disk = FaultyDisk::new();
    let (ctx, ..) = describe(|it| pid(stored(&disk)(it)), Some((Time::from_secs(6), End::Fails)));
    run(&ctx).1.unwrap_err();
    disk.restart(0);
    // Each record takes ten times as long now, also of the batches that run again.
    let (ctx, clock) = job(|it| pid(stored(&disk)(it.checkpoint_every(4))));
    takes(&ctx.source(Rate::per_second(4_000).records(RECORDS)), &clock, |_| millis(10));
    let (batches, result) = run(&ctx);
    result.unwrap();
    let limits = rates(&batches);
    let first_new = batches.iter().position(|batch| batch.time == Time::from_secs(7)).unwrap();
    assert_eq!(limits[first_new], 1_000.0);
    assert!(limits[first_new + 1] < 200.0, "it learns from the first that is new: {limits:?}");
}

#[test]
fn a_job_that_was_stopped_goes_on_with_what_it_learned_last() {
    let disk = FaultyDisk::new();
    let (ctx, ..) = describe(|it| pid(stored(&disk)(it)), Some((Time::from_secs(3), End::Stops)));
    let (batches, result) = run(&ctx);
    result.unwrap();
    assert_eq!(rates(&batches), [100.0; 3], "it has not come to use it");
    disk.restart(0);
    let (ctx, ..) = describe(|it| pid(stored(&disk)(it)), None);
    assert_eq!(rates(&run(&ctx).0)[0], 1_000.0);
}

#[test]
fn a_snapshot_has_the_rate() {
    let (ctx, ..) = describe(pid, Some((Time::from_secs(5), End::Stops)));
    run(&ctx).1.unwrap();
    let snapshot = ctx.snapshot().unwrap();
    let (ctx, ..) = describe(pid, None);
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    ctx.start_from(&snapshot).unwrap();
    ctx.await_termination().unwrap();
    assert_eq!(rates(&recorder.batches())[0], 1_000.0);
}

#[test]
fn the_rate_is_kept_while_backpressure_is_off_and_when_state_is_ignored() {
    let disk = FaultyDisk::new();
    let (ctx, ..) = describe(|it| pid(stored(&disk)(it)), Some((Time::from_secs(5), End::Stops)));
    run(&ctx).1.unwrap();
    disk.restart(0);
    // One batch without it.
    let (ctx, _) = job(stored(&disk));
    let context = ctx.clone();
    let numbers = ctx.source(Rate::per_second(4_000).records(RECORDS).max_rate(10));
    numbers.for_each_batch(move |_, _| context.stop());
    let (batches, result) = run(&ctx);
    result.unwrap();
    assert_eq!(rates(&batches), [10.0]);
    disk.restart(0);
    let (ctx, ..) = describe(|it| pid(stored(&disk)(it.resume(Resume::IgnoreState))), None);
    assert_eq!(rates(&run(&ctx).0)[0], 1_000.0);
}
