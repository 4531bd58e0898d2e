//! Every operator against a plain oracle on random data, on 1, 2 and 8 threads.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod batch;
mod graph;
mod keeping;
mod keyed;
mod oracle;
mod table;
