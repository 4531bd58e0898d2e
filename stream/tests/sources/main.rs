//! Sources as a program uses them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod conformance;
#[cfg(feature = "csv")]
mod csv;
mod files;
#[cfg(feature = "json")]
mod json;
mod malformed;
#[cfg(feature = "parquet")]
mod parquet;
mod receiver;
mod support;
mod tcp;
