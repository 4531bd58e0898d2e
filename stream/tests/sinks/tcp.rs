//! Lines over TCP, to a server on loopback.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[cfg(feature = "json")]
use streamgauge_stream::Time;
use streamgauge_stream::sink::{Tcp, Text};
use streamgauge_stream::{Queue, StreamingContext, Trigger};

/// A server, and its address.
fn listen() -> (TcpListener, String) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    (server, address)
}

fn tcp(address: &str) -> Tcp<Text> {
    Tcp::text(address).retry(3, Duration::ZERO)
}

fn lines(connection: TcpStream) -> impl Iterator<Item = String> {
    BufReader::new(connection).lines().map(|line| line.unwrap())
}

/// An address at which nobody listens.
fn nobody() -> String {
    listen().1
}

#[test]
fn a_line_a_row_in_order_over_one_connection() {
    let (server, address) = listen();
    let read = thread::spawn(move || lines(server.accept().unwrap().0).collect::<Vec<_>>());
    super::batches(vec![vec![1, 2], vec![], vec![3]], |numbers| numbers.write_to(tcp(&address))).unwrap();
    // The connection is closed when the job has ended.
    assert_eq!(read.join().unwrap(), ["1", "2", "3"]);
}

#[test]
fn a_failed_batch_sends_nothing() {
    let (server, address) = listen();
    let read = thread::spawn(move || lines(server.accept().unwrap().0).collect::<Vec<_>>());
    super::batches(vec![vec![1, 2], vec![3, 4]], |numbers| {
        numbers.map(|n| if n == 4 { panic!("no fours") } else { n }).write_to(tcp(&address));
    })
    .unwrap_err();
    assert_eq!(read.join().unwrap(), ["1", "2"]);
}

/// A server that reads a line from each of so many connections and closes it; tells when it has.
fn impatient(connections: usize) -> (JoinHandle<Vec<String>>, Receiver<()>, String) {
    let (server, address) = listen();
    let (tell, closed) = channel();
    let read = thread::spawn(move || {
        let read = (0..connections).map(|_| {
            let line = lines(server.accept().unwrap().0).next().unwrap();
            tell.send(()).unwrap();
            line
        });
        read.collect()
    });
    (read, closed, address)
}

#[test]
fn a_connection_that_the_server_has_closed_is_made_again() {
    let (read, closed, address) = impatient(3);
    super::batches(vec![vec!["a"], vec!["b"], vec!["c"]], |rows| {
        rows.write_to(tcp(&address));
        // The next batch begins when the server has closed.
        rows.for_each_batch(move |_, _| closed.recv());
    })
    .unwrap();
    assert_eq!(read.join().unwrap(), ["a", "b", "c"]);
}

#[test]
fn a_server_that_stays_away_ends_the_job() {
    let (read, closed, address) = impatient(1);
    let error = super::batches(vec![vec!["a"], vec!["b"]], |rows| {
        rows.write_to(tcp(&address));
        let mut server = Some(read);
        rows.for_each_batch(move |_, _| {
            let first = closed.recv();
            // Joined: its port is closed too.
            let lines = server.take().unwrap().join().unwrap();
            assert_eq!(lines, ["a"]);
            first
        });
    });
    let error = error.unwrap_err().to_string();
    let expected = format!("write_to 1 of batch 2000 ms: tcp://{address}: 3 of 3 attempts failed, the last one: ");
    assert!(error.starts_with(&expected) && error.contains("Connection refused"), "{error}");
}

#[test]
fn a_server_that_does_not_read_ends_the_job() {
    let (server, address) = listen();
    let (done, wait) = channel::<()>();
    let server = thread::spawn(move || {
        let connections: Vec<_> = (0..2).map(|_| server.accept().unwrap()).collect();
        let _ = wait.recv();
        drop(connections);
    });
    // More than the system holds for a reader.
    let rows = vec![vec!["x".repeat(1 << 20); 32]];
    let sink = tcp(&address).retry(2, Duration::ZERO).timeout(Duration::from_millis(50));
    let error = super::batches(rows, |rows| rows.write_to(sink)).unwrap_err().to_string();
    assert!(error.contains("2 of 2 attempts failed, the last one: "), "{error}");
    drop(done);
    server.join().unwrap();
}

#[test]
fn addresses_at_which_nobody_listens_are_errors_of_the_start() {
    let start = |address: &str| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
        let (_queue, source) = Queue::<u32>::new();
        ctx.source(source).write_to(tcp(address));
        ctx.start().unwrap_err().to_string()
    };
    let nobody = nobody();
    for (address, cause) in [
        (nobody.as_str(), "Connection refused"),
        ("localhost", "invalid socket address"),
        ("localhost:http", "invalid port value"),
        ("localhost:99999", "invalid port value"),
        ("", "invalid socket address"),
        ("no such host:80", ""),
    ] {
        let error = start(address);
        assert!(error.starts_with(&format!("the job cannot start: write_to 1: tcp://{address}: ")), "{error}");
        assert!(error.contains(cause), "{error}");
    }
}

#[test]
fn a_timeout_of_nothing_is_an_error_of_the_start() {
    let (_server, address) = listen();
    let error = super::batches(vec![vec![1]], |rows| rows.write_to(tcp(&address).timeout(Duration::ZERO)));
    assert!(error.unwrap_err().to_string().contains("timeout"), "no zero timeout");
}

#[cfg(feature = "json")]
#[test]
fn a_line_of_json_a_row() {
    let (server, address) = listen();
    let read = thread::spawn(move || lines(server.accept().unwrap().0).collect::<Vec<_>>());
    super::batches(vec![vec![("a\nb", Time::from_millis(5))]], |rows| rows.write_to(Tcp::json(&address))).unwrap();
    assert_eq!(read.join().unwrap(), [r#"["a\nb",5]"#]);
}
