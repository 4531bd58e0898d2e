//! Rates that follow what a job works off: the checklist of Spark Streaming's backpressure.

use std::time::Duration;

use streamgauge_stream::testing::same_for_any_threads;
use streamgauge_stream::{
    BatchInfo, ContextBuilder, Error, PidRateEstimator, ProcessedBatch, Queue, Rate, RateEstimator, Source,
    StreamingContext, Time, Trigger, millis, secs,
};

use crate::support::{batches, job, rates, takes};

/// A millisecond for a record, and two from the sixth batch on.
fn slower_from_the_sixth(time: Time) -> Duration {
    millis(if time.secs() < 6 { 1 } else { 2 })
}

#[test]
fn pid_the_rate_follows_the_formula_batch_by_batch() {
    let (ctx, clock) = job(|it| it.backpressure(PidRateEstimator::new));
    takes(&ctx.source(Rate::per_second(5_000).records(5_000)), &clock, slower_from_the_sixth);
    let batches = batches(&ctx);
    // The first batch has no records. The second (100 in 100 ms) sets the latest rate; the third says 1,000.
    // 6: 1,000 in 2 s, so 1000 - 500. 7: late by 1 s, 500 - 0.2 × 500. 8: late by 1 s, 400 + 100 - 0.2 × 500.
    // 9: late by 0.8 s, 400 + 100 - 0.2 × 400.
    let expected = [100.0, 100.0, 100.0, 1_000.0, 1_000.0, 1_000.0, 500.0, 400.0, 400.0, 420.0];
    assert_eq!(rates(&batches)[..10], expected);
    let records: Vec<u64> = batches.iter().map(|batch| batch.records).take(10).collect();
    assert_eq!(records, [0, 100, 100, 1_000, 1_000, 1_000, 500, 400, 400, 420]);
}

/// Twice as much as is worked off for a hundred seconds.
fn overloaded(settings: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Vec<BatchInfo> {
    let (ctx, clock) = job(settings);
    takes(&ctx.source(Rate::per_second(2_000).records(200_000)), &clock, |_| millis(1));
    batches(&ctx)
}

#[test]
fn the_delay_of_an_overloaded_job_is_bounded_and_no_record_is_lost() {
    let longest = |batches: &[BatchInfo]| batches.iter().map(BatchInfo::total_delay_by_clock).max().unwrap();
    let batches_with = overloaded(|it| it.backpressure(PidRateEstimator::new));
    assert_eq!(batches_with.iter().map(|batch| batch.records).sum::<u64>(), 200_000);
    assert!(longest(&batches_with) <= secs(1), "{:?}", longest(&batches_with));
    // Without it the job lags by 100 seconds.
    let without = overloaded(|it| it);
    assert_eq!(without.iter().map(|batch| batch.records).sum::<u64>(), 200_000);
    assert!(longest(&without) >= secs(90));
}

/// The delay by the job's clock: its work is no work of the machine.
trait ByClock {
    fn total_delay_by_clock(&self) -> Duration;
}

impl ByClock for BatchInfo {
    fn total_delay_by_clock(&self) -> Duration {
        self.ended.unwrap().since(self.submitted)
    }
}

#[test]
fn a_record_limit_is_the_rate_times_the_seconds_of_a_batch() {
    let (ctx, _) = job(|it| it.batch_interval(millis(2_500)));
    let numbers = ctx.source(Rate::per_second(1_000).records(2_500).max_rate(100));
    numbers.for_each_batch(|_, batch| batch.count().map(drop));
    let records: Vec<u64> = batches(&ctx).iter().map(|batch| batch.records).collect();
    assert_eq!(records, [&[0][..], &[250; 10]].concat());
}

#[test]
fn the_lower_of_the_fixed_and_the_learned_rate_holds() {
    for (fixed, expected) in [(300, [100.0, 100.0, 100.0, 300.0]), (50, [50.0; 4])] {
        let (ctx, clock) = job(|it| it.backpressure(PidRateEstimator::new));
        takes(&ctx.source(Rate::per_second(1_000).records(1_000).max_rate(fixed)), &clock, |_| millis(1));
        assert_eq!(rates(&batches(&ctx))[..4], expected, "and so for the initial rate");
    }
}

/// Says what the records of a batch are, as a rate.
#[derive(Clone, Copy)]
struct Says(fn(u64) -> Option<f64>);

impl RateEstimator for Says {
    fn compute(&mut self, batch: &ProcessedBatch) -> Option<f64> {
        (self.0)(batch.records)
    }

    fn initial_rate(&self) -> Option<f64> {
        Some(10.0)
    }
}

#[test]
fn a_rate_that_is_none_is_ignored() {
    let none: [fn(u64) -> Option<f64>; 5] =
        [|_| None, |_| Some(0.0), |_| Some(-5.0), |_| Some(f64::NAN), |_| Some(f64::INFINITY)];
    for rate in none {
        let (ctx, _) = job(|it| it.backpressure(move || Says(rate)));
        ctx.source(Rate::per_second(100).records(50)).for_each_batch(|_, batch| batch.count().map(drop));
        let batches = batches(&ctx);
        assert_eq!(rates(&batches), [10.0; 6]);
        assert_eq!(batches.iter().map(|batch| batch.records).collect::<Vec<_>>(), [0, 10, 10, 10, 10, 10]);
    }
}

#[test]
fn each_source_has_an_estimator_of_its_own() {
    let (ctx, _) = job(|it| it.backpressure(|| Says(|records| Some(records as f64 + 1.0))));
    let fast = ctx.source(Rate::per_second(1_000).records(100));
    let slow = ctx.source(Rate::per_second(5).records(40));
    fast.union(&slow).for_each_batch(|_, batch| batch.count().map(drop));
    let batches = batches(&ctx);
    let limits = |id: usize| batches[..6].iter().map(|it| it.sources[id].rate_limit.unwrap()).collect::<Vec<_>>();
    // The first batch has no records; then each has one more than before, as far as there are any.
    assert_eq!(limits(0), [10.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(limits(1), [10.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(batches[9].sources[0].records, 9);
    assert!(batches[9].sources[1].records < 9, "it gives five a second");
}

#[test]
fn batches_without_records_teach_nothing() {
    let (ctx, clock) = job(|it| it.backpressure(PidRateEstimator::new));
    let (queue, numbers) = Queue::new();
    let numbers = ctx.source(numbers.one_at_a_time());
    takes(&numbers, &clock, |_| millis(1));
    for records in [50, 50, 0, 0, 200, 0] {
        queue.push(vec![0_u8; records]);
    }
    queue.close();
    let batches = batches(&ctx);
    assert_eq!(batches.iter().map(|batch| batch.records).collect::<Vec<_>>(), [50, 50, 0, 0, 200, 0]);
    assert_eq!(rates(&batches), [100.0, 100.0, 1_000.0, 1_000.0, 1_000.0, 1_000.0]);
}

#[test]
fn a_job_that_cannot_have_it_is_refused() {
    let refused = |settings: ContextBuilder| {
        let ctx = settings.build();
        ctx.source(Rate::per_second(1)).for_each_batch(|_, _| ());
        match ctx.start() {
            Err(Error::Graph(problems)) => problems,
            other => panic!("{other:?}"),
        }
    };
    let problems = refused(
        StreamingContext::builder("a")
            .trigger(Trigger::Available)
            .backpressure(|| PidRateEstimator::new().proportional(-1.0)),
    );
    assert_eq!(problems[0], "backpressure: proportional is -1; write 0 or more");
    assert!(problems[1].starts_with("backpressure: batches of Trigger::Available depend on the input alone"));
    assert_eq!(problems.len(), 2);
}

#[test]
fn an_estimator_that_panics_ends_the_job_with_an_error() {
    let (ctx, _) = job(|it| it.backpressure(|| Says(|_| panic!("expected by this test"))));
    ctx.source(Rate::per_second(1)).for_each_batch(|_, _| ());
    ctx.start().unwrap();
    let error = ctx.await_termination().unwrap_err().to_string();
    assert_eq!(error, "rate of 1 a second: panicked: expected by this test");
}

#[test]
fn rows_are_the_same_for_any_number_of_threads() {
    let rows = same_for_any_threads(|threads| {
        let (ctx, clock) = job(|it| it.threads(threads).backpressure(PidRateEstimator::new));
        let numbers = ctx.source(Rate::per_second(3_000).records(20_000));
        takes(&numbers, &clock, slower_from_the_sixth);
        let counts = numbers.map(|(n, _)| n % 7).key_by(|n| n).window(secs(3), secs(1)).summarize(|on| on.count());
        let rows = counts.map(|(key, n)| (key, n.count())).collect_to_memory();
        let rates = rates(&batches(&ctx));
        (rates, rows.batches())
    });
    assert!(rows.0.len() > 20 && rows.1.iter().any(|(_, rows)| rows.len() == 7));
}

#[test]
fn the_load_is_known_when_a_batch_is_planned() {
    let batches = overloaded(|it| it);
    let load = batches[4].load;
    // From the second on a batch has 2,000 records and takes two seconds. The fifth is due at 5, and begins at 8.
    assert_eq!((load.interval, load.processing, load.records), (secs(1), secs(2), 2_000));
    assert_eq!(load.scheduling_delay, secs(3));
    assert_eq!(batches[4].scheduling_delay, secs(3));
}
