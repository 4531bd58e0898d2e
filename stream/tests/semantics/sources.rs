//! Receivers, queues, files and offsets: what users of DStreams rely on, and where this engine differs on purpose.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use streamgauge_stream::source::{Limit, Next, Partition, Restart};
use streamgauge_stream::{
    Clock, ManualClock, Queue, QueueSource, Rate, Receiver, ReceiverHandle, ReceiverSource, Source, SourceError,
    StreamingContext, TextFiles, Time, Trigger, millis, secs,
};

/// A receiver that is a function.
struct Calls<F>(F);

impl<F> Receiver for Calls<F>
where
    F: FnMut(&ReceiverHandle<u32>) -> Result<(), SourceError> + Send + 'static,
{
    type Item = u32;

    fn name(&self) -> String {
        "calls".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<u32>) -> Result<(), SourceError> {
        (self.0)(handle)
    }
}

fn receiver<F>(call: F) -> ReceiverSource<Calls<F>>
where
    F: FnMut(&ReceiverHandle<u32>) -> Result<(), SourceError> + Send + 'static,
{
    ReceiverSource::new(Calls(call))
}

fn records<T>(partitions: &[Box<dyn Partition<T>>]) -> Vec<Vec<T>> {
    let read = |partition: &dyn Partition<T>| {
        let mut records = Vec::new();
        partition.read(&mut |chunk| records.append(chunk)).unwrap();
        records
    };
    partitions.iter().map(|partition| read(&**partition)).collect()
}

/// The partitions of the first batch of a source.
fn first<S: Source>(source: &mut S, wait: bool) -> Vec<Vec<S::Item>> {
    let start = source.start();
    let plan = source.plan(&start, Limit::new(Time::from_secs(1), wait)).unwrap();
    records(&source.read(&start, &plan.to).unwrap())
}

/// A job that begins at second 1,000 with a batch a second.
fn job() -> (StreamingContext, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Time::from_secs(1_000)));
    let ctx = StreamingContext::builder("test").clock(clock.clone()).batch_interval(secs(1)).threads(2).build();
    (ctx, clock)
}

fn tick(ctx: &StreamingContext, clock: &ManualClock) {
    clock.advance(secs(1));
    assert!(ctx.await_batch(clock.now()), "the job has ended: {:?}", ctx.await_termination());
}

fn stop(ctx: &StreamingContext) {
    ctx.stop();
    ctx.await_termination().unwrap();
}

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("streamgauge-semantics-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str, age: u64) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn receiver_a_block_is_a_partition() {
    let mut source = receiver(|handle| Ok((0..7).try_for_each(|n| handle.store(n))?)).block_records(3);
    assert_eq!(first(&mut source, true), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
}

#[test]
fn receiver_blocks_are_cut_by_the_interval_only_if_asked_for() {
    let run = |interval: Option<Duration>| {
        let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
        let (stored, next) = (channel(), channel());
        let mut source = receiver(move |handle| {
            for n in 0..3 {
                handle.store(n)?;
                stored.0.send(()).unwrap();
                next.1.recv().unwrap();
            }
            Ok(())
        });
        if let Some(interval) = interval {
            source = source.block_interval(interval);
        }
        source.open(&(clock.clone() as Arc<dyn Clock>)).unwrap();
        for _ in 0..3 {
            stored.1.recv().unwrap();
            clock.advance(millis(200));
            next.0.send(()).unwrap();
        }
        first(&mut source, true)
    };
    assert_eq!(run(Some(millis(200))), [[0], [1], [2]]);
    // Here the partitions depend on the records, not on when they came.
    assert_eq!(run(None), [[0, 1, 2]]);
}

#[test]
fn receiver_a_full_queue_blocks_the_receiver_and_drops_nothing() {
    let mut source = receiver(|handle| Ok((0..10).try_for_each(|n| handle.store(n))?)).buffer_records(4);
    let mut at = source.start();
    let mut sizes = Vec::new();
    loop {
        let plan = source.plan(&at, Limit::new(Time::from_secs(1), true)).unwrap();
        sizes.push(records(&source.read(&at, &plan.to).unwrap()).concat().len());
        at = plan.to;
        if plan.next == Next::Finished {
            break;
        }
    }
    assert_eq!(sizes, [4, 4, 2]);
}

#[test]
fn receiver_all_blocks_that_wait_go_to_the_next_batch() {
    let (ctx, clock) = job();
    let (stored, wait) = channel();
    let source = receiver(move |handle| {
        (0..50).try_for_each(|n| handle.store(n))?;
        stored.send(()).unwrap();
        while handle.wait(secs(1_000_000)) {}
        Ok(())
    });
    let rows = ctx.source(source.block_records(8)).collect_to_memory();
    ctx.start().unwrap();
    wait.recv().unwrap();
    tick(&ctx, &clock);
    tick(&ctx, &clock);
    stop(&ctx);
    let batches: Vec<_> = rows.batches().into_iter().map(|(_, rows)| rows.len()).collect();
    assert_eq!(batches, [50, 0]);
}

#[test]
fn receiver_is_started_again_after_two_seconds() {
    assert_eq!(Restart::default(), Restart::after(secs(2)));
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let times = clock.clone();
    let (told, hear) = channel();
    let mut source = receiver(move |_| {
        told.send(times.now()).unwrap();
        Err(SourceError::new("device", "off"))
    });
    source.open(&(clock.clone() as Arc<dyn Clock>)).unwrap();
    assert_eq!(hear.recv().unwrap(), Time::from_secs(0));
    while source.take_warnings().is_empty() {
        std::thread::yield_now();
    }
    clock.advance(millis(1_999));
    clock.advance(millis(1));
    assert_eq!(hear.recv().unwrap(), Time::from_secs(2));
    source.close();
}

#[test]
fn receiver_what_is_stored_at_once_is_stored_whole() {
    let mut source = receiver(|handle| Ok(handle.store_many((0..100).collect())?)).buffer_records(10).block_records(7);
    assert_eq!(first(&mut source, true), [(0..100).collect::<Vec<_>>()]);
}

#[test]
fn receiver_a_graceful_stop_works_off_what_was_received() {
    let (ctx, _clock) = job();
    let (stored, wait) = channel();
    let source = receiver(move |handle| {
        (0..50).try_for_each(|n| handle.store(n))?;
        stored.send(()).unwrap();
        while handle.wait(secs(1_000_000)) {}
        Ok(())
    });
    let rows = ctx.source(source).collect_to_memory();
    ctx.start().unwrap();
    wait.recv().unwrap();
    stop(&ctx);
    assert_eq!(rows.rows(), (0..50).collect::<Vec<_>>());
}

/// The batches of a queue to which these were pushed.
fn queued(pushes: &[Vec<u32>], set: impl Fn(QueueSource<u32>) -> QueueSource<u32>, batches: usize) -> Vec<Vec<u32>> {
    let (ctx, clock) = job();
    let (queue, source) = Queue::new();
    let rows = ctx.source(set(source)).collect_to_memory();
    pushes.iter().for_each(|push| assert!(queue.push(push.clone())));
    ctx.start().unwrap();
    (0..batches).for_each(|_| tick(&ctx, &clock));
    stop(&ctx);
    rows.batches().into_iter().map(|(_, rows)| rows).collect()
}

#[test]
fn queue_one_at_a_time_takes_one_push_a_batch() {
    let pushes = [vec![1, 2], vec![], vec![3]];
    let batches = queued(&pushes, QueueSource::one_at_a_time, 4);
    assert_eq!(batches, [vec![1, 2], vec![], vec![3], vec![]]);
}

#[test]
fn queue_takes_all_that_is_there_unless_told_otherwise() {
    assert_eq!(queued(&[vec![1, 2], vec![3]], |source| source, 2), [vec![1, 2, 3], vec![]]);
}

#[test]
fn queue_has_a_default_for_batches_without_a_push() {
    let set = |source: QueueSource<u32>| source.one_at_a_time().when_empty(vec![0, 0]);
    // What was pushed empty is a push.
    assert_eq!(queued(&[vec![1], vec![]], set, 4), [vec![1], vec![], vec![0, 0], vec![0, 0]]);
    let set = |source: QueueSource<u32>| source.when_empty(vec![9]);
    assert_eq!(queued(&[vec![1], vec![2]], set, 2), [vec![1, 2], vec![9]]);
}

#[test]
fn queue_has_no_default_after_its_end() {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source.when_empty(vec![7])).collect_to_memory();
    queue.close();
    ctx.run().unwrap();
    assert!(rows.rows().is_empty());
}

#[test]
fn queue_cannot_be_read_again() {
    let (queue, mut source) = Queue::new();
    queue.push(vec![1]);
    assert_eq!(first(&mut source, false), [[1]]);
    assert_eq!(source.read(&0, &1).err().unwrap().to_string(), "queue: pushes 0 to 1 cannot be read again");
}

/// A job that follows a directory, as far as it gets in so many batches; between them something happens.
fn followed(scratch: &Scratch, set: impl Fn(TextFiles) -> TextFiles, between: &[&dyn Fn()]) -> Vec<Vec<String>> {
    let (ctx, clock) = job();
    let files = set(TextFiles::new(&scratch.0).unwrap().follow());
    let rows = ctx.text(files).map(str::to_owned).collect_to_memory();
    ctx.start().unwrap();
    tick(&ctx, &clock);
    for event in between {
        event();
        tick(&ctx, &clock);
    }
    stop(&ctx);
    rows.batches().into_iter().map(|(_, rows)| rows).collect()
}

#[test]
fn files_appear_by_being_moved_in() {
    let scratch = Scratch::new();
    scratch.write("first.log", "one\n", 1);
    scratch.write(".second.log", "two\n", 2);
    let reveal = || fs::rename(scratch.0.join(".second.log"), scratch.0.join("second.log")).unwrap();
    assert_eq!(followed(&scratch, |files| files, &[&reveal]), [["one"], ["two"]]);
}

#[test]
fn files_whose_names_begin_with_a_dot_are_ignored() {
    let scratch = Scratch::new();
    scratch.write(".hidden", "one\n", 1);
    assert_eq!(followed(&scratch, |files| files, &[&|| ()]), [[""; 0], []]);
}

#[test]
fn files_are_selected_once() {
    let scratch = Scratch::new();
    let path = scratch.write("a.log", "one\n", 1);
    let touch = || {
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + secs(1_000)).unwrap();
    };
    // A file that was touched is the same; what was appended to it is read.
    let append = || fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"two\n").unwrap();
    assert_eq!(followed(&scratch, |files| files, &[&touch, &append]), [vec!["one"], vec![], vec!["two"]]);
}

#[test]
fn files_are_new_by_name_however_old_they_are() {
    let scratch = Scratch::new();
    scratch.write("a.log", "one\n", 1_000);
    let old = || drop(scratch.write("b.log", "two\n", 1));
    assert_eq!(followed(&scratch, |files| files, &[&old]), [["one"], ["two"]]);
}

#[test]
fn files_that_were_there_at_the_start_are_passed_over_if_asked_for() {
    let scratch = Scratch::new();
    scratch.write("a.log", "one\n", 1);
    let new = || drop(scratch.write("b.log", "two\n", 1));
    assert_eq!(followed(&scratch, TextFiles::only_new, &[&new]), [vec![], vec!["two"]]);
}

#[test]
fn files_that_were_selected_are_in_the_snapshot() {
    let scratch = Scratch::new();
    scratch.write("a.log", "one\ntwo\n", 1);
    let run = |snapshot: Option<Vec<u8>>| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
        let rows = ctx.text(TextFiles::new(&scratch.0).unwrap().follow()).map(str::to_owned).collect_to_memory();
        match snapshot {
            Some(snapshot) => ctx.start_from(&snapshot).unwrap(),
            None => ctx.start().unwrap(),
        }
        ctx.await_termination().unwrap();
        (rows.rows(), ctx.snapshot().unwrap())
    };
    let (rows, snapshot) = run(None);
    assert_eq!(rows, ["one", "two"]);
    scratch.write("b.log", "three\n", 2);
    assert_eq!(run(Some(snapshot)).0, ["three"]);
}

#[test]
fn offsets_are_in_the_snapshot_and_every_record_counts_once() {
    let run = |end: u64, snapshot: Option<Vec<u8>>| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).batch_interval(millis(300)).build();
        let rows = ctx.source(Rate::per_second(10).records(end)).map(|(n, _)| n).collect_to_memory();
        match snapshot {
            Some(snapshot) => ctx.start_from(&snapshot).unwrap(),
            None => ctx.start().unwrap(),
        }
        ctx.await_termination().unwrap();
        (rows.batches(), ctx.snapshot().unwrap())
    };
    let (whole, _) = run(1_000, None);
    // A rate that is idle after three seconds, and goes on.
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).batch_interval(millis(300)).build();
    let some = ctx.source(Rate::per_second(10)).map(|(n, _)| n).collect_to_memory();
    ctx.run().unwrap();
    let mut batches = some.batches();
    let (rest, _) = run(1_000, Some(ctx.snapshot().unwrap()));
    batches.extend(rest);
    assert_eq!(batches, whole);
    let all: Vec<_> = whole.into_iter().flat_map(|(_, rows)| rows).collect();
    assert_eq!(all, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn sources_have_partitions_by_the_data_whatever_the_threads() {
    let partitions = |threads| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(threads).build();
        // A sum of floats depends on how they are grouped.
        let sums = ctx
            .source(Rate::per_second(200_000).records(500_000))
            .summarize(|on| on.moments(|(n, _)| (*n as f64).sqrt()))
            .map(|moments| format!("{moments:?}"))
            .collect_to_memory();
        ctx.run().unwrap();
        sums.rows()
    };
    assert_eq!(partitions(1), partitions(2));
    assert_eq!(partitions(1), partitions(8));
}
