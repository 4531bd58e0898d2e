//! The kit: every source that can replay passes it, and every law of it catches a source that breaks it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use streamgauge_stream::source::conformance::{Kit, check, check_once};
use streamgauge_stream::source::{Limit, Next, Partition, Plan};
use streamgauge_stream::{Constant, Queue, Rate, Source, SourceError, TextBlock, TextFiles, Time, millis, secs};

use crate::support::Scratch;

fn lines(blocks: &[TextBlock]) -> Vec<&str> {
    blocks.iter().flat_map(|block| block.lines()).collect()
}

fn text(blocks: &[TextBlock]) -> String {
    blocks.iter().map(TextBlock::as_str).collect()
}

fn numbered(range: std::ops::Range<u32>) -> String {
    range.map(|n| format!("line {n}\n")).collect()
}

#[test]
fn a_rate_is_a_source() {
    let records = check(|| Rate::per_second(1_000).records(2_500));
    assert_eq!(records.len(), 2_500);
    assert_eq!((records[0], records[2_499]), ((0, Time::from_secs(1)), (2_499, Time::from_millis(3_499))));
    for (rate, interval, batches, expected) in [(3, 100, 12, 4), (0, 1_000, 3, 0), (1_000_000, 7, 11, 70_000)] {
        let kit = Kit::default().interval(millis(interval)).most_batches(batches);
        let records = kit.check(|| Rate::per_second(rate));
        assert_eq!(records.len() as u64, expected, "{rate} a second in {} intervals of {interval} ms", batches - 1);
        assert!(records.is_sorted());
    }
    assert!(check(|| Rate::per_second(10).records(0)).is_empty());
    // More than one partition a batch.
    assert_eq!(Kit::default().interval(secs(2)).most_batches(3).check(|| Rate::per_second(100_000)).len(), 400_000);
}

#[test]
fn a_constant_is_a_source() {
    assert_eq!(check(|| Constant::new(vec![1, 2]).batches(3)), [1, 2, 1, 2, 1, 2]);
    assert_eq!(Kit::default().most_batches(4).check(|| Constant::new(vec!['a'])).len(), 4);
    assert_eq!(check(|| Constant::new(vec![0; 5_000]).batches(2)).len(), 10_000);
    assert!(check(|| Constant::new(vec![0]).batches(0)).is_empty());
}

#[test]
fn text_is_a_source() {
    let scratch = Scratch::new();
    let file = scratch.write("plain.log", numbered(0..500), 1);
    let blocks = Kit::default().check_as(|| TextFiles::new(&file).unwrap().max_bytes_per_batch(700), text);
    assert_eq!(lines(&blocks), numbered(0..500).lines().collect::<Vec<_>>());
    scratch.write("second.log", numbered(500..520), 2);
    scratch.write("none.log", "", 3);
    let blocks = Kit::default().check_as(|| TextFiles::new(&scratch.0).unwrap().max_bytes_per_batch(300), text);
    assert_eq!(lines(&blocks), numbered(0..520).lines().collect::<Vec<_>>());
    let followed = Kit::default().most_batches(30).check(|| TextFiles::new(&scratch.0).unwrap().follow());
    assert_eq!(lines(&followed).len(), 520);
    assert_eq!(Kit::default().most_batches(5).check(|| TextFiles::new(&scratch.0).unwrap().only_new()), []);
}

#[test]
fn compressed_text_is_a_source() {
    use std::io::Write;
    let scratch = Scratch::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(numbered(0..3_000).as_bytes()).unwrap();
    scratch.write("a.log.gz", gzip.finish().unwrap(), 1);
    scratch.write("b.log", numbered(3_000..3_010), 2);
    let blocks = Kit::default().check_as(|| TextFiles::new(&scratch.0).unwrap().max_bytes_per_batch(5_000), text);
    assert_eq!(lines(&blocks), numbered(0..3_010).lines().collect::<Vec<_>>());
}

#[cfg(feature = "csv")]
#[test]
fn csv_is_a_source() {
    use streamgauge_stream::source::{CsvBlock, CsvFiles};
    let scratch = Scratch::new();
    let records: String = (0..400).map(|n| format!("{n},\"a\n\"\"{n}\"\",\"\n")).collect();
    scratch.write("a.csv", format!("number,text\n{records}"), 1);
    scratch.write("b.csv", "number,text\n400,last\n", 2);
    let text = |blocks: &[CsvBlock]| -> String { blocks.iter().map(|block| block.text().as_str()).collect() };
    let blocks = Kit::default().check_as(|| CsvFiles::new(&scratch.0).unwrap().max_bytes_per_batch(500), text);
    assert!(blocks.len() > 10);
    assert_eq!(text(&blocks), format!("number,text\n{records}number,text\n400,last\n"));
}

#[test]
fn sources_that_cannot_replay_pass_the_rest() {
    let (queue, source) = Queue::new();
    (0..10).for_each(|n| assert!(queue.push(vec![n; 3])));
    queue.close();
    assert_eq!(check_once(source.one_at_a_time()).len(), 30);

    let (queue, source) = Queue::new();
    (0..10).for_each(|n| assert!(queue.push(vec![n])));
    let read = Kit::default().most_batches(4).check_once(source.one_at_a_time());
    assert_eq!(read, (0..10).collect::<Vec<_>>(), "what was pushed before the stop is worked off");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Nameless,
    PositionIsLost,
    PlansByChance,
    OtherRecordsWhenReadAgain,
    OtherPartitions,
    PartitionReadOnce,
    RangesOverlap,
    GoesBack,
    MoreAfterTheEnd,
    HoldsRecords,
    PlanFails,
    PartitionFails,
}

/// The numbers below 20, seven a batch.
struct Faulty {
    fault: Fault,
    reads: u64,
}

/// Counts all sources and partitions of this test: what one that breaks the law may depend on.
static CHANCE: AtomicU64 = AtomicU64::new(0);

fn chance() -> u64 {
    CHANCE.fetch_add(1, Ordering::Relaxed)
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct At {
    next: u64,
    #[serde(skip)]
    lost: u64,
}

impl Source for Faulty {
    type Item = u64;
    type Position = At;

    fn name(&self) -> String {
        if self.fault == Fault::Nameless { String::new() } else { "faulty".to_owned() }
    }

    fn start(&self) -> At {
        At { next: 0, lost: 0 }
    }

    fn plan(&mut self, from: &At, _: Limit) -> Result<Plan<At>, SourceError> {
        if self.fault == Fault::PlanFails {
            return Err(SourceError::new("faulty", "nothing there"));
        }
        let share = if self.fault == Fault::PlansByChance { 5 + chance() % 7 } else { 7 };
        let mut next = (from.next + share).min(20);
        if self.fault == Fault::GoesBack && from.next == 14 {
            next = 7;
        }
        let finished = next == 20 && !(self.fault == Fault::MoreAfterTheEnd && from.next == 20);
        let lost = u64::from(self.fault == Fault::PositionIsLost);
        Ok(Plan { to: At { next, lost }, next: if finished { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, from: &At, to: &At) -> Result<Vec<Box<dyn Partition<u64>>>, SourceError> {
        self.reads += 1;
        let mut records: Vec<_> = (from.next..to.next).collect();
        match self.fault {
            Fault::OtherRecordsWhenReadAgain if self.reads > 3 => records.reverse(),
            Fault::RangesOverlap if records.len() > 7 => records.push(0),
            _ => {}
        }
        let size = if self.fault == Fault::OtherPartitions { 2 + chance() as usize % 3 } else { 3 };
        let partition = |records: &[u64]| {
            let records = Mutex::new(records.to_vec());
            Box::new(Part { fault: self.fault, records }) as Box<dyn Partition<u64>>
        };
        Ok(records.chunks(size).map(partition).collect())
    }

    fn holds_records(&self) -> bool {
        self.fault == Fault::HoldsRecords
    }
}

struct Part {
    fault: Fault,
    records: Mutex<Vec<u64>>,
}

impl Partition<u64> for Part {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<u64>)) -> Result<(), SourceError> {
        let mut records = self.records.lock().unwrap();
        match self.fault {
            Fault::PartitionReadOnce => out(&mut records),
            Fault::PartitionFails => return Err(SourceError::new("faulty", "broken")),
            _ => out(&mut records.clone()),
        }
        Ok(())
    }
}

#[test]
fn every_law_catches_the_source_that_breaks_it() {
    let run = |fault| catch_unwind(AssertUnwindSafe(|| check(|| Faulty { fault, reads: 0 })));
    assert_eq!(run(Fault::None).unwrap(), (0..20).collect::<Vec<_>>());
    for (fault, expected) in [
        (Fault::Nameless, "name() is empty"),
        (Fault::PositionIsLost, "the position is another one when it was stored and read back"),
        (Fault::PlansByChance, "when the source is made anew"),
        (Fault::OtherRecordsWhenReadAgain, "when it is read again"),
        (Fault::OtherPartitions, "the partitions of batch 0, when it is read again"),
        (Fault::PartitionReadOnce, "read a second time"),
        (Fault::RangesOverlap, "when they are read as one range"),
        (Fault::GoesBack, "goes back to the beginning of an earlier batch"),
        (Fault::MoreAfterTheEnd, "plan() after the end says that there is more to come"),
        (Fault::HoldsRecords, "holds_records()"),
        (Fault::PlanFails, "plan() of batch 0 failed: faulty: nothing there"),
        (Fault::PartitionFails, "a partition cannot be read: faulty: broken"),
    ] {
        let panic = run(fault).expect_err(&format!("{fault:?} is not caught"));
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = panic.downcast_ref::<String>().cloned().or(text).unwrap_or_default();
        assert!(message.contains(expected), "{fault:?}: {message}");
    }
}
