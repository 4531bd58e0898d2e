//! Models outlive their job, to the bit.

use std::time::Duration;

use streamgauge_stream::testing::{Breakdown, FaultyDisk, Script, TestJob};
use streamgauge_stream::{ContextBuilder, DStream, Error, MemorySink, Time, millis, secs};

use crate::{Trail, trail};

const BATCHES: u64 = 30;

/// Seven keys; every sixth batch is empty.
fn script() -> Script<(u64, u64)> {
    let record = |i: u64| (i * 50 + i * 7_919 % 300, i * i % 7);
    let batch = |batch: u64| {
        let size = if batch % 6 == 2 { 0 } else { 30 };
        (batch * 30..batch * 30 + size).map(record).collect()
    };
    Script::new((0..BATCHES).map(batch)).in_partitions(2)
}

#[derive(Clone)]
struct Target(Vec<MemorySink<String>>);

impl Target {
    fn new() -> Self {
        Self((0..6).map(|_| MemorySink::all()).collect())
    }

    fn rows(&self) -> Vec<Vec<(Time, Vec<String>)>> {
        self.0.iter().map(MemorySink::batches).collect()
    }

    fn describe(&self, records: &DStream<(u64, u64)>) {
        let keyed = || records.key_by(|(_, key)| key);
        let by_time = || records.event_time(|(at, _): &(u64, u64)| *at as i64, Duration::from_secs(1));
        let model = records.named("model").train_on(|on| trail(on, |(at, _)| *at));
        let other = records.named("scored").train_and_score(|on| trail(on, |(at, _)| *at), |model, _| *model);
        let by_key = keyed().named("by key").train_on(|on| trail(on, |(at, _)| *at));
        let scored = keyed().named("scored by key");
        let scored = scored.train_and_score(|on| trail(on, |(at, _)| *at), |model, (_, key)| (*key, *model));
        let windows = by_time().key_by(|(_, key)| key).named("windows").window(millis(900), millis(300));
        let sessions = by_time().key_by(|(_, key)| key).named("sessions").session(secs(1));
        model.predict_on(records, |model, (at, _)| format!("{at} {model:?}")).write_to(self.0[0].clone());
        other.map(|model: Trail| format!("{model:?}")).write_to(self.0[1].clone());
        by_key.snapshots().map(|row| format!("{row:?}")).write_to(self.0[2].clone());
        scored.map(|row| format!("{row:?}")).write_to(self.0[3].clone());
        windows.fit(|on| trail(on, |(at, _)| *at)).map(|row| format!("{row:?}")).write_to(self.0[4].clone());
        sessions.fit(|on| trail(on, |(at, _)| *at)).map(|row| format!("{row:?}")).write_to(self.0[5].clone());
    }
}

fn run(target: &Target, settings: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Result<(), Error> {
    let mut job = TestJob::with(|it| settings(it.threads(2).checkpoint_every(4)));
    let records = job.script(script());
    target.describe(&records);
    job.run().map(drop)
}

#[test]
fn a_crash_at_any_sync_point_changes_no_model() {
    let undisturbed = Target::new();
    run(&undisturbed, |it| it).unwrap();
    assert!(undisturbed.0.iter().all(|sink| sink.rows().len() > 20), "every output has rows");
    let expected = undisturbed.rows();
    let disk = FaultyDisk::new();
    run(&Target::new(), |it| it.checkpoint_storage(disk.clone())).unwrap();
    let all = disk.sync_points();
    assert!(all > 35, "{all} sync points");
    for at in 1..=all {
        for moment in [Breakdown::Before, Breakdown::After] {
            let (disk, target) = (FaultyDisk::new(), Target::new());
            disk.break_down(at, moment);
            let _ = run(&target, |it| it.checkpoint_storage(disk.clone()));
            disk.restart(at);
            run(&target, |it| it.checkpoint_storage(disk.clone())).unwrap_or_else(|e| panic!("{moment:?} {at}: {e}"));
            assert!(target.rows() == expected, "a crash {moment:?} sync point {at} of {all} changes the result");
        }
    }
}

#[test]
fn a_model_goes_on_from_a_snapshot_and_is_not_restored_as_another() {
    let run = |snapshot: Option<&[u8]>, name: &str| {
        let mut job = TestJob::new();
        let numbers = job.script(Script::new((0..10).map(|n| vec![n, n + 1])));
        let model = numbers.named(name).train_on(|on| trail(on, |n: &u64| *n));
        match snapshot {
            Some(snapshot) => job.start_from(snapshot).map_err(|error| error.to_string())?,
            None => job.start().unwrap(),
        }
        job.ticks(5).unwrap();
        job.stop().unwrap();
        Ok::<_, String>((job.snapshot().unwrap(), model.read()))
    };
    let (half, _) = run(None, "numbers").unwrap();
    let (_, model) = run(Some(&half), "numbers").unwrap();
    let batches: Vec<_> = (0..10).map(|n| vec![n, n + 1]).collect();
    assert_eq!(model, Trail::of(batches.iter().map(Vec::as_slice)));
    let error = run(Some(&half), "other").unwrap_err();
    assert_eq!(error, "the state of other cannot be restored: the snapshot has no operator of this name");
}
