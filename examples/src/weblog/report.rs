//! A window as it is printed.

use std::io::{self, Write};

use compact_str::CompactString;
use serde_json::{Map, Value, json};
use streamgauge::prelude::*;

/// The quantiles of the response size that are printed.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

/// What is known of a window.
#[derive(Clone, Debug)]
pub struct WindowRow {
    /// When it begins.
    pub start: Time,
    /// When it ends.
    pub end: Time,
    /// Requests.
    pub requests: Estimate,
    /// Requests answered with a status of 400 or above.
    pub errors: Estimate,
    /// Distinct hosts.
    pub hosts: Estimate,
    /// Sizes of the answers.
    pub bytes: Quantiles,
    /// The most frequent paths.
    pub top_paths: Vec<(CompactString, Estimate)>,
    /// The exact answers, if they were asked for.
    pub exact: Option<Exact>,
}

/// The exact answers beside the approximate ones.
#[derive(Clone, Debug)]
pub struct Exact {
    /// Distinct hosts.
    pub hosts: Estimate,
    /// Sizes of the answers.
    pub bytes: Quantiles,
    /// The most frequent paths.
    pub top_paths: Vec<(CompactString, Estimate)>,
}

impl WindowRow {
    /// A reading as a point on the dashboard, at the end of the window.
    pub fn at<V>(&self, value: V) -> Point<V> {
        Point::at(self.end, value)
    }

    /// Writes one line of JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let quantiles = QUANTILES.map(|(name, q)| (name.to_owned(), interval(&self.bytes.at(q))));
        let top = self
            .top_paths
            .iter()
            .map(|(path, count)| json!({ "path": path, "count": interval(count) }));
        let mut row = Map::from_iter([
            ("window_start".to_owned(), json!(self.start.secs())),
            ("window_end".to_owned(), json!(self.end.secs())),
            ("requests".to_owned(), number(self.requests.value)),
            ("errors".to_owned(), number(self.errors.value)),
            ("hosts".to_owned(), interval(&self.hosts)),
            ("bytes".to_owned(), Value::Object(Map::from_iter(quantiles))),
            ("top_paths".to_owned(), top.collect()),
        ]);
        if let Some(exact) = &self.exact {
            row.insert("exact".to_owned(), exact.json());
        }
        writeln!(out, "{}", Value::Object(row))
    }

    /// Writes one line of text.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let time = self.end.secs().rem_euclid(86_400);
        write!(
            out,
            "{:02}:{:02}:{:02}  {} requests, {} errors, {:.0} hosts [{:.0}, {:.0}], p99 {:.0} bytes",
            time / 3_600,
            time / 60 % 60,
            time % 60,
            self.requests.count(),
            self.errors.count(),
            self.hosts.value,
            self.hosts.lower,
            self.hosts.upper,
            self.bytes.at(0.99).value,
        )?;
        match self.top_paths.first() {
            // Debug form: a path is text from a stranger.
            Some((path, count)) => writeln!(out, ", most {path:?} ({})", count.count()),
            None => writeln!(out),
        }
    }
}

impl Exact {
    fn json(&self) -> Value {
        let quantiles =
            QUANTILES.map(|(name, q)| (name.to_owned(), number(self.bytes.at(q).value)));
        let top = self
            .top_paths
            .iter()
            .map(|(path, count)| json!([path, number(count.value)]));
        json!({
            "hosts": number(self.hosts.value),
            "bytes": Value::Object(Map::from_iter(quantiles)),
            "top_paths": top.collect::<Value>(),
        })
    }
}

/// The last line: what the job has done.
pub(super) fn print_summary(
    out: &mut impl Write,
    report: &Report,
    parsed: u64,
    windows: u64,
) -> io::Result<()> {
    let summary = json!({
        "summary": true,
        "lines": report.records,
        "parsed": parsed,
        "malformed": report.malformed,
        "late": report.late,
        "windows": windows,
        "seconds": report.elapsed.as_secs_f64(),
    });
    writeln!(out, "{summary}")?;
    out.flush()
}

/// An estimate with its interval; what has no bound is null.
fn interval(estimate: &Estimate) -> Value {
    json!({
        "value": number(estimate.value),
        "lower": number(estimate.lower),
        "upper": number(estimate.upper),
        "confidence": number(estimate.confidence),
    })
}

/// A number as JSON has it: whole ones without a fraction, infinite ones null.
fn number(x: f64) -> Value {
    const WHOLE: f64 = (1_u64 << 53) as f64;
    if x.fract() == 0.0 && x.abs() < WHOLE {
        json!(x as i64)
    } else {
        json!(x)
    }
}
