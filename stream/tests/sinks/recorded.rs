//! A sink that records which batch it has, as a database does in a transaction, in jobs that are killed.

use std::sync::{Arc, Mutex};

use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Cause, Sink};
use streamgauge_stream::testing::{Breakdown, FaultyDisk, Script, TestJob};
use streamgauge_stream::{ContextBuilder, Error, MemorySink, Time};

/// A table that rows are only ever added to, and the last batch that was.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<(Option<Time>, Vec<(Time, u64)>)>>);

impl Recording {
    fn rows(&self) -> Vec<u64> {
        self.0.lock().unwrap().1.iter().map(|(_, row)| *row).collect()
    }
}

impl Sink<u64> for Recording {
    type Part = Vec<u64>;

    fn target(&self) -> String {
        "the table".to_owned()
    }

    fn committed(&mut self) -> Result<Option<Time>, Cause> {
        Ok(self.0.lock().unwrap().0)
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Vec<u64>, Cause> {
        Ok(Vec::new())
    }

    fn commit(&mut self, batch: Time, parts: Vec<Vec<u64>>) -> Result<(), Cause> {
        let mut table = self.0.lock().unwrap();
        table.1.extend(parts.into_iter().flatten().map(|row| (batch, row)));
        table.0 = Some(batch);
        Ok(())
    }
}

impl Subject for Recording {
    type Row = u64;
    type Sink = Self;

    fn sink(&mut self) -> Self {
        self.clone()
    }

    fn row(&self, n: u64) -> u64 {
        n
    }

    fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
        let table = self.0.lock().unwrap();
        table.1.chunk_by(|a, b| a.0 == b.0).map(|rows| (rows[0].0, rows.iter().map(|row| row.1).collect())).collect()
    }

    fn replaces(&self) -> bool {
        false
    }
}

#[test]
fn conforms() {
    check(&mut Recording::default());
}

/// A job of a sink that records and one that does not.
fn run(
    table: &Recording,
    plain: &MemorySink<u64>,
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
) -> Result<(), Error> {
    let mut job = TestJob::with(|it| settings(it.threads(2).checkpoint_every(3)));
    let rows = job.script(Script::new((0..8_u64).map(|batch| vec![batch * 2, batch * 2 + 1])));
    rows.write_to(table.clone());
    rows.write_to(plain.clone());
    job.run().map(drop)
}

#[test]
fn a_batch_that_is_in_the_record_is_left_out_and_the_other_outputs_have_it() {
    let all: Vec<u64> = (0..16).collect();
    let whole = FaultyDisk::new();
    run(&Recording::default(), &MemorySink::all(), |it| it.checkpoint_storage(whole.clone())).unwrap();
    for at in 1..=whole.sync_points() {
        for moment in [Breakdown::Before, Breakdown::After] {
            let (disk, table, plain) = (FaultyDisk::new(), Recording::default(), MemorySink::all());
            disk.break_down(at, moment);
            // Of the last points, which are those of checkpoints, one run may have fewer than another.
            let _ = run(&table, &plain, |it| it.checkpoint_storage(disk.clone()));
            disk.restart(at);
            run(&table, &plain, |it| it.checkpoint_storage(disk.clone())).unwrap();
            assert_eq!(table.rows(), all, "a crash {moment:?} sync point {at}");
            assert_eq!(plain.rows(), all, "a crash {moment:?} sync point {at}");
        }
    }
}

#[test]
fn a_job_that_begins_anew_before_the_record_is_told() {
    let table = Recording::default();
    run(&table, &MemorySink::all(), |it| it).unwrap();
    let error = run(&table, &MemorySink::all(), |it| it).unwrap_err().to_string();
    let expected = "write_to 1 of batch 1000 ms: the table: it has a record of the batches up to 8000 ms, and the job has \
                    begun anew before that; bring the checkpoints of the job back, or clear the target and its record";
    assert_eq!(error, expected);
    assert_eq!(table.rows().len(), 16);
}
