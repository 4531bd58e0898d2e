//! Panels of every kind, over made-up requests: to look at, and to test the page with.

mod job;
mod learning;
mod requests;

pub use job::{Options, run};
pub use requests::{Request, Requests};
