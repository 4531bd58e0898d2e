//! Jobs that cannot keep up, and thin their input.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use streamgauge_sketches::{Bloom, Kll, Weight};
use streamgauge_stream::testing::{
    Breakdown, FaultyDisk, Recorder, Script, SimulatedClock, TestJob, same_for_any_threads,
};
use streamgauge_stream::{
    BatchInfo, Clock, ContextBuilder, DStream, Error, MemorySink, SampledStream, StreamingContext, Time, millis, secs,
};

/// A page, the bytes of an answer, and when it was given.
#[derive(Clone, Debug, PartialEq)]
struct Visit {
    page: u32,
    bytes: u64,
    at: i64,
}

/// The pages: most visits are of the first three, some of them of a hundred others.
fn visit(i: u64) -> Visit {
    let hash = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let page = if hash.is_multiple_of(100) { 10 + hash / 100 % 100 } else { hash % 3 };
    Visit { page: page as u32, bytes: hash % 1_500 * (1 + page % 7), at: i as i64 * 2 }
}

fn visits(batches: u64, size: u64) -> Script<Visit> {
    Script::new((0..batches).map(|batch| (batch * size..(batch + 1) * size).map(visit).collect())).in_partitions(3)
}

/// The same summaries of a stream that may be sampled and of one that may not: their operators have the same names.
macro_rules! describe {
    ($stream:expr, $target:expr) => {{
        let (stream, target): (_, &Target) = ($stream, $target);
        let all = stream.map(|visit: Visit| visit).summarize(|on| {
            (on.count(), on.sum(|v| v.bytes), on.mean(|v| v.bytes), on.moments(|v| v.bytes as f64 / 3.0))
        });
        let pages = stream.filter(|v: &Visit| v.bytes > 9).key_by(|v: &Visit| &v.page).summarize(|on| {
            (on.count(), on.sum(|v| v.bytes as f64 / 3.0), on.mean(|v| v.bytes), on.when(|v| v.bytes > 700).count())
        });
        let windows = stream.key_by(|v: &Visit| &v.page).named("windows").window(secs(3), secs(1)).summarize(|on| {
            (
                on.count(),
                on.covariance(|v| (v.bytes as f64, v.page as f64)),
                on.map(|v| v.bytes as f64).of(Kll::default()),
            )
        });
        let windows = windows.map(|(page, (n, covariance, kll))| (page, n, covariance, kll.at(0.5), kll.rank(500.0)));
        let tumbling = stream.event_time(|v: &Visit| v.at, millis(500)).key_by(|v: &Visit| &v.page).named("tumbling");
        let tumbling = tumbling.tumbling(secs(2)).summarize(|on| (on.count(), on.mean(|v| v.bytes)));
        let running =
            stream.running().half_life(secs(4)).named("running").summarize(|on| {
                (on.top(4, |v| &v.page), on.frequencies(|v| &v.page), on.quantiles(|v| v.bytes as f64))
            });
        let running = running.map(|(top, counts, bytes)| (top, counts.estimate(&1_u32), bytes.at(0.9)));
        target.keep(0, &all);
        target.keep(1, &pages);
        target.keep(2, &windows);
        target.keep(3, &tumbling);
        target.keep(4, &running);
    }};
}

/// What a job has written, as text: a target that outlives it.
struct Target(Vec<MemorySink<String>>);

type Batches = Vec<(Time, Vec<String>)>;

impl Target {
    fn new() -> Self {
        Self((0..5).map(|_| MemorySink::all()).collect())
    }

    fn keep<T: Debug + Clone + Send + Sync + 'static>(&self, output: usize, rows: &DStream<T>) {
        rows.map(|row| format!("{row:?}")).write_to(self.0[output].clone());
    }

    fn batches(&self) -> Vec<Batches> {
        self.0.iter().map(MemorySink::batches).collect()
    }
}

/// A job whose every record takes `cost` of work behind the operator that sheds.
fn run(
    clock: &Arc<SimulatedClock>,
    source: Script<Visit>,
    cost: Duration,
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
    describe: impl FnOnce(&SampledStream<Visit>),
) -> Result<Vec<BatchInfo>, Error> {
    let ctx = settings(StreamingContext::builder("shedding").threads(2).clock(clock.clone())).build();
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    let work = clock.clone();
    let sampled = ctx.source(source.source()).shed_named("shed", |v| &v.page, 0.05).map(move |visit| {
        work.work(cost);
        visit
    });
    describe(&sampled);
    ctx.run()?;
    Ok(recorder.batches())
}

#[test]
fn a_job_that_keeps_up_is_the_same_to_the_bit() {
    let (shedding, plain) = (Target::new(), Target::new());
    let mut job = TestJob::new();
    let stream = job.script(visits(8, 5_000));
    describe!(&stream.shed(|v| &v.page, 0.1), &shedding);
    let recorder = job.record();
    job.run().unwrap();
    let mut job = TestJob::new();
    let stream = job.script(visits(8, 5_000));
    describe!(&stream, &plain);
    job.run().unwrap();
    assert!(shedding.0.iter().all(|sink| sink.rows().len() > 5));
    assert!(shedding.batches() == plain.batches());
    let batches = recorder.batches();
    assert!(batches[..8].iter().all(|batch| batch.sampled == Some(1.0)));
    let shed = batches[0].operators.iter().find(|operator| operator.kind == "shed").unwrap();
    assert_eq!((&*shed.name, shed.rows_in, shed.rows_out), ("shed 1", 5_000, 5_000));
}

#[test]
fn overload_thins_the_stream_until_it_is_over() {
    // 4,000 records of half a millisecond are two seconds of work a second; then there is hardly any.
    let batches = (0..60_u64).map(|batch| {
        let size = if batch < 30 { 4_000 } else { 400 };
        (batch * 10_000..batch * 10_000 + size).map(visit).collect()
    });
    let (clock, target) = (SimulatedClock::new(), MemorySink::all());
    let sink = target.clone();
    let infos = run(
        &clock,
        Script::new(batches).in_partitions(3),
        Duration::from_micros(500),
        |it| it,
        |visits| {
            visits.summarize(|on| (on.count(), on.sum(|v| v.bytes), on.mean(|v| v.bytes))).write_to(sink);
        },
    );
    let infos = infos.unwrap();
    assert_eq!(infos.len(), 60);
    assert_eq!(infos[0].sampled, Some(1.0));
    for info in &infos[10..30] {
        let sampled = info.sampled.unwrap();
        assert!((0.3..0.5).contains(&sampled), "{sampled} of batch {}", info.time);
        assert!(info.total_delay() < secs(1) && info.queued == 0, "batch {} is late", info.time);
        assert_eq!(info.records, 4_000);
    }
    assert_eq!(infos.last().unwrap().sampled, Some(1.0), "every record again");
    let mut held = [0; 3];
    for (batch, row) in (0..).zip(target.rows()) {
        let truth = (0..infos[batch as usize].records).map(|i| visit(batch * 10_000 + i).bytes as f64);
        let (n, sum) = truth.fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
        let (count, bytes, mean) = row;
        let exact = infos[batch as usize].sampled == Some(1.0);
        assert_eq!((count.is_exact(), bytes.is_exact(), mean.is_exact()), (exact, exact, exact), "batch {batch}");
        held[0] += usize::from(count.contains(n));
        held[1] += usize::from(bytes.contains(sum));
        // Rounded in another order.
        held[2] += usize::from(mean.contains(sum / n) || (mean.value - sum / n).abs() < 1e-9 * mean.value);
    }
    assert!(held.iter().all(|held| *held >= 54), "{held:?} of 60 intervals hold");
}

#[test]
fn rare_strata_are_kept_whole() {
    // Three pages of a thousand visits each, and five of a few.
    let batch: Vec<Visit> = (0..3_000_u64)
        .map(|i| Visit { page: if i % 200 == 7 { 90 + (i / 200 % 5) as u32 } else { (i % 3) as u32 }, ..visit(i) })
        .collect();
    let truth = batch.iter().fold(BTreeMap::new(), |mut counts, v| {
        *counts.entry(v.page).or_insert(0.0) += 1.0;
        counts
    });
    let target = MemorySink::all();
    let sink = target.clone();
    let clock = SimulatedClock::new();
    let infos = run(
        &clock,
        Script::new(vec![batch; 100]),
        millis(3),
        |it| it,
        |visits| {
            visits.key_by(|v| &v.page).summarize(|on| on.count()).write_to(sink);
        },
    );
    assert!(infos.unwrap()[5..].iter().all(|info| info.sampled.unwrap() < 0.15));
    let (mut held, mut sampled) = (0, 0);
    for (_, rows) in &target.batches()[5..] {
        assert_eq!(rows.len(), truth.len(), "no page is lost");
        for (page, count) in rows {
            if *page >= 90 {
                assert!(count.is_exact() && count.contains(truth[page]), "{page}: {count}, {}", truth[page]);
            } else {
                sampled += 1;
                assert!(!count.is_exact());
                held += usize::from(count.contains(truth[page]));
            }
        }
    }
    assert!(sampled == 285 && held >= 257, "{held} of {sampled} hold");
}

#[test]
fn threads_do_not_matter() {
    let texts = same_for_any_threads(|threads| {
        let target = Target::new();
        let infos = run(
            &SimulatedClock::new(),
            visits(12, 4_000),
            millis(1),
            |it| it.threads(threads),
            |stream| describe!(stream, &target),
        );
        let sampled: Vec<_> = infos.unwrap().iter().map(|info| info.sampled).collect();
        assert!(sampled[4] < Some(0.5), "{sampled:?}");
        (target.batches(), sampled)
    });
    assert!(texts.0.iter().all(|batches| batches.iter().any(|(_, rows)| !rows.is_empty())));
}

#[test]
fn attempts_do_not_matter() {
    let texts = [1, 3].map(|attempts| {
        let target = Target::new();
        let broken = std::sync::atomic::AtomicU64::new(0);
        let infos = run(
            &SimulatedClock::new(),
            visits(6, 3_000),
            millis(1),
            |it| it.attempts(attempts),
            |stream| {
                let stream = stream.map(move |visit| {
                    // Every so often, also after records of the partition have gone by.
                    let n = broken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    assert!(attempts == 1 || n % 2_500 != 2_499, "broken");
                    visit
                });
                stream
                    .summarize(|on| (on.count(), on.sum(|v| v.bytes)))
                    .map(|row| format!("{row:?}"))
                    .write_to(target.0[0].clone());
            },
        );
        let infos = infos.unwrap();
        assert_eq!(infos.iter().map(|info| info.retries).sum::<u64>() > 0, attempts > 1);
        let first = infos[0].operators.iter().find(|operator| operator.kind == "shed").unwrap();
        assert_eq!((first.rows_in, first.rows_out), (3_000, 3_000), "an attempt that failed does not count");
        // Work that is done twice takes longer: later fractions may differ, the first two batches' do not.
        target.batches().swap_remove(0)[..1].to_vec()
    });
    assert_eq!(texts[0], texts[1]);
}

/// So much work that the job is at its floor after the first batches, whatever happens to it.
fn run_on(disk: &FaultyDisk, clock: &Arc<SimulatedClock>, target: &Target) -> Result<Vec<BatchInfo>, Error> {
    let settings = |it: ContextBuilder| it.checkpoint_storage(disk.clone()).checkpoint_every(4);
    run(clock, visits(14, 600), millis(40), settings, |stream| describe!(stream, target))
}

#[test]
fn a_crash_at_every_sync_point_samples_the_same_records() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let infos = run_on(&disk, &SimulatedClock::new(), &target).unwrap();
    assert!(infos[0].sampled == Some(1.0) && infos[5].sampled < Some(0.1), "{:?}", infos[5].sampled);
    let (expected, all) = (target.batches(), disk.sync_points());
    assert!(all > 14, "{all} sync points");
    for at in 1..=all {
        for moment in [Breakdown::Before, Breakdown::After] {
            let (disk, target) = (FaultyDisk::new(), Target::new());
            disk.break_down(at, moment);
            let broken = run_on(&disk, &SimulatedClock::new(), &target);
            assert!(broken.is_err() || at > 15, "there are two at the start, and one a batch");
            disk.restart(at);
            // A job of which nothing is written down begins when it is started: at the same time.
            run_on(&disk, &SimulatedClock::new(), &target).unwrap_or_else(|e| panic!("{moment:?} {at}: {e}"));
            assert!(target.batches() == expected, "a crash {moment:?} sync point {at} of {all} changes the result");
        }
    }
}

#[test]
fn what_cannot_be_scaled_up_is_refused_by_name() {
    let refused = |describe: &dyn Fn(&SampledStream<Visit>)| {
        let mut job = TestJob::new();
        let visits = job.script(visits(1, 10));
        describe(&visits.shed(|v| &v.page, 0.1));
        job.start().unwrap_err().to_string()
    };
    let distinct = refused(&|visits| {
        visits.key_by(|v| &v.page).named("visitors").summarize(|on| (on.count(), on.distinct(|v| &v.bytes))).print();
    });
    assert_eq!(
        distinct,
        "the job cannot start: visitors: the summary HyperLogLog cannot absorb weighted records, as shed 1 gives them; use \
         counts, sums, means, frequencies, the most frequent or quantiles there, and HyperLogLog before shed 1"
    );
    let max = refused(&|visits| drop(visits.window(secs(2), secs(1)).summarize(|on| on.max(|v| v.bytes))));
    assert!(max.contains("summarize: the summary Max cannot"), "{max}");
    let seen = |visits: &SampledStream<Visit>| {
        visits.running().summarize(|on| on.part(|v| &v.page).of(Bloom::for_items(10, 0.1).unwrap())).print();
    };
    assert!(refused(&seen).contains("the summary Bloom cannot"));
    let each = refused(&|visits| {
        let parts = visits.map(|v| vec![v.bytes, v.bytes + 1]);
        parts.summarize(|on| on.each(|bytes| bytes.as_slice()).count()).print();
    });
    assert!(each.contains("the summary on.each(…) cannot"), "{each}");
    for floor in [0.0, -1.0, 1.5, f64::NAN] {
        let mut job = TestJob::new();
        let visits = job.script(visits(1, 10));
        job.capture(&visits.shed_named("thin", |v| &v.page, floor).rows());
        let error = job.start().unwrap_err().to_string();
        assert!(error.contains(&format!("thin: the floor is {floor}; give")), "{error}");
    }
}

#[test]
fn jobs_without_an_interval_keep_everything() {
    let clock = SimulatedClock::new();
    let infos = run(
        &clock,
        visits(5, 1_000),
        millis(50),
        |it| it.trigger(streamgauge_stream::Trigger::Available),
        |it| {
            it.summarize(|on| on.count()).print();
        },
    );
    assert!(infos.unwrap().iter().all(|info| info.sampled == Some(1.0)));
    // And jobs that do not shed say nothing of it.
    let mut job = TestJob::new();
    let visits = job.script(visits(1, 10));
    job.capture(&visits);
    let recorder = job.record();
    job.tick().unwrap();
    assert_eq!(recorder.batches()[0].sampled, None);
}

#[test]
fn rows_have_the_weights_of_what_was_offered() {
    let (clock, target) = (SimulatedClock::new(), MemorySink::all());
    let sink = target.clone();
    let infos = run(
        &clock,
        visits(10, 4_000),
        millis(1),
        |it| it,
        |visits| {
            let even = visits.filter_map(|v| v.bytes.is_multiple_of(2).then_some(v.page));
            even.rows().map(|row| (*row.record(), row.weight())).write_to(sink);
        },
    );
    assert!(infos.unwrap()[5].sampled < Some(0.5));
    let batches = target.batches();
    assert!(batches[0].1.iter().all(|(_, weight)| *weight == Weight::ONE));
    let (mut estimate, mut truth) = (0.0, 0.0);
    for (batch, (_, rows)) in (0..10).zip(&batches) {
        estimate += rows.iter().map(|(_, weight)| weight.get()).sum::<f64>();
        truth += (batch * 4_000..(batch + 1) * 4_000).filter(|i| visit(*i).bytes.is_multiple_of(2)).count() as f64;
    }
    assert!((estimate / truth - 1.0).abs() < 0.05, "{estimate}, {truth}");
    assert!(clock.now() > Time::from_secs(10));
}
