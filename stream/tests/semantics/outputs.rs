//! Output operations.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use streamgauge_stream::sink::{Cause, Files, Part, Sink};
use streamgauge_stream::{
    BatchInfo, Error, Listener, ManualClock, MemorySink, Queue, Report, StreamingContext, Time, Trigger, secs,
};

/// A job of these batches, one a second from 1,000 ms on.
fn job<T: Clone + Send + Sync + 'static>(
    batches: Vec<Vec<T>>,
    describe: impl FnOnce(&StreamingContext, &streamgauge_stream::DStream<T>),
) -> (StreamingContext, Result<Report, Error>) {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    describe(&ctx, &ctx.source(source.one_at_a_time()));
    batches.into_iter().for_each(|rows| assert!(queue.push(rows)));
    queue.close();
    let result = ctx.start().and_then(|()| ctx.await_termination());
    (ctx, result)
}

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("streamgauge-outputs-{}-{test}", std::process::id())))
    }

    /// All files that are not hidden, with what is in them.
    fn files(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap());
        let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
        let seen = files.filter(|(name, _)| !name.starts_with('.'));
        seen.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `print()` prints ten rows, then `...` if there are more; `print(n)` prints n. Below the time of the batch.
///
/// What is printed goes past the test's capture, so the job runs in a process of its own: this very test.
#[test]
fn print_prints_ten_rows_or_so_many_and_dots_if_there_are_more() {
    const CHILD: &str = "STREAMGAUGE_PRINTS";
    if std::env::var_os(CHILD).is_some() {
        let (_, result) = job(vec![(0..10).collect(), (0..11).collect(), vec![]], |_, numbers| {
            numbers.print();
            numbers.map(|n: i32| (n, "x")).print_first(1);
        });
        result.unwrap();
        return;
    }
    let name = "outputs::print_prints_ten_rows_or_so_many_and_dots_if_there_are_more";
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--exact", name]).env(CHILD, "1").output().unwrap();
    assert!(child.status.success());
    let rule = "-".repeat(43);
    let header = |second: u32| format!("{rule}\nTime: {second}000 ms\n{rule}\n");
    let ten = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let expected = [
        format!("{}{ten}\n", header(1)),
        format!("{}(0, \"x\")\n...\n\n", header(1)),
        format!("{}{ten}...\n\n", header(2)),
        format!("{}(0, \"x\")\n...\n\n", header(2)),
        format!("{}\n", header(3)),
        format!("{}\n", header(3)),
    ];
    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(printed.contains(&expected.concat()), "{printed}");
}

/// `saveAsTextFiles(prefix, suffix)` names what it writes `prefix-TIME_IN_MS[.suffix]`. Ours is a file, not a folder.
#[test]
fn files_are_named_prefix_time_in_ms_and_suffix() {
    let scratch = Scratch::new("names");
    let (_, result) = job(vec![vec!["a", "b"], vec![], vec!["c"]], |_, words| {
        words.write_to(Files::text(scratch.0.join("words")));
        words.write_to(Files::text(scratch.0.join("words")).suffix(""));
    });
    result.unwrap();
    let contents = [("1000", "a\nb\n"), ("2000", ""), ("3000", "c\n")];
    let named = |suffix: &'static str| {
        contents.iter().map(move |(time, text)| (format!("words-{time}{suffix}"), (*text).to_owned()))
    };
    assert_eq!(scratch.files(), named(".txt").chain(named("")).collect());
}

/// Overwriting is allowed (SPARK-4835): a batch that is run again replaces its file.
#[test]
fn files_of_a_batch_that_is_run_again_are_overwritten() {
    let scratch = Scratch::new("overwriting");
    let write = |batches| {
        let (_, result) = job(batches, |_, words| words.write_to(Files::text(scratch.0.join("words"))));
        result.unwrap();
        scratch.files().into_values().collect::<Vec<_>>()
    };
    assert_eq!(write(vec![vec!["first", "run"], vec!["kept"]]), ["first\nrun\n", "kept\n"]);
    assert_eq!(write(vec![vec!["second"]]), ["second\n", "kept\n"]);
}

/// Output operations of a batch run in the order in which they were registered.
#[test]
fn outputs_run_in_the_order_of_their_registration() {
    let seen: Arc<Mutex<Vec<(i64, u8)>>> = Arc::default();
    let (_, result) = job(vec![vec![1], vec![2], vec![3]], |_, numbers| {
        for output in 0..5 {
            let seen = seen.clone();
            // Some read the stream itself, some through operators.
            let stream = if output % 2 == 0 { numbers.clone() } else { numbers.map(|n| n + 1) };
            stream.for_each_batch(move |time, _| seen.lock().unwrap().push((time.secs(), output)));
        }
    });
    result.unwrap();
    let expected: Vec<_> = (1..=3).flat_map(|second| (0..5).map(move |output| (second, output))).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Hears of completed batches.
#[derive(Default)]
struct Completed(Mutex<Vec<i64>>);

impl Listener for Completed {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        self.0.lock().unwrap().push(batch.time.secs());
    }
}

/// A failed output ends the job with its error; its batch is not complete, whatever the other outputs have done.
#[test]
fn a_failed_output_is_fatal_and_its_batch_never_counts_as_done() {
    let scratch = Scratch::new("fatal");
    let completed = Arc::new(Completed::default());
    let after = MemorySink::all();
    let (ctx, result) = job(vec![vec!["1"], vec!["2"], vec!["3"]], |ctx, numbers| {
        ctx.add_listener(completed.clone());
        numbers.for_each_batch(|time, _| if time.secs() == 2 { Err("the store is away") } else { Ok(()) });
        numbers.write_to(Files::text(scratch.0.join("n")));
        numbers.write_to(after.clone());
    });
    assert_eq!(result.unwrap_err().to_string(), "for_each_batch 1 of batch 2000 ms: the store is away");
    assert!(!ctx.await_batch(Time::from_secs(2)), "a failed batch counts as done");
    assert!(ctx.await_batch(Time::from_secs(1)));
    assert_eq!(*completed.0.lock().unwrap(), [1]);
    assert_eq!(scratch.files().into_keys().collect::<Vec<_>>(), ["n-1000.txt"]);
    assert_eq!(after.rows(), ["1"]);
    assert!(ctx.snapshot().is_err(), "there is no state to go on from");
    // Who asks later hears of it too.
    assert!(ctx.await_termination().unwrap_err().to_string().contains("the store is away"));
}

/// A job without outputs has nothing to do, and says so.
#[test]
fn at_least_one_output_is_required() {
    let (_, result) = job(vec![vec![1]], |_, numbers| drop(numbers.map(|n| n + 1)));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("the job has no output, so there is nothing to do"), "{error}");
}

/// An output of a stream that slides runs when its stream has a batch, and at no other time.
#[test]
fn an_output_runs_when_its_stream_has_a_batch() {
    let scratch = Scratch::new("slides");
    let (every, slides) = (MemorySink::all(), MemorySink::all());
    let (_, result) = job(vec![vec![1]; 6], |_, numbers| {
        numbers.write_to(every.clone());
        let windows = numbers.window(secs(3), secs(3)).summarize(|on| on.count());
        windows.write_to(slides.clone());
        windows.map(|count| count.value).write_to(Files::text(scratch.0.join("n")));
    });
    result.unwrap();
    assert_eq!(every.batches().len(), 6);
    let times: Vec<_> = slides.batches().iter().map(|(time, _)| time.secs()).collect();
    assert_eq!(times, [3, 6]);
    assert_eq!(
        scratch.files().into_iter().collect::<Vec<_>>(),
        [("n-3000.txt".to_owned(), "3\n".to_owned()), ("n-6000.txt".to_owned(), "3\n".to_owned()),]
    );
}

/// `foreachRDD((rdd, time))` gets every batch with its time, also empty ones; of partitions each with its number.
#[test]
fn callbacks_get_every_batch_and_every_partition_with_its_time() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let ctx = StreamingContext::builder("test").clock(clock.clone()).batch_interval(secs(1)).threads(4).build();
    let (queue, source) = Queue::new();
    let numbers = ctx.source(source);
    let (batches, partitions): (Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>) = Default::default();
    let seen = batches.clone();
    numbers.for_each_batch(move |time, rows: Vec<i32>| seen.lock().unwrap().push((time.secs(), rows)));
    let seen = partitions.clone();
    numbers.for_each_partition(move |time, partition, rows: Vec<i32>| {
        seen.lock().unwrap().push((time.secs(), partition, rows));
    });
    ctx.start().unwrap();
    queue.push(vec![1, 2]);
    queue.push(vec![]);
    queue.push(vec![3]);
    clock.advance(secs(1));
    assert!(ctx.await_batch(Time::from_secs(1)));
    clock.advance(secs(1));
    assert!(ctx.await_batch(Time::from_secs(2)));
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(*batches.lock().unwrap(), [(1, vec![1, 2, 3]), (2, vec![])]);
    let mut partitions = partitions.lock().unwrap().clone();
    partitions.sort();
    assert_eq!(partitions, [(1, 0, vec![1, 2]), (1, 1, vec![]), (1, 2, vec![3])]);
}

/// A callback for partitions that fails ends the job, naming the partition.
#[test]
fn a_failed_partition_of_a_callback_is_fatal() {
    let (_, result) = job(vec![vec![1], vec![2]], |_, numbers| {
        numbers.for_each_partition(|_, _, rows| if rows == [2] { Err("no twos") } else { Ok(()) });
    });
    assert_eq!(result.unwrap_err().to_string(), "for_each_partition 1 of batch 2000 ms: partition 0: no twos");
}

type Written = Arc<Mutex<Vec<(Time, usize, Vec<u64>)>>>;

/// A sink that writes down what it gets under `(batch time, partition)`.
struct Keyed(Written);

struct KeyedPart(usize, Vec<u64>);

impl Part<u64> for KeyedPart {
    fn write(&mut self, rows: &mut Vec<u64>) -> Result<(), Cause> {
        self.1.append(rows);
        Ok(())
    }
}

impl Sink<u64> for Keyed {
    type Part = KeyedPart;

    fn target(&self) -> String {
        "a table by batch and partition".to_owned()
    }

    fn part(&mut self, _: Time, partition: usize) -> Result<KeyedPart, Cause> {
        Ok(KeyedPart(partition, Vec::new()))
    }

    fn commit(&mut self, batch: Time, parts: Vec<KeyedPart>) -> Result<(), Cause> {
        self.0.lock().unwrap().extend(parts.into_iter().map(|part| (batch, part.0, part.1)));
        Ok(())
    }
}

/// A batch that is run again has the same time and the same rows in the same partitions, so `(batch time, partition)`
/// is a key by which a sink has every row exactly once.
#[test]
fn batch_time_and_partition_are_an_idempotence_key() {
    let run = |threads| {
        let written = Written::default();
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(threads).build();
        let (queue, source) = Queue::new();
        ctx.source(source).filter(|n: &u64| !n.is_multiple_of(3)).write_to(Keyed(written.clone()));
        (0..16).for_each(|part| assert!(queue.push((part * 3_000..(part + 1) * 3_000).collect())));
        queue.close();
        ctx.start().unwrap();
        ctx.await_termination().unwrap();
        Arc::try_unwrap(written).unwrap().into_inner().unwrap()
    };
    let once = run(1);
    assert_eq!(once.len(), 16);
    assert!(once.iter().enumerate().all(|(n, (_, partition, rows))| n == *partition && rows.len() == 2_000));
    assert!(once == run(2) && once == run(8));
}
