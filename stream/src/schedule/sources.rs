//! The sources of a job as its loop drives them: other people's code, so guarded, and watched for listeners.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::{Driver, Trigger};
use crate::error::{Error, panic_message};
use crate::graph::{AnySource, Planned};
use crate::monitor::{Event, SourceStatus};
use crate::recovery::Logged;
use crate::source::{Limit, SourceError};
use crate::time::Time;

impl Driver {
    /// Begins to watch the sources.
    pub(super) fn start_sources(&mut self) {
        for (id, source) in self.parts.sources.iter().enumerate() {
            let status = SourceStatus { id, name: source.name().into(), active: true, ..SourceStatus::default() };
            self.bus.tell(|| Event::SourceStarted(status.clone()));
            self.sources.push(status);
        }
    }

    /// Lets the sources begin, with the clock of the job.
    pub(super) fn open_sources(&mut self) -> Result<(), Error> {
        let clock = self.settings.clock.clone();
        self.each_source(|source| source.open(&clock)).map(drop)
    }

    /// Tells what went wrong with sources that go on.
    pub(super) fn tell_warnings(&mut self) {
        for source in &mut self.parts.sources {
            for warning in source.take_warnings() {
                self.bus.tell(|| Event::SourceWarning(source.name(), warning));
            }
        }
    }

    /// Takes note that a source is not asked any more.
    pub(super) fn stop_source(&mut self, id: usize) {
        let status = &mut self.sources[id];
        if std::mem::take(&mut status.active) {
            self.bus.tell(|| Event::SourceStopped(status.clone()));
        }
    }

    /// What each source gives to a batch.
    pub(super) fn plan(&mut self, time: Time) -> Result<Vec<Planned>, Error> {
        let limit = Limit::new(time, self.settings.trigger == Trigger::Available);
        let (interval, is_stopping) = (self.settings.interval, self.progress.is_stopping());
        self.each_source(|source| {
            let limit = source.rate_mut().limit(limit, interval, is_stopping);
            source.plan(limit)
        })
    }

    /// What each source gave to a batch that was logged.
    pub(super) fn plan_again(&mut self, batch: &Logged) -> Result<Vec<Planned>, Error> {
        let mut ranges = batch.ranges.iter();
        self.each_source(|source| source.replay(ranges.next().and_then(Option::as_deref)))
    }

    /// Makes what was planned the content of the batch; gives how long that took each source, in nanoseconds.
    pub(super) fn read_sources(&mut self) -> Result<Vec<u64>, Error> {
        self.each_source(|source| {
            let begun = Instant::now();
            source.read()?;
            Ok(begun.elapsed().as_nanos() as u64)
        })
    }

    /// Lets the sources take nothing more in.
    pub(super) fn close_sources(&mut self) -> Result<(), Error> {
        self.each_source(|source| {
            source.close();
            Ok(())
        })
        .map(drop)
    }

    /// The sources that have taken in what no batch has read.
    pub(super) fn sources_holding_records(&mut self) -> Result<Vec<String>, Error> {
        let holding = self.each_source(|source| Ok(source.holds_records()))?;
        let holding = self.sources.iter().zip(holding).filter(|(_, holds)| *holds);
        Ok(holding.map(|(status, _)| status.name.to_string()).collect())
    }

    /// Does something with each source in turn. An error, or a panic, is an error of that source.
    pub(super) fn each_source<R>(
        &mut self,
        mut act: impl FnMut(&mut dyn AnySource) -> Result<R, Error>,
    ) -> Result<Vec<R>, Error> {
        let mut results = Vec::with_capacity(self.parts.sources.len());
        for (id, source) in self.parts.sources.iter_mut().enumerate() {
            let result = catch_unwind(AssertUnwindSafe(|| act(&mut **source)))
                .unwrap_or_else(|panic| Err(SourceError::new(&self.sources[id].name, panic_message(&*panic)).into()));
            match result {
                Ok(result) => results.push(result),
                Err(error) => {
                    let now = self.settings.clock.now();
                    let status = &mut self.sources[id];
                    (status.error, status.error_time) = (Some(error.to_string()), Some(now));
                    self.bus.tell(|| Event::SourceFailed(status.clone()));
                    return Err(error);
                }
            }
        }
        Ok(results)
    }
}
