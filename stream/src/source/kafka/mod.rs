//! Topics of Kafka.
//!
//! `client` speaks with the client library. `fetch` is a thread that takes in what arrives, into a `part` for every
//! partition; `watch` is one that finds new partitions. A batch takes what `share` allows of the parts, and what was
//! read before is read `again` by a client of its own.

mod again;
mod client;
mod fetch;
mod options;
mod part;
mod position;
mod record;
mod share;
mod watch;

pub use options::{KafkaStart, OnDataLoss};
pub use position::KafkaPosition;
pub use record::KafkaRecord;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::kept::Kept;
use super::restart::Warnings;
use super::{Lag, Limit, Next, Partition, Plan, Source, SourceError};
use crate::clock::Clock;
use crate::time::{Time, millis_of};
use again::Again;
use client::{Client, LOOK_UP, Lost, Settings, Topics, partition_failed};
use fetch::{Fetch, Wake};
use position::{Name, Reached};
use watch::Found;

/// Records of topics of Kafka, or of any broker that speaks its protocol.
///
/// A *direct* source: there is no receiver and no consumer group. The offsets are the job's own, in its [batch
/// log](crate::ContextBuilder::checkpoint_dir) and its checkpoints, so that every record counts exactly once in the
/// state of a job that is killed and started again. A range of offsets is read again as often as it takes: can replay,
/// as long as the topic keeps the records.
///
/// **Batches.** A thread fetches ahead, up to a [bound](Self::max_bytes_per_batch). A batch takes what has arrived: how
/// far a range goes is decided by records that are there, never by an end of the log that a broker reports. A partition
/// of a topic is a partition of the batch. With [`Trigger::Available`](crate::Trigger::Available) the batches go up to
/// the end of each partition as it is when it is first reached, each waits for a full share, and so they are the same
/// ones however fast the brokers are.
///
/// **New partitions** of the topics, and new topics of a [pattern](Self::topics_where), are found while the job runs
/// and read from their beginning. Under `Trigger::Available` they are found at the next start.
///
/// **What goes wrong.** A wrong setting, brokers that nobody can reach and a topic that does not exist end the job at
/// its start, with an error. Brokers that go away later are told to the listeners
/// ([`on_source_warning`](crate::Listener::on_source_warning)); batches are empty until they are back. Records that are
/// gone before they were read are an error, or [skipped](OnDataLoss::Skip).
///
/// Holes in the offsets, as compaction and transactions leave them, are nothing special. Records of transactions that
/// were aborted are not seen, unless the property `isolation.level` is set to `read_uncommitted`.
///
/// ```no_run
/// use streamgauge_stream::source::Kafka;
/// use streamgauge_stream::{StreamingContext, mins, secs};
///
/// let ctx = StreamingContext::builder("orders").checkpoint_dir("orders-checkpoints").build();
/// let orders = ctx.source(Kafka::brokers("localhost:9092").topics(["orders"]).group("order-dashboard"));
/// orders
///     .map(|record| (record.timestamp, record.text().into_owned()))
///     .event_time(|(at, _)| *at, secs(10))
///     .tumbling(mins(1))
///     .summarize(|on| on.top(10, |(_, product)| product))
///     .print();
/// ctx.run()?;
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
pub struct Kafka {
    settings: Settings,
    start: KafkaStart,
    on_data_loss: OnDataLoss,
    per_second: Option<u64>,
    per_batch: Option<u64>,
    max_bytes: usize,
    refresh: Duration,
    bounded: bool,
    warnings: Arc<Warnings>,
    /// What the start of the job has found.
    opened: Option<Opened>,
    reading: Option<Reading>,
    again: Option<Again>,
    /// The position that the group was told last.
    committed: Option<KafkaPosition>,
    /// The position after the batch that was planned last, and its time.
    planned: Option<(KafkaPosition, Time)>,
    /// The offsets behind it, as far as they are known of all partitions.
    behind: Option<u64>,
}

/// A connection, and the partitions that were there when it was made.
struct Opened {
    client: Client,
    wake: Arc<Wake>,
    there: Vec<Name>,
}

/// The threads.
struct Reading {
    fetch: Fetch,
    found: Option<Found>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kafka({} at {})", self.settings.topics, self.settings.brokers)
    }
}

impl Kafka {
    /// Brokers to begin with, as `host:port`, with commas between them.
    pub fn brokers(brokers: impl Into<String>) -> Self {
        Self {
            settings: Settings {
                name: None,
                brokers: brokers.into(),
                topics: Topics::Named(Vec::new()),
                properties: BTreeMap::new(),
                group: None,
                timeout: Duration::from_secs(30),
            },
            start: KafkaStart::Earliest,
            on_data_loss: OnDataLoss::Fail,
            per_second: None,
            per_batch: None,
            max_bytes: 64 << 20,
            refresh: Duration::from_secs(10),
            bounded: false,
            warnings: Arc::default(),
            opened: None,
            reading: None,
            again: None,
            committed: None,
            planned: None,
            behind: None,
        }
    }

    /// Reads these topics. They must be there when the job starts.
    pub fn topics<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.topics = Topics::Named(names.into_iter().map(Into::into).collect());
        self
    }

    /// Reads all topics whose names the function wants, also those that come later. `pattern` is what errors and the
    /// dashboard call them, and must not change from one start to the next.
    ///
    /// ```
    /// use streamgauge_stream::source::Kafka;
    /// let web = Kafka::brokers("localhost:9092").topics_where("web-*", |topic| topic.starts_with("web-"));
    /// ```
    pub fn topics_where(
        mut self,
        pattern: impl Into<String>,
        wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.topics = Topics::Where(pattern.into(), Arc::new(wanted));
        self
    }

    /// Where a new job begins; [`Earliest`](KafkaStart::Earliest) unless set.
    pub fn start_at(mut self, start: KafkaStart) -> Self {
        self.start = start;
        self
    }

    /// What to do when records are gone before they were read; [`Fail`](OnDataLoss::Fail) unless set.
    pub fn on_data_loss(mut self, what: OnDataLoss) -> Self {
        self.on_data_loss = what;
        self
    }

    /// Ends the input when every partition was read up to its end, as it is when it is first reached. Then windows of
    /// event time close, and the job, started again, has nothing to do. New partitions are not looked for.
    ///
    /// Without this the input never ends, because more may come. A partition into which others write faster than it is
    /// read has no end.
    pub fn bounded(mut self) -> Self {
        self.bounded = true;
        self
    }

    /// The most records a second of one partition: a batch takes so many for each second since the one before.
    pub fn max_records_per_second(mut self, records: u64) -> Self {
        self.per_second = Some(records);
        self
    }

    /// The most records of a batch. They are divided between the partitions by how far each is behind; each has at
    /// least one, so that a batch can have one more of every partition.
    pub fn max_records_per_batch(mut self, records: u64) -> Self {
        self.per_batch = Some(records);
        self
    }

    /// About how much a batch takes at most, in memory, and how much is fetched ahead of it; 64 MiB unless set. Every
    /// partition has an equal share. The client itself holds another MiB or two of every partition.
    pub fn max_bytes_per_batch(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes.max(1);
        self
    }

    /// Tells this consumer group how far the job is, for tools that show lags: when a batch is planned, or the job is
    /// stopped, the offsets before it are complete, and are committed. Nothing is ever read from there.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.settings.group = Some(name.into());
        self
    }

    /// Sets a property of the client, [as librdkafka calls
    /// it](https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md): `security.protocol`,
    /// `fetch.min.bytes`. One that does not exist, or that the source sets itself, is an error at the start.
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.properties.insert(key.into(), value.into());
        self
    }

    /// How often new partitions and topics are looked for; 10 seconds unless set.
    pub fn refresh_every(mut self, length: Duration) -> Self {
        self.refresh = length.max(Duration::from_millis(1));
        self
    }

    /// How long the start of the job, and reading a range again, waits for brokers that do not answer; 30 seconds unless
    /// set. Then the job ends with an error.
    pub fn timeout(mut self, length: Duration) -> Self {
        self.settings.timeout = length;
        self
    }

    /// The name in errors, on the dashboard and in the batch log; `kafka` and the topics unless set. Two sources of one
    /// job must not have the same.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Connects, and looks what there is.
    fn connect(&mut self) -> Result<(), SourceError> {
        if self.opened.is_some() {
            return Ok(());
        }
        let settings = Arc::new(self.settings.clone());
        let wake = Arc::<Wake>::default();
        let raised = wake.clone();
        // What was fetched is taken at once: the client needs no long queues of its own.
        let defaults = [("queued.max.messages.kbytes", "1024"), ("fetch.queue.backoff.ms", "20")];
        let client = Client::new(settings.clone(), &defaults, self.warnings.clone(), move || raised.raise())?;
        let found = client.partitions(settings.timeout)?;
        if let Topics::Named(names) = &settings.topics
            && let Some(name) = names.iter().find(|name| found.get(name.as_str()).is_none_or(Vec::is_empty))
        {
            let what = format!("kafka topic {name}");
            return Err(SourceError::new(what, format!("there is no such topic at {}", settings.brokers)));
        }
        let there = found.into_iter().flat_map(|(topic, all)| all.into_iter().map(move |p| (topic.clone(), p)));
        self.opened = Some(Opened { client, wake, there: there.collect() });
        Ok(())
    }

    /// The position with the partitions that are there now.
    fn with_partitions(&self, opened: &Opened, from: &KafkaPosition) -> Result<KafkaPosition, SourceError> {
        let Opened { client, there, .. } = opened;
        let mut to = from.clone();
        if let Some(Reading { found, .. }) = &self.reading {
            let found = found
                .iter()
                .flat_map(|found| std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner)));
            for (name, beginning) in found {
                if to.get(&name.0, name.1).is_none() {
                    to.set(name, Reached::at(beginning));
                }
            }
            return Ok(to);
        }
        // The first batch of this run.
        let new: Vec<Name> = there.iter().filter(|(topic, p)| from.get(topic, *p).is_none()).cloned().collect();
        let offsets = match from.begun {
            false => client.starts(&self.start, &new)?,
            true => client.beginnings(&new, client.settings.timeout)?,
        };
        for (name, offset) in new.into_iter().zip(offsets) {
            to.set(name, Reached::at(offset));
        }
        for (topic, partition, reached) in from.iter() {
            let name = (topic.clone(), partition);
            if !client.settings.topics.contains(topic) {
                client.warnings.add(partition_failed(
                    topic,
                    partition,
                    format!("was read up to offset {}, and is not read any more", reached.next),
                ));
            } else if there.binary_search(&name).is_err() {
                // The client would wait for it for ever.
                self.lose(&name, Lost::Gone.about(reached.next, None))?;
            } else {
                continue;
            }
            to.forget(topic, partition);
        }
        to.begun = true;
        Ok(to)
    }

    /// Lets the partitions of a position be fetched from there on.
    fn fetch(&mut self, to: &KafkaPosition, until_end: bool, with_ends: bool) -> Result<&Fetch, SourceError> {
        let Some(Opened { client, wake, .. }) = &self.opened else {
            return Err(SourceError::new(self.settings.name(), "is not connected"));
        };
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => {
                let fetch = Fetch::new(client.clone(), wake.clone(), self.max_bytes, until_end)?;
                let found = match until_end {
                    true => None,
                    false => Some(watch::watch(client.clone(), fetch.shared.clone(), self.refresh, with_ends)?),
                };
                none.insert(Reading { fetch, found })
            }
        };
        reading.fetch.align(to)?;
        Ok(&reading.fetch)
    }

    /// The most records of each partition.
    fn shares(&self, fetch: &Fetch, from: &KafkaPosition, limit: Limit) -> Result<Vec<u64>, SourceError> {
        // The one who waits has batches that follow from the positions alone.
        let before = if limit.wait { from.last } else { self.planned.as_ref().map(|(_, time)| *time) };
        let elapsed = before.map_or(Duration::from_secs(1), |before| limit.time.since(before));
        let per_partition = self.per_second.map(|records| {
            let millis = u128::from(millis_of(elapsed).unsigned_abs());
            u64::try_from(u128::from(records) * millis / 1_000).unwrap_or(u64::MAX)
        });
        // The most records of this batch, all partitions together, and of each.
        let lower = |own: Option<u64>, of_job: Option<u64>| own.into_iter().chain(of_job).min();
        let (total, most) = (lower(self.per_batch, limit.records), lower(per_partition, limit.records_per_partition));
        let lags: Vec<u64> = fetch.state()?.parts().map(|(_, part)| part.lag()).collect();
        Ok(share::split(total, &lags, most))
    }

    /// What the next batch takes.
    fn take(&mut self, from: &KafkaPosition, limit: Limit) -> Result<Plan<KafkaPosition>, SourceError> {
        let first = self.reading.is_none();
        let opened = self.opened.as_ref().ok_or_else(|| SourceError::new(self.settings.name(), "is not connected"))?;
        let mut to = self.with_partitions(opened, from)?;
        let by_lag = self.per_batch.or(limit.records).is_some();
        self.fetch(&to, limit.wait || self.bounded, by_lag)?;
        let Some(Reading { fetch, .. }) = &self.reading else {
            return Err(SourceError::new(self.settings.name(), "is not fetched"));
        };
        if first && limit.wait && by_lag {
            let names: Vec<Name> = to.iter().map(|(topic, partition, _)| (topic.clone(), partition)).collect();
            watch::set_ends(&fetch.shared, &names, &fetch.client.ends(&names, LOOK_UP)?);
        }
        let shares = self.shares(fetch, from, limit)?;
        if limit.wait && !fetch.settle(&shares, self.settings.timeout) {
            drop(fetch.state()?);
            self.warnings.add(SourceError::new(
                self.settings.name(),
                format!("nothing has come for {:?}, and the end is not reached", self.settings.timeout),
            ));
            return Ok(Plan { to, next: Next::Ready });
        }
        let (mut ready, mut ended, mut taken) = (false, true, 0);
        let mut behind = Some(0);
        let state = fetch.state()?;
        let bytes = fetch.bytes_of(shares.len());
        let mut lost = Vec::new();
        for ((name, part), most) in state.parts().zip(&shares) {
            if let Some(what) = part.lost.as_ref().filter(|_| part.is_empty()) {
                lost.push((name.clone(), part.next, what.clone()));
                continue;
            }
            let cut = part.cut(*most, bytes);
            let reached = to.get(&name.0, name.1).unwrap_or(Reached::at(part.base));
            to.set(name.clone(), Reached { next: cut.next, ..reached });
            behind = behind.zip(part.behind(cut.next)).map(|(all, more): (u64, u64)| all + more);
            ready |= cut.next < part.next;
            ended &= !cut.more;
            taken += cut.records;
        }
        drop(state);
        self.behind = behind;
        for (name, next, what) in lost {
            self.lose(&name, what.about(next, None))?;
            match what.go_on_at(next) {
                Some(offset) => to.set(name, Reached::at(offset)),
                None => to.forget(&name.0, name.1),
            }
            ended = false;
        }
        if taken > 0 {
            to.last = Some(limit.time);
        }
        let next = match ended {
            true if self.bounded => Next::Finished,
            true => Next::Idle,
            // Those who wait are asked again until the end.
            false if ready || limit.wait => Next::Ready,
            false => Next::Idle,
        };
        Ok(Plan { to, next })
    }

    /// Records are gone: an error, or a warning.
    fn lose(&self, (topic, partition): &Name, what: String) -> Result<(), SourceError> {
        match self.on_data_loss {
            OnDataLoss::Fail => {
                let why = format!("{what}; .on_data_loss(OnDataLoss::Skip) goes on without them");
                Err(partition_failed(topic, *partition, why))
            }
            OnDataLoss::Skip => {
                self.warnings.add(partition_failed(topic, *partition, format!("skipped: {what}")));
                Ok(())
            }
        }
    }

    /// Tells the group that all before this position is complete.
    fn commit(&mut self, position: &KafkaPosition) {
        if let Some(Opened { client, .. }) = &self.opened
            && self.settings.group.is_some()
            && self.committed.as_ref() != Some(position)
        {
            client.commit(position);
            self.committed = Some(position.clone());
        }
    }
}

impl Source for Kafka {
    type Item = KafkaRecord;
    type Position = KafkaPosition;

    fn name(&self) -> String {
        self.settings.name()
    }

    fn start(&self) -> KafkaPosition {
        KafkaPosition::default()
    }

    fn open(&mut self, _: &Arc<dyn Clock>) -> Result<(), SourceError> {
        self.connect()
    }

    fn plan(&mut self, from: &KafkaPosition, limit: Limit) -> Result<Plan<KafkaPosition>, SourceError> {
        self.connect()?;
        // What was planned before is complete, or there would be no other batch.
        self.commit(from);
        let plan = self.take(from, limit)?;
        self.planned = Some((plan.to.clone(), limit.time));
        Ok(plan)
    }

    fn read(
        &mut self,
        from: &KafkaPosition,
        to: &KafkaPosition,
    ) -> Result<Vec<Box<dyn Partition<KafkaRecord>>>, SourceError> {
        let mut partitions = Vec::new();
        for range in to.ranges_after(from) {
            let fetched = self.reading.as_ref().and_then(|reading| reading.fetch.take(&range));
            let records = match fetched {
                Some(records) => records,
                None => {
                    let again = match &self.again {
                        Some(again) => again,
                        None => {
                            let settings = Arc::new(self.settings.clone());
                            self.again.insert(Again::new(settings, self.warnings.clone())?)
                        }
                    };
                    let (records, lost) = again.read(&range)?;
                    if let Some(lost) = lost {
                        self.lose(&(range.topic.clone(), range.partition), lost.about(range.from, Some(range.to)))?;
                    }
                    records
                }
            };
            partitions.push(Kept::partition(records));
        }
        Ok(partitions)
    }

    fn close(&mut self) {
        // A job is stopped between two batches: the one that was planned last is complete.
        if let Some((position, _)) = self.planned.take() {
            self.commit(&position);
        }
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.warnings.take()
    }

    /// Known of partitions whose end was reached by fetching, or was asked for to share out a limit.
    fn lag(&self) -> Option<Lag> {
        self.behind.map(Lag::records)
    }

    fn in_words(&self, at: &KafkaPosition) -> String {
        let partitions = at.offsets().map(|(topic, partition, offset)| format!("{topic}/{partition} at {offset}"));
        partitions.collect::<Vec<_>>().join(", ")
    }
}
