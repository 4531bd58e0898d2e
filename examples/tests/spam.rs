//! The job as its user calls it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A file that is removed again.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("streamgauge-spam-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run(data: &Path, flags: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/spam");
    assert!(program.exists(), "build it first: cargo build -p streamgauge-examples --examples");
    Command::new(program).arg("--data").arg(data).args(flags).output().unwrap()
}

#[track_caller]
fn printed(data: &Path, flags: &[&str]) -> Value {
    let output = run(data, flags);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn told(data: &Path, flags: &[&str]) -> String {
    let output = run(data, flags);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
}

#[test]
fn one_line_of_json_says_it_all() {
    let lines = "Label\tSMS\nham\tsee you at home\nspam\twin a prize\nspam\ta prize to win\nham\tyou at home\n";
    let file = File::new("line", lines);
    for learner in ["multinomial", "bernoulli", "complement"] {
        let line = printed(&file.0, &["--learner", learner]);
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["accuracy", "f1", "kappa", "memory_bytes", "messages_per_s", "rows", "seconds"]);
        // Nothing is predicted for the first message, and no spam is known before the second.
        assert_eq!((&line["rows"], &line["accuracy"]), (&4.into(), &0.5.into()), "{learner}");
        assert!((line["f1"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9, "{learner}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_file_and_line() {
    let file = File::new("wrong", "ham\ta\nsapm\tb\n");
    let line = format!("error: {}, line 2: the label is 'sapm', not ham or spam", file.0.display());
    assert_eq!(told(&file.0, &[]), line);
    let gone = file.0.with_extension("gone");
    assert!(told(&gone, &[]).starts_with(&format!("error: cannot read {}: ", gone.display())));
    let good = File::new("good", "ham\ta\n");
    let buckets = "error: BagOfWords: buckets must be a power of two up to 2^24, not 1000";
    assert_eq!(told(&good.0, &["--buckets", "1000"]), buckets);
    let smoothing = "error: MultinomialNaiveBayes: smoothing must be 10⁻⁹ to 10⁹, not 0";
    assert_eq!(told(&good.0, &["--smoothing", "0"]), smoothing);
    assert!(told(&good.0, &["--learner", "oracle"]).contains("complement"));
}

#[test]
fn real_messages() {
    let Some(folder) = std::env::var_os("STREAMGAUGE_DATA") else {
        eprintln!("skipped: STREAMGAUGE_DATA does not name the folder of the data");
        return;
    };
    let file = Path::new(&folder).join("SMSSpamCollection");
    let line = printed(&file, &[]);
    assert_eq!(line["rows"], 5_574);
    assert!(line["accuracy"].as_f64().unwrap() >= 0.976 && line["kappa"].as_f64().unwrap() >= 0.9, "{line}");
}
