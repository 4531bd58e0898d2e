//! Offsets that tools can see.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::support::{Broker, DEADLINE, Live, client, until};

fn committed(broker: &Broker, group: &str) -> Vec<Offset> {
    let consumer: BaseConsumer = client(&broker.address()).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range("t", 0, 1);
    let found = consumer.committed_offsets(list, DEADLINE).unwrap();
    found.elements().iter().map(|partition| partition.offset()).collect()
}

#[test]
fn a_group_is_told_what_is_complete() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 0..30);
    broker.write("t", 1, 0..10);
    let mut live = Live::new(broker.source().topics(["t"]).group("dashboard"));
    live.receive(40);
    // The next batch knows that the one before is complete.
    until("the offsets in the group", || {
        live.job.tick().unwrap();
        committed(&broker, "dashboard") == [Offset::Offset(30), Offset::Offset(10)]
    });
    broker.write("t", 1, 10..15);
    live.receive(45);
    // So does a stop.
    live.job.stop().unwrap();
    until("the offsets at the stop", || committed(&broker, "dashboard") == [Offset::Offset(30), Offset::Offset(15)]);
    assert_eq!(committed(&broker, "streamgauge"), [Offset::Invalid, Offset::Invalid], "without being asked: none");
    assert!(live.warned.all().is_empty(), "{:?}", live.warned.all());
}

#[test]
fn a_job_reads_from_its_own_position_and_not_from_that_of_the_group() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 0..30);
    let mut first = Live::new(broker.source().topics(["t"]).group("g"));
    first.receive(30);
    first.job.stop().unwrap();
    until("the offsets", || committed(&broker, "g")[0] == Offset::Offset(30));
    Live::new(broker.source().topics(["t"]).group("g")).receive(30);
}
