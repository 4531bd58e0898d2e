//! How sinks fail: with the output, the batch, the target and the cause.

use std::sync::{Arc, Mutex};

use streamgauge_stream::sink::{Cause, Part, Sink};
use streamgauge_stream::{Error, MemorySink, Queue, StreamingContext, Time, Trigger};

/// Where the sink fails.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Open,
    Begin,
    Part,
    Write,
    Finish,
    Commit,
    PanicInOpen,
    PanicInWrite,
    PanicInCommit,
    PanicInAbort,
}

/// A sink that fails, and writes down what is asked of it.
struct Failing(At, Arc<Mutex<Vec<String>>>);

struct FailingPart(At, usize);

impl Failing {
    fn asked(&self, what: String, at: At) -> Result<(), Cause> {
        self.1.lock().unwrap().push(what);
        if self.0 == at { Err("the disk is on fire".into()) } else { Ok(()) }
    }
}

impl Part<u32> for FailingPart {
    fn write(&mut self, rows: &mut Vec<u32>) -> Result<(), Cause> {
        match self.0 {
            At::Write if rows.contains(&2) => Err("the disk is on fire".into()),
            At::PanicInWrite if rows.contains(&2) => panic!("on fire"),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), Cause> {
        if self.0 == At::Finish && self.1 == 1 { Err("the disk is on fire".into()) } else { Ok(()) }
    }
}

impl Sink<u32> for Failing {
    type Part = FailingPart;

    fn target(&self) -> String {
        "the store".to_owned()
    }

    fn open(&mut self) -> Result<(), Cause> {
        assert!(self.0 != At::PanicInOpen, "on fire");
        self.asked("open".to_owned(), At::Open)
    }

    fn begin(&mut self, batch: Time) -> Result<(), Cause> {
        self.asked(format!("begin {batch}"), At::Begin)
    }

    fn part(&mut self, _: Time, partition: usize) -> Result<FailingPart, Cause> {
        match (self.0, partition) {
            (At::Part, 1) => Err("the disk is on fire".into()),
            _ => Ok(FailingPart(self.0, partition)),
        }
    }

    fn commit(&mut self, batch: Time, parts: Vec<FailingPart>) -> Result<(), Cause> {
        assert!(self.0 != At::PanicInCommit, "on fire");
        self.asked(format!("commit {batch} of {}", parts.len()), At::Commit)
    }

    fn abort(&mut self, batch: Time) {
        self.1.lock().unwrap().push(format!("abort {batch}"));
        assert!(self.0 != At::PanicInAbort, "on fire");
    }
}

/// The error of a job of two partitions, `[1]` and `[2]`; what was asked of its sink; the batches that the output
/// before and that after it have got.
fn fail(at: At) -> (String, Vec<String>, usize, usize) {
    let asked = Arc::default();
    let (before, after) = (MemorySink::all(), MemorySink::all());
    let result = super::partitions(vec![vec![1], vec![2]], |numbers| {
        numbers.write_to(before.clone());
        numbers.write_to(Failing(at, Arc::clone(&asked)));
        numbers.write_to(after.clone());
    });
    let asked = asked.lock().unwrap().clone();
    (result.unwrap_err().to_string(), asked, before.batches().len(), after.batches().len())
}

#[test]
fn a_target_that_cannot_be_opened_is_an_error_of_the_start() {
    let (error, asked, before, after) = fail(At::Open);
    assert_eq!(error, "the job cannot start: write_to 2: the store: the disk is on fire");
    assert_eq!((asked, before, after), (vec!["open".to_owned()], 0, 0));
    assert_eq!(fail(At::PanicInOpen).0, "the job cannot start: write_to 2: the store: panicked: on fire");
}

#[test]
fn targets_that_cannot_be_opened_are_told_with_all_else_that_is_wrong() {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
    let (_queue, source) = Queue::new();
    let numbers = ctx.source(source);
    numbers.write_to(Failing(At::Open, Arc::default()));
    numbers.write_to(Failing(At::Commit, Arc::default()));
    numbers.write_to(Failing(At::Open, Arc::default()));
    let Err(Error::Graph(problems)) = ctx.start() else { panic!("the job has started") };
    let expected = ["write_to 1: the store: the disk is on fire", "write_to 3: the store: the disk is on fire"];
    assert_eq!(problems, expected);
}

#[test]
fn a_failure_anywhere_ends_the_job_and_commits_nothing() {
    let at_fault =
        [(At::Begin, ""), (At::Part, "partition 1: "), (At::Write, "partition 1: "), (At::Finish, "partition 1: ")];
    for (at, partition) in at_fault {
        let (error, asked, before, after) = fail(at);
        assert_eq!(error, format!("write_to 2 of batch 1000 ms: the store: {partition}the disk is on fire"));
        assert_eq!(asked, ["open", "begin 1000 ms", "abort 1000 ms"]);
        // The output before it has its batch; the one after it is not asked.
        assert_eq!((before, after), (1, 0));
    }
}

#[test]
fn a_commit_that_fails_is_aborted() {
    let (error, asked, ..) = fail(At::Commit);
    assert_eq!(error, "write_to 2 of batch 1000 ms: the store: the disk is on fire");
    assert_eq!(asked, ["open", "begin 1000 ms", "commit 1000 ms of 2", "abort 1000 ms"]);
}

#[test]
fn a_panic_in_a_sink_is_a_failure_of_it() {
    let (error, asked, ..) = fail(At::PanicInCommit);
    assert_eq!(error, "write_to 2 of batch 1000 ms: the store: panicked: on fire");
    assert_eq!(asked, ["open", "begin 1000 ms", "abort 1000 ms"]);
    let (error, asked, ..) = fail(At::PanicInWrite);
    assert_eq!(error, "write_to 2, partition 1 of batch 1000 ms: panicked: on fire");
    assert_eq!(asked, ["open", "begin 1000 ms", "abort 1000 ms"]);
}

#[test]
fn a_panic_while_a_failed_batch_is_taken_back_does_not_hide_why_it_failed() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let rows = vec![vec![1_u32], vec![2]];
    let error = super::partitions(rows, |numbers| {
        let strict = numbers.map(|n| if n == 2 { panic!("no twos") } else { n });
        strict.write_to(Failing(At::PanicInAbort, asked.clone()));
    });
    assert_eq!(error.unwrap_err().to_string(), "write_to 1, partition 1 of batch 1000 ms: panicked: no twos");
    assert_eq!(*asked.lock().unwrap(), ["open", "begin 1000 ms", "abort 1000 ms"]);
}
