//! Runs a job over random batches, on several threads.

use std::fmt::Debug;

use proptest::prelude::*;
use streamgauge_stream::{Batch, DStream, Error, Queue, Record, StreamingContext, Time, Trigger, secs};

/// The input: the rows of each batch.
pub(crate) type Batches<T> = Vec<Vec<T>>;

/// Small keys that collide, larger values; batches of none to many rows, some beyond a chunk.
pub(crate) fn pairs() -> impl Strategy<Value = Batches<(u8, i64)>> {
    let row = || (0_u8..12, -1_000_i64..1_000);
    let batch = prop_oneof![
        8 => prop::collection::vec(row(), 0..40),
        1 => prop::collection::vec((any::<u8>(), any::<i32>().prop_map(i64::from)), 1_000..2_600),
    ];
    prop::collection::vec(batch, 1..5)
}

/// A context, and a stream over these batches that has two partitions in each.
pub(crate) fn stream<T: Record>(ctx: &StreamingContext, batches: &Batches<T>) -> DStream<T> {
    let halves = [0, 1].map(|half| {
        let (queue, source) = Queue::new();
        for rows in batches {
            let middle = rows.len() / 3;
            queue.push(if half == 0 { rows[..middle].to_vec() } else { rows[middle..].to_vec() });
        }
        queue.close();
        ctx.source(source.one_at_a_time())
    });
    let [first, second] = halves;
    first.union(&second)
}

pub(crate) fn context(threads: usize) -> StreamingContext {
    StreamingContext::builder("oracle").trigger(Trigger::Available).batch_interval(secs(1)).threads(threads).build()
}

/// The rows of each batch: the same for 1, 2 and 8 threads.
pub(crate) fn run<T: Record, R: Record + Debug + PartialEq>(
    batches: &Batches<T>,
    describe: impl Fn(&StreamingContext, DStream<T>) -> DStream<R>,
) -> Vec<Vec<R>> {
    let results = [1, 2, 8].map(|threads| {
        let ctx = context(threads);
        let rows = describe(&ctx, stream(&ctx, batches)).collect_to_memory();
        ctx.run().unwrap();
        let batches = rows.batches();
        assert!(batches.iter().map(|(time, _)| *time).is_sorted());
        batches.into_iter().map(|(_, rows)| rows).collect::<Vec<_>>()
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    assert_eq!(results[0].len(), batches.len());
    let [first, ..] = results;
    first
}

/// What an action gives for each batch: the same for 1, 2 and 8 threads.
pub(crate) fn act<T: Record, R: Send + Debug + PartialEq + 'static>(
    batches: &Batches<T>,
    action: impl Fn(Batch<T>) -> Result<R, Error> + Copy + Send + 'static,
) -> Vec<R> {
    let results = [1, 2, 8].map(|threads| {
        let ctx = context(threads);
        let results = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let into = results.clone();
        stream(&ctx, batches).for_each_batch(move |_: Time, batch| {
            into.lock().unwrap().push(action(batch)?);
            Ok::<_, Error>(())
        });
        ctx.run().unwrap();
        std::mem::take(&mut *results.lock().unwrap())
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    let [first, ..] = results;
    first
}

pub(crate) fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

/// The error of a job over one batch of numbers.
pub(crate) fn error(describe: impl Fn(DStream<u32>)) -> String {
    let ctx = context(2);
    describe(stream(&ctx, &vec![(0..10).collect()]));
    ctx.run().unwrap_err().to_string()
}
