//! One panel of every kind, over made-up requests: to look at, and to test the page with.

mod job;
mod requests;

pub use job::{Options, run};
pub use requests::{Request, Requests};
