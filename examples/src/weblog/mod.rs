//! Web server logs: one record type, a fast parser for the usual formats, and a synthetic site that writes logs.
//!
//! [`parse()`] turns a line into a [`Visit`]; [`event_time`] reads no more than its time, which is enough to pace a
//! replay. [`Site`] is a made-up shop whose log can be generated from any second on, always with the same bytes.
//!
//! ```
//! use streamgauge_examples::weblog::{self, Site};
//!
//! let mut log = String::new();
//! let lines = Site::new(7, 50.0).clean().second(0, &mut log);
//! assert_eq!(log.lines().count(), lines);
//! for line in log.lines() {
//!     assert!(weblog::parse(line, None).is_ok_and(|visit| visit.is_some()));
//! }
//! ```

mod clf;
mod format;
mod job;
mod json;
mod malformed;
mod parse;
mod report;
mod scan;
mod site;
mod synthetic;
pub(crate) mod time;
mod tsv;
mod visit;

#[cfg(test)]
mod mutations;

pub use format::{Format, UnknownFormat};
pub use job::{Failure, Input, Options, Output, run};
pub use malformed::Malformed;
pub use parse::{event_time, parse};
pub use report::{Exact, WindowRow};
pub use site::Site;
pub use visit::Visit;
