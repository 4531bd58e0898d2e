//! A topic of Kafka.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};

use super::{Cause, Part, Sink};
use crate::time::Time;

/// The headers of every record: what it is known by.
const BATCH: &str = "batch";
const PARTITION: &str = "partition";
const ROW: &str = "row";

/// How long the client is listened to at a time: all of it, however soon it has something to tell.
const LISTEN: Duration = Duration::from_millis(1);

/// How long to wait before the topic is looked for once more.
const PAUSE: Duration = Duration::from_millis(100);

/// What is set by the sink: with other values it would not work.
const OURS: [&str; 3] = ["bootstrap.servers", "enable.idempotence", "message.timeout.ms"];

/// Encodes a chunk of rows: their bytes, and where those of each row end.
type Encode<T> = Arc<dyn Fn(&[T], &mut Bytes) -> Result<(), Cause> + Send + Sync>;

/// Sends a record per row to a topic.
///
/// Rows are encoded on the threads of the job. When a batch is whole its records are sent in order, by an idempotent
/// producer, and the batch is complete when the brokers have acknowledged every one of them. Until then the next batch
/// waits. An error names the topic and the cause, and ends the job.
///
/// **At least once.** What was sent cannot be taken back: of a batch that fails halfway some records are in the topic,
/// and a batch that is run again after a crash is sent again. So every record says what it is, in three headers: `batch`
/// (the batch time in milliseconds), `partition` (of the stream) and `row` (its number in that partition), each in
/// decimal digits. A batch that is run again has the same rows in the same places: a reader that has seen all three has
/// seen the record.
///
/// ```no_run
/// use streamgauge_stream::sink::KafkaSink;
/// # fn describe(orders: streamgauge_stream::DStream<(String, u64)>) {
/// let sink = KafkaSink::encode("localhost:9092", "totals", |(_, total): &(String, u64), out: &mut Vec<u8>| {
///     out.extend_from_slice(&total.to_be_bytes());
///     Ok(())
/// });
/// orders.write_to(sink.key(|(user, _), out| {
///     out.extend_from_slice(user.as_bytes());
///     Ok(())
/// }));
/// # }
/// ```
pub struct KafkaSink<T> {
    brokers: String,
    topic: String,
    properties: BTreeMap<String, String>,
    timeout: Duration,
    key: Option<Encode<T>>,
    value: Encode<T>,
    producer: Option<BaseProducer<Deliveries>>,
}

impl<T> fmt::Debug for KafkaSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaSink({} at {})", self.topic, self.brokers)
    }
}

/// One piece of bytes after the other.
#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Bytes {
    fn get(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }
}

/// An encoder of chunks from one of rows: so there is no dynamic call for each row.
fn of_chunks<T, F>(encode: F) -> Encode<T>
where
    F: Fn(&T, &mut Vec<u8>) -> Result<(), Cause> + Send + Sync + 'static,
{
    Arc::new(move |rows, out| {
        for row in rows {
            encode(row, &mut out.bytes)?;
            out.ends.push(out.bytes.len());
        }
        Ok(())
    })
}

impl<T: fmt::Display> KafkaSink<T> {
    /// Sends the text (`Display`) of each row to a topic. Brokers are `host:port`, with commas between them.
    pub fn text(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        Self::encode(brokers, topic, |row: &T, out| Ok(std::io::Write::write_fmt(out, format_args!("{row}"))?))
    }
}

#[cfg(feature = "json")]
impl<T: serde::Serialize> KafkaSink<T> {
    /// Sends each row as JSON to a topic. Brokers are `host:port`, with commas between them.
    pub fn json(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        Self::encode(brokers, topic, |row: &T, out| Ok(serde_json::to_writer(out, row)?))
    }
}

impl<T> KafkaSink<T> {
    /// Sends what the function appends to the vector for each row, as the value of a record. Brokers are `host:port`,
    /// with commas between them.
    pub fn encode<F>(brokers: impl Into<String>, topic: impl Into<String>, value: F) -> Self
    where
        F: Fn(&T, &mut Vec<u8>) -> Result<(), Cause> + Send + Sync + 'static,
    {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            properties: BTreeMap::new(),
            timeout: Duration::from_secs(60),
            key: None,
            value: of_chunks(value),
            producer: None,
        }
    }

    /// Gives every record the key that the function appends to the vector. Records of the same key go to the same
    /// partition of the topic, in order; without keys there is no order between partitions.
    pub fn key<F>(mut self, key: F) -> Self
    where
        F: Fn(&T, &mut Vec<u8>) -> Result<(), Cause> + Send + Sync + 'static,
    {
        self.key = Some(of_chunks(key));
        self
    }

    /// Sets a property of the client, [as librdkafka calls
    /// it](https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md): `compression.type`, `linger.ms`,
    /// `security.protocol`. One that does not exist, or that the sink sets itself, is an error at the start.
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.insert(key.into(), value.into());
        self
    }

    /// How long the start of the job waits for the brokers, and each record for its acknowledgement, retries included;
    /// 60 seconds unless set.
    pub fn timeout(mut self, length: Duration) -> Self {
        self.timeout = length.max(Duration::from_millis(1));
        self
    }

    fn create(&self) -> Result<BaseProducer<Deliveries>, Cause> {
        if self.topic.is_empty() || self.topic.contains('\0') {
            return Err(format!("{:?} is no name of a topic", self.topic).into());
        }
        if let Some(ours) = OURS.iter().find(|ours| self.properties.contains_key(**ours)) {
            return Err(format!("the property {ours} is set by the sink itself").into());
        }
        let mut config = ClientConfig::new();
        config.set("client.id", "streamgauge");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", self.timeout.as_millis().min(i32::MAX as u128).to_string());
        Ok(config.create_with_context(Deliveries::default())?)
    }

    /// Makes sure that the topic is there. Brokers that make topics by themselves make it now.
    fn find_topic(&self, producer: &BaseProducer<Deliveries>) -> Result<(), Cause> {
        let until = Instant::now() + self.timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let metadata = producer.client().fetch_metadata(Some(&self.topic), left.max(PAUSE))?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
            let error = topic.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
            match (topic, error) {
                (Some(topic), None) if !topic.partitions().is_empty() => return Ok(()),
                // It is being made.
                (_, None | Some(RDKafkaErrorCode::LeaderNotAvailable)) if !left.is_zero() => {
                    producer.poll(PAUSE);
                }
                (_, None) => return Err("the topic has no partitions".into()),
                (_, Some(code)) => return Err(code.into()),
            }
        }
    }
}

/// What the brokers have answered.
#[derive(Debug, Default)]
struct Deliveries {
    failed: Mutex<Option<KafkaError>>,
    /// What the client had to tell last: more than the code of an error says.
    told: Mutex<Option<String>>,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{error}: {reason}"));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
    }
}

impl Deliveries {
    /// An error if a record of this batch could not be delivered.
    fn check(&self) -> Result<(), Cause> {
        let Some(error) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        let told = told.map(|told| format!("; the client says: {told}")).unwrap_or_default();
        Err(format!("a record was not delivered: {error}{told}").into())
    }
}

/// The rows of a partition, encoded.
pub struct KafkaPart<T> {
    key: Option<Encode<T>>,
    value: Encode<T>,
    keys: Bytes,
    values: Bytes,
}

impl<T> fmt::Debug for KafkaPart<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaPart({} rows)", self.values.ends.len())
    }
}

impl<T: 'static> Part<T> for KafkaPart<T> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        if let Some(key) = &self.key {
            key(rows, &mut self.keys)?;
        }
        (self.value)(rows, &mut self.values)
    }
}

impl<T: 'static> Sink<T> for KafkaSink<T> {
    type Part = KafkaPart<T>;

    fn target(&self) -> String {
        format!("kafka topic {} at {}", self.topic, self.brokers)
    }

    fn open(&mut self) -> Result<(), Cause> {
        let producer = self.create()?;
        self.find_topic(&producer)?;
        self.producer = Some(producer);
        Ok(())
    }

    fn part(&mut self, _: Time, _: usize) -> Result<KafkaPart<T>, Cause> {
        let (keys, values) = Default::default();
        Ok(KafkaPart { key: self.key.clone(), value: self.value.clone(), keys, values })
    }

    fn commit(&mut self, batch: Time, parts: Vec<KafkaPart<T>>) -> Result<(), Cause> {
        let producer = self.producer.as_ref().ok_or("the sink was not opened")?;
        let sent = send(producer, &self.topic, batch, &parts);
        if sent.is_err() {
            // What still waits is not to come after the error; what is under way may.
            producer.purge(PurgeConfig::default().queue().inflight());
            while producer.in_flight_count() > 0 {
                producer.poll(LISTEN);
            }
            let _ = producer.context().check();
        }
        sent
    }
}

/// Sends the rows of a batch, and waits until all are acknowledged, or one has failed.
fn send<T>(producer: &BaseProducer<Deliveries>, topic: &str, batch: Time, parts: &[KafkaPart<T>]) -> Result<(), Cause> {
    let batch = batch.millis().to_string();
    let (mut partition, mut row) = (String::new(), String::new());
    for (part_number, part) in parts.iter().enumerate() {
        partition.clear();
        write!(partition, "{part_number}")?;
        for number in 0..part.values.ends.len() {
            row.clear();
            write!(row, "{number}")?;
            let header = |key, value| Header { key, value: Some(value) };
            let headers = OwnedHeaders::new_with_capacity(3)
                .insert(header(BATCH, &batch))
                .insert(header(PARTITION, &partition))
                .insert(header(ROW, &row));
            let mut record: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).payload(part.values.get(number)).headers(headers);
            if part.key.is_some() {
                record = record.key(part.keys.get(number));
            }
            // A full queue is waited for: it empties, or its records fail.
            while let Err((error, back)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                producer.poll(LISTEN);
                producer.context().check()?;
                record = back;
            }
        }
        producer.poll(Duration::ZERO);
        producer.context().check()?;
    }
    while producer.in_flight_count() > 0 {
        producer.poll(LISTEN);
        producer.context().check()?;
    }
    producer.context().check()
}
