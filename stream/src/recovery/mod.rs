//! What makes a job survive its process: for now the places where it will be written down.

mod log;
mod snapshot;

pub(crate) use log::{BatchLog, NoLog};
pub(crate) use snapshot::Snapshot;
