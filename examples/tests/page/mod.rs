//! What an example writes and shows with a dashboard.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A process that is ended with the test, however that ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs an example with a dashboard until its input has ended: what it has written then, and what a page that is opened
/// then gets first.
pub(crate) fn of(example: &str, args: &[&str]) -> (String, Value) {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(example);
    assert!(program.exists(), "build it first: cargo build -p streamgauge-examples --examples");
    let mut command = Command::new(program);
    command.args(args).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut told = BufReader::new(process.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let url = told.find_map(|line| line.strip_prefix("dashboard: http://").map(str::to_owned)).unwrap();
    told.find(|line| line.contains("the input has ended")).unwrap();
    let hello = hello(&url);
    // What it wrote is in the pipe, and fits in it.
    let mut stdout = process.0.stdout.take().unwrap();
    drop(process);
    let mut written = String::new();
    stdout.read_to_string(&mut written).unwrap();
    (written, hello)
}

/// The first event of the page. An answer to a request of version 1.0 is not in chunks.
fn hello(address: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /events HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line == "event: hello").unwrap();
    let data = lines.find(|line| line.starts_with("data:")).unwrap();
    serde_json::from_str(data.trim_start_matches("data:")).unwrap()
}
