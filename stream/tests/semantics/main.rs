//! What users of DStreams rely on, one test for each promise.

#![allow(clippy::unwrap_used)]

mod state;
