//! What is read, from where on, and how much at a time.

use streamgauge_stream::source::{Kafka, KafkaRecord, KafkaStart, Limit, Source};
use streamgauge_stream::testing::same_for_any_threads;
use streamgauge_stream::{StreamingContext, Time, Trigger, millis, secs};

use crate::support::{Broker, Live, numbers, numbers_of, until};

/// The records of each batch of a job that takes all there is, by partition.
fn batches(source: Kafka, threads: usize) -> Vec<Vec<KafkaRecord>> {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(threads).build();
    let rows = ctx.source(source).collect_to_memory();
    ctx.run().unwrap();
    rows.batches().into_iter().map(|(_, rows)| rows).filter(|rows| !rows.is_empty()).collect()
}

fn available(source: Kafka) -> Vec<KafkaRecord> {
    batches(source, 2).concat()
}

#[test]
fn records_come_with_all_that_they_have() {
    let broker = Broker::new(&[("orders", 1)]);
    broker.write("orders", 0, 2..4);
    broker.write_with_header("orders", "via", Some(b"web"));
    broker.write_with_header("orders", "flag", None);
    broker.write_without_value("orders", "k9");
    let records = available(broker.source().topics(["orders"]));
    let first = KafkaRecord::new("orders", 0, 0, 3_000, Some(b"k2"), Some(b"2"), []);
    assert_eq!(records[..2], [first, KafkaRecord::new("orders", 0, 1, 4_000, Some(b"k3"), Some(b"3"), [])]);
    assert_eq!(records[2].header("via"), Some(&b"web"[..]));
    assert_eq!((records[2].key(), records[2].text()), (None, "with header".into()));
    assert_eq!(records[3].headers().collect::<Vec<_>>(), [("flag", None)]);
    assert_eq!((records[4].key(), records[4].value(), records[4].offset), (Some(&b"k9"[..]), None, 4));
    assert!(records[2].timestamp > 1_600_000_000_000, "the producer's clock: {}", records[2].timestamp);
}

#[test]
fn partitions_of_topics_are_partitions_for_any_number_of_threads() {
    let broker = Broker::new(&[("a", 3), ("b", 1), ("other", 1)]);
    (0..3).for_each(|partition| broker.write("a", partition, 0..100 * i64::from(partition)));
    broker.write("b", 0, 0..50);
    broker.write("other", 0, 0..9);
    let all = same_for_any_threads(|threads| batches(broker.source().topics(["b", "a"]), threads));
    assert_eq!(all.len(), 1);
    let order: Vec<_> =
        all[0].iter().map(|record| (record.topic.to_string(), record.partition, record.offset)).collect();
    assert!(order.is_sorted(), "by topic, partition and offset");
    assert_eq!(numbers_of(&all[0], 2), (0..200).collect::<Vec<_>>());
    assert_eq!(all[0].len(), 350);
}

#[test]
fn a_job_begins_where_it_is_told_to() {
    let broker = Broker::new(&[("t", 2)]);
    (0..2).for_each(|partition| broker.write("t", partition, 0..100));
    let from = |start| available(broker.source().topics(["t"]).start_at(start));
    assert_eq!(from(KafkaStart::Earliest).len(), 200);
    assert_eq!(from(KafkaStart::Latest).len(), 0);
    let given = from(KafkaStart::Offsets(vec![("t".to_owned(), 1, 90)]));
    assert_eq!((numbers_of(&given, 0).len(), numbers_of(&given, 1)), (100, (90..100).collect()));
    // The offset after the last record is one, too.
    assert_eq!(from(KafkaStart::Offsets(vec![("t".to_owned(), 0, 100), ("t".to_owned(), 1, 100)])).len(), 0);

    let error = |start| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
        ctx.source(broker.source().topics(["t"]).start_at(start)).print();
        ctx.run().unwrap_err().to_string()
    };
    let unknown = error(KafkaStart::Offsets(vec![("t".to_owned(), 2, 5)]));
    assert_eq!(unknown, "kafka topic t, partition 2: is to be read from offset 5 on, and is not there");
    let beyond = error(KafkaStart::Offsets(vec![("t".to_owned(), 1, 101)]));
    assert!(beyond.starts_with("kafka topic t, partition 1: the records of offsets 101"), "{beyond}");

    let mut live = Live::new(broker.source().topics(["t"]).start_at(KafkaStart::Latest));
    live.job.tick().unwrap();
    broker.write("t", 1, 100..130);
    let records = live.receive(30);
    assert_eq!(numbers(&records), (100..130).collect::<Vec<_>>());
}

#[test]
fn topics_that_come_later_are_found_and_read_from_their_beginning() {
    let broker = Broker::new(&[("web-a", 1), ("mail", 1)]);
    broker.write("web-a", 0, 0..10);
    broker.write("mail", 0, 500..510);
    // Also if the job begins with what is new.
    let source = broker.source().topics_where("web-*", |topic| topic.starts_with("web-")).start_at(KafkaStart::Latest);
    assert_eq!(source.name(), "kafka web-*");
    let mut live = Live::new(source);
    live.job.tick().unwrap();
    broker.cluster.create_topic("web-b", 3, 1).unwrap();
    broker.write("web-b", 2, 20..30);
    broker.write("web-b", 0, 10..20);
    assert_eq!(numbers(&live.receive(20)).iter().sum::<i64>(), (10..30).sum::<i64>());
    broker.write("web-b", 1, 30..40);
    broker.write("web-a", 0, 40..50);
    assert_eq!(numbers(&live.receive(40)).iter().sum::<i64>(), (10..50).sum::<i64>());
    live.job.stop().unwrap();
}

#[test]
fn a_batch_of_a_job_that_takes_all_is_the_same_however_fast_records_arrive() {
    let broker = Broker::new(&[("t", 3)]);
    for partition in 0..3 {
        broker.write("t", partition, 0..200);
        broker.write("t", partition, 200..300 + 50 * i64::from(partition));
    }
    let source = || broker.source().topics(["t"]).max_records_per_second(70);
    let sizes = |source| batches(source, 2).iter().map(Vec::len).collect::<Vec<_>>();
    // 300, 350 and 400 records, 70 a second each.
    let expected = [210, 210, 210, 210, 160, 50];
    assert_eq!(sizes(source()), expected);
    broker.cluster.broker_round_trip_time(1, millis(30)).unwrap();
    assert_eq!(sizes(source().property("fetch.message.max.bytes", "1000")), expected, "slowly, and in small pieces");
    broker.cluster.broker_round_trip_time(1, millis(0)).unwrap();

    let by_bytes = batches(broker.source().topics(["t"]).max_bytes_per_batch(30_000), 2);
    assert!(by_bytes.len() > 3, "{}", by_bytes.len());
    assert_eq!(by_bytes, batches(broker.source().topics(["t"]).max_bytes_per_batch(30_000), 1));
    assert_eq!(by_bytes.concat().len(), 1_050);
}

#[test]
fn the_most_of_a_batch_is_divided_by_how_far_partitions_are_behind() {
    let broker = Broker::new(&[("t", 3)]);
    broker.write("t", 0, 0..100);
    broker.write("t", 1, 0..300);
    let read = batches(broker.source().topics(["t"]).max_records_per_batch(40), 2);
    let of = |batch: usize| (0..3).map(|partition| numbers_of(&read[batch], partition).len()).collect::<Vec<_>>();
    assert_eq!(of(0), [10, 30, 0]);
    assert_eq!(of(1), [10, 30, 0]);
    assert_eq!(read.len(), 10);
    assert_eq!(numbers_of(&read.concat(), 1), (0..300).collect::<Vec<_>>());
    // No partition is above its own most.
    let read = batches(broker.source().topics(["t"]).max_records_per_batch(40).max_records_per_second(20), 2);
    assert_eq!((numbers_of(&read[0], 0).len(), numbers_of(&read[0], 1).len()), (10, 20));
}

#[test]
fn a_live_job_takes_no_more_than_it_may() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 0..500);
    broker.write("t", 1, 0..500);
    let mut live = Live::new(broker.source().topics(["t"]).max_records_per_second(50).max_records_per_batch(60));
    live.receive(1_000);
    let sizes: Vec<usize> = live.rows.batches().iter().map(|(_, rows)| rows.len()).collect();
    assert!(sizes.iter().all(|size| *size <= 62), "{sizes:?}");
    assert!(sizes.iter().filter(|size| **size >= 50).count() > 5, "{sizes:?}");
    // Two seconds have twice as much.
    let mut source = broker.source().topics(["t"]).max_records_per_second(50);
    let from = source.start();
    let at = |second| Limit::new(Time::from_secs(second), false);
    // The first batch may find some records there already, or none.
    let first = source.plan(&from, at(10)).unwrap().to;
    until("a batch of two seconds", || {
        source.plan(&first, at(10)).unwrap();
        let later = source.plan(&first, at(12)).unwrap().to;
        let taken = later.offsets().zip(first.offsets()).map(|((.., to), (.., from))| to - from);
        taken.collect::<Vec<_>>() == [100, 100]
    });
}

#[test]
fn event_time_is_that_of_the_records() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 9..69);
    broker.write("t", 1, 39..99);
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
    let source = broker.source().topics(["t"]).max_records_per_second(10).bounded();
    let counts = ctx
        .source(source)
        .event_time(|record| record.timestamp, secs(30))
        .tumbling(secs(10))
        .summarize(|on| on.count())
        .collect_to_memory();
    let report = ctx.run().unwrap();
    assert_eq!(report.records, 120);
    let counts: Vec<_> = counts.rows().iter().map(|window| window.value.count()).collect();
    // Numbers 9 to 68 in one partition, 39 to 98 in the other, a second later each; the end closes the last windows.
    assert_eq!(counts, [10, 10, 10, 20, 20, 20, 10, 10, 10]);
}

#[test]
fn a_bounded_source_ends_under_every_trigger() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 0..50);
    for trigger in [Trigger::Available, Trigger::AsSoonAsPossible] {
        let ctx = StreamingContext::builder("test").trigger(trigger).build();
        let rows = ctx.source(broker.source().topics(["t"]).max_records_per_batch(20).bounded()).collect_to_memory();
        ctx.run().unwrap();
        assert_eq!(numbers(&rows.rows()), (0..50).collect::<Vec<_>>(), "{trigger:?}");
    }
}
