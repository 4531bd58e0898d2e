//! The weblog job on real and on generated logs, held against the exact answers.

#![allow(clippy::unwrap_used, missing_docs)]

mod command_line;
mod generated;
mod real;
mod run;
