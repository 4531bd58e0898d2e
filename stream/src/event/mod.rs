//! Event time: how far it has come, which records are too late, and the operators that live by it.
//!
//! All of them begin with a [`Front`]: it reads the partitions of a batch, stamps every record with its time, and knows
//! the *watermark* of the record's own input as it stood when the record came. What is late depends on the order of the
//! records in their input, never on how they fell into batches.

mod buffers;
mod deduplicate;
mod front;
mod join;
mod mode;
mod seen;
mod session;
mod sessions;
mod timers;
mod twofold;
mod watermark;

pub use mode::OutputMode;

pub(crate) use front::{Arrivals, Front};
pub(crate) use twofold::{Events, streams};
pub(crate) use watermark::{Tolerance, Watermarks};

/// Event times outside of this, some 70 million years around the epoch, are no times; such records count as late.
pub(crate) const TIMES: std::ops::RangeInclusive<i64> = i64::MIN / 4..=i64::MAX / 4;

/// The longest length of event time that an operator keeps state for.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(100_000 * 86_400);
