//! The same against a broker of yours: `KAFKA_BOOTSTRAP=localhost:9092 cargo test -p streamgauge-stream --features kafka --test kafka`.

use std::time::{SystemTime, UNIX_EPOCH};

use streamgauge_stream::source::KafkaRecord;
use streamgauge_stream::{Queue, StreamingContext, Trigger};

use crate::sink::sink;
use crate::support::source;

#[test]
fn a_real_broker_gives_back_what_it_was_sent() {
    let Ok(brokers) = std::env::var("KAFKA_BOOTSTRAP") else {
        println!("skipped: KAFKA_BOOTSTRAP does not name a broker");
        return;
    };
    let topic = make_topic(&brokers, 2);
    let rows = 5_000_u64;
    let ctx = StreamingContext::builder("send").trigger(Trigger::Available).build();
    let (queue, records) = Queue::new();
    let keyed = sink(&brokers, &topic).key(|row, out| {
        out.extend_from_slice(&row.as_bytes()[row.len() - 1..]);
        Ok(())
    });
    ctx.source(records.one_at_a_time()).map(|n: u64| n.to_string()).write_to(keyed);
    (0..5).for_each(|part| assert!(queue.push((part * rows / 5..(part + 1) * rows / 5).collect())));
    queue.close();
    ctx.run().unwrap();

    let read = |most| -> Vec<KafkaRecord> {
        let ctx = StreamingContext::builder("receive").trigger(Trigger::Available).build();
        let records = ctx.source(source(&brokers).topics([&topic]).max_records_per_second(most)).collect_to_memory();
        ctx.run().unwrap();
        records.rows()
    };
    let all = read(u64::MAX);
    let mut numbers: Vec<u64> = all.iter().map(|record| record.text().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..rows));
    let by_partition = |records: &[KafkaRecord]| -> Vec<Vec<i64>> {
        let of = |partition| records.iter().filter(|record| record.partition == partition).map(|r| r.offset).collect();
        (0..2).map(of).collect()
    };
    assert_eq!(by_partition(&all), by_partition(&read(700)), "in batches of another size");
}

/// A new topic.
fn make_topic(brokers: &str, partitions: i32) -> String {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
    use rdkafka::client::DefaultClientContext;

    use crate::support::{client, until};

    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let topic = format!("streamgauge-test-{}-{}", std::process::id(), since.as_millis());
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().unwrap();
    let new = [NewTopic::new(&topic, partitions, TopicReplication::Fixed(1))];
    let options = AdminOptions::new();
    // A block: what is asked for borrows the name.
    {
        let mut created = pin!(admin.create_topics(&new, &options));
        let mut context = Context::from_waker(Waker::noop());
        until("a new topic", || match created.as_mut().poll(&mut context) {
            Poll::Ready(results) => {
                results.unwrap().into_iter().for_each(|result| drop(result.unwrap()));
                true
            }
            Poll::Pending => false,
        });
    }
    topic
}
