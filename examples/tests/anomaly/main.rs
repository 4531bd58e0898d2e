//! The job that watches metrics, with a plain detector whose alerts can be foreseen.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../page/mod.rs"]
mod page;

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamgauge::ml::RowError;
use streamgauge::ml::anomaly::Sample;
use streamgauge::prelude::*;
use streamgauge_examples::anomaly::{Failure, Input, Options, Reading, Report, run};

/// How far a value is from a moving mean, in moving deviations.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Band {
    seen: u32,
    mean: f64,
    deviation: f64,
}

const BAND: Band = Band { seen: 0, mean: 0.0, deviation: 0.0 };

impl Summary for Band {
    type Reading = Self;

    const NAME: &'static str = "Band";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Detector for Band {
    type Item = Sample;

    fn score_one(&self, Sample { value: item, .. }: &Sample) -> Result<Option<f64>, RowError> {
        let distance = (item - self.mean).abs() / self.deviation.max(1e-9);
        Ok((self.seen >= 30 && item.is_finite()).then_some(distance / (distance + 1.0)))
    }

    fn learn_one(&mut self, Sample { value: item, .. }: &Sample) -> Result<(), RowError> {
        if item.is_finite() {
            self.seen += 1;
            let weight = (1.0 / f64::from(self.seen)).max(0.05);
            self.deviation += weight * ((item - self.mean).abs() - self.deviation);
            self.mean += weight * (item - self.mean);
        }
        Ok(())
    }
}

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

fn options(input: Input) -> Options {
    Options {
        input,
        rate: None,
        threshold: 0.85,
        quiet: Duration::from_secs(3_600),
        dashboard: None,
        shown: 0,
        seed: 1,
        threads: 2,
        check: false,
        progress: false,
    }
}

fn alerts(options: &Options) -> Result<(Report, String), Failure> {
    let kept = Kept::default();
    let report = run(options, BAND, kept.clone())?;
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    Ok((report, text))
}

/// A line a minute; what is said of some of them instead of 10 or 11.
fn series(minutes: u32, said: &[(u32, &str)]) -> String {
    let line = |minute: u32| {
        let usual = if minute.is_multiple_of(2) { "10" } else { "11" };
        let value = said.iter().find(|(at, _)| *at == minute).map_or(usual, |(_, value)| *value);
        format!("2026-02-14 {:02}:{:02}:00,{value}\n", minute / 60, minute % 60)
    };
    "timestamp,value\n".to_owned() + &(0..minutes).map(line).collect::<String>()
}

#[test]
fn each_file_is_a_series_with_a_detector_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("hosts")).unwrap();
    let first = series(300, &[(60, ""), (100, "90"), (101, "95"), (290, "-40")]);
    fs::write(folder.path().join("hosts/a.csv"), first).unwrap();
    fs::write(folder.path().join("hosts/b.csv"), series(300, &[(20, "70"), (110, "lots"), (200, "55.5")])).unwrap();
    fs::write(folder.path().join("hosts/readme.txt"), "no series").unwrap();
    let (report, text) = alerts(&options(Input::Files(folder.path().to_owned()))).unwrap();
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let said: Vec<_> = lines.iter().map(|line| (line[0], line[1], line[2])).collect();
    // What follows within an hour is the same alert; in the first half hour there is none.
    assert_eq!(
        said,
        [
            ("2026-02-14 01:40:00", "hosts/a", "90"),
            ("2026-02-14 03:20:00", "hosts/b", "55.5"),
            ("2026-02-14 04:50:00", "hosts/a", "-40"),
        ]
    );
    assert!(lines.iter().all(|line| (0.85..1.0).contains(&line[3].parse::<f64>().unwrap())));
    assert_eq!((report.readings, report.alerts), (599, 3));
    assert_eq!(report.warm_up, 30 + 30 + 1, "the missing value has no score");
    assert_eq!(report.to_string(), "599 readings, 3 alerts");
}

#[test]
fn a_simulation_is_the_same_for_any_threads_and_most_of_it_is_found() {
    let run = |threads| {
        let input = Input::Simulated { hosts: 2, readings: Some(60_000) };
        alerts(&Options { threads, ..options(input) }).unwrap()
    };
    let (report, text) = run(1);
    assert_eq!((report.readings, report.warm_up), (60_000, 6 * 30));
    assert_eq!(text.lines().count() as u64, report.alerts);
    let (found, all) = (report.found.len(), report.anomalies.len());
    assert!(all > 15 && 2 * found > all, "{report}");
    // The ends of anomalies are alerts too.
    assert!(report.false_alarms < all as u64, "{report}");
    assert!(text.lines().is_sorted(), "in the order of time");
    for threads in [2, 8] {
        assert_eq!(run(threads), (report.clone(), text.clone()));
    }
}

#[test]
fn a_check_fails_for_what_finds_nothing_and_for_what_cries_wolf() {
    let checked = |threshold| {
        let input = Input::Simulated { hosts: 2, readings: Some(60_000) };
        alerts(&Options { threshold, quiet: Duration::ZERO, check: true, ..options(input) })
    };
    // A score of 1 is never reached; one of a half is that of a usual deviation.
    for (threshold, contract) in
        [(1.0, "a third of the anomalies is found"), (0.5, "fewer false alarms than anomalies")]
    {
        let failure = checked(threshold).unwrap_err();
        assert_eq!(failure.status(), 3, "{failure}");
        assert!(failure.to_string().starts_with(&format!("a contract broke: {contract}: 1 of 1")), "{failure}");
    }
    let input = Input::Simulated { hosts: 2, readings: Some(60_000) };
    let plain = options(input);
    assert_eq!(alerts(&Options { check: true, ..plain.clone() }).unwrap(), alerts(&plain).unwrap());
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = || options(Input::Files(folder.path().to_owned()));
    let failure = |options: &Options| alerts(options).unwrap_err().to_string();
    assert!(failure(&files()).ends_with("there is no .csv file"));
    assert!(failure(&options(Input::Files(folder.path().join("nowhere")))).contains("nowhere"));
    assert!(failure(&Options { threshold: 2.0, ..files() }).contains("the threshold is 2; scores lie in 0 to 1"));
    let endless = options(Input::Simulated { hosts: 1, readings: None });
    assert!(failure(&endless).contains("a simulation without an end needs a rate"));
}

#[test]
fn a_dashboard_marks_the_alerts_that_are_written() {
    // Many alerts, for a threshold that is low.
    let flags = ["--hosts", "2", "--readings", "24000", "--rate", "max", "--threshold", "0.6", "--quiet", "10"];
    let (text, hello) = page::of("anomaly", &flags);
    let panels = hello["panels"].as_array().unwrap();
    let (newest, by_series) = (&panels[0]["points"][0]["rows"], &panels[1]["points"][0]["rows"]);
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert!(lines.len() > 10, "{text}");
    assert_eq!(newest.as_array().unwrap().len(), 10);
    for (row, line) in newest.as_array().unwrap().iter().zip(lines.iter().rev()) {
        assert_eq!((&row[0], &row[1]), (&line[1].into(), &line[0].into()), "{newest}");
        assert!((row[3]["value"].as_f64().unwrap() - line[3].parse::<f64>().unwrap()).abs() < 1e-4, "{row}");
    }
    let of_all: f64 = by_series.as_array().unwrap().iter().map(|row| row["e"]["value"].as_f64().unwrap()).sum();
    assert_eq!(of_all, lines.len() as f64);

    let charts = &panels[2..];
    assert_eq!(charts.len(), 6);
    let mut marked = 0;
    for chart in charts {
        assert_eq!(chart["kind"], "anomalies");
        let points = chart["points"].as_array().unwrap();
        // The newest points of a history are all there.
        let first = points[points.len() - 400]["t"].as_i64().unwrap();
        let alerts: Vec<_> = points[points.len() - 400..].iter().filter(|point| point["alert"] == true).collect();
        assert!(alerts.iter().all(|it| it["score"].as_f64().unwrap() >= 0.6 && it["threshold"] == 0.6));
        let values: Vec<f64> = alerts.iter().map(|it| it["value"].as_f64().unwrap()).collect();
        let of_chart = lines.iter().filter(|line| chart["title"] == line[1]);
        let millis = |line: &[&str]| Reading::parse("", &format!("{},0", line[0])).unwrap().unwrap().sample.time;
        let written: Vec<f64> =
            of_chart.filter(|line| millis(line) >= first).map(|line| line[2].parse().unwrap()).collect();
        // JSON is read to the last digit but one.
        let round = |values: &[f64]| values.iter().map(|value| (value * 1e9).round()).collect::<Vec<_>>();
        assert_eq!(round(&values), round(&written));
        marked += values.len();
    }
    assert!(marked >= 6, "{marked}");
}
