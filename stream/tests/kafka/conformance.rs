//! The kits that every source and every sink passes.

use streamgauge_stream::Time;
use streamgauge_stream::sink::KafkaSink;
use streamgauge_stream::sink::conformance::{self, Subject};
use streamgauge_stream::source::conformance::Kit;
use streamgauge_stream::source::{KafkaRecord, KafkaStart};

use crate::sink::{read_back, sink};
use crate::support::{Broker, numbers_of};

#[test]
fn kafka_is_a_source() {
    let broker = Broker::new(&[("a", 2), ("b", 1)]);
    broker.write("a", 0, 0..40);
    broker.write("a", 1, 100..125);
    broker.write("b", 0, 0..7);
    // Two batches have each partition once, and the range of both has it whole.
    let by_partition = |records: &[KafkaRecord]| {
        let mut records = records.to_vec();
        records.sort_by_key(|record| (record.topic.clone(), record.partition));
        records
    };
    let kit = |batches| Kit::default().most_batches(batches);
    let make = || broker.source().topics(["a", "b"]).max_records_per_second(15);
    let records = kit(6).check_as(make, by_partition);
    assert_eq!(numbers_of(&records[..40], 0)[..15], (0..15).collect::<Vec<_>>());
    assert_eq!((records.len(), numbers_of(&records, 1)), (72, (100..125).collect()));

    let bounded = || broker.source().topics(["a"]).max_records_per_second(15).bounded();
    assert_eq!(kit(6).check_as(bounded, by_partition).len(), 65);
    let by_bytes = || broker.source().topics(["a"]).max_bytes_per_batch(4_000);
    assert_eq!(kit(12).check_as(by_bytes, by_partition).len(), 65);
    let by_lag = || broker.source().topics(["a"]).max_records_per_batch(20);
    assert_eq!(kit(6).check_as(by_lag, by_partition).len(), 65);
    let later = || broker.source().topics(["a"]).start_at(KafkaStart::Offsets(vec![("a".to_owned(), 0, 30)]));
    assert_eq!(kit(3).check_as(later, by_partition).len(), 35);
    let nothing = || broker.source().topics(["b"]).start_at(KafkaStart::Latest);
    assert!(kit(3).check(nothing).is_empty());
}

/// A topic.
struct Topic {
    broker: Broker,
}

impl Subject for Topic {
    type Row = String;
    type Sink = KafkaSink<String>;

    fn sink(&mut self) -> KafkaSink<String> {
        sink(&self.broker.address(), "out")
    }

    fn row(&self, n: u64) -> String {
        format!("row {n}")
    }

    fn visible(&mut self) -> Vec<(Time, Vec<String>)> {
        read_back(&self.broker, "out")
    }

    fn replaces(&self) -> bool {
        false
    }

    fn broken(&mut self) -> Option<KafkaSink<String>> {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Some(sink(&nobody.to_string(), "out").timeout(std::time::Duration::from_millis(300)))
    }
}

#[test]
fn a_topic_is_a_sink() {
    conformance::check(&mut Topic { broker: Broker::new(&[("out", 1)]) });
}
