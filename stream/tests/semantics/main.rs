//! The semantics of DStreams, line by line.

mod outputs;
