//! The cluster_drift job as its user calls it.

#![allow(clippy::unwrap_used, missing_docs)]

mod page;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(args: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/cluster_drift");
    assert!(program.exists(), "build it first: cargo build -p streamgauge-examples --examples");
    Command::new(program).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn summary(output: &Output) -> Value {
    serde_json::from_str(stdout(output).lines().last().unwrap()).unwrap()
}

/// Rows of two groups at 0 and 100, of classes 0 and 1; every tenth is far-off noise of class 2.
fn file(name: &str, rows: usize, categories: u32) -> String {
    let mut image = b"OMLB".to_vec();
    [1_u32, 2, 3].iter().for_each(|n| image.extend(n.to_le_bytes()));
    image.extend((rows as u64).to_le_bytes());
    [0, categories].iter().for_each(|n| image.extend(n.to_le_bytes()));
    for i in 0..rows {
        let class = if i % 10 == 9 { 2 } else { i % 2 };
        let near = (i % 7) as f64 / 7.0;
        let values =
            [[0.0 + near, 0.0, 0.0], [100.0 - near, 0.0, 1.0], [500.0 - i as f64 % 1_000.0, 400.0, 2.0]][class];
        values.iter().for_each(|value: &f64| image.extend(value.to_le_bytes()));
    }
    let path = std::env::temp_dir().join(format!("streamgauge-{name}-{}.bin", std::process::id()));
    std::fs::write(&path, image).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn moving_components_are_followed_whatever_the_threads() {
    let args = ["--rows", "40000", "--every", "10", "--threads"];
    let [one, two] = ["1", "3"].map(|threads| run(&[&args[..], &[threads]].concat()));
    let (lines, told) = (stdout(&one), summary(&one));
    assert_eq!(lines.lines().filter(|line| line.starts_with("batch ")).count(), 4, "{lines}");
    assert_eq!(lines.lines().filter(|line| line.contains(": weight ")).count(), 20, "{lines}");
    assert_eq!((told["rows"].as_u64(), told["batches"].as_u64()), (Some(40_000), Some(40)));
    assert_eq!(told["refused"].as_u64(), Some(0));
    assert!(told["purity"].as_f64().unwrap() > 0.999, "{told}");
    // Eight coordinates of deviation ½.
    let squares = told["squares_per_point"].as_f64().unwrap();
    assert!((1.95..2.14).contains(&squares), "{told}");
    let progress =
        |lines: &str| lines.lines().filter(|line| !line.starts_with('{')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(progress(&lines), progress(&stdout(&two)));
    assert_eq!(summary(&two)["clusters"], told["clusters"]);
}

#[test]
fn a_check_holds_where_clusters_follow_and_fails_where_they_never_forget() {
    let rows = ["--rows", "100000", "--every", "1000", "--check"];
    let follows = run(&rows);
    let told = String::from_utf8(follows.stderr).unwrap();
    assert_eq!(follows.status.code(), Some(0), "{told}");
    assert!(told.starts_with("100,000 records in 100 batches") && told.contains("\nchecked: "), "{told}");
    let stays = run(&[&rows[..], &["--half-life-points", "inf"]].concat());
    let told = String::from_utf8(stays.stderr).unwrap();
    assert_eq!(stays.status.code(), Some(3), "{told}");
    assert!(told.contains("error: a contract broke: centres are in the middle"), "{told}");
}

#[test]
fn a_dashboard_shows_the_clusters_until_it_is_stopped() {
    let rows = ["--rows", "5000", "--every", "2"];
    let (lines, hello) = page::of("cluster_drift", &[&rows[..], &["--plane", "3,1"]].concat());
    let silent = stdout(&run(&rows));
    // All but the last line, which has a time in it, is as without a dashboard.
    let progress =
        |lines: &str| lines.lines().filter(|line| !line.starts_with('{')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(progress(&lines), progress(&silent));
    let told: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let map = &hello["panels"][0];
    assert_eq!((&map["kind"], &map["title"]), (&"clusters".into(), &"Clusters".into()));
    // One update a batch, and the sample only of the last.
    let points = map["points"].as_array().unwrap();
    assert_eq!(points.len(), 5);
    let last = points.last().unwrap();
    assert_eq!(last["sample"].as_array().unwrap().len(), 300);
    assert!(points[..4].iter().all(|point| point.get("sample").is_none()));
    assert_eq!(last["axes"], serde_json::json!({ "x": "axis 3", "y": "axis 1", "equal": true }));
    // As the batch has found them: where they are at the end is close by, and in the two dimensions that were asked for.
    let centres = last["centres"].as_array().unwrap();
    assert_eq!(centres.len(), 5);
    for (centre, end) in centres.iter().zip(told["clusters"].as_array().unwrap()) {
        for (at, dimension) in [(1, 3), (2, 1)] {
            let [drawn, end] = [&centre[at], &end["centre"][dimension]].map(|x| x.as_f64().unwrap());
            assert!((drawn - end).abs() < 0.5, "{drawn} {end}");
        }
    }
    // The first batch finds no clusters to be scored by.
    assert_eq!(hello["panels"][1]["points"].as_array().unwrap().len(), 4);
}

#[test]
fn a_file_is_read_and_its_noise_not_scored() {
    let path = file("clusters", 4_000, 0);
    let scored = summary(&run(&["--data", &path, "--clusters", "3", "--noise", "2", "--half-life-batches", "inf"]));
    // No batch before the first, and nine of ten points.
    assert_eq!(scored["scored"].as_u64(), Some(2_700), "{scored}");
    assert_eq!(scored["purity"].as_f64(), Some(1.0), "{scored}");
    let all = summary(&run(&["--data", &path, "--clusters", "3", "--half-life-points", "500"]));
    assert_eq!(all["scored"].as_u64(), Some(3_000), "{all}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_cannot_run_is_told_in_one_line() {
    let (categories, good) = (file("categories", 10, 3), file("good", 10, 0));
    let cut = file("cut", 10, 0);
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 30]).unwrap();
    let cases: [(&[&str], &str); 12] = [
        (&["--data", "no/such.bin"], "no/such.bin: "),
        (&["--data", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "the beginning is "),
        (&["--data", &categories], "attribute 1 is a category"),
        (&["--data", &cut], "row 8 of 10"),
        (&["--data", &good, "--noise", "3"], "there is no class 3: there are 3"),
        (&["--clusters", "0"], "at least 1, not 0"),
        (&["--half-life-points=-1"], "half-life must be at least 0, not -1"),
        (&["--batch", "0"], "--batch"),
        (&["--rate", "0"], "above 0"),
        (&["--listen", "127.0.0.1:0", "--plane", "0"], "two dimensions such as 0,1"),
        (&["--listen", "127.0.0.1:0", "--plane", "0,8"], "there is no dimension 8 to map: there are 8, from 0 on"),
        (&["--wat"], "--wat"),
    ];
    for (args, named) in cases {
        let output = run(args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(named), "{told}");
        assert!(output.stdout.is_empty());
    }
    [categories, good, cut].iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert!(stdout(&run(&["--help"])).contains("--half-life-batches"));
}

#[test]
fn the_stream_of_moving_components_is_followed() {
    let Some(streams) = std::env::var_os("STREAMGAUGE_STREAMS") else {
        eprintln!("skipped: STREAMGAUGE_STREAMS does not name the folder of gmm_drift.bin");
        return;
    };
    let path = Path::new(&streams).join("gmm_drift.bin");
    let told = summary(&run(&["--data", path.to_str().unwrap(), "--noise", "5"]));
    assert!(told["squares_per_point"].as_f64().unwrap() <= 2.14, "{told}");
    assert!(told["purity"].as_f64().unwrap() >= 0.999, "{told}");
}
