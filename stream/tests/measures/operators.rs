//! The operators of a job, and what each did in a batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use streamgauge_stream::monitor::{OperatorInfo, OperatorNode};
use streamgauge_stream::testing::{Recorder, Script, TestJob, same_for_any_threads};
use streamgauge_stream::{
    BatchInfo, Error, Event, OnMalformed, Queue, State, StreamingContext, TextBlock, Trigger, secs,
};

/// Three batches of these lines, in three partitions each; 15 words, of which 8 are long, 5 of these different.
const LINES: [&str; 6] = ["tea with milk", "milk and sugar", "tea", "cocoa with milk", "no tea", "water or tea"];

/// A job with most kinds of operators.
fn job(threads: usize) -> (TestJob, Arc<Recorder>) {
    let mut job = TestJob::with(|settings| settings.threads(threads));
    let batch = || LINES.map(str::to_owned).to_vec();
    let lines = job.script(Script::new([batch(), batch(), batch()]).in_partitions(3).named("lines"));
    let recorder = job.record();
    let words = lines.flat_map(|line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let long = words.filter(|word| word.len() > 3);
    let counts = long.key_by(|word: &String| word.as_str()).window(secs(2), secs(1)).named("counts");
    let counts = counts.summarize(|on| on.count()).map(|(word, n)| (word.to_string(), n.count()));
    let seen = words.key_by(|word| word).named("seen").map_with_state(|word, n: &mut State<'_, String, u64>| {
        *n.or_default() += 1;
        (word, *n.or_default())
    });
    drop(job.capture(&counts.join(&seen)));
    let lengths = long.map(|word| word.len());
    lengths.train_on(|on| on.mean(|length: &usize| *length as f64));
    long.for_each_batch(|_, batch| batch.count().map(drop));
    (job, recorder)
}

fn described(recorder: &Recorder) -> Vec<OperatorNode> {
    let started = |event| if let Event::Started(job) = event { Some(job.operators) } else { None };
    recorder.events().into_iter().find_map(started).unwrap()
}

#[track_caller]
fn of<'a>(batch: &'a BatchInfo, name: &str) -> &'a OperatorInfo {
    let found = batch.operators.iter().find(|operator| *operator.name == *name);
    found.unwrap_or_else(|| panic!("{name} is not among {:#?}", batch.operators))
}

#[test]
fn all_operators_are_described_with_what_they_read() {
    let (mut job, recorder) = job(2);
    job.tick().unwrap();
    let described = described(&recorder);
    let found: Vec<_> = described.iter().map(|it| (&*it.name, it.kind, it.inputs.join(" + "), &*it.rows)).collect();
    let expected = [
        ("lines", "source", "", "String"),
        ("flat_map 1", "flat_map", "lines", "String"),
        ("filter 1", "filter", "flat_map 1", "String"),
        ("counts", "window", "filter 1", "(CompactString, Estimate)"),
        ("map 1", "map", "counts", "(String, u64)"),
        ("seen", "state", "flat_map 1", "(String, u64)"),
        ("join 1", "join", "map 1 + seen", "(String, (u64, u64))"),
        ("collect_to_memory 1", "output", "join 1", "(String, (u64, u64))"),
        ("map 2", "map", "filter 1", "usize"),
        ("model 1", "model", "map 2", "()"),
        ("for_each_batch 1", "output", "filter 1", "String"),
    ];
    assert_eq!(found, expected.map(|(name, kind, inputs, rows)| (name, kind, inputs.to_owned(), rows)));
    let batch = &recorder.batches()[0];
    let measured: Vec<_> = batch.operators.iter().map(|it| (&*it.name, it.kind)).collect();
    assert_eq!(measured, expected.map(|(name, kind, ..)| (name, kind)));
}

#[test]
fn what_goes_out_of_an_operator_comes_in_to_its_readers() {
    let counted = same_for_any_threads(|threads| {
        let (mut job, recorder) = job(threads);
        job.run().unwrap();
        let batches = recorder.batches();
        let counts = |it: &OperatorInfo| (it.name.to_string(), it.rows_in, it.rows_out, it.merges, it.keys);
        batches.iter().map(|batch| batch.operators.iter().map(counts).collect::<Vec<_>>()).collect::<Vec<_>>()
    });
    // Of the second batch: its window has panes of both.
    let expected = [
        ("lines", 0, 6),
        ("flat_map 1", 6, 15),
        ("filter 1", 15, 8),
        ("counts", 8, 5),
        ("map 1", 5, 5),
        ("seen", 15, 15),
        ("join 1", 20, 8),
        ("collect_to_memory 1", 8, 0),
        ("map 2", 8, 8),
        ("model 1", 8, 0),
        ("for_each_batch 1", 8, 0),
    ];
    for (found, (name, rows_in, rows_out)) in counted[1].iter().zip(expected) {
        assert_eq!((&*found.0, found.1, found.2), (name, rows_in, rows_out));
    }
    for (name, _, _, merges, keys) in &counted[1] {
        // Three partitions have 8 words, which become 5 keys, whose panes go into 5 windows.
        assert_eq!(*merges > 0, name == "counts", "{name} has merged {merges}");
        assert_eq!(keys.is_some(), ["counts", "seen", "model 1"].contains(&&**name), "{name}");
    }
    assert_eq!(counted[1][3].4, Some(5));
}

/// A spinning operator is found out, and nobody else is charged with its time.
#[test]
fn time_is_that_of_the_operator_that_took_it() {
    const SPIN: Duration = Duration::from_millis(60);
    for threads in [1, 8] {
        let mut job = TestJob::with(|settings| settings.threads(threads));
        let numbers = job.script(Script::new([(0..3_000_u64).collect()]).in_partitions(3));
        let recorder = job.record();
        let slow = numbers.filter(|n| n % 2 == 0).map(|n| {
            let begun = Instant::now();
            while n % 1_000 == 0 && begun.elapsed() < SPIN {
                std::hint::spin_loop();
            }
            n % 7
        });
        drop(job.capture(&slow.key_by(|n| n).window(secs(2), secs(1)).summarize(|on| on.count()).map(|row| row)));
        job.tick().unwrap();
        let batch = &recorder.batches()[0];
        let slow = of(batch, "map 1");
        assert!(slow.elapsed >= 3 * SPIN, "{slow:?}");
        let all: Duration = batch.operators.iter().map(|operator| operator.elapsed).sum();
        assert!(all <= batch.processing * threads as u32, "{all:?} in {:?}: {:#?}", batch.processing, batch.operators);
        assert!(batch.operators.iter().all(|operator| !operator.elapsed.is_zero()), "{:#?}", batch.operators);
        if threads == 1 {
            // Charged twice, it would not fit.
            assert!(all < batch.processing + SPIN && batch.processing < 6 * SPIN, "{all:?} in {:?}", batch.processing);
        }
    }
}

#[test]
fn lines_are_counted_where_they_are_parsed() {
    let ctx = StreamingContext::builder("text").trigger(Trigger::Available).build();
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    let (queue, blocks) = Queue::new();
    let text = ctx.text(blocks).on_malformed(OnMalformed::Skip);
    let (numbers, malformed) = text.parse_or_divert(|line| line.parse::<u64>().map(Some));
    numbers.for_each_batch(|_, batch| batch.count().map(drop));
    malformed.for_each_batch(|_, batch| batch.count().map(drop));
    text.parse(|line| line.parse::<u64>().map(|n| [n, n])).for_each_batch(|_, batch| batch.count().map(drop));
    queue.push(vec![TextBlock::of_lines("input", 1, "7\nseven\n8\n".to_owned())]);
    queue.close();
    ctx.run().unwrap();
    let batch = &recorder.batches()[0];
    let rows = |name| (of(batch, name).rows_in, of(batch, name).rows_out);
    assert_eq!(rows("queue"), (0, 3));
    assert_eq!(rows("parse 1"), (3, 3));
    assert_eq!((rows("parsed 1"), rows("malformed 1")), ((3, 2), (3, 1)));
    assert_eq!(rows("parse 2"), (3, 4));
    assert_eq!(rows("for_each_batch 3"), (4, 0));
}

#[test]
fn late_records_and_snapshots_are_streams_of_their_operator() {
    let mut job = TestJob::new();
    let records: Vec<(i64, u32)> = vec![(20_000, 1), (21_000, 1), (1_000, 2), (40_000, 1)];
    let records = job.source([records]);
    let recorder = job.record();
    let windows = records.event_time(|(at, _)| *at, secs(1)).key_by(|(_, key)| key).tumbling(secs(5)).named("windows");
    let (windows, late) = windows.summarize_with_late(|on| on.count());
    let seen = records.key_by(|(_, key)| key).map_with_state(|_, n: &mut State<'_, u32, u64>| *n.or_default() += 1);
    // Whoever reads first: the work is that of the operator itself.
    drop((job.capture(&late), job.capture(&seen.state_snapshots()), job.capture(&windows), job.capture(&*seen)));
    job.run().unwrap();
    let nodes = described(&recorder);
    let inputs = |name: &str| nodes.iter().find(|node| *node.name == *name).unwrap().inputs.clone();
    assert_eq!((inputs("late 1"), inputs("snapshots 1")), (vec!["windows".to_owned()], vec!["state 1".to_owned()]));
    let batch = &recorder.batches()[0];
    let rows = |name| (of(batch, name).rows_in, of(batch, name).rows_out);
    assert_eq!((rows("windows"), rows("late 1").1), ((4, 2), 1));
    assert_eq!((rows("state 1"), rows("snapshots 1").1), ((4, 4), 2));
}

#[test]
fn a_batch_that_keeps_rows_counts_them_once() {
    let mut job = TestJob::with(|settings| settings.attempts(3));
    let numbers = job.script(Script::new([(0..100_u64).collect()]).in_partitions(2));
    let recorder = job.record();
    let calls = std::sync::atomic::AtomicU64::new(0);
    let broken = numbers.map(move |n| {
        assert_ne!(calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed), 30, "broken");
        n
    });
    drop(job.capture(&broken.count()));
    broken
        .transform(|batch| Ok::<_, Error>(batch.filter(|n| n % 2 == 0)))
        .for_each_batch(|_, batch| batch.count().map(drop));
    job.tick().unwrap();
    let batch = &recorder.batches()[0];
    assert_eq!(batch.retries, 1);
    let rows = |name| (of(batch, name).rows_in, of(batch, name).rows_out);
    assert_eq!((rows("map 1"), rows("count 1")), ((100, 100), (100, 1)));
    assert_eq!((rows("transform 1"), rows("for_each_batch 1").0), ((100, 50), 50));
}
