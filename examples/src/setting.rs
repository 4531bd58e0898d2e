//! The flags that every simulated job has, and what follows from them.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use streamgauge::prelude::*;

use crate::check::Check;
use crate::failure::told;
use crate::{Failure, Progress, ended};

/// How often a paced job runs a batch.
const BATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Where the dashboard listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7878);

/// How fast records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many a second.
    PerSecond(u64),
    /// All that there are, as fast as possible.
    Max,
}

impl std::str::FromStr for Pace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "max" => Ok(Self::Max),
            _ => match text.parse() {
                Ok(rate) if rate > 0 => Ok(Self::PerSecond(rate)),
                _ => Err("give a whole number above 0, or max"),
            },
        }
    }
}

/// What every simulated job may be told.
#[derive(Args, Clone, Debug)]
pub struct Setting {
    /// How many readings are simulated; there is no end if not given
    #[arg(long, value_name = "READINGS")]
    pub readings: Option<u64>,

    /// Readings a second; or max, for all of them at once, then exit
    #[arg(long, value_name = "RATE|max")]
    pub rate: Option<Pace>,

    /// Where the dashboard listens. Whoever can reach the address sees the data
    #[arg(long, default_value_t = LISTEN, value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// No dashboard
    #[arg(long)]
    pub no_dashboard: bool,

    /// The seed of the simulation, and of the hashes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Threads to compute on; as many as the machine has if not given
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,

    /// Compute the exact answers too, in memory that grows with the data of a window, and hold the approximate ones
    /// against them; exit with 3 if one did not keep its contract
    #[arg(long)]
    pub check: bool,

    /// Show rate, delay and rows while the job runs, if the standard error is a terminal
    #[arg(long)]
    pub progress: bool,

    /// Spoils the approximate answers before they are checked: so that a test sees a check fail.
    #[arg(skip)]
    pub spoiled: bool,
}

impl Default for Setting {
    /// For tests: no dashboard, all at once.
    fn default() -> Self {
        Self {
            readings: None,
            rate: Some(Pace::Max),
            listen: LISTEN,
            no_dashboard: true,
            seed: 1,
            threads: 0,
            check: false,
            progress: false,
            spoiled: false,
        }
    }
}

impl Setting {
    /// A job with this setting. Without an end there must be a pace: `unsaid` readings a second if none is said.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a simulation without an end is to run at once.
    pub fn context(&self, name: &str) -> Result<StreamingContext, Failure> {
        if self.rate == Some(Pace::Max) && self.readings.is_none() {
            let what = "all readings of a simulation without an end are too many: say how many, with --readings";
            return Err(Failure::Usage(what.to_owned()));
        }
        let ctx = StreamingContext::builder(name)
            .batch_interval(BATCH_INTERVAL)
            .trigger(if self.rate == Some(Pace::Max) { Trigger::Available } else { Trigger::Every })
            .seed(self.seed)
            .threads(self.threads)
            .build();
        if !self.no_dashboard {
            ctx.dashboard().listen(self.listen);
        }
        Ok(ctx)
    }

    /// The numbers of the readings, from 0; at so many a second if no pace was said.
    pub fn numbers(&self, ctx: &StreamingContext, unsaid: u64) -> DStream<u64> {
        let per_second = match self.rate {
            Some(Pace::PerSecond(rate)) => rate,
            // All of them are there at once.
            Some(Pace::Max) => 1_000_000,
            None => unsaid,
        };
        let mut numbers = Rate::per_second(per_second);
        if let Some(readings) = self.readings {
            numbers = numbers.records(readings);
        }
        ctx.source(numbers).map(|(number, _)| number)
    }

    /// A check of the job's answers, if one was asked for.
    pub fn checked(&self) -> Option<Check> {
        self.check.then(|| Check::new(self.spoiled))
    }

    /// Runs the job until its input ends or it is told to stop, then tells what it did and what came of the check. A
    /// dashboard stays when the input has ended, unless answers are checked.
    ///
    /// # Errors
    /// [`Failure`], with one line that says what is wrong.
    pub fn run(&self, ctx: &StreamingContext, rows: &Arc<AtomicU64>, check: Option<&Check>) -> Result<Report, Failure> {
        if self.progress {
            ctx.add_listener(Arc::new(Progress::new(rows.clone())));
        }
        ctx.start().map_err(|error| Failure::Usage(error.to_string()))?;
        ctx.stop_on_ctrl_c();
        if !self.no_dashboard {
            eprintln!("dashboard: http://{}", ctx.dashboard().address());
        }
        let report = ctx.await_termination()?;
        eprintln!("{}", ended(&report));
        if let Some(check) = check {
            eprintln!("{}", check.verdict().map_err(Failure::Broken)?);
        } else if !self.no_dashboard && !ctx.is_stopping() {
            eprintln!("the input has ended; the dashboard stays until Ctrl-C");
            ctx.await_stop();
        }
        Ok(report)
    }
}

/// Writes the rows of a stream as lines, in their order, and counts them.
pub fn write_rows<T, W>(
    rows: &DStream<T>,
    out: W,
    write: impl Fn(&T, &mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Arc<AtomicU64>
where
    T: streamgauge::stream::source::Record,
    W: Write + Send + 'static,
{
    let written = Arc::new(AtomicU64::new(0));
    let (counter, mut out) = (written.clone(), io::BufWriter::new(out));
    rows.for_each_batch(move |_, batch| {
        let rows = batch.collect().map_err(|error| error.to_string())?;
        rows.iter().try_for_each(|row| write(row, &mut out)).and_then(|()| out.flush()).map_err(told)?;
        counter.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok::<(), String>(())
    });
    written
}

/// Hands the rows of a stream to a check.
pub fn check_rows<T>(rows: &DStream<T>, check: Option<&Check>, hold: impl Fn(&T, &Check) + Send + 'static)
where
    T: streamgauge::stream::source::Record,
{
    let Some(check) = check.cloned() else { return };
    rows.for_each_batch(move |_, batch| {
        batch.collect()?.iter().for_each(|row| hold(row, &check));
        Ok::<(), Error>(())
    });
}

/// What several outputs of a job share.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
