//! What operators are, what they did, and where that is told.

#![allow(clippy::unwrap_used)]

mod operators;
mod spans;
