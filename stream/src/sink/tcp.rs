//! Lines over TCP.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use super::files::{Format, Text};
use super::{Cause, Sink};
use crate::time::Time;

/// Connects to a server and writes a line per row.
///
/// It connects when the job is started, so an address at which nobody listens is told by `start()`. A batch is written
/// in one go when all its rows are there. If that fails, or the server has closed the connection, it connects again and
/// writes the *whole* batch again: three attempts a second apart unless [set otherwise](Self::retry). When they have
/// failed, the job ends with an error that names the address and the last cause.
///
/// TCP tells nobody whether a line was read. So the server may see the lines of a broken batch twice, in part, and
/// lines that were under way when a connection broke can be lost. Where that matters, write [`Files`](super::Files), or
/// a sink that is answered.
///
/// ```no_run
/// use streamgauge_stream::sink::Tcp;
/// # use streamgauge_stream::DStream;
/// # fn words(words: DStream<String>) {
/// words.write_to(Tcp::text("localhost:9999"));
/// # }
/// ```
#[derive(Debug)]
pub struct Tcp<F> {
    address: String,
    format: F,
    attempts: u32,
    pause: Duration,
    timeout: Duration,
    connection: Option<TcpStream>,
}

impl Tcp<Text> {
    /// Sends each row as its text (`Display`) to `host:port`.
    pub fn text(address: impl Into<String>) -> Self {
        Self::new(address, Text)
    }
}

#[cfg(feature = "json")]
impl Tcp<super::JsonLines> {
    /// Sends each row as a line of JSON to `host:port`.
    pub fn json(address: impl Into<String>) -> Self {
        Self::new(address, super::JsonLines)
    }
}

impl<F> Tcp<F> {
    fn new(address: impl Into<String>, format: F) -> Self {
        Self {
            address: address.into(),
            format,
            attempts: 3,
            pause: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            connection: None,
        }
    }

    /// How often a batch is tried, at least once, and how long to wait in between; 3 times and 1 s unless set.
    pub fn retry(mut self, attempts: u32, pause: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.pause = pause;
        self
    }

    /// How long connecting, or one write to a server that does not read, may take; 10 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut cause = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(connection) => {
                    connection.set_nodelay(true)?;
                    connection.set_write_timeout(Some(self.timeout))?;
                    return Ok(connection);
                }
                Err(e) => cause = e,
            }
        }
        Err(cause)
    }

    /// Writes to the server; connects first if there is no connection that stands.
    fn send(&mut self, write: impl FnOnce(&F, &mut TcpStream) -> Result<(), Cause>) -> Result<(), Cause> {
        let standing = self.connection.take().filter(|connection| !is_closed(connection));
        let mut connection = match standing {
            Some(connection) => connection,
            None => self.connect()?,
        };
        write(&self.format, &mut connection)?;
        self.connection = Some(connection);
        Ok(())
    }
}

/// Whether the server has closed the connection: a write to it would seem to work.
fn is_closed(connection: &TcpStream) -> bool {
    let look = || {
        connection.set_nonblocking(true)?;
        let seen = connection.peek(&mut [0]);
        connection.set_nonblocking(false)?;
        seen
    };
    match look() {
        Ok(bytes) => bytes == 0,
        Err(e) => e.kind() != io::ErrorKind::WouldBlock,
    }
}

impl<T, F: Format<T>> Sink<T> for Tcp<F> {
    type Part = F::Encoded;

    fn target(&self) -> String {
        format!("tcp://{}", self.address)
    }

    fn open(&mut self) -> Result<(), Cause> {
        self.format.open()?;
        self.connection = Some(self.connect()?);
        Ok(())
    }

    fn part(&mut self, _: Time, _: usize) -> Result<F::Encoded, Cause> {
        self.format.part()
    }

    fn commit(&mut self, _: Time, parts: Vec<F::Encoded>) -> Result<(), Cause> {
        let mut attempt = 1;
        loop {
            match self.send(|format, server| format.write(&parts, server)) {
                Ok(()) => return Ok(()),
                Err(cause) if attempt == self.attempts => {
                    return Err(format!("{attempt} of {attempt} attempts failed, the last one: {cause}").into());
                }
                Err(_) => thread::sleep(self.pause),
            }
            attempt += 1;
        }
    }
}
