//! What users of DStreams rely on, line by line.

#![allow(clippy::unwrap_used)]

mod event_time;
mod listeners;
mod operations;
mod outputs;
mod remember;
mod running;
mod sources;
mod state;
mod time;
mod windows;
