//! What a running job answers over HTTP: JSON, metrics, health; and to whom.

#![allow(clippy::unwrap_used)]

mod access;
mod answers;
mod audit;
mod client;
mod judges;
mod kinds;
mod metrics;
mod panels;
