//! Records that are gone before they were read.

use streamgauge_stream::Time;
use streamgauge_stream::source::{KafkaPosition, Limit, Next, OnDataLoss, Source};

use crate::support::{Broker, Live, numbers, numbers_of, until};

/// A position in a topic, reached by reading one that has so many records in its partitions.
fn position(records: &[i64]) -> KafkaPosition {
    let broker = Broker::new(&[("t", records.len() as i32)]);
    for (partition, records) in records.iter().enumerate() {
        broker.write("t", partition as i32, 0..*records);
    }
    let mut source = broker.source().topics(["t"]);
    let plan = source.plan(&source.start(), Limit::new(Time::from_secs(1), true)).unwrap();
    assert_eq!(plan.next, Next::Idle);
    plan.to
}

/// A broker whose retention has deleted the first records of a partition: it keeps five megabytes.
fn with_retention() -> Broker {
    let broker = Broker::new(&[("t", 1)]);
    broker.write("t", 0, 0..100);
    broker.write_large("t", 0, 12, 600_000);
    broker.write("t", 0, 200..210);
    broker
}

fn plan(source: &mut impl Source<Position = KafkaPosition>, from: &KafkaPosition) -> Result<KafkaPosition, String> {
    source.plan(from, Limit::new(Time::from_secs(1), true)).map(|plan| plan.to).map_err(|error| error.to_string())
}

#[test]
fn records_that_were_deleted_are_an_error_or_skipped() {
    let broker = with_retention();
    let from = position(&[40]);
    let mut strict = broker.source().topics(["t"]);
    let error = plan(&mut strict, &from).unwrap_err();
    assert!(error.starts_with("kafka topic t, partition 0: the records of offsets 40 to "), "{error}");
    assert!(error.contains("are gone: its log begins at offset ") && error.contains("OnDataLoss::Skip"), "{error}");

    let mut lenient = broker.source().topics(["t"]).on_data_loss(OnDataLoss::Skip);
    let gap = plan(&mut lenient, &from).unwrap();
    assert!(lenient.read(&from, &gap).unwrap().is_empty());
    let warnings = lenient.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].to_string(), error.replace("0: the", "0: skipped: the").split(';').next().unwrap());
    let (_, _, begin) = gap.offsets().next().unwrap();
    assert!(begin > 100, "{begin}");
    let to = plan(&mut lenient, &gap).unwrap();
    let read: Vec<_> = lenient.read(&gap, &to).unwrap();
    let mut records = Vec::new();
    read.iter().for_each(|partition| partition.read(&mut |chunk| records.append(chunk)).unwrap());
    assert_eq!(records[0].offset, begin);
    assert_eq!(numbers(&records[records.len() - 10..]), (200..210).collect::<Vec<_>>());
}

#[test]
fn a_range_that_is_to_be_read_again_and_is_gone_is_an_error_or_skipped() {
    let broker = with_retention();
    let (from, to) = (position(&[40]), position(&[90]));
    let error = broker.source().topics(["t"]).read(&from, &to).err().unwrap().to_string();
    assert!(error.starts_with("kafka topic t, partition 0: the records of offsets 40 to 89 are gone: "), "{error}");
    let mut lenient = broker.source().topics(["t"]).on_data_loss(OnDataLoss::Skip);
    assert_eq!(lenient.read(&from, &to).unwrap().len(), 1);
    assert_eq!(lenient.take_warnings().len(), 1);

    // In part: what is left of it is read.
    let to = position(&[115]);
    let mut records = Vec::new();
    for partition in lenient.read(&from, &to).unwrap() {
        partition.read(&mut |chunk| records.append(chunk)).unwrap();
    }
    assert_eq!(records.last().unwrap().offset, 114);
    assert!(records[0].offset > 100 && records.len() < 15, "{}", records[0].offset);
    let warnings = lenient.take_warnings();
    let expected = format!("the records of offsets 40 to {} are gone", records[0].offset - 1);
    assert!(warnings[0].to_string().contains(&expected), "{warnings:?}");
}

#[test]
fn a_log_that_was_cut_off_or_a_topic_that_was_made_anew_is_an_error_or_skipped() {
    let broker = Broker::new(&[("t", 2)]);
    broker.write("t", 0, 0..30);
    broker.write("t", 1, 0..30);
    let from = position(&[50, 10]);
    let error = plan(&mut broker.source().topics(["t"]), &from).unwrap_err();
    assert!(
        error.starts_with("kafka topic t, partition 0: the records of offsets 50 are gone: its log ends at offset 30"),
        "{error}"
    );
    // Nothing is read twice: it goes on at the end.
    let mut lenient = broker.source().topics(["t"]).on_data_loss(OnDataLoss::Skip);
    let mut at = plan(&mut lenient, &from).unwrap();
    broker.write("t", 0, 30..40);
    let mut records = Vec::new();
    for _ in 0..2 {
        let to = plan(&mut lenient, &at).unwrap();
        for partition in lenient.read(&at, &to).unwrap() {
            partition.read(&mut |chunk| records.append(chunk)).unwrap();
        }
        at = to;
    }
    assert_eq!(at.offsets().map(|(_, _, offset)| offset).max(), Some(40));
    assert_eq!(numbers_of(&records, 0), (30..40).collect::<Vec<_>>());

    let error = broker.source().topics(["t"]).read(&position(&[20, 0]), &position(&[50, 0])).err().unwrap().to_string();
    assert!(error.contains("partition 0: the records of offsets 20 to 49 are gone"), "{error}");
}

#[test]
fn a_partition_that_is_gone_is_an_error_or_forgotten() {
    let broker = Broker::new(&[("t", 1)]);
    broker.write("t", 0, 0..30);
    let from = position(&[10, 25]);
    let error = plan(&mut broker.source().topics(["t"]), &from).unwrap_err();
    assert!(error.starts_with("kafka topic t, partition 1: is gone, and was read up to offset 25"), "{error}");
    let mut lenient = broker.source().topics(["t"]).on_data_loss(OnDataLoss::Skip);
    let to = plan(&mut lenient, &from).unwrap();
    assert_eq!(to.offsets().collect::<Vec<_>>(), [("t", 0, 30)]);
    assert!(lenient.take_warnings()[0].to_string().contains("skipped: is gone"));
}

#[test]
fn a_live_job_ends_with_the_error_or_goes_on() {
    for policy in [OnDataLoss::Fail, OnDataLoss::Skip] {
        let broker = Broker::new(&[("t", 1)]);
        broker.write("t", 0, 0..10);
        // It keeps little ahead, and does not look for more.
        let source = broker.source().topics(["t"]).max_bytes_per_batch(1).on_data_loss(policy);
        let mut live =
            Live::new(source.property("queued.max.messages.kbytes", "1").property("queued.min.messages", "1"));
        until("a record", || {
            live.job.tick().unwrap();
            !live.rows.rows().is_empty()
        });
        // A record a batch: the log runs ahead, and forgets.
        broker.write_large("t", 0, 20, 600_000);
        broker.write("t", 0, 500..505);
        match policy {
            OnDataLoss::Fail => {
                let error = live.fail();
                assert!(error.contains("kafka topic t, partition 0: the records of offsets "), "{error}");
            }
            OnDataLoss::Skip => {
                until("the last record", || {
                    live.job.tick().unwrap();
                    live.rows.rows().last().is_some_and(|record| record.text() == "504")
                });
                assert!(live.warned.all().iter().any(|warning| warning.contains("skipped: the records of offsets")));
                let offsets: Vec<_> = live.rows.rows().iter().map(|record| record.offset).collect();
                assert!(offsets.windows(2).all(|two| two[0] < two[1]), "none twice: {offsets:?}");
            }
        }
    }
}
