//! Runs the job in this process and reads what it prints.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use streamgauge_examples::weblog::{Options, Output, run};

#[derive(Deserialize)]
pub(crate) struct Interval {
    pub(crate) value: f64,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) confidence: f64,
}

impl Interval {
    pub(crate) fn contains(&self, truth: f64) -> bool {
        self.lower.unwrap() <= truth && truth <= self.upper.unwrap()
    }
}

#[derive(Deserialize)]
pub(crate) struct TopPath {
    pub(crate) path: String,
    pub(crate) count: Interval,
}

#[derive(Deserialize)]
pub(crate) struct Exact {
    pub(crate) hosts: f64,
    pub(crate) bytes: BTreeMap<String, f64>,
    pub(crate) top_paths: Vec<(String, f64)>,
}

#[derive(Deserialize)]
pub(crate) struct WindowLine {
    pub(crate) window_start: i64,
    pub(crate) window_end: i64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) hosts: Interval,
    pub(crate) bytes: BTreeMap<String, Interval>,
    pub(crate) top_paths: Vec<TopPath>,
    pub(crate) exact: Option<Exact>,
}

#[derive(Deserialize)]
pub(crate) struct Summary {
    pub(crate) lines: u64,
    pub(crate) parsed: u64,
    pub(crate) malformed: u64,
    pub(crate) late: u64,
    pub(crate) windows: u64,
}

/// A writer that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the job prints, without the time it took.
pub(crate) fn printed(options: &Options) -> String {
    let kept = Kept::default();
    let options = Options { once: true, output: Output::Jsonl, ..options.clone() };
    run(&options, kept.clone()).unwrap();
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    text.split_once(",\"seconds\":").unwrap().0.to_owned() + "}"
}

/// What the job prints, read.
pub(crate) fn windows(options: &Options) -> (Vec<WindowLine>, Summary) {
    let text = printed(options);
    let (windows, summary) = text.rsplit_once('\n').unwrap_or(("", &text));
    let windows = windows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (windows, serde_json::from_str(summary).unwrap())
}

/// The exact value at a quantile: the smallest value that so many do not exceed.
pub(crate) fn quantile(sorted: &[u64], q: f64) -> f64 {
    sorted[((q * sorted.len() as f64).ceil() as usize).max(1) - 1] as f64
}
