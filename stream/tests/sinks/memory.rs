//! The table in memory.

use std::sync::Arc;

use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::{Clock, ManualClock, MemorySink, Queue, StreamingContext, Time, secs};

struct Table(MemorySink<u64>);

impl Subject for Table {
    type Row = u64;
    type Sink = MemorySink<u64>;

    fn sink(&mut self) -> MemorySink<u64> {
        self.0.clone()
    }

    fn row(&self, n: u64) -> u64 {
        n
    }

    fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
        self.0.batches()
    }
}

#[test]
fn conforms() {
    check(&mut Table(MemorySink::all()));
}

#[test]
fn is_read_while_the_job_runs() {
    let clock = Arc::new(ManualClock::new(Time::from_secs(1_000)));
    let ctx = StreamingContext::builder("test").clock(clock.clone()).batch_interval(secs(1)).build();
    let (queue, source) = Queue::new();
    let (all, latest) = (MemorySink::all(), MemorySink::last(1));
    let numbers = ctx.source(source);
    numbers.write_to(all.clone());
    numbers.write_to(latest.clone());
    assert_eq!((latest.time(), latest.rows()), (None, vec![]));
    ctx.start().unwrap();
    for (n, rows) in [(1, vec![1]), (2, vec![1, 2]), (3, vec![])] {
        queue.push(rows.clone());
        clock.advance(secs(1));
        assert!(ctx.await_batch(clock.now()));
        assert_eq!((latest.time(), latest.rows()), (Some(Time::from_secs(1_000 + n)), rows));
    }
    assert_eq!(all.rows(), [1, 1, 2]);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(all.batches().len(), 3);
}

#[test]
fn keeps_so_many_batches() {
    let last = MemorySink::last(2);
    super::batches(vec![vec![1], vec![2], vec![3, 4]], |numbers| numbers.write_to(last.clone())).unwrap();
    assert_eq!(last.batches(), [(Time::from_secs(2), vec![2]), (Time::from_secs(3), vec![3, 4])]);
}

#[test]
fn keeps_nothing_if_told_so() {
    let none = MemorySink::last(0);
    super::batches(vec![vec![1], vec![2]], |numbers| numbers.write_to(none.clone())).unwrap();
    assert_eq!((none.rows(), none.time()), (vec![], None));
}
