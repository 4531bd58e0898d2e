//! Records made at a steady rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Lag, Limit, Next, Partition, Plan, Source, SourceError};
use crate::batch::CHUNK;
use crate::time::{Time, millis_of};

/// About how many records a partition has.
const PARTITION: u64 = 1 << 16;

/// So many records a second, each a sequence number and its time: for trials and load tests.
///
/// Driven by the batch time, so that a job makes the same records however fast it runs. The first batch is where time
/// begins: it has no records, and record `i` happens `i / n` seconds after it. A batch has the records up to its time,
/// that time itself left out. Can replay. What a [limit](Limit::records) leaves out is in a later batch, with the time
/// at which it happens.
///
/// Without an [end](Self::records) there is never more than until now: with
/// [`Trigger::Available`](crate::Trigger::Available) a job ends at once.
///
/// ```
/// use streamgauge_stream::{Rate, StreamingContext, Trigger};
///
/// let ctx = StreamingContext::builder("load").trigger(Trigger::Available).build();
/// let sums = ctx.source(Rate::per_second(4).records(6)).map(|(n, at)| (n, at.millis())).collect_to_memory();
/// ctx.run()?;
/// assert_eq!(sums.rows(), [(0, 1_000), (1, 1_250), (2, 1_500), (3, 1_750), (4, 2_000), (5, 2_250)]);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rate {
    per_second: u64,
    end: u64,
    /// What had happened when a batch was planned last, and is in none.
    behind: u64,
}

impl Rate {
    /// So many records a second, for ever. A rate of 0 makes none.
    pub fn per_second(records: u64) -> Self {
        Self { per_second: records, end: u64::MAX, behind: 0 }
    }

    /// Ends after so many records.
    pub fn records(mut self, records: u64) -> Self {
        self.end = records;
        self
    }

    /// How many records happen in a length of time.
    fn within(&self, length: Duration) -> u64 {
        let records = (u128::from(millis_of(length).unsigned_abs()) * u128::from(self.per_second)).div_ceil(1_000);
        u64::try_from(records).unwrap_or(u64::MAX).min(self.end)
    }
}

/// How far a [`Rate`] has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePosition {
    /// The time of the first batch; none before it.
    begun: Option<Time>,
    /// The number of the next record.
    next: u64,
}

impl Source for Rate {
    type Item = (u64, Time);
    type Position = RatePosition;

    fn name(&self) -> String {
        format!("rate of {} a second", self.per_second)
    }

    fn start(&self) -> RatePosition {
        RatePosition::default()
    }

    fn plan(&mut self, from: &RatePosition, limit: Limit) -> Result<Plan<RatePosition>, SourceError> {
        let begun = from.begun.unwrap_or(limit.time);
        // A clock that was set back makes no records, and unmakes none.
        let due = self.within(limit.time.since(begun)).max(from.next);
        let next = due.min(from.next.saturating_add(limit.most()));
        self.behind = due - next;
        let state = match (self.end, next) {
            (end, next) if next >= end => Next::Finished,
            _ if next < due => Next::Ready,
            (u64::MAX, _) => Next::Idle,
            // Also at a rate of 0, which never comes to its end.
            _ if self.per_second == 0 => Next::Idle,
            _ => Next::Ready,
        };
        Ok(Plan { to: RatePosition { begun: Some(begun), next }, next: state })
    }

    fn lag(&self) -> Option<Lag> {
        Some(Lag::records(self.behind))
    }

    fn in_words(&self, at: &RatePosition) -> String {
        format!("{} records", at.next)
    }

    fn read(
        &mut self,
        from: &RatePosition,
        to: &RatePosition,
    ) -> Result<Vec<Box<dyn Partition<(u64, Time)>>>, SourceError> {
        let Some(begun) = to.begun else {
            return Ok(Vec::new());
        };
        let per_second = self.per_second;
        let starts = (from.next..to.next).step_by(PARTITION as usize);
        let made = starts.map(|start| Made { per_second, begun, start, end: to.next.min(start + PARTITION) });
        Ok(made.map(|made| Box::new(made) as Box<dyn Partition<(u64, Time)>>).collect())
    }
}

/// Some of the records, in order.
struct Made {
    per_second: u64,
    begun: Time,
    start: u64,
    end: u64,
}

impl Made {
    fn time(&self, number: u64) -> Time {
        let after = u128::from(number) * 1_000 / u128::from(self.per_second.max(1));
        self.begun.after(Duration::from_millis(u64::try_from(after).unwrap_or(u64::MAX)))
    }
}

impl Partition<(u64, Time)> for Made {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<(u64, Time)>)) -> Result<(), SourceError> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut start = self.start;
        while start < self.end {
            let end = self.end.min(start + CHUNK as u64);
            chunk.extend((start..end).map(|number| (number, self.time(number))));
            out(&mut chunk);
            chunk.clear();
            start = end;
        }
        Ok(())
    }
}
