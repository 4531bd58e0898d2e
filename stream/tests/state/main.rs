//! State by key: against models, across restarts, for any number of threads.

#![allow(clippy::unwrap_used)]

mod model;
mod restart;
mod running;
