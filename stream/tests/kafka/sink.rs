//! What is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::types::RDKafkaApiKey;
use streamgauge_stream::sink::KafkaSink;
use streamgauge_stream::source::KafkaRecord;
use streamgauge_stream::{Error, Queue, StreamingContext, Time, Trigger};

use crate::support::Broker;

/// A sink with short waits.
pub(crate) fn sink(brokers: &str, topic: &str) -> KafkaSink<String> {
    KafkaSink::text(brokers, topic)
        .property("reconnect.backoff.max.ms", "300")
        .property("retry.backoff.ms", "20")
        .property("linger.ms", "1")
}

/// All records of a topic.
pub(crate) fn records(broker: &Broker, topic: &str) -> Vec<KafkaRecord> {
    let ctx = StreamingContext::builder("read").trigger(Trigger::Available).build();
    let rows = ctx.source(broker.source().topics([topic])).collect_to_memory();
    ctx.run().unwrap();
    rows.rows()
}

fn place(record: &KafkaRecord) -> (i64, usize, usize) {
    let number = |name| std::str::from_utf8(record.header(name).unwrap()).unwrap().parse::<i64>().unwrap();
    (number("batch"), number("partition") as usize, number("row") as usize)
}

/// The rows of a topic by the batches that its headers name.
pub(crate) fn read_back(broker: &Broker, topic: &str) -> Vec<(Time, Vec<String>)> {
    let mut batches: BTreeMap<Time, Vec<String>> = BTreeMap::new();
    for record in records(broker, topic) {
        batches.entry(Time::from_millis(place(&record).0)).or_default().push(record.text().into_owned());
    }
    batches.into_iter().collect()
}

/// A job that writes batches of these partitions.
fn write(sink: KafkaSink<String>, batches: &[&[&[&str]]]) -> Result<(), Error> {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    ctx.source(source.one_at_a_time()).flat_map(|rows: Vec<String>| rows).write_to(sink);
    for batch in batches {
        assert!(queue.push(batch.iter().map(|rows| rows.iter().map(|row| (*row).to_owned()).collect()).collect()));
    }
    queue.close();
    ctx.run().map(drop)
}

#[test]
fn rows_are_records_that_say_where_they_come_from() {
    let broker = Broker::new(&[("out", 4)]);
    let sink = sink(&broker.address(), "out").key(|row, out| {
        out.extend_from_slice(&row.as_bytes()[..1]);
        Ok(())
    });
    write(sink, &[&[&["a1", "b1", "a2"]], &[], &[&["a3", "c1"]]]).unwrap();
    let records = records(&broker, "out");
    let found: BTreeMap<_, _> = records.iter().map(|record| (place(record), record.text().into_owned())).collect();
    let expected = [((1_000, 0, 0), "a1"), ((1_000, 0, 1), "b1"), ((1_000, 0, 2), "a2"), ((3_000, 0, 0), "a3")];
    assert!(expected.iter().all(|(place, text)| found[place] == *text), "{found:?}");
    assert_eq!((found.len(), found[&(3_000, 0, 1)].as_str()), (5, "c1"));
    // Records of one key are in one partition, in order.
    let of_a: Vec<_> = records.iter().filter(|record| record.key() == Some(b"a")).collect();
    assert!(of_a.iter().all(|record| record.partition == of_a[0].partition));
    assert_eq!(of_a.iter().map(|record| record.text()).collect::<Vec<_>>(), ["a1", "a2", "a3"]);
}

#[test]
fn many_rows_wait_for_a_place_in_the_queue() {
    let broker = Broker::new(&[("out", 3)]);
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    let sink = sink(&broker.address(), "out").property("queue.buffering.max.messages", "50");
    ctx.source(source).map(|n: u64| n.to_string()).write_to(sink);
    (0..4).for_each(|part| assert!(queue.push((part * 1_000..(part + 1) * 1_000).collect())));
    queue.close();
    ctx.run().unwrap();
    let mut found: Vec<_> =
        records(&broker, "out").iter().map(|r| (place(r), r.text().parse::<u64>().unwrap())).collect();
    found.sort_unstable();
    let expected = (0..4).flat_map(|part| (0..1_000).map(move |row| ((1_000, part, row), (part * 1_000 + row) as u64)));
    assert!(found.into_iter().eq(expected));
}

#[test]
fn errors_of_brokers_are_retried_and_no_record_comes_twice() {
    let broker = Broker::new(&[("out", 1)]);
    let errors = [
        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Code::RD_KAFKA_RESP_ERR__TRANSPORT,
    ];
    broker.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    write(sink(&broker.address(), "out"), &[&[&["a", "b", "c"]], &[&["d"]]]).unwrap();
    assert_eq!(
        records(&broker, "out").iter().map(|record| record.text().into_owned()).collect::<Vec<_>>(),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn what_cannot_be_sent_is_an_error_that_names_the_topic() {
    let broker = Broker::new(&[("out", 1)]);
    let target = format!("kafka topic out at {}", broker.address());
    let error = |sink| write(sink, &[&[&["a"]]]).unwrap_err().to_string();

    let refused = error(sink(&broker.address(), "out").property("no.such.property", "1"));
    assert!(refused.contains(&target) && refused.contains("no.such.property"), "{refused}");
    let refused = error(sink(&broker.address(), "out").property("enable.idempotence", "false"));
    assert!(refused.contains("the property enable.idempotence is set by the sink itself"), "{refused}");
    let refused = error(sink(&broker.address(), "no\0name"));
    assert!(refused.contains("is no name of a topic"), "{refused}");
    let refused = error(sink(&broker.address(), "out").property("message.max.bytes", "1000").key(|_, out| {
        out.resize(5_000, 0);
        Ok(())
    }));
    assert!(refused.contains(&target) && refused.contains("MessageSizeTooLarge"), "{refused}");
    let refused = error(KafkaSink::encode(broker.address(), "out", |_, _| Err("no such row".into())));
    assert!(refused.contains(&target) && refused.contains("no such row"), "{refused}");

    broker.cluster.request_errors(RDKafkaApiKey::Produce, &[Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let refused = error(sink(&broker.address(), "out"));
    assert!(refused.contains(&target) && refused.contains("was not delivered"), "{refused}");

    broker.cluster.broker_down(1).unwrap();
    let refused = error(sink(&broker.address(), "out").timeout(Duration::from_millis(400)));
    assert!(refused.contains(&target), "{refused}");
}

#[test]
fn a_broker_that_goes_away_while_a_batch_is_sent_ends_the_job_in_time_and_one_that_comes_back_does_not() {
    for comes_back in [true, false] {
        let broker = Broker::new(&[("out", 1)]);
        let timeout = if comes_back { 60_000 } else { 500 };
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
        let (queue, source) = Queue::new();
        let rows = ctx.source(source.one_at_a_time());
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        // Outputs run in this order: the broker goes away between the start and the first record.
        rows.for_each_batch(move |_, _| may_go.recv().unwrap());
        rows.map(|n: u64| n.to_string())
            .write_to(sink(&broker.address(), "out").timeout(Duration::from_millis(timeout)));
        assert!(queue.push(vec![1, 2]));
        queue.close();
        ctx.start().unwrap();
        broker.cluster.broker_down(1).unwrap();
        go.send(()).unwrap();
        if comes_back {
            broker.cluster.broker_up(1).unwrap();
            ctx.await_termination().unwrap();
            assert_eq!(records(&broker, "out").len(), 2);
        } else {
            let error = ctx.await_termination().unwrap_err().to_string();
            assert!(error.contains("kafka topic out at") && error.contains("was not delivered"), "{error}");
        }
    }
}
