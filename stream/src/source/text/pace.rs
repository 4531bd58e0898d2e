//! Replaying a recorded log as fast as it was written, or so many times faster.

use std::fmt;
use std::io::{self, BufRead};

use crate::time::Time;

/// Finds the milliseconds since the epoch in a line.
type EventTime = Box<dyn Fn(&str) -> Option<i64> + Send + Sync>;

/// Lets through the lines whose time has come.
pub(super) struct Pace {
    event_time: EventTime,
    speed: f64,
    /// The time of the batch with the first line that has an event time, and that event time.
    begun: Option<(Time, i64)>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("speed", &self.speed).field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl Pace {
    pub(super) fn new(event_time: impl Fn(&str) -> Option<i64> + Send + Sync + 'static, speed: f64) -> Self {
        Self { event_time: Box::new(event_time), speed, begun: None }
    }

    /// How many bytes of this text go into a batch of this time, and whether a line was held back. Reads no further
    /// than to that line.
    pub(super) fn let_through(&mut self, mut text: impl BufRead, time: Time) -> io::Result<(u64, bool)> {
        let mut through = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = text.read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok((through, false));
            }
            if self.is_early(&line, time) {
                return Ok((through, true));
            }
            through += length as u64;
        }
    }

    fn is_early(&mut self, line: &[u8], time: Time) -> bool {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(event) = (self.event_time)(&String::from_utf8_lossy(line)) else {
            return false;
        };
        let (start, origin) = *self.begun.get_or_insert((time, event));
        // The conversion of a float saturates, and makes zero of what is no number.
        let elapsed = (time.since(start).as_millis() as f64 * self.speed) as i64;
        event > origin.saturating_add(elapsed)
    }
}
