//! The simulated jobs: the same for any number of threads, checked answers, failures as their user sees them.

#![allow(clippy::unwrap_used, missing_docs)]

mod command_line;
#[path = "../page/mod.rs"]
mod page;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use streamgauge_examples::{Failure, Setting, fraud, sensors, slo, trending};

/// A writer that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A job with a setting: its report in words, and its lines.
type Job = fn(Setting) -> Result<(String, String), Failure>;

fn kept<R: ToString>(run: impl FnOnce(Kept) -> Result<R, Failure>) -> Result<(String, String), Failure> {
    let kept = Kept::default();
    let report = run(kept.clone())?;
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    Ok((report.to_string(), text))
}

/// Each with so many readings that something is to be told.
const JOBS: [(&str, u64, Job); 4] = [
    ("fraud", 40_000, |setting| kept(|out| fraud::run(&fraud::Options { setting, ..Default::default() }, out))),
    ("sensors", 40_000, |setting| kept(|out| sensors::run(&sensors::Options { setting, ..Default::default() }, out))),
    ("slo", 500_000, |setting| kept(|out| slo::run(&slo::Options { setting, ..Default::default() }, out))),
    ("trending", 30_000, |setting| {
        kept(|out| trending::run(&trending::Options { setting, ..Default::default() }, out))
    }),
];

#[test]
fn the_same_for_any_threads_and_another_for_another_seed() {
    for (name, readings, job) in JOBS {
        let run =
            |threads, seed| job(Setting { readings: Some(readings), threads, seed, ..Setting::default() }).unwrap();
        let one = run(1, 1);
        assert!(one.1.lines().count() > 0, "{name}: {}", one.0);
        for threads in [2, 8] {
            assert!(run(threads, 1) == one, "{name} with {threads} threads");
        }
        assert!(run(2, 2) != one, "{name} with another seed");
    }
}

#[test]
fn answers_keep_their_contracts_and_spoiled_ones_do_not() {
    for (name, readings, job) in JOBS {
        for seed in 1..=3 {
            let setting = Setting { readings: Some(readings), seed, check: true, threads: 2, ..Setting::default() };
            let plain = job(Setting { check: false, ..setting.clone() }).unwrap();
            let checked = job(setting.clone()).unwrap_or_else(|failure| panic!("{name} of seed {seed}: {failure}"));
            assert!(checked == plain, "{name}: to check changes nothing that is told");
            let failure = job(Setting { spoiled: true, ..setting }).unwrap_err();
            assert_eq!(failure.status(), 3, "{name}: {failure}");
            assert!(failure.to_string().contains("answers missed"), "{name}: {failure}");
        }
    }
}

#[test]
fn a_simulation_without_an_end_cannot_be_run_at_once() {
    for (name, _, job) in JOBS {
        let failure = job(Setting::default()).unwrap_err();
        assert_eq!(failure.status(), 2, "{name}: {failure}");
        assert!(failure.to_string().contains("--readings"), "{name}: {failure}");
    }
}

#[test]
fn parameters_out_of_their_range_are_named() {
    let setting = || Setting { readings: Some(10), ..Setting::default() };
    let target = slo::Options { target: 1.0, setting: setting(), ..Default::default() };
    assert!(slo::run(&target, io::sink()).unwrap_err().to_string().starts_with("the target is 1"));
    let burn = slo::Options { burn: f64::NAN, setting: setting(), ..Default::default() };
    assert!(slo::run(&burn, io::sink()).unwrap_err().to_string().starts_with("the burn rate for an alert is NaN"));
    let deviations = fraud::Options { deviations: 0.0, setting: setting(), ..Default::default() };
    assert!(fraud::run(&deviations, io::sink()).unwrap_err().to_string().starts_with("the deviations are 0"));
    let times = trending::Options { times: 1.0, setting: setting(), ..Default::default() };
    assert!(trending::run(&times, io::sink()).unwrap_err().to_string().starts_with("a trend is 1 times"));
}

#[test]
fn most_fraud_is_found() {
    let setting = Setting { readings: Some(60_000), ..Setting::default() };
    let report = fraud::run(&fraud::Options { setting, ..Default::default() }, io::sink()).unwrap();
    for (name, tally) in [("amount", report.amount), ("travel", report.travel), ("testing", report.testing)] {
        assert!(tally.fraud >= 10, "{name}: {tally:?}");
        assert!(tally.recall().unwrap() > 0.8, "{name}: {tally:?}");
    }
    // Something large is bought now and then, and no fraud.
    assert!(report.amount.precision().unwrap() > 0.3, "{report}");
    assert!(report.travel.precision().unwrap() > 0.9 && report.testing.precision().unwrap() > 0.9, "{report}");
}

#[test]
fn trees_learn_who_is_in_one_for_each_room_or_for_all() {
    for one_tree in [false, true] {
        let setting = Setting { readings: Some(60_000), ..Setting::default() };
        let options = sensors::Options { one_tree, setting, ..Default::default() };
        let report = sensors::run(&options, io::sink()).unwrap();
        assert_eq!(report.readings, 60_000);
        assert!(report.accuracy > 0.9 && report.accuracy > report.majority + 0.1, "{report}");
    }
}
