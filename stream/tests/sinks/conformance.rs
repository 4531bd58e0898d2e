//! The kit finds what is wrong with a sink.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use streamgauge_stream::Time;
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Cause, Part, Sink};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    NoTarget,
    SeenTooEarly,
    WrongOrder,
    ForgetsTheLastPartition,
    Appends,
    EmptyDoesNotReplace,
    CommitsTheAborted,
    FailsOnEmpty,
    ForgetsAtRestart,
    TakesNoErrors,
    RecordsTheBatchBefore,
    RecordsTheAborted,
}

type Table = Arc<Mutex<Vec<(Time, Vec<u64>)>>>;

/// A sink with a flaw.
struct Flawed {
    flaw: Flaw,
    table: Table,
}

struct FlawedPart {
    rows: Vec<u64>,
    /// The table, if rows go there at once.
    leak: Option<(Time, Table)>,
}

impl Part<u64> for FlawedPart {
    fn write(&mut self, rows: &mut Vec<u64>) -> Result<(), Cause> {
        if let Some((batch, table)) = &self.leak {
            table.lock().unwrap().push((*batch, rows.clone()));
        }
        self.rows.append(rows);
        Ok(())
    }
}

/// The last batch that was aborted, for the one flaw that knows of it.
static ABORTED: AtomicI64 = AtomicI64::new(0);

impl Flawed {
    fn aborted(&self) -> Option<Time> {
        Some(Time::from_secs(ABORTED.load(Ordering::Relaxed)))
    }
}

impl Sink<u64> for Flawed {
    type Part = FlawedPart;

    fn target(&self) -> String {
        if self.flaw == Flaw::NoTarget { String::new() } else { "a table".to_owned() }
    }

    fn open(&mut self) -> Result<(), Cause> {
        if self.flaw == Flaw::ForgetsAtRestart {
            self.table.lock().unwrap().clear();
        }
        Ok(())
    }

    fn part(&mut self, batch: Time, _: usize) -> Result<FlawedPart, Cause> {
        let leak = (self.flaw == Flaw::SeenTooEarly).then(|| (batch, self.table.clone()));
        Ok(FlawedPart { rows: Vec::new(), leak })
    }

    fn commit(&mut self, batch: Time, mut parts: Vec<FlawedPart>) -> Result<(), Cause> {
        match self.flaw {
            Flaw::WrongOrder => parts.reverse(),
            Flaw::ForgetsTheLastPartition if parts.len() > 1 => drop(parts.pop()),
            Flaw::FailsOnEmpty if parts.is_empty() => return Err("no rows".into()),
            _ => {}
        }
        let rows: Vec<_> = parts.into_iter().flat_map(|part| part.rows).collect();
        let mut table = self.table.lock().unwrap();
        let keeps = match self.flaw {
            Flaw::Appends => true,
            Flaw::EmptyDoesNotReplace => rows.is_empty(),
            _ => false,
        };
        if !keeps {
            table.retain(|(time, _)| *time != batch);
        }
        table.push((batch, rows));
        Ok(())
    }

    fn committed(&mut self) -> Result<Option<Time>, Cause> {
        let table = self.table.lock().unwrap();
        let mut times: Vec<_> = table.iter().map(|(time, _)| *time).collect();
        times.sort();
        Ok(match self.flaw {
            Flaw::RecordsTheBatchBefore => times.iter().rev().nth(1).copied(),
            Flaw::RecordsTheAborted => times.last().copied().max(self.aborted()),
            _ => None,
        })
    }

    fn abort(&mut self, batch: Time) {
        if self.flaw == Flaw::RecordsTheAborted {
            ABORTED.store(batch.secs(), Ordering::Relaxed);
        }
        if self.flaw == Flaw::CommitsTheAborted {
            self.table.lock().unwrap().push((batch, vec![0]));
        }
    }
}

struct Flaws(Flaw, Table);

impl Subject for Flaws {
    type Row = u64;
    type Sink = Flawed;

    fn sink(&mut self) -> Flawed {
        Flawed { flaw: self.0, table: self.1.clone() }
    }

    fn row(&self, n: u64) -> u64 {
        n
    }

    fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
        self.1.lock().unwrap().clone()
    }

    fn broken(&mut self) -> Option<Flawed> {
        // A sink that takes everything, where one that cannot is asked for.
        (self.0 == Flaw::TakesNoErrors).then(|| Flawed { flaw: Flaw::None, table: Arc::default() })
    }
}

/// What the kit says about a sink with this flaw.
fn verdict(flaw: Flaw) -> String {
    match catch_unwind(AssertUnwindSafe(|| check(&mut Flaws(flaw, Arc::default())))) {
        Ok(()) => "fine".to_owned(),
        Err(panic) => {
            panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
        }
    }
}

#[test]
fn a_sink_without_a_flaw_passes() {
    assert_eq!(verdict(Flaw::None), "fine");
}

#[test]
fn every_flaw_is_found_and_named() {
    for (flaw, words) in [
        (Flaw::NoTarget, "target() is empty"),
        (Flaw::SeenTooEarly, "before it is committed"),
        (Flaw::WrongOrder, "in the order of its partitions"),
        (Flaw::ForgetsTheLastPartition, "in the order of its partitions"),
        (Flaw::Appends, "must replace what was written of it"),
        (Flaw::EmptyDoesNotReplace, "an empty batch must replace rows"),
        (Flaw::CommitsTheAborted, "nothing of a batch that has failed must be seen"),
        (Flaw::FailsOnEmpty, "failed: no rows"),
        (Flaw::ForgetsAtRestart, "a restart must leave what was committed"),
        (Flaw::RecordsTheBatchBefore, "committed() must give the last batch that was committed"),
        (Flaw::RecordsTheAborted, "committed() must not give a batch that has failed"),
        (Flaw::TakesNoErrors, "a target that cannot be written must be an error"),
    ] {
        let verdict = verdict(flaw);
        assert!(verdict.contains(words), "{verdict}\ndoes not say: {words}");
    }
}
