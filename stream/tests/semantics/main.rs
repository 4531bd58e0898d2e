//! The semantics of DStreams, line by line.

mod sources;
