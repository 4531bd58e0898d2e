//! The job that is killed: windows, state by key, sessions, and files.

use std::error::Error;
use std::path::Path;

use streamgauge::prelude::*;
use streamgauge::stream::State;
use streamgauge::stream::sink::Files;
use streamgauge::stream::source::{Limit, Next, Partition, Plan};

/// The records of a batch.
pub(crate) const BATCH: u64 = 400;

/// An event: when, by whom, how much.
pub(crate) type Event = (i64, u32, u32);

/// The job on events that are made as they are read.
pub(crate) fn run(folder: &Path, batches: u64) -> Result<(), Box<dyn Error>> {
    let ctx = context(folder);
    run_on(&ctx, &ctx.source(Events { batches }), folder)
}

/// The settings of the job.
pub(crate) fn context(folder: &Path) -> StreamingContext {
    StreamingContext::builder("crash")
        .trigger(Trigger::Available)
        .threads(2)
        .checkpoint_dir(folder.join("checkpoints"))
        .checkpoint_every(7)
        .build()
}

/// The job on a stream of events.
pub(crate) fn run_on(ctx: &StreamingContext, events: &DStream<Event>, folder: &Path) -> Result<(), Box<dyn Error>> {
    let out = |name: &str| Files::text(folder.join("out").join(name));
    let by_user = || events.key_by(|(_, user, _): &Event| user);
    let by_time = || events.event_time(|(at, ..): &Event| *at, secs(2));

    let windows = by_user().window(secs(20), secs(5)).named("window").summarize(|on| {
        (on.count(), on.distinct(|(.., amount)| amount), on.quantiles(|(.., amount)| f64::from(*amount)))
    });
    windows
        .map(|(user, (n, amounts, q))| format!("{user} {} {} {}", n.value, amounts.value, q.at(0.9).value))
        .write_to(out("window"));

    let totals = by_user().named("total").map_with_state(|(_, user, amount), total: &mut State<'_, u32, u64>| {
        *total.or_default() += u64::from(amount);
        format!("{user} {}", *total.or_default())
    });
    totals.write_to(out("total"));

    let sessions = by_time().key_by(|(_, user, _)| user).named("session").session(secs(3)).summarize(|on| on.count());
    sessions.map(|session| format!("{session:?}")).write_to(out("session"));

    let panes = by_time().key_by(|(_, user, _)| user).named("pane").window(secs(10), secs(5));
    panes.summarize(|on| on.top(3, |(.., amount)| amount)).map(|row| format!("{row:?}")).write_to(out("pane"));
    ctx.run()?;
    Ok(())
}

/// An event of this number.
pub(crate) fn event(i: u64) -> Event {
    let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    // Five milliseconds from one to the next, a little out of order.
    (i as i64 * 5 - (mixed % 1_500) as i64, (mixed % 97) as u32, (mixed >> 8) as u32 % 1_000)
}

/// A fixed number of events a batch, the same whenever they are read.
struct Events {
    batches: u64,
}

impl Source for Events {
    type Item = Event;
    /// The batches that were read.
    type Position = u64;

    fn name(&self) -> String {
        "events".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        let to = from + 1;
        Ok(Plan { to, next: if to >= self.batches { Next::Finished } else { Next::Ready } })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<Event>>>, SourceError> {
        let halves = (2 * from..2 * to).map(|half| Box::new(Half(half)) as Box<dyn Partition<Event>>);
        Ok(halves.collect())
    }
}

/// Half a batch.
struct Half(u64);

impl Partition<Event> for Half {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<Event>)) -> Result<(), SourceError> {
        let size = BATCH / 2;
        out(&mut (self.0 * size..(self.0 + 1) * size).map(event).collect());
        Ok(())
    }
}
