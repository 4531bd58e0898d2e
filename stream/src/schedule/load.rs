//! How a job keeps up, and what its sources learn from it.

use std::time::Duration;

use super::{Driver, Trigger};
use crate::error::Error;
use crate::monitor::{BatchInfo, Load};
use crate::rate::ProcessedBatch;
use crate::time::Time;

impl Driver {
    /// How the job keeps up when the batch of this time is planned; of the batch before it is known.
    pub(super) fn load_at(&self, time: Time) -> Load {
        let delay = self.settings.clock.now().since(time);
        let pending = || self.parts.sources.iter().filter_map(|source| source.pending());
        Load {
            interval: self.settings.interval,
            scheduling_delay: if self.settings.trigger == Trigger::Every { delay } else { Duration::ZERO },
            pending_records: pending().filter_map(|pending| pending.records).sum(),
            pending_bytes: pending().map(|pending| pending.bytes).sum(),
            ..self.load
        }
    }

    /// Takes note of a batch that is complete. One that was run again after a restart says nothing of how the job keeps
    /// up: the rates are those that were logged with it.
    pub(super) fn learn(&mut self, is_new: bool, info: &BatchInfo) -> Result<(), Error> {
        if !is_new {
            return Ok(());
        }
        let (started, ended) = (info.started.unwrap_or(info.time), info.ended.unwrap_or(info.time));
        let by_clock = ended.since(started);
        let processing = if by_clock.is_zero() { info.processing } else { by_clock };
        (self.load.processing, self.load.records) = (processing, info.records);
        let mut records = info.sources.iter().map(|source| source.records);
        let (interval, scheduling_delay) = (self.settings.interval, info.scheduling_delay);
        self.each_source(|source| {
            let records = records.next().unwrap_or_default();
            source.rate_mut().learn(&ProcessedBatch { ended, records, processing, scheduling_delay, interval });
            Ok(())
        })
        .map(drop)
    }
}
