//! How a stream is cut in time before it is summarized.

use std::time::Duration;

use crate::event::{OutputMode, Tolerance};

/// One result for every batch.
#[derive(Clone, Copy, Debug)]
pub struct PerBatch;

/// Sliding windows by the time of the batch.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub(crate) length: Duration,
    pub(crate) slide: Duration,
}

/// When records happened, and how late they may come.
#[derive(Clone, Copy, Debug)]
pub struct EventTime<F> {
    pub(crate) time: F,
    pub(crate) delay: Duration,
    pub(crate) lateness: Duration,
    pub(crate) idle: Option<Duration>,
}

/// Windows of event time.
#[derive(Clone, Copy, Debug)]
pub struct EventWindows<F> {
    pub(crate) event_time: EventTime<F>,
    pub(crate) windows: Windows,
    pub(crate) mode: OutputMode,
}

/// Sessions of event time.
#[derive(Clone, Copy, Debug)]
pub struct EventSessions<F> {
    pub(crate) event_time: EventTime<F>,
    pub(crate) gap: Duration,
    pub(crate) mode: OutputMode,
}

impl<F> EventTime<F> {
    pub(crate) fn tolerance(&self) -> Tolerance {
        Tolerance::new(self.delay, self.lateness, self.idle)
    }
}

/// A cut by event time: what takes [`allow_late`](super::Grouped::allow_late) and
/// [`idle_after`](super::Grouped::idle_after).
pub trait ByEventTime: sealed::Sealed {
    #[doc(hidden)]
    fn set_lateness(&mut self, lateness: Duration);
    #[doc(hidden)]
    fn set_idle(&mut self, idle: Duration);
}

/// A cut by event time whose windows end: what takes [`output_mode`](super::Grouped::output_mode).
pub trait EndsByEventTime: ByEventTime {
    #[doc(hidden)]
    fn set_mode(&mut self, mode: OutputMode);
}

mod sealed {
    pub trait Sealed {}
    impl<F> Sealed for super::EventTime<F> {}
    impl<F> Sealed for super::EventWindows<F> {}
    impl<F> Sealed for super::EventSessions<F> {}
}

impl<F> ByEventTime for EventTime<F> {
    fn set_lateness(&mut self, lateness: Duration) {
        self.lateness = lateness;
    }

    fn set_idle(&mut self, idle: Duration) {
        self.idle = Some(idle);
    }
}

impl<F> ByEventTime for EventWindows<F> {
    fn set_lateness(&mut self, lateness: Duration) {
        self.event_time.lateness = lateness;
    }

    fn set_idle(&mut self, idle: Duration) {
        self.event_time.idle = Some(idle);
    }
}

impl<F> ByEventTime for EventSessions<F> {
    fn set_lateness(&mut self, lateness: Duration) {
        self.event_time.lateness = lateness;
    }

    fn set_idle(&mut self, idle: Duration) {
        self.event_time.idle = Some(idle);
    }
}

impl<F> EndsByEventTime for EventWindows<F> {
    fn set_mode(&mut self, mode: OutputMode) {
        self.mode = mode;
    }
}

impl<F> EndsByEventTime for EventSessions<F> {
    fn set_mode(&mut self, mode: OutputMode) {
        self.mode = mode;
    }
}
