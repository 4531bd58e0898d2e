//! The job that is killed, reading from Kafka: from a broker in the process that kills it.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use streamgauge::stream::source::{Kafka, KafkaRecord};

use crate::job::{BATCH, Event, context, event, run_on};

const TOPIC: &str = "events";
const PARTITIONS: u64 = 4;

/// A broker with the events of so many batches, dealt out to the partitions of a topic.
pub(crate) fn serve(batches: u64) -> Result<MockCluster<'static, DefaultProducerContext>, Box<dyn Error>> {
    let broker = MockCluster::new(1)?;
    broker.create_topic(TOPIC, PARTITIONS as i32, 1)?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("queue.buffering.max.messages", "0")
        .set("linger.ms", "20")
        .create()?;
    for number in 0..batches * BATCH {
        let (at, user, amount) = event(number);
        let value = format!("{at} {user} {amount}");
        let record = BaseRecord::<'_, (), str>::to(TOPIC).partition((number % PARTITIONS) as i32).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(broker)
}

/// The job. It ends with the last record; its batches are cut by numbers of records alone.
pub(crate) fn run(folder: &Path, brokers: &str) -> Result<(), Box<dyn Error>> {
    let ctx = context(folder);
    let source = Kafka::brokers(brokers)
        .topics([TOPIC])
        .bounded()
        .max_records_per_second(BATCH / PARTITIONS)
        .property("fetch.wait.max.ms", "20")
        .property("reconnect.backoff.max.ms", "300");
    run_on(&ctx, &ctx.source(source).map(|record: KafkaRecord| parse(&record)), folder)
}

/// What was sent; nothing else is in the topic.
fn parse(record: &KafkaRecord) -> Event {
    let text = record.text();
    let mut parts = text.split(' ');
    let mut part = || parts.next().unwrap_or_default();
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    (part().parse().unwrap_or_default(), number(part()), number(part()))
}
