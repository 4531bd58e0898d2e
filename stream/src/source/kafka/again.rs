//! Reading a range again, after a crash or for another attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use super::client::{Client, Lost, Settings, Trouble, only, partition_failed};
use super::fetch::record;
use super::position::{Name, Range};
use super::{KafkaRecord, SourceError};
use crate::source::restart::Warnings;

/// How long the client is listened to at a time.
const LISTEN: Duration = Duration::from_millis(100);

/// A client of its own: it goes back while the other one goes ahead.
pub(super) struct Again {
    client: Client,
}

impl Again {
    pub(super) fn new(settings: Arc<Settings>, warnings: Arc<Warnings>) -> Result<Self, SourceError> {
        // One range after the other, each as soon as can be: a wait for records behind the last one would hold up the next.
        let defaults = [("fetch.wait.max.ms", "10")];
        Client::new(settings, &defaults, warnings, || {}).map(|client| Self { client })
    }

    /// The records of a range; if some are gone, those that are left, and what is wrong.
    pub(super) fn read(&self, range: &Range) -> Result<(Vec<KafkaRecord>, Option<Lost>), SourceError> {
        let read = self.collect(range);
        if let Err(error) = self.client.consumer.unassign() {
            self.client.warn(error);
        }
        read
    }

    fn collect(&self, range: &Range) -> Result<(Vec<KafkaRecord>, Option<Lost>), SourceError> {
        let Range { topic, partition, from, to } = range;
        let settings = &self.client.settings;
        let failed = |why: String| {
            partition_failed(topic, *partition, format!("reading offsets {from} to {} again: {why}", to - 1))
        };
        let name: Name = (topic.clone(), *partition);
        let mut records: Vec<KafkaRecord> = Vec::new();
        let mut gap = None;
        let mut next = *from;
        let begin = |next| {
            let list = only(&name, next).and_then(|list| self.client.consumer.assign(&list));
            list.map_err(|error| failed(error.to_string()))
        };
        begin(next)?;
        let (mut since, mut last) = (Instant::now(), None);
        while next < *to {
            let told = match self.client.consumer.poll(LISTEN) {
                Some(Ok(message)) => {
                    if message.partition() == *partition && message.offset() >= next {
                        next = message.offset() + 1;
                        if message.offset() < *to {
                            match record(topic, &message) {
                                Ok(record) => records.push(record),
                                Err(why) => return Ok((records, Some(Lost::Unreadable(why)))),
                            }
                        }
                    }
                    since = Instant::now();
                    continue;
                }
                Some(Err(error)) => Some(error),
                None => None,
            };
            let missing = match told.as_ref().map(Trouble::of) {
                _ if matches!(told, Some(KafkaError::PartitionEOF(_))) => {
                    // The last offsets of the range are holes, unless the log ends before them.
                    match self.client.look_for(&name, *to)? {
                        Some(lost) => Some(lost),
                        None => return Ok((records, gap)),
                    }
                }
                Some(Trouble::Missing) => {
                    let found = self.client.look_for(&name, next)?;
                    if found.is_none() {
                        begin(next)?;
                    }
                    found
                }
                Some(Trouble::Unreadable(why)) => Some(Lost::Unreadable(why)),
                Some(Trouble::Passing) | None => None,
            };
            match missing {
                // What is left of it.
                Some(Lost::Deleted { low }) if low < *to => {
                    gap = Some(Lost::Deleted { low });
                    next = low;
                    begin(next)?;
                    since = Instant::now();
                }
                Some(lost) => return Ok((records, Some(lost))),
                None => last = told.or(last),
            }
            if since.elapsed() > settings.timeout {
                let last = last.map(|error| format!("; the last error: {error}")).unwrap_or_default();
                return Err(failed(format!("nothing came for {:?}{last}", settings.timeout)));
            }
        }
        Ok((records, gap))
    }
}
