//! The semantics of DStreams, a test for each line of the checklist that applies.

#![allow(clippy::unwrap_used)]

mod event_time;
