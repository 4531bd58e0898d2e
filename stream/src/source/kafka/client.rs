//! The client library: what is asked of it, and how it answers. Nothing of it is seen outside of this folder.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::position::{KafkaPosition, Name};
use super::{KafkaStart, SourceError};
use crate::source::restart::Warnings;

pub(super) type Consumer = BaseConsumer<Context>;

/// How long looking something up while the job runs may take.
pub(super) const LOOK_UP: Duration = Duration::from_secs(5);

/// How long to wait before something is looked up once more.
const PAUSE: Duration = Duration::from_millis(100);

/// Topics of the brokers themselves, which no pattern means.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// What is set by the source: with other values it would not work.
const OURS: [&str; 6] = [
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "bootstrap.servers",
];

/// Which topics are read.
#[derive(Clone)]
pub(super) enum Topics {
    Named(Vec<String>),
    Where(String, Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Topics {
    pub(super) fn contains(&self, topic: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == topic),
            Self::Where(_, wanted) => !INTERNAL.contains(&topic) && wanted(topic),
        }
    }
}

impl fmt::Display for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(names) => f.write_str(&names.join(", ")),
            Self::Where(name, _) => f.write_str(name),
        }
    }
}

/// What a client is made from.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) brokers: String,
    pub(super) topics: Topics,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) group: Option<String>,
    /// How long the start of the job, or reading a range again, waits for a broker.
    pub(super) timeout: Duration,
}

impl Settings {
    /// The name of the source: not that of the brokers, which may be others after a restart.
    pub(super) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("kafka {}", self.topics))
    }

    fn failed(&self, why: impl fmt::Display) -> SourceError {
        SourceError::new(format!("kafka at {}", self.brokers), why)
    }

    /// A mistake in the settings, before anything is done.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        if let Some(ours) = OURS.iter().find(|ours| self.properties.contains_key(**ours)) {
            let instead = if *ours == "group.id" { "; write .group(..)" } else { "" };
            return Err(self.failed(format!("the property {ours} is set by the source itself{instead}")));
        }
        match &self.topics {
            Topics::Named(names) if names.is_empty() => {
                Err(self.failed("no topic is named; write .topics([..]) or .topics_where(..)"))
            }
            Topics::Named(names) => match names.iter().find(|name| name.is_empty() || name.contains('\0')) {
                Some(name) => Err(self.failed(format!("{name:?} is no name of a topic"))),
                None => Ok(()),
            },
            Topics::Where(..) => Ok(()),
        }
    }
}

/// A failure of a partition.
pub(super) fn partition_failed(topic: &str, partition: i32, why: impl fmt::Display) -> SourceError {
    SourceError::new(format!("kafka topic {topic}, partition {partition}"), why)
}

/// Hears what happens in the client.
pub(super) struct Context {
    what: String,
    warnings: Arc<Warnings>,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // What is reported of a partition is dealt with where its records are taken.
        if code != Some(RDKafkaErrorCode::PartitionEOF) && matches!(Trouble::of(&error), Trouble::Passing) {
            let what = code.map_or(error.to_string(), |code| code.to_string());
            let why = if reason.is_empty() { what } else { format!("{what}: {reason}") };
            self.warnings.add(SourceError::new(&self.what, why));
        }
    }
}

impl ConsumerContext for Context {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.warnings.add(SourceError::new(&self.what, format!("offsets are not committed to the group: {error}")));
        }
    }
}

/// What is wrong with a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The log begins here now.
    Deleted { low: i64 },
    /// The log ends here now.
    Truncated { high: i64 },
    /// There is no such partition any more.
    Gone,
    /// A record is damaged, or compressed in a way that this build cannot read.
    Unreadable(String),
}

impl Lost {
    /// What to say about it, if the records of these offsets were wanted.
    pub(super) fn about(&self, from: i64, to: Option<i64>) -> String {
        match self {
            Self::Deleted { low } => {
                let last = to.map_or(*low, |to| to.min(*low)) - 1;
                format!("the records of offsets {from} to {last} are gone: its log begins at offset {low} now")
            }
            Self::Truncated { high } => {
                let to = to.map(|to| format!(" to {}", to - 1)).unwrap_or_default();
                format!(
                    "the records of offsets {from}{to} are gone: its log ends at offset {high}, so it was truncated, or the topic made anew"
                )
            }
            Self::Gone => format!("is gone, and was read up to offset {from}: the topic was deleted or made anew"),
            Self::Unreadable(why) => format!("the records from offset {from} on cannot be read: {why}"),
        }
    }

    /// Where to go on without them; none if there is nothing to go on with.
    pub(super) fn go_on_at(&self, next: i64) -> Option<i64> {
        match self {
            Self::Deleted { low } => Some(*low),
            // Not from the beginning: what was read would be read twice.
            Self::Truncated { high } => Some(*high),
            Self::Gone => None,
            Self::Unreadable(_) => Some(next + 1),
        }
    }
}

/// What an error that the client reports of a partition means.
pub(super) enum Trouble {
    /// The offset is not in the log, or the partition not there, as far as one broker says: it is to be looked at.
    Missing,
    Unreadable(String),
    /// The client goes on by itself.
    Passing,
}

impl Trouble {
    pub(super) fn of(error: &KafkaError) -> Self {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(
                Code::AutoOffsetReset
                | Code::OffsetOutOfRange
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition,
            ) => Self::Missing,
            Some(
                code @ (Code::BadMessage
                | Code::BadCompression
                | Code::NotImplemented
                | Code::InvalidMessage
                | Code::UnsupportedCompressionType),
            ) => Self::Unreadable(code.to_string()),
            _ => Self::Passing,
        }
    }
}

/// A connection to the brokers.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) settings: Arc<Settings>,
    pub(super) consumer: Arc<Consumer>,
    pub(super) warnings: Arc<Warnings>,
}

impl Client {
    /// A client with properties that the user may override. Nothing is connected yet. `wake` is called from threads of
    /// the client when it has something to tell.
    pub(super) fn new(
        settings: Arc<Settings>,
        defaults: &[(&str, &str)],
        warnings: Arc<Warnings>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, SourceError> {
        settings.check()?;
        let mut config = ClientConfig::new();
        config.set("client.id", "streamgauge");
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        for (key, value) in &settings.properties {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &settings.brokers)
            // The client assigns partitions only if it has a group, even if it never joins or commits to it.
            .set("group.id", settings.group.as_deref().unwrap_or("streamgauge"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        let context = Context { what: settings.name(), warnings: warnings.clone() };
        let consumer: KafkaResult<Consumer> = config.create_with_context(context);
        let mut consumer = consumer.map_err(|error| settings.failed(error))?;
        consumer.set_nonempty_callback(wake);
        Ok(Self { settings, consumer: Arc::new(consumer), warnings })
    }

    pub(super) fn warn(&self, why: impl fmt::Display) {
        self.warnings.add(self.settings.failed(why));
    }

    /// The partitions of the topics that are to be read, in order; a topic that does not exist has none.
    pub(super) fn partitions(&self, timeout: Duration) -> Result<BTreeMap<Arc<str>, Vec<i32>>, SourceError> {
        let mut found: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
        let mut look_at = |topic: Option<&str>, timeout| -> Result<(), SourceError> {
            let metadata = self.consumer.fetch_metadata(topic, timeout).map_err(|e| self.settings.failed(e))?;
            for topic in metadata.topics().iter().filter(|topic| self.settings.topics.contains(topic.name())) {
                let code = topic.error().map(RDKafkaErrorCode::from);
                let partitions = match code {
                    None => topic.partitions().iter().map(|partition| partition.id()).collect(),
                    Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Vec::new(),
                    Some(code) => return Err(self.settings.failed(format!("topic {}: {code}", topic.name()))),
                };
                found.entry(topic.name().into()).or_default().extend(partitions);
            }
            Ok(())
        };
        let until = Instant::now() + timeout;
        match &self.settings.topics {
            Topics::Named(names) => {
                names
                    .iter()
                    .try_for_each(|name| look_at(Some(name), until.saturating_duration_since(Instant::now())))?;
            }
            Topics::Where(..) => look_at(None, timeout)?,
        }
        for partitions in found.values_mut() {
            partitions.sort_unstable();
            partitions.dedup();
        }
        Ok(found)
    }

    /// For each partition the offset of the first record of this time or later, of its first record, or of its end.
    /// None where there is no such record.
    fn offsets(&self, names: &[Name], at: Offset, timeout: Duration) -> Result<Vec<Option<i64>>, SourceError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.offsets_once(names, at, left) {
                // A leader that changes, a connection that breaks: the client does not try again by itself.
                Err(_) if left > PAUSE => thread::sleep(PAUSE),
                found => return found,
            }
        }
    }

    fn offsets_once(&self, names: &[Name], at: Offset, timeout: Duration) -> Result<Vec<Option<i64>>, SourceError> {
        let failed = |error: KafkaError| self.settings.failed(format!("looking up offsets: {error}"));
        let mut list = TopicPartitionList::with_capacity(names.len());
        for (topic, partition) in names {
            list.add_partition_offset(topic, *partition, at).map_err(failed)?;
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.consumer.offsets_for_times(list, timeout).map_err(failed)?;
        let offset = |(topic, partition): &Name| {
            let Some(found) = found.find_partition(topic, *partition) else { return Ok(None) };
            found.error().map_err(|e| partition_failed(topic, *partition, e))?;
            Ok(if let Offset::Offset(offset) = found.offset() { Some(offset) } else { None })
        };
        names.iter().map(offset).collect()
    }

    /// Where the records of partitions begin.
    pub(super) fn beginnings(&self, names: &[Name], timeout: Duration) -> Result<Vec<i64>, SourceError> {
        let found = self.offsets(names, Offset::Beginning, timeout)?;
        Ok(found.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Where the brokers say that partitions end. Not all of them say it rightly: for weighing and for what is to be
    /// read from now on, never for how far to read.
    pub(super) fn ends(&self, names: &[Name], timeout: Duration) -> Result<Vec<i64>, SourceError> {
        let found = self.offsets(names, Offset::End, timeout)?;
        Ok(found.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Where a new job begins.
    pub(super) fn starts(&self, start: &KafkaStart, names: &[Name]) -> Result<Vec<i64>, SourceError> {
        let timeout = self.settings.timeout;
        match start {
            KafkaStart::Earliest => self.beginnings(names, timeout),
            KafkaStart::Latest => self.ends(names, timeout),
            KafkaStart::Time(time) => {
                let found = self.offsets(names, Offset::Offset(time.millis().max(0)), timeout)?;
                let ends = self.ends(names, timeout)?;
                Ok(found.into_iter().zip(ends).map(|(found, end)| found.unwrap_or(end)).collect())
            }
            KafkaStart::Offsets(given) => {
                let unknown = given.iter().find(|(topic, partition, _)| {
                    !names.iter().any(|(name, number)| **name == **topic && number == partition)
                });
                if let Some((topic, partition, offset)) = unknown {
                    let why = format!("is to be read from offset {offset} on, and is not there");
                    return Err(partition_failed(topic, *partition, why));
                }
                let beginnings = self.beginnings(names, timeout)?;
                let given = |(topic, partition): &Name| {
                    given.iter().find(|(name, number, _)| **name == **topic && number == partition).map(|it| it.2)
                };
                Ok(names.iter().zip(beginnings).map(|(name, beginning)| given(name).unwrap_or(beginning)).collect())
            }
        }
    }

    /// Whether records from this offset on can be had, as far as can be told; None if they can.
    pub(super) fn look_for(&self, (topic, partition): &Name, offset: i64) -> Result<Option<Lost>, SourceError> {
        let failed = |e: KafkaError| partition_failed(topic, *partition, e);
        let metadata = self.consumer.fetch_metadata(Some(topic), LOOK_UP).map_err(failed)?;
        let described = metadata.topics().iter().find(|found| found.name() == &**topic);
        match described.map(|found| (found.error().map(RDKafkaErrorCode::from), found.partitions())) {
            None | Some((Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic), _)) => {
                return Ok(Some(Lost::Gone));
            }
            Some((Some(code), _)) => return Err(partition_failed(topic, *partition, code)),
            Some((None, there)) if !there.iter().any(|found| found.id() == *partition) => return Ok(Some(Lost::Gone)),
            Some((None, _)) => {}
        }
        let (low, high) = self.consumer.fetch_watermarks(topic, *partition, LOOK_UP).map_err(failed)?;
        Ok(match offset {
            offset if offset < low => Some(Lost::Deleted { low }),
            offset if offset > high => Some(Lost::Truncated { high }),
            _ => None,
        })
    }

    /// Tells the group how far the job is. Does not wait.
    pub(super) fn commit(&self, position: &KafkaPosition) {
        let mut list = TopicPartitionList::new();
        let listed = position
            .offsets()
            .try_for_each(|(topic, partition, next)| list.add_partition_offset(topic, partition, Offset::Offset(next)));
        if list.count() == 0 {
            return;
        }
        if let Err(error) = listed.and_then(|()| self.consumer.commit(&list, CommitMode::Async)) {
            self.warn(format!("offsets are not committed to the group: {error}"));
        }
    }
}

/// A list with one partition, at an offset.
pub(super) fn only((topic, partition): &Name, offset: i64) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(topic, *partition, Offset::Offset(offset))?;
    Ok(list)
}
