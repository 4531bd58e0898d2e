//! The HTTP side of a job: the page and its events, the answers in JSON, metrics, health.

mod connections;
mod events;
mod guard;
mod page;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;

use self::connections::Connections;
pub(super) use self::guard::Access;
use super::api::{self, Asked};
use super::dashboard::board::Board;
use super::journal::Journal;
use super::metrics::Metrics;
use crate::error::Error;

/// The bytes that the body of a request may have: none is read.
const BODY: usize = 1024;

/// What is served.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) name: Arc<str>,
    pub(super) board: Arc<Board>,
    pub(super) journal: Arc<Journal>,
    pub(super) metrics: Arc<Metrics>,
    /// Stops the job after its batch; none if nobody may from here.
    pub(super) stop: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Listens, and serves on a thread of its own. Gives the address, with the port that was given for port 0.
pub(super) fn serve(served: Served, address: SocketAddr, access: Access) -> Result<SocketAddr, Error> {
    access.allows(address).map_err(|cause| Error::Listen { address, cause })?;
    let failed = |e: std::io::Error| Error::Listen { address, cause: e.to_string() };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let serve = async move {
        let listener = Connections::new(tokio::net::TcpListener::from_std(listener)?);
        axum::serve(listener, router(served, access, bound.ip().is_loopback())).await
    };
    thread::Builder::new()
        .name("streamgauge-dashboard".to_owned())
        // It serves until the process ends; a failure of it is no failure of the job.
        .spawn(move || runtime.block_on(serve))
        .map_err(failed)?;
    Ok(bound)
}

fn router(served: Served, access: Access, on_loopback: bool) -> Router {
    let Served { name, board, journal, metrics, stop } = served;
    let (live, ready) = (journal.clone(), journal.clone());
    let asked = Asked { id: name, stoppable: stop.is_some(), journal };
    page::router()
        .merge(events::router(board))
        .nest("/api/v1", api::router(asked.clone()).merge(stopping(asked, stop)))
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.text())))
        .route("/healthz", get(async move || health(is_well(&live), &live)))
        .route("/readyz", get(async move || health(is_ready(&ready), &ready)))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state((access, on_loopback), guard::check))
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the job is as it should be: it has not failed.
fn is_well(journal: &Journal) -> bool {
    journal.pages().end.as_ref().is_none_or(|end| end.failure.is_none())
}

/// Whether the job has results to show: it runs, and has completed a batch.
fn is_ready(journal: &Journal) -> bool {
    let pages = journal.pages();
    pages.totals.batches > 0 && pages.end.is_none()
}

fn health(good: bool, journal: &Journal) -> impl IntoResponse + use<> {
    let pages = journal.pages();
    let status = match &pages.end {
        Some(end) if end.failure.is_some() => "failed",
        Some(_) => "stopped",
        None if pages.totals.batches == 0 => "starting",
        None => "running",
    };
    let failure = pages.end.as_ref().and_then(|end| end.failure.clone());
    let code = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "status": status, "completedBatches": pages.totals.batches, "failureReason": failure })))
}

/// The way to stop the job. A page from elsewhere cannot take it: a request with this header is asked about first, and
/// nobody is told that it may.
fn stopping(asked: Asked, stop: Option<Arc<dyn Fn() + Send + Sync>>) -> Router {
    let path = "/applications/{app}/streaming/stop";
    let stop = async move |api::Job(_): api::Job, headers: axum::http::HeaderMap| match stop {
        None => {
            let told = "stopping from here is not enabled: .allow_stop() on the dashboard does";
            (StatusCode::FORBIDDEN, Json(json!({ "error": told })))
        }
        Some(_) if !headers.contains_key(ASKED) => {
            let told = format!("the header {ASKED} is needed, with any value");
            (StatusCode::BAD_REQUEST, Json(json!({ "error": told })))
        }
        Some(stop) => {
            stop();
            (StatusCode::ACCEPTED, Json(json!({ "status": "stopping" })))
        }
    };
    Router::new().route(path, post(stop)).with_state(asked)
}

const ASKED: &str = "x-streamgauge-stop";
