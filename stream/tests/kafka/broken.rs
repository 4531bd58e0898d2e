//! Brokers that are wrong, slow, away for a while, or answer with errors.

use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::types::RDKafkaApiKey;
use streamgauge_stream::source::Kafka;
use streamgauge_stream::{StreamingContext, Trigger, millis};

use crate::support::{Broker, Live, numbers, source, until};

#[test]
fn a_wrong_start_is_told_at_once() {
    let broker = Broker::new(&[("t", 1)]);
    let error = |source: Kafka| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
        ctx.source(source).print();
        ctx.run().unwrap_err().to_string()
    };
    let at = format!("kafka at {}", broker.address());
    let t = || broker.source().topics(["t"]);
    assert_eq!(error(broker.source()), format!("{at}: no topic is named; write .topics([..]) or .topics_where(..)"));
    assert_eq!(error(broker.source().topics(["a\0b"])), format!("{at}: \"a\\0b\" is no name of a topic"));
    let missing = error(broker.source().topics(["t", "orders"]));
    assert_eq!(missing, format!("kafka topic orders: there is no such topic at {}", broker.address()));
    let unknown = error(t().property("fetch.max.byts", "1"));
    assert!(unknown.starts_with(&at) && unknown.contains("fetch.max.byts"), "{unknown}");
    let ours = error(t().property("group.id", "mine"));
    assert_eq!(ours, format!("{at}: the property group.id is set by the source itself; write .group(..)"));
    let ours = error(t().property("auto.offset.reset", "latest"));
    assert_eq!(ours, format!("{at}: the property auto.offset.reset is set by the source itself"));

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let unreachable = error(source(&nobody).topics(["t"]).timeout(Duration::from_millis(300)));
    assert!(unreachable.starts_with(&format!("kafka at {nobody}: ")), "{unreachable}");
}

#[test]
fn a_broker_that_goes_away_is_told_and_the_job_goes_on_when_it_is_back() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 0..20);
    let mut live = Live::new(broker.source().topics(["t"]).timeout(Duration::from_secs(2)));
    live.receive(20);
    assert_eq!(live.warned.all(), [""; 0]);
    for round in 1..=2 {
        broker.cluster.broker_down(1).unwrap();
        let told = live.warned.all().len();
        until("a warning", || {
            live.job.tick().unwrap();
            live.warned.all().len() > told
        });
        assert!(live.rows.last().is_empty());
        broker.cluster.broker_up(1).unwrap();
        broker.write("t", 1, 20 * round..20 * (round + 1));
        live.receive(20 * (round as usize + 1));
    }
    let warned = live.warned.all();
    assert!(warned.iter().all(|warning| warning.starts_with("kafka")), "{warned:?}");
    assert_eq!(numbers(&live.rows.rows()), (0..60).collect::<Vec<_>>());
    live.job.stop().unwrap();
}

#[test]
fn a_slow_broker_is_waited_for() {
    let broker = Broker::new(&[("t", 2)]);
    (0..2).for_each(|partition| broker.write("t", partition, 0..50));
    broker.cluster.broker_round_trip_time(1, millis(200)).unwrap();
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
    let rows = ctx.source(broker.source().topics(["t"])).collect_to_memory();
    ctx.run().unwrap();
    assert_eq!(rows.rows().len(), 100);
    // Batches of a live job do not wait.
    let mut live = Live::new(broker.source().topics(["t"]));
    live.job.tick().unwrap();
    assert!(live.rows.rows().is_empty());
    live.receive(100);
    assert!(live.rows.batches().len() > 1);
}

#[test]
fn errors_of_brokers_are_retried() {
    let broker = Broker::new(&[("t", 1)]);
    broker.write("t", 0, 0..30);
    let transport = Code::RD_KAFKA_RESP_ERR__TRANSPORT;
    let fetch = [
        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN,
        transport,
        Code::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
    ];
    let offsets = [Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, transport];
    broker.cluster.request_errors(RDKafkaApiKey::Fetch, &fetch);
    broker.cluster.request_errors(RDKafkaApiKey::ListOffsets, &offsets);
    broker.cluster.request_errors(RDKafkaApiKey::Metadata, &[transport]);
    let mut live = Live::new(broker.source().topics(["t"]));
    live.receive(30);
    broker.write("t", 0, 30..40);
    broker.cluster.request_errors(RDKafkaApiKey::Fetch, &fetch);
    live.receive(40);
    assert_eq!(numbers(&live.rows.rows()), (0..40).collect::<Vec<_>>());
}

#[test]
fn a_leader_that_changes_is_followed() {
    let broker = Broker::new(&[("t", 1)]);
    broker.write("t", 0, 0..10);
    let mut live = Live::new(broker.source().topics(["t"]));
    live.receive(10);
    broker.cluster.partition_leader("t", 0, None).unwrap();
    live.job.ticks(3).unwrap();
    broker.cluster.partition_leader("t", 0, Some(1)).unwrap();
    broker.write("t", 0, 10..20);
    assert_eq!(numbers(&live.receive(20)), (0..20).collect::<Vec<_>>());
}
