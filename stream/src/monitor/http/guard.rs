//! Who may ask.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

/// The cookie that a browser shows, which cannot send a header by itself.
const COOKIE: &str = "streamgauge_token";

/// Who may see the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::monitor) enum Access {
    /// Whoever is on this machine: no other address is listened on.
    #[default]
    Loopback,
    /// Whoever has the token.
    Token(Arc<str>),
    /// Whoever can reach the address.
    Anybody,
}

impl Access {
    /// Whether an address may be listened on; else why not.
    pub(super) fn allows(&self, address: SocketAddr) -> Result<(), String> {
        match self {
            Self::Loopback if !address.ip().is_loopback() => {
                Err("others could see the data; give the dashboard a .token(…), or say .without_token()".to_owned())
            }
            Self::Token(token) if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("the token must be of visible ASCII characters, at least one".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Lets requests pass that may be answered.
pub(super) async fn check(
    State((access, on_loopback)): State<(Access, bool)>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match refusal(&access, on_loopback, &request) {
        Some(response) => response,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn refusal(access: &Access, on_loopback: bool, request: &Request) -> Option<Response> {
    if on_loopback && !names_this_machine(request) {
        let told = "this dashboard answers to localhost and 127.0.0.1 only\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, told).into_response());
    }
    let Access::Token(token) = access else { return None };
    if shown(request).is_some_and(|shown| is_same(&shown, token)) {
        return None;
    }
    if let Some(shown) = in_query(request.uri())
        && is_same(shown, token)
    {
        // The token leaves the address line, where it could be copied from, and becomes a cookie.
        let cookie = format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/");
        return Some(([(header::SET_COOKIE, cookie)], Redirect::to(request.uri().path())).into_response());
    }
    let told = "a token is needed: Authorization: Bearer …, or once /?token=… in a browser\n";
    Some((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], told).into_response())
}

/// Requests for another name than this machine's are refused: a page from elsewhere whose name was made to point here
/// (DNS rebinding) must not read the data.
fn names_this_machine(request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The token in the headers.
fn shown(request: &Request) -> Option<String> {
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let cookies =
        || text(header::COOKIE)?.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    bearer.or_else(cookies).map(str::to_owned)
}

fn in_query(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))
}

/// Whether two tokens are the same. Takes the same time wherever they differ.
fn is_same(shown: &str, token: &str) -> bool {
    let differences = shown.bytes().zip(token.bytes()).fold(0, |differences, (a, b)| differences | (a ^ b));
    shown.len() == token.len() && differences == 0
}
