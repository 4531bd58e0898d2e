//! What every [`Sink`] must hold, checked on a sink of yours.
//!
//! You describe how to make the sink, how to make a row, and how a reader of the target sees it; [`check`] writes
//! batches, fails some, and compares. It panics with what does not hold, so it is called in a test:
//!
//! ```
//! use streamgauge_stream::sink::conformance::{Subject, check};
//! use streamgauge_stream::sink::MemorySink;
//! use streamgauge_stream::Time;
//!
//! struct InMemory(MemorySink<u64>);
//!
//! impl Subject for InMemory {
//!     type Row = u64;
//!     type Sink = MemorySink<u64>;
//!
//!     fn sink(&mut self) -> MemorySink<u64> {
//!         self.0.clone()
//!     }
//!
//!     fn row(&self, n: u64) -> u64 {
//!         n
//!     }
//!
//!     fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
//!         self.0.batches()
//!     }
//! }
//!
//! check(&mut InMemory(MemorySink::all()));
//! ```

use std::fmt::Debug;
use std::thread;

use super::{Cause, Part, Sink};
use crate::time::Time;

/// A sink to check, and how its target is read.
pub trait Subject {
    /// A row.
    type Row: Clone + Debug + PartialEq + Send + Sync + 'static;
    /// The sink.
    type Sink: Sink<Self::Row>;

    /// A new sink of the target. The kit asks again, after it has dropped the sink before, for one that goes on as
    /// after a restart of the job.
    fn sink(&mut self) -> Self::Sink;

    /// A row; a different one for each number.
    fn row(&self, n: u64) -> Self::Row;

    /// What a reader of the target sees: all batches so far by time, with their rows. Empty ones may be left out.
    fn visible(&mut self) -> Vec<(Time, Vec<Self::Row>)>;

    /// Whether a batch that is written again replaces what was written of it. If not, as for what is sent over a wire or
    /// is known to [`Sink::committed`], the kit writes none twice.
    fn replaces(&self) -> bool {
        true
    }

    /// A sink whose target cannot be written, such as a folder below a file. The kit checks that it says so.
    fn broken(&mut self) -> Option<Self::Sink> {
        None
    }
}

/// Checks a sink: that a batch is there in order and as a whole when it has been committed and not before, that one
/// that fails at any point leaves nothing, that empty batches and partitions do no harm, that a batch written again
/// replaces the first, in the same run and after a restart, that a batch which was committed just before a crash is there
/// once after it (replaced, or known to [`Sink::committed`]), and that a target that cannot be written is an error.
///
/// # Panics
/// If one of these does not hold, saying which.
pub fn check<S: Subject>(subject: &mut S) {
    let mut kit = Kit { sink: None, subject, expected: Vec::new(), rows: 0 };
    kit.start();
    kit.look("nothing was written yet");
    kit.keeps_order();
    kit.takes_empty_batches();
    kit.leaves_nothing_of_a_failed_batch();
    kit.takes_a_partition_that_is_tried_again();
    if kit.subject.replaces() {
        kit.replaces_what_is_written_again();
    }
    kit.goes_on_after_a_restart();
    kit.has_once_what_was_committed_before_a_crash();
    kit.writes_many_partitions();
    kit.tells_what_cannot_be_written();
}

struct Kit<'a, S: Subject> {
    subject: &'a mut S,
    /// The sink; none between two runs.
    sink: Option<S::Sink>,
    /// What must be visible.
    expected: Vec<(Time, Vec<S::Row>)>,
    /// How many rows were made.
    rows: u64,
}

/// The rows that a sink gets at a time.
const CHUNK: usize = 3;

/// Hands rows to a part as the engine does.
fn fill<T: Clone, P: Part<T>>(part: &mut P, rows: &[T]) -> Result<(), Cause> {
    rows.chunks(CHUNK).try_for_each(|chunk| part.write(&mut chunk.to_vec()))
}

impl<S: Subject> Kit<'_, S> {
    /// Begins a run: the sink of the one before has gone, as its process has.
    fn start(&mut self) {
        self.sink = None;
        let mut sink = self.subject.sink();
        assert!(!sink.target().trim().is_empty(), "target() is empty: errors must name the target");
        sink.open().unwrap_or_else(|cause| panic!("open() of a good target failed: {cause}"));
        self.sink = Some(sink);
    }

    fn sink(&mut self) -> &mut S::Sink {
        self.sink.as_mut().expect("there is one from the start on")
    }

    /// New rows for partitions of these sizes.
    fn make(&mut self, sizes: &[usize]) -> Vec<Vec<S::Row>> {
        let mut row = || {
            self.rows += 1;
            self.subject.row(self.rows)
        };
        sizes.iter().map(|size| (0..*size).map(|_| row()).collect()).collect()
    }

    fn begin(&mut self, second: i64) -> Time {
        let batch = Time::from_secs(second);
        self.sink().begin(batch).unwrap_or_else(|cause| panic!("begin() of batch {batch} failed: {cause}"));
        batch
    }

    fn part(&mut self, batch: Time, partition: usize) -> <S::Sink as Sink<S::Row>>::Part {
        let part = self.sink().part(batch, partition);
        part.unwrap_or_else(|cause| panic!("part({batch}, {partition}) failed: {cause}"))
    }

    /// Writes a batch, all its partitions at the same time.
    fn write(&mut self, second: i64, sizes: &[usize]) {
        let rows = self.make(sizes);
        let batch = self.begin(second);
        // The engine asks for the parts in any order.
        let mut parts: Vec<_> = (0..sizes.len()).rev().map(|partition| self.part(batch, partition)).collect();
        parts.reverse();
        thread::scope(|scope| {
            for (part, rows) in parts.iter_mut().zip(&rows) {
                scope.spawn(move || {
                    let written = fill(part, rows).and_then(|()| part.finish());
                    written.unwrap_or_else(|cause| panic!("writing a partition of batch {batch} failed: {cause}"));
                });
            }
        });
        self.look("a batch must not be seen before it is committed");
        self.sink().commit(batch, parts).unwrap_or_else(|cause| panic!("commit({batch}) failed: {cause}"));
        self.expect(batch, rows);
    }

    fn expect(&mut self, batch: Time, rows: Vec<Vec<S::Row>>) {
        self.expected.retain(|(time, _)| *time != batch);
        self.expected.push((batch, rows.into_iter().flatten().collect()));
    }

    /// Compares what a reader sees with what was committed.
    fn look(&mut self, law: &str) {
        let with_rows = |mut batches: Vec<(Time, Vec<S::Row>)>| {
            batches.retain(|(_, rows)| !rows.is_empty());
            batches.sort_by_key(|(time, _)| *time);
            batches
        };
        assert_eq!(with_rows(self.subject.visible()), with_rows(self.expected.clone()), "{law}");
    }

    fn keeps_order(&mut self) {
        self.write(1, &[10]);
        self.look("the rows of a partition must be there in the order in which they were written");
        self.write(2, &[4, 7, 1]);
        self.look("the rows of a batch must be there in the order of its partitions");
    }

    fn takes_empty_batches(&mut self) {
        self.write(3, &[]);
        self.look("a batch without partitions must have no rows, and leave the others as they are");
        self.write(4, &[0, 0]);
        self.look("a batch of empty partitions must have no rows, and leave the others as they are");
        self.write(5, &[0, 2, 0, 3]);
        self.look("an empty partition must have no rows, and leave the others as they are");
    }

    /// Fails a batch, with some partitions complete, one in the middle and one not begun.
    fn fail(&mut self, second: i64) {
        let rows = self.make(&[5, 5]);
        let batch = self.begin(second);
        let (mut complete, mut broken) = (self.part(batch, 0), self.part(batch, 1));
        let written = fill(&mut complete, &rows[0]).and_then(|()| complete.finish());
        written.unwrap_or_else(|cause| panic!("writing a partition of batch {batch} failed: {cause}"));
        fill(&mut broken, &rows[1][..4]).unwrap_or_else(|cause| panic!("writing to batch {batch} failed: {cause}"));
        drop((complete, broken));
        self.sink().abort(batch);
    }

    fn leaves_nothing_of_a_failed_batch(&mut self) {
        self.fail(6);
        self.look("nothing of a batch that has failed must be seen, and the others must be as they were");
        let batch = self.begin(6);
        self.sink().abort(batch);
        self.look("a batch that fails before its first partition must leave nothing");
        self.write(6, &[2, 2]);
        self.look("a batch that has failed before must be written as any other");
    }

    fn takes_a_partition_that_is_tried_again(&mut self) {
        let rows = self.make(&[4]);
        let batch = self.begin(7);
        let mut first = self.part(batch, 0);
        fill(&mut first, &rows[0][..2]).unwrap_or_else(|cause| panic!("writing to batch {batch} failed: {cause}"));
        drop(first);
        let mut second = self.part(batch, 0);
        let written = fill(&mut second, &rows[0]).and_then(|()| second.finish());
        written.unwrap_or_else(|cause| panic!("writing a partition again failed: {cause}"));
        self.sink().commit(batch, vec![second]).unwrap_or_else(|cause| panic!("commit({batch}) failed: {cause}"));
        self.expect(batch, rows);
        self.look("of a partition that was tried twice, only the second try must be seen");
    }

    fn replaces_what_is_written_again(&mut self) {
        self.write(7, &[1, 1]);
        self.look("a batch that is written again must replace what was written of it");
        self.write(5, &[3]);
        self.look("an earlier batch that is written again must replace what was written of it");
        self.fail(7);
        self.look("a batch that fails when it is written again must leave what was written of it before");
        self.write(4, &[2]);
        self.look("rows must replace an empty batch");
        self.write(7, &[0]);
        self.look("an empty batch must replace rows");
    }

    fn goes_on_after_a_restart(&mut self) {
        let rows = self.make(&[2]);
        let batch = self.begin(8);
        let mut lost = self.part(batch, 0);
        fill(&mut lost, &rows[0]).unwrap_or_else(|cause| panic!("writing to batch {batch} failed: {cause}"));
        drop(lost);
        self.start();
        self.look("a restart must leave what was committed, and nothing of the batch that was being written");
        if self.subject.replaces() {
            self.write(6, &[3, 1]);
            self.look("a batch that is written again after a restart must replace what was written of it");
        }
        self.write(8, &[4]);
        self.look("a batch that was being written at a restart must be written as any other");
    }

    /// The job is killed between a commit and the moment at which it has written down that the batch is complete. So it
    /// runs the batch again, unless the sink says that it is there.
    fn has_once_what_was_committed_before_a_crash(&mut self) {
        self.write(9, &[3, 2]);
        let (batch, rows) = self.expected.last().expect("it was written just now").clone();
        self.start();
        let committed = self.committed();
        if committed.is_none() && self.subject.replaces() {
            let batch = self.begin(batch.secs());
            let mut part = self.part(batch, 0);
            let written = fill(&mut part, &rows).and_then(|()| part.finish());
            written.unwrap_or_else(|cause| panic!("writing batch {batch} again failed: {cause}"));
            self.sink().commit(batch, vec![part]).unwrap_or_else(|cause| panic!("commit({batch}) failed: {cause}"));
        }
        self.look("a batch that was committed just before a crash must be there once after it");
        if committed.is_some() {
            assert_eq!(committed, Some(batch), "committed() must give the last batch that was committed");
            self.fail(10);
            self.start();
            assert_eq!(self.committed(), Some(batch), "committed() must not give a batch that has failed");
            self.write(10, &[]);
            self.start();
            assert_eq!(self.committed(), Some(Time::from_secs(10)), "committed() must give an empty batch too");
        }
    }

    fn committed(&mut self) -> Option<Time> {
        self.sink().committed().unwrap_or_else(|cause| panic!("committed() of a good target failed: {cause}"))
    }

    fn writes_many_partitions(&mut self) {
        self.write(11, &[2; 40]);
        self.look("the rows of 40 partitions must be there in the order of the partitions");
    }

    fn tells_what_cannot_be_written(&mut self) {
        let rows = self.make(&[2]);
        let Some(mut broken) = self.subject.broken() else {
            return;
        };
        let batch = Time::from_secs(12);
        let mut try_all = || {
            broken.open()?;
            broken.begin(batch)?;
            let mut part = broken.part(batch, 0)?;
            fill(&mut part, &rows[0])?;
            part.finish()?;
            broken.commit(batch, vec![part])
        };
        let Err(cause) = try_all() else {
            panic!("a target that cannot be written must be an error, at the latest of commit()");
        };
        assert!(!cause.to_string().trim().is_empty(), "an error must say what went wrong");
        self.look("a sink of another target must leave this one as it is");
    }
}
