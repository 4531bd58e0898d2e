//! How a stream is cut in time before it is summarized.

use std::time::Duration;

/// One result for every batch.
#[derive(Clone, Copy, Debug)]
pub struct PerBatch;

/// Sliding windows by the time of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub(crate) length: Duration,
    pub(crate) slide: Duration,
}

/// When records happened.
#[derive(Clone, Copy, Debug)]
pub struct EventTime<F> {
    pub(crate) time: F,
    pub(crate) delay: Duration,
}

/// Windows of event time.
#[derive(Clone, Copy, Debug)]
pub struct EventWindows<F> {
    pub(crate) event_time: EventTime<F>,
    pub(crate) windows: Windows,
}
