//! Lines over TCP.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::super::restart::{Restart, Warnings};
use super::super::{Codec, Limit, Partition, Pending, Plan, Source, SourceError};
use super::block::TextBlock;
use super::stdin::Stdin;
use super::{LONGEST_LINE, READ_AHEAD, STREAM_PARTITION, ahead_of};
use crate::clock::{Clock, SystemClock};

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// The lines that a server sends to whoever connects, as `nc -lk 9999` does.
///
/// A connection that cannot be made, breaks or ends is made again as the [`Restart`] says, and the listeners are told. A
/// last line without a line end counts when its connection ends, and is never put together with the next one's first.
/// Lines are read ahead into a buffer (8 MiB unless set); when that is full, the server waits. A line of more than 64 MiB
/// is an error that ends the job.
///
/// Its position is the number of bytes that were read. Cannot replay: what was read is gone, and so is what the server
/// sent to a job that was killed. A stop works off the whole lines in the buffer; what was still on its way is lost.
///
/// Connects when the job starts. With [`Trigger::Available`](crate::Trigger::Available), give it
/// [`Restart::never`]: the connection's end is then the end of the input. Otherwise there is no such end, and the job
/// takes what is there when it looks.
///
/// ```
/// use std::io::Write;
/// use streamgauge_stream::source::Restart;
/// use streamgauge_stream::{StreamingContext, TcpLines, Trigger};
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?.to_string();
/// std::thread::spawn(move || server.accept().and_then(|(mut to, _)| to.write_all(b"3\n4\n")));
///
/// let ctx = StreamingContext::builder("numbers").trigger(Trigger::Available).build();
/// let lines = ctx.text(TcpLines::connect(address).restart(Restart::never()));
/// let numbers = lines.parse(|line| line.parse::<u32>().map(Some)).collect_to_memory();
/// ctx.run()?;
/// assert_eq!(numbers.rows(), [3, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TcpLines {
    address: String,
    restart: Restart,
    /// None until somebody says how much.
    buffer: Option<usize>,
    pub(super) longest_line: usize,
    /// Who is to hear of new lines.
    waker: Option<Waker>,
    /// The connection, from the start of the job on.
    lines: Option<(Arc<Link>, Stdin)>,
}

impl TcpLines {
    /// The lines of the server at this address, a host name or IP number with a port: `"localhost:9999"`.
    pub fn connect(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            restart: Restart::default(),
            buffer: None,
            longest_line: LONGEST_LINE,
            waker: None,
            lines: None,
        }
    }

    /// What to do when there is no connection; every two seconds it is tried again unless set. With
    /// [`Restart::never`] the end of the connection is the end of the input.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How many bytes are read ahead, and the most that one batch takes; 8 MiB unless set, or what the job's
    /// [bound](crate::ContextBuilder::max_pending_bytes) allows. A longer line is read to its end.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer = Some(bytes.max(1));
        self
    }

    fn begin(&mut self, clock: &Arc<dyn Clock>) -> &mut Stdin {
        let (address, restart) = (self.address.clone(), self.restart);
        let (buffer, longest_line) = (self.buffer.unwrap_or(READ_AHEAD), self.longest_line);
        let waker = self.waker.take();
        let begin = || {
            let link = Arc::new(Link::new(clock.clone()));
            let connection = Connection {
                address: address.clone(),
                restart,
                failures: 0,
                link: link.clone(),
                stream: None,
                failed: None,
                in_line: false,
            };
            let lines = Stdin::ahead(&address, connection, buffer, STREAM_PARTITION);
            let mut lines = lines.longest_line(longest_line);
            waker.into_iter().for_each(|waker| lines.log_ahead(waker));
            (link, lines)
        };
        &mut self.lines.get_or_insert_with(begin).1
    }
}

impl Drop for TcpLines {
    fn drop(&mut self) {
        self.close();
    }
}

impl Source for TcpLines {
    type Item = TextBlock;
    type Position = u64;

    fn name(&self) -> String {
        self.address.clone()
    }

    fn replays(&self) -> bool {
        false
    }

    fn codec(&self) -> Option<Codec<TextBlock>> {
        Some(Codec::text())
    }

    fn log_ahead(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    fn start(&self) -> u64 {
        0
    }

    fn open(&mut self, clock: &Arc<dyn Clock>) -> Result<(), SourceError> {
        self.begin(clock).open(clock)
    }

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        let limit = Limit { wait: limit.wait && self.restart.is_never(), ..limit };
        let lines = match &mut self.lines {
            Some((_, lines)) => lines,
            None => self.begin(&(Arc::new(SystemClock::default()) as Arc<dyn Clock>)),
        };
        lines.plan(from, limit)
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<TextBlock>>>, SourceError> {
        match &mut self.lines {
            Some((_, lines)) => lines.read(from, to),
            None => Err(SourceError::new(&self.address, format!("bytes {from} to {to} cannot be read again"))),
        }
    }

    fn close(&mut self) {
        if let Some((link, lines)) = &mut self.lines {
            // First, so that what comes of the hanging up is no news.
            lines.close();
            link.hang_up();
        }
    }

    fn holds_records(&self) -> bool {
        self.lines.as_ref().is_some_and(|(_, lines)| lines.holds_records())
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.lines.as_ref().map(|(link, _)| link.warnings.take()).unwrap_or_default()
    }

    fn pending(&self) -> Option<Pending> {
        Some(self.lines.as_ref().and_then(|(_, lines)| lines.pending()).unwrap_or_default())
    }

    fn reads_ahead(&self) -> bool {
        true
    }

    fn bound_pending(&mut self, bytes: u64) {
        let most = ahead_of(bytes);
        self.buffer = Some(self.buffer.map_or(most, |buffer| buffer.min(most)));
    }
}

/// What the source and the thread that reads share.
struct Link {
    clock: Arc<dyn Clock>,
    hung_up: AtomicBool,
    stream: Mutex<Option<TcpStream>>,
    warnings: Warnings,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("hung_up", &self.hung_up).field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Link {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, hung_up: AtomicBool::new(false), stream: Mutex::default(), warnings: Warnings::default() }
    }

    fn is_hung_up(&self) -> bool {
        self.hung_up.load(Ordering::Acquire)
    }

    /// Ends the reading, whatever the thread does.
    fn hang_up(&self) {
        self.hung_up.store(true, Ordering::Release);
        if let Some(stream) = &*self.stream.lock().unwrap_or_else(PoisonError::into_inner) {
            // Of a connection that has ended by itself this is an error, and no matter.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.clock.wake();
    }

    fn connected(&self, stream: &TcpStream) -> io::Result<()> {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.try_clone()?);
        // Hung up while the connection was made.
        if self.is_hung_up() { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// One connection after another, as one text.
struct Connection {
    address: String,
    restart: Restart,
    /// Failures since the last byte.
    failures: u32,
    link: Arc<Link>,
    stream: Option<TcpStream>,
    /// Why there is no connection any more.
    failed: Option<String>,
    /// The last byte was no line end.
    in_line: bool,
}

impl Connection {
    fn connect(&mut self) -> io::Result<()> {
        let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    self.link.connected(&stream)?;
                    self.stream = Some(stream);
                    return Ok(());
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Waits until the connection may be made again, or gives up.
    fn pause(&mut self, why: String) -> io::Result<()> {
        self.failures += 1;
        let Some(delay) = self.restart.delay_after(self.failures) else {
            return Err(io::Error::other(why));
        };
        let due = self.link.clock.now().after(delay);
        self.link.warnings.add(SourceError::new(&self.address, format!("{why}; connects again in {delay:?}")));
        self.link.clock.wait_until(due, &|| self.link.is_hung_up());
        Ok(())
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.link.is_hung_up() {
                return Ok(0);
            }
            if let Some(why) = self.failed.take() {
                self.pause(why)?;
                continue;
            }
            let Some(stream) = &mut self.stream else {
                self.failed = self.connect().err().map(|error| format!("cannot connect: {error}"));
                continue;
            };
            match stream.read(buffer) {
                Ok(0) if self.restart.is_never() => return Ok(0),
                Ok(0) => self.failed = Some("the other side has closed the connection".to_owned()),
                Ok(read) => {
                    self.failures = 0;
                    self.in_line = buffer[read - 1] != b'\n';
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => self.failed = Some(format!("the connection broke: {error}")),
            }
            self.stream = None;
            if std::mem::take(&mut self.in_line) && !self.restart.is_never() {
                // What the next connection sends is another line.
                buffer[0] = b'\n';
                return Ok(1);
            }
        }
    }
}
