//! The job as its user calls it.

#![allow(clippy::unwrap_used)]

mod page;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("streamgauge-prequential-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(data: &Path, flags: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/prequential");
    assert!(program.exists(), "build it first: cargo build -p streamgauge-examples --examples");
    Command::new(program).arg("--data").arg(data).args(flags).output().unwrap()
}

#[track_caller]
fn printed(data: &Path) -> Value {
    let output = run(data, &["--learner", "majority"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What is told on the way out.
#[track_caller]
fn told(data: &Path) -> String {
    let output = run(data, &["--learner", "majority"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
}

fn omlb(rows: &[[f64; 2]]) -> Vec<u8> {
    let mut bytes = b"OMLB".to_vec();
    [1_u32, 1, 2].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    bytes.extend((rows.len() as u64).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    rows.iter().flatten().for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn one_line_of_json_says_it_all() {
    let folder = Folder::new("line");
    let text = "size,colour,class\n1.5,red,yes\n2,blue,no\n?,red,yes\n3,,yes\n";
    let rows = [[0.5, 1.0], [1.5, 0.0], [2.5, 1.0], [3.5, 1.0]];
    let files = [
        folder.file("rows.csv", text),
        folder.file("rows.csv.gz", gzip(text.as_bytes())),
        folder.file("rows.bin", omlb(&rows)),
        folder.file("rows.bin.gz", gzip(&omlb(&rows))),
    ];
    for file in files {
        let line = printed(&file);
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["accuracy", "kappa", "memory_bytes", "rows", "rows_per_s", "seconds"]);
        // Nothing is predicted for the first row; "yes" for the "no" after it; then both are as frequent, and the lower
        // class is "no"; at last "yes" is right.
        assert_eq!((&line["rows"], &line["accuracy"]), (&4.into(), &0.25.into()), "{}", file.display());
        assert!(line["rows_per_s"].as_f64().unwrap() > 0.0 && line["memory_bytes"].as_u64().unwrap() > 16);
    }
}

#[test]
fn labels_may_come_late() {
    let folder = Folder::new("late");
    let rows: String = (0..100).map(|i| format!("{i},{}\n", i / 50)).collect();
    let file = folder.file("rows.csv", rows);
    let line = |late: &str| -> Value {
        let output = run(&file, &["--learner", "majority", "--late", late]);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // The first label is known to the second row, or to the twenty-second.
    assert_eq!(line("0")["accuracy"], 0.49);
    assert_eq!((&line("20")["rows"], &line("20")["accuracy"]), (&100.into(), &0.29.into()));
    assert_eq!(run(&file, &["--learner", "majority", "--late", "-1"]).status.code(), Some(2));
}

#[test]
fn a_dashboard_shows_accuracy_and_says_the_same() {
    let folder = Folder::new("page");
    let rows: String = (0..4_000).map(|i| format!("{},{}\n", i % 7, u32::from(i % 7 > 3))).collect();
    let file = folder.file("rows.csv", rows);
    for late in ["0", "30"] {
        let flags = ["--learner", "gaussian-nb", "--late", late];
        let plain: Value = serde_json::from_slice(&run(&file, &flags).stdout).unwrap();
        let (line, hello) = page::of("prequential", &[&["--data", file.to_str().unwrap()], &flags[..]].concat());
        let line: Value = serde_json::from_str(&line).unwrap();
        for same in ["rows", "accuracy", "kappa"] {
            assert_eq!(line[same], plain[same], "{same}, {late} late");
        }
        let [so_far, lately, matrix] = [0, 1, 2].map(|panel| hello["panels"][panel]["points"].as_array().unwrap());
        assert_eq!((so_far.len(), lately.len(), matrix.len()), (200, 200, 1));
        let last = &so_far[199]["series"];
        assert_eq!((&last[0]["name"], &last[1]["name"]), (&"accuracy".into(), &"κ".into()));
        // What is still waiting at the end is learned after the last batch.
        let waiting = late.parse::<f64>().unwrap();
        assert_eq!(matrix[0]["total"].as_f64(), Some(4_000.0 - waiting));
        let right = matrix[0]["right"].as_f64().unwrap() / (4_000.0 - waiting);
        assert!((last[0]["e"]["value"].as_f64().unwrap() - right).abs() < 1e-12);
        assert_eq!(matrix[0]["classes"], serde_json::json!(["class 0", "class 1"]));
    }
    let flags = ["--learner", "majority", "--rate", "5"];
    assert_eq!(run(&file, &flags).status.code(), Some(2), "a rate without a dashboard");
}

#[test]
fn what_is_wrong_is_told_with_its_file_and_line() {
    let folder = Folder::new("wrong");
    let gone = folder.0.join("gone.csv");
    assert_eq!(told(&gone), format!("error: {}: No such file or directory (os error 2)", gone.display()));
    for (text, why) in [
        ("a,b,class\n1,2,x\n1,y\n", ":3: 2 columns, not 3 as in the first line"),
        ("x\ny\n", ": one column alone: the last column is the class, those before it the attributes"),
        ("1,x\n2,x\n", ": one class only: column 2, the class, is always 'x'"),
        ("1,x\n2,y\nthree,x\n", ":3: column 1 is 'three', which is no number as most others there"),
        ("1,x\n2,\n", ":2: column 2, the class, is missing"),
        ("", ": there are no rows"),
    ] {
        let file = folder.file("rows.csv", text);
        assert_eq!(told(&file), format!("error: {}{why}", file.display()));
    }
    let file = folder.file("rows.bin", &omlb(&[[1.0, 1.0]])[..30]);
    assert!(told(&file).starts_with(&format!("error: {}: reading row 0 of 1: ", file.display())));
    let file = folder.file("rows.bin", omlb(&[[1.0, 7.0]]));
    assert_eq!(told(&file), format!("error: {}: the class of row 0 is 7, which cannot be", file.display()));
    let file = folder.file("rows.parquet", "");
    assert!(told(&file).ends_with("its name ends in none of .csv, .bin, .csv.gz and .bin.gz"));
    let classes: String = (0..5_000).map(|i| format!("1,{i}\n")).collect();
    let many = told(&folder.file("many.csv", classes));
    assert_eq!(many, "error: the learner does not take these rows: Confusion: classes must be 1 to 4,096, not 5000");
}

#[test]
fn an_unknown_learner_is_told_with_the_known_ones() {
    let output = run(Path::new("rows.csv"), &["--learner", "oracle"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("'oracle'") && error.contains("majority"), "{error}");
}

#[test]
fn the_electricity_market() {
    let Some(folder) = std::env::var_os("STREAMGAUGE_DATA") else {
        eprintln!("skipped: STREAMGAUGE_DATA does not name the folder of the data");
        return;
    };
    let file = Path::new(&folder).join("elec.csv");
    let line = printed(&file);
    assert_eq!(line["rows"], 45_312);
    assert!((line["accuracy"].as_f64().unwrap() - 0.5754).abs() < 1e-3);
    let rows = streamgauge_examples::labelled::read(&file).unwrap();
    let numeric = [streamgauge::ml::Attribute::Numeric; 6];
    assert_eq!(rows.schema().attributes(), numeric);
    let ups = rows.iter().filter(|(_, class)| *class == 1).count();
    assert_eq!([rows.len() - ups, ups], [26_075, 19_237]);
}
