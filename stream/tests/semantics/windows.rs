//! Windows by batch time, line by line.

use streamgauge_stream::{DStream, Error, MemorySink, Queue, StreamingContext, Trigger, secs};

/// Runs a job over batches of numbers, one a second from second 1 on; gives the rows by second.
fn run<R: Clone + Send + Sync + 'static>(
    batches: &[&[u64]],
    job: impl FnOnce(&DStream<u64>) -> DStream<R>,
) -> Vec<(i64, Vec<R>)> {
    let ctx = StreamingContext::builder("windows").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    for batch in batches {
        queue.push(batch.to_vec());
    }
    queue.close();
    let rows: MemorySink<R> = job(&ctx.source(source.one_at_a_time())).collect_to_memory();
    ctx.run().unwrap();
    rows.batches().into_iter().map(|(time, rows)| (time.secs(), rows)).collect()
}

fn problems(job: impl FnOnce(&DStream<u64>)) -> Vec<String> {
    let ctx = StreamingContext::builder("windows").batch_interval(secs(2)).build();
    let (_, source) = Queue::new();
    job(&ctx.source(source));
    match ctx.start() {
        Err(Error::Graph(problems)) => problems,
        other => panic!("it should not start: {other:?}"),
    }
}

#[test]
fn length_and_slide_are_multiples_of_the_interval_or_the_job_does_not_start() {
    let problems = problems(|stream| {
        stream.window(secs(5), secs(2)).records().for_each_batch(|_, _| ());
        stream.window(secs(4), secs(3)).named("sums").summarize(|on| on.sum(|x| *x)).for_each_batch(|_, _| ());
        stream.reduce_by_window(u64::max, secs(0), secs(2)).for_each_batch(|_, _| ());
    });
    assert_eq!(
        problems,
        [
            "window of records 1: the window's length of 5000 ms is no multiple of the batch interval of 2000 ms; write \
             4000 ms or 6000 ms",
            "sums: the window's slide of 3000 ms is no multiple of the batch interval of 2000 ms; write 2000 ms or 4000 ms",
            "reduced window 1: the window's length is 0ns; it must be whole milliseconds, not zero, and at most 100,000 days",
        ]
    );
}

#[test]
fn a_window_holds_the_batches_up_to_now_both_ends_included_and_early_ones_are_partial() {
    let rows = run(&[&[1], &[2], &[3], &[4]], |stream| stream.window(secs(3), secs(1)).records());
    assert_eq!(rows, [(1, vec![1]), (2, vec![1, 2]), (3, vec![1, 2, 3]), (4, vec![2, 3, 4])]);
}

#[test]
fn a_windowed_stream_has_batches_at_its_slides_only() {
    let rows = run(&[&[1], &[2], &[3], &[4], &[5]], |stream| stream.window(secs(2), secs(2)).records());
    assert_eq!(rows, [(2, vec![1, 2]), (4, vec![3, 4])]);
}

#[test]
fn a_slide_longer_than_the_window_samples() {
    let rows = run(&[&[1], &[2], &[3], &[4], &[5], &[6]], |stream| stream.window(secs(1), secs(3)).records());
    assert_eq!(rows, [(3, vec![3]), (6, vec![6])]);
    let sums =
        run(&[&[1], &[2], &[3], &[4], &[5], &[6]], |stream| stream.reduce_by_window(|a, b| a + b, secs(1), secs(3)));
    assert_eq!(sums, [(3, vec![3]), (6, vec![6])]);
}

#[test]
fn reduce_by_window_has_no_row_for_an_empty_window() {
    let sums = run(&[&[1, 2], &[], &[], &[5]], |stream| stream.reduce_by_window(|a, b| a + b, secs(2), secs(1)));
    assert_eq!(sums, [(1, vec![3]), (2, vec![3]), (3, vec![]), (4, vec![5])]);
}

#[test]
fn count_by_window_has_one_row_always() {
    let counts = run(&[&[], &[7, 8], &[9], &[], &[]], |stream| stream.count_by_window(secs(2), secs(1)));
    assert_eq!(counts, [(1, vec![0]), (2, vec![2]), (3, vec![3]), (4, vec![1]), (5, vec![0])]);
}

#[test]
fn count_by_value_and_window_drops_what_was_not_seen() {
    let counts = run(&[&[7, 7], &[], &[7]], |stream| stream.count_by_value_and_window(secs(2), secs(1)));
    assert_eq!(counts, [(1, vec![(7, 2)]), (2, vec![(7, 2)]), (3, vec![(7, 1)])]);
}

/// In Spark keys stay with the inverse form until a filter drops them.
#[test]
fn a_key_that_has_left_the_window_gives_no_row() {
    let sums = run(&[&[1], &[], &[], &[]], |stream| {
        let pairs = stream.map(|x| (x, 10 * x));
        pairs.reduce_by_key_and_window_with_inverse(|a, b| a + b, |a, b| a - b, secs(2), secs(1))
    });
    assert_eq!(sums, [(1, vec![(1, 10)]), (2, vec![(1, 10)]), (3, vec![]), (4, vec![])]);
}

#[test]
fn the_inverse_sees_what_leaves_after_what_comes() {
    let steps = run(&[&[1], &[2], &[3]], |stream| {
        let pairs = stream.map(|x| ((), vec![x]));
        let take_front = |mut all: Vec<u64>, old: Vec<u64>| {
            assert!(all.starts_with(&old));
            all.split_off(old.len())
        };
        let append = |a: Vec<u64>, b: Vec<u64>| [a, b].concat();
        pairs.reduce_by_key_and_window_with_inverse(append, take_front, secs(2), secs(1))
    });
    let values: Vec<_> = steps.into_iter().map(|(_, mut rows)| rows.remove(0).1).collect();
    assert_eq!(values, [vec![1], vec![1, 2], vec![2, 3]]);
}

#[test]
fn group_by_key_and_window_keeps_the_order_of_the_stream() {
    let groups = run(&[&[1, 2], &[3], &[4], &[5]], |stream| {
        stream.map(|x| (x % 2, x)).group_by_key_and_window(secs(2), secs(2))
    });
    let sorted = |(second, mut rows): (i64, Vec<(u64, Vec<u64>)>)| {
        rows.sort();
        (second, rows)
    };
    let groups: Vec<_> = groups.into_iter().map(sorted).collect();
    assert_eq!(groups, [(2, vec![(0, vec![2]), (1, vec![1, 3])]), (4, vec![(0, vec![4]), (1, vec![5])])]);
}
