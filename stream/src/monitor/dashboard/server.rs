//! The HTTP side: the page, and its events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::board::{Board, Event};
use crate::error::Error;

/// Nothing from elsewhere, nothing inline: text from the data can never become code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page, in the binary: its path, its type, its content.
macro_rules! page {
    ($path:literal, $kind:ident) => {
        (concat!("/", $path), $kind, include_str!(concat!("../page/", $path)))
    };
}

const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../page/index.html")),
    page!("style.css", CSS),
    page!("favicon.svg", SVG),
    page!("app.js", SCRIPT),
    page!("card.js", SCRIPT),
    page!("chart.js", SCRIPT),
    page!("dom.js", SCRIPT),
    page!("engine.js", SCRIPT),
    page!("format.js", SCRIPT),
    page!("history.js", SCRIPT),
    page!("hover.js", SCRIPT),
    page!("marks.js", SCRIPT),
    page!("panels.js", SCRIPT),
    page!("redraw.js", SCRIPT),
    page!("scale.js", SCRIPT),
    page!("theme.js", SCRIPT),
];

/// Listens, and serves on a thread of its own. Gives the address, with the port that was given for port 0.
pub(super) fn serve(board: Arc<Board>, address: SocketAddr) -> Result<SocketAddr, Error> {
    let failed = |e: std::io::Error| Error::Listen { address, cause: e.to_string() };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router(board, bound.ip().is_loopback())).await
    };
    thread::Builder::new()
        .name("streamgauge-dashboard".to_owned())
        // It serves until the process ends; a failure of it is no failure of the job.
        .spawn(move || runtime.block_on(serve))
        .map_err(failed)?;
    Ok(bound)
}

fn router(board: Arc<Board>, on_loopback: bool) -> Router {
    let events = Router::new().route("/events", get(events)).with_state(board);
    let router = FILES.iter().fold(events, |router, &(path, kind, content)| {
        router.route(path, get(move || async move { file(kind, content) }))
    });
    if on_loopback { router.layer(middleware::from_fn(only_local_names)) } else { router }
}

/// Refuses requests for another name than this machine's: a page from elsewhere whose name was made to point here
/// (DNS rebinding) must not read the data.
async fn only_local_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    if name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "this dashboard answers to localhost and 127.0.0.1 only\n").into_response()
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, kind);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-cache");
    (headers, content).into_response()
}

/// The whole state, then updates as they come. A page that is too far behind gets the whole state again.
async fn events(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let (first, receiver) = board.subscribe();
    let page = Page { board, receiver, waiting: first.into() };
    let stream = stream::unfold(page, async |mut page| page.next().await.map(|event| (sent(&event), page)));
    let events = Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
    ([(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], events)
}

/// A connected page.
struct Page {
    board: Arc<Board>,
    receiver: Receiver<Event>,
    waiting: VecDeque<Event>,
}

impl Page {
    async fn next(&mut self) -> Option<Event> {
        if self.waiting.is_empty() {
            match self.receiver.recv().await {
                Ok(event) => self.waiting.push_back(event),
                Err(RecvError::Lagged(_)) => {
                    let (first, receiver) = self.board.subscribe();
                    self.receiver = receiver;
                    self.waiting.extend(first);
                }
                Err(RecvError::Closed) => return None,
            }
        }
        self.waiting.pop_front()
    }
}

fn sent(event: &Event) -> Result<sse::Event, Infallible> {
    Ok(sse::Event::default().event(event.name).data(&*event.data))
}
