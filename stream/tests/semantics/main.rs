//! The semantics of DStreams, one test for each statement.

mod operations;
mod remember;
