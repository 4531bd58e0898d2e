//! The files of the page, in the binary.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Nothing from elsewhere, nothing inline: text from the data can never become code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file: its path, its type, its content.
macro_rules! file {
    ($path:literal, $kind:ident) => {
        (concat!("/", $path), $kind, include_str!(concat!("page/", $path)))
    };
}

const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    file!("style.css", CSS),
    file!("engine.css", CSS),
    file!("phone.css", CSS),
    file!("kinds.css", CSS),
    file!("snapshot.css", CSS),
    file!("favicon.svg", SVG),
    file!("address.js", SCRIPT),
    file!("app.js", SCRIPT),
    file!("batches.js", SCRIPT),
    file!("card.js", SCRIPT),
    file!("chart.js", SCRIPT),
    file!("columns.js", SCRIPT),
    file!("connection.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("engine.js", SCRIPT),
    file!("export.js", SCRIPT),
    file!("format.js", SCRIPT),
    file!("full.js", SCRIPT),
    file!("graph.js", SCRIPT),
    file!("held.js", SCRIPT),
    file!("history.js", SCRIPT),
    file!("hover.js", SCRIPT),
    file!("job-charts.js", SCRIPT),
    file!("job.js", SCRIPT),
    file!("layers.js", SCRIPT),
    file!("layout.js", SCRIPT),
    file!("levels.js", SCRIPT),
    file!("marks.js", SCRIPT),
    file!("menu.js", SCRIPT),
    file!("pages.js", SCRIPT),
    file!("panels/accuracy.js", SCRIPT),
    file!("panels/anomalies.js", SCRIPT),
    file!("panels/audit.js", SCRIPT),
    file!("panels/clusters.js", SCRIPT),
    file!("panels/confusion.js", SCRIPT),
    file!("panels/distribution.js", SCRIPT),
    file!("panels/heat.js", SCRIPT),
    file!("panels/index.js", SCRIPT),
    file!("panels/number.js", SCRIPT),
    file!("panels/panel.js", SCRIPT),
    file!("panels/samples.js", SCRIPT),
    file!("panels/series.js", SCRIPT),
    file!("panels/surface.js", SCRIPT),
    file!("panels/table.js", SCRIPT),
    file!("panels/top.js", SCRIPT),
    file!("redraw.js", SCRIPT),
    file!("scale.js", SCRIPT),
    file!("scatter.js", SCRIPT),
    file!("snapshot.js", SCRIPT),
    file!("span.js", SCRIPT),
    file!("stop.js", SCRIPT),
    file!("symbols.js", SCRIPT),
    file!("table.js", SCRIPT),
    file!("theme.js", SCRIPT),
    file!("timeline.js", SCRIPT),
    file!("timeseries.js", SCRIPT),
    file!("toolbar.js", SCRIPT),
    file!("zoom.js", SCRIPT),
];

pub(super) fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, &(path, kind, content)| {
        router.route(path, get(move || async move { answer(kind, content) }))
    })
}

fn answer(kind: &'static str, content: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, kind);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    (headers, content).into_response()
}
