//! A window as it is printed.

use std::io::{self, Write};

use compact_str::CompactString;
use serde::Serialize;
use streamgauge::prelude::*;

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
        let row = JsonRow {
            window_start: self.start.secs(),
            window_end: self.end.secs(),
            requests: number(self.requests.value),
            errors: number(self.errors.value),
            hosts: interval(&self.hosts),
            bytes: Percentiles::of(&self.bytes, interval),
            top_paths: self.top_paths.iter().map(|(path, count)| JsonPath { path, count: interval(count) }).collect(),
            exact: self.exact.as_ref().map(|exact| JsonExact {
                hosts: number(exact.hosts.value),
                bytes: Percentiles::of(&exact.bytes, |estimate| number(estimate.value)),
                top_paths: exact.top_paths.iter().map(|(path, count)| (path, number(count.value))).collect(),
            }),
        };
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")
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

/// A window as JSON, its fields in this order.
#[derive(Serialize)]
struct JsonRow<'a> {
    window_start: i64,
    window_end: i64,
    requests: Number,
    errors: Number,
    hosts: Interval,
    bytes: Percentiles<Interval>,
    top_paths: Vec<JsonPath<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<JsonExact<'a>>,
}

#[derive(Serialize)]
struct JsonPath<'a> {
    path: &'a str,
    count: Interval,
}

#[derive(Serialize)]
struct JsonExact<'a> {
    hosts: Number,
    bytes: Percentiles<Number>,
    top_paths: Vec<(&'a CompactString, Number)>,
}

#[derive(Serialize)]
struct Percentiles<V> {
    p50: V,
    p95: V,
    p99: V,
}

impl<V> Percentiles<V> {
    fn of(quantiles: &Quantiles, read: impl Fn(&Estimate) -> V) -> Self {
        let at = |q| read(&quantiles.at(q));
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

/// An estimate with its interval; what has no bound is null.
#[derive(Serialize)]
struct Interval {
    value: Number,
    lower: Number,
    upper: Number,
    confidence: Number,
}

fn interval(estimate: &Estimate) -> Interval {
    Interval {
        value: number(estimate.value),
        lower: number(estimate.lower),
        upper: number(estimate.upper),
        confidence: number(estimate.confidence),
    }
}

/// A number as JSON has it: whole ones without a fraction, infinite ones null.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Fraction(f64),
}

fn number(x: f64) -> Number {
    const WHOLE: f64 = (1_u64 << 53) as f64;
    if x.fract() == 0.0 && x.abs() < WHOLE { Number::Whole(x as i64) } else { Number::Fraction(x) }
}

/// The last line: what the job has done.
#[derive(Serialize)]
struct JsonSummary {
    summary: bool,
    lines: u64,
    parsed: u64,
    malformed: u64,
    late: u64,
    windows: u64,
    seconds: f64,
}

pub(super) fn print_summary(out: &mut impl Write, report: &Report, parsed: u64, windows: u64) -> io::Result<()> {
    let summary = JsonSummary {
        summary: true,
        lines: report.records,
        parsed,
        malformed: report.malformed,
        late: report.late,
        windows,
        seconds: report.elapsed.as_secs_f64(),
    };
    serde_json::to_writer(&mut *out, &summary)?;
    out.write_all(b"\n")?;
    out.flush()
}
