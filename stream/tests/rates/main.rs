//! How many records a batch takes: fixed rates, backpressure, and the bound on what waits.

#![allow(clippy::unwrap_used)]

mod backpressure;
mod limits;
mod pending;
mod restart;
mod support;
