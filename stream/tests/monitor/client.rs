//! A client that speaks as much HTTP as the tests need, and a job to ask.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use serde_json::Value;
use streamgauge_stream::monitor::dashboard::Dashboard;
use streamgauge_stream::testing::TestJob;

/// Any free port of this machine.
pub(crate) const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    /// The value of a header; none if it is not there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Sends a request as it stands, and reads to the end of the connection.
pub(crate) fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let all = String::from_utf8(all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("no status: {head:?}"));
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let host = if headers.to_lowercase().contains("host: ") { String::new() } else { format!("Host: {address}\r\n") };
    send(address, &format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n"))
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[])
}

/// A job of three numbers a batch with two outputs, one of which fails in the second batch, and what it is asked at.
pub(crate) struct Asked {
    pub(crate) job: TestJob,
    pub(crate) dashboard: Dashboard,
}

impl Asked {
    pub(crate) fn new(batches: usize) -> Self {
        let mut job = TestJob::with(|settings| settings.on_failure(streamgauge_stream::OnFailure::SkipOutput));
        let numbers = job.source((0..batches as u64).map(|n| vec![n, n + 1, n + 2]));
        let counts = numbers.key_by(|n: &u64| n).running().summarize(|on| on.count());
        drop(job.capture(&counts));
        let mut batch = 0;
        numbers.for_each_batch(move |_, rows: streamgauge_stream::Batch<u64>| {
            batch += 1;
            match batch {
                2 => Err("the disk is <full> & \"gone\"".to_owned()),
                _ => rows.count().map(drop).map_err(|e| e.to_string()),
            }
        });
        let dashboard = job.context().dashboard();
        dashboard.listen(FREE);
        Self { job, dashboard }
    }

    /// Where it answers; the job has started.
    pub(crate) fn address(&self) -> SocketAddr {
        self.dashboard.address()
    }
}

/// The whole state, as a page gets it that comes now; as text, to be measured.
pub(crate) fn hello_text(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // Of HTTP/1.0 it comes as it is, without chunks.
    write!(stream, "GET /events HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let data =
        lines.skip_while(|line| line != "event: hello").find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    data.unwrap()
}
