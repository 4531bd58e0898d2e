//! A turn: W3 with eight panels, or with eight outputs that drop their rows.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use streamgauge::prelude::*;
use streamgauge::sketches::Estimate;
use streamgauge::stream::source::{Limit, Next, Partition, Plan};
use streamgauge_benches::input::{self, Input, PARTITIONS};

use crate::processor::Taken;

const THREADS: usize = 2;
/// The batches of a window; it slides by one.
const PANES: u32 = 60;
/// The first batches are not timed: tables grow, windows fill.
const WARM_UP: u64 = PANES as u64 + 5;
/// Records handed over at once.
const CHUNK: usize = 1_024;

/// What a turn has shown: milliseconds a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// By the clock.
    pub(crate) milliseconds: f64,
    /// Of processor: all threads but the one that serves.
    pub(crate) job: f64,
    /// Those that run batches.
    pub(crate) batches: f64,
    /// The one that serves.
    pub(crate) serving: f64,
    /// The longest that a batch waited, in milliseconds.
    pub(crate) waited: u64,
}

impl FromStr for Measured {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let figures: Result<Vec<f64>, _> = line.split_ascii_whitespace().map(str::parse).collect();
        match figures.as_deref() {
            Ok([milliseconds, job, batches, serving, waited]) => Ok(Self {
                milliseconds: *milliseconds,
                job: *job,
                batches: *batches,
                serving: *serving,
                waited: *waited as u64,
            }),
            _ => Err(format!("{line:?} is no measurement")),
        }
    }
}

/// What is seen when batches are planned.
#[derive(Default)]
struct Seen {
    begun: Option<(Instant, Taken)>,
    ended: Option<(Instant, Taken)>,
    waited: u64,
}

/// The visits of W3, a batch of them each time.
struct Visits {
    input: Input<(u32, u32)>,
    batches: u64,
    seen: Arc<Mutex<Seen>>,
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

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *from == WARM_UP {
            seen.begun = Some((Instant::now(), Taken::now()));
        } else if *from == self.batches {
            seen.ended = Some((Instant::now(), Taken::now()));
            return Ok(Plan { to: *from, next: Next::Finished });
        } else if *from > WARM_UP {
            // The job runs by the clock of the system.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let due = u64::try_from(limit.time.millis()).unwrap_or_default();
            seen.waited = seen.waited.max((now.as_millis() as u64).saturating_sub(due));
        }
        Ok(Plan { to: from + 1, next: Next::Ready })
    }

    fn read(&mut self, from: &u64, _: &u64) -> Result<Vec<Box<dyn Partition<(u32, u32)>>>, SourceError> {
        let slice = |partition| Slice(self.input.partition(*from as usize, partition));
        Ok((0..PARTITIONS).map(|partition| Box::new(slice(partition)) as Box<dyn Partition<_>>).collect())
    }
}

struct Slice(&'static [(u32, u32)]);

impl Partition<(u32, u32)> for Slice {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<(u32, u32)>)) -> Result<(), SourceError> {
        let mut rows = Vec::with_capacity(CHUNK);
        for records in self.0.chunks(CHUNK) {
            rows.extend_from_slice(records);
            out(&mut rows);
            rows.clear();
        }
        Ok(())
    }
}

/// What is shown of W3: the streams, each as a panel or as an output that drops its rows.
fn show(ctx: &StreamingContext, users: &DStream<(u32, Estimate)>, slide: Duration, dashboard: bool) {
    let page = |page: u32| users.filter(move |(known, _)| *known == page);
    let first: Vec<_> = (0..4).map(page).collect();
    let spread = users.window(slide, slide).summarize(|on| on.quantiles(|(_, users)| users.value));
    let pages = users.window(slide, slide).summarize(|on| on.count());
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

/// Runs a turn. Writes where the dashboard listens, and when the job is over what it took.
pub(crate) fn run(folder: &Path, interval: u64, batches: u64, dashboard: bool) -> Result<(), Box<dyn Error>> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let builder = StreamingContext::builder("w3").threads(THREADS);
    let slide = if interval == 0 { secs(1) } else { Duration::from_millis(interval) };
    let ctx = match interval {
        0 => builder.trigger(Trigger::Available).build(),
        _ => builder.batch_interval(slide).build(),
    };
    let visits = Visits { input: input::visits(folder)?, batches: WARM_UP + batches, seen: seen.clone() };
    let users = ctx.source(visits).key_by(|(page, _)| page).window(slide * PANES, slide);
    let users = users.summarize(|on| on.distinct(|(_, user)| user));
    show(&ctx, &users, slide, dashboard);
    ctx.start()?;
    let mut out = io::stdout().lock();
    match dashboard {
        true => writeln!(out, "{}", ctx.dashboard().address())?,
        false => writeln!(out, "-")?,
    }
    out.flush()?;
    ctx.await_termination()?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let (Some((begun, before)), Some((ended, after))) = (seen.begun, seen.ended) else {
        return Err("the job ended before its last batch".into());
    };
    let took = after.since(&before);
    let each = |length: Duration| length.as_secs_f64() * 1e3 / batches as f64;
    let (milliseconds, waited) = (each(ended - begun), if interval == 0 { 0 } else { seen.waited });
    writeln!(out, "{milliseconds} {} {} {} {waited}", each(took.job), each(took.batches), each(took.serving))?;
    Ok(out.flush()?)
}
