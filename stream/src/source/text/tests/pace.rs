use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::TextFiles;
use super::*;

fn event_time(line: &str) -> Option<i64> {
    line.split(' ').next()?.parse().ok()
}

fn at(millis: i64) -> Limit {
    Limit::new(Time::from_millis(millis), false)
}

const LOG: &str = "# a log\n5000 a\n6000 b\n  more of b\n6000 c\n9000 d\n7000 e\n9001 f\n";

#[test]
fn lines_come_when_it_is_their_time() {
    let scratch = Scratch::new();
    let path = scratch.write("log", LOG, 0);
    let mut source = TextFiles::new(&path).unwrap().paced(event_time, 2.0);
    let mut position = source.start();
    let mut next = |time, expected: &[&str]| {
        let batch = batch(&mut source, &position, at(time)).unwrap();
        assert_eq!(lines(&batch.blocks), expected);
        position = batch.to;
        batch.next
    };
    assert_eq!(next(100_000, &["# a log", "5000 a"]), Next::Idle);
    assert_eq!(next(100_499, &[]), Next::Idle);
    assert_eq!(next(100_500, &["6000 b", "  more of b", "6000 c"]), Next::Idle);
    assert_eq!(next(102_000, &["9000 d", "7000 e"]), Next::Idle);
    assert_eq!(next(103_000, &["9001 f"]), Next::Finished);
}

#[test]
fn a_restart_begins_anew_at_its_first_line() {
    let scratch = Scratch::new();
    let path = scratch.write("log", LOG, 0);
    let source = || TextFiles::new(&path).unwrap().paced(event_time, 1.0);
    let first = batch(&mut source(), &source().start(), at(0)).unwrap();
    let mut source = source();
    let second = batch(&mut source, &first.to, at(1_000_000)).unwrap();
    assert_eq!(lines(&second.blocks), ["6000 b", "  more of b", "6000 c"]);
    let third = batch(&mut source, &second.to, at(1_003_000)).unwrap();
    assert_eq!(lines(&third.blocks), ["9000 d", "7000 e"]);
}

#[test]
fn batches_that_wait_for_a_full_share_are_not_paced() {
    let scratch = Scratch::new();
    let path = scratch.write("log", LOG, 0);
    let batches = batches(&mut TextFiles::new(&path).unwrap().paced(event_time, 1.0), WAIT);
    assert_eq!(batches.len(), 1);
    assert_eq!(all_lines(&batches), plain_lines(LOG.as_bytes()));
}

#[test]
fn a_batch_looks_no_further_than_to_the_line_that_is_early() {
    let scratch = Scratch::new();
    let log: String = (0..10_000).map(|second| format!("{} x\n", second * 1_000)).collect();
    let path = scratch.write("log", log, 0);
    let looked = Arc::new(AtomicUsize::new(0));
    let count = looked.clone();
    let time = move |line: &str| {
        count.fetch_add(1, Ordering::Relaxed);
        event_time(line)
    };
    let mut source = TextFiles::new(&path).unwrap().paced(time, 1.0);
    let mut position = source.start();
    for second in 0..100 {
        let batch = batch(&mut source, &position, at(second * 1_000)).unwrap();
        assert_eq!(lines(&batch.blocks).len(), 1);
        position = batch.to;
    }
    assert_eq!(looked.load(Ordering::Relaxed), 200);
}

#[test]
fn compressed_logs_and_directories_are_paced() {
    let scratch = Scratch::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(LOG.as_bytes()).unwrap();
    scratch.write("a.gz", encoder.finish().unwrap(), 1);
    scratch.write("b", "9500 g\n20000 h\n", 2);
    let mut source = TextFiles::new(&scratch.0).unwrap().paced(event_time, 1.0);
    let mut position = source.start();
    let mut read = |time, until: &str| {
        loop {
            let batch = batch(&mut source, &position, at(time)).unwrap();
            position = batch.to;
            if let Some(last) = lines(&batch.blocks).pop() {
                assert_eq!(last, until);
                return batch.next;
            }
            // The decompression goes on in another thread.
            std::thread::yield_now();
        }
    };
    assert_eq!(read(0, "5000 a"), Next::Idle);
    assert_eq!(read(3_999, "6000 c"), Next::Idle);
    read(4_600, "9500 g");
    assert_eq!(read(20_000, "20000 h"), Next::Finished);
}

#[test]
fn a_strange_speed_is_harmless() {
    let scratch = Scratch::new();
    let path = scratch.write("log", LOG, 0);
    for speed in [f64::NAN, -1.0, 0.0, f64::INFINITY, f64::MAX] {
        let mut source = TextFiles::new(&path).unwrap().paced(event_time, speed);
        let first = first(&mut source, at(i64::MIN)).unwrap();
        assert_eq!(lines(&first.blocks)[..2], ["# a log", "5000 a"]);
        source.plan(&first.to, at(i64::MAX)).unwrap();
    }
}
