//! Jobs that end at any moment and are started again.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use streamgauge_stream::recovery::inspect;
use streamgauge_stream::testing::{Breakdown, FaultyDisk, Script, TestJob};
use streamgauge_stream::{ContextBuilder, DStream, Error, MemorySink, State, secs};

const BATCHES: u64 = 50;

/// Seven keys, event times that jump about a little, and pauses that end sessions.
fn script() -> Script<(u64, u64)> {
    let record = |i: u64| (i * 100 + i * 7_919 % 900 + i / 200 * 20_000, i * i % 7);
    let batch = |batch: u64| (batch * 40..(batch + 1) * 40).map(record).collect();
    Script::new((0..BATCHES).map(batch)).in_partitions(2)
}

/// What a job has written, row by row as text: a target that outlives it.
#[derive(Clone)]
struct Target(Vec<MemorySink<String>>);

impl Target {
    fn new() -> Self {
        Self((0..5).map(|_| MemorySink::all()).collect())
    }

    fn rows(&self) -> Vec<Vec<(streamgauge_stream::Time, Vec<String>)>> {
        self.0.iter().map(MemorySink::batches).collect()
    }

    /// Describes the job: windows of both times, sessions, state by key, duplicates.
    fn describe(&self, records: &DStream<(u64, u64)>) {
        let keyed = || records.key_by(|(_, key)| key);
        let by_time = || records.event_time(|(at, _): &(u64, u64)| *at as i64, Duration::from_secs(1));
        let windows = keyed().window(secs(5), secs(2)).named("windows");
        let windows =
            windows.summarize(|on| (on.count(), on.distinct(|(at, _)| at), on.quantiles(|(at, _)| *at as f64)));
        let windows = windows.map(|(key, (n, at, q))| format!("{key} {n:?} {at:?} {:?}", q.at(0.5)));
        let sums = keyed().named("sums").map_with_state(|(at, key), sum: &mut State<'_, u64, u64>| {
            *sum.or_default() += at;
            format!("{key} {}", *sum.or_default())
        });
        let sessions = by_time().key_by(|(_, key)| key).named("sessions").session(secs(2)).summarize(|on| on.count());
        let panes = by_time()
            .key_by(|(_, key)| key)
            .named("panes")
            .window(secs(4), secs(2))
            .summarize(|on| on.top(2, |(at, _)| at));
        let once = by_time().named("once").deduplicate(|(at, _)| at);
        windows.write_to(self.0[0].clone());
        sums.write_to(self.0[1].clone());
        sessions.map(|row| format!("{row:?}")).write_to(self.0[2].clone());
        panes.map(|row| format!("{row:?}")).write_to(self.0[3].clone());
        once.map(|row| format!("{row:?}")).write_to(self.0[4].clone());
    }
}

fn run(target: &Target, settings: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Result<u64, Error> {
    let mut job = TestJob::with(|it| settings(it.threads(2).checkpoint_every(6)));
    let records = job.script(script());
    target.describe(&records);
    job.run().map(|report| report.batches)
}

fn undisturbed() -> Target {
    let target = Target::new();
    run(&target, |it| it).unwrap();
    assert!(target.0.iter().all(|sink| sink.rows().len() > 20), "every output has rows");
    target
}

#[test]
fn a_job_that_is_written_down_gives_the_same_and_has_nothing_to_do_again() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    assert_eq!(run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap(), BATCHES);
    assert!(target.rows() == undisturbed().rows());
    disk.restart(0);
    assert_eq!(run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap(), 0);
    assert!(target.rows() == undisturbed().rows());
    // Two checkpoints, their logs, and the segments that they need.
    let seen = inspect(&disk).unwrap();
    assert_eq!((seen.unused.len(), seen.damaged.len()), (0, 0), "{seen:?}");
    assert!(seen.logs.len() <= 3 && disk.files().len() <= 8, "{seen:?}");
    let [before, last] = &seen.checkpoints[..] else { panic!("{seen:?}") };
    let pieces = last.operators.iter().flat_map(|operator| &operator.pieces);
    let segments: BTreeSet<_> =
        pieces.flat_map(|piece| piece.changes.iter().map(|(file, _)| file).chain([&piece.file])).collect();
    let lengths: Vec<_> = disk.files().into_iter().filter(|(name, _)| segments.contains(name)).collect();
    // Of what was there before half may be over; the last segment is new.
    let [older @ .., _] = &lengths[..] else { panic!("{seen:?}") };
    let held: usize = older.iter().map(|(_, bytes)| bytes).sum();
    assert!(held as u64 <= 2 * before.bytes, "{lengths:?} for {}", before.bytes);
}

#[test]
fn a_crash_at_every_sync_point_loses_nothing_and_doubles_nothing() {
    let expected = undisturbed().rows();
    let disk = FaultyDisk::new();
    run(&Target::new(), |it| it.checkpoint_storage(disk.clone())).unwrap();
    let all = disk.sync_points();
    assert!(all > 60, "{all} sync points");
    for at in 1..=all {
        for moment in [Breakdown::Before, Breakdown::After] {
            let (disk, target) = (FaultyDisk::new(), Target::new());
            disk.break_down(at, moment);
            // Checkpoints are written beside the batches: of the last points, one run may have fewer than another.
            match run(&target, |it| it.checkpoint_storage(disk.clone())) {
                Ok(_) => assert!(at > 52, "there are two at the start, and one a batch"),
                Err(error) => assert!(error.to_string().contains("the disk"), "{error}"),
            }
            disk.restart(at);
            run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap_or_else(|e| panic!("{moment:?} {at}: {e}"));
            assert!(target.rows() == expected, "a crash {moment:?} sync point {at} of {all} changes the result");
        }
    }
}

/// Few keys and many records, so that panes count some once and others many times.
#[test]
fn counts_in_windows_survive_a_crash_at_every_sync_point() {
    let run = |sink: &MemorySink<(u64, u64)>, disk: &FaultyDisk| {
        let mut job = TestJob::with(|it| it.threads(2).checkpoint_every(3).checkpoint_storage(disk.clone()));
        let records = job.script(script());
        let keys = records.map(|(at, key)| if at % 3 == 0 { at } else { key % 2 });
        keys.key_by(|key| key).window(secs(4), secs(2)).named("counts").count().write_to(sink.clone());
        job.run()
    };
    let (expected, disk) = (MemorySink::all(), FaultyDisk::new());
    run(&expected, &disk).unwrap();
    assert!(expected.rows().iter().any(|(_, n)| *n == 1) && expected.rows().iter().any(|(_, n)| *n > 5));
    for at in 1..=disk.sync_points() {
        let (sink, disk) = (MemorySink::all(), FaultyDisk::new());
        disk.break_down(at, Breakdown::After);
        // A checkpoint may be one fewer than in the first run: then the disk does not break down.
        let _ = run(&sink, &disk);
        disk.restart(at);
        run(&sink, &disk).unwrap();
        assert!(sink.batches() == expected.batches(), "a crash after sync point {at} changes the counts");
    }
}

#[test]
fn crashes_on_the_way_back_do_no_harm() {
    let expected = undisturbed().rows();
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let mut crashes = 0;
    // Soon after every start: while batches are run again, and while the first checkpoint is written.
    while crashes < 200 {
        disk.break_down(disk.sync_points() + 3 + crashes * 5 % 9, Breakdown::After);
        match run(&target, |it| it.checkpoint_storage(disk.clone())) {
            Ok(_) => break,
            Err(_) => crashes += 1,
        }
        disk.restart(crashes);
    }
    assert!(crashes > 8, "{crashes} crashes");
    assert!(target.rows() == expected, "{crashes} crashes change the result");
}

#[test]
fn a_damaged_byte_anywhere_gives_an_error_that_names_the_file_or_does_no_harm() {
    // All of small files, some hundred bytes of large ones.
    damage_bytes(|length| length / 150 + 1);
}

#[test]
#[ignore = "takes minutes: every byte of every file"]
fn every_damaged_byte_gives_an_error_that_names_the_file_or_does_no_harm() {
    damage_bytes(|_| 1);
}

fn damage_bytes(step: impl Fn(usize) -> usize) {
    let expected = undisturbed().rows();
    let (disk, before) = (FaultyDisk::new(), Target::new());
    disk.break_down(45, Breakdown::After);
    run(&before, |it| it.checkpoint_storage(disk.clone())).unwrap_err();
    disk.restart(1);
    let (mut refused, mut harmless) = (0, 0);
    for (name, length) in disk.files() {
        for at in (0..length).step_by(step(length)) {
            let (damaged, target) = (disk.copy(), Target::new());
            damaged.damage(&name, at, 1 << (at % 8));
            match run(&target, |it| it.checkpoint_storage(damaged.clone())) {
                Ok(_) => {
                    harmless += 1;
                    let rows = target.rows();
                    for (found, all) in rows.iter().zip(&expected) {
                        let from = found.first().map(|(time, _)| *time);
                        let rest: Vec<_> = all.iter().filter(|(time, _)| Some(*time) >= from).collect();
                        assert!(found.iter().eq(rest), "byte {at} of {name}: a wrong answer");
                    }
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains(&name), "byte {at} of {name}: {error}");
                }
            }
        }
    }
    assert!(refused > 50 && harmless > 50, "{refused} refused, {harmless} harmless");
    println!("{refused} damaged bytes were refused, {harmless} did no harm");
}

#[test]
fn a_full_disk_is_told_and_damages_nothing() {
    let expected = undisturbed().rows();
    for space in (0..20_000).step_by(997) {
        let (disk, target) = (FaultyDisk::new(), Target::new());
        disk.leave_space(space);
        let error = run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        disk.restart(space);
        run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap();
        assert!(target.rows() == expected, "with space for {space} bytes");
    }
}

/// What happens at a start on the checkpoints of an older version of the job.
mod upgrades {
    use std::sync::{Arc, Mutex};

    use streamgauge_stream::{Event, Listener, Resume, Time, Trigger};

    use super::*;

    #[derive(Default)]
    struct Warnings(Mutex<Vec<String>>);

    impl Listener for Warnings {
        fn on_event(&self, event: &Event) {
            if let Event::Warning(warning) = event {
                self.0.lock().unwrap().push(warning.clone());
            }
        }
    }

    /// Twenty batches of one number each, of which the job takes what there is.
    fn numbers(batches: u64) -> Script<u64> {
        Script::new((1..=batches).map(|n| vec![n]))
    }

    /// The sum so far, kept as a number, or as two.
    fn running_sums(stream: &DStream<u64>, name: &str, wide: bool) -> DStream<u64> {
        let keyed = stream.key_by(|_: &u64| &0_u8).named(name);
        match wide {
            false => keyed
                .map_with_state(|n, sum: &mut State<'_, u8, u64>| {
                    *sum.or_default() += n;
                    *sum.or_default()
                })
                .map(|sum| sum),
            true => keyed
                .map_with_state(|n, sum: &mut State<'_, u8, (u64, u64)>| {
                    sum.or_default().0 += n;
                    sum.or_default().0
                })
                .map(|sum| sum),
        }
    }

    /// Runs a job with running sums by the given operators; gives the last rows of each, and the warnings.
    fn sums(
        disk: &FaultyDisk,
        batches: u64,
        settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
        operators: &[(&str, bool)],
    ) -> Result<(Vec<Vec<u64>>, Vec<String>), Error> {
        let mut job = TestJob::with(|it| settings(it.checkpoint_storage(disk.clone()).checkpoint_every(3)));
        let stream = job.script(numbers(batches));
        let warnings = Arc::new(Warnings::default());
        job.context().add_listener(warnings.clone());
        let mut captured = Vec::new();
        for (name, wide) in operators {
            captured.push(job.capture(&running_sums(&stream, name, *wide)));
        }
        let result = job.run();
        disk.restart(0);
        result?;
        let warnings = warnings.0.lock().unwrap().clone();
        Ok((captured.iter().map(|rows| rows.rows()).collect(), warnings))
    }

    /// A disk on which a job with these operators has run for ten batches, and was killed in the eleventh.
    fn after_ten(operators: &[(&str, bool)]) -> FaultyDisk {
        let disk = FaultyDisk::new();
        let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()).checkpoint_every(3));
        let stream = job.script(numbers(20));
        operators.iter().for_each(|(name, wide)| drop(job.capture(&running_sums(&stream, name, *wide))));
        job.ticks(10).unwrap();
        disk.break_down(disk.sync_points() + 1, Breakdown::Before);
        job.ticks(2).unwrap_err();
        drop(job);
        disk.restart(0);
        disk
    }

    #[test]
    fn a_job_goes_on_with_the_same_operators() {
        let disk = after_ten(&[("a", false), ("b", false)]);
        let (rows, warnings) = sums(&disk, 20, |it| it, &[("b", false), ("a", false)]).unwrap();
        assert_eq!(rows.iter().map(|rows| rows.last().copied()).collect::<Vec<_>>(), [Some(210), Some(210)]);
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn an_operator_that_was_added_begins_empty_and_is_told() {
        let disk = after_ten(&[("a", false)]);
        let (rows, warnings) = sums(&disk, 20, |it| it, &[("a", false), ("new", false)]).unwrap();
        assert_eq!(rows[0].last(), Some(&210));
        assert!(rows[1].last().is_some_and(|sum| *sum < 210), "{rows:?}");
        assert_eq!(warnings, ["new is not in the checkpoint; it begins empty"]);
    }

    #[test]
    fn operators_that_are_gone_renamed_or_changed_are_refused_with_what_to_do() {
        for (operators, parts) in [
            (
                &[("b", false)][..],
                [
                    "the state of a cannot be restored: the job has no operator of this name any more",
                    "Resume::IgnoreState",
                ],
            ),
            (
                &[("renamed", false), ("b", false)][..],
                [
                    "the state of a cannot be restored: the job has no operator of this name any more",
                    "give the operator its old name",
                ],
            ),
            (
                &[("a", true), ("b", false)][..],
                [
                    "the state of a cannot be restored: the checkpoint holds a state of u64 by u8, the job a state of (u64, u64) by u8",
                    "old name and type",
                ],
            ),
        ] {
            let disk = after_ten(&[("a", false), ("b", false)]);
            let before = disk.files();
            let error = sums(&disk, 20, |it| it, operators).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
            assert_eq!(disk.files(), before, "a refused start changes nothing");
            // As it says: from where the input was, without state.
            let (rows, _) = sums(&disk, 20, |it| it.resume(Resume::IgnoreState), operators).unwrap();
            assert!(rows[0].len() < 12 && rows[0].last().is_some_and(|sum| *sum > 100 && *sum < 210), "{rows:?}");
        }
    }

    #[test]
    fn a_refused_job_lets_go_of_its_place_and_ignored_state_does_not_come_back() {
        let disk = after_ten(&[("a", false), ("gone", false)]);
        let start = |resume| {
            let mut job =
                TestJob::with(|it| it.checkpoint_storage(disk.clone()).checkpoint_every(1_000).resume(resume));
            let numbers = job.script(numbers(20));
            let sums = job.capture(&running_sums(&numbers, "a", false));
            (job, sums)
        };
        let (mut refused, _) = start(Resume::Latest);
        assert!(refused.start().unwrap_err().to_string().contains("gone"));
        // The refused job is still there.
        let (mut job, sums) = start(Resume::IgnoreState);
        job.ticks(14).unwrap();
        let so_far = *sums.last().last().unwrap();
        assert!(so_far < 14 * 15 / 2, "{so_far}");
        disk.break_down(disk.sync_points() + 1, Breakdown::Before);
        job.ticks(2).unwrap_err();
        drop(job);
        disk.restart(0);
        let (mut job, sums) = start(Resume::Latest);
        job.ticks(16).unwrap();
        assert_eq!(sums.last().last(), Some(&(so_far + 15 + 16)));
    }

    #[test]
    fn another_job_and_a_source_that_is_gone_are_refused() {
        let disk = after_ten(&[("a", false)]);
        let other = streamgauge_stream::StreamingContext::builder("other")
            .trigger(Trigger::Available)
            .checkpoint_storage(disk.clone())
            .build();
        other.source(numbers(3).source()).print();
        let error = other.start().unwrap_err().to_string();
        assert!(error.contains("and this is \"other\"; give each a place of its own"), "{error}");
        disk.restart(0);

        let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
        let stream = job.script(numbers(20).named("elsewhere"));
        drop(job.capture(&stream));
        let error = job.run().unwrap_err().to_string();
        assert!(error.contains("source \"script\"") && error.contains("any more"), "{error}");
    }

    #[test]
    fn a_job_can_go_back_to_the_checkpoint_before_the_last() {
        let disk = FaultyDisk::new();
        // Checkpoints when the job is stopped, and at no other time.
        let run = |disk: &FaultyDisk, ticks, resume| {
            let settings =
                |it: ContextBuilder| it.checkpoint_storage(disk.clone()).checkpoint_every(1_000).resume(resume);
            let mut job = TestJob::with(settings);
            let numbers = job.script(numbers(25));
            let sums = job.capture(&running_sums(&numbers, "a", false));
            // The clock of each run begins at nought, and waits for nothing that another run has done.
            let rows = job.ticks(ticks).and_then(|()| job.stop()).map(|_| sums.rows());
            disk.restart(0);
            rows
        };
        run(&disk, 10, Resume::Latest).unwrap();
        run(&disk, 20, Resume::Latest).unwrap();
        let error = run(&disk.copy(), 25, Resume::Batch(Time::from_secs(9))).unwrap_err().to_string();
        assert!(error.contains("none of them is as old as batch"), "{error}");
        for resume in [Resume::Latest, Resume::Batch(Time::from_secs(10)), Resume::Batch(Time::from_secs(19))] {
            let rows = run(&disk.copy(), 25, resume).unwrap();
            assert_eq!((rows.len(), rows.last()), (5, Some(&325)), "{resume:?}");
        }
    }
}

#[test]
fn a_source_that_cannot_replay_is_refused_and_checkpoints_come_as_often_as_asked_for() {
    let disk = FaultyDisk::new();
    let ctx = streamgauge_stream::StreamingContext::builder("once").checkpoint_storage(disk.clone()).build();
    let (_queue, source) = streamgauge_stream::Queue::<u8>::new();
    ctx.source(source).print();
    let error = ctx.start().unwrap_err().to_string();
    assert!(error.contains("queue cannot be read again after a crash"), "{error}");

    let manifests = |asked: Option<u64>| {
        let disk = FaultyDisk::new();
        let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()).checkpoint_every(20));
        let mut records = job.script(script());
        if let Some(seconds) = asked {
            records = records.checkpoint(secs(seconds));
        }
        drop(job.capture(&records));
        job.run().unwrap();
        let newest =
            disk.files().into_iter().filter(|(name, _)| name.starts_with("manifest")).map(|(name, _)| name).max();
        newest.unwrap()
    };
    assert!(manifests(Some(2)) > manifests(None), "more checkpoints");
}

#[test]
fn a_clock_that_was_set_back_is_told() {
    use std::sync::Arc;
    use streamgauge_stream::{ManualClock, StreamingContext, Time};
    let disk = FaultyDisk::new();
    let run = |seconds: i64| {
        let clock = Arc::new(ManualClock::new(Time::from_secs(seconds)));
        let settings = StreamingContext::builder("clock").clock(clock.clone());
        let ctx = settings.checkpoint_storage(disk.clone()).build();
        ctx.source(Script::new([vec![1], vec![2]]).source()).print();
        ctx.start().map(|()| {
            clock.advance(secs(2));
            ctx.await_termination().unwrap()
        })
    };
    run(10_000_000).unwrap();
    disk.restart(0);
    let error = run(1_000).unwrap_err().to_string();
    assert!(error.contains("behind the last batch of the job") && error.contains("set it right"), "{error}");
}
