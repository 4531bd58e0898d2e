//! What users of DStreams rely on, line by line.

mod listeners;
mod running;
mod time;
