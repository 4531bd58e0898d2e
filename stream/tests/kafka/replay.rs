//! Jobs that end at any moment and are started again.

use streamgauge_stream::source::{Kafka, KafkaRecord};
use streamgauge_stream::testing::{Breakdown, FaultyDisk, TestJob};
use streamgauge_stream::{Error, MemorySink, State, StreamingContext, Time, Trigger, secs};

use crate::support::{Broker, Live, numbers_of};

/// Rows of windows and of state by key, in a target that outlives the job.
#[derive(Clone)]
struct Target([MemorySink<String>; 2]);

impl Target {
    fn new() -> Self {
        Self([MemorySink::all(), MemorySink::all()])
    }

    fn rows(&self) -> Vec<Vec<(Time, Vec<String>)>> {
        self.0.iter().map(MemorySink::batches).collect()
    }
}

fn run(source: Kafka, target: &Target, disk: Option<&FaultyDisk>) -> Result<u64, Error> {
    let mut builder = StreamingContext::builder("replay").trigger(Trigger::Available).threads(2).checkpoint_every(4);
    if let Some(disk) = disk {
        builder = builder.checkpoint_storage(disk.clone());
    }
    let ctx = builder.build();
    let key = |record: &KafkaRecord| String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
    let records = ctx.source(source).map(move |record| (key(&record), record));
    let keyed = || records.key_by(|(key, _): &(String, KafkaRecord)| key);
    let windows = keyed().window(secs(5), secs(2)).named("windows").summarize(|on| on.count());
    windows.map(|(key, n)| format!("{key} {}", n.count())).write_to(target.0[0].clone());
    let sums = keyed().named("sums").map_with_state(|(_, record), sum: &mut State<'_, String, u64>| {
        *sum.or_default() += record.text().parse::<u64>().unwrap_or_default();
        format!("{}@{} {}", record.partition, record.offset, *sum.or_default())
    });
    sums.write_to(target.0[1].clone());
    ctx.run().map(|report| report.batches)
}

#[test]
fn a_crash_at_every_sync_point_loses_nothing_and_doubles_nothing() {
    let broker = Broker::new(&[("t", 3)]);
    (0..3).for_each(|partition| broker.write("t", partition, 0..100 + 10 * i64::from(partition)));
    let source = || broker.source().topics(["t"]).max_records_per_second(10).bounded();
    let undisturbed = Target::new();
    assert_eq!(run(source(), &undisturbed, None).unwrap(), 12);
    let expected = undisturbed.rows();
    let disk = FaultyDisk::new();
    run(source(), &Target::new(), Some(&disk)).unwrap();
    let all = disk.sync_points();
    assert!(all > 14, "{all} sync points");
    for at in 1..=all {
        let (disk, target) = (FaultyDisk::new(), Target::new());
        disk.break_down(at, if at % 2 == 0 { Breakdown::Before } else { Breakdown::After });
        let first = run(source(), &target, Some(&disk));
        assert!(first.is_err() || at > 12, "a crash at {at} of {all} is none");
        disk.restart(at);
        run(source(), &target, Some(&disk)).unwrap_or_else(|error| panic!("after a crash at {at}: {error}"));
        assert!(target.rows() == expected, "a crash at sync point {at} of {all} changes the result");
    }
}

fn checkpointed(disk: &FaultyDisk) -> TestJob {
    TestJob::with(|it| it.checkpoint_storage(disk.clone()).checkpoint_every(5))
}

#[test]
fn a_live_job_goes_on_where_it_was_also_with_partitions_that_are_new() {
    let broker = Broker::new(&[("t", 1)]);
    broker.write("t", 0, 0..50);
    let disk = FaultyDisk::new();
    let mut live = Live::of(checkpointed(&disk), broker.source().topics(["t"]));
    live.receive(50);
    // Killed: what follows is not written down any more.
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    live.fail();
    drop(live);
    disk.restart(1);

    // The same topic, which has got two partitions more meanwhile.
    let grown = Broker::new(&[("t", 3)]);
    grown.write("t", 0, 0..60);
    grown.write("t", 1, 100..110);
    grown.write("t", 2, 200..220);
    let mut live = Live::of(checkpointed(&disk), grown.source().topics(["t"]));
    live.job.clock().set(Time::from_secs(1_000));
    let mut found = Vec::new();
    crate::support::until("what is new", || {
        live.job.tick().unwrap();
        found = live.rows.rows();
        numbers_of(&found, 2).len() == 20 && numbers_of(&found, 1).len() == 10 && numbers_of(&found, 0).contains(&59)
    });
    // The last batch that had records may have been run again.
    let first = numbers_of(&found, 0)[0];
    assert!(first == 50 || first < 50 && numbers_of(&found, 0).len() as i64 == 60 - first, "{first}");
    assert_eq!(numbers_of(&found, 1), (100..110).collect::<Vec<_>>());
    assert_eq!(numbers_of(&found, 2), (200..220).collect::<Vec<_>>());
}

#[test]
fn topics_that_are_not_read_any_more_are_told() {
    let broker = Broker::new(&[("a", 1), ("b", 1)]);
    broker.write("a", 0, 0..5);
    broker.write("b", 0, 10..15);
    let disk = FaultyDisk::new();
    let mut live = Live::of(checkpointed(&disk), broker.source().topics(["a", "b"]).named("both"));
    live.receive(10);
    live.job.stop().unwrap();
    drop(live);
    disk.restart(0);
    broker.write("a", 0, 5..9);
    broker.write("b", 0, 15..19);
    let mut live = Live::of(checkpointed(&disk), broker.source().topics(["b"]).named("both"));
    live.job.clock().set(Time::from_secs(1_000));
    assert_eq!(crate::support::numbers(&live.receive(4)), [15, 16, 17, 18]);
    live.hear("topic a, partition 0: was read up to offset 5, and is not read any more");
}
