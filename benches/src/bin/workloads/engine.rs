//! The workloads as jobs.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;
use streamgauge::stream::State;
use streamgauge::stream::sink::{Cause, Part, Sink};
use streamgauge::stream::source::{Limit, Next, Partition, Plan};

use crate::PANES;
use crate::mark::{Batch, Mark};
use crate::tally::Tally;
use crate::text::each_word;
use streamgauge_benches::input::{self, Input, Workload};

const THREADS: usize = 2;

/// Runs the job of a workload.
pub(crate) fn run(workload: Workload, folder: &Path, batches: usize) -> io::Result<Vec<Batch>> {
    let job = Job::new(workload.name(), batches);
    let window = secs(PANES as u64);
    match workload {
        Workload::W1 => {
            let counts = job.stream(input::lines(folder)?).key_each(|line, key| each_word(line, key)).count();
            job.fold(&counts, |tally, (word, count)| tally.word(word.len(), *count));
        }
        Workload::W2 => {
            let keys = job.stream(input::keys(folder)?).key_by(|key| key).window(window, secs(1));
            let counts = keys.count();
            job.fold(&counts, |tally, (key, count)| tally.count(*key, *count));
        }
        Workload::W3 => {
            let users = job
                .stream(input::visits(folder)?)
                .key_by(|(page, _)| page)
                .window(window, secs(1))
                .summarize(|on| on.distinct(|(_, user)| user));
            job.fold(&users, |tally, (page, users)| tally.users(*page, users.value));
        }
        Workload::W4 => {
            let running = job.stream(input::values(workload, folder)?).key_by(|(key, _)| key).map_with_state(
                |(key, value), state: &mut State<'_, u32, Statistics>| {
                    let held = state.or_default();
                    // On a copy: what was just written in parts is not read back as a whole.
                    let mut statistics = *held;
                    statistics.add(value.into());
                    *held = statistics;
                    (key, statistics)
                },
            );
            job.fold(&running, |tally, (key, it)| tally.running(*key, it.count, it.mean, it.m2));
        }
        Workload::W5 => {
            let values = job
                .stream(input::values(workload, folder)?)
                .key_by(|(key, _)| key)
                .window(window, secs(1))
                .summarize(|on| on.map(|(_, value)| f64::from(*value)).of(Kll::default()));
            job.fold(&values, |tally, (key, values)| tally.p99(*key, values.at(0.99).value));
        }
    }
    job.run()
}

/// What W4 keeps of a key.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Statistics {
    count: u32,
    mean: f64,
    m2: f64,
}

impl Statistics {
    /// Welford's step.
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / f64::from(self.count);
        self.m2 += delta * (value - self.mean);
    }
}

/// A job that reads batches of what is in memory, one after the other.
pub(crate) struct Job {
    ctx: StreamingContext,
    batches: usize,
    /// Those at which batches began.
    marks: Arc<Mutex<Vec<Mark>>>,
    tallies: Arc<Mutex<Vec<Tally>>>,
}

impl Job {
    pub(crate) fn new(name: &str, batches: usize) -> Self {
        let ctx = StreamingContext::builder(name).trigger(Trigger::Available).threads(THREADS).build();
        Self { ctx, batches, marks: Arc::default(), tallies: Arc::default() }
    }

    pub(crate) fn stream<T: Copy + Send + Sync>(&self, input: Input<T>) -> DStream<T> {
        // One batch more: its beginning is the end of the last that counts.
        self.ctx.source(InMemory { input, batches: self.batches as u64 + 1, marks: self.marks.clone() })
    }

    /// Folds the rows of every batch, each partition where it is made.
    pub(crate) fn fold<T: Clone + Send + Sync + 'static>(
        &self,
        rows: &DStream<T>,
        fold: impl Fn(&mut Tally, &T) + Send + Sync + 'static,
    ) {
        rows.write_to(Folded { fold: Arc::new(fold), tallies: self.tallies.clone() });
    }

    pub(crate) fn run(self) -> io::Result<Vec<Batch>> {
        self.ctx.start().and_then(|()| self.ctx.await_termination()).map_err(io::Error::other)?;
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.batches + 1;
        if (marks.len(), tallies.len()) != (all, all) {
            let message = format!("{} batches, {} of them folded, not {all}", marks.len(), tallies.len());
            return Err(io::Error::other(message));
        }
        Ok(marks.windows(2).zip(&*tallies).map(|(marks, &tally)| marks[1].batch_since(&marks[0], tally)).collect())
    }
}

/// A sink that keeps nothing of the rows but a tally of every batch.
struct Folded<F> {
    fold: Arc<F>,
    tallies: Arc<Mutex<Vec<Tally>>>,
}

struct FoldedPart<F> {
    fold: Arc<F>,
    tally: Tally,
}

impl<T, F: Fn(&mut Tally, &T) + Send + Sync + 'static> Sink<T> for Folded<F> {
    type Part = FoldedPart<F>;

    fn target(&self) -> String {
        "tallies".to_owned()
    }

    fn part(&mut self, _: Time, _: usize) -> Result<FoldedPart<F>, Cause> {
        Ok(FoldedPart { fold: self.fold.clone(), tally: Tally::default() })
    }

    fn commit(&mut self, _: Time, parts: Vec<FoldedPart<F>>) -> Result<(), Cause> {
        let mut tally = Tally::default();
        parts.iter().for_each(|part| tally.add(part.tally));
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(tally);
        Ok(())
    }
}

impl<T, F: Fn(&mut Tally, &T) + Send + Sync> Part<T> for FoldedPart<F> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        rows.iter().for_each(|row| (self.fold)(&mut self.tally, row));
        rows.clear();
        Ok(())
    }
}

/// A source of what is in memory. Its position is the number of batches that were read.
struct InMemory<T: 'static> {
    input: Input<T>,
    batches: u64,
    marks: Arc<Mutex<Vec<Mark>>>,
}

impl<T: Copy + Send + Sync> Source for InMemory<T> {
    type Item = T;
    type Position = u64;

    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).push(Mark::now());
        let to = from + 1;
        Ok(Plan { to, next: if to == self.batches { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, from: &u64, _: &u64) -> Result<Vec<Box<dyn Partition<T>>>, SourceError> {
        Ok(self.input.read(*from as usize))
    }
}
