//! Windows: by the time of the batch, or by the time at which a record happened.
//!
//! Both are cut into *panes*, the greatest common divisor of length and slide. A record enters its pane once. When a
//! pane is closed it is pushed into the sliding window of each key that it has, which is the summary's own
//! ([`Merge::Window`](streamgauge_sketches::Merge::Window)): a window costs the same at any length.

mod event;
mod grid;
mod processing;
mod store;

pub use event::{EventTime, EventWindows, Window};

pub(crate) use grid::Grid;
pub(crate) use store::WindowStore;

use std::time::Duration;

/// Sliding windows by the time of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub(crate) length: Duration,
    pub(crate) slide: Duration,
}
