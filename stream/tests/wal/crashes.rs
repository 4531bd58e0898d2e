//! Crashes at every moment, on a disk that loses what was not synced.

use streamgauge_stream::testing::{Breakdown, FaultyDisk};
use streamgauge_stream::{Error, Resume, Time};

use crate::support::{Order, Target, job, segments};

/// Twelve batches of a few records each, in every way a receiver has. Gives those that were acknowledged.
fn first(disk: &FaultyDisk, target: &Target) -> (Vec<u64>, Result<u64, Error>) {
    let (mut job, teller) = job(disk.clone(), target, |it| it);
    let mut acknowledged = Vec::new();
    if let Err(error) = job.start() {
        return (acknowledged, Err(error));
    }
    for batch in 0..12 {
        let from = 100 * batch;
        if teller.store(from) {
            acknowledged.push(from);
        }
        if teller.tell(Order::Store((from + 1..from + 6).collect())) {
            acknowledged.extend(from + 1..from + 6);
        }
        if teller.tell(Order::Buffer((from + 6..from + 12).collect())) && teller.tell(Order::Sync) {
            acknowledged.extend(from + 6..from + 12);
        }
        teller.tell(Order::Buffer((from + 12..from + 17).collect()));
        if let Err(error) = job.tick() {
            return (acknowledged, Err(error));
        }
        // What a batch has is durable, acknowledged or not.
        acknowledged.extend(from + 12..from + 17);
        if batch % 4 == 3 && teller.store(from + 20) {
            acknowledged.push(from + 20);
        }
    }
    drop(teller);
    (acknowledged, job.run().map(|report| report.batches))
}

/// The job is started again, gets some records more, and ends.
fn second(disk: &FaultyDisk, target: &Target, from: u64) -> Result<Vec<u64>, Error> {
    let (mut job, teller) = job(disk.clone(), target, |it| it);
    job.start()?;
    let mut acknowledged = Vec::new();
    for n in from..from + 4 {
        if teller.store(n) {
            acknowledged.push(n);
        }
    }
    drop(teller);
    job.run().map(|_| acknowledged)
}

#[test]
fn a_job_with_a_log_gives_what_was_stored_and_goes_on_in_the_next_run() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let (acknowledged, result) = first(&disk, &target);
    assert!(result.unwrap() >= 12);
    assert_eq!(acknowledged.len(), 12 * 17 + 3);
    target.has_once(&acknowledged, "undisturbed");
    assert_eq!(target.rows.rows().len(), acknowledged.len());
    disk.restart(0);
    // Its input has ended: nobody is asked any more.
    let (mut job, teller) = job(disk.clone(), &target, |it| it);
    job.start().unwrap();
    drop(teller);
    assert_eq!(job.run().unwrap().batches, 0);
    assert_eq!(target.rows.rows().len(), acknowledged.len());
}

#[test]
fn a_crash_at_every_sync_point_loses_nothing_that_was_acknowledged_and_doubles_nothing() {
    let disk = FaultyDisk::new();
    first(&disk, &Target::new()).1.unwrap();
    let all = disk.sync_points();
    assert!(all > 70, "{all} sync points");
    let (mut crashes, mut unplanned) = (0, 0);
    for at in 1..=all {
        for moment in [Breakdown::Before, Breakdown::After] {
            let (disk, target) = (FaultyDisk::new(), Target::new());
            disk.break_down(at, moment);
            let (mut acknowledged, result) = first(&disk, &target);
            let when = format!("{moment:?} sync point {at} of {all}");
            if let Err(error) = result {
                crashes += 1;
                assert!(error.to_string().contains("the disk"), "{when}: {error}");
            }
            let before = target.rows.rows();
            unplanned += acknowledged.iter().filter(|n| !before.contains(n)).count();
            disk.restart(at);
            acknowledged.extend(second(&disk, &target, 5_000).unwrap_or_else(|e| panic!("{when}: {e}")));
            target.has_once(&acknowledged, &when);
        }
    }
    assert!(crashes > 130 && unplanned > 100, "{crashes} crashes, {unplanned} records came from the log alone");
}

#[test]
fn crashes_on_the_way_back_do_no_harm() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    disk.break_down(60, Breakdown::After);
    let (mut acknowledged, result) = first(&disk, &target);
    result.unwrap_err();
    disk.restart(3);
    let mut crashes = 0;
    for attempt in 0..40 {
        let moment = if attempt % 2 == 0 { Breakdown::Before } else { Breakdown::After };
        disk.break_down(disk.sync_points() + 1 + attempt * 5 % 9, moment);
        let (mut job, teller) = job(disk.clone(), &target, |it| it);
        if job.start().is_ok() {
            for n in 0..3 {
                let record = 10_000 + 10 * attempt + n;
                if teller.store(record) {
                    acknowledged.push(record);
                }
            }
            // To the batch that the run before has got to, and further.
            crashes += u64::from(job.ticks(60).is_err());
        }
        drop(job);
        disk.restart(attempt);
    }
    assert!(crashes > 25, "{crashes} crashes");
    acknowledged.extend(second(&disk, &target, 50_000).unwrap());
    target.has_once(&acknowledged, "after many crashes");
}

#[test]
fn a_group_that_a_killed_process_has_left_unsynced_is_made_durable_before_it_counts() {
    let (disk, target) = (FaultyDisk::new(), Target::new());
    let (mut killed, teller) = job(disk.clone(), &target, |it| it);
    killed.start().unwrap();
    assert!(teller.store(1));
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    assert!(!teller.store(2));
    killed.tick().unwrap_err();
    drop((killed, teller));
    // The process is gone, the computer is not: what was appended can be read.
    let disk = disk.copy();
    let (mut job_2, teller) = job(disk.clone(), &target, |it| it);
    job_2.start().unwrap();
    assert!(teller.store(3));
    job_2.tick().unwrap();
    assert_eq!(target.rows.rows(), [1, 2, 3]);
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    job_2.tick().unwrap_err();
    drop((job_2, teller));
    // And now it is, too.
    disk.restart(3);
    let acknowledged = second(&disk, &target, 5_000).unwrap();
    assert_eq!(target.rows.rows(), [vec![1, 2, 3], acknowledged].concat());
}

#[test]
fn a_full_disk_is_told_by_file_and_nothing_is_acknowledged_that_is_not_there() {
    let (mut in_the_log, mut all) = (0, 0);
    for space in (0..16_000).step_by(47) {
        let (disk, target) = (FaultyDisk::new(), Target::new());
        disk.leave_space(space);
        let (mut acknowledged, result) = first(&disk, &target);
        let Err(error) = result else { break };
        let error = error.to_string();
        assert!(error.contains("no space left") && error.contains("the disk: "), "{error}");
        (in_the_log, all) = (in_the_log + u32::from(error.contains(": wal-told-")), all + 1);
        disk.restart(space);
        acknowledged.extend(second(&disk, &target, 5_000).unwrap());
        target.has_once(&acknowledged, &format!("with space for {space} bytes"));
    }
    assert!(in_the_log > 10 && all > in_the_log, "{in_the_log} of {all} in the write-ahead log");
}

#[test]
fn a_damaged_byte_anywhere_is_an_error_that_names_the_file_or_does_no_harm() {
    let (disk, before) = (FaultyDisk::new(), Target::new());
    let (mut killed, teller) = job(disk.clone(), &before, |it| it);
    killed.start().unwrap();
    let mut acknowledged = Vec::new();
    for batch in 0..8 {
        for n in 30 * batch..30 * batch + 8 {
            assert!(teller.store(n));
            acknowledged.push(n);
        }
        // The last ones are in no batch.
        if batch < 7 {
            killed.tick().unwrap();
        }
    }
    disk.break_down(disk.sync_points() + 1, Breakdown::Before);
    killed.tick().unwrap_err();
    drop((killed, teller));
    disk.restart(1);
    let done = before.rows.rows();
    assert_eq!(done.len(), 56);
    let files = segments(&disk);
    assert!(files.len() > 3, "{files:?}");
    let (mut refused, mut harmless, mut torn) = (0, 0, 0);
    for (name, length) in &files {
        for at in 0..*length {
            let (damaged, target) = (disk.copy(), Target::new());
            damaged.damage(name, at, 1 << (at % 8));
            match second(&damaged, &target, 5_000) {
                Ok(_) => {
                    // Batches that were complete are not written again; all others are, and the rest of the log.
                    let rows = target.rows.rows();
                    let mut missing: Vec<_> =
                        acknowledged.iter().filter(|n| !done.contains(n) && !rows.contains(n)).collect();
                    // The last group cannot be told from a torn one: of the last segment, and of nothing else.
                    if missing == [acknowledged.last().unwrap()] && *name == files.last().unwrap().0 {
                        torn += 1;
                        missing.clear();
                    }
                    assert!(missing.is_empty(), "byte {at} of {name}: {missing:?} are lost");
                    assert!(rows.is_sorted_by(|a, b| a < b), "byte {at} of {name}: {rows:?}");
                    harmless += 1;
                }
                Err(error) => {
                    refused += 1;
                    let error = error.to_string();
                    assert!(error.contains(name.as_str()) && error.contains("byte"), "byte {at} of {name}: {error}");
                }
            }
        }
    }
    assert!(refused > 500 && harmless > 100 && torn > 20, "{refused} refused, {harmless} harmless, {torn} as if torn");
}

#[test]
fn a_segment_that_is_gone_is_an_error_that_names_it() {
    use streamgauge_stream::recovery::Storage;
    let (disk, target) = (FaultyDisk::new(), Target::new());
    disk.break_down(60, Breakdown::Before);
    first(&disk, &target).1.unwrap_err();
    disk.restart(1);
    let files = segments(&disk);
    let (mut refused, mut harmless) = (0, 0);
    for (name, _) in &files {
        let disk = disk.copy();
        disk.remove(name).unwrap();
        match second(&disk, &Target::new(), 5_000) {
            Ok(_) => harmless += 1,
            Err(error) => {
                assert!(error.to_string().contains(name.as_str()), "{name}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "{refused} refused, {harmless} harmless, of {files:?}");
}

#[test]
fn a_job_can_ignore_its_state_or_go_back_a_checkpoint() {
    // Two runs that are stopped, each with a checkpoint at its end, and one that is killed.
    let (disk, before) = (FaultyDisk::new(), Target::new());
    for (batches, stops) in [(0..4, true), (4..8, true), (8..10, false)] {
        let (mut job, teller) = job(disk.clone(), &before, |it| it.checkpoint_every(1_000));
        // The clock of each run begins at nought.
        job.clock().set(Time::from_secs(batches.start as i64));
        job.start().unwrap();
        for batch in batches {
            assert!(teller.store(batch));
            job.tick().unwrap();
        }
        if stops {
            job.stop().unwrap();
        } else {
            assert!(teller.store(10) && teller.store(11));
            disk.break_down(disk.sync_points() + 1, Breakdown::Before);
            job.tick().unwrap_err();
        }
        drop(job);
        disk.restart(5);
    }
    for (resume, counted) in [
        (Resume::Latest, 16),
        (Resume::Batch(Time::from_secs(7)), 16),
        // State begins with what is in no batch yet.
        (Resume::IgnoreState, 6),
    ] {
        let (disk, target) = (disk.copy(), Target::new());
        let (mut job, teller) = job(disk.clone(), &target, |it| it.resume(resume));
        job.start().unwrap();
        let stored = (12..16).all(|n| teller.store(n));
        assert!(stored);
        drop(teller);
        job.run().unwrap();
        let rows = target.rows.rows();
        assert!((10..16).all(|n| rows.contains(&n)), "{resume:?}: {rows:?}");
        assert!(rows.is_sorted_by(|a, b| a < b), "{resume:?}: {rows:?}");
        assert_eq!(target.counted(), counted, "{resume:?}");
    }
}
