//! Random inputs, the job that reads them, and what the oracle needs to know of them.

use std::fmt::Debug;
use std::ops::Range;

use proptest::prelude::*;
use streamgauge_stream::source::{Limit, Next, Partition, Plan};
use streamgauge_stream::{DStream, Source, SourceError, StreamingContext, Trigger};

/// When it happened, its key, its value.
pub(crate) type Record = (i64, u8, u16);

/// The records of an input, by batch and partition.
pub(crate) type Input = Vec<Vec<Vec<Record>>>;

/// A script that is read a batch at a time, up to some batch; it can replay.
pub(crate) struct Script<T> {
    batches: Vec<Vec<Vec<T>>>,
    until: usize,
}

impl<T> Script<T> {
    pub(crate) fn new(batches: Vec<Vec<Vec<T>>>) -> Self {
        let until = batches.len();
        Self { batches, until }
    }
}

struct Part<T>(Vec<T>);

impl<T: Clone + Send + Sync + 'static> Partition<T> for Part<T> {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError> {
        // Chunks of odd sizes, to meet every boundary.
        self.0.chunks(7).for_each(|chunk| out(&mut chunk.to_vec()));
        Ok(())
    }
}

impl<T: Clone + Send + Sync + 'static> Source for Script<T> {
    type Item = T;
    type Position = usize;

    fn name(&self) -> String {
        "script".to_owned()
    }

    fn start(&self) -> usize {
        0
    }

    fn plan(&mut self, from: &usize, _: Limit) -> Result<Plan<usize>, SourceError> {
        let to = (from + 1).min(self.until).min(self.batches.len());
        let next = match (to >= self.batches.len(), to >= self.until) {
            (true, _) => Next::Finished,
            (false, true) => Next::Idle,
            (false, false) => Next::Ready,
        };
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &usize, to: &usize) -> Result<Vec<Box<dyn Partition<T>>>, SourceError> {
        let partitions = self.batches[*from..*to].iter().flatten();
        Ok(partitions.map(|records| Box::new(Part(records.clone())) as Box<dyn Partition<T>>).collect())
    }
}

/// Inputs of one to three streams: mostly forward in time, sometimes back or far ahead.
pub(crate) fn inputs(count: Range<usize>) -> impl Strategy<Value = Vec<Input>> {
    let step = prop_oneof![8 => 0..20_i64, 2 => -60..0_i64, 1 => 50..400_i64, 1 => -400..0_i64];
    let record = (step, 0..5_u8, 0..50_u16);
    let input =
        (prop::collection::vec(record, 0..100), 1..20_usize, 1..4_usize).prop_map(|(steps, size, partitions)| {
            let mut time = 1_000;
            let records: Vec<Record> = steps
                .into_iter()
                .map(|(step, key, value)| {
                    time += step;
                    (time, key, value)
                })
                .collect();
            records.chunks(size).map(<[_]>::to_vec).collect::<Vec<_>>().chunks(partitions).map(<[_]>::to_vec).collect()
        });
    prop::collection::vec(input, count)
}

/// The same records, all in one batch.
pub(crate) fn at_once(inputs: &[Input]) -> Vec<Input> {
    inputs.iter().map(|input| vec![input.iter().flatten().cloned().collect()]).collect()
}

/// A record as the oracle sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) time: i64,
    pub(crate) key: u8,
    pub(crate) value: u16,
    pub(crate) batch: usize,
}

/// What event time makes of some inputs.
pub(crate) struct Past {
    pub(crate) kept: Vec<Seen>,
    pub(crate) late: Vec<Record>,
    /// By batch: the newest time that all inputs have reached that have not ended.
    reached: Vec<i64>,
    delay: i64,
    lateness: i64,
}

impl Past {
    /// Goes through the records in their order. A record is late if the last moment of its pane lies before the horizon.
    pub(crate) fn of(inputs: &[Input], delay: i64, lateness: i64, pane: i64) -> Self {
        let batches = batches(inputs);
        let (mut kept, mut late, mut newest) = (Vec::new(), Vec::new(), vec![i64::MIN; inputs.len()]);
        let mut reached = Vec::new();
        for batch in 0..batches {
            for (input, newest) in inputs.iter().zip(&mut newest) {
                for &(time, key, value) in input.get(batch).into_iter().flatten().flatten() {
                    *newest = time.max(*newest);
                    let last_moment = time.div_euclid(pane) * pane + pane - 1;
                    if last_moment < *newest - delay - lateness {
                        late.push((time, key, value));
                    } else {
                        kept.push(Seen { time, key, value, batch });
                    }
                }
            }
            let unfinished = inputs.iter().zip(&newest).filter(|(input, _)| input.len() > batch + 1);
            reached.push(unfinished.map(|(_, newest)| *newest).min().unwrap_or(i64::MAX));
        }
        Self { kept, late, reached, delay, lateness }
    }

    fn behind(&self, batch: usize, distance: i64) -> i64 {
        let reached = self.reached.get(batch).copied().unwrap_or(i64::MAX);
        if reached == i64::MAX { i64::MAX } else { reached.saturating_sub(distance) }
    }

    /// The watermark after a batch and before it.
    pub(crate) fn watermark(&self, batch: usize) -> (i64, i64) {
        let before = if batch == 0 { i64::MIN } else { self.behind(batch - 1, self.delay) };
        (before, self.behind(batch, self.delay))
    }

    /// What is over after a batch and before it.
    pub(crate) fn horizon(&self, batch: usize) -> (i64, i64) {
        let distance = self.delay + self.lateness;
        let before = if batch == 0 { i64::MIN } else { self.behind(batch - 1, distance) };
        (before, self.behind(batch, distance))
    }
}

/// How many batches a job has that reads these inputs.
pub(crate) fn batches(inputs: &[Input]) -> usize {
    inputs.iter().map(Vec::len).max().unwrap_or(0).max(1)
}

/// Rows by batch, late records, how many of them, and the state at the end.
pub(crate) struct Ran<R> {
    pub(crate) rows: Vec<Vec<R>>,
    pub(crate) late: Vec<Record>,
    pub(crate) counted_late: u64,
    pub(crate) snapshot: Vec<u8>,
}

/// Where a run begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'a> {
    pub(crate) until: usize,
    pub(crate) from: Option<&'a [u8]>,
}

pub(crate) const ALL: Stretch<'static> = Stretch { until: usize::MAX, from: None };

/// Runs a job over inputs. It gives its rows and its late records; an input for `None` has no such stream.
pub(crate) fn run<R: Clone + Send + Sync + 'static>(
    inputs: &[Input],
    threads: usize,
    stretch: Stretch<'_>,
    job: impl Fn(Vec<DStream<Record>>) -> (DStream<R>, Option<DStream<Record>>),
) -> Ran<R> {
    let ctx = StreamingContext::builder("events").trigger(Trigger::Available).threads(threads).build();
    let streams = inputs.iter().map(|input| ctx.source(Script { until: stretch.until, ..Script::new(input.clone()) }));
    let (rows, late) = job(streams.collect());
    let (rows, late) = (rows.collect_to_memory(), late.map(|late| late.collect_to_memory()));
    match stretch.from {
        Some(snapshot) => ctx.start_from(snapshot).unwrap(),
        None => ctx.start().unwrap(),
    }
    let report = ctx.await_termination().unwrap();
    Ran {
        rows: rows.batches().into_iter().map(|(_, rows)| rows).collect(),
        late: late.map(|late| late.rows()).unwrap_or_default(),
        counted_late: report.late,
        snapshot: ctx.snapshot().unwrap(),
    }
}

/// Runs a job on 1, 2 and 8 threads, which must give the same rows in the same order, and once more with a stop and a
/// restart in the middle, which must too.
pub(crate) fn run_every_way<R: Clone + Debug + PartialEq + Send + Sync + 'static>(
    inputs: &[Input],
    job: impl Fn(Vec<DStream<Record>>) -> (DStream<R>, Option<DStream<Record>>),
) -> Ran<R> {
    let ran = run(inputs, 1, ALL, &job);
    for threads in [2, 8] {
        let other = run(inputs, threads, ALL, &job);
        assert_eq!(other.rows, ran.rows);
        assert_eq!((&other.late, other.counted_late), (&ran.late, ran.counted_late));
    }
    let middle = batches(inputs) / 2;
    if middle > 0 {
        let first = run(inputs, 2, Stretch { until: middle, from: None }, &job);
        let second = run(inputs, 2, Stretch { until: usize::MAX, from: Some(&first.snapshot) }, &job);
        assert_eq!([first.rows, second.rows].concat(), ran.rows);
        assert_eq!([first.late, second.late].concat(), ran.late);
        assert_eq!(first.counted_late + second.counted_late, ran.counted_late);
    }
    ran
}

pub(crate) fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_unstable();
    rows
}
