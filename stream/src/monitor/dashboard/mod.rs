//! The live dashboard: panels made from streams, served on loopback.
//!
//! The engine keeps the history of every panel, bounded, so a page opened late shows it. Pages get updates as
//! server-sent events, at most a few a second; a page that cannot follow gets the whole state again. No batch waits for
//! a page.

pub(super) mod board;
mod datapoint;
mod datum;
mod history;
mod kinds;
mod panel;
mod saved;
mod series;
mod settings;
mod text;

pub use kinds::{Accuracy, Axes, Cell, Clusters, Lines, Ranking, Records, Scored};
pub use panel::{Panel, Point};

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::board::Board;
use self::datapoint::DataPoint;
use self::kinds::Kind;
use self::text::cut;
use super::Listener;
use super::http::{self, Access, Served};
use super::journal::Journal;
use super::metrics::Metrics;
use crate::dstream::DStream;
use crate::error::Error;
use crate::graph::Graph;
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
    name: Arc<str>,
    graph: Arc<Graph>,
    board: Arc<Board>,
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
    setting: Arc<Mutex<Setting>>,
}

/// How it is served.
struct Setting {
    address: SocketAddr,
    access: Access,
    may_stop: bool,
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dashboard({})", self.address())
    }
}

impl Dashboard {
    pub(crate) fn new(name: &str, graph: &Arc<Graph>) -> Self {
        let board = Arc::new(Board::new(name));
        saved::save_with_job(&board, graph);
        let setting = Setting { address: DEFAULT_ADDRESS, access: Access::default(), may_stop: false };
        Self {
            name: name.into(),
            graph: graph.clone(),
            board,
            journal: Arc::default(),
            metrics: Metrics::new(name),
            setting: Arc::new(Mutex::new(setting)),
        }
    }

    fn setting(&self) -> MutexGuard<'_, Setting> {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to listen: 127.0.0.1:7878 unless set. An address that is not of this machine alone needs a
    /// [`token`](Self::token), or [`without_token`](Self::without_token): the job does not start otherwise.
    pub fn listen(&self, address: SocketAddr) -> &Self {
        self.setting().address = address;
        self
    }

    /// Only whoever has this token sees anything: as `Authorization: Bearer …`, or once as `/?token=…` in a browser,
    /// which then has it as a cookie. It travels as plain text: put a proxy with TLS before an open network.
    pub fn token(&self, token: &str) -> &Self {
        self.setting().access = Access::Token(token.into());
        self
    }

    /// Whoever can reach the address sees the data, also from other machines.
    pub fn without_token(&self) -> &Self {
        self.setting().access = Access::Anybody;
        self
    }

    /// The job may be stopped from the page, and by a `POST` to `/api/v1/applications/{name}/streaming/stop` with the
    /// header `x-streamgauge-stop`. It may not unless this is said.
    pub fn allow_stop(&self) -> &Self {
        self.setting().may_stop = true;
        self
    }

    /// Where it listens. After the start of the job, port 0 has become the port that was given.
    pub fn address(&self) -> SocketAddr {
        self.setting().address
    }

    pub(crate) fn listeners(&self) -> [Arc<dyn Listener>; 3] {
        [self.board.clone(), self.journal.clone(), self.metrics.clone()]
    }

    pub(crate) fn serve(&self, stop: impl Fn() + Send + Sync + 'static) -> Result<(), Error> {
        let (address, access, may_stop) = {
            let setting = self.setting();
            (setting.address, setting.access.clone(), setting.may_stop)
        };
        let stop = may_stop.then(|| Arc::new(stop) as Arc<dyn Fn() + Send + Sync>);
        let (board, journal, metrics) = (self.board.clone(), self.journal.clone(), self.metrics.clone());
        let address = http::serve(Served { name: self.name.clone(), board, journal, metrics, stop }, address, access)?;
        self.listen(address);
        Ok(())
    }

    /// A panel that gets a point from each row of a stream.
    fn panel<T: Record>(
        &self,
        kind: Kind,
        title: &str,
        stream: &DStream<T>,
        point: impl Fn(&T, Time) -> DataPoint + Send + 'static,
    ) -> Panel {
        self.panel_of_batches(kind, title, stream, move |rows, time| rows.iter().map(|row| point(row, time)).collect())
    }

    /// A panel that gets points from all rows of a batch.
    fn panel_of_batches<T: Record>(
        &self,
        kind: Kind,
        title: &str,
        stream: &DStream<T>,
        points: impl FnMut(&[T], Time) -> Vec<DataPoint> + Send + 'static,
    ) -> Panel {
        let id = self.board.add(kind, title);
        self.feed(id, title, stream, points);
        Panel::new(self, id)
    }

    /// Gives a panel points from all rows of each batch of a stream.
    fn feed<T: Record>(
        &self,
        panel: usize,
        title: &str,
        stream: &DStream<T>,
        mut points: impl FnMut(&[T], Time) -> Vec<DataPoint> + Send + 'static,
    ) {
        let board = self.board.clone();
        let shedding = self.graph.shedding_above(stream.operator());
        let name = self.graph.unique_name(&format!("dashboard: {}", cut(title)));
        stream.output_to_state(name, move |time, batch| {
            let env = batch.env.clone();
            let points = points(&batch.collect()?, time);
            board.push(panel, points, env.running()?.kept_by(&shedding));
            Ok::<(), Error>(())
        });
    }
}

impl<R> Window<R> {
    /// A reading as a point of this window, drawn at its end.
    pub fn point<V>(&self, value: V) -> Point<V> {
        Point::at(self.end, value)
    }
}
