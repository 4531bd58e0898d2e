//! Lines of pipes and connections: nobody acknowledges them, but what is durable is not lost.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use streamgauge_stream::source::Restart;
use streamgauge_stream::testing::{Breakdown, TestJob};
use streamgauge_stream::{MemorySink, Source, Stdin, TcpLines, TextBlock};

use crate::support::Watched;

/// A job on lines.
fn job(disk: &Watched, source: impl Source<Item = TextBlock>, rows: &MemorySink<u32>) -> TestJob {
    let job = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
    let lines = job.context().text(source);
    lines.parse(|line| line.parse::<u32>().map(Some)).write_to(rows.clone());
    job
}

/// Ticks until so many rows are there.
fn await_rows(job: &mut TestJob, rows: &MemorySink<u32>, count: usize) {
    while rows.rows().len() < count {
        job.tick().unwrap();
        thread::yield_now();
    }
}

/// The text that a test sends, as a pipe.
struct Pipe {
    texts: Receiver<&'static str>,
    rest: &'static [u8],
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.texts.recv().unwrap_or_default().as_bytes();
        }
        self.rest.read(buffer)
    }
}

#[test]
fn lines_of_a_pipe_are_durable_before_a_batch_has_them() {
    let (disk, rows) = (Watched::default(), MemorySink::all());
    let start = || {
        let (send, texts) = channel();
        let pipe = Pipe { texts, rest: &[] };
        (send, job(&disk, Stdin::reading("pipe", pipe), &rows))
    };
    let (send, mut killed) = start();
    send.send("1\n2\n").unwrap();
    await_rows(&mut killed, &rows, 2);
    let before = disk.synced();
    // Half a line is no record.
    send.send("3\n4\n5").unwrap();
    disk.await_sync(before);
    disk.disk.break_down(disk.disk.sync_points() + 1, Breakdown::Before);
    while killed.tick().is_ok() {}
    drop((killed, send));
    disk.disk.restart(4);
    assert_eq!(rows.rows(), [1, 2]);

    let (send, mut job) = start();
    send.send("6\n").unwrap();
    await_rows(&mut job, &rows, 5);
    send.send("7").unwrap();
    drop(send);
    job.run().unwrap();
    assert_eq!(rows.rows(), [1, 2, 3, 4, 6, 7]);
}

#[test]
fn lines_of_a_connection_are_durable_before_a_batch_has_them() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let (disk, rows) = (Watched::default(), MemorySink::all());
    let start = || job(&disk, TcpLines::connect(address.as_str()).restart(Restart::never()), &rows);
    let mut killed = start();
    killed.start().unwrap();
    let (mut connection, _) = server.accept().unwrap();
    connection.write_all(b"1\n2\n").unwrap();
    await_rows(&mut killed, &rows, 2);
    let before = disk.synced();
    connection.write_all(b"3\n").unwrap();
    disk.await_sync(before);
    disk.disk.break_down(disk.disk.sync_points() + 1, Breakdown::Before);
    while killed.tick().is_ok() {}
    drop((killed, connection));
    disk.disk.restart(4);

    let mut job = start();
    job.start().unwrap();
    let (mut connection, _) = server.accept().unwrap();
    connection.write_all(b"4\n5\n").unwrap();
    drop(connection);
    job.run().unwrap();
    assert_eq!(rows.rows(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_malformed_line_after_a_restart_still_has_its_number() {
    let (disk, rows) = (Watched::default(), MemorySink::all());
    let start = || {
        let (send, texts) = channel();
        (send, job(&disk, Stdin::reading("pipe", Pipe { texts, rest: &[] }), &rows))
    };
    let (send, mut killed) = start();
    send.send("1\n2\n").unwrap();
    await_rows(&mut killed, &rows, 2);
    let before = disk.synced();
    send.send("3\nfour\n5\n").unwrap();
    disk.await_sync(before);
    disk.disk.break_down(disk.disk.sync_points() + 1, Breakdown::Before);
    while killed.tick().is_ok() {}
    drop((killed, send));
    disk.disk.restart(4);

    let (send, mut job) = start();
    let recorder = job.record();
    drop(send);
    job.run().unwrap();
    assert_eq!(rows.rows(), [1, 2, 3, 5]);
    let told = format!("{:?}", recorder.events());
    assert!(told.contains("input: \"pipe\", line: 4"), "{told}");
}
