//! What every replayable [`Source`] must hold, checked on a source of yours.
//!
//! You say how to make the source, and the kit reads it several times in several ways and compares. It panics with what
//! does not hold, so it is called in a test:
//!
//! ```
//! use streamgauge_stream::source::conformance::{self, Kit};
//! use streamgauge_stream::{Rate, secs};
//!
//! let read = conformance::check(|| Rate::per_second(1_000).records(2_500));
//! assert_eq!(read.len(), 2_500);
//!
//! // The same, with batches two seconds apart, and no more than ten of them.
//! Kit::default().interval(secs(2)).most_batches(10).check(|| Rate::per_second(1_000));
//! ```
//!
//! For a source that cannot replay, such as a [`Queue`](crate::Queue), [`check_once`] checks the rest.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;

use super::{Limit, Next, Partition, Source};
use crate::clock::{Clock, ManualClock};
use crate::graph::decode;
use crate::time::Time;

/// How a source is checked.
#[derive(Clone, Copy, Debug)]
pub struct Kit {
    interval: Duration,
    batches: usize,
    records: Option<u64>,
}

impl Default for Kit {
    /// Batches a second apart, a hundred at most.
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), batches: 100, records: None }
    }
}

/// Checks a source with the [default kit](Kit::default); see [`Kit::check`].
///
/// # Panics
/// If a law does not hold, saying which.
#[track_caller]
pub fn check<S>(make: impl Fn() -> S) -> Vec<S::Item>
where
    S: Source<Item: PartialEq + Debug>,
{
    Kit::default().check(make)
}

/// Checks a source that cannot replay with the [default kit](Kit::default); see [`Kit::check_once`].
///
/// # Panics
/// If a law does not hold, saying which.
#[track_caller]
pub fn check_once<S>(source: S) -> Vec<S::Item>
where
    S: Source<Item: PartialEq + Debug>,
{
    Kit::default().check_once(source)
}

/// How many batches a closed source may need to work off what it holds.
const MOST_AFTER_CLOSE: usize = 100_000;

/// A batch as it was read.
struct Batch<S: Source> {
    from: S::Position,
    to: S::Position,
    next: Next,
    partitions: Vec<Vec<S::Item>>,
}

impl Kit {
    /// The time between two batches.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How many batches are read of a source that does not end before; at least 2.
    pub fn most_batches(mut self, batches: usize) -> Self {
        self.batches = batches.max(2);
        self
    }

    /// How many records [the limit](Limit::records) of each batch is; none unless set. Whether a source holds to it is
    /// not checked: some records are lines.
    pub fn records_per_batch(mut self, records: u64) -> Self {
        self.records = Some(records.max(1));
        self
    }

    /// Checks that a source
    ///
    /// - has positions that are the same when they have been serialized and read back;
    /// - plans and reads the same batches when it is made anew;
    /// - gives the same records in the same partitions when a range is read again: by itself, by another one made anew,
    ///   in any order of ranges, from a position that was stored;
    /// - gives the same records when two ranges are read as one;
    /// - has partitions that can be read twice, and on several threads, and that leave nothing in between;
    /// - goes on from a stored position as if it had not been interrupted, and never goes back;
    /// - stays finished when it has finished;
    /// - holds no records that a stop would lose, and can be closed.
    ///
    /// `make` makes the same source, over the same input, each time. The input must not change meanwhile, and should be
    /// long enough for several batches. Gives the records, for you to compare.
    ///
    /// # Panics
    /// If one of these does not hold, saying which.
    #[track_caller]
    pub fn check<S>(&self, make: impl Fn() -> S) -> Vec<S::Item>
    where
        S: Source<Item: PartialEq + Debug>,
    {
        self.check_as(make, |records| records.to_vec())
    }

    /// The same for a source whose records are pieces of something, cut where a range or a partition ends: `seen` says
    /// what must be equal when two ranges are read as one, such as the text of all blocks.
    ///
    /// # Panics
    /// If a law does not hold, saying which.
    #[track_caller]
    pub fn check_as<S, R>(&self, make: impl Fn() -> S, seen: impl Fn(&[S::Item]) -> R) -> Vec<S::Item>
    where
        S: Source<Item: PartialEq + Debug>,
        R: PartialEq + Debug,
    {
        let mut source = make();
        let batches = self.batches(&mut source);
        self.same_when_made_anew(&batches, &mut make());
        same_when_read_again(&batches, &mut source, &mut make());
        ranges_concatenate(&batches, &mut make(), seen);
        for middle in [batches.len() / 2, batches.len() - 1] {
            self.goes_on_from_a_position(&batches, middle, &mut make());
        }
        assert!(!source.holds_records(), "holds_records() of a source that can replay: a stop loses nothing");
        source.close();
        assert!(!source.holds_records(), "holds_records() after close()");
        batches.into_iter().flat_map(|batch| batch.partitions).flatten().collect()
    }

    /// Checks what holds also for a source that cannot replay: positions that can be serialized, partitions that can be
    /// read twice, no going back, staying finished; after [`Source::close`] it works off what it holds, and then says
    /// [`Next::Idle`], or [`Next::Finished`].
    ///
    /// # Panics
    /// If one of these does not hold, saying which.
    #[track_caller]
    pub fn check_once<S>(&self, mut source: S) -> Vec<S::Item>
    where
        S: Source<Item: PartialEq + Debug>,
    {
        let mut batches = self.batches(&mut source);
        source.close();
        let mut left = MOST_AFTER_CLOSE;
        while source.holds_records() {
            assert!(left > 0, "holds_records() stays true, although batches were planned after close()");
            left -= 1;
            let last = &batches[batches.len() - 1];
            batches.push(self.batch(&mut source, &last.to, batches.len()));
        }
        let last = &batches[batches.len() - 1];
        if last.next != Next::Finished {
            let after = self.batch(&mut source, &last.to, batches.len());
            assert!(after.next != Next::Ready, "plan() says Ready after close(), but holds no records");
        }
        batches.into_iter().flat_map(|batch| batch.partitions).flatten().collect()
    }

    fn limit(&self, batch: usize) -> Limit {
        let time = Time::from_millis(0).after(self.interval.saturating_mul(batch as u32 + 1));
        Limit { records: self.records, ..Limit::new(time, true) }
    }

    #[track_caller]
    fn batch<S>(&self, source: &mut S, from: &S::Position, number: usize) -> Batch<S>
    where
        S: Source<Item: PartialEq + Debug>,
    {
        let plan = source.plan(from, self.limit(number));
        let plan = plan.unwrap_or_else(|error| panic!("plan() of batch {number} failed: {error}"));
        let to = stored::<S>(&plan.to);
        let partitions = if *from == to { Vec::new() } else { read(source, from, &to) };
        Batch { from: from.clone(), to, next: plan.next, partitions }
    }

    /// The batches from the start on, to the end or as many as there are to be.
    #[track_caller]
    fn batches<S>(&self, source: &mut S) -> Vec<Batch<S>>
    where
        S: Source<Item: PartialEq + Debug>,
    {
        self.batches_from(source, None, 0)
    }

    #[track_caller]
    fn batches_from<S>(&self, source: &mut S, from: Option<S::Position>, number: usize) -> Vec<Batch<S>>
    where
        S: Source<Item: PartialEq + Debug>,
    {
        assert!(!source.name().trim().is_empty(), "name() is empty: errors must name the source");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Time::from_millis(0)));
        source.open(&clock).unwrap_or_else(|error| panic!("open() failed: {error}"));
        let mut at = from.unwrap_or_else(|| stored::<S>(&source.start()));
        let mut batches: Vec<Batch<S>> = Vec::new();
        for number in number..self.batches.max(number + 1) {
            let batch = self.batch(source, &at, number);
            if batch.to != batch.from {
                let back = batches.iter().position(|before| before.from == batch.to);
                assert_eq!(back, None, "plan() of batch {number} goes back to the beginning of an earlier batch");
            }
            at = batch.to.clone();
            let finished = batch.next == Next::Finished;
            batches.push(batch);
            if finished {
                break;
            }
        }
        batches
    }

    #[track_caller]
    fn same_when_made_anew<S>(&self, batches: &[Batch<S>], source: &mut S)
    where
        S: Source<Item: PartialEq + Debug>,
    {
        same(batches, &self.batches(source), "when the source is made anew");
    }

    #[track_caller]
    fn goes_on_from_a_position<S>(&self, batches: &[Batch<S>], middle: usize, source: &mut S)
    where
        S: Source<Item: PartialEq + Debug>,
    {
        let rest = self.batches_from(source, Some(batches[middle].from.clone()), middle);
        same(&batches[middle..], &rest, &format!("when it goes on from the position before batch {middle}"));
        // The engine does not ask again; one who does must not be told of records after the end.
        if let Some(last) = rest.last().filter(|last| last.next == Next::Finished) {
            let after = self.batch(source, &last.to, self.batches);
            assert_eq!(after.next, Next::Finished, "plan() after the end says that there is more to come");
            assert!(after.partitions.iter().all(Vec::is_empty), "plan() after the end gives records");
        }
    }
}

/// A position that was stored and read back.
#[track_caller]
fn stored<S: Source>(position: &S::Position) -> S::Position {
    let bytes =
        postcard::to_allocvec(position).unwrap_or_else(|error| panic!("{position:?} is not serialized: {error}"));
    let back = decode(&bytes).unwrap_or_else(|error| panic!("{position:?} cannot be read back: {error}"));
    assert_eq!(&back, position, "the position is another one when it was stored and read back");
    back
}

fn content<T>(partition: &dyn Partition<T>) -> Vec<T> {
    let mut records = Vec::new();
    let read = partition.read(&mut |chunk| records.append(chunk));
    read.unwrap_or_else(|error| panic!("a partition cannot be read: {error}"));
    records
}

/// The partitions of a range, read twice: in order, and on several threads, of which each takes some.
#[track_caller]
fn read<S>(source: &mut S, from: &S::Position, to: &S::Position) -> Vec<Vec<S::Item>>
where
    S: Source<Item: PartialEq + Debug>,
{
    let partitions = source.read(from, to).unwrap_or_else(|error| panic!("read() of {from:?} to {to:?}: {error}"));
    let first: Vec<_> = partitions.iter().map(|partition| content(&**partition)).collect();
    let second: Vec<_> = partitions.par_iter().map(|partition| content(&**partition)).collect();
    assert_eq!(first, second, "the partitions of {from:?} to {to:?}, read a second time");
    first
}

#[track_caller]
fn same<S>(expected: &[Batch<S>], found: &[Batch<S>], when: &str)
where
    S: Source<Item: PartialEq + Debug>,
{
    assert_eq!(expected.len(), found.len(), "the number of batches, {when}");
    for (number, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert_eq!(expected.to, found.to, "the position after batch {number}, {when}");
        assert_eq!(expected.next, found.next, "what comes after batch {number}, {when}");
        assert_eq!(expected.partitions, found.partitions, "the partitions of batch {number}, {when}");
    }
}

#[track_caller]
fn same_when_read_again<S>(batches: &[Batch<S>], same: &mut S, other: &mut S)
where
    S: Source<Item: PartialEq + Debug>,
{
    let ranges = || batches.iter().enumerate().filter(|(_, batch)| batch.from != batch.to);
    let mut again = |(number, batch): (usize, &Batch<S>)| {
        for source in [&mut *same, &mut *other] {
            let found = read(source, &batch.from, &batch.to);
            assert_eq!(batch.partitions, found, "the partitions of batch {number}, when it is read again");
        }
    };
    ranges().for_each(&mut again);
    ranges().rev().for_each(&mut again);
}

#[track_caller]
fn ranges_concatenate<S, R>(batches: &[Batch<S>], source: &mut S, seen: impl Fn(&[S::Item]) -> R)
where
    S: Source<Item: PartialEq + Debug>,
    R: PartialEq + Debug,
{
    let mut check = |some: &[Batch<S>], which: &str| {
        if let [first, .., last] = some
            && first.from != last.to
        {
            let parts: Vec<_> = some.iter().flat_map(|batch| batch.partitions.iter().flatten().cloned()).collect();
            let whole: Vec<_> = read(source, &first.from, &last.to).into_iter().flatten().collect();
            assert_eq!(seen(&parts), seen(&whole), "the records of {which}, when they are read as one range");
        }
    };
    batches
        .windows(2)
        .enumerate()
        .for_each(|(number, two)| check(two, &format!("batches {number} and {}", number + 1)));
    check(batches, "all batches");
}
