//! Those who look at a dashboard.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

/// Clients that are connected: all but one read what comes.
pub(crate) struct Clients {
    reading: Vec<JoinHandle<u64>>,
    /// It asked, and never reads.
    _stuck: TcpStream,
}

fn ask(address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")?;
    Ok(stream)
}

impl Clients {
    pub(crate) fn connect(address: SocketAddr, clients: usize) -> std::io::Result<Self> {
        let stuck = ask(address)?;
        let read = |_| ask(address).map(|stream| thread::spawn(move || heard(stream)));
        Ok(Self { reading: (1..clients).map(read).collect::<Result<_, _>>()?, _stuck: stuck })
    }

    /// The job is over; an error if one of those who read has heard nothing.
    pub(crate) fn must_have_heard(self) -> Result<(), Box<dyn Error>> {
        let heard = self.reading.into_iter().map(|thread| thread.join().unwrap_or_default());
        match heard.min() {
            // The head of the answer alone is some hundred bytes.
            Some(least) if least < 1_000 => Err(format!("a client has heard {least} bytes only").into()),
            _ => Ok(()),
        }
    }
}

/// Reads to the end, and counts the bytes.
fn heard(mut stream: TcpStream) -> u64 {
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes += read as u64;
    }
    bytes
}
