//! The dashboard of the `weblog` example, in a real browser.
//!
//! Skipped where there is no Chromium. The example is found beside the test, or where `STREAMGAUGE_WEBLOG` says:
//! `cargo test` builds it, but `cargo test --test browser` takes it as `cargo build --examples` has left it. If
//! `STREAMGAUGE_SCREENSHOTS` names a folder, pictures of the page are written there.

#![allow(clippy::unwrap_used)]

mod answers;
mod engine;
mod export;
mod history;
mod hostile;
mod keyboard;
mod learning;
mod load;
mod looks;
mod pages;
mod panels;
mod reconnect;
mod span;
mod support;
