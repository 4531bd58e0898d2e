//! Remembered batches and slices of them.

use std::sync::Arc;

use streamgauge_stream::{Clock, DStream, ManualClock, Queue, StreamingContext, Time, Trigger, millis, secs};

fn ten_batches(ctx: &StreamingContext) -> DStream<u64> {
    let (queue, source) = Queue::new();
    (1..=10).for_each(|n| assert!(queue.push(vec![n])));
    queue.close();
    ctx.source(source.one_at_a_time())
}

fn context() -> StreamingContext {
    StreamingContext::builder("remember").trigger(Trigger::Available).batch_interval(secs(1)).threads(2).build()
}

fn seconds(slice: &[(Time, Vec<u64>)]) -> Vec<i64> {
    slice.iter().map(|(time, _)| time.secs()).collect()
}

#[test]
fn batches_at_or_before_the_time_less_what_is_remembered_are_forgotten() {
    let ctx = context();
    let rows = ten_batches(&ctx).remember(secs(4));
    ctx.run().unwrap();
    assert_eq!(seconds(&rows.slice(Time::MIN, Time::MAX)), [7, 8, 9, 10]);
}

#[test]
fn a_slice_has_both_of_its_ends() {
    let ctx = context();
    let rows = ten_batches(&ctx).remember(secs(60));
    ctx.run().unwrap();
    assert_eq!(
        rows.slice(Time::from_secs(3), Time::from_secs(4)),
        [(Time::from_secs(3), vec![3]), (Time::from_secs(4), vec![4])]
    );
    assert_eq!(seconds(&rows.slice(Time::from_secs(4), Time::from_secs(3))), [0; 0]);
}

#[test]
fn ends_between_two_batches_are_those_of_the_batch_before() {
    let ctx = context();
    let rows = ten_batches(&ctx).remember(secs(60));
    ctx.run().unwrap();
    assert_eq!(seconds(&rows.slice(Time::from_millis(3_999), Time::from_millis(5_001))), [3, 4, 5]);
}

#[test]
fn times_before_the_job_are_passed_over() {
    let ctx = context();
    let rows = ten_batches(&ctx).remember(secs(60));
    ctx.run().unwrap();
    assert_eq!(seconds(&rows.slice(Time::from_secs(-5), Time::from_secs(2))), [1, 2]);
    assert_eq!(ten_batches(&context()).slice(Time::MIN, Time::MAX), [], "nothing is remembered unless it is asked for");
}

#[test]
fn a_stream_can_be_looked_at_while_the_job_runs() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(100)));
    let ctx = StreamingContext::builder("live").clock(clock.clone()).batch_interval(secs(1)).build();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source).remember(secs(2));
    ctx.start().unwrap();
    for n in 0..3_u64 {
        queue.push(vec![n]);
        clock.advance(secs(1));
        assert!(ctx.await_batch(clock.now()));
        assert_eq!(rows.slice(clock.now(), clock.now()), [(clock.now(), vec![n])]);
    }
    assert_eq!(seconds(&rows.slice(Time::MIN, Time::MAX)), [102, 103]);
    ctx.stop();
    ctx.await_termination().unwrap();
}

#[test]
fn less_than_a_batch_is_not_remembered() {
    let ctx = context();
    ten_batches(&ctx).remember(millis(500));
    assert!(ctx.start().unwrap_err().to_string().contains("remember: 500ms are less than a batch"));
}

#[test]
fn checkpoints_are_refused_where_they_do_not_fit() {
    let ctx = context();
    let rows = ten_batches(&ctx).remember(secs(4));
    rows.checkpoint(secs(4)).print();
    let error = ctx.start().unwrap_err().to_string();
    assert!(error.contains("checkpoint 1: the stream is remembered for 4s"), "{error}");
    assert!(error.contains("checkpoint 1: the job has no place for checkpoints"), "{error}");
}
