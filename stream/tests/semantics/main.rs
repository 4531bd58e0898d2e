//! The semantics of DStreams, line by line.

#![allow(clippy::unwrap_used)]

mod event_time;
mod outputs;
mod sources;
mod windows;
