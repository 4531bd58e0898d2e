//! Audits: what is compared, what is called a breach, and who hears of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use streamgauge_sketches::audit::Group;
use streamgauge_sketches::summary::{Identity, TwoStacks};
use streamgauge_sketches::{
    Absorb, Audit, Audited, Estimate, HeavyHitters, HyperLogLog, Kll, Merge, Mismatch, On, Spec, Summary, TDigest,
    key_hash,
};
use streamgauge_stream::testing::{TestJob, same_for_any_threads};
use streamgauge_stream::{AuditInfo, AuditRow, DStream, Error, Event, OutputMode, Time, Window, millis, secs};

use crate::client::{FREE, get};

/// When, who, how much.
type Visit = (i64, u64, u64);

/// Some visits each second, of users that mostly do not come again, on pages some of which are more popular.
fn visits(seconds: u64, a_second: u64) -> Vec<Vec<Visit>> {
    let visit = |second: u64, i: u64| {
        let mixed = (second * a_second + i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Times are out of order by up to a second.
        let at = (second * 1_000 + mixed % 1_000) as i64;
        (at, mixed >> 20, (mixed >> 7) % 97 * (mixed >> 11) % 89 % 60)
    };
    (0..seconds).map(|second| (0..a_second).map(|i| visit(second, i)).collect()).collect()
}

/// What an audit has told in all batches.
fn infos(recorder: &streamgauge_stream::testing::Recorder) -> Vec<AuditInfo> {
    recorder.batches().into_iter().flat_map(|batch| batch.audits).collect()
}

fn breaches(recorder: &streamgauge_stream::testing::Recorder) -> Vec<AuditInfo> {
    let breach = |event| if let Event::AuditBreached(audit) = event { Some(audit) } else { None };
    recorder.events().into_iter().filter_map(breach).collect()
}

/// The same interval, a tenth as wide: a promise that is not kept.
fn lie(honest: &Estimate) -> Estimate {
    let Estimate { value, lower, upper, .. } = *honest;
    Estimate { lower: value - (value - lower) / 10.0, upper: value + (upper - value) / 10.0, ..*honest }
}

#[test]
fn sound_summaries_are_never_called_broken_and_the_exact_answers_are_right() {
    let mut job = TestJob::new();
    let all = visits(400, 1_500);
    let stream = job.source(all.clone());
    let recorder = job.record();
    let tumbling = stream.event_time(|(at, ..): &Visit| *at, secs(2)).tumbling(secs(2));
    let users = tumbling.summarize(|on| {
        let users = on.part(|(_, user, _): &Visit| user).of(HyperLogLog::with_precision(8).unwrap());
        (users, on.map(|visit| visit.2 as f64).of(Kll::with_k(64).unwrap()), on.top(8, |visit| &visit.2))
            .audited(Audit::windows(2))
    });
    let rows = job.capture(&users.audit("users", |a, exact| [(a.0, exact.0.value)]));
    drop(users.audit("quantiles", |a, exact| [0.1, 0.5, 0.99].map(|q| (a.1.at(q), exact.1.at(q).value))));
    drop(users.audit("pages", |a, exact| {
        let exact: BTreeMap<_, _> = exact.2.iter().map(|(page, n)| (*page, n.value)).collect();
        a.2.iter().filter_map(|(page, n)| Some((*n, *exact.get(page)?))).collect::<Vec<_>>()
    }));
    job.run().unwrap();
    assert_eq!(breaches(&recorder), []);

    let mut exactly: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    for (at, user, _) in all.into_iter().flatten() {
        exactly.entry(at.div_euclid(2_000) * 2_000 + 2_000).or_default().insert(user);
    }
    let rows = rows.rows();
    assert_eq!(rows.len(), exactly.len() / 2, "one window in two");
    for row in &rows {
        assert_eq!(row.exact, exactly[&row.time.millis()].len() as f64, "at {}", row.time);
        assert_eq!(row.inside, Some(row.estimate.contains(row.exact)));
    }
    let last = infos(&recorder).into_iter().map(|info| (info.name.clone(), info)).collect::<BTreeMap<_, _>>();
    let promised = last["users"].promised.unwrap();
    assert!((promised - 0.95).abs() < 1e-9, "{promised}");
    assert_eq!((last["users"].comparisons, last["quantiles"].comparisons), (100, 300));
    assert!(last["users"].misses < 15, "{:?}", last["users"]);
    assert_eq!(last["pages"].misses, 0);
    assert!(last["pages"].comparisons > 200);
}

#[test]
fn a_promise_that_is_too_small_is_found_and_told_in_three_places() {
    let mut job = TestJob::new();
    let stream = job.source(visits(200, 1_500));
    let recorder = job.record();
    let spec = |on: On<Identity<Visit>>| {
        let users = on.part(|visit: &Visit| &visit.1).of(HyperLogLog::with_precision(8).unwrap());
        (users, on.quantiles(|visit: &Visit| visit.2 as f64)).audited(Audit::keys(1.0))
    };
    let users = stream.window(secs(2), secs(1)).summarize(spec);
    let page = job.context().dashboard();
    page.listen(FREE);
    page.audit("Lies <b>", &users, |a, exact| [(lie(&a.0), exact.0.value)]);
    page.audit("Honest", &users, |a, exact| [(a.0, exact.0.value)]);
    page.audit("Silent", &users, |a, exact| [(a.1.at(0.5), exact.1.at(0.5).value)]);
    job.ticks(200).unwrap();

    let told = breaches(&recorder);
    assert!(!told.is_empty());
    assert!(told.iter().all(|audit| audit.name == "Lies <b>" && audit.breached));
    // After the first, others follow when a hundred comparisons that count have gone by: one in two counts.
    assert!(told.len() <= 2, "{}", told.len());
    let first = &told[0];
    assert!(first.misses * 2 > first.comparisons && first.comparisons < 150, "{first:?}");
    let (estimate, exact) = first.furthest.unwrap();
    assert!(!estimate.contains(exact));

    let address = page.address();
    let warnings = get(address, "/api/v1/applications/test/streaming/warnings").json();
    let warnings: Vec<_> = warnings.as_array().unwrap().iter().map(|it| it["warning"].as_str().unwrap()).collect();
    assert_eq!(warnings, told.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(warnings[0].starts_with("audit of Lies <b>: "), "{warnings:?}");
    assert!(warnings[0].contains("where 95 % are promised inside: more than chance explains; "), "{warnings:?}");

    let metrics = get(address, "/metrics").body;
    let metric = |name: &str, audit: &str| -> Option<u64> {
        let sample = format!("streamgauge_audit_{name}_total{{application=\"test\",audit=\"{audit}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&sample)?.parse().ok())
    };
    let lies = infos(&recorder).into_iter().rfind(|info| info.name == "Lies <b>").unwrap();
    assert_eq!(metric("comparisons", "Lies <b>"), Some(lies.comparisons), "{metrics}");
    assert_eq!(metric("misses", "Lies <b>"), Some(lies.misses));
    assert_eq!(metric("breaches", "Lies <b>"), Some(told.len() as u64));
    assert_eq!((metric("comparisons", "Honest"), metric("breaches", "Honest")), (Some(200), Some(0)));
    // Nothing was promised, so nothing was compared with it.
    assert_eq!((metric("comparisons", "Silent"), metric("breaches", "Silent")), (Some(0), Some(0)));
}

/// Counts everything, and what its exact twin has absorbed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Observed(u64);

static ABSORBED_EXACTLY: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Exactly(u64);

macro_rules! counts {
    ($summary:ident, $absorb:expr) => {
        impl Summary for $summary {
            type Reading = u64;
            const NAME: &'static str = stringify!($summary);

            fn read(&self) -> u64 {
                self.0
            }

            fn memory_bytes(&self) -> usize {
                size_of::<Self>()
            }
        }

        impl Absorb<Visit> for $summary {
            type Exact = Exactly;

            fn absorb(&mut self, _: &Visit) {
                self.0 += 1;
                $absorb
            }

            fn exact(&self) -> Exactly {
                Exactly(0)
            }
        }

        impl Merge for $summary {
            type Window = TwoStacks<Self>;

            fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
                Ok(())
            }

            fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
                self.0 += other.0;
                Ok(())
            }
        }
    };
}
counts!(Observed, ());
counts!(Exactly, {
    ABSORBED_EXACTLY.fetch_add(1, Ordering::Relaxed);
});

fn key_of(visit: &Visit) -> &u64 {
    &visit.2
}

/// The share is that of the hash, the same on any number of threads, and a record that is not chosen is not absorbed
/// by anything exact.
#[test]
fn a_share_of_the_keys_is_audited_whatever_the_threads() {
    let audit = Audit::keys(0.25);
    let is_chosen = |key: &u64| audit.chooses(&Group { key: Some(key_hash(key)), windows: None });
    let all = visits(30, 400);
    let chosen_records = all.iter().flatten().filter(|visit| is_chosen(&visit.2)).count() as u64;
    assert!(chosen_records > 1_000 && chosen_records < 6_000, "{chosen_records}");

    let audited = same_for_any_threads(|threads| {
        let mut job = TestJob::with(|settings| settings.threads(threads));
        let stream = job.source(all.clone());
        let before = ABSORBED_EXACTLY.load(Ordering::Relaxed);
        let by_page = stream.event_time(|visit: &Visit| visit.0, secs(2)).tumbling(secs(5)).key_by(key_of);
        let counts = by_page.summarize(move |on| on.of(Observed::default()).audited(audit));
        let rows = job.capture(&counts);
        let found = job.capture(&counts.audit("pages", |a, exact| [((*a).into(), *exact as f64)]));
        job.run().unwrap();
        let absorbed = ABSORBED_EXACTLY.load(Ordering::Relaxed) - before;
        (rows.rows(), found.rows(), absorbed)
    });
    let (rows, found, absorbed) = audited;
    assert_eq!(absorbed, chosen_records);
    assert!(found.iter().all(|row| row.inside == Some(true)));
    for Window { value: (key, reading), .. } in rows {
        assert_eq!(reading.exact, is_chosen(&key).then_some(reading.approximate));
    }
}

/// Of windows by the time of the batch, and of batches, only what lies in a chosen one is absorbed exactly.
#[test]
fn only_the_panes_of_chosen_windows_are_kept_exactly() {
    let all = visits(120, 50);
    let exactly = |length: u64, every: u32| {
        let mut job = TestJob::new();
        let stream = job.source(all.clone());
        let counts = stream
            .window(secs(length), secs(1))
            .summarize(move |on| on.distinct(|visit: &Visit| &visit.1).audited(Audit::windows(every)));
        let rows = job.capture(&counts);
        job.ticks(120).unwrap();
        let mut audited = 0;
        for (time, rows) in rows.batches() {
            let until = time.secs() as usize;
            let from = until.saturating_sub(length as usize);
            let users: BTreeSet<u64> = all[from..until].iter().flatten().map(|visit| visit.1).collect();
            if let Some(exact) = rows[0].exact {
                audited += 1;
                assert_eq!(exact.value, users.len() as f64);
            }
            assert_eq!(rows[0].length_ms, Some(1_000 * length as i64));
        }
        audited
    };
    assert_eq!(exactly(1, 4), 30);
    assert_eq!(exactly(1, 1), 120);
    // All panes of a window belong to chosen ones now and then, also of windows that are not.
    assert!((10..=16).contains(&exactly(6, 12)), "{}", exactly(6, 12));

    let mut job = TestJob::new();
    let stream = job.source(all.clone());
    let counts = stream.summarize(|on| on.distinct(|visit: &Visit| &visit.1).audited(Audit::windows(5)));
    let rows = job.capture(&counts);
    job.ticks(120).unwrap();
    assert_eq!(rows.rows().iter().filter(|row| row.exact.is_some()).count(), 24);
}

/// Late records, and windows that are given out again: the exact answer is of the same records each time.
#[test]
fn windows_that_are_revised_are_compared_each_time() {
    for mode in [OutputMode::Append, OutputMode::Update, OutputMode::Revise, OutputMode::Complete] {
        let mut job = TestJob::new();
        let batches = (0..60_i64).map(|second| {
            let late = (second * 1_000 - 7_000 * (second % 3), (second % 7) as u64, 0);
            (0..30).map(|i| (second * 1_000 + i, (second * 13 + i) as u64, 0)).chain([late]).collect::<Vec<Visit>>()
        });
        let stream = job.source(batches);
        let recorder = job.record();
        let windows = stream
            .event_time(|visit: &Visit| visit.0, secs(1))
            .window(secs(6), secs(2))
            .allow_late(secs(5))
            .output_mode(mode)
            .summarize(|on| (on.distinct(|visit: &Visit| &visit.1), on.count()).audited(Audit::windows(2)));
        let rows = job.capture(&windows.audit("users", |a, exact| [(a.0, exact.0.value), (a.1, exact.1.value)]));
        job.run().unwrap();
        // So few users are counted exactly: any miss would be a breach.
        assert_eq!(breaches(&recorder), [], "{mode:?}");
        let rows = rows.rows();
        assert!(rows.len() > 20 && rows.iter().all(|row| row.inside == Some(true)), "{mode:?}");
        let times: BTreeSet<Time> = rows.iter().map(|row| row.time).collect();
        assert_eq!(rows.len() > 2 * times.len(), mode != OutputMode::Append, "{mode:?}");
    }
}

/// A job that is stopped in the middle of windows and goes on finds what it would have found.
#[test]
fn an_audit_goes_on_where_it_was() {
    let all = visits(201, 100);
    let describe = |job: &TestJob, stream: &DStream<Visit>| {
        let stream = stream.event_time(|visit: &Visit| visit.0, millis(500));
        let spec = |on: On<Identity<Visit>>| {
            let users = on.part(|visit: &Visit| &visit.1).of(HyperLogLog::with_precision(4).unwrap());
            users.audited(Audit::windows(3))
        };
        let windows = stream.window(secs(6), secs(2)).named("users in windows").summarize(spec);
        job.capture(&windows.audit("users", |a, exact| [(lie(a), exact.value)]))
    };
    let whole = {
        let mut job = TestJob::new();
        let stream = job.source(all.clone());
        let rows = describe(&job, &stream);
        job.run().unwrap();
        rows.rows()
    };
    assert!(whole.iter().any(|row| row.breach.is_some()), "it is the state after a breach that goes on, too");
    for stop in [5, 60, 150] {
        let mut job = TestJob::new();
        let stream = job.source(all.clone());
        let rows = describe(&job, &stream);
        job.ticks(stop).unwrap();
        job.stop().unwrap();
        let (mut found, snapshot) = (rows.rows(), job.snapshot().unwrap());
        let mut job = TestJob::new();
        let stream = job.source(all.clone());
        let rows = describe(&job, &stream);
        job.start_from(&snapshot).unwrap();
        job.run().unwrap();
        found.extend(rows.rows());
        assert_eq!(found, whole, "stopped after {stop}");
    }
}

/// A summary of everything so far has one state: later readings are no news.
#[test]
fn what_runs_from_the_beginning_is_held_against_the_promise_once() {
    let mut job = TestJob::new();
    let stream = job.source(visits(100, 200));
    let recorder = job.record();
    let running = stream.key_by(key_of).running().summarize(|on| {
        let users = on.part(|visit: &Visit| &visit.1).of(HyperLogLog::with_precision(6).unwrap());
        users.audited(Audit::keys(0.05))
    });
    let rows = job.capture(&running.audit("users", |a, exact| [(lie(a), exact.value)]));
    job.ticks(100).unwrap();
    assert!(rows.rows().iter().filter(|row| row.inside == Some(false)).count() > 20);
    assert_eq!(breaches(&recorder), []);
}

#[test]
fn what_is_shed_cannot_be_audited() {
    let mut job = TestJob::new();
    let stream = job.source(visits(2, 10));
    let counts = stream.shed(key_of, 0.1).summarize(|on| on.count().audited(Audit::keys(1.0)));
    drop(job.capture(&counts));
    let Err(Error::Graph(problems)) = job.start() else { panic!("it starts") };
    assert!(problems[0].contains("audited(…)"), "{problems:?}");
}

#[test]
fn rows_of_all_shapes_are_audited() {
    type Reading = Audited<Estimate, Estimate>;
    let reading = Reading { approximate: 1.0.into(), exact: Some(1.0.into()), length_ms: None };
    let keyed = ("a".to_owned(), reading);
    let window = Window { start: Time::from_secs(1), end: Time::from_secs(3), value: keyed.clone() };
    use streamgauge_stream::AuditedRow;
    assert_eq!((reading.audited(), reading.window()), (&reading, None));
    assert_eq!((keyed.audited(), keyed.window()), (&reading, None));
    assert_eq!((window.audited(), window.window()), (&reading, Some((window.start, window.end))));
    let _: fn(&AuditRow) -> f64 = AuditRow::error;
    let _ = (HeavyHitters::<u64>::top(3), TDigest::default());
}
