use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::super::Stdin;
use super::*;
use crate::clock::{Clock, ManualClock};

/// Gives a text away in pieces of random sizes.
struct Pieces {
    text: Cursor<Vec<u8>>,
    random: Random,
    largest: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.random.below(10) == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = (1 + self.random.below(self.largest)).min(buffer.len());
        self.text.read(&mut buffer[..length])
    }
}

fn pieces(text: &[u8], seed: u64, largest: usize) -> Pieces {
    Pieces { text: Cursor::new(text.to_vec()), random: Random(seed), largest }
}

/// A pipe: what is sent is read, and each read is told.
struct Pipe {
    received: Receiver<io::Result<&'static str>>,
    asked: Sender<()>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = self.asked.send(());
        let Ok(text) = self.received.recv() else {
            return Ok(0);
        };
        let text = text?.as_bytes();
        buffer[..text.len()].copy_from_slice(text);
        Ok(text.len())
    }
}

/// The writing end of a pipe.
struct Writer {
    sender: Sender<io::Result<&'static str>>,
    asked: Receiver<()>,
}

impl Writer {
    /// Writes, and returns when it is in the buffer, because the reader has come back for more.
    fn write(&self, text: &'static str) {
        self.sender.send(Ok(text)).unwrap();
        self.asked.recv().unwrap();
    }
}

fn pipe() -> (Writer, Stdin) {
    let (sender, received) = channel();
    let (ask, asked) = channel();
    let mut source = Stdin::ahead("pipe", Pipe { received, asked: ask }, 1_000, 100);
    source.open(&(Arc::new(ManualClock::new(Time::from_secs(0))) as Arc<dyn Clock>)).unwrap();
    asked.recv().unwrap();
    (Writer { sender, asked }, source)
}

#[test]
fn every_line_is_read_once_whatever_the_pieces() {
    let run = |seed, limit, share, partition, largest| {
        let text = unpleasant_text(seed);
        let mut source = Stdin::ahead("pipe", pieces(&text, seed, largest), share, partition);
        let batches = batches(&mut source, limit);
        let case = format!("seed {seed}, {share}, {partition}, {largest}");
        assert_eq!(all_lines(&batches), plain_lines(&text), "{case}");
        assert_numbered(&batches);
    };
    for seed in 0..40 {
        for (share, partition) in [(1, 1), (10, 3), (100, 30), (10_000, 100)] {
            run(seed, WAIT, share, partition, 1 + seed as usize);
            run(seed, NOW, share, partition, 1_000);
        }
    }
}

#[test]
fn a_batch_that_waits_depends_on_the_text_alone() {
    for seed in 0..40 {
        let text = unpleasant_text(seed);
        for (share, partition) in [(1, 10), (50, 20), (300, 100), (100_000, 1_000)] {
            let run = |largest| {
                let mut source = Stdin::ahead("pipe", pieces(&text, largest as u64, largest), share, partition);
                let batches = batches(&mut source, WAIT);
                batches.iter().map(|batch| (batch.to, batch.next, contents(&batch.blocks))).collect::<Vec<_>>()
            };
            let expected = run(1);
            for largest in [2, 13, 400, 100_000] {
                assert_eq!(run(largest), expected, "seed {seed}, {share}, {partition}, {largest}");
            }
        }
    }
}

#[test]
fn a_line_is_read_as_soon_as_it_is_there() {
    let (writer, mut source) = pipe();
    let mut at = source.start();
    let mut next = |expected: &[&str]| {
        let batch = batch(&mut source, &at, NOW).unwrap();
        assert_eq!(lines(&batch.blocks), expected);
        assert_eq!(batch.next, Next::Idle);
        at = batch.to;
    };
    next(&[]);
    writer.write("one\ntw");
    next(&["one"]);
    next(&[]);
    writer.write("o\n");
    next(&["two"]);
    writer.write("unfinished");
    next(&[]);
    drop(writer);
    let rest = loop {
        let batch = batch(&mut source, &at, NOW).unwrap();
        if batch.next == Next::Finished {
            break batch;
        }
        std::thread::yield_now();
    };
    assert_eq!(lines(&rest.blocks), ["unfinished"]);
    assert_eq!(rest.blocks[0].line_number(0).unwrap(), 3);
}

#[test]
fn nothing_is_read_again() {
    let (writer, mut source) = pipe();
    writer.write("one\n");
    let first = batch(&mut source, &700, NOW).unwrap();
    // The position goes on from where a restarted job was; the lines are those of this input.
    assert_eq!((first.to, first.blocks[0].line_number(0).unwrap()), (704, 1));
    let error = source.read(&700, &704).err().unwrap();
    assert_eq!(error.to_string(), "pipe: bytes 700 to 704 cannot be read again");
    assert!(source.read(&704, &704).unwrap().is_empty());
}

#[test]
fn what_was_taken_in_is_read_after_closing() {
    let (writer, mut source) = pipe();
    assert!(!source.holds_records());
    writer.write("one\ntw");
    assert!(source.holds_records());
    source.close();
    assert!(source.holds_records());
    writer.sender.send(Ok("o\n")).unwrap();
    let first = batch(&mut source, &0, WAIT).unwrap();
    assert_eq!((lines(&first.blocks), first.next), (vec!["one".to_owned()], Next::Idle));
    assert!(!source.holds_records());
    for limit in [WAIT, NOW] {
        let later = batch(&mut source, &first.to, limit).unwrap();
        assert_eq!((later.blocks.len(), later.next), (0, Next::Idle));
    }
}

#[test]
fn a_broken_pipe_gives_its_good_lines_first() {
    for limit in [WAIT, NOW] {
        let (writer, mut source) = pipe();
        writer.write("one\ntw");
        writer.sender.send(Err(io::Error::other("gone"))).unwrap();
        let first = batch(&mut source, &0, limit).unwrap();
        assert_eq!(lines(&first.blocks), ["one"]);
        let error = loop {
            match source.plan(&first.to, limit) {
                Ok(plan) => assert_eq!(plan.next, Next::Idle),
                Err(error) => break error,
            }
            std::thread::yield_now();
        };
        assert_eq!(error.to_string(), "pipe: byte 6 of the text, line 2: gone");
    }
}

#[test]
fn a_reader_that_panics_is_an_error() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("expected by this test");
        }
    }
    let mut source = Stdin::reading("pipe", Panics);
    let error = source.plan(&0, WAIT).unwrap_err();
    assert!(error.why.ends_with("its reader panicked"), "{error}");
}

#[test]
fn an_endless_line_is_an_error() {
    for limit in [WAIT, NOW] {
        let text = format!("ab\n{}", "x".repeat(1 << 20));
        let mut source = Stdin::ahead("pipe", Cursor::new(text), 100, 100).longest_line(300_000);
        let mut at = 0;
        let error = loop {
            match source.plan(&at, limit) {
                Ok(plan) => at = plan.to,
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "pipe: byte 3 of the text, line 2: a line is longer than 300000 bytes");
    }
}

#[test]
fn reading_ahead_is_bounded() {
    /// Counts what is read of an endless text.
    struct Endless(std::sync::Arc<AtomicU64>);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'\n');
            self.0.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            Ok(buffer.len())
        }
    }
    let count = std::sync::Arc::new(AtomicU64::new(0));
    let mut source = Stdin::ahead("pipe", Endless(count.clone()), 1 << 18, 1 << 16);
    let mut at = 0;
    for _ in 0..100 {
        at = batch(&mut source, &at, WAIT).unwrap().to;
        assert!(count.load(Ordering::Relaxed) <= at + (1 << 18) + (1 << 16) + 1);
    }
    assert_eq!(at, 100 << 18);
}
