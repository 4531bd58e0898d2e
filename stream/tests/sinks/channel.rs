//! The channel to another thread.

use std::sync::mpsc::Receiver;
use std::thread;

use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{ChannelSink, channel};
use streamgauge_stream::{Queue, StreamingContext, Time, Trigger};

/// A reader of channels: of the one after a restart too.
#[derive(Default)]
struct Reader {
    batches: Option<Receiver<(Time, Vec<u64>)>>,
    seen: Vec<(Time, Vec<u64>)>,
}

impl Subject for Reader {
    type Row = u64;
    type Sink = ChannelSink<u64>;

    fn sink(&mut self) -> ChannelSink<u64> {
        self.visible();
        let (sink, batches) = channel(10);
        self.batches = Some(batches);
        sink
    }

    fn row(&self, n: u64) -> u64 {
        n
    }

    fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
        self.seen.extend(self.batches.iter().flat_map(|batches| batches.try_iter()));
        self.seen.clone()
    }

    fn replaces(&self) -> bool {
        false
    }

    fn broken(&mut self) -> Option<ChannelSink<u64>> {
        Some(channel(1).0)
    }
}

#[test]
fn conforms() {
    check(&mut Reader::default());
}

#[test]
fn a_slow_receiver_slows_the_job_down() {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    let (sink, batches) = channel(0);
    let source = ctx.source(source.one_at_a_time());
    source.write_to(sink);
    let begun = source.collect_to_memory();
    (0..10).for_each(|n| assert!(queue.push(vec![n])));
    queue.close();
    ctx.start().unwrap();
    for n in 0..10 {
        // Of the batches not yet taken at most this one has been handed over: the outputs after it come later.
        assert!(begun.batches().len() <= n as usize);
        assert_eq!(batches.recv().unwrap(), (Time::from_secs(n + 1), vec![n]));
    }
    ctx.await_termination().unwrap();
}

#[test]
fn the_receiver_hears_the_end_though_the_context_lives() {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
    let (queue, source) = Queue::new();
    let (sink, batches) = channel(1);
    ctx.source(source).write_to(sink);
    queue.push(vec![1, 2]);
    queue.close();
    let all = thread::spawn(move || batches.iter().collect::<Vec<_>>());
    ctx.start().unwrap();
    assert_eq!(all.join().unwrap(), [(Time::from_secs(1), vec![1, 2])]);
    ctx.await_termination().unwrap();
}

#[test]
fn a_dropped_receiver_ends_the_job_with_an_error() {
    let (sink, batches) = channel(5);
    drop(batches);
    let error = super::batches(vec![vec![1]], |numbers| numbers.write_to(sink)).unwrap_err().to_string();
    assert_eq!(error, "write_to 1 of batch 1000 ms: a channel: its receiver was dropped");
}
