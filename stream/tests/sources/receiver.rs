//! Receivers: blocks, the bounded buffer, failures, the stop.

use std::sync::Arc;
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};

use streamgauge_stream::source::conformance::check_once;
use streamgauge_stream::source::{Next, Restart, Stopped};
use streamgauge_stream::{
    Clock, ManualClock, Receiver, ReceiverHandle, ReceiverSource, Source, SourceError, Time, millis, secs,
};

use crate::support::{ByHand, Warned, available, every_second, tick};

/// A receiver that is a function; called with the number of the attempt, from 1.
pub(crate) struct Calls<F> {
    attempt: u32,
    call: F,
}

pub(crate) fn calls<F>(call: F) -> Calls<F>
where
    F: FnMut(u32, &ReceiverHandle<u32>) -> Result<(), SourceError> + Send + 'static,
{
    Calls { attempt: 0, call }
}

impl<F> Receiver for Calls<F>
where
    F: FnMut(u32, &ReceiverHandle<u32>) -> Result<(), SourceError> + Send + 'static,
{
    type Item = u32;

    fn name(&self) -> String {
        "calls".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<u32>) -> Result<(), SourceError> {
        self.attempt += 1;
        (self.call)(self.attempt, handle)
    }
}

fn numbers(end: u32) -> ReceiverSource<impl Receiver<Item = u32>> {
    ReceiverSource::new(calls(move |_, handle| Ok((0..end).try_for_each(|n| handle.store(n))?)))
}

#[test]
fn a_block_is_a_partition() {
    let source = numbers(10).block_records(4);
    let (partitions, next) = ByHand::new(source).batch(true).unwrap();
    assert_eq!(partitions, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    assert_eq!(next, Next::Finished);
}

#[test]
fn what_is_stored_at_once_is_a_block_of_its_own() {
    let many = calls(|_, handle| {
        handle.store(1)?;
        handle.store_many(vec![2, 3, 4, 5])?;
        handle.store_many(Vec::new())?;
        handle.store(6)?;
        Ok(())
    });
    let (partitions, _) = ByHand::new(ReceiverSource::new(many).block_records(3)).batch(true).unwrap();
    assert_eq!(partitions, [vec![1], vec![2, 3, 4, 5], vec![6]]);
}

#[test]
fn a_full_buffer_makes_the_receiver_wait_and_drops_nothing() {
    for (buffer, block) in [(1, 1), (3, 2), (7, 3), (100, 8), (1_000, 8)] {
        let mut by_hand = ByHand::new(numbers(100).buffer_records(buffer).block_records(block));
        let mut batches = Vec::new();
        loop {
            let (partitions, next) = by_hand.batch(true).unwrap();
            batches.push(partitions.concat());
            if next == Next::Finished {
                break;
            }
        }
        let (last, full) = batches.split_last().unwrap();
        assert!(full.iter().all(|batch| batch.len() == buffer), "a batch that waits is a full buffer");
        assert_eq!(last.len(), 100 - full.len() * buffer, "buffer {buffer}: the same batches in every run");
        assert_eq!(batches.concat(), (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn more_at_once_than_the_buffer_holds_is_stored_when_it_is_empty() {
    let many = calls(|_, handle| {
        handle.store(0)?;
        handle.store_many((1..=20).collect())?;
        Ok(())
    });
    let mut by_hand = ByHand::new(ReceiverSource::new(many).buffer_records(10));
    assert_eq!(by_hand.batch(true).unwrap(), (vec![vec![0]], Next::Ready));
    assert_eq!(by_hand.batch(true).unwrap(), (vec![(1..=20).collect()], Next::Finished));
}

#[test]
fn a_batch_takes_all_that_was_stored() {
    let rows = |threads| {
        let ctx = available(threads);
        let rows = ctx.source(numbers(5_000).buffer_records(700).block_records(64)).collect_to_memory();
        ctx.run().unwrap();
        rows.batches()
    };
    let one = rows(1);
    assert_eq!(one.iter().flat_map(|(_, rows)| rows.clone()).collect::<Vec<_>>(), (0..5_000).collect::<Vec<_>>());
    assert_eq!(one.len(), 5_000_usize.div_ceil(700));
    assert_eq!(one, rows(2));
    assert_eq!(one, rows(8));
}

#[test]
fn a_receiver_passes_the_kit() {
    assert_eq!(check_once(numbers(1_000).buffer_records(99)), (0..1_000).collect::<Vec<_>>());
}

/// A receiver that does what it is told, and tells when it has done it.
fn told() -> (Sender<u32>, Inbox<Result<(), Stopped>>, impl Receiver<Item = u32>) {
    let (tell, told) = channel();
    let (done, answers) = channel();
    let receiver = calls(move |_, handle| {
        for n in &told {
            let _ = done.send(handle.store(n));
        }
        Ok(())
    });
    (tell, answers, receiver)
}

#[test]
fn blocks_are_cut_by_the_clock_if_asked_for() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let (tell, answers, receiver) = told();
    let mut source = ReceiverSource::new(receiver).block_interval(millis(200));
    source.open(&(clock.clone() as Arc<dyn Clock>)).unwrap();
    let mut by_hand = ByHand::new(source);
    for (n, passes) in [(1, 0), (2, 199), (3, 1), (4, 0), (5, 500)] {
        clock.advance(millis(passes));
        tell.send(n).unwrap();
        assert_eq!(answers.recv().unwrap(), Ok(()));
    }
    assert_eq!(by_hand.batch(false).unwrap(), (vec![vec![1, 2], vec![3, 4], vec![5]], Next::Idle));
    assert_eq!(by_hand.batch(false).unwrap(), (vec![], Next::Idle));
}

#[test]
fn a_stop_works_off_what_was_stored_and_refuses_the_rest() {
    let (ctx, clock) = every_second();
    let (tell, answers, receiver) = told();
    let rows = ctx.receiver(receiver).collect_to_memory();
    ctx.start().unwrap();
    tell.send(1).unwrap();
    assert_eq!(answers.recv().unwrap(), Ok(()));
    tick(&ctx, &clock);
    tell.send(2).unwrap();
    assert_eq!(answers.recv().unwrap(), Ok(()));
    ctx.stop();
    ctx.await_termination().unwrap();
    tell.send(3).unwrap();
    assert_eq!(answers.recv().unwrap(), Err(Stopped));
    assert_eq!(rows.rows(), [1, 2]);
}

#[test]
fn a_stop_wakes_a_receiver_that_waits_for_room() {
    let (done, answer) = channel();
    let receiver = calls(move |_, handle| {
        handle.store(1)?;
        let refused = handle.store(2);
        done.send(refused).unwrap();
        Ok(refused?)
    });
    let mut source = ReceiverSource::new(receiver).buffer_records(1);
    source.open(&(Arc::new(ManualClock::new(Time::from_secs(0))) as Arc<dyn Clock>)).unwrap();
    while !source.holds_records() {
        std::thread::yield_now();
    }
    source.close();
    assert_eq!(answer.recv().unwrap(), Err(Stopped));
    let mut by_hand = ByHand::new(source);
    assert_eq!(by_hand.batch(false).unwrap(), (vec![vec![1]], Next::Idle));
    assert!(!by_hand.source.holds_records());
    assert!(by_hand.source.take_warnings().is_empty(), "what comes of the stop is no failure");
}

#[test]
fn a_dropped_source_ends_its_receiver() {
    let (done, answer) = channel();
    let receiver = calls(move |_, handle| {
        while handle.wait(secs(1)) {}
        done.send(handle.store(1)).unwrap();
        Ok(())
    });
    let mut source = ReceiverSource::new(receiver);
    source.open(&(Arc::new(ManualClock::new(Time::from_secs(0))) as Arc<dyn Clock>)).unwrap();
    drop(source);
    assert_eq!(answer.recv().unwrap(), Err(Stopped));
}

#[test]
fn a_failure_is_told_and_the_receiver_called_again_after_the_delay() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let receiver = calls(|attempt, handle| {
        handle.store(attempt)?;
        match attempt {
            1 => Err(SourceError::new("device", "came off")),
            2 => panic!("bad luck"),
            _ => Ok(()),
        }
    });
    let mut source = ReceiverSource::new(receiver);
    source.open(&(clock.clone() as Arc<dyn Clock>)).unwrap();
    let mut by_hand = ByHand::new(source);
    let mut records = Vec::new();
    assert_eq!(by_hand.warnings(&mut records), ["device: came off; starts again in 2s"]);
    assert_eq!(records, [1], "it waits for the delay");
    clock.advance(secs(2));
    assert_eq!(by_hand.warnings(&mut records), ["calls: panicked: bad luck; starts again in 2s"]);
    assert_eq!(records, [1, 2]);
    clock.advance(secs(2));
    assert_eq!(by_hand.batch(true).unwrap(), (vec![vec![3]], Next::Finished));
}

#[test]
fn after_the_last_attempt_the_job_ends_with_the_error() {
    let failing = calls(|attempt, handle| {
        if attempt == 3 {
            handle.store(attempt)?;
        }
        Err(SourceError::new("device", format!("attempt {attempt}")))
    });
    let mut by_hand = ByHand::new(ReceiverSource::new(failing).restart(Restart::after(secs(0)).at_most(2)));
    // The third attempt stored something, so that it is the first of three failures.
    assert_eq!(by_hand.batch(true).unwrap(), (vec![vec![3]], Next::Ready), "what was stored is read first");
    assert_eq!(by_hand.batch(true).unwrap_err().to_string(), "device: attempt 5");
    let told: Vec<_> = by_hand.source.take_warnings().iter().map(|warning| warning.why.clone()).collect();
    assert_eq!(told, [1, 2, 3, 4].map(|n| format!("attempt {n}; starts again in 0ns")));

    let ctx = available(2);
    let never = ReceiverSource::new(calls(|_, _| Err(SourceError::new("device", "off")))).restart(Restart::never());
    ctx.source(never).for_each_batch(|_, _| ());
    assert_eq!(ctx.run().unwrap_err().to_string(), "device: off");
}

#[test]
fn errors_that_are_reported_come_to_the_listeners() {
    let ctx = available(2);
    let warned = Arc::new(Warned::default());
    ctx.add_listener(warned.clone());
    let receiver = calls(|_, handle| {
        handle.report_error("one message was garbled");
        Ok(handle.store(1)?)
    });
    let rows = ctx.receiver(receiver).collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(rows.rows(), [1]);
    assert_eq!(*warned.0.lock().unwrap(), ["calls|calls: one message was garbled"]);
}

#[test]
fn what_was_received_cannot_be_read_again() {
    let mut source = numbers(3);
    let plan = source.plan(&0, streamgauge_stream::source::Limit::new(Time::from_secs(1), true)).unwrap();
    assert_eq!(source.read(&0, &plan.to).unwrap().len(), 1);
    let error = source.read(&0, &plan.to).err().unwrap();
    assert_eq!(error.to_string(), "calls: records 0 to 3 cannot be read again");
}
