//! Lines over TCP, between a server of the test and a source.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use streamgauge_stream::source::conformance::check_once;
use streamgauge_stream::source::{Next, Restart};
use streamgauge_stream::{Clock, ManualClock, Source, TcpLines, TextBlock, Time, secs};

use crate::support::{ByHand, Warned, available, every_second, tick};

fn server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Sends a text to the one who connects, and hangs up.
fn sends(text: &'static str) -> String {
    let (listener, address) = server();
    thread::spawn(move || listener.accept().unwrap().0.write_all(text.as_bytes()).unwrap());
    address
}

fn lines(blocks: &[TextBlock]) -> Vec<String> {
    blocks.iter().flat_map(|block| block.lines().map(str::to_owned)).collect()
}

#[test]
fn the_end_of_the_connection_is_the_end_of_the_input_if_it_is_not_made_again() {
    for buffer in [1, 5, 8 << 20] {
        let address = sends("one\r\ntwo\n\nfour");
        let ctx = available(2);
        let source = TcpLines::connect(&*address).restart(Restart::never()).buffer_bytes(buffer);
        let lines = ctx.text(source).lines().collect_to_memory();
        let report = ctx.run().unwrap();
        assert_eq!(lines.rows(), ["one", "two", "", "four"]);
        assert_eq!(report.records, 4);
    }
}

#[test]
fn what_is_read_once_passes_the_kit() {
    let read = check_once(TcpLines::connect(sends("a\nb\nc\n")).restart(Restart::never()).buffer_bytes(2)).len();
    assert_eq!(read, 3, "a line is longer than a buffer of one byte, and so a batch");
}

#[test]
fn a_connection_is_made_again_and_its_lines_are_lines_of_their_own() {
    let (listener, address) = server();
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let mut source = TcpLines::connect(&*address);
    source.open(&(clock.clone() as Arc<dyn Clock>)).unwrap();
    let mut by_hand = ByHand::new(source);
    let mut blocks = Vec::new();

    listener.accept().unwrap().0.write_all(b"one\nhalf").unwrap();
    let closed = format!("{address}: the other side has closed the connection; connects again in 2s");
    assert_eq!(by_hand.warnings(&mut blocks), [closed]);
    clock.advance(secs(2));
    let (mut to, _) = listener.accept().unwrap();
    to.write_all(b"three\n").unwrap();
    while lines(&blocks).len() < 3 {
        let (partitions, next) = by_hand.batch(false).unwrap();
        assert_ne!(next, Next::Finished, "it never ends");
        blocks.extend(partitions.into_iter().flatten());
        thread::yield_now();
    }
    assert_eq!(lines(&blocks), ["one", "half", "three"]);
}

#[test]
fn a_server_that_is_not_there_is_told_and_tried_again() {
    let (listener, address) = server();
    drop(listener);
    let clock = Arc::new(ManualClock::new(Time::from_secs(0)));
    let mut source = TcpLines::connect(&*address).restart(Restart::after(secs(5)).at_most(1));
    source.open(&(clock.clone() as Arc<dyn Clock>)).unwrap();
    let mut by_hand = ByHand::new(source);
    let warnings = by_hand.warnings(&mut Vec::new());
    assert!(warnings[0].starts_with(&format!("{address}: cannot connect: ")), "{warnings:?}");
    assert!(warnings[0].ends_with("; connects again in 5s"), "{warnings:?}");
    clock.advance(secs(5));
    let error = loop {
        match by_hand.batch(false) {
            Ok((partitions, _)) => assert!(partitions.is_empty()),
            Err(error) => break error.to_string(),
        }
        thread::yield_now();
    };
    assert!(error.starts_with(&format!("{address}: ")) && error.contains("cannot connect"), "{error}");
}

#[test]
fn a_name_without_an_address_ends_a_strict_job() {
    let ctx = available(1);
    ctx.text(TcpLines::connect("no port").restart(Restart::never())).lines().print();
    let error = ctx.run().unwrap_err().to_string();
    assert!(error.starts_with("no port: ") && error.contains("cannot connect"), "{error}");
}

#[test]
fn a_stop_works_off_the_whole_lines_and_hangs_up() {
    let (listener, address) = server();
    let mut source = TcpLines::connect(&*address);
    source.open(&(Arc::new(ManualClock::new(Time::from_secs(0))) as Arc<dyn Clock>)).unwrap();
    let (mut to, _) = listener.accept().unwrap();
    to.write_all(b"one\ntwo\nthr").unwrap();
    while !source.holds_records() {
        thread::yield_now();
    }
    source.close();
    assert_eq!(to.read(&mut [0]).unwrap_or(0), 0, "the server sees that nobody is there any more");
    let mut by_hand = ByHand::new(source);
    let (partitions, next) = by_hand.batch(false).unwrap();
    assert_eq!(lines(&partitions.concat())[0], "one");
    assert_eq!(next, Next::Idle);
    assert!(!by_hand.source.holds_records());
    assert!(by_hand.source.take_warnings().is_empty(), "what comes of the stop is no failure");
}

#[test]
fn a_job_reads_lines_as_they_come_and_tells_its_listeners() {
    let (listener, address) = server();
    let (ctx, clock) = every_second();
    let warned = Arc::new(Warned::default());
    ctx.add_listener(warned.clone());
    let rows = ctx.text(TcpLines::connect(&*address)).lines().collect_to_memory();
    ctx.start().unwrap();
    let mut to: TcpStream = listener.accept().unwrap().0;
    for line in ["one\n", "two\n"] {
        to.write_all(line.as_bytes()).unwrap();
        while rows.rows().last().map(|row| format!("{row}\n")).as_deref() != Some(line) {
            tick(&ctx, &clock);
        }
    }
    drop(to);
    while warned.0.lock().unwrap().is_empty() {
        tick(&ctx, &clock);
    }
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(rows.rows(), ["one", "two"]);
    let expected = format!("{address}|{address}: the other side has closed the connection; connects again in 2s");
    assert_eq!(warned.0.lock().unwrap()[0], expected);
}
