//! The write-ahead log: what a source that cannot replay has given survives any end of the job, and counts once.

#![allow(clippy::unwrap_used)]

mod crashes;
mod log;
mod support;
mod text;
