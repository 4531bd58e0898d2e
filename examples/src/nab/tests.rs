use std::fs;
use std::path::PathBuf;

use super::series::{millis, parse};
use super::{Choice, Failure, Options, run};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("streamgauge_nab_{name}_{}", std::process::id()));
        fs::create_dir_all(folder.join("data/real")).unwrap();
        Self(folder)
    }

    fn options(&self, windows: bool) -> Options {
        Options {
            data: self.0.join("data"),
            out: self.0.join("out"),
            windows: windows.then(|| self.0.join("windows.json")),
            detector: Choice::Series,
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn failure(&self, windows: bool) -> String {
        run(&self.options(windows)).unwrap_err().to_string().replace(&self.0.to_string_lossy().into_owned(), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A day of minutes with a spike at the time 20:00.
fn series() -> String {
    let line = |i: u32| {
        let value = if i == 1_200 { 500 } else { i * 7_919 % 97 };
        format!("2014-04-01 {:02}:{:02}:00,{value}\n", i / 60, i % 60)
    };
    format!("timestamp,value\n{}", (0..1_440).map(line).collect::<String>())
}

#[test]
fn scores_are_written_and_scored() {
    let folder = Folder::new("written");
    folder.write("data/real/a.csv", &series());
    folder.write("windows.json", r#"{"real/a.csv": [["2014-04-01 20:00:00.000000", "2014-04-01 21:00:00.000000"]]}"#);
    let report: serde_json::Value = serde_json::from_str(&run(&folder.options(true)).unwrap().unwrap()).unwrap();
    assert_eq!((report["series"].as_u64(), report["records"].as_u64()), (Some(1), Some(1_440)));
    assert_eq!(report["detector"], "series");
    let names: Vec<&str> =
        report["profiles"].as_array().unwrap().iter().filter_map(|p| p["profile"].as_str()).collect();
    assert_eq!(names, ["standard", "reward_low_FP", "reward_low_FN"]);
    for profile in report["profiles"].as_array().unwrap() {
        assert_eq!(profile["score"].as_f64(), Some(100.0), "{report}");
    }
    let written = fs::read_to_string(folder.0.join("out/real/streamgauge_a.csv")).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1_441, "timestamp,value,anomaly_score"));
    assert!(lines[1].starts_with("2014-04-01 00:00:00,0,"));
    let score: f64 = lines[1_201].rsplit_once(',').unwrap().1.parse().unwrap();
    assert!(score > 0.75, "{score}");
    assert_eq!(fs::read_dir(folder.0.join("out/real")).unwrap().count(), 1, "nothing is left beside");
    // Again, over what is there, to the byte.
    assert_eq!(run(&folder.options(false)).unwrap(), None);
    assert_eq!(fs::read_to_string(folder.0.join("out/real/streamgauge_a.csv")).unwrap(), written);
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_written() {
    let folder = Folder::new("wrong");
    assert_eq!(folder.failure(false), "there is no .csv file below /data");
    folder.write("data/real/a.csv", &series());
    folder.write("data/real/b.csv", "timestamp,value\n2014-04-01 00:00:00,1\n2014-04-01 00:05:00,one\n");
    assert_eq!(folder.failure(false), "/data/real/b.csv, line 3: \"one\" is no number");
    assert!(!folder.0.join("out/real").exists());
    folder.write("data/real/b.csv", "time,value\n");
    assert!(folder.failure(false).starts_with("/data/real/b.csv, line 1: the header is \"time,value\""));
    folder.write("data/real/b.csv", "timestamp,value\n2014-02-30 00:00:00,1\n");
    assert!(folder.failure(false).starts_with("/data/real/b.csv, line 2: \"2014-02-30 00:00:00\" is no timestamp"));
    fs::remove_file(folder.0.join("data/real/b.csv")).unwrap();
    assert!(folder.failure(true).starts_with("cannot read /windows.json: "));
    folder.write("windows.json", "{}");
    assert_eq!(folder.failure(true), "/windows.json: there is no entry for real/a.csv");
    folder.write("windows.json", r#"{"real/a.csv": [["2015-04-01 20:00:00", "2015-04-01 21:00:00"]]}"#);
    assert!(folder.failure(true).ends_with("holds no record of real/a.csv"));
    folder.write("windows.json", "[");
    assert!(folder.failure(true).starts_with("/windows.json: "));
    let inside = Options { out: folder.0.join("data/out"), ..folder.options(false) };
    assert!(matches!(run(&inside), Err(Failure::Inside { .. })));
    assert!(!folder.0.join("out").exists() && !folder.0.join("data/out").exists());
}

#[test]
fn timestamps_are_read() {
    assert_eq!(millis("1970-01-02 00:00:00"), Some(86_400_000));
    assert_eq!(millis("2014-02-14T14:30:00.250000"), Some(1_392_388_200_250));
    assert_eq!(millis("2014-02-14 14:30:00.5"), Some(1_392_388_200_500));
    for wrong in
        ["", "2014-02-14", "2014-02-14 24:00:00", "2014-13-14 14:30:00", "2014-02-14 14:30:00.", "2014-02-14 14:30:0x"]
    {
        assert_eq!(millis(wrong), None, "{wrong}");
    }
    let (lines, samples) = parse("timestamp,value\r\n2014-02-14 14:30:00,1.5\r\n\r\n").unwrap();
    assert_eq!((lines, samples[0].value), (vec!["2014-02-14 14:30:00,1.5".to_owned()], 1.5));
    assert!(parse("").is_err() && parse("timestamp,value\n2014-02-14 14:30:00").is_err());
}
