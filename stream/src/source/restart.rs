//! What to do when that which records come from breaks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::SourceError;

/// When a source that takes records in by itself begins again after a failure.
///
/// ```
/// use streamgauge_stream::{TcpLines, secs, source::Restart};
///
/// let patient = TcpLines::connect("localhost:9999").restart(Restart::after(secs(10)));
/// let three_times = TcpLines::connect("localhost:9999").restart(Restart::after(secs(1)).at_most(3));
/// let strict = TcpLines::connect("localhost:9999").restart(Restart::never());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    delay: Duration,
    attempts: Option<u32>,
}

impl Default for Restart {
    /// Two seconds after every failure, for ever.
    fn default() -> Self {
        Self::after(Duration::from_secs(2))
    }
}

impl Restart {
    /// So long after every failure, for ever. A failure is told to the listeners, and the job goes on.
    pub const fn after(delay: Duration) -> Self {
        Self { delay, attempts: None }
    }

    /// Not at all: a failure ends the job with its error.
    pub const fn never() -> Self {
        Self { delay: Duration::ZERO, attempts: Some(0) }
    }

    /// So many times in a row; the next failure ends the job with its error. A record that was taken in between begins
    /// the count anew.
    pub const fn at_most(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    pub(super) fn is_never(&self) -> bool {
        self.attempts == Some(0)
    }

    /// How long to wait after so many failures in a row, if it is to be tried again.
    pub(super) fn delay_after(&self, failures: u32) -> Option<Duration> {
        self.attempts.is_none_or(|attempts| failures <= attempts).then_some(self.delay)
    }
}

/// Failures that a source goes on after, until the engine asks for them.
#[derive(Debug, Default)]
pub(super) struct Warnings(Mutex<Vec<SourceError>>);

impl Warnings {
    /// How many are kept between two batches; the first ones say what began it.
    const KEPT: usize = 100;

    pub(super) fn add(&self, warning: SourceError) {
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < Self::KEPT {
            warnings.push(warning);
        }
    }

    pub(super) fn take(&self) -> Vec<SourceError> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
