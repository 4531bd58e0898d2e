//! What is in checkpoints: changes of many keys, any number of lanes, a format that stays.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use streamgauge_stream::recovery::{Inspection, LocalFolder, inspect};
use streamgauge_stream::testing::{Breakdown, FaultyDisk, Script, TestJob};
use streamgauge_stream::{ContextBuilder, DStream, Error, MemorySink, OutputMode, State, Time, secs};

/// When, and of which key.
type Record = (i64, u64);

const BATCHES: u64 = 40;

/// Many keys at first, and then few of them in each batch: most of a checkpoint is that of the one before.
fn script(batches: u64) -> Script<Record> {
    let first = (0..1_500).map(|key| (key as i64 % 900, key)).collect();
    let later = |batch: u64| {
        let record = |i: u64| {
            let mixed = (batch * 31 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            // Keys that come again, and some that are seen once.
            let key = if i.is_multiple_of(5) { 10_000 + batch * 100 + i } else { mixed % 1_500 };
            (batch as i64 * 1_000 + (mixed % 1_700) as i64, key)
        };
        (0..40).map(record).collect()
    };
    Script::new([first].into_iter().chain((1..batches).map(later))).in_partitions(2)
}

const OUTPUTS: usize = 9;

/// What a job has written: a target that outlives it.
#[derive(Clone)]
struct Target(Vec<MemorySink<String>>);

impl Target {
    fn new() -> Self {
        Self((0..OUTPUTS).map(|_| MemorySink::all()).collect())
    }

    fn rows(&self) -> Vec<Vec<(Time, Vec<String>)>> {
        self.0.iter().map(MemorySink::batches).collect()
    }

    /// The rows of each batch whatever their order, which is that of lanes.
    fn sets(&self) -> Vec<Vec<(Time, Vec<String>)>> {
        let mut rows = self.rows();
        rows.iter_mut().flatten().for_each(|(_, rows)| rows.sort());
        rows
    }

    /// Describes a job with every kind of state that is kept by key.
    fn describe(&self, records: &DStream<Record>) {
        let keyed = || records.key_by(|(_, key): &Record| key);
        let by_time = || records.event_time(|(at, _): &Record| *at, secs(1));
        let by_time_keyed = || by_time().key_by(|(_, key): &Record| key);
        let totals = keyed().named("totals").state().idle_timeout(secs(9)).map_with_state(
            |record: Option<Record>, total: &mut State<'_, u64, i64>| {
                *total.or_default() += record.map_or(0, |(at, _)| at);
                (*total.key(), *total.or_default(), record.is_none())
            },
        );
        let events = by_time_keyed().named("events").state().idle_timeout(secs(7)).flat_map_with_state(
            |record: Option<Record>, seen: &mut State<'_, u64, u32>| {
                *seen.or_default() += 1;
                record.is_none().then(|| (*seen.key(), *seen.or_default()))
            },
        );
        let running = keyed().named("running").running().summarize(|on| (on.count(), on.max(|(at, _)| *at)));
        let counts = keyed().named("counts").window(secs(5), secs(2));
        let counts = counts.reduce_with_inverse(|_| 1_u64, |a, b| a + b, |a, b| a - b);
        let windows = keyed().named("windows").window(secs(6), secs(2)).summarize(|on| on.distinct(|(at, _)| at));
        let panes = by_time_keyed().named("panes").window(secs(4), secs(2)).summarize(|on| on.sum(|(at, _)| *at));
        let updates = by_time_keyed().named("updates").tumbling(secs(5)).output_mode(OutputMode::Update);
        let updates = updates.summarize(|on| on.count());
        let sessions = by_time_keyed().named("sessions").session(secs(2)).summarize(|on| on.count());
        let pairs = by_time_keyed().named("pairs").join_within(by_time_keyed(), 1, 3_000);
        let outputs = [
            totals.map(|row| format!("{row:?}")),
            events.map(|row| format!("{row:?}")),
            running.map(|row| format!("{row:?}")),
            counts.map(|row| format!("{row:?}")),
            windows.map(|row| format!("{row:?}")),
            panes.map(|row| format!("{row:?}")),
            updates.map(|row| format!("{row:?}")),
            sessions.map(|row| format!("{row:?}")),
            pairs
                .map(|row| format!("{row:?}"))
                .union(&by_time().named("once").deduplicate(|(at, _)| at).map(|row| format!("{row:?}"))),
        ];
        outputs.iter().zip(&self.0).for_each(|(rows, sink)| rows.write_to(sink.clone()));
    }
}

fn job(
    target: &Target,
    batches: u64,
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
) -> (TestJob, DStream<Record>) {
    let mut job = TestJob::with(|it| settings(it.threads(2).checkpoint_every(2)));
    let records = job.script(script(batches));
    target.describe(&records);
    (job, records)
}

fn run(target: &Target, settings: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Result<u64, Error> {
    job(target, BATCHES, settings).0.run().map(|report| report.batches)
}

fn undisturbed() -> Target {
    let target = Target::new();
    run(&target, |it| it).unwrap();
    assert!(target.rows().iter().all(|batches| batches.iter().map(|(_, rows)| rows.len()).sum::<usize>() > 100));
    target
}

/// The most changes behind any piece of the newest checkpoint.
fn longest_chain(found: &Inspection) -> usize {
    let newest = found.checkpoints.last();
    let pieces = newest.iter().flat_map(|it| &it.operators).flat_map(|it| &it.pieces);
    pieces.map(|piece| piece.changes.len()).max().unwrap_or_default()
}

#[test]
fn a_job_goes_on_from_changes_behind_changes_as_if_nothing_had_happened() {
    let expected = undisturbed().rows();
    let mut chains = BTreeSet::new();
    for at in (10..130).step_by(4) {
        let (disk, target) = (FaultyDisk::new(), Target::new());
        disk.break_down(at, Breakdown::After);
        let _ = run(&target, |it| it.checkpoint_storage(disk.clone()));
        disk.restart(at);
        let found = inspect(&disk).unwrap();
        assert_eq!(found.damaged, [], "after sync point {at}");
        chains.insert(longest_chain(&found));
        run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap();
        assert!(target.rows() == expected, "a crash at sync point {at} changes the result");
    }
    assert!((1..=4).all(|length| chains.contains(&length)) && chains.iter().all(|length| *length <= 9), "{chains:?}");
}

#[test]
fn damage_to_changes_gives_an_error_that_names_the_file_or_does_no_harm() {
    let expected = undisturbed().rows();
    let disk = FaultyDisk::new();
    disk.break_down(66, Breakdown::After);
    run(&Target::new(), |it| it.checkpoint_storage(disk.clone())).unwrap_err();
    disk.restart(1);
    assert!(longest_chain(&inspect(&disk).unwrap()) > 0);
    let (mut refused, mut harmless) = (0, 0);
    for (name, length) in disk.files() {
        for at in (0..length).step_by(length / 5 + 1) {
            let (damaged, target) = (disk.copy(), Target::new());
            damaged.damage(&name, at, 1 << (at % 8));
            match run(&target, |it| it.checkpoint_storage(damaged.clone())) {
                Ok(_) => {
                    harmless += 1;
                    for (found, all) in target.rows().iter().zip(&expected) {
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
    assert!(refused > 2 && harmless > 2, "{refused} refused, {harmless} harmless");
}

#[test]
fn what_has_not_changed_is_not_written_again_and_what_is_over_goes() {
    let disk = FaultyDisk::new();
    let (mut job, _) = job(&Target::new(), BATCHES, |it| it.checkpoint_storage(disk.clone()));
    job.ticks(4).unwrap();
    job.stop().unwrap();
    let first = inspect(&disk).unwrap();
    disk.restart(0);
    run(&Target::new(), |it| it.checkpoint_storage(disk.clone())).unwrap();
    let last = inspect(&disk).unwrap();
    let bytes = |found: &Inspection| found.checkpoints.last().unwrap().bytes;
    let all: usize = disk.files().iter().map(|(_, length)| length).sum();
    assert!((all as u64) < 4 * bytes(&last).max(bytes(&first)), "{all} bytes in all, {} of them needed", bytes(&last));
    assert_eq!(last.checkpoints.len(), 2);
}

#[test]
fn a_job_goes_on_with_any_number_of_lanes() {
    let expected = undisturbed().sets();
    let (disk, target) = (FaultyDisk::new(), Target::new());
    for (lanes, batches) in [(16, 13), (4, 27), (32, 28), (1, BATCHES)] {
        let (mut job, _) =
            job(&target, BATCHES, |it| it.checkpoint_storage(disk.clone()).lanes(lanes).checkpoint_every(3));
        let done = job.now();
        let ticks = batches as i64 - done.secs().max(0);
        if batches == BATCHES {
            job.run().unwrap();
        } else {
            job.ticks(ticks as usize).unwrap();
            disk.break_down(disk.sync_points() + 1, Breakdown::Before);
            let _ = job.ticks(1);
        }
        drop(job);
        disk.restart(lanes as u64);
    }
    for (at, (found, expected)) in target.sets().iter().zip(&expected).enumerate() {
        assert!(found == expected, "output {at} differs");
    }
}

#[test]
fn filters_cannot_be_dealt_out_to_other_lanes() {
    let disk = FaultyDisk::new();
    let run = |lanes| {
        let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()).lanes(lanes));
        let records = job.script(script(5));
        let once = records.event_time(|(at, _): &Record| *at, secs(1)).named("once");
        drop(job.capture(&once.deduplicate_approx(|(_, key)| key, 1_000, 0.01)));
        let result = job.ticks(3).and_then(|()| job.stop());
        disk.restart(0);
        result
    };
    run(4).unwrap();
    let error = run(8).unwrap_err().to_string();
    assert!(error.contains("the state of once cannot be restored") && error.contains("write .lanes(4)"), "{error}");
    run(4).unwrap();
}

#[test]
fn an_inspection_tells_what_is_there_beside_a_running_job_and_names_what_is_damaged() {
    let disk = FaultyDisk::new();
    let (mut job, _) = job(&Target::new(), BATCHES, |it| it.checkpoint_storage(disk.clone()).checkpoint_every(3));
    job.ticks(11).unwrap();
    let found = inspect(&disk).unwrap();
    assert!(found.damaged.is_empty() && found.others.is_empty(), "{found}");
    let newest = found.checkpoints.last().unwrap();
    assert_eq!((newest.sources[0].name.as_str(), newest.job.is_empty()), ("script", false));
    let names: Vec<_> = newest.operators.iter().map(|it| it.name.as_str()).collect();
    for name in ["counts", "events", "pairs", "panes", "running", "sessions", "totals", "updates", "windows"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let running = newest.operators.iter().find(|it| it.name == "running").unwrap();
    assert!(running.keys.is_some_and(|keys| keys > 1_500), "{running:?}");
    assert_eq!(running.pieces.len(), 16);
    // The batch that runs last is known to be complete with the next one.
    let pending: usize = found.logs.iter().map(|log| log.pending.len()).sum();
    assert!(pending <= 3, "{found}");
    let shown = found.to_string();
    for part in ["operator \"running\": ", "source \"script\" at ", "batch log", "all of 16 pieces"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    let _ = job.ticks(2);
    drop(job);
    disk.restart(0);

    let mut named = 0;
    for (name, length) in disk.files() {
        for at in [0, length / 4, length / 2, length.saturating_sub(1)] {
            let damaged = disk.copy();
            damaged.damage(&name, at, 1);
            let found = inspect(&damaged).unwrap();
            assert!(found.damaged.iter().all(|it| it.file == name), "byte {at} of {name}: {found}");
            // The last record of a log cannot be told from one that was torn, and of a segment not all is needed.
            assert!(!found.damaged.is_empty() || !name.starts_with("manifest"), "byte {at} of {name}: {found}");
            named += found.damaged.len();
            if name.starts_with("segment") && !found.damaged.is_empty() {
                assert!(found.checkpoints.iter().any(|it| !it.is_whole) && found.to_string().contains("DAMAGED"));
            }
        }
        let without = disk.copy();
        streamgauge_stream::recovery::Storage::remove(&without, &name).unwrap();
        let found = inspect(&without).unwrap();
        if name.starts_with("segment") {
            assert!(found.damaged.iter().all(|it| it.file == name && it.cause.contains("is not there")), "{found}");
        }
    }
    assert!(named >= 12, "{named} damaged files were named");
}

/// The folder of a job that was killed, written by the version that began its format. A later version reads it, or says
/// that it does not. `STREAMGAUGE_GOLDEN=1` writes it anew.
mod golden {
    use super::*;

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoints")
    }

    /// Runs a small job; gives its last rows.
    fn sums(folder: &std::path::Path, kill: bool) -> Result<Vec<Vec<String>>, Error> {
        let mut job = TestJob::with(|it| it.checkpoint_dir(folder).checkpoint_every(3).threads(2).lanes(2));
        let first = (0..64).map(|key| (0, key)).collect();
        let later = (1..20_u64).map(|n| vec![(n as i64 * 1_000, n % 3), (n as i64, 7)]);
        let records = job.script(Script::new([first].into_iter().chain(later)));
        let keyed = || records.key_by(|(_, key): &Record| key);
        let sums = keyed().named("sums").map_with_state(|(at, key), sum: &mut State<'_, u64, i64>| {
            *sum.or_default() += at;
            (key, *sum.or_default())
        });
        let windows =
            keyed().named("windows").window(secs(4), secs(1)).summarize(|on| (on.count(), on.max(|(at, _)| *at)));
        let sessions = records.event_time(|(at, _): &Record| *at, Duration::from_secs(1)).key_by(|(_, key)| key);
        let sessions = sessions.named("sessions").session(secs(2)).summarize(|on| on.count());
        let captured = [
            job.capture(&sums.map(|row| format!("{row:?}"))),
            job.capture(&windows.map(|row| format!("{row:?}"))),
            job.capture(&sessions.map(|row| format!("{row:?}"))),
        ];
        if kill {
            for checkpoints in [1, 2] {
                job.ticks(4)?;
                while inspect(&LocalFolder::new(folder)).unwrap().checkpoints.len() < checkpoints {
                    std::thread::yield_now();
                }
            }
            // Left as it is: the folder is copied while the job still holds it.
            std::mem::forget(job);
        } else {
            job.run()?;
        }
        Ok(captured.iter().map(|rows| rows.rows()).collect())
    }

    #[test]
    fn the_folder_of_an_older_version_is_read() {
        let folder = folder();
        if std::env::var_os("STREAMGAUGE_GOLDEN").is_some() {
            let live = tempfile::tempdir().unwrap();
            sums(live.path(), true).unwrap();
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            for file in fs::read_dir(live.path()).unwrap().map(Result::unwrap) {
                let name = file.file_name();
                if name != "lock" && !name.to_string_lossy().ends_with(".tmp") {
                    fs::copy(file.path(), folder.join(name)).unwrap();
                }
            }
        }
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let found = inspect(&LocalFolder::new(copy.path())).unwrap();
        assert!(found.damaged.is_empty() && longest_chain(&found) > 0, "{found}");
        let fresh = tempfile::tempdir().unwrap();
        let all = sums(fresh.path(), false).unwrap();
        let rest = sums(copy.path(), false).unwrap();
        for (all, rest) in all.iter().zip(&rest) {
            assert!(!rest.is_empty() && rest.len() < all.len() && all.ends_with(rest), "{rest:?}");
        }
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(folder()).unwrap().map(Result::unwrap) {
            let mut content = fs::read(file.path()).unwrap();
            let name = file.file_name();
            if name.to_string_lossy().starts_with("manifest") {
                content[7] = 1;
            }
            fs::write(copy.path().join(name), content).unwrap();
        }
        let error = sums(copy.path(), false).unwrap_err().to_string();
        assert!(error.contains("manifest-") && error.contains("is of format 1, and this version"), "{error}");
    }
}
