//! Basic operations and operations on pairs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamgauge_stream::{Batch, DStream, Queue, ReferenceTable, StreamingContext, Time, Trigger, secs};

fn context() -> StreamingContext {
    StreamingContext::builder("operations").trigger(Trigger::Available).batch_interval(secs(1)).threads(2).build()
}

/// One batch for each of these.
fn numbers(ctx: &StreamingContext, batches: &[&[u64]]) -> DStream<u64> {
    let (queue, source) = Queue::new();
    batches.iter().for_each(|batch| assert!(queue.push(batch.to_vec())));
    queue.close();
    ctx.source(source.one_at_a_time())
}

#[test]
fn count_gives_exactly_one_row_a_batch_and_zero_for_an_empty_one() {
    let ctx = context();
    let counts = numbers(&ctx, &[&[1, 2], &[], &[3]]).count().collect_to_memory();
    ctx.run().unwrap();
    let at = Time::from_secs;
    assert_eq!(counts.batches(), [(at(1), vec![2]), (at(2), vec![0]), (at(3), vec![1])]);
}

#[test]
fn reduce_gives_no_row_for_an_empty_batch() {
    let ctx = context();
    let sums = numbers(&ctx, &[&[1, 2], &[], &[3]]).reduce(|a, b| a + b).collect_to_memory();
    ctx.run().unwrap();
    let sums: Vec<_> = sums.batches().into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(sums, [vec![3], vec![], vec![3]]);
}

#[test]
fn streams_of_different_contexts_are_not_combined_and_wrong_parameters_are_told_together() {
    let (ctx, other) = (context(), context());
    let (rows, strangers) = (numbers(&ctx, &[&[1]]), numbers(&other, &[&[1]]));
    let (pairs, strange_pairs) = (rows.map(|n| (n, n)), strangers.map(|n| (n, n)));
    rows.union(&strangers).print();
    pairs.join(&strange_pairs).print();
    pairs.cogroup(&strange_pairs).print();
    rows.transform_with(&strangers, |a: Batch<u64>, _| a).print();
    rows.filter_with(&strangers, |_, _| true).print();
    ctx.transform([strangers.clone()], |mut batches, _| batches.remove(0)).print();
    ctx.transform(Vec::<DStream<u64>>::new(), |mut batches, _| batches.remove(0)).print();
    rows.repartition(0).print();
    rows.sample(f64::NAN).print();
    rows.sample(1.5).print();
    rows.sample(-0.1).print();
    rows.remember(secs(0));
    rows.checkpoint(std::time::Duration::from_millis(1_500)).print();
    let table = ReferenceTable::from_fn("empty", || Ok::<_, String>(Vec::<(u64, u64)>::new()));
    rows.join_table(&table.refresh_every(secs(0)), |n| n).print();
    let error = ctx.start().unwrap_err().to_string();
    for part in [
        "union: the streams belong to different contexts",
        "join 1: the streams belong to different contexts",
        "cogroup 1: the streams belong to different contexts",
        "transform_with: the streams belong to different contexts",
        "filter_with 1: the streams belong to different contexts",
        "transform: the streams belong to different contexts",
        "transform: it was given no streams",
        "repartition 1: it was asked for 0 partitions",
        "sample 1: the fraction is NaN",
        "sample 2: the fraction is 1.5",
        "sample 3: the fraction is -0.1",
        "remember: 0ns are less than a batch",
        "checkpoint 1: the interval is 1.5s; it must be a multiple of the batch interval (1s)",
        "checkpoint 1: the job has no place for checkpoints",
        "join_table 1: the table is refreshed every 0 s",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(other.start().unwrap_err().to_string().contains("join 1: the streams belong to different contexts"));
}

#[test]
fn a_function_given_to_transform_is_called_once_a_batch() {
    let ctx = context();
    let calls = Arc::new(AtomicU64::new(0));
    let counter = calls.clone();
    let rows = numbers(&ctx, &[&[1, 2], &[], &[3]]).transform_at(move |batch, time| {
        // Plain state of the function: it runs on one thread at a time.
        assert_eq!(counter.fetch_add(1, Ordering::Relaxed) + 1, time.secs() as u64);
        batch.map(|n| n * 10)
    });
    let (a, b) = (rows.collect_to_memory(), rows.collect_to_memory());
    ctx.run().unwrap();
    assert_eq!((a.rows(), b.rows(), calls.load(Ordering::Relaxed)), (vec![10, 20, 30], vec![10, 20, 30], 3));
}

#[test]
fn transform_with_sees_the_batches_of_the_same_time() {
    let ctx = context();
    let (a, b) = (numbers(&ctx, &[&[1], &[2], &[3]]), numbers(&ctx, &[&[10], &[], &[30]]));
    let both = a.transform_with(&b, Batch::union).collect_to_memory();
    ctx.run().unwrap();
    let both: Vec<_> = both.batches().into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(both, [vec![1, 10], vec![2], vec![3, 30]]);
}

#[test]
fn a_transformation_that_fails_ends_the_job_and_is_named() {
    let ctx = context();
    numbers(&ctx, &[&[1]]).transform(|_| -> Batch<u64> { panic!("no idea") }).print();
    let error = ctx.run().unwrap_err().to_string();
    assert!(error.contains("transform 1") && error.contains("no idea"), "{error}");
}

#[test]
fn transform_and_windows_slide_together() {
    let ctx = context();
    let windows = numbers(&ctx, &[&[1], &[2], &[3], &[4]]).window(secs(2), secs(2)).summarize(|on| on.sum(|n| *n));
    let sums = windows.transform_at(|batch, time| batch.map(move |sum| (time.secs(), sum.value))).collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(sums.rows(), [(2, 3.0), (4, 7.0)], "called only where the window has a batch");
}

#[test]
fn rows_of_a_transformation_have_event_times() {
    let ctx = context();
    let late = numbers(&ctx, &[&[1_000, 2_000], &[9_000], &[1_500]]).transform(|batch| batch.filter(|n| *n > 0));
    let windows = late.event_time(|n| *n as i64, secs(1)).tumbling(secs(2)).summarize(|on| on.count());
    let windows = windows.collect_to_memory();
    let report = ctx.run().unwrap();
    let counts: Vec<_> = windows.rows().iter().map(|w| (w.start.secs(), w.value.count())).collect();
    assert_eq!((counts, report.late), (vec![(0, 1), (2, 1), (8, 1)], 1));
}
