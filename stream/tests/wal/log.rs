//! What the log does while nothing goes wrong: order, groups, bounds, old segments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use streamgauge_stream::source::{Codec, Limit, Next, Partition, Plan, Stopped};
use streamgauge_stream::testing::{Breakdown, FaultyDisk, TestJob};
use streamgauge_stream::{
    MemorySink, Queue, Receiver, ReceiverHandle, ReceiverSource, Source, SourceError, StreamingContext, Time, Trigger,
};

use crate::support::{Order, Target, Watched, job, segments};

#[test]
fn what_was_in_no_batch_comes_first_after_a_restart_and_then_the_source_goes_on() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let (mut killed, teller) = job(disk.clone(), &target, |it| it);
    killed.start().unwrap();
    assert!(teller.tell(Order::Store(vec![1, 2, 3])) && teller.store(4));
    // Not even a batch was planned.
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    killed.tick().unwrap_err();
    drop((killed, teller));
    disk.restart(9);

    let (mut job, teller) = job(disk.clone(), &target, |it| it);
    job.start().unwrap();
    assert!(teller.store(5));
    job.ticks(2).unwrap();
    let batches: Vec<_> = target.rows.batches().into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(batches, [vec![1, 2, 3, 4, 5], vec![]]);
    assert!(teller.tell(Order::Buffer(vec![6])));
    job.tick().unwrap();
    assert_eq!(target.rows.rows(), [1, 2, 3, 4, 5, 6]);
    job.stop().unwrap();
}

#[test]
fn what_is_stored_while_the_disk_syncs_shares_the_next_sync() {
    let (watched, target) = (Watched::default(), Target::new());
    let (mut job, teller) = job(watched.clone(), &target, |it| it.max_pending_bytes(2 << 20));
    job.start().unwrap();
    assert!(teller.store(0));
    assert_eq!(watched.synced(), 1);
    watched.shut(true);
    // A thousand blocks of four records: the first may be in the sync that waits, all others are in the one after it.
    assert!(teller.tell(Order::Buffer((1..=4_000).collect())));
    watched.shut(false);
    assert!(teller.tell(Order::Sync));
    assert!(watched.synced() <= 3, "{} syncs", watched.synced());
    job.tick().unwrap();
    assert!(watched.synced() <= 3, "{} syncs", watched.synced());
    assert_eq!(target.rows.rows(), (0..=4_000).collect::<Vec<_>>());
    job.stop().unwrap();
}

#[test]
fn many_threads_that_wait_share_syncs() {
    const THREADS: u64 = 8;
    const EACH: u64 = 200;
    /// Several threads, each of which stores a record and waits until it is durable.
    struct Many;
    impl Receiver for Many {
        type Item = u64;

        fn name(&self) -> String {
            "many".to_owned()
        }

        fn receive(&mut self, handle: &ReceiverHandle<u64>) -> Result<(), SourceError> {
            let store = |thread: u64| (0..EACH).try_for_each(|n| handle.store_many(vec![thread * EACH + n]));
            let all: Result<Vec<()>, Stopped> = thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || store(thread))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            all?;
            Ok(())
        }
    }
    let watched = Watched::default();
    let mut job = TestJob::with(|it| it.checkpoint_storage(watched.clone()));
    let rows = job.capture(&job.context().source(ReceiverSource::new(Many).logged()));
    job.run().unwrap();
    let mut rows = rows.rows();
    // Each thread's records in their order.
    assert!((0..THREADS).all(|thread| rows.iter().filter(|n| **n / EACH == thread).is_sorted()));
    rows.sort_unstable();
    assert_eq!(rows, (0..THREADS * EACH).collect::<Vec<_>>());
    assert!(watched.synced() <= THREADS * EACH + 1);
}

#[test]
fn a_source_waits_when_too_much_of_it_is_in_no_batch() {
    /// Stores a hundred thousand records, and counts them.
    struct Flood(Arc<AtomicU64>);
    impl Receiver for Flood {
        type Item = [u64; 4];

        fn name(&self) -> String {
            "flood".to_owned()
        }

        fn receive(&mut self, handle: &ReceiverHandle<[u64; 4]>) -> Result<(), SourceError> {
            for n in 0..5_000 {
                handle.store([u64::MAX - n; 4])?;
                self.0.fetch_add(1, Ordering::AcqRel);
            }
            Ok(())
        }
    }
    // A record is 40 bytes. In the log there may be 4,000 bytes, and what one group is more: the buffer, of 20 records.
    const MOST: u64 = 4_000 + 20 * 40;
    let (watched, stored) = (Watched::default(), Arc::new(AtomicU64::new(0)));
    let mut job = TestJob::with(|it| it.checkpoint_storage(watched.clone()).max_pending_bytes(8_000));
    let source = ReceiverSource::new(Flood(stored.clone())).buffer_records(20).block_records(5).logged();
    let sizes = job.capture(&job.context().source(source));
    job.start().unwrap();
    let mut last = 0;
    for _ in 0..20 {
        // As much as there can be, and the buffer.
        while stored.load(Ordering::Acquire) < (last + 120).min(5_000) {
            thread::yield_now();
        }
        (0..1_000).for_each(|_| thread::yield_now());
        let ahead = stored.load(Ordering::Acquire) - last;
        assert!(ahead <= MOST / 40 + 21, "{ahead} records ahead of the batches");
        job.tick().unwrap();
        last = sizes.rows().len() as u64;
    }
    job.run().unwrap();
    assert_eq!(sizes.rows(), (0..5_000).map(|n| [u64::MAX - n; 4]).collect::<Vec<_>>());
}

#[test]
fn old_segments_go_when_the_kept_checkpoints_do_not_need_them() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let numbers = || -> Vec<u64> {
        let files = segments(&disk).into_iter();
        files.map(|(name, _)| name.rsplit('-').next().unwrap().parse().unwrap()).collect()
    };
    let mut before = 0;
    for run in 0..5 {
        let (mut job, teller) = job(disk.clone(), &target, |it| it);
        // The clock of each run begins at nought.
        job.clock().set(Time::from_secs(50 * run as i64));
        job.start().unwrap();
        for n in 40 * run..40 * run + 40 {
            assert!(teller.tell(Order::Store((10 * n..10 * n + 10).collect())));
            job.tick().unwrap();
        }
        // A stopped job writes a checkpoint; the one before is at worst that of the run before.
        job.stop().unwrap();
        disk.restart(run);
        let numbers = numbers();
        assert!(numbers[0] >= before, "segments {numbers:?}, and the run before ended in {before}");
        let last = *numbers.last().unwrap();
        assert!(last > before + 5, "{last} segments were written, and {before} by the runs before");
        before = last;
    }
    target.has_once(&(0..2_000).collect::<Vec<_>>(), "at the end");
}

#[test]
fn a_log_of_a_source_that_is_gone_is_an_error_that_names_it() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let (mut killed, teller) = job(disk.clone(), &target, |it| it);
    killed.start().unwrap();
    assert!(teller.store(1));
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    killed.tick().unwrap_err();
    drop((killed, teller));
    disk.restart(9);
    let mut other = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
    let numbers = other.source([vec![1]]);
    drop(other.capture(&numbers));
    let error = other.start().unwrap_err().to_string();
    assert!(error.contains(&segments(&disk)[0].0) && error.contains("bring the source back"), "{error}");
}

#[test]
fn two_sources_of_a_name_have_a_log_each() {
    let run = |disk: &FaultyDisk, from: u64, rows: &[MemorySink<u64>; 2], breaks: bool| {
        let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
        let tellers = rows.clone().map(|rows| {
            let (teller, receiver) = crate::support::told();
            job.context().source(ReceiverSource::new(receiver).logged()).write_to(rows);
            teller
        });
        job.start().unwrap();
        for (n, teller) in (from..).zip(&tellers) {
            assert!(teller.store(n));
        }
        if breaks {
            disk.break_down(disk.sync_points() + 1, Breakdown::Before);
            job.tick().unwrap_err();
        } else {
            drop(tellers);
            job.run().unwrap();
        }
        drop(job);
        disk.restart(0);
    };
    let (disk, rows) = (FaultyDisk::new(), [MemorySink::all(), MemorySink::all()]);
    run(&disk, 10, &rows, true);
    run(&disk, 20, &rows, false);
    assert_eq!(rows.map(|rows| rows.rows()), [vec![10, 20], vec![11, 21]]);
}

#[test]
fn a_queue_is_written_down_when_a_batch_takes_it() {
    let (disk, rows) = (FaultyDisk::new(), MemorySink::all());
    let run = |pushes: &[u64], break_at: Option<u64>| {
        let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
        let (queue, source) = Queue::new();
        job.context().source(source.one_at_a_time().logged()).write_to(rows.clone());
        pushes.iter().for_each(|n| assert!(queue.push(vec![*n])));
        job.tick().unwrap();
        if let Some(sync) = break_at {
            disk.break_down(disk.sync_points() + sync, Breakdown::Before);
            job.tick().unwrap_err();
        } else {
            queue.close();
            job.run().unwrap();
        }
        drop(job);
        disk.restart(0);
    };
    // The second sync of a batch is that of the batch log: its push is in the write-ahead log by then.
    run(&[1, 2, 3], Some(2));
    assert_eq!(rows.rows(), [1]);
    run(&[4, 5], None);
    assert_eq!(rows.rows(), [1, 2, 4, 5]);
    let batches: Vec<_> = rows.batches().into_iter().map(|(_, rows)| rows).filter(|rows| !rows.is_empty()).collect();
    assert_eq!(batches, [[1], [2], [4], [5]]);
}

#[test]
fn with_all_that_is_available_batches_depend_on_the_input_alone() {
    let batches = |threads: usize| {
        let disk = FaultyDisk::new();
        let settings = StreamingContext::builder("available").trigger(Trigger::Available).threads(threads);
        let ctx = settings.checkpoint_storage(disk.clone()).build();
        let (teller, receiver) = crate::support::told();
        let source = ReceiverSource::new(receiver).block_records(10).buffer_records(40).logged();
        let rows = ctx.source(source).collect_to_memory();
        ctx.start().unwrap();
        assert!(teller.tell(Order::Buffer((0..100).collect())) && teller.store(100));
        drop(teller);
        ctx.await_termination().unwrap();
        rows.batches()
    };
    let one = batches(1);
    assert_eq!(one.iter().map(|(_, rows)| rows.len()).filter(|n| *n > 0).collect::<Vec<_>>(), [40, 40, 21]);
    assert_eq!(one, batches(2));
    assert_eq!(one, batches(8));
}

/// A source of one's own that is asked when a batch is due, and acknowledges.
struct Letters {
    durable: Arc<Mutex<Vec<u64>>>,
    planned: u64,
    disk: FaultyDisk,
    /// The syncs of the disk when the source was asked last.
    syncs: u64,
}

impl Source for Letters {
    type Item = char;
    type Position = u64;

    fn name(&self) -> String {
        "letters".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn replays(&self) -> bool {
        false
    }

    fn codec(&self) -> Option<Codec<char>> {
        Some(Codec::serde())
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        (self.planned, self.syncs) = (from + 2, self.disk.sync_points());
        Ok(Plan { to: from + 2, next: if *from >= 8 { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<char>>>, SourceError> {
        Ok(vec![Box::new(Text((*from..*to).map(|n| char::from(b'a' + n as u8)).collect()))])
    }

    fn durable(&mut self) {
        assert!(self.disk.sync_points() > self.syncs, "not before a sync");
        self.durable.lock().unwrap().push(self.planned);
    }
}

struct Text(Vec<char>);

impl Partition<char> for Text {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<char>)) -> Result<(), SourceError> {
        out(&mut self.0.clone());
        Ok(())
    }
}

#[test]
fn a_source_of_ones_own_goes_on_at_its_position_and_hears_what_is_durable() {
    let (disk, rows) = (FaultyDisk::new(), MemorySink::all());
    let durable = Arc::new(Mutex::new(Vec::new()));
    let start = || {
        let job = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
        let source = Letters { durable: durable.clone(), planned: 0, disk: disk.clone(), syncs: 0 };
        job.context().source(source).write_to(rows.clone());
        job
    };
    let mut job = start();
    job.ticks(2).unwrap();
    // Logged, but in no batch.
    disk.break_down(disk.sync_points() + 2, Breakdown::Before);
    job.tick().unwrap_err();
    drop(job);
    disk.restart(0);
    assert_eq!(*durable.lock().unwrap(), [2, 4, 6]);
    start().run().unwrap();
    assert_eq!(rows.rows().into_iter().collect::<String>(), "abcdefghij");
    assert_eq!(*durable.lock().unwrap(), [2, 4, 6, 8, 10]);
}

#[test]
fn a_receiver_without_a_log_is_refused_with_what_to_write() {
    let ctx = StreamingContext::builder("refused").checkpoint_storage(FaultyDisk::new()).build();
    let (_teller, receiver) = crate::support::told();
    ctx.receiver(receiver).print();
    let error = ctx.start().unwrap_err().to_string();
    assert!(error.contains("told cannot be read again") && error.contains("logged()"), "{error}");
}

#[test]
fn a_source_that_fails_is_told_after_what_it_gave_and_a_panic_is_an_error() {
    /// Stores a record, and fails.
    struct Fails(bool);
    impl Receiver for Fails {
        type Item = u8;

        fn name(&self) -> String {
            "fails".to_owned()
        }

        fn receive(&mut self, handle: &ReceiverHandle<u8>) -> Result<(), SourceError> {
            handle.store_many(vec![7])?;
            assert!(!self.0, "as it was told");
            Err(SourceError::new("fails", "the line is dead"))
        }
    }
    for (panics, expected) in [(false, "the line is dead"), (true, "as it was told")] {
        let mut job = TestJob::with(|it| it.checkpoint_storage(FaultyDisk::new()));
        let never = streamgauge_stream::source::Restart::never();
        let source = ReceiverSource::new(Fails(panics)).restart(never).logged();
        let rows = job.capture(&job.context().source(source));
        let error = job.run().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(rows.rows(), [7]);
    }
}
