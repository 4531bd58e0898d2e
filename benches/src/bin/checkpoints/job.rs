//! W4 as a job: a running count, mean and spread for each of a million keys.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;
use streamgauge::stream::State;
use streamgauge::stream::sink::{Cause, Part, Sink};
use streamgauge::stream::source::{Limit, Next, Partition, Plan};

const THREADS: usize = 2;

/// The records of a batch.
pub(crate) const BATCH: usize = 200_000;

/// Different batches of random records.
const BATCHES: usize = 60;

/// The keys of random records.
const KEYS: u64 = 1_000_000;

/// Records handed over at once.
const CHUNK: usize = 1_024;

type Record = (u32, f32);

/// What is read.
#[derive(Clone, Copy)]
pub(crate) enum Input {
    /// Records of random keys, batch by batch, again and again.
    Random(&'static [Record]),
    /// A record of every number below this.
    Each(u32),
}

impl Input {
    /// The records of W4, for as long as the process lives.
    pub(crate) fn random(batches: usize) -> Self {
        let mut state = 4_u64;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let unit = |x: u64| (x >> 11) as f64 * (-53_f64).exp2();
        let records = batches.min(BATCHES) * BATCH;
        let records: Vec<Record> =
            (0..records).map(|_| ((next() % KEYS) as u32, (100.0 * unit(next())) as f32)).collect();
        Self::Random(records.leak())
    }

    /// Half a batch.
    fn half(self, batch: u64, half: usize, out: &mut dyn FnMut(&mut Vec<Record>)) {
        let mut chunk = Vec::with_capacity(CHUNK);
        match self {
            Self::Random(records) => {
                let from = batch as usize * BATCH % records.len() + half * BATCH / 2;
                for records in records[from..from + BATCH / 2].chunks(CHUNK) {
                    chunk.extend_from_slice(records);
                    out(&mut chunk);
                    chunk.clear();
                }
            }
            Self::Each(keys) => {
                let from = (batch as u32).wrapping_mul(BATCH as u32) + (half * BATCH / 2) as u32;
                for i in (from..from + (BATCH / 2) as u32).filter(|i| *i < keys) {
                    // A product with an odd number takes no two keys to one.
                    chunk.push((i.wrapping_mul(0x9e37_79b1), i as f32));
                    if chunk.len() == CHUNK {
                        out(&mut chunk);
                        chunk.clear();
                    }
                }
                out(&mut chunk);
            }
        }
    }
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

/// How a job is run.
pub(crate) struct Course<'a> {
    pub(crate) input: Input,
    pub(crate) batches: usize,
    /// Back to back if there is none.
    pub(crate) interval: Option<Duration>,
    /// Where checkpoints go, if there are any.
    pub(crate) checkpoints: Option<&'a Path>,
    pub(crate) every: u32,
}

/// What is known of a run.
pub(crate) struct Done {
    /// When each batch was planned.
    pub(crate) planned: Vec<Instant>,
    /// How long after its time the rows of each batch were there, and a sum over its rows.
    pub(crate) batches: Vec<(Duration, u64)>,
    /// When the rows of the first batch were there.
    pub(crate) first: Option<Instant>,
}

#[derive(Default)]
struct Seen {
    planned: Vec<Instant>,
    batches: Vec<(Duration, u64)>,
    first: Option<Instant>,
}

/// Runs W4 to its end.
pub(crate) fn run(course: &Course<'_>) -> io::Result<Done> {
    let mut settings = StreamingContext::builder("W4").threads(THREADS).checkpoint_every(course.every);
    settings = match course.interval {
        Some(interval) => settings.batch_interval(interval),
        None => settings.trigger(Trigger::Available),
    };
    if let Some(folder) = course.checkpoints {
        settings = settings.checkpoint_dir(folder);
    }
    let ctx = settings.build();
    let seen = Arc::new(Mutex::new(Seen::default()));
    // A job that is to be started again must not have seen the end of its input.
    let last = if course.interval.is_some() { Next::Finished } else { Next::Idle };
    let source = InMemory { input: course.input, batches: course.batches as u64, last, seen: seen.clone() };
    let running = ctx.source(source).key_by(|(key, _)| key).map_with_state(
        |(key, value), state: &mut State<'_, u32, Statistics>| {
            let held = state.or_default();
            let mut statistics = *held;
            statistics.add(value.into());
            *held = statistics;
            (key, statistics)
        },
    );
    running.write_to(Folded { seen: seen.clone() });
    ctx.run().map_err(io::Error::other)?;
    let Seen { planned, batches, first } = std::mem::take(&mut *lock(&seen));
    Ok(Done { planned, batches, first })
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps nothing of the rows but a sum.
struct Folded {
    seen: Arc<Mutex<Seen>>,
}

struct Sum(u64);

impl Sink<(u32, Statistics)> for Folded {
    type Part = Sum;

    fn target(&self) -> String {
        "sums".to_owned()
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Sum, Cause> {
        Ok(Sum(0))
    }

    fn commit(&mut self, time: Time, parts: Vec<Sum>) -> Result<(), Cause> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let due = Duration::from_millis(time.millis().unsigned_abs());
        let mut seen = lock(&self.seen);
        seen.first.get_or_insert_with(Instant::now);
        seen.batches.push((now.saturating_sub(due), parts.iter().fold(0, |sum, part| part.0.wrapping_add(sum))));
        Ok(())
    }
}

impl Part<(u32, Statistics)> for Sum {
    fn write(&mut self, rows: &mut Vec<(u32, Statistics)>) -> Result<(), Cause> {
        for (key, it) in rows.drain(..) {
            let check = u64::from(key ^ it.count.rotate_left(16)) ^ it.mean.to_bits() ^ it.m2.to_bits().rotate_left(1);
            self.0 = self.0.wrapping_add(check);
        }
        Ok(())
    }
}

/// A source of what is in memory. Its position is the number of batches that were read.
struct InMemory {
    input: Input,
    batches: u64,
    /// What comes after the last batch.
    last: Next,
    seen: Arc<Mutex<Seen>>,
}

impl Source for InMemory {
    type Item = Record;
    type Position = u64;

    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, SourceError> {
        lock(&self.seen).planned.push(Instant::now());
        let to = from + 1;
        Ok(Plan { to, next: if to >= self.batches { self.last } else { Next::Ready } })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<Record>>>, SourceError> {
        let half = |batch, half| Box::new(Half { input: self.input, batch, half }) as Box<dyn Partition<Record>>;
        Ok((*from..*to).flat_map(|batch| [half(batch, 0), half(batch, 1)]).collect())
    }
}

struct Half {
    input: Input,
    batch: u64,
    half: usize,
}

impl Partition<Record> for Half {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<Record>)) -> Result<(), SourceError> {
        self.input.half(self.batch, self.half, out);
        Ok(())
    }
}
