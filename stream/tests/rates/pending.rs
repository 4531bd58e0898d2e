//! The bound on what was taken in and is not worked off.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use streamgauge_stream::source::{Limit, Restart};
use streamgauge_stream::testing::Recorder;
use streamgauge_stream::{
    BatchInfo, Clock, Error, ManualClock, Queue, ReceiverSource, Source, Stdin, StreamingContext, TcpLines, Time,
    Trigger, secs,
};

use crate::support::{batches, pushes};

/// A job that takes all there is, of which the sources may hold so many bytes.
fn bounded(bytes: u64) -> StreamingContext {
    StreamingContext::builder("test").trigger(Trigger::Available).threads(2).max_pending_bytes(bytes).build()
}

fn most_records(batches: &[BatchInfo]) -> u64 {
    batches.iter().map(|batch| batch.records).max().unwrap()
}

#[test]
fn a_receiver_that_pushes_as_fast_as_it_can_waits_and_loses_nothing() {
    let ctx = bounded(4_096);
    let receiver = pushes(|handle| Ok((0..10_000_u64).try_for_each(|n| handle.store(n))?));
    let rows = ctx.receiver(receiver).collect_to_memory();
    let batches = batches(&ctx);
    assert_eq!(rows.rows(), (0..10_000).collect::<Vec<_>>());
    // Half of it waits while the other half is in a batch: 256 numbers of eight bytes.
    assert_eq!(most_records(&batches), 256);
    assert_eq!(batches.len(), 10_000_usize.div_ceil(256));
    assert!(batches.iter().all(|batch| batch.sources[0].pending.unwrap().bytes <= 2_048));
}

#[test]
fn what_records_hold_on_the_heap_counts_if_it_is_known() {
    let most = |knows: bool| {
        let ctx = bounded(40_000);
        let receiver = pushes(|handle| Ok((0..2_000).try_for_each(|_| handle.store("x".repeat(76)))?));
        let mut source = ReceiverSource::new(receiver);
        if knows {
            source = source.heap_bytes(String::capacity);
        }
        ctx.source(source).for_each_batch(|_, batch| batch.count().map(drop));
        most_records(&batches(&ctx))
    };
    // A string is 24 bytes, and 76 are its letters.
    assert_eq!(most(true), 20_000 / 100);
    assert_eq!(most(false), 20_000 / 24);
}

#[test]
fn a_bound_of_records_holds_beside_that_of_bytes() {
    let most = |buffer: Option<usize>| {
        let ctx = bounded(8_000_000);
        let receiver = pushes(|handle| Ok((0..200_000_u64).try_for_each(|n| handle.store(n))?));
        let mut source = ReceiverSource::new(receiver);
        if let Some(records) = buffer {
            source = source.buffer_records(records);
        }
        ctx.source(source).for_each_batch(|_, batch| batch.count().map(drop));
        most_records(&batches(&ctx))
    };
    assert_eq!(most(Some(1_000)), 1_000);
    assert_eq!(most(None), 200_000, "the bound of bytes stands for that of records");
}

#[test]
fn what_is_stored_at_once_and_larger_than_the_bound_is_taken_alone() {
    let ctx = bounded(1_024);
    let receiver = pushes(|handle| {
        handle.store(0_u64)?;
        handle.store_many((1..=1_000).collect())?;
        handle.store(1_001)?;
        Ok(())
    });
    let rows = ctx.receiver(receiver).collect_to_memory();
    ctx.start().unwrap();
    ctx.await_termination().unwrap();
    let sizes: Vec<usize> = rows.batches().iter().map(|(_, rows)| rows.len()).collect();
    assert_eq!(sizes, [1, 1_000, 1]);
}

#[test]
fn a_status_says_that_a_receiver_waits_and_how_much_it_holds() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let ctx = StreamingContext::builder("test").clock(clock.clone()).threads(2).max_pending_bytes(1_600).build();
    let (stored, told) = channel();
    let receiver = pushes(move |handle| {
        for n in 0..250_u64 {
            handle.store(n)?;
            let _ = stored.send(n);
        }
        while handle.wait(secs(1)) {}
        Ok(())
    });
    // Ten records of a batch leave ninety: the receiver then stores ten more, and waits again.
    let rows = ctx.source(ReceiverSource::new(receiver).max_rate(10)).collect_to_memory();
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    ctx.start().unwrap();
    let stored_up_to = |n| while told.recv().unwrap() < n {};
    for batch in 1..=3 {
        stored_up_to(89 + 10 * batch);
        clock.advance(secs(1));
        assert!(ctx.await_batch(clock.now()));
    }
    ctx.stop();
    let report = ctx.await_termination().unwrap();
    let loads: Vec<_> = recorder.batches().iter().map(|it| (it.load.pending_records, it.load.pending_bytes)).collect();
    assert_eq!(loads[..3], [(100, 800); 3], "all there is room for");
    let first = recorder.batches().swap_remove(0);
    assert_eq!(first.sources[0].rate_limit, Some(10.0));
    assert!(first.sources[0].pending.unwrap().records.is_some_and(|records| (90..=100).contains(&records)));
    // Everything that `store` has taken is in the rows, in order.
    let rows = rows.rows();
    assert_eq!(rows, (0..report.records).collect::<Vec<_>>());
    assert!((120..=131).contains(&rows.len()), "{}", rows.len());
}

/// An endless text, of which is counted what was read.
struct Endless(Arc<AtomicU64>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.iter_mut().enumerate().for_each(|(i, byte)| *byte = if i % 10 == 9 { b'\n' } else { b'x' });
        self.0.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        Ok(buffer.len())
    }
}

#[test]
fn a_pipe_is_read_no_further_than_the_bound() {
    let read = Arc::new(AtomicU64::new(0));
    let mut source = Stdin::reading("pipe", Endless(read.clone()));
    source.bound_pending(10_000);
    assert_eq!(read.load(Ordering::Relaxed), 0, "nothing is read before the start");
    let mut at = 0;
    for batch in 0..100 {
        // Of every third batch there is a limit too.
        let limit = Limit::new(Time::from_secs(1), true);
        let plan = source.plan(&at, if batch % 3 == 0 { limit.records(20) } else { limit }).unwrap();
        source.read(&at, &plan.to).unwrap();
        let pending = source.pending().unwrap();
        assert!(pending.bytes <= 5_000 && plan.to - at < 5_000, "{pending:?}");
        // What the batch has, and what waits.
        let in_memory = read.load(Ordering::Relaxed) - at;
        assert!(in_memory <= 10_000, "{in_memory} bytes in memory");
        at = plan.to;
    }
    assert!(at > 300_000);
}

#[test]
fn a_connection_fills_and_its_other_side_waits() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let written = Arc::new(AtomicU64::new(0));
    let counter = written.clone();
    let write = move |mut to: TcpStream| {
        for n in 0..3_000_000_u64 {
            // Until the job hangs up.
            let Ok(()) = to.write_all(format!("{n:015}\n").as_bytes()) else { return };
            counter.fetch_add(16, Ordering::Relaxed);
        }
    };
    thread::spawn(move || server.accept().map(|(to, _)| write(to)));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Time::from_secs(0)));
    let mut source = TcpLines::connect(address).restart(Restart::never());
    source.bound_pending(32_000);
    source.open(&clock).unwrap();
    let mut at = 0;
    for _ in 0..3 {
        let plan = source.plan(&at, Limit::new(Time::from_secs(1), true)).unwrap();
        assert!(plan.to > at && plan.to - at < 16_000);
        assert!(source.pending().unwrap().bytes <= 16_000);
        at = plan.to;
    }
    // What is not in the source is in the buffers of the system, a few megabytes, and not all was written.
    let written = written.load(Ordering::Relaxed);
    assert!(written < 48_000_000, "{written}");
    source.close();
}

#[test]
fn sources_that_read_ahead_share_the_bound_and_others_need_none() {
    let ctx = bounded(8_192);
    let numbers = |end: u64| pushes(move |handle| Ok((0..end).try_for_each(|n| handle.store(n))?));
    let (queue, pushed) = Queue::new();
    queue.push((0..5_000).collect());
    queue.close();
    let all = ctx.receiver(numbers(2_000)).union(&ctx.receiver(numbers(3_000))).union(&ctx.source(pushed));
    let rows = all.collect_to_memory();
    let batches = batches(&ctx);
    assert_eq!(rows.rows().len(), 10_000);
    let most = |id: usize| batches.iter().map(|batch| batch.sources[id].records).max().unwrap();
    assert_eq!([most(0), most(1), most(2)], [256, 256, 5_000]);
}

#[test]
fn a_bound_that_is_too_small_is_refused() {
    let ctx = bounded(2_000);
    let numbers = || pushes(|handle| Ok(handle.store(1_u64)?));
    ctx.receiver(numbers()).union(&ctx.receiver(numbers())).for_each_batch(|_, _| ());
    let Err(Error::Graph(problems)) = ctx.start() else { panic!("it starts") };
    assert_eq!(problems, ["max_pending_bytes is 2000, for 2 sources that read ahead; write 2048 at least"]);
}
