//! The job that is measured: W3 with eight panels, or with eight outputs that drop their rows.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use streamgauge::prelude::*;
use streamgauge::sketches::Estimate;
use streamgauge::stream::source::{Limit, Next, Partition, Plan};
use streamgauge::stream::{ManualClock, Time};
use streamgauge_benches::input::{self, Input};

use crate::processor::Taken;

const THREADS: usize = 2;
/// The batches of a window; it slides by one.
const PANES: u32 = 60;
/// A batch that takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a turn has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Milliseconds by the clock from one batch to the next.
    pub(crate) elapsed: f64,
    /// Milliseconds of processor a batch: all threads but the one that serves.
    pub(crate) job: f64,
    /// Those that run batches.
    pub(crate) batches: f64,
    /// The one that serves.
    pub(crate) serving: f64,
    /// The longest that a batch was late, in milliseconds.
    pub(crate) late: f64,
}

impl FromStr for Measured {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let figures: Result<Vec<f64>, _> = line.split_ascii_whitespace().map(str::parse).collect();
        match figures.as_deref() {
            Ok(&[elapsed, job, batches, serving, late]) => Ok(Self { elapsed, job, batches, serving, late }),
            _ => Err(format!("{line:?} is no measurement")),
        }
    }
}

/// When the next batch is due, and how late one was at most.
#[derive(Debug)]
struct Schedule {
    due: Instant,
    late: Duration,
}

/// The visits of W3, a batch of them each time.
struct Visits {
    input: Input<(u32, u32)>,
    schedule: Arc<Mutex<Schedule>>,
}

impl Source for Visits {
    type Item = (u32, u32);
    type Position = u64;

    fn name(&self) -> String {
        "visits".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        schedule.late = schedule.late.max(schedule.due.elapsed());
        Ok(Plan { to: from + 1, next: Next::Ready })
    }

    fn read(&mut self, from: &u64, _: &u64) -> Result<Vec<Box<dyn Partition<(u32, u32)>>>, SourceError> {
        Ok(self.input.read(*from as usize))
    }
}

/// What is shown of W3: the streams, each as a panel or as an output that drops its rows.
fn show(ctx: &StreamingContext, users: &DStream<(u32, Estimate)>, dashboard: bool, ended: Sender<()>) {
    let page = |page: u32| users.filter(move |(known, _)| *known == page);
    let first: Vec<_> = (0..4).map(page).collect();
    let spread = users.window(secs(1), secs(1)).summarize(|on| on.quantiles(|(_, users)| users.value));
    let pages = users.window(secs(1), secs(1)).summarize(|on| on.count());
    // Not by a listener: without a dashboard nobody listens.
    pages.for_each_batch(move |_, _| {
        // Nobody waits any more when the job is being stopped.
        let _ = ended.send(());
        Ok::<(), SourceError>(())
    });
    if dashboard {
        let board = ctx.dashboard();
        board.listen(([127, 0, 0, 1], 0).into());
        board.top("Pages by users", users, |(_, users)| *users);
        board.quantiles("Users of a page", &spread, &[0.1, 0.5, 0.9, 0.99], Clone::clone).unit("users");
        board.number("Users of the middle page", &spread, |spread| spread.at(0.5)).unit("users");
        board.number("Pages", &pages, |pages| *pages);
        for (page, stream) in first.iter().enumerate() {
            board.line(&format!("Users of page {page}"), stream, |(_, users)| *users).unit("users");
        }
        return;
    }
    drops(users);
    drops(&spread);
    drops(&spread);
    drops(&pages);
    first.iter().for_each(drops);
}

fn drops<T: Clone + Send + Sync + 'static>(stream: &DStream<T>) {
    stream.for_each_batch(|_, batch: Batch<T>| batch.collect().map(drop));
}

struct Job {
    ctx: StreamingContext,
    clock: Arc<ManualClock>,
    schedule: Arc<Mutex<Schedule>>,
    ends: Receiver<()>,
}

impl Job {
    fn start(folder: &Path, dashboard: bool) -> Result<Self, Box<dyn Error>> {
        let clock = Arc::new(ManualClock::new(Time::from_secs(1_000_000)));
        let builder = StreamingContext::builder("w3").threads(THREADS).clock(clock.clone());
        let ctx = builder.batch_interval(secs(1)).build();
        let schedule = Arc::new(Mutex::new(Schedule { due: Instant::now(), late: Duration::ZERO }));
        let visits = Visits { input: input::visits(folder)?, schedule: schedule.clone() };
        let users = ctx.source(visits).key_by(|(page, _)| page).window(secs(PANES.into()), secs(1));
        let users = users.summarize(|on| on.distinct(|(_, user)| user));
        let (ended, ends) = mpsc::channel();
        show(&ctx, &users, dashboard, ended);
        ctx.start()?;
        Ok(Self { ctx, clock, schedule, ends })
    }

    /// Runs so many batches, one each `pace`, or one when the one before has ended.
    fn turn(&self, batches: u32, pace: Duration) -> Result<Measured, Box<dyn Error>> {
        let schedule = || self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, before) = (Instant::now(), Taken::now());
        schedule().late = Duration::ZERO;
        for batch in 0..batches {
            let due = if pace.is_zero() { Instant::now() } else { start + pace * batch };
            schedule().due = due;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.clock.advance(secs(1));
            self.ends.recv_timeout(PATIENCE).map_err(|_| "a batch does not end")?;
        }
        let took = Taken::now().since(&before);
        let each = |length: Duration| length.as_secs_f64() * 1e3 / f64::from(batches.max(1));
        let (elapsed, late) = (each(start.elapsed()), schedule().late.as_secs_f64() * 1e3);
        Ok(Measured { elapsed, job: each(took.job), batches: each(took.batches), serving: each(took.serving), late })
    }
}

/// Writes where the dashboard listens. Then, for each line that is read, the number of batches and the milliseconds from
/// one to the next, runs them and writes what was measured.
pub(crate) fn run(folder: &Path, dashboard: bool) -> Result<(), Box<dyn Error>> {
    let job = Job::start(folder, dashboard)?;
    let mut out = io::stdout().lock();
    match dashboard {
        true => writeln!(out, "{}", job.ctx.dashboard().address())?,
        false => writeln!(out, "-")?,
    }
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (batches, pace) = line.split_once(' ').ok_or("a number of batches and a pace are needed")?;
        let Measured { elapsed, job, batches, serving, late } =
            job.turn(batches.parse()?, Duration::from_secs_f64(pace.parse::<f64>()? / 1e3))?;
        writeln!(out, "{elapsed} {job} {batches} {serving} {late}")?;
        out.flush()?;
    }
    job.ctx.stop();
    job.ctx.await_termination()?;
    Ok(())
}
