//! The live dashboard: panels made from streams, served on loopback.
//!
//! The engine keeps the history of every panel, bounded, so a page opened late shows it. Pages get updates as
//! server-sent events, at most a few a second; a page that cannot follow gets the whole state again. No batch waits for
//! a page.

mod board;
mod kind;
mod panel;
mod server;

pub use panel::{Panel, Point, Ranking};

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use streamgauge_sketches::{Estimate, Quantiles};

use self::board::Board;
use self::kind::Kind;
use self::panel::{quantile_points, ranked};
use super::Listener;
use crate::dstream::DStream;
use crate::error::Error;
use crate::source::Record;
use crate::time::Time;
use crate::window::Window;

/// Where a dashboard listens unless told otherwise.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7878);

/// The dashboard of a job.
///
/// ```no_run
/// use streamgauge_stream::{StreamingContext, mins, secs};
///
/// let ctx = StreamingContext::builder("lines").build();
/// let lengths = ctx.stdin().map(str::len).window(mins(5), secs(1)).summarize(|on| on.quantiles(|n| *n as f64));
/// ctx.dashboard().quantiles("Line length", &lengths, &[0.5, 0.99], Clone::clone).unit("bytes");
/// ctx.run()?; // http://127.0.0.1:7878
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Clone)]
pub struct Dashboard {
    board: Arc<Board>,
    address: Arc<Mutex<SocketAddr>>,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dashboard({})", self.address())
    }
}

impl Dashboard {
    pub(crate) fn new(name: &str) -> Self {
        Self { board: Arc::new(Board::new(name)), address: Arc::new(Mutex::new(DEFAULT_ADDRESS)) }
    }

    /// Where to listen: 127.0.0.1:7878 unless set. Whoever can reach the address sees the data.
    pub fn listen(&self, address: SocketAddr) -> &Self {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
        self
    }

    /// Where it listens. After the start of the job, port 0 has become the port that was given.
    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listener(&self) -> Arc<dyn Listener> {
        self.board.clone()
    }

    pub(crate) fn serve(&self) -> Result<(), Error> {
        let address = server::serve(self.board.clone(), self.address())?;
        self.listen(address);
        Ok(())
    }

    /// A number with its interval, from each row of a stream.
    pub fn number<T: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(Kind::Number, title, stream, move |row, time| value(row).into().json(time))
    }

    /// A line with its band, from each row of a stream.
    pub fn line<T: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(Kind::Line, title, stream, move |row, time| value(row).into().json(time))
    }

    /// Lines at some quantiles, from each row of a stream.
    pub fn quantiles<T: Record, P: Into<Point<Quantiles>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        quantiles: &[f64],
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        let quantiles = quantiles.to_vec();
        self.panel(Kind::Quantiles, title, stream, move |row, time| {
            quantile_points(&quantiles, value(row).into(), time)
        })
    }

    /// The most frequent keys of a summary, from each row of a stream.
    pub fn ranking<T: Record, P: Into<Point<Ranking>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(Kind::Top, title, stream, move |row, time| value(row).into().map(|ranking| ranking.0).top_json(time))
    }

    /// The ten highest keys of a keyed stream by some reading of theirs.
    pub fn top<K: Record + fmt::Display, R: Record>(
        &self,
        title: &str,
        stream: &DStream<(K, R)>,
        value: impl Fn(&(K, R)) -> Estimate + Send + 'static,
    ) -> Panel {
        let (board, id) = (self.board.clone(), self.board.add(Kind::Top, title));
        stream.output("dashboard", move |time, batch| {
            let rows = batch.collect()?;
            if !rows.is_empty() {
                board.push(id, vec![Point::of(ranked(&rows, &value)).top_json(time)]);
            }
            Ok::<(), Error>(())
        });
        Panel::new(self.board.clone(), id)
    }

    fn panel<T: Record>(
        &self,
        kind: Kind,
        title: &str,
        stream: &DStream<T>,
        json: impl Fn(&T, Time) -> serde_json::Value + Send + 'static,
    ) -> Panel {
        let (board, id) = (self.board.clone(), self.board.add(kind, title));
        stream.output("dashboard", move |time, batch| {
            board.push(id, batch.collect()?.iter().map(|row| json(row, time)).collect());
            Ok::<(), Error>(())
        });
        Panel::new(self.board.clone(), id)
    }
}

impl<R> Window<R> {
    /// A reading as a point of this window, drawn at its end.
    pub fn point<V>(&self, value: V) -> Point<V> {
        Point::at(self.end, value)
    }
}
