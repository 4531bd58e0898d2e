//! What the tests share.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use streamgauge_stream::source::{Kafka, KafkaRecord};
use streamgauge_stream::testing::{Captured, TestJob};
use streamgauge_stream::{DStream, Listener, SourceError};

/// The longest that anything may take on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A broker, and what is written to it.
pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Broker {
    /// A broker with these topics, each of so many partitions.
    pub(crate) fn new(topics: &[(&str, i32)]) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        topics.iter().for_each(|(topic, partitions)| cluster.create_topic(topic, *partitions, 1).unwrap());
        let producer = client(&cluster.bootstrap_servers())
            .set("linger.ms", "5")
            .set("queue.buffering.max.kbytes", "100000")
            .create()
            .unwrap();
        Self { cluster, producer }
    }

    pub(crate) fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Writes a value for each number to a partition, a second after the other from the first second on, and waits until they are there.
    pub(crate) fn write(&self, topic: &str, partition: i32, numbers: std::ops::Range<i64>) {
        for number in numbers {
            let (key, value) = (format!("k{}", number % 7), number.to_string());
            let record = BaseRecord::to(topic).partition(partition).key(&key).payload(&value);
            self.send(record.timestamp((number + 1) * 1_000));
        }
        self.flush();
    }

    /// Writes records of this size.
    pub(crate) fn write_large(&self, topic: &str, partition: i32, records: usize, bytes: usize) {
        let value = vec![b'x'; bytes];
        for _ in 0..records {
            self.send(BaseRecord::<'_, (), [u8]>::to(topic).partition(partition).payload(&value));
            // A request each: the broker forgets whole requests.
            self.flush();
        }
    }

    /// Writes a record with this header.
    pub(crate) fn write_with_header(&self, topic: &str, name: &str, value: Option<&[u8]>) {
        let headers = OwnedHeaders::new().insert(Header { key: name, value });
        self.send(BaseRecord::<'_, (), str>::to(topic).partition(0).payload("with header").headers(headers));
        self.flush();
    }

    /// Writes a record that has a key and no value.
    pub(crate) fn write_without_value(&self, topic: &str, key: &str) {
        self.send(BaseRecord::<'_, str, ()>::to(topic).partition(0).key(key));
        self.flush();
    }

    fn send<K: rdkafka::message::ToBytes + ?Sized, V: rdkafka::message::ToBytes + ?Sized>(
        &self,
        record: BaseRecord<'_, K, V>,
    ) {
        let mut record = Some(record);
        until("a place in the queue of the producer", || match self.producer.send(record.take().unwrap()) {
            Ok(()) => true,
            Err((_, back)) => {
                record = Some(back);
                self.producer.poll(Duration::from_millis(10));
                false
            }
        });
    }

    fn flush(&self) {
        self.producer.flush(DEADLINE).unwrap();
    }

    /// A source of a topic, with short waits.
    pub(crate) fn source(&self) -> Kafka {
        source(&self.address())
    }
}

/// The settings of clients in tests.
pub(crate) fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("reconnect.backoff.max.ms", "300")
        .set("topic.metadata.refresh.interval.ms", "1000");
    config
}

/// A source with short waits, of no topics yet.
pub(crate) fn source(brokers: &str) -> Kafka {
    Kafka::brokers(brokers)
        .property("reconnect.backoff.max.ms", "300")
        .property("fetch.wait.max.ms", "20")
        .property("fetch.error.backoff.ms", "20")
        .property("topic.metadata.refresh.interval.ms", "1000")
        .refresh_every(Duration::from_millis(200))
        .timeout(DEADLINE)
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "in {DEADLINE:?} there was not: {what}");
        std::thread::yield_now();
    }
}

/// The numbers that [`Broker::write`] has written.
pub(crate) fn numbers(records: &[KafkaRecord]) -> Vec<i64> {
    records.iter().map(|record| record.text().parse().unwrap()).collect()
}

/// The same of a partition.
pub(crate) fn numbers_of(records: &[KafkaRecord], partition: i32) -> Vec<i64> {
    let of_it: Vec<_> = records.iter().filter(|record| record.partition == partition).cloned().collect();
    numbers(&of_it)
}

/// A job on a manual clock that reads a source; its batches are those that a test asks for.
pub(crate) struct Live {
    pub(crate) job: TestJob,
    pub(crate) rows: Captured<KafkaRecord>,
    pub(crate) warned: Arc<Warned>,
}

impl Live {
    pub(crate) fn new(source: Kafka) -> Self {
        Self::of(TestJob::new(), source)
    }

    pub(crate) fn of(job: TestJob, source: Kafka) -> Self {
        let stream: DStream<KafkaRecord> = job.context().source(source);
        let rows = job.capture(&stream);
        let warned = Arc::new(Warned::default());
        job.context().add_listener(warned.clone());
        Self { job, rows, warned }
    }

    /// Lets batches run until so many records have come in all.
    #[track_caller]
    pub(crate) fn receive(&mut self, records: usize) -> Vec<KafkaRecord> {
        until(&format!("{records} records"), || {
            self.job.tick().unwrap();
            self.rows.rows().len() >= records
        });
        assert_eq!(self.rows.rows().len(), records);
        self.rows.rows()
    }

    /// Lets batches run until there is such a warning.
    #[track_caller]
    pub(crate) fn hear(&mut self, warning: &str) {
        until(&format!("a warning of {warning:?}"), || {
            self.job.tick().unwrap();
            self.warned.all().iter().any(|told| told.contains(warning))
        });
    }

    /// Lets batches run until the job ends, and gives its error.
    #[track_caller]
    pub(crate) fn fail(&mut self) -> String {
        let mut error = None;
        until("an error", || {
            error = self.job.tick().err();
            error.is_some()
        });
        error.unwrap().to_string()
    }
}

/// Keeps the warnings of a job.
#[derive(Default)]
pub(crate) struct Warned(Mutex<Vec<String>>);

impl Warned {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Listener for Warned {
    fn on_source_warning(&self, _: &str, warning: &SourceError) {
        self.0.lock().unwrap().push(warning.to_string());
    }
}
